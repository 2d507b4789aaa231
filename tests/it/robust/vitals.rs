//! What the system says of the server's process.

use std::time::{Duration, Instant};

use crate::support::{LIMIT, TestNode};

/// Resident memory, bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    let kilobytes = line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok());
    kilobytes.expect("a number") * 1024
}

/// Open sockets of the process.
pub(crate) fn sockets(pid: u32) -> usize {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the server lives");
    descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Waits until something is so.
pub(crate) async fn wait_until(what: &str, node: &TestNode, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LIMIT, "{what} did not come about\n{}", node.link().log_tail());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whatever was done to it: the server has not panicked, and serves a whole chat.
pub(crate) async fn serves_a_chat(node: &TestNode) {
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    let answer = agent.says(&chat, "what can I do for you?").await;
    customer.expect_push("incoming_event", |push| push["event"]["id"] == *answer).await;
    customer.deactivates(&chat).await;
    agent.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    has_not_panicked(node);
}

/// Nothing in the log says that a thread panicked.
pub(crate) fn has_not_panicked(node: &TestNode) {
    let log = node.link().log();
    assert!(!log.contains("panicked"), "the server panicked:\n{log}");
}
