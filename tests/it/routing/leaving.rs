//! An agent goes: another agent, else the queue, else the archive, each with the reason.

use serde_json::json;

use super::{is_served_by, messages, operator, tells, waits};
use crate::support::{Chat, Plan, TestAgent, TestCustomer, TestLicense, TestNode};

async fn node(settings: &[(&str, &str)]) -> TestNode {
    TestNode::with(settings, Plan::default()).await
}

/// A chat of the first agent.
async fn served(license: &TestLicense) -> (TestAgent, TestCustomer, Chat) {
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    is_served_by(&agent, &chat, agent.id()).await;
    (agent, customer, chat)
}

#[tokio::test]
async fn who_signs_out_is_followed_by_another_else_the_queue_else_the_archive() {
    let node = node(&[("routing.agent_disconnect_grace", "0s")]).await;
    let license = node.license();
    let (agent, customer, chat) = served(&license).await;
    let other = license.agent(2).logs_in().await;
    agent.call("logout", json!({})).await;
    customer.expect_push("incoming_event", tells(&chat, "routing.assigned_signed_out")).await;
    let removed = other.expect_push("user_removed_from_chat", |push| push["chat_id"] == *chat.id).await;
    assert_eq!(removed["reason"], "signed_out");
    other.call("logout", json!({})).await;
    customer.expect_push("incoming_event", tells(&chat, "routing.unassigned_signed_out")).await;

    let license = node.license();
    operator(
        &node,
        &[
            "license",
            "set",
            "--license",
            &license.prepared.credentials.license_id.to_string(),
            "--set",
            "chats.queue.enabled=false",
            "--set",
            "routing.offline_start=refuse",
        ],
    );
    let (agent, customer, chat) = served(&license).await;
    agent.call("logout", json!({})).await;
    customer.expect_push("incoming_event", tells(&chat, "routing.archived_signed_out")).await;
    customer.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
}

#[tokio::test]
async fn the_chats_of_a_suspended_agent_go_to_others_and_none_come() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let (agent, customer, chat) = served(&license).await;
    let other = license.agent(2).logs_in().await;
    operator(&node, &["agent", "set", "--agent", agent.id(), "--set", "suspended=true"]);
    customer.expect_push("incoming_event", tells(&chat, "routing.assigned_other")).await;
    is_served_by(&other, &chat, other.id()).await;
    let next = license.customer().await.logs_in().await.starts_chat("hello").await;
    is_served_by(&other, &next, other.id()).await;
}

#[tokio::test]
async fn the_chats_of_a_removed_agent_go_to_others_with_the_reason() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let agent = license.agent(2).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    is_served_by(&agent, &chat, agent.id()).await;
    let other = license.agent(3).logs_in().await;
    operator(&node, &["agent", "remove", "--agent", agent.id()]);
    customer.expect_push("incoming_event", tells(&chat, "routing.assigned_deleted")).await;
    is_served_by(&other, &chat, other.id()).await;
    agent.closed().await;
}

#[tokio::test]
async fn who_is_signed_out_by_somebody_else_is_followed_at_once_by_another_else_the_queue_else_the_archive() {
    // Who only lost the connection would be waited for.
    let node = node(&[("routing.agent_disconnect_grace", "1h")]).await;
    let license = node.license();
    let id = license.prepared.credentials.license_id.to_string();
    let signs_out = |agent: &TestAgent| {
        operator(&node, &["token", "revoke", "--license", &id, "--agent", agent.id()]);
    };
    let (agent, customer, chat) = served(&license).await;
    let other = license.agent(2).logs_in().await;
    signs_out(&agent);
    agent.closed().await;
    customer.expect_push("incoming_event", tells(&chat, "routing.assigned_remotely_signed_out")).await;
    is_served_by(&other, &chat, other.id()).await;
    signs_out(&other);
    other.closed().await;
    customer.expect_push("incoming_event", tells(&chat, "routing.unassigned_remotely_signed_out")).await;

    let third = license.agent(3).logs_in().await;
    is_served_by(&third, &chat, third.id()).await;
    operator(
        &node,
        &[
            "license",
            "set",
            "--license",
            &id,
            "--set",
            "chats.queue.enabled=false",
            "--set",
            "routing.offline_start=refuse",
        ],
    );
    signs_out(&third);
    customer.expect_push("incoming_event", tells(&chat, "routing.archived_remotely_signed_out")).await;
    customer.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
}

#[tokio::test]
async fn who_leaves_a_chat_by_hand_is_followed_by_somebody_else() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let (agent, customer, chat) = served(&license).await;
    let leaves = json!({ "chat_id": chat.id, "user_id": agent.id(), "user_type": "agent" });
    agent.call("remove_user_from_chat", leaves).await;
    // It does not come back to them by itself.
    waits(&agent, &chat).await;
    let told = messages(&agent, &chat).await;
    assert_eq!(told[told.len() - 2..], ["agent_left", "routing.unassigned_other"]);
    let other = license.agent(2).logs_in().await;
    is_served_by(&other, &chat, other.id()).await;
    customer.expect_push("incoming_event", tells(&chat, "routing.assigned")).await;
}

#[tokio::test]
async fn an_agent_is_away_once_all_their_connections_are() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let one = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    waits(&one, &chat).await;
    // The second connection is not away.
    let two = license.agent(1).logs_in().await;
    is_served_by(&two, &chat, two.id()).await;
}

#[tokio::test]
async fn agents_begin_with_their_login_status() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let id = license.agent(1).id;
    operator(&node, &["agent", "set", "--agent", &id, "--set", "login_status=not_accepting_chats"]);
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    waits(&agent, &chat).await;
    agent.call("set_routing_status", json!({ "status": "accepting_chats" })).await;
    is_served_by(&agent, &chat, &id).await;
}

#[tokio::test]
async fn the_customer_does_not_read_of_a_hidden_agent_who_closes() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let (_agent, customer, chat) = served(&license).await;
    let hidden = license.agent(2).logs_in_away().await;
    hidden.adds(&chat, hidden.id(), "agent", "agents").await;
    hidden.call("deactivate_chat", json!({ "id": chat.id })).await;
    let closed = customer.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    assert_eq!(closed.get("user_id"), None);
    customer.expect_no_push_that("incoming_event", tells(&chat, "manual_archived_agent")).await;
    hidden.expect_push("incoming_event", tells(&chat, "manual_archived_agent")).await;
}

#[tokio::test]
async fn who_waits_when_the_last_agent_goes_is_told_so_and_the_chat_is_archived() {
    let settings = [
        ("agent.max_chats_count", "1"),
        ("routing.agent_disconnect_grace", "0s"),
        ("routing.offline_start", "refuse"),
    ];
    let node = TestNode::with(&settings, Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let (agent, _customer, _chat) = served(&license).await;
    let customer = license.customer().await.logs_in().await;
    let waiting = customer.starts_chat("hello").await;
    waits(&agent, &waiting).await;
    agent.call("logout", json!({})).await;
    customer.expect_push("incoming_event", tells(&waiting, "routing.archived_offline")).await;
    let closed = customer.expect_push("chat_deactivated", |push| push["chat_id"] == *waiting.id).await;
    assert_eq!(closed.get("user_id"), None);
    assert_eq!(customer.refused("start_chat", json!({})).await.kind, "groups_offline");
}
