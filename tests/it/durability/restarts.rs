//! A server that ends, orderly or not, and comes back.

use serde_json::{Value, json};

use crate::support::{Chat, CustomerLogin, Plan, TestLicense, TestNode, eventually};

/// What there is before the end.
struct Before {
    served: Chat,
    waiting: Vec<Chat>,
    closed: Chat,
    customers: Vec<CustomerLogin>,
    read: Vec<Value>,
    profile: Value,
}

async fn fill(license: &TestLicense) -> Before {
    let agent = license.agent(1).logs_in().await;
    let mut customers = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let login = license.customer().await;
        sessions.push(login.logs_in().await);
        customers.push(login);
    }
    let served = sessions[0].starts_chat("I am served").await;
    agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *served.id).await;
    for n in 0..20 {
        sessions[0].says(&served, &format!("question {n}")).await;
        agent.says(&served, &format!("answer {n}")).await;
    }
    let properties = json!({ "test": { "int_property": 7 } });
    let (chat, thread) = (&served.id, &served.thread_id);
    let event = &served.event_ids[0];
    agent.call("update_chat_properties", json!({ "id": chat, "properties": properties })).await;
    agent
        .call(
            "update_thread_properties",
            json!({ "chat_id": chat, "thread_id": thread, "properties": properties }),
        )
        .await;
    let of_event =
        json!({ "chat_id": chat, "thread_id": thread, "event_id": event, "properties": properties });
    agent.call("update_event_properties", of_event).await;
    sessions[0].call("update_customer", json!({ "name": "Ann", "session_fields": [{ "a": "b" }] })).await;

    let closed = sessions[1].starts_chat("to be closed").await;
    sessions[1].deactivates(&closed).await;
    sessions[1].starts_chat("and once more").await;
    sessions[1].deactivates(&closed).await;

    agent.call("set_routing_status", json!({ "status": "not_accepting_chats" })).await;
    let mut waiting = Vec::new();
    for session in &sessions[2..] {
        waiting.push(session.starts_chat("I wait").await);
    }
    let mut before = Before { served, waiting, closed, customers, read: Vec::new(), profile: Value::Null };
    before.read = all(license, &before).await;
    before.profile = sessions[0].call("get_customer", json!({})).await;
    before
}

/// Everything that can be read, by the Web API; places in the queue are estimates and are left out.
async fn all(license: &TestLicense, before: &Before) -> Vec<Value> {
    let web = license.agent(1).web();
    let mut read = Vec::new();
    for chat in [&before.served, &before.closed].into_iter().chain(&before.waiting) {
        read.push(web.call("get_chat", json!({ "chat_id": chat.id })).await);
        read.push(web.call("list_threads", json!({ "chat_id": chat.id, "limit": 100 })).await);
    }
    read.push(web.call("list_chats", json!({ "limit": 100 })).await);
    for value in &mut read {
        without_estimates(value);
    }
    read
}

fn without_estimates(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("wait_time");
            object.values_mut().for_each(without_estimates);
        }
        Value::Array(list) => list.iter_mut().for_each(without_estimates),
        _ => {}
    }
}

async fn check(license: &TestLicense, before: &Before) {
    // Chats that waited wait again, in their order, once the router has heard of all of them.
    eventually("everything is as before", async || {
        let now = all(license, before).await;
        if now == before.read { Ok(()) } else { Err(difference(&before.read, &now)) }
    })
    .await;
    let customer = before.customers[0].logs_in().await;
    assert_eq!(customer.call("get_customer", json!({})).await, before.profile);
    let event = customer.says(&before.served, "after the restart").await;
    assert!(event.starts_with(&before.served.thread_id), "the thread goes on");
    let read = customer.reads(&before.served).await;
    let events = read["thread"]["events"].as_array().expect("events");
    let mut ids: Vec<&Value> = events.iter().map(|event| &event["id"]).collect();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

fn difference(before: &[Value], now: &[Value]) -> String {
    let different = before.iter().zip(now).find(|(before, now)| before != now);
    different.map_or_else(String::new, |(before, now)| format!("\nbefore {before:#}\nnow {now:#}"))
}

#[tokio::test]
async fn an_orderly_end_and_a_restart_lose_nothing() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let before = fill(&license).await;
    assert!(node.terminate().await.success());
    node.launch().await;
    check(&license, &before).await;
}

#[tokio::test]
async fn a_kill_and_a_restart_lose_nothing() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let before = fill(&license).await;
    node.kill().await;
    node.launch().await;
    check(&license, &before).await;
    node.kill().await;
    node.launch().await;
    let customer = before.customers[0].logs_in().await;
    let read = customer.reads(&before.served).await;
    let last = read["thread"]["events"].as_array().and_then(|events| events.last()).cloned();
    assert_eq!(last.map(|event| event["text"].clone()), Some(json!("after the restart")));
}

#[tokio::test]
async fn the_queue_goes_on_in_its_order_after_a_restart() {
    let node = TestNode::start(&[("agent.max_chats_count", "1")]).await;
    let license = node.license();
    let mut customers = Vec::new();
    let mut chats = Vec::new();
    for n in 0..3 {
        let customer = license.customer().await;
        chats.push(customer.logs_in().await.starts_chat(&n.to_string()).await);
        customers.push(customer);
    }
    node.kill().await;
    node.launch().await;
    let agent = license.agent(2).logs_in().await;
    for chat in &chats {
        let mine = async || {
            let read = agent.reads(chat).await;
            let users = read["users"].as_array().cloned().unwrap_or_default();
            if users.iter().any(|user| user["id"] == agent.id() && user["present"] == true) {
                Ok(())
            } else {
                Err(read.to_string())
            }
        };
        eventually("the next chat of the queue has its agent", mine).await;
        agent.deactivates(chat).await;
    }
}

#[tokio::test]
async fn a_bot_accepts_chats_again_after_a_restart_and_an_agent_who_reconnects_does_not_if_they_did_not() {
    let node = TestNode::with(&[], Plan { licenses: 1, bots: &[3], ..Plan::default() }).await;
    let license = node.license();
    let bot = license.agent(3).id;
    let agent = license.agent(1).logs_in().await;
    let status = |status: &str, of: &str| json!({ "status": status, "agent_id": of });
    agent.call("set_routing_status", status("accepting_chats", &bot)).await;
    agent.call("set_routing_status", status("not_accepting_chats", agent.id())).await;
    for is_last in [false, true] {
        node.kill().await;
        node.launch().await;
        let web = license.agent(2).web();
        let expected = if is_last { "offline" } else { "accepting_chats" };
        let has_status = async || {
            let statuses = web.call("list_routing_statuses", json!({})).await;
            let all = statuses.as_array().cloned().unwrap_or_default();
            let is_it = |known: &Value| known["agent_id"] == *bot && known["status"] == *expected;
            if all.iter().any(is_it) { Ok(()) } else { Err(statuses.to_string()) }
        };
        eventually("the bot has its status", has_status).await;
        let agent = license.agent(1).logs_in_with(json!({ "reconnect": true })).await;
        assert_eq!(agent.login["my_profile"]["routing_status"], "not_accepting_chats");
        agent.call("set_routing_status", status("offline", &bot)).await;
    }
}

#[tokio::test]
async fn sends_are_deduplicated_across_a_restart() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let login = license.customer().await;
    let customer = login.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let event = json!({ "type": "message", "text": "once", "custom_id": "c1" });
    let first = customer.sends(&chat, event.clone()).await;
    node.kill().await;
    node.launch().await;
    let customer = login.logs_in().await;
    assert_eq!(customer.sends(&chat, event).await, first);
}
