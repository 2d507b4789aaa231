//! What must be given back: sessions, descriptors, memory, actors.

use std::sync::Arc;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;

use super::door::{Door, frame};
use super::talker::{Line, Login};
use super::vitals::{has_not_panicked, resident, serves_a_chat, sockets, wait_until};
use crate::support::{TestNode, eventually};

const CYCLES: usize = 2_000;
const AT_ONCE: usize = 40;
/// The allocator and the threads that wait for the disk take memory in steps, at times of their own. What leaks grows
/// in every round; so one round in which the process grows by less than this shows that nothing does.
const MEMORY: u64 = 256 << 10;
const ROUNDS: usize = 12;

/// The value of a metric, summed over its labels.
async fn metric(door: &Door, name: &str) -> f64 {
    let metrics = door.request("GET", "/metrics", "", b"").await.body();
    let values = metrics.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
    });
    let values: Vec<f64> =
        values.filter_map(|line| line.rsplit(' ').next().and_then(|value| value.parse().ok())).collect();
    assert!(!values.is_empty(), "no {name} in {metrics}");
    values.iter().sum()
}

/// Connects, logs in, and goes, in each of the ways in which clients go.
async fn cycles(door: &Door, login: &Login, count: usize) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = Vec::new();
    for number in 0..count {
        let place = places.clone().acquire_owned().await.expect("a place");
        let (door, login) = (door.clone(), login.clone());
        tasks.push(tokio::spawn(async move {
            match number % 4 {
                0 => drop(Line::open(&door, &login).await.ask("logout", json!({})).await),
                1 => drop(Line::open(&door, &login).await),
                2 => drop(door.upgraded("/v3.6/agent/rtm/ws").await),
                _ => {
                    let mut wire = door.upgraded("/v3.6/agent/rtm/ws").await;
                    drop(wire.write_all(&frame(0x82, "no text")).await);
                }
            }
            drop(place);
        }));
    }
    for task in tasks {
        task.await.expect("a cycle");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_sessions_leave_nothing_behind() {
    let node = TestNode::start(&[("limits.ip_login_rate", "off"), ("limits.session_rate", "off")]).await;
    let door = Door::of(node.link());
    let license = node.license();
    let login = Login::agent(&license.agent(1).token);
    // What is allocated once is allocated now.
    cycles(&door, &login, CYCLES / 2).await;
    let gone = || {
        eventually("no sessions", async || {
            let open = metric(&door, "switchboard_sessions").await;
            if open == 0.0 { Ok(()) } else { Err(format!("{open} are open")) }
        })
    };
    gone().await;
    let descriptors = sockets(node.pid());
    let mut sizes = vec![resident(node.pid())];
    loop {
        cycles(&door, &login, CYCLES).await;
        gone().await;
        wait_until("their descriptors", &node, || sockets(node.pid()) <= descriptors + 1).await;
        let (before, now) = (sizes[sizes.len() - 1], resident(node.pid()));
        sizes.push(now);
        if now < before + MEMORY {
            break;
        }
        assert!(sizes.len() <= ROUNDS, "it grows with every round: {sizes:?}");
    }
    // Nobody is online any more for those who ask.
    let asking = license.agent(2).logs_in_away().await;
    eventually("the agent is offline", async || {
        let statuses = asking.call("list_routing_statuses", json!({})).await;
        let found =
            statuses.as_array().into_iter().flatten().find(|one| one["agent_id"] == *license.agent(1).id);
        let status = found.map(|one| one["status"].clone()).unwrap_or_default();
        if status == "offline" { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    has_not_panicked(&node);
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn quiet_chats_leave_memory_and_come_back() {
    let node = TestNode::start(&[("chat.passivate_after", "200ms"), ("limits.session_rate", "off")]).await;
    let door = Door::of(node.link());
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    let mut chats = Vec::new();
    for n in 0..60 {
        let chat = agent.starts_chat_with(json!([])).await;
        agent.says(&chat, "hello").await;
        if n % 2 == 0 {
            agent.deactivates(&chat).await;
        }
        chats.push(chat);
    }
    // Ids that nobody has start actors, too, which go again.
    for n in 0..60 {
        agent.refused("get_chat", json!({ "chat_id": format!("NOSUCHCHAT{n:06}") })).await;
    }
    eventually("no chat in memory", async || {
        let resident = metric(&door, "switchboard_chats_resident").await;
        if resident == 0.0 { Ok(()) } else { Err(format!("{resident} are")) }
    })
    .await;
    for chat in &chats {
        agent.says(chat, "back").await;
    }
    has_not_panicked(&node);
}

#[tokio::test]
async fn chats_that_were_never_started_are_not_kept() {
    let node = TestNode::start(&[("chat.passivate_after", "1h"), ("limits.session_rate", "off")]).await;
    let door = Door::of(node.link());
    let customer = node.license().customer().await.logs_in().await;
    for n in 0..60 {
        customer.refused("get_chat", json!({ "chat_id": format!("NOSUCHCHAT{n:06}") })).await;
    }
    eventually("no chat in memory", async || {
        let resident = metric(&door, "switchboard_chats_resident").await;
        if resident == 0.0 { Ok(()) } else { Err(format!("{resident} are")) }
    })
    .await;
    serves_a_chat(&node).await;
}
