//! Threads: one active at most, always the last; what opens the next one.

use serde_json::{Value, json};

use super::{system_messages, texts};
use crate::support::{BROWSER, Chat, customer_message, message, shared};

#[tokio::test]
async fn a_chat_has_one_active_thread() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    assert_eq!(customer.refused("start_chat", json!({})).await.kind, "limit_reached");
    let resume = json!({ "chat": { "id": chat.id } });
    assert_eq!(customer.refused("resume_chat", resume.clone()).await.kind, "validation");
    assert_eq!(agent.refused("resume_chat", resume).await.kind, "validation");
    let threads = agent.call("list_threads", json!({ "chat_id": chat.id })).await;
    assert_eq!(threads["found_threads"], 1);
    assert_eq!(threads["threads"][0]["active"], true);
}

#[tokio::test]
async fn closing_ends_the_thread_and_not_the_chat() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.deactivates(&chat).await;
    let push = customer.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    assert_eq!(push["thread_id"], *chat.thread_id);
    let read = customer.reads(&chat).await;
    assert_eq!(read["thread"]["active"], false);
    assert_eq!(system_messages(&read["thread"]).last(), Some(&"manual_archived_agent"));
    for (who, payload) in [
        (&agent.session, json!({ "id": chat.id, "ignore_requester_presence": true })),
        (&customer.session, json!({ "id": chat.id })),
    ] {
        assert_eq!(who.refused("deactivate_chat", payload).await.kind, "chat_inactive");
    }
    let next = customer.resumes(&chat).await;
    assert_eq!(next.id, chat.id);
    assert_ne!(next.thread_id, chat.thread_id);
}

#[tokio::test]
async fn agents_see_from_where_the_customer_of_a_thread_came() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let visit = json!({ "ip": "127.0.0.1", "user_agent": BROWSER, "geolocation": {} });
    let chat = customer.starts_chat("hello").await;
    let told = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    assert_eq!(told["chat"]["thread"]["customer_visit"], visit);
    customer.deactivates(&chat).await;
    customer.resumes(&chat).await;
    assert_eq!(agent.reads(&chat).await["thread"]["customer_visit"], visit);
    let listed = agent.call("list_threads", json!({ "chat_id": chat.id })).await;
    let all = listed["threads"].as_array().expect("threads");
    assert!(all.len() == 2 && all.iter().all(|thread| thread["customer_visit"] == visit), "{listed}");
    let own = customer.call("list_threads", json!({ "chat_id": chat.id })).await;
    assert!(!own.to_string().contains("customer_visit"), "{own}");

    // A thread that an event opens, or an agent who names nobody, is of the same customer.
    customer.deactivates(&chat).await;
    customer.says(&chat, "one more thing").await;
    let opened = agent.reads(&chat).await["thread"].clone();
    assert_eq!((texts(&opened), &opened["customer_visit"]), (vec!["one more thing"], &visit));
    agent.deactivates(&chat).await;
    agent.says(&chat, "of course").await;
    let opened = agent.reads(&chat).await["thread"].clone();
    assert_eq!((texts(&opened), &opened["customer_visit"]), (vec!["of course"], &visit));
    agent.deactivates(&chat).await;
    agent.call("resume_chat", json!({ "chat": { "id": chat.id }, "active": true })).await;
    let opened = agent.reads(&chat).await["thread"].clone();
    assert_eq!((texts(&opened), &opened["customer_visit"]), (vec![], &visit));

    // Whom an agent writes to was here before; who was never connected came from nowhere.
    let never_here = license.customer().await;
    never_here.web().call("update_customer", json!({ "name": "Ann" })).await;
    for (id, visit) in [(customer.id(), visit), (never_here.id.as_str(), Value::Null)] {
        let users = json!([{ "id": id, "type": "customer" }]);
        let begun = agent.starts_chat_with(users).await;
        assert_eq!(agent.reads(&begun).await["thread"]["customer_visit"], visit);
    }
}

#[tokio::test]
async fn session_fields_set_over_http_renew_what_headers_say_of_the_visit() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let fields = json!({ "session_fields": [{ "cart": "3" }] });
    let by = ("Another browser/2.0", "https://news.example/");
    let set = customer.web.ask_as(by, "set_customer_session_fields", &fields).await;
    assert_eq!(set.expect("they are set"), json!({}));
    let chat = customer.starts_chat("hello").await;
    let told = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    assert_eq!(told["chat"]["thread"]["customer_visit"]["user_agent"], by.0);
    let known = agent.call("get_customer", json!({ "id": customer.id() })).await;
    assert_eq!(known["visit"]["referrer"], by.1);
}

