//! How things stand, as both sides are told: chats that nobody serves, groups in which nobody is free.

use serde_json::{Value, json};

use super::is_served_by;
use crate::support::{Chat, Plan, TestNode, shared};

/// A push about the chat that sets exactly these properties of routing.
fn sets<'a>(chat: &'a Chat, expected: &'a Value) -> impl Fn(&Value) -> bool + 'a {
    move |push| push["chat_id"] == *chat.id && push["properties"]["routing"] == *expected
}

#[tokio::test]
async fn agents_find_chats_that_nobody_serves_or_has_answered_by_their_properties() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let came = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    let of_chat = json!({ "unassigned": true, "pinned": true });
    let of_thread = json!({ "unassigned": true, "pinned": true, "unreplied": true });
    assert_eq!(came["chat"]["properties"]["routing"], of_chat);
    assert_eq!(came["chat"]["thread"]["properties"]["routing"], of_thread);

    agent.call("set_routing_status", json!({ "status": "accepting_chats" })).await;
    is_served_by(&agent, &chat, agent.id()).await;
    let assigned = json!({ "unassigned": false });
    agent.expect_push("thread_properties_updated", sets(&chat, &assigned)).await;
    agent.expect_push("chat_properties_updated", sets(&chat, &assigned)).await;

    agent.says(&chat, "good morning").await;
    agent.expect_push("thread_properties_updated", sets(&chat, &json!({ "unreplied": false }))).await;

    agent.deactivates(&chat).await;
    agent.expect_push("thread_properties_updated", sets(&chat, &json!({ "pinned": false }))).await;
    let unpinned = json!({ "pinned": false, "was_pinned": true });
    agent.expect_push("chat_properties_updated", sets(&chat, &unpinned)).await;
    customer.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    customer.expect_no_push("thread_properties_updated").await;
    customer.expect_no_push("chat_properties_updated").await;
    let read = customer.reads(&chat).await;
    assert_eq!(read["properties"]["routing"].get("pinned"), None, "customers do not read them");
}

#[tokio::test]
async fn statuses_of_groups_are_told_to_both_sides_each_in_its_words() {
    let node =
        TestNode::with(&[("agent.max_chats_count", "1")], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let is = |status: &'static str| {
        move |push: &Value| {
            let groups = push["groups"].as_array().expect("groups");
            groups.contains(&json!({ "id": 0, "status": status }))
        }
    };
    let customer = license.customer().await.logs_in().await;
    let agent = license.agent(1).logs_in().await;
    agent.expect_push("groups_status_updated", is("accepting_chats")).await;
    customer.expect_push("groups_status_updated", is("online")).await;
    agent.forget_pushes().await;
    let chat = customer.starts_chat("hello").await;
    is_served_by(&agent, &chat, agent.id()).await;
    customer.expect_push("groups_status_updated", is("online_for_queue")).await;
    agent.expect_no_push("groups_status_updated").await;
    agent.call("set_routing_status", json!({ "status": "not_accepting_chats" })).await;
    agent.expect_push("groups_status_updated", is("not_accepting_chats")).await;
    customer.expect_push("groups_status_updated", is("offline")).await;
}
