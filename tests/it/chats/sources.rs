//! The properties `source`: by which application somebody opened a chat or a thread, and wrote.

use serde_json::{Value, json};

use crate::support::{TestLicense, shared};

/// As customers' pages are named, wherever the two properties stand.
fn both(license: &TestLicense) -> Value {
    json!({ "client_id": license.client_id(), "customer_client_id": license.client_id() })
}

fn source_of<'v>(events: &'v Value, id: &str) -> &'v Value {
    let mut events = events.as_array().expect("events").iter();
    &events.find(|event| event["id"] == id).expect("the event")["properties"]["source"]
}

#[tokio::test]
async fn a_customer_s_application_is_named_wherever_their_chat_is_shown() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let (source, own) = (both(&license), json!({ "client_id": license.client_id() }));
    let chat = customer.starts_chat("hello").await;
    for told in [
        agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await,
        customer.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await,
    ] {
        assert_eq!(told["chat"]["properties"]["source"], source);
        assert_eq!(told["chat"]["thread"]["properties"]["source"], source);
        assert_eq!(source_of(&told["chat"]["thread"]["events"], &chat.event_ids[0]), &own);
    }
    agent.joins(&chat).await;
    let sent = customer.says(&chat, "is anybody there?").await;
    let by_http = customer.web.call(
        "send_event",
        json!({
            "chat_id": chat.id, "event": { "type": "message", "text": "by the Web API" },
        }),
    );
    let by_http = by_http.await["event_id"].as_str().expect("an event id").to_owned();
    for session in [&agent.session, &customer.session] {
        for id in [&sent, &by_http] {
            let told = session.expect_push("incoming_event", |push| push["event"]["id"] == **id).await;
            assert_eq!(told["event"]["properties"]["source"], own);
        }
    }
    let answer = agent.says(&chat, "yes").await;
    let told = customer.expect_push("incoming_event", |push| push["event"]["id"] == *answer).await;
    assert_eq!(told["event"].get("properties"), None, "agents' tokens name no application");
    for session in [&agent.session, &customer.session] {
        let threads = session.call("list_threads", json!({ "chat_id": chat.id })).await;
        let thread = &threads["threads"][0];
        assert_eq!(thread["properties"]["source"], source);
        for id in [&chat.event_ids[0], &sent, &by_http] {
            assert_eq!(source_of(&thread["events"], id), &own);
        }
        let events = thread["events"].as_array().expect("events");
        let by_nobody = events.iter().filter(|event| event["type"] == "system_message");
        assert!(
            by_nobody.clone().count() > 0 && by_nobody.into_iter().all(|event| event["properties"].is_null())
        );
        let listed = session.call("list_chats", json!({})).await;
        let mut chats = listed["chats_summary"].as_array().expect("chats").iter();
        let summary = chats.find(|summary| summary["id"] == *chat.id).expect("the chat");
        assert_eq!(summary["properties"]["source"], source);
    }
}

#[tokio::test]
async fn chats_are_found_by_the_application_of_their_customer() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    customer.deactivates(&chat).await;
    let of_agent = agent.starts_chat_with(json!([])).await;
    for name in ["client_id", "customer_client_id"] {
        for (client, finds) in [(license.client_id(), true), ("another".to_owned(), false)] {
            let filters = json!({ "properties": { "source": { name: { "values": [client] } } } });
            let chats = agent.call("list_chats", json!({ "filters": filters })).await.to_string();
            let archives = agent.call("list_archives", json!({ "filters": filters })).await.to_string();
            for found in [chats, archives] {
                assert_eq!(found.contains(&chat.id), finds, "{name} {client}");
                assert!(!found.contains(&of_agent.id), "{name} {client}");
            }
        }
    }
}

#[tokio::test]
async fn an_agent_s_chat_names_the_application_of_a_customer_who_was_here() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let here = license.customer().await.logs_in().await;
    let by_http = license.customer().await;
    by_http.web().call("update_customer", json!({ "name": "Kate" })).await;
    for (customer, source) in
        [(here.id(), json!({ "customer_client_id": license.client_id() })), (&by_http.id, Value::Null)]
    {
        let chat = agent.starts_chat_with(json!([{ "id": customer, "type": "customer" }])).await;
        let read = agent.reads(&chat).await;
        assert_eq!(read["properties"]["source"], source);
        assert_eq!(read["thread"]["properties"]["source"], source);
    }
}

#[tokio::test]
async fn nobody_says_it_themselves() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let properties = json!({ "source": { "client_id": "mine", "customer_client_id": "mine" } });
    let start = json!({ "chat": { "properties": properties } });
    assert_eq!(customer.refused("start_chat", start).await.kind, "authorization");
    let chat = customer.starts_chat("hello").await;
    agent.joins(&chat).await;
    let (id, thread, event) = (&chat.id, &chat.thread_id, &chat.event_ids[0]);
    let of_event = json!({ "source": { "client_id": "mine" } });
    for session in [&agent.session, &customer.session] {
        for (action, payload) in [
            ("update_chat_properties", json!({ "id": id, "properties": properties })),
            (
                "update_thread_properties",
                json!({ "chat_id": id, "thread_id": thread, "properties": properties }),
            ),
            (
                "update_event_properties",
                json!({ "chat_id": id, "thread_id": thread, "event_id": event, "properties": of_event }),
            ),
            ("delete_chat_properties", json!({ "id": id, "properties": { "source": ["client_id"] } })),
            (
                "send_event",
                json!({ "chat_id": id, "event": { "type": "message", "text": "x", "properties": of_event } }),
            ),
        ] {
            assert_eq!(session.refused(action, payload).await.kind, "authorization", "{action}");
        }
    }
    assert_eq!(customer.reads(&chat).await["properties"]["source"], both(&license));
}