#[tokio::test]
async fn a_thread_keeps_the_pages_that_led_to_it() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let came =
        json!({ "customer_page": { "url": "https://shop.example/" }, "referrer": "https://search.example/" });
    let customer = license.customer().await.logs_in_with(came).await;
    let chat = customer.starts_chat("hello").await;
    let told = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    let routing = |thread: &Value| {
        let routing = &thread["properties"]["routing"];
        (routing["start_url"].clone(), routing["referrer"].clone())
    };
    let first = (json!("https://shop.example/"), json!("https://search.example/"));
    assert_eq!(routing(&told["chat"]["thread"]), first);
    let own = customer.reads(&chat).await["thread"].clone();
    assert_eq!(routing(&own), (first.0.clone(), Value::Null), "customers do not read the referrer");

    // The next thread, opened by an event, is of the page that the customer is on then.
    customer.call("update_customer_page", json!({ "url": "https://shop.example/cart" })).await;
    customer.deactivates(&chat).await;
    customer.says(&chat, "one more thing").await;
    let second = (json!("https://shop.example/cart"), json!("https://shop.example/"));
    assert_eq!(routing(&agent.reads(&chat).await["thread"]), second);
    let listed = agent.call("list_threads", json!({ "chat_id": chat.id, "sort_order": "asc" })).await;
    assert_eq!(routing(&listed["threads"][0]), first);
}

#[tokio::test]
async fn a_customer_at_the_limit_starts_the_next_thread_of_the_chat_they_have() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("first topic").await;
    customer.deactivates(&chat).await;
    let next = customer.starts_chat("second topic").await;
    assert_eq!(next.id, chat.id);
    assert_ne!(next.thread_id, chat.thread_id);
    let read = customer.reads(&chat).await;
    assert_eq!(read["thread"]["id"], *next.thread_id);
    assert_eq!(read["thread"]["previous_thread_id"], *chat.thread_id);
    assert_eq!(texts(&read["thread"]), ["second topic"]);
    let web = Chat::of(&{
        customer.deactivates(&chat).await;
        customer.web.call("start_chat", json!({ "chat": {} })).await
    });
    assert_eq!(web.id, chat.id);
    assert_eq!(customer.call("list_chats", json!({})).await["total_chats"], 1);
}

#[tokio::test]
async fn an_event_without_an_active_thread_opens_the_next_one() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    customer.deactivates(&chat).await;
    let event = customer.says(&chat, "one more thing").await;
    let push =
        agent.expect_push("incoming_chat", |push| push["chat"]["thread"]["id"] != *chat.thread_id).await;
    let thread = push["chat"]["thread"]["id"].as_str().expect("an id").to_owned();
    assert!(event.starts_with(&thread), "{event} is not in {thread}");
    let read = agent.reads(&chat).await;
    assert_eq!(read["thread"]["id"], *thread);
    assert_eq!(texts(&read["thread"]), ["one more thing"]);

    agent.deactivates(&chat).await;
    let event = agent.says(&chat, "are you still there?").await;
    assert!(!event.starts_with(&thread));
    customer
        .expect_push("incoming_chat", |push| texts(&push["chat"]["thread"]) == ["are you still there?"])
        .await;
}

#[tokio::test]
async fn an_annotation_goes_to_the_end_of_the_last_thread() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    customer.deactivates(&chat).await;
    let rating = json!({ "type": "annotation", "annotation_type": "rating", "text": "good" });
    let event = customer.sends(&chat, rating).await;
    let read = customer.reads(&chat).await;
    assert_eq!(read["thread"]["id"], *chat.thread_id);
    assert_eq!(read["thread"]["active"], false);
    let events = read["thread"]["events"].as_array().expect("events");
    assert_eq!(events.last().map(|event| event["id"].clone()), Some(json!(event)));
    let empty = json!({ "type": "annotation", "annotation_type": "", "text": "good" });
    let error = customer.refused("send_event", json!({ "chat_id": chat.id, "event": empty })).await;
    assert_eq!(error.kind, "validation");
}

#[tokio::test]
async fn an_event_that_is_attached_goes_to_the_end_of_the_last_thread() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    customer.deactivates(&chat).await;
    let payload =
        json!({ "chat_id": chat.id, "event": customer_message("bye"), "attach_to_last_thread": true });
    let answer = customer.call("send_event", payload).await;
    assert!(answer["event_id"].as_str().is_some_and(|id| id.starts_with(&chat.thread_id)));
    let threads = customer.call("list_threads", json!({ "chat_id": chat.id })).await;
    assert_eq!(threads["found_threads"], 1);
}

