//! Who is given a chat: access, classes, fairness, the agent of last time, bots, and limits.

use serde_json::{Value, json};

use super::{is_served_by, operator, server_of, serving, tells, waits};
use crate::support::{Chat, Plan, TestAgent, TestLicense, TestNode, customer_message, shared};

async fn node(settings: &[(&str, &str)]) -> TestNode {
    TestNode::with(settings, Plan { licenses: 1, ..Plan::default() }).await
}

/// A new customer's chat in group 1.
async fn chat_in_one(license: &TestLicense) -> Chat {
    license.customer().await.logs_in().await.starts_chat_in(1, "hello").await
}

async fn sets_status(agent: &TestAgent, status: &str) {
    agent.call("set_routing_status", json!({ "status": status })).await;
}

#[tokio::test]
async fn who_stops_accepting_keeps_their_chats_and_is_given_no_more() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    is_served_by(&agent, &chat, agent.id()).await;
    sets_status(&agent, "not_accepting_chats").await;
    let next = license.customer().await.logs_in().await.starts_chat("hello").await;
    waits(&agent, &next).await;
    assert_eq!(serving(&agent, &chat).await, [agent.id()]);
    customer.expect_no_push("chat_transferred").await;
    sets_status(&agent, "accepting_chats").await;
    is_served_by(&agent, &next, agent.id()).await;
}

#[tokio::test]
async fn only_members_are_given_a_group_s_chats_and_everybody_those_of_group_zero() {
    let license = shared().await.license();
    let watching = license.agent(1).logs_in_away().await;
    let outsider = license.agent(4).logs_in().await;
    let of_group = chat_in_one(&license).await;
    waits(&watching, &of_group).await;
    // It came later, but the earlier one is none of this agent's business.
    let of_all = license.customer().await.logs_in().await.starts_chat("hello").await;
    is_served_by(&watching, &of_all, outsider.id()).await;
    outsider.expect_push("incoming_chat", |push| push["chat"]["id"] == *of_all.id).await;
    outsider.expect_no_push("incoming_chat").await;
    assert_eq!(outsider.refused("get_chat", json!({ "chat_id": of_group.id })).await.kind, "missing_access");
    sets_status(&watching, "accepting_chats").await;
    is_served_by(&watching, &of_group, watching.id()).await;
}

#[tokio::test]
async fn a_chat_that_is_not_for_routing_is_left_to_whoever_takes_it() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let properties = json!({ "routing": { "ignore_agents_routing": true } });
    let thread = json!({ "events": [customer_message("hello")] });
    let chat = customer.starts_chat_like(json!({ "properties": properties, "thread": thread })).await;
    // The router has been past it once the next one is assigned.
    let next = license.customer().await.logs_in().await.starts_chat("hello").await;
    is_served_by(&agent, &next, agent.id()).await;
    assert!(serving(&agent, &chat).await.is_empty());
    let read = agent.reads(&chat).await;
    assert_eq!((&read["thread"]["active"], read["thread"].get("queue")), (&json!(true), None));
    agent.joins(&chat).await;
    assert_eq!(serving(&agent, &chat).await, [agent.id()]);
}

#[tokio::test]
async fn bots_are_given_chats_like_agents_unless_the_thread_ignores_them() {
    let node = TestNode::with(&[], Plan { licenses: 1, bots: &[3], ..Plan::default() }).await;
    let license = node.license();
    let bot = license.agent(3).id;
    operator(&node, &["agent", "set", "--agent", &bot, "--set", "group.1=first"]);
    let human = license.agent(1).logs_in().await;
    human.call("set_routing_status", json!({ "status": "accepting_chats", "agent_id": bot })).await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat_in(1, "hello").await;
    is_served_by(&human, &chat, &bot).await;
    let ignores = json!({
        "access": { "group_ids": [1] },
        "thread": { "events": [customer_message("hello")], "properties": { "routing": { "ignore_bots": true } } },
    });
    let for_people = license.customer().await.logs_in().await.starts_chat_like(ignores).await;
    is_served_by(&human, &for_people, human.id()).await;
    // Not even when nobody else is free.
    sets_status(&human, "not_accepting_chats").await;
    let ignores = json!({
        "access": { "group_ids": [1] },
        "thread": { "properties": { "routing": { "ignore_bots": true } } },
    });
    let waiting = license.customer().await.logs_in().await.starts_chat_like(ignores).await;
    waits(&human, &waiting).await;
    let another = chat_in_one(&license).await;
    is_served_by(&human, &another, &bot).await;
    assert!(serving(&human, &waiting).await.is_empty());
}

#[tokio::test]
async fn first_before_normal_before_last_and_supervisors_never() {
    let node = node(&[("agent.max_chats_count", "1")]).await;
    let license = node.license();
    for (number, class) in [(1, "last"), (3, "first"), (5, "supervisor")] {
        let id = license.agent(number).id;
        operator(&node, &["agent", "set", "--agent", &id, "--set", &format!("group.1={class}")]);
    }
    let mut agents = Vec::new();
    for number in [1, 2, 3, 5] {
        agents.push(license.agent(number).logs_in().await);
    }
    for expected in [3, 2, 1] {
        let chat = chat_in_one(&license).await;
        is_served_by(&agents[0], &chat, &license.agent(expected).id).await;
    }
    let chat = chat_in_one(&license).await;
    waits(&agents[0], &chat).await;
}

