//! The queue as its users see it: the message, positions, limits, groups.

use serde_json::json;

use super::{is_served_by, messages, operator, serving, tells, waits};
use crate::support::{Chat, Plan, TestNode, shared};

async fn node(settings: &[(&str, &str)]) -> TestNode {
    TestNode::with(settings, Plan { licenses: 1, ..Plan::default() }).await
}

#[tokio::test]
async fn a_start_that_waits_says_so_to_both_sides() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    assert_eq!(messages(&agent, &chat).await, ["routing.unassigned"]);
    let came = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    let events = came["chat"]["thread"]["events"].as_array().expect("events");
    assert_eq!(events.last().map(|event| &event["text"]), Some(&json!("Chat is unassigned")));
    assert_eq!(came["chat"]["thread"]["queue"]["position"], 1);
}

#[tokio::test]
async fn positions_move_up_and_everybody_is_told_once() {
    let node = node(&[("agent.max_chats_count", "1")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let first = license.customer().await.logs_in().await;
    let served = first.starts_chat("hello").await;
    is_served_by(&agent, &served, agent.id()).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat("hello").await;
        waits(&agent, &chat).await;
        waiting.push((customer, chat));
    }
    agent.forget_pushes().await;
    first.deactivates(&served).await;
    for (position, (customer, chat)) in waiting.iter().enumerate().skip(1) {
        let place =
            |push: &serde_json::Value| push["chat_id"] == *chat.id && push["queue"]["position"] == position;
        customer.expect_push("queue_position_updated", place).await;
        customer.expect_no_push("queue_position_updated").await;
    }
    let told = agent.expect_push("queue_positions_updated", |_| true).await;
    let told: Vec<(String, i64)> = told
        .as_array()
        .expect("places")
        .iter()
        .map(|place| {
            let position = place["queue"]["position"].as_i64().expect("a position");
            (place["chat_id"].as_str().expect("a chat").to_owned(), position)
        })
        .collect();
    assert_eq!(told, [(waiting[1].1.id.clone(), 1), (waiting[2].1.id.clone(), 2)]);
    is_served_by(&agent, &waiting[0].1, agent.id()).await;
}

#[tokio::test]
async fn a_full_queue_refuses_until_it_has_shrunk_to_the_threshold() {
    let settings =
        [("agent.max_chats_count", "1"), ("chats.queue.limit", "2"), ("chats.queue.reopen_threshold", "0")];
    let node = node(&settings).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let mut chats = Vec::new();
    for _ in 0..3 {
        let customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat("hello").await;
        chats.push((customer, chat));
    }
    let late = license.customer().await.logs_in().await;
    assert_eq!(late.refused("start_chat", json!({})).await.kind, "groups_offline");
    // One place is free, but the queue opens again only when it is empty.
    chats[2].0.deactivates(&chats[2].1).await;
    assert_eq!(late.refused("start_chat", json!({})).await.kind, "groups_offline");
    chats[0].0.deactivates(&chats[0].1).await;
    is_served_by(&agent, &chats[1].1, agent.id()).await;
    let chat = late.starts_chat("at last").await;
    waits(&agent, &chat).await;
}

#[tokio::test]
async fn a_group_differs_from_its_license() {
    let node = node(&[("agent.max_chats_count", "1")]).await;
    let license = node.license();
    operator(&node, &["group", "set", "--group", "2", "--set", "chats.manual_routing.override=1"]);
    operator(&node, &["group", "set", "--group", "1", "--set", "chats.queue.enabled.override=0"]);
    let (one, four) = (license.agent(1).logs_in().await, license.agent(4).logs_in().await);
    let customer = license.customer().await.logs_in().await;
    // Group 2 is manual: its only agent is free, and the chat waits all the same.
    let manual = customer.starts_chat_in(2, "hello").await;
    waits(&four, &manual).await;
    four.joins(&manual).await;
    let first = license.customer().await.logs_in().await.starts_chat_in(1, "hello").await;
    is_served_by(&one, &first, one.id()).await;
    // Group 1 has no queue, and its agent is full.
    let late = license.customer().await.logs_in().await;
    let start = json!({ "chat": { "access": { "group_ids": [1] } } });
    assert_eq!(late.refused("start_chat", start).await.kind, "groups_offline");
}

#[tokio::test]
async fn the_group_with_the_higher_priority_leaves_the_queue_first() {
    let node = node(&[("agent.max_chats_count", "1")]).await;
    let license = node.license();
    operator(
        &node,
        &["group", "set", "--group", "7", "--set", "name=Gold", "--set", "chats.queue.routing_priority=5"],
    );
    operator(&node, &["agent", "set", "--agent", &license.agent(1).id, "--set", "group.7=first"]);
    let agent = license.agent(1).logs_in().await;
    let first = license.customer().await.logs_in().await;
    let served = first.starts_chat("hello").await;
    is_served_by(&agent, &served, agent.id()).await;
    let plain = license.customer().await.logs_in().await.starts_chat("hello").await;
    waits(&agent, &plain).await;
    let gold = license.customer().await.logs_in().await.starts_chat_in(7, "hello").await;
    waits(&agent, &gold).await;
    first.deactivates(&served).await;
    is_served_by(&agent, &gold, agent.id()).await;
    assert!(serving(&agent, &plain).await.is_empty());
}

#[tokio::test]
async fn the_license_s_limit_binds_customers_and_agents() {
    let node = node(&[("license.concurrent_chats", "1")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let first = license.customer().await.logs_in().await;
    let served = first.starts_chat("hello").await;
    is_served_by(&agent, &served, agent.id()).await;
    let second = license.customer().await.logs_in().await;
    let chat = second.starts_chat("hello").await;
    waits(&agent, &chat).await;
    let third = license.customer().await.logs_in().await;
    let start = json!({ "active": true, "chat": { "users": [{ "id": third.id(), "type": "customer" }] } });
    assert_eq!(agent.refused("start_chat", start).await.kind, "limit_reached");
    first.deactivates(&served).await;
    is_served_by(&agent, &chat, agent.id()).await;
    second.expect_push("incoming_event", tells(&chat, "routing.assigned")).await;
}

#[tokio::test]
async fn continuous_chats_that_wait_have_a_limit_of_their_own() {
    let node = node(&[("license.queue_continuous", "2")]).await;
    let license = node.license();
    let continuous = json!({ "active": true, "continuous": true });
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let customer = license.customer().await.logs_in().await;
        waiting.push(Chat::of(&customer.call("start_chat", continuous.clone()).await));
    }
    let late = license.customer().await.logs_in().await;
    assert_eq!(late.refused("start_chat", continuous.clone()).await.kind, "groups_offline");
    let agent = license.agent(1).logs_in().await;
    for chat in &waiting {
        is_served_by(&agent, chat, agent.id()).await;
    }
    let served = Chat::of(&late.call("start_chat", continuous).await);
    is_served_by(&agent, &served, agent.id()).await;
}

#[tokio::test]
async fn a_chat_whose_groups_were_removed_goes_on_among_all_agents() {
    let node = node(&[]).await;
    let license = node.license();
    let agent = license.agent(2).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat_in(1, "hello").await;
    is_served_by(&agent, &chat, agent.id()).await;
    customer.deactivates(&chat).await;
    operator(&node, &["group", "remove", "--group", "1"]);
    let event = customer.says(&chat, "me again").await;
    agent
        .expect_push("incoming_chat", |push| {
            push["chat"]["thread"]["events"]
                .as_array()
                .is_some_and(|events| events.iter().any(|e| e["id"] == *event))
        })
        .await;
}

#[tokio::test]
async fn a_chat_that_waits_for_a_group_that_is_removed_is_given_to_any_agent() {
    let node = node(&[]).await;
    let license = node.license();
    // Of another group, and free.
    let agent = license.agent(4).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat_in(1, "hello").await;
    agent.expect_no_push("incoming_chat").await;
    operator(&node, &["group", "remove", "--group", "1"]);
    agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    is_served_by(&agent, &chat, agent.id()).await;
}

#[tokio::test]
async fn in_manual_mode_one_of_many_who_take_a_chat_at_once_has_it_and_later_takers_are_refused() {
    let node = node(&[("chats.manual_routing", "true")]).await;
    let license = node.license();
    let (one, two) = (license.agent(1).logs_in().await, license.agent(2).logs_in().await);
    let third = license.agent(3).logs_in().await;
    let chat = license.customer().await.logs_in().await.starts_chat("hello").await;
    waits(&one, &chat).await;
    let takes = async |agent: &crate::support::TestAgent| {
        let user = json!({
            "chat_id": chat.id, "user_id": agent.id(), "user_type": "agent", "visibility": "all"
        });
        agent.ask("add_user_to_chat", user).await
    };
    let (first, second, late) = tokio::join!(takes(&one), takes(&two), takes(&third));
    let answers = [first, second, late];
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(
            (&*refused.kind, &*refused.message),
            ("authorization", "another agent has taken the chat")
        );
    }
    assert_eq!(serving(&one, &chat).await.len(), 1);
}