#[tokio::test]
async fn older_threads_can_be_read_one_by_one() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let mut chats = vec![customer.starts_chat("0").await];
    for n in 1..4 {
        customer.deactivates(&chats[0]).await;
        chats.push(customer.starts_chat(&n.to_string()).await);
    }
    for (n, chat) in chats.iter().enumerate() {
        let asked = json!({ "chat_id": chat.id, "thread_id": chat.thread_id });
        for read in
            [customer.call("get_chat", asked.clone()).await, agent.call("get_chat", asked.clone()).await]
        {
            let thread = &read["thread"];
            assert_eq!(texts(thread), [n.to_string()]);
            assert_eq!(thread["active"], n == 3);
            let neighbour = |at: Option<usize>| {
                at.and_then(|at| chats.get(at)).map_or(Value::Null, |chat| json!(chat.thread_id))
            };
            assert_eq!(thread["previous_thread_id"], neighbour(n.checked_sub(1)));
            assert_eq!(thread["next_thread_id"], neighbour(Some(n + 1)));
        }
    }
    for thread in ["0000000000000000", "nonsense"] {
        let error =
            customer.refused("get_chat", json!({ "chat_id": chats[0].id, "thread_id": thread })).await;
        assert_eq!(error.kind, "not_found");
    }
    let other = license.customer().await.logs_in().await.starts_chat("another chat").await;
    let mixed = json!({ "chat_id": chats[0].id, "thread_id": other.thread_id });
    assert_eq!(customer.refused("get_chat", mixed.clone()).await.kind, "not_found");
    assert_eq!(agent.refused("get_chat", mixed).await.kind, "not_found");
}

#[tokio::test]
async fn a_send_with_the_same_custom_id_and_body_is_one_event() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let event = json!({ "type": "message", "text": "once", "custom_id": "a1" });
    let first = customer.sends(&chat, event.clone()).await;
    assert_eq!(customer.sends(&chat, event.clone()).await, first);
    let by_web = customer.web.call("send_event", json!({ "chat_id": chat.id, "event": event })).await;
    assert_eq!(by_web["event_id"], *first);
    let other_body = json!({ "type": "message", "text": "twice", "custom_id": "a1" });
    assert_ne!(customer.sends(&chat, other_body).await, first);
    let again = customer.who.logs_in().await;
    assert_eq!(again.sends(&chat, event).await, first);
    assert_eq!(texts(&agent.reads(&chat).await["thread"]), ["hello", "once", "twice"]);
}

#[tokio::test]
async fn a_chat_that_an_agent_starts_belongs_to_its_customer_too() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let users = json!([{ "id": customer.id(), "type": "customer" }]);
    let chat = agent.starts_chat_with(users).await;
    customer.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    customer.says(&chat, "who is it?").await;
    agent.expect_push("incoming_event", |push| push["event"]["text"] == "who is it?").await;
    assert_eq!(customer.call("list_chats", json!({})).await["chats_summary"][0]["id"], *chat.id);
}

#[tokio::test]
async fn a_chat_that_starts_inactive_is_closed_at_once() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let users = json!([{ "id": customer.id(), "type": "customer" }]);
    let thread = json!({ "events": [message("an old talk")] });
    let payload = json!({ "active": false, "chat": { "users": users, "thread": thread } });
    let chat = Chat::of(&agent.call("start_chat", payload).await);
    let read = agent.reads(&chat).await;
    assert_eq!(read["thread"]["active"], false);
    assert_eq!(texts(&read["thread"]), ["an old talk"]);
}

#[tokio::test]
async fn events_of_every_kind_come_as_they_were_sent() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let kinds = [
        json!({ "type": "message", "text": "text \u{1F600} \"quoted\" <b>" }),
        json!({ "type": "custom", "content": { "any": ["thing", { "deep": true }] } }),
        json!({ "type": "annotation", "annotation_type": "rating", "text": "5" }),
        json!({ "type": "filled_form", "form_id": "f1", "fields": [
            { "type": "name", "id": "1", "label": "Name", "answer": "Ann" },
        ] }),
    ];
    for kind in kinds {
        for (session, other) in [(&customer.session, &agent.session), (&agent.session, &customer.session)] {
            let answer = session.call("send_event", json!({ "chat_id": chat.id, "event": kind })).await;
            let push =
                other.expect_push("incoming_event", |push| push["event"]["id"] == answer["event_id"]).await;
            for (key, value) in kind.as_object().expect("an object") {
                if kind["type"] != "filled_form" || key != "fields" {
                    assert_eq!(push["event"][key], *value, "{key} of {push}");
                }
            }
        }
    }
}
