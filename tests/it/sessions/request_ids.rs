//! `request_id`: echoed in the answer, and in the push on the connection that caused it.

use serde_json::json;

use crate::support::{Push, TestNode, customer_message, message, shared};

fn with_id<'p>(pushes: &'p [Push], id: &str) -> Vec<&'p Push> {
    pushes.iter().filter(|push| push.request_id.as_deref() == Some(id)).collect()
}

#[tokio::test]
async fn a_push_has_the_request_id_on_the_requesting_connection_only_and_once() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let login = license.customer().await;
    let (asking, other) = (login.logs_in().await, login.logs_in().await);

    let start = json!({ "chat": { "thread": { "events": [customer_message("hello")] } } });
    let started = asking.begin("start_chat", start);
    let answer = asking.answer(&started).await.expect("a chat");
    let chat_id = answer["chat_id"].as_str().expect("an id").to_owned();
    let push = asking.expect_whole_push("incoming_chat", |_| true).await;
    assert_eq!(push.request_id.as_deref(), Some(&*started));

    let sent = asking.begin("send_event", json!({ "chat_id": chat_id, "event": customer_message("more") }));
    asking.answer(&sent).await.expect("an event");
    let push = asking.expect_whole_push("incoming_event", |push| push["event"]["text"] == "more").await;
    assert_eq!(push.request_id.as_deref(), Some(&*sent));

    for session in [&agent.session, &other.session] {
        let push = session.expect_whole_push("incoming_chat", |push| push["chat"]["id"] == *chat_id).await;
        assert_eq!(push.request_id, None);
        let push = session.expect_whole_push("incoming_event", |push| push["event"]["text"] == "more").await;
        assert_eq!(push.request_id, None);
    }
    asking.settle().await;
    for id in [&started, &sent] {
        assert_eq!(with_id(&asking.pushes(), id).len(), 1, "{}", asking.status());
    }
}

#[tokio::test]
async fn what_a_web_request_causes_is_pushed_without_a_request_id() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    agent.web.call("send_event", json!({ "chat_id": chat.id, "event": message("by web") })).await;
    for session in [&agent.session, &customer.session] {
        let push =
            session.expect_whole_push("incoming_event", |push| push["event"]["text"] == "by web").await;
        assert_eq!(push.request_id, None);
    }
}

#[tokio::test]
async fn pushes_go_from_the_server_to_the_client_only() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.forget_pushes().await;
    let forged = json!({
        "request_id": "p", "version": "3.6", "action": "incoming_event", "type": "push",
        "payload": { "chat_id": chat.id, "thread_id": chat.thread_id, "event": customer_message("forged") },
    });
    customer.send_text(forged.to_string());
    assert_eq!(customer.answer("p").await.expect_err("a push of a client").kind, "validation");
    agent.reads(&chat).await;
    agent.expect_no_push("incoming_event").await;
}

#[tokio::test]
async fn every_kind_of_request_id_comes_back_as_it_was() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let long = "x".repeat(128);
    for id in ["1", "with \"quotes\" and \\", "Grüße \u{1F600}", "\u{7}\n", "", &long] {
        agent.send_text(json!({ "request_id": id, "action": "list_chats", "payload": {} }).to_string());
        agent.answer(id).await.expect("a list");
    }
    agent.send_text(json!({ "action": "list_chats", "payload": {} }).to_string());
    let answer = agent.until("the answer without an id", |inbox| inbox.loose.pop()).await;
    assert!(answer.get("request_id").is_none() && answer["success"] == true);
}

#[tokio::test]
async fn a_wrong_request_id_is_refused() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    for id in [json!(7), json!({}), json!("x".repeat(129))] {
        agent.send_text(json!({ "request_id": id, "action": "list_chats" }).to_string());
        let answer = agent.until("the refusal", |inbox| inbox.loose.pop()).await;
        assert_eq!(answer["payload"]["error"]["type"], "validation");
    }
}

#[tokio::test]
async fn messages_that_do_not_wait_for_each_other_keep_their_order() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("0").await;
    for round in 0..5 {
        let texts: Vec<String> = (0..10).map(|n| format!("{}", round * 10 + n + 1)).collect();
        let send = |text: &String| {
            customer.begin("send_event", json!({ "chat_id": chat.id, "event": customer_message(text) }))
        };
        let ids: Vec<String> = texts.iter().map(send).collect();
        for id in ids {
            customer.answer(&id).await.expect("an event");
        }
    }
    let read = agent.reads(&chat).await;
    let events = read["thread"]["events"].as_array().expect("events");
    let texts: Vec<&str> = events.iter().filter_map(|event| event["text"].as_str()).collect();
    let numbers: Vec<u32> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    assert_eq!(numbers, (0..=50).collect::<Vec<_>>());
    agent.expect_push("incoming_event", |push| push["event"]["text"] == "50").await;
    let pushed: Vec<u32> = agent
        .pushes()
        .iter()
        .filter(|push| push.action == "incoming_event")
        .filter_map(|push| push.payload["event"]["text"].as_str()?.parse().ok())
        .collect();
    assert_eq!(pushed, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn more_unanswered_requests_than_allowed_are_refused() {
    let node = TestNode::start(&[("rtm.pending_requests", "2")]).await;
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let send = |n: u32| {
        customer.begin("send_event", json!({ "chat_id": chat.id, "event": customer_message(&n.to_string()) }))
    };
    let ids: Vec<String> = (0..40).map(send).collect();
    let (mut taken, mut refused) = (0, 0);
    for id in &ids {
        match customer.answer(id).await {
            Ok(_) => taken += 1,
            Err(error) => {
                assert_eq!(error.kind, "pending_requests_limit_reached");
                refused += 1;
            }
        }
    }
    assert!(taken >= 2 && refused > 0, "{taken} taken, {refused} refused");
    customer.says(&chat, "now it goes again").await;
}
