//! Properties of chats, threads and events, of the past too.

use serde_json::{Value, json};

use crate::support::{Session, shared};

#[tokio::test]
async fn properties_are_set_read_and_deleted_everywhere_in_threads_of_the_past_too() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let old = customer.starts_chat("old").await;
    customer.deactivates(&old).await;
    let new = customer.starts_chat("new").await;
    for chat in [&old, &new] {
        let event = &chat.event_ids[0];
        let in_chat = json!({ "id": chat.id });
        let in_thread = json!({ "chat_id": chat.id, "thread_id": chat.thread_id });
        let in_event = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "event_id": event });
        for (what, base) in [("chat", in_chat), ("thread", in_thread), ("event", in_event)] {
            for (n, session) in [(1, &agent.session), (2, &customer.session)] {
                let read = async |from: &Session| {
                    let whole = from
                        .call("get_chat", json!({ "chat_id": chat.id, "thread_id": chat.thread_id }))
                        .await;
                    properties(&whole, what, event)
                };
                let mut set = base.clone();
                set["properties"] = json!({ "test": { "int_property": n, "string_property": "kept" } });
                session.call(&format!("update_{what}_properties"), set).await;
                for other in [&agent.session, &customer.session] {
                    let test = read(other).await["test"].clone();
                    assert_eq!(test, json!({ "int_property": n, "string_property": "kept" }), "{what}");
                }
                let mut gone = base.clone();
                gone["properties"] = json!({ "test": ["int_property"] });
                session.call(&format!("delete_{what}_properties"), gone).await;
                assert_eq!(
                    read(&agent.session).await["test"],
                    json!({ "string_property": "kept" }),
                    "{what}"
                );
            }
        }
    }
}

fn properties(whole: &Value, what: &str, event: &str) -> Value {
    match what {
        "chat" => whole["properties"].clone(),
        "thread" => whole["thread"]["properties"].clone(),
        _ => {
            let events = whole["thread"]["events"].as_array().expect("events");
            let found = events.iter().find(|found| found["id"] == *event).expect("the event");
            found["properties"].clone()
        }
    }
}

#[tokio::test]
async fn properties_are_checked_by_their_definitions() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let cases = [
        (&agent.session, json!({ "test": { "int_property": "seven" } })),
        (&agent.session, json!({ "test": { "no_such_property": 7 } })),
        (&agent.session, json!({ "nobody": { "int_property": 7 } })),
        // Only customers rate, only agents pin.
        (&agent.session, json!({ "rating": { "score": 1 } })),
        (&customer.session, json!({ "routing": { "pinned": true } })),
    ];
    for (session, properties) in cases {
        let payload = json!({ "id": chat.id, "properties": properties });
        let error = session.refused("update_chat_properties", payload).await;
        assert!(
            ["validation", "authorization", "not_allowed"].contains(&error.kind.as_str()),
            "{properties}: {error:?}"
        );
    }
    let read = agent.reads(&chat).await;
    assert_eq!(read["properties"].get("test"), None);
}

#[tokio::test]
async fn events_and_threads_of_another_chat_are_not_found() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let (one, two) = (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
    let (mine, yours) = (one.starts_chat("mine").await, two.starts_chat("yours").await);
    let properties = json!({ "test": { "int_property": 1 } });
    for session in [&agent.session, &one.session] {
        for (thread, event) in [
            (&yours.thread_id, &yours.event_ids[0]),
            (&mine.thread_id, &yours.event_ids[0]),
            (&mine.thread_id, &format!("{}_999", mine.thread_id)),
        ] {
            let payload = json!({ "chat_id": mine.id, "thread_id": thread, "event_id": event, "properties": properties });
            let error = session.refused("update_event_properties", payload).await;
            assert!(
                ["not_found", "validation"].contains(&error.kind.as_str()),
                "{thread} {event}: {error:?}"
            );
        }
        let payload = json!({ "chat_id": mine.id, "thread_id": yours.thread_id, "properties": properties });
        assert_eq!(session.refused("update_thread_properties", payload).await.kind, "not_found");
    }
}
