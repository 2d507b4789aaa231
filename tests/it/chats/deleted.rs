//! What is left of an event that its author took back: nothing for customers, a trace for agents, all of it for those
//! above them.

use serde_json::{Value, json};

use crate::support::{Chat, Session, TestNode, shared};

fn event<'e>(thread: &'e Value, id: &str) -> Option<&'e Value> {
    thread["events"].as_array()?.iter().find(|event| event["id"] == id)
}

async fn thread_of(session: &Session, chat: &str, thread: &str) -> Value {
    session.call("get_chat", json!({ "chat_id": chat, "thread_id": thread })).await["thread"].clone()
}

#[tokio::test]
async fn a_deleted_event_is_seen_by_role_in_this_thread_and_in_one_of_the_past() {
    let license = shared().await.license();
    let (owner, normal) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in_away().await);
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let now = customer.says(&chat, "a secret").await;
    let before = chat.event_ids[0].clone();
    for (id, closed) in [(now, false), (before, true)] {
        if closed {
            customer.deactivates(&chat).await;
            customer.resumes(&chat).await;
        }
        let payload = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "event_id": id });
        customer.call("delete_event", payload.clone()).await;
        assert_eq!(customer.refused("delete_event", payload).await.kind, "not_found");
        assert_eq!(event(&thread_of(&customer, &chat.id, &chat.thread_id).await, &id), None);
        let trace = event(&thread_of(&normal, &chat.id, &chat.thread_id).await, &id).cloned();
        let trace = trace.expect("a trace");
        assert_eq!((&trace["deleted"], trace.get("text")), (&json!(true), None));
        let whole = event(&thread_of(&owner, &chat.id, &chat.thread_id).await, &id).cloned();
        let whole = whole.expect("the event");
        assert_eq!(whole["deleted"], true);
        assert!(whole["text"].is_string());
    }
    // No list shows it either.
    let list = customer.call("list_chats", json!({})).await.to_string();
    assert!(!list.contains("a secret") && !list.contains("deleted"), "{list}");
    let list = normal.call("list_chats", json!({})).await.to_string();
    assert!(!list.contains("a secret"), "{list}");
}

#[tokio::test]
async fn only_an_event_of_one_s_own_is_taken_back() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let (customer, other) =
        (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
    let chat = customer.starts_chat("hello").await;
    agent.joins(&chat).await;
    let theirs = agent.says(&chat, "mine").await;
    let delete = |event: &str| json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "event_id": event });
    assert_eq!(customer.refused("delete_event", delete(&theirs)).await.kind, "not_allowed");
    assert_eq!(other.refused("delete_event", delete(&chat.event_ids[0])).await.kind, "not_found");
    let error = customer.refused("delete_event", delete("nonsense")).await;
    assert_eq!(error.kind, "not_found");
}

#[tokio::test]
async fn a_customer_is_shown_the_event_before_the_newest_that_they_took_back() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    let login = license.customer().await;
    let customer = login.logs_in().await;
    let first = customer.starts_chat("first").await;
    customer.deactivates(&first).await;
    let chat = customer.resumes(&first).await;
    agent.joins(&chat).await;
    let second = agent.says(&chat, "second").await;
    agent.sends(&chat, json!({ "type": "message", "text": "a note", "visibility": "agents" })).await;
    let third = customer.says(&chat, "third").await;
    let fourth = customer.says(&chat, "fourth").await;
    let newest = async |session: &Session| {
        let list = session.call("list_chats", json!({})).await;
        list["chats_summary"][0]["last_event_per_type"]["message"].clone()
    };
    let deletes = async |chat: &Chat, event: &str| {
        let payload = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "event_id": event });
        customer.call("delete_event", payload).await;
    };
    deletes(&chat, &fourth).await;
    assert_eq!(newest(&customer).await["event"]["id"], *third);
    deletes(&chat, &third).await;
    let shown = newest(&customer).await;
    assert_eq!((&shown["event"]["id"], &shown["thread_id"]), (&json!(second), &json!(chat.thread_id)));
    let of_agent = newest(&agent).await;
    assert_eq!((&of_agent["event"]["id"], &of_agent["event"]["deleted"]), (&json!(fourth), &json!(true)));
    // In the thread before, and after a restart.
    customer.deactivates(&chat).await;
    let last = customer.resumes(&chat).await;
    let fifth = customer.says(&last, "fifth").await;
    deletes(&last, &fifth).await;
    node.kill().await;
    node.launch().await;
    let customer = login.logs_in().await;
    assert_eq!(newest(&customer).await, shown);
    let custom = customer.sends(&last, json!({ "type": "custom", "content": {} })).await;
    let payload = json!({ "chat_id": last.id, "thread_id": last.thread_id, "event_id": custom });
    customer.call("delete_event", payload).await;
    let list = customer.call("list_chats", json!({})).await;
    let of_kinds = &list["chats_summary"][0]["last_event_per_type"];
    assert_eq!(of_kinds.get("custom"), None, "there was no other: {of_kinds}");
    assert_eq!(of_kinds["message"], shown);
}
