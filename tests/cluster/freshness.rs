//! What one node acknowledged, every other node shows at once: also while the chats move between them.

use serde_json::{Value, json};

use crate::chats::{Agent, agent_of};
use crate::harness::{Cluster, Server, until};

/// Chats: enough that every node owns some.
const CHATS: usize = 6;
/// Rounds before the chats begin to move, and after all of them have.
const CALM_ROUNDS: usize = 3;

/// A chat as far as it was acknowledged.
struct Known {
    id: String,
    threads: Vec<String>,
    last_event: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_acknowledged_another_shows_at_once_while_chats_move() {
    let cluster = Cluster::new().await;
    let a = cluster.start("a").await;
    let b = cluster.start("b").await;
    cluster.until_owned_by(&[&a, &b], 80).await;
    let agent = agent_of(&cluster).await;
    // Shards may still be on their way to who owns them by the table.
    until("chats can be started", async || {
        agent.tries(&a.url, "list_chats", &json!({})).await.is_ok()
            && agent.tries(&b.url, "list_chats", &json!({})).await.is_ok()
    })
    .await;

    let mut chats = Vec::new();
    for _ in 0..CHATS {
        let started = agent.does(&a.url, "start_chat", json!({ "active": true })).await;
        let text = |key: &str| started[key].as_str().expect("an id").to_owned();
        chats.push(Known {
            id: text("chat_id"),
            threads: vec![text("thread_id")],
            last_event: String::new(),
        });
    }
    for number in 0..CALM_ROUNDS {
        round(&agent, (&a, &b), &mut chats, number).await;
    }
    cluster.orders(&a, &["cluster", "drain", "b"]).expect("drained");
    let mut number = CALM_ROUNDS;
    // A round may see no shard move, all rounds together see each.
    while cluster.shares().await.contains_key("b") {
        round(&agent, (&a, &b), &mut chats, number).await;
        number += 1;
    }
    assert!(number > CALM_ROUNDS, "something was asked while shards moved");
    for number in number..number + CALM_ROUNDS {
        round(&agent, (&a, &b), &mut chats, number).await;
    }
}

/// Changes each chat by one node, and looks at it by the other.
async fn round(agent: &Agent, (a, b): (&Server, &Server), chats: &mut [Known], number: usize) {
    for (index, chat) in chats.iter_mut().enumerate() {
        let (by, other) = if (index + number).is_multiple_of(2) { (a, b) } else { (b, a) };
        if number % 3 == 2 {
            agent.does(&by.url, "deactivate_chat", json!({ "id": chat.id })).await;
            let shown = agent.does(&other.url, "get_chat", json!({ "chat_id": chat.id })).await;
            assert_eq!(shown["thread"]["active"], false, "{shown}");
            let resumed = json!({ "chat": { "id": chat.id }, "active": true });
            let resumed = agent.does(&by.url, "resume_chat", resumed).await;
            chat.threads.push(resumed["thread_id"].as_str().expect("an id").to_owned());
            look_for_threads(agent, other, chat).await;
        }
        let event =
            json!({ "type": "message", "text": format!("round {number}"), "custom_id": number.to_string() });
        let sent = agent.does(&by.url, "send_event", json!({ "chat_id": chat.id, "event": event })).await;
        sent["event_id"].as_str().expect("an id").clone_into(&mut chat.last_event);
        let shown = agent.does(&other.url, "get_chat", json!({ "chat_id": chat.id })).await;
        assert_eq!(last_event(&shown["thread"]), chat.last_event, "{shown}");
        look_for_threads(agent, other, chat).await;
    }
}

async fn look_for_threads(agent: &Agent, server: &Server, chat: &Known) {
    let list = json!({ "chat_id": chat.id, "sort_order": "asc", "limit": 100 });
    let shown = agent.does(&server.url, "list_threads", list).await;
    let threads = shown["threads"].as_array().expect("threads");
    let ids: Vec<&str> = threads.iter().filter_map(|thread| thread["id"].as_str()).collect();
    assert_eq!(ids, chat.threads, "{shown}");
    let has_last = threads.iter().any(|thread| {
        let events = thread["events"].as_array().into_iter().flatten();
        events.into_iter().any(|event| event["id"] == chat.last_event.as_str())
    });
    assert!(has_last || chat.last_event.is_empty(), "{shown}");
}

fn last_event(thread: &Value) -> &str {
    let events = thread["events"].as_array().and_then(|events| events.last());
    events.and_then(|event| event["id"].as_str()).unwrap_or_default()
}
