//! Threads close after a silence: by the actor's own timer, and across a restart. By the store's: `tests/nodes/quiet.rs`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::chats::system_messages;
use crate::support::{TestNode, eventually, shared};

#[tokio::test]
async fn a_silent_thread_closes_by_itself() {
    // Long enough for a slow machine to speak again before that.
    const SILENCE: Duration = Duration::from_secs(8);
    let node = TestNode::start(&[("chat.thread_inactivity_timeout", "8s")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let spoken = Instant::now();
    let event = customer.says(&chat, "a last word").await;
    agent.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    let push = customer.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    assert!(push.get("user_id").is_none(), "nobody closed it: {push}");
    assert!(spoken.elapsed() > SILENCE / 4 * 3, "it closed early");
    agent.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    let read = agent.reads(&chat).await;
    assert_eq!(read["thread"]["active"], false);
    assert_eq!(system_messages(&read["thread"]).last(), Some(&"routing.archived_inactive"));
}

#[tokio::test]
async fn a_silent_thread_closes_across_a_restart() {
    let node = TestNode::start(&[("chat.thread_inactivity_timeout", "3s")]).await;
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    node.kill().await;
    node.launch().await;
    closes(&license.agent(1).web(), &chat.id).await;
}

#[tokio::test]
async fn a_thread_whose_time_came_while_the_server_was_down_closes_at_once() {
    let node = TestNode::start(&[("chat.thread_inactivity_timeout", "500ms")]).await;
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    node.kill().await;
    // Its time passes while nobody looks at it.
    tokio::time::sleep(Duration::from_millis(600)).await;
    node.launch().await;
    closes(&license.agent(1).web(), &chat.id).await;
}

#[tokio::test]
async fn a_chat_out_of_memory_comes_back_with_the_next_command() {
    let node = TestNode::start(&[("chat.passivate_after", "200ms")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.expect_push("incoming_chat", |_| true).await;
    for round in 0..3 {
        eventually("the chat is out of memory", async || match resident(&node).await {
            Some(0) => Ok(()),
            count => Err(format!("{count:?} in memory")),
        })
        .await;
        let event = customer.says(&chat, &format!("round {round}")).await;
        agent.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    }
    let read = agent.reads(&chat).await;
    assert_eq!(crate::chats::texts(&read["thread"]), ["hello", "round 0", "round 1", "round 2"]);
}

#[tokio::test]
async fn a_chat_that_is_spoken_in_does_not_close() {
    const SILENCE: Duration = Duration::from_secs(2);
    let node = TestNode::start(&[("chat.thread_inactivity_timeout", "2s")]).await;
    let license = node.license();
    eventually("nobody was kept from speaking for too long", async || {
        let customer = license.customer().await.logs_in().await;
        let mut spoken = Instant::now();
        let chat = customer.starts_chat("hello").await;
        let started = Instant::now();
        while started.elapsed() < 2 * SILENCE {
            tokio::time::sleep(SILENCE / 5).await;
            let before = std::mem::replace(&mut spoken, Instant::now());
            customer.says(&chat, "still here").await;
            // On a starved machine the silence was real, and this try says nothing.
            if before.elapsed() > SILENCE / 2 {
                return Err("a pause of half the time".to_owned());
            }
        }
        let read = customer.reads(&chat).await;
        if spoken.elapsed() > SILENCE / 2 {
            return Err("a late look".to_owned());
        }
        let thread = &read["thread"];
        assert_eq!((&thread["id"], &thread["active"]), (&json!(chat.thread_id), &json!(true)));
        Ok(())
    })
    .await;
}

/// Waits until the chat's thread is closed for its silence.
async fn closes(web: &crate::support::Web, chat: &str) {
    eventually("the thread is closed", async || {
        let read = web.call("get_chat", json!({ "chat_id": chat })).await;
        let last = system_messages(&read["thread"]).last().map(|last| (*last).to_owned());
        let closed =
            read["thread"]["active"] == false && last.as_deref() == Some("routing.archived_inactive");
        if closed { Ok(()) } else { Err(read.to_string()) }
    })
    .await;
}

/// Chats in memory, by the server's own count.
pub(crate) async fn resident(node: &TestNode) -> Option<u64> {
    let text = reqwest::get(format!("{}/metrics", node.base())).await.ok()?.text().await.ok()?;
    let line = text.lines().find(|line| !line.starts_with('#') && line.contains("chats_resident"))?;
    line.split_whitespace().last()?.parse().ok()
}

#[tokio::test]
async fn the_metrics_tell_of_chats_in_memory() {
    assert!(resident(shared().await).await.is_some());
}
