//! Every decision can be explained.

use super::{is_served_by, operator, waits};
use crate::support::{Plan, TestNode};

#[tokio::test]
async fn a_chat_s_decisions_are_told_in_order_with_those_who_were_considered() {
    let node =
        TestNode::with(&[("agent.max_chats_count", "1")], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let away = license.agent(2).logs_in_away().await;
    let first = license.customer().await.logs_in().await;
    let served = first.starts_chat("hello").await;
    is_served_by(&agent, &served, agent.id()).await;
    let told = operator(&node, &["explain", &served.id]);
    assert!(told.contains("who gets the new thread?"), "{told}");
    assert!(told.contains(&format!("assigned to {}, by the rule fewest chats", agent.id())), "{told}");

    let second = license.customer().await.logs_in().await;
    let chat = second.starts_chat("hello").await;
    waits(&away, &chat).await;
    first.deactivates(&served).await;
    is_served_by(&away, &chat, agent.id()).await;
    let records: serde_json::Value =
        serde_json::from_str(&operator(&node, &["explain", &chat.id, "--json"])).expect("JSON");
    let records = records.as_array().expect("records");
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!((&records[0]["question"], &records[0]["rule"]), (&"start".into(), &"nobody_free".into()));
    assert_eq!(records[0]["outcome"]["queued"], 1);
    let verdict = |id: &str| {
        let considered = records[0]["considered"].as_array().expect("considered");
        considered.iter().find(|one| one["agent"] == id).map(|one| one["verdict"].clone())
    };
    assert_eq!(verdict(agent.id()), Some("no_slot".into()));
    assert_eq!(verdict(away.id()), Some("not_accepting".into()));
    assert_eq!(records[1]["question"], "slot_freed");
    assert_eq!(records[1]["outcome"]["assigned"], agent.id());
    let unknown = operator(&node, &["explain", "NOSUCHCHAT"]);
    assert!(unknown.starts_with("nothing is known of that chat"), "{unknown}");
}

#[tokio::test]
async fn decisions_are_explained_after_a_restart_and_without_a_server() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let chat = license.customer().await.logs_in().await.starts_chat("hello").await;
    is_served_by(&agent, &chat, agent.id()).await;
    let before = operator(&node, &["explain", &chat.id]);
    assert!(before.contains("who gets the new thread?"), "{before}");
    node.terminate().await;
    assert_eq!(operator(&node, &["explain", &chat.id]), before, "no server runs");
    node.launch().await;
    let agent = license.agent(1).logs_in().await;
    agent.deactivates(&chat).await;
    let after = operator(&node, &["explain", &chat.id]);
    assert!(after.starts_with(&before), "{after}");
}
