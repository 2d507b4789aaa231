//! Users who were away, customers with several chats, licenses side by side.

use serde_json::json;

use super::texts;
use crate::support::{Plan, TestNode, eventually, shared};

#[tokio::test]
async fn what_was_said_to_an_absent_customer_is_there_at_their_next_login() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let login = license.customer().await;
    let customer = login.logs_in().await;
    let chat = customer.starts_chat("I have to go").await;
    agent.expect_push("incoming_chat", |_| true).await;
    drop(customer);
    agent.says(&chat, "until then").await;
    agent.deactivates(&chat).await;
    agent.says(&chat, "I found it").await;
    let again = login.logs_in().await;
    assert_eq!(again.login["chats"][0]["chat_id"], *chat.id);
    assert_eq!(again.login["chats"][0]["has_unread_events"], true);
    let threads = again.call("list_threads", json!({ "chat_id": chat.id, "sort_order": "asc" })).await;
    assert_eq!(texts(&threads["threads"][0]), ["I have to go", "until then"]);
    assert_eq!(texts(&threads["threads"][1]), ["I found it"]);
}

#[tokio::test]
async fn what_was_said_to_absent_agents_waits_for_the_one_who_comes() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("is anybody there?").await;
    customer.says(&chat, "it is urgent").await;
    let agent = license.agent(2).logs_in().await;
    eventually("the agent has the chat", async || {
        let read = agent.reads(&chat).await;
        let users = read["users"].as_array().cloned().unwrap_or_default();
        if users.iter().any(|user| user["id"] == agent.id()) { Ok(()) } else { Err(read.to_string()) }
    })
    .await;
    assert_eq!(texts(&agent.reads(&chat).await["thread"]), ["is anybody there?", "it is urgent"]);
}

#[tokio::test]
async fn a_customer_below_the_limit_has_several_chats_that_keep_topics_apart() {
    let plan = Plan { licenses: 1, ..Plan::default() };
    let node = TestNode::with(&[("routing.max_customer_chats_count", "2")], plan).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let (one, two) = (customer.starts_chat("invoice").await, customer.starts_chat("delivery").await);
    assert_ne!(one.id, two.id);
    assert_eq!(customer.refused("start_chat", json!({})).await.kind, "limit_reached");
    customer.says(&one, "number 7").await;
    customer.says(&two, "by Monday").await;
    assert_eq!(texts(&customer.reads(&one).await["thread"]), ["invoice", "number 7"]);
    assert_eq!(texts(&agent.reads(&two).await["thread"]), ["delivery", "by Monday"]);
    // At the limit the newest inactive chat goes on.
    customer.deactivates(&one).await;
    customer.deactivates(&two).await;
    let next = customer.starts_chat("delivery again").await;
    assert_eq!(next.id, two.id);
}

#[tokio::test]
async fn chats_go_to_agents_of_their_own_license_only() {
    let (license, other) = (shared().await.license(), shared().await.license());
    let stranger = other.agent(1).logs_in().await;
    stranger.forget_pushes().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    assert_eq!(customer.reads(&chat).await["thread"]["queue"]["position"], 1);
    stranger.expect_nothing_more().await;
    assert_eq!(stranger.call("list_chats", json!({})).await["found_chats"], 0);
    let agent = license.agent(5).logs_in().await;
    customer.expect_push("user_added_to_chat", |push| push["chat_id"] == *chat.id).await;
    agent.says(&chat, "hi").await;
    stranger.expect_nothing_more().await;
}

#[tokio::test]
async fn licenses_do_not_count_together() {
    let (license, other) = (shared().await.license(), shared().await.license());
    for license in [&license, &other] {
        let agent = license.agent(1).logs_in().await;
        let customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat("hello").await;
        agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
        assert_eq!(agent.call("list_chats", json!({})).await["found_chats"], 1);
    }
}