#[tokio::test]
async fn a_supervisor_of_all_agents_is_given_no_chat_of_group_zero_but_may_take_one() {
    let node = node(&[]).await;
    let license = node.license();
    let supervisor = license.agent(1).logs_in().await;
    operator(&node, &["agent", "set", "--agent", supervisor.id(), "--set", "group.0=supervisor"]);
    let of_group = chat_in_one(&license).await;
    is_served_by(&supervisor, &of_group, supervisor.id()).await;
    let of_all = license.customer().await.logs_in().await.starts_chat("hello").await;
    waits(&supervisor, &of_all).await;
    let agent = license.agent(2).logs_in().await;
    is_served_by(&supervisor, &of_all, agent.id()).await;
    sets_status(&agent, "not_accepting_chats").await;
    let taken = license.customer().await.logs_in().await.starts_chat("hello").await;
    waits(&supervisor, &taken).await;
    supervisor.joins(&taken).await;
    assert_eq!(serving(&supervisor, &taken).await, [supervisor.id()]);
}

#[tokio::test]
async fn everybody_has_a_chat_before_anybody_has_a_second_and_turns_are_kept() {
    let license = shared().await.license();
    let mut agents = Vec::new();
    for number in [1, 2, 3] {
        agents.push(license.agent(number).logs_in().await);
    }
    let mut turns = Vec::new();
    for _ in 0..6 {
        let chat = chat_in_one(&license).await;
        turns.push(server_of(&agents[0], &chat).await);
    }
    let (first, second) = turns.split_at(3);
    assert_eq!(first, second, "who waited longest since the last chat is next");
    let mut first = first.to_vec();
    first.sort();
    assert_eq!(first, [agents[0].id(), agents[1].id(), agents[2].id()]);
}

#[tokio::test]
async fn a_returning_customer_meets_the_agent_of_last_time_unless_that_is_switched_off() {
    let node = node(&[]).await;
    let license = node.license();
    let known = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    is_served_by(&known, &chat, known.id()).await;
    customer.deactivates(&chat).await;
    let busy = license.customer().await.logs_in().await.starts_chat("hello").await;
    is_served_by(&known, &busy, known.id()).await;
    // Has fewer chats.
    let idle = license.agent(2).logs_in().await;
    customer.says(&chat, "me again").await;
    is_served_by(&known, &chat, known.id()).await;
    customer.deactivates(&chat).await;
    operator(&node, &["license", "set", "--set", "chats.prefer_recent_agent=false"]);
    customer.says(&chat, "and again").await;
    is_served_by(&known, &chat, idle.id()).await;
}

#[tokio::test]
async fn who_waits_is_told_of_the_agent_and_so_are_those_who_look_on() {
    let license = shared().await.license();
    let watching = license.agent(2).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    waits(&watching, &chat).await;
    let agent = license.agent(1).logs_in().await;
    let told = customer.expect_push("incoming_event", tells(&chat, "routing.assigned")).await;
    assert_eq!(told["event"]["text"], format!("Chat assigned to {}", agent.who.name));
    let of_chat = |push: &Value| push["chat_id"] == *chat.id;
    for session in [&watching.session, &customer.session] {
        session.expect_push("user_added_to_chat", of_chat).await;
        assert_eq!(session.expect_push("chat_transferred", of_chat).await["reason"], "assigned");
    }
    agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
}

#[tokio::test]
async fn when_nobody_accepts_a_start_may_be_refused_but_a_continuous_chat_waits() {
    let node = node(&[("routing.offline_start", "refuse")]).await;
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    assert_eq!(customer.refused("start_chat", json!({})).await.kind, "groups_offline");
    let chat = Chat::of(&customer.call("start_chat", json!({ "active": true, "continuous": true })).await);
    let reader = license.agent(2).logs_in_away().await;
    assert!(serving(&reader, &chat).await.is_empty());
    let agent = license.agent(1).logs_in().await;
    is_served_by(&agent, &chat, agent.id()).await;
}

#[tokio::test]
async fn a_chat_that_goes_on_later_goes_to_who_is_there_then() {
    let license = shared().await.license();
    let before = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    is_served_by(&before, &chat, before.id()).await;
    customer.deactivates(&chat).await;
    sets_status(&before, "not_accepting_chats").await;
    let now = license.agent(2).logs_in().await;
    customer.says(&chat, "me again").await;
    is_served_by(&before, &chat, now.id()).await;
}

#[tokio::test]
async fn watching_takes_no_slot() {
    let node = node(&[("agent.max_chats_count", "1")]).await;
    let license = node.license();
    let serves = license.agent(1).logs_in().await;
    let chat = chat_in_one(&license).await;
    is_served_by(&serves, &chat, serves.id()).await;
    let watches = license.agent(2).logs_in_away().await;
    watches.call("follow_chat", json!({ "id": chat.id })).await;
    watches.adds(&chat, watches.id(), "agent", "agents").await;
    sets_status(&watches, "accepting_chats").await;
    let next = chat_in_one(&license).await;
    is_served_by(&serves, &next, watches.id()).await;
}

#[tokio::test]
async fn the_lower_of_the_agent_s_limit_and_the_license_s_rules_and_a_raised_limit_serves_who_waits() {
    let node = node(&[("chats.max_agent_active_chats", "1")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let mut chats = Vec::new();
    for _ in 0..3 {
        chats.push(chat_in_one(&license).await);
    }
    is_served_by(&agent, &chats[0], agent.id()).await;
    waits(&agent, &chats[1]).await;
    waits(&agent, &chats[2]).await;
    operator(&node, &["agent", "set", "--agent", agent.id(), "--set", "max_chats_count=2"]);
    operator(&node, &["license", "set", "--set", "chats.max_agent_active_chats=5"]);
    is_served_by(&agent, &chats[1], agent.id()).await;
    waits(&agent, &chats[2]).await;
    operator(&node, &["agent", "set", "--agent", agent.id(), "--set", "max_chats_count=3"]);
    is_served_by(&agent, &chats[2], agent.id()).await;
}
