//! SIGTERM: nobody new, everybody told, everything answered, in time.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::crowd::Crowd;
use super::door::{Door, Wire};
use super::slow_readers::stuck_reader;
use super::talker::Login;
use super::vitals::{has_not_panicked, serves_a_chat};
use crate::support::{Plan, TestNode, message};

/// A request of which the server has the head, and of whose 100 bytes the first.
async fn half_sent(door: &Door) -> Wire {
    let mut wire = door.connect().await;
    let head = "POST /v3.6/agent/action/list_chats HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\
                Expect: 100-continue\r\n\r\n";
    wire.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(wire.read_u8().await.expect("a word to go on"));
    }
    assert!(answer.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&answer));
    wire.write_all(b"{").await.expect("sent");
    wire
}

#[tokio::test]
async fn a_stop_answers_what_is_in_flight_and_tells_all_to_come_back() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let silent = license.agent(2).connects().await;
    let chat = customer.starts_chat("hello").await;
    let send = |text: &str| json!({ "chat_id": chat.id, "event": message(text) });
    let begun: Vec<_> = (0..8).map(|n| agent.begin("send_event", send(&n.to_string()))).collect();
    // A ping overtakes what waits for the disk: the server has all of it now.
    agent.settle().await;
    node.signal("TERM");
    let mut ids = Vec::new();
    for id in &begun {
        let answer = agent.answer(id).await.expect("what was asked before the stop is answered");
        ids.push(answer["event_id"].as_str().expect("an id").to_owned());
    }
    agent.expect_push("agent_disconnected", |push| push["reason"] == "internal_error").await;
    silent.expect_push("agent_disconnected", |push| push["reason"] == "internal_error").await;
    customer
        .expect_push("customer_disconnected", |push| push["reason"] == "service_temporarily_unavailable")
        .await;
    let status = node.ended().await;
    assert!(status.success(), "{status}\n{}", node.link().log_tail());
    has_not_panicked(&node);
    node.launch().await;
    let shown = license.agent(1).web().call("get_chat", json!({ "chat_id": chat.id })).await;
    let shown = shown["thread"]["events"].as_array().expect("events").clone();
    for id in &ids {
        assert_eq!(shown.iter().filter(|event| event["id"] == **id).count(), 1, "{id}");
    }
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn a_stop_lets_nobody_in_while_it_waits() {
    let node = TestNode::start(&[("server.drain_timeout", "20s")]).await;
    let door = Door::of(node.link());
    // A body that is still coming keeps the server from ending at once.
    let mut slow = half_sent(&door).await;
    node.signal("TERM");
    let mut is_open = true;
    while is_open {
        is_open = door.is_open().await;
    }
    // What was on its way is answered all the same, and sent elsewhere for the next.
    slow.write_all(&[b' '; 98]).await.expect("sent");
    slow.write_all(b"}").await.expect("sent");
    let came = super::door::read_to_end(&mut slow, crate::support::LIMIT).await;
    assert_eq!(came.status(), 401, "{}", came.text());
    assert!(came.text().to_lowercase().contains("connection: close"), "{}", came.text());
    assert!(node.ended().await.success());
}

#[tokio::test]
async fn a_stop_ends_in_time_with_clients_that_do_not_react() {
    let node = TestNode::start(&[("server.drain_timeout", "6s"), ("limits.session_rate", "off")]).await;
    let license = node.license();
    let door = Door::of(node.link());
    let agent = license.agent(1).logs_in_away().await;
    let chat = agent.starts_chat_with(json!([])).await;
    let stuck = stuck_reader(&door, &Login::agent(&license.agent(1).token)).await;
    for n in 0..100 {
        agent.says(&chat, &format!("{n} {}", "x".repeat(8_000))).await;
    }
    let half = half_sent(&door).await;
    let idle = door.connect().await;
    let status = node.terminate().await;
    assert!(status.success(), "{status}\n{}", node.link().log_tail());
    has_not_panicked(&node);
    drop((stuck, half, idle));
}

#[tokio::test]
async fn a_stop_under_load_loses_nothing_that_was_acknowledged() {
    let settings = [("limits.session_rate", "off")];
    let node = TestNode::with(&settings, Plan { licenses: 2, ..Plan::default() }).await;
    let license = node.license();
    let agent = license.agent(1);
    let mut crowd = Crowd::gather(&node, &license, 6).await;
    for _ in 0..4 {
        crowd
            .talk_until(60, &node, async || {
                let status = node.terminate().await;
                assert!(status.success(), "{status}\n{}", node.link().log_tail());
            })
            .await;
        node.launch().await;
        crowd.come_back(&node).await;
        crowd.check(&agent).await;
    }
    serves_a_chat(&node).await;
}
