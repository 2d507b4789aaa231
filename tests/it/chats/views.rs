//! What customers never see.

use serde_json::{Value, json};

use super::texts;
use crate::support::{TestCustomer, shared};

/// Everything that can be read of a chat, as text.
async fn all_that_can_be_read(customer: &TestCustomer, chat: &str) -> String {
    let mut all = String::new();
    for (action, payload) in [
        ("get_chat", json!({ "chat_id": chat })),
        ("list_threads", json!({ "chat_id": chat })),
        ("list_chats", json!({})),
        ("get_customer", json!({})),
    ] {
        all += &customer.call(action, payload.clone()).await.to_string();
        all += &customer.web.call(action, payload).await.to_string();
    }
    all + &customer.who.logs_in().await.login.to_string()
}

#[tokio::test]
async fn a_customer_never_sees_what_is_for_agents() {
    let license = shared().await.license();
    let agents = [license.agent(1).logs_in().await, license.agent(2).logs_in_away().await];
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agents[0].expect_push("incoming_chat", |_| true).await;
    let secret = json!({ "type": "message", "text": "a secret note", "visibility": "agents" });
    let note = agents[0].sends(&chat, secret.clone()).await;
    agents[0].adds(&chat, agents[1].id(), "agent", "agents").await;
    agents[1].sends(&chat, secret).await;
    agents[0].says(&chat, "in the open").await;
    let properties = json!({ "routing": { "pinned": true } });
    agents[0].call("update_chat_properties", json!({ "id": chat.id, "properties": properties })).await;
    agents[0]
        .call(
            "send_typing_indicator",
            json!({ "chat_id": chat.id, "visibility": "agents", "is_typing": true }),
        )
        .await;
    let target = json!({ "type": "agent", "ids": [agents[1].id()] });
    agents[0].call("transfer_chat", json!({ "id": chat.id, "target": target })).await;
    agents[1].deactivates(&chat).await;
    customer.expect_push("chat_deactivated", |_| true).await;

    let mut seen = all_that_can_be_read(&customer, &chat.id).await;
    customer.settle().await;
    for push in customer.pushes() {
        seen += &push.payload.to_string();
    }
    for never in ["secret", "@example.com", "pinned", "\"visibility\"", "\"ip\"", &note] {
        let at = seen.find(never);
        assert!(at.is_none(), "{never} is seen: {}", &seen[at.unwrap_or(0).saturating_sub(300)..]);
    }
    assert!(customer.pushes().iter().all(|push| push.action != "incoming_typing_indicator"));
    let event = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "event_id": note, "properties": { "test": { "int_property": 1 } } });
    assert_eq!(customer.refused("update_event_properties", event).await.kind, "not_found");

    let of_agent = agents[0].reads(&chat).await;
    assert_eq!(texts(&of_agent["thread"]), ["hello", "a secret note", "a secret note", "in the open"]);
}

#[tokio::test]
async fn a_customer_sees_an_agent_by_the_same_name_everywhere() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let event = agent.says(&chat, "hi").await;
    let push = customer.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    let author = push["event"]["author_id"].clone();
    let read = customer.reads(&chat).await;
    let users: &Vec<Value> = read["users"].as_array().expect("users");
    let shown = users.iter().find(|user| user["type"] == "agent").expect("the agent");
    assert_eq!(shown["id"], author);
    assert_eq!(shown["name"], "Agent 1");
    assert!(shown.get("email").is_none());
    assert_ne!(author, agent.id());
}

#[tokio::test]
async fn a_customer_lists_their_own_chats_only() {
    let license = shared().await.license();
    let (one, two) = (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
    let mine = one.starts_chat("mine").await;
    let yours = two.starts_chat("yours").await;
    let listed = one.call("list_chats", json!({})).await;
    assert_eq!(listed["total_chats"], 1);
    assert_eq!(listed["chats_summary"][0]["id"], *mine.id);
    for action in ["get_chat", "list_threads"] {
        assert_eq!(one.refused(action, json!({ "chat_id": yours.id })).await.kind, "not_found");
    }
}
