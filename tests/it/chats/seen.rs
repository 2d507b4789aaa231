//! Seen marks, typing, sneak peeks.

use serde_json::{Value, json};

use crate::support::{Chat, Session, shared};

/// Up to when a user has seen the chat.
async fn seen(reader: &Session, chat: &Chat, user: &str) -> Value {
    let whole = reader.call("get_chat", json!({ "chat_id": chat.id })).await;
    let users = whole["users"].as_array().expect("users");
    let found =
        users.iter().find(|found| found["id"] == user).unwrap_or_else(|| panic!("no {user} in {whole}"));
    found["events_seen_up_to"].clone()
}

#[tokio::test]
async fn what_a_user_has_seen_is_kept_and_never_goes_back() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let login = license.customer().await;
    let customer = login.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let event = agent.says(&chat, "hi").await;
    let push = customer.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    let at = push["event"]["created_at"].clone();
    assert_eq!(login.logs_in().await.login["chats"][0]["has_unread_events"], true);
    customer.call("mark_events_as_seen", json!({ "chat_id": chat.id, "seen_up_to": at })).await;
    let push = agent.expect_push("events_marked_as_seen", |push| push["user_id"] == customer.id()).await;
    assert_eq!(push["seen_up_to"], at);
    assert_eq!(seen(&agent, &chat, customer.id()).await, at);
    assert_eq!(login.logs_in().await.login["chats"][0]["has_unread_events"], false);
    agent.forget_pushes().await;
    let early = "2020-01-01T00:00:00.000000Z";
    customer.call("mark_events_as_seen", json!({ "chat_id": chat.id, "seen_up_to": early })).await;
    assert_eq!(seen(&agent, &chat, customer.id()).await, at);
    agent.expect_no_push("events_marked_as_seen").await;
}

#[tokio::test]
async fn who_writes_has_seen_everything_before() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.expect_push("incoming_chat", |_| true).await;
    let event = agent.says(&chat, "hi").await;
    let push = agent.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    assert_eq!(seen(&agent, &chat, agent.id()).await, push["event"]["created_at"]);
}

#[tokio::test]
async fn typing_and_sneak_peeks_need_an_active_thread_and_are_kept_nowhere() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let peek = json!({ "chat_id": chat.id, "sneak_peek_text": "I wan" });
    let typing = json!({ "chat_id": chat.id, "visibility": "all", "is_typing": true });
    customer.call("send_sneak_peek", peek.clone()).await;
    let push = agent.expect_push("incoming_sneak_peek", |push| push["chat_id"] == *chat.id).await;
    assert_eq!(
        (&push["sneak_peek"]["text"], &push["sneak_peek"]["author_id"]),
        (&json!("I wan"), &json!(customer.id()))
    );
    agent.call("send_typing_indicator", typing.clone()).await;
    let push = customer.expect_push("incoming_typing_indicator", |push| push["chat_id"] == *chat.id).await;
    assert_eq!(push["typing_indicator"]["is_typing"], true);
    agent.expect_no_push("incoming_typing_indicator").await;
    let events = agent.reads(&chat).await["thread"]["events"].as_array().expect("events").len();
    agent.deactivates(&chat).await;
    assert_eq!(customer.refused("send_sneak_peek", peek).await.kind, "chat_inactive");
    assert_eq!(agent.refused("send_typing_indicator", typing).await.kind, "chat_inactive");
    let after = agent.reads(&chat).await["thread"]["events"].as_array().expect("events").len();
    assert_eq!(after, events + 1, "only the word of the closing");
}
