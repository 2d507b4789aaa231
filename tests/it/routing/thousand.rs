//! A thousand chats at once against limits that hold seven hundred.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use serde_json::json;

use crate::support::{Chat, Plan, TestNode, Web, eventually};

const AGENTS: usize = 7;
const EACH: usize = 100;
const CHATS: usize = 1_000;
const HELD: usize = AGENTS * EACH;

#[tokio::test]
async fn of_a_thousand_chats_exactly_seven_hundred_are_assigned_and_the_rest_leave_the_queue_in_order() {
    let settings = [
        ("agent.max_chats_count", "100"),
        ("chats.queue.limit", "1000"),
        ("limits.session_rate", "off"),
        ("limits.ip_login_rate", "off"),
    ];
    let node = TestNode::with(&settings, Plan { licenses: 1, agents: 8, ..Plan::default() }).await;
    let license = node.license();
    let mut agents = Vec::new();
    for number in 1..=AGENTS {
        agents.push(license.agent(number).logs_in().await);
    }
    let starts = (0..CHATS).map(|_| async {
        let customer = license.customer().await.web();
        let chat = Chat::of(&customer.call("start_chat", json!({ "active": true })).await);
        (customer, chat)
    });
    let started: Vec<(Web, Chat)> = futures_util::stream::iter(starts).buffer_unordered(64).collect().await;

    // Who has a chat, and who stands where.
    let reader = license.agent(8).web();
    let mut assigned: Vec<usize> = Vec::new();
    let mut waiting: BTreeMap<i64, usize> = BTreeMap::new();
    let mut load: BTreeMap<String, usize> = BTreeMap::new();
    for (number, (_, chat)) in started.iter().enumerate() {
        let read = reader.call("get_chat", json!({ "chat_id": chat.id })).await;
        let users = read["users"].as_array().expect("users");
        let agents: Vec<&str> = users
            .iter()
            .filter(|user| user["type"] == "agent" && user["present"] == true)
            .filter_map(|user| user["id"].as_str())
            .collect();
        match (agents.as_slice(), read["thread"]["queue"]["position"].as_i64()) {
            ([agent], None) => {
                assigned.push(number);
                *load.entry((*agent).to_owned()).or_default() += 1;
            }
            ([], Some(position)) => assert_eq!(waiting.insert(position, number), None, "one place, one chat"),
            other => panic!("neither assigned nor queued: {other:?} {read}"),
        }
    }
    assert_eq!(assigned.len(), HELD);
    assert!(load.values().all(|chats| *chats == EACH), "{load:?}");
    assert!(waiting.keys().copied().eq(1..=(CHATS - HELD) as i64));

    // Slots become free here and there; each time the first of the queue has it.
    let mut dice = 7_usize;
    for (position, head) in waiting.values().enumerate() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let over = assigned.swap_remove((dice >> 33) % assigned.len());
        let (customer, chat) = &started[over];
        customer.call("deactivate_chat", json!({ "id": chat.id })).await;
        let expected = &started[*head].1;
        eventually("the head of the queue is assigned", async || {
            let read = reader.call("get_chat", json!({ "chat_id": expected.id })).await;
            match read["thread"]["queue"].is_object() {
                false => Ok(()),
                true => Err(format!("{position}: {}", read["thread"]["queue"])),
            }
        })
        .await;
        assigned.push(*head);
    }
}
