//! How customers see agents, and which chats are theirs.

use serde_json::{Value, json};

use crate::support::shared;

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
