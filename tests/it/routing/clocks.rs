//! Time: agents who do not answer, chats that fall silent, customers who are gone, working hours, lost connections.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{is_served_by, messages, operator, serving, tells, waits};
use crate::support::{Chat, Plan, TestNode, eventually};

/// What a client that comes back is given for it: more each time that the machine was too busy for less.
const PATIENCE: [&str; 4] = ["3s", "10s", "30s", "90s"];

fn seconds(patience: &str) -> Duration {
    Duration::from_secs(patience.trim_end_matches('s').parse().expect("seconds"))
}

async fn node(settings: &[(&str, &str)]) -> TestNode {
    TestNode::with(settings, Plan { licenses: 1, ..Plan::default() }).await
}

#[tokio::test]
async fn an_agent_who_does_not_answer_loses_the_chat_to_another() {
    let node = node(&[("chat.unreplied_transfer_after", "700ms")]).await;
    let license = node.license();
    let silent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    is_served_by(&silent, &chat, silent.id()).await;
    // The chat does not come back to them, should the other be slow as well.
    silent.call("set_routing_status", json!({ "status": "not_accepting_chats" })).await;
    let other = license.agent(2).logs_in().await;
    let told = customer.expect_push("incoming_event", tells(&chat, "routing.assigned_inactive")).await;
    let text = told["event"]["text"].as_str().expect("a text");
    assert!(text.ends_with("hasn't replied in 0.01 minutes"), "{text}");
    other.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    let moved = silent.expect_push("chat_transferred", |push| push["chat_id"] == *chat.id).await;
    assert_eq!((&moved["reason"], moved.get("requester_id")), (&json!("inactive"), None));
    assert_eq!(moved["transferred_to"]["agent_ids"], json!([other.id()]));
    silent.expect_push("user_removed_from_chat", |push| push["user_id"] == silent.id()).await;
    other.says(&chat, "I am here").await;
    assert_eq!(serving(&other, &chat).await, [other.id()]);
}

#[tokio::test]
async fn the_clock_of_the_answer_survives_a_restart() {
    let node = node(&[("chat.unreplied_transfer_after", "2s")]).await;
    let license = node.license();
    let silent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    is_served_by(&silent, &chat, silent.id()).await;
    node.kill().await;
    node.launch().await;
    let (_silent, other) = (license.agent(1).logs_in().await, license.agent(2).logs_in().await);
    is_served_by(&other, &chat, other.id()).await;
    assert!(messages(&other, &chat).await.contains(&"routing.assigned_inactive".to_owned()));
}

#[tokio::test]
async fn a_chat_that_nobody_else_can_take_stays() {
    let node = node(&[("chat.unreplied_transfer_after", "300ms")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    eventually("the router looked for another", async || {
        let told = operator(&node, &["explain", &chat.id]);
        // Twice: it goes on looking.
        if told.matches("stays where it is, by the rule nobody else").count() >= 2 {
            Ok(())
        } else {
            Err(told)
        }
    })
    .await;
    assert_eq!(serving(&agent, &chat).await, [agent.id()]);
    agent.says(&chat, "sorry for the wait").await;
}

#[tokio::test]
async fn a_bot_is_given_all_the_time_it_needs() {
    let settings = [("chat.unreplied_transfer_after", "500ms")];
    let node = TestNode::with(&settings, Plan { licenses: 1, bots: &[3], ..Plan::default() }).await;
    let license = node.license();
    let bot = license.agent(3).id;
    let silent = license.agent(1).logs_in_away().await;
    let sets = |status: &str| json!({ "status": status, "agent_id": bot });
    silent.call("set_routing_status", sets("accepting_chats")).await;
    let of_bot = license.customer().await.logs_in().await.starts_chat("hello").await;
    is_served_by(&silent, &of_bot, &bot).await;
    silent.call("set_routing_status", sets("not_accepting_chats")).await;
    // A chat that is younger, with a human: once its time is over, the bot's was long ago.
    silent.call("set_routing_status", json!({ "status": "accepting_chats" })).await;
    let of_human = license.customer().await.logs_in().await.starts_chat("hello").await;
    is_served_by(&silent, &of_human, silent.id()).await;
    let other = license.agent(2).logs_in().await;
    is_served_by(&other, &of_human, other.id()).await;
    assert_eq!(serving(&other, &of_bot).await, [bot]);
    assert!(!messages(&other, &of_bot).await.contains(&"routing.assigned_inactive".to_owned()));
}

#[tokio::test]
async fn in_manual_mode_an_unanswered_chat_goes_back_to_waiting() {
    let node = node(&[("chat.unreplied_transfer_after", "700ms"), ("chats.manual_routing", "true")]).await;
    let license = node.license();
    let (agent, other) = (license.agent(1).logs_in().await, license.agent(2).logs_in().await);
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    waits(&agent, &chat).await;
    agent.joins(&chat).await;
    let told = customer
        .expect_push("incoming_event", |push| {
            tells(&chat, "routing.unassigned")(push)
                && push["event"]["text"].as_str().is_some_and(|text| text.contains("hasn't replied"))
        })
        .await;
    assert!(
        told["event"]["text"].as_str().is_some_and(|text| text.starts_with("Chat is unassigned because"))
    );
    waits(&other, &chat).await;
    // Whoever takes it has it, until they do not answer either.
    other.joins(&chat).await;
    customer.expect_push("user_added_to_chat", |push| push["user"]["name"] == *other.who.name).await;
}

#[tokio::test]
async fn an_idle_chat_frees_its_slot_and_the_next_message_takes_it_again() {
    for (patience, minutes) in PATIENCE.into_iter().zip(["0.05", "0.17", "0.5", "1.5"]) {
        let node = node(&[("chat.idle_after", patience), ("agent.max_chats_count", "1")]).await;
        let license = node.license();
        let agent = license.agent(1).logs_in().await;
        let (one, two) = (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
        let silent_since = Instant::now();
        let first = one.starts_chat("hello").await;
        let second = two.starts_chat("me too").await;
        let queued = messages(&agent, &second).await;
        if silent_since.elapsed() >= seconds(patience) {
            continue;
        }
        assert_eq!(queued, ["routing.unassigned"]);
        let told = one.expect_push("incoming_event", tells(&first, "routing.idle")).await;
        assert_eq!(told["event"]["text"], format!("Chat is idle due to {minutes} minutes of inactivity"));
        let idle = |value: bool| {
            let chat = first.id.clone();
            move |push: &serde_json::Value| {
                push["chat_id"] == *chat && push["properties"]["routing"]["idle"] == value
            }
        };
        agent.expect_push("thread_properties_updated", idle(true)).await;
        is_served_by(&agent, &second, agent.id()).await;
        one.says(&first, "still there?").await;
        agent.expect_push("thread_properties_updated", idle(false)).await;
        assert_eq!(serving(&agent, &first).await, [agent.id()], "beyond the limit");
        return;
    }
    panic!("this machine never had the time");
}

#[tokio::test]
async fn a_customer_who_is_gone_is_not_waited_for() {
    let node = node(&[("chat.customer_gone_after", "500ms")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let login = license.customer().await;
    let customer = login.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.says(&chat, "hi").await;
    let second = login.logs_in().await;
    drop(customer);
    second.says(&chat, "on another page").await;
    drop(second);
    agent.expect_push("incoming_event", tells(&chat, "archived_customer_disconnected")).await;
    let closed = agent.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    assert_eq!(closed.get("user_id"), None);
}

#[tokio::test]
async fn a_customer_who_does_not_come_back_after_a_restart_is_gone_and_one_who_does_is_not() {
    for patience in PATIENCE {
        let node = node(&[("chat.customer_gone_after", patience)]).await;
        let license = node.license();
        let (here, gone) = (license.customer().await, license.customer().await);
        let (stays, leaves) = (here.logs_in().await, gone.logs_in().await);
        let kept = stays.starts_chat("hello").await;
        let lost = leaves.starts_chat("hello").await;
        node.kill().await;
        let missed_since = Instant::now();
        node.launch().await;
        let again = here.logs_in().await;
        if missed_since.elapsed() >= seconds(patience) {
            continue;
        }
        let agent = license.agent(1).logs_in().await;
        eventually("the chat of who is gone is closed", async || {
            let messages = messages(&agent, &lost).await;
            match messages.last().map(String::as_str) {
                Some("archived_customer_disconnected") => Ok(()),
                _ => Err(format!("{messages:?}")),
            }
        })
        .await;
        assert_eq!(again.reads(&kept).await["thread"]["active"], true);
        return;
    }
    panic!("this machine never had the time");
}

#[tokio::test]
async fn outside_their_working_hours_agents_are_given_nothing() {
    let node = node(&[]).await;
    let license = node.license();
    let id = license.agent(1).id;
    let never = r#"work_scheduler={"timezone":"Europe/Warsaw","schedule":[]}"#;
    operator(&node, &["agent", "set", "--agent", &id, "--set", never]);
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    waits(&agent, &chat).await;
    let told = operator(&node, &["explain", &chat.id]);
    assert!(told.contains(&format!("{id}, 0 chats: off duty")), "{told}");
    operator(&node, &["agent", "set", "--agent", &id, "--set", "work_scheduler="]);
    is_served_by(&agent, &chat, &id).await;
}

#[tokio::test]
async fn a_lost_connection_costs_the_chat_after_the_grace_and_not_before() {
    for patience in PATIENCE {
        let node = node(&[("routing.agent_disconnect_grace", patience)]).await;
        let license = node.license();
        let agent = license.agent(1).logs_in().await;
        let watching = license.agent(2).logs_in_away().await;
        let customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat("hello").await;
        is_served_by(&watching, &chat, agent.id()).await;
        let lost_since = Instant::now();
        drop(agent);
        let agent = license.agent(1).logs_in_with(json!({ "reconnect": true })).await;
        if lost_since.elapsed() >= seconds(patience) {
            continue;
        }
        assert_eq!(serving(&watching, &chat).await, [agent.id()]);
        let before = messages(&watching, &chat).await;
        assert!(!before.iter().any(|message| message.contains("disconnected")), "{before:?}");
        drop(agent);
        customer.expect_push("incoming_event", tells(&chat, "routing.unassigned_disconnected")).await;
        waits(&watching, &chat).await;
        return;
    }
    panic!("this machine never had the time");
}

#[tokio::test]
async fn an_agent_who_has_looked_has_the_whole_time_again() {
    for patience in PATIENCE {
        let node = node(&[("chat.unreplied_transfer_after", patience)]).await;
        let (patience, license) = (seconds(patience), node.license());
        let agent = license.agent(1).logs_in().await;
        let other = license.agent(2).logs_in_away().await;
        let customer = license.customer().await.logs_in().await;
        let since = Instant::now();
        let chat = customer.starts_chat("hello").await;
        is_served_by(&agent, &chat, agent.id()).await;
        other.call("set_routing_status", json!({ "status": "accepting_chats" })).await;
        // Half of the time goes by: without the look, the other half would be left.
        tokio::time::sleep(patience / 2).await;
        let whole = agent.reads(&chat).await;
        let events = whole["thread"]["events"].as_array().expect("events");
        let hello = events.iter().find(|event| event["text"] == "hello").expect("the message");
        let looks = json!({ "chat_id": chat.id, "seen_up_to": hello["created_at"] });
        let looked = Instant::now();
        agent.call("mark_events_as_seen", looks).await;
        // A machine that let the whole time pass before the look shows nothing: then once more.
        if since.elapsed() >= patience {
            continue;
        }
        is_served_by(&other, &chat, other.id()).await;
        assert!(looked.elapsed() >= patience, "moved on {:?} after the look", looked.elapsed());
        return;
    }
    panic!("this machine never had the time");
}

#[tokio::test]
async fn an_agent_who_types_is_not_late_until_they_stop() {
    for patience in PATIENCE {
        let node = node(&[("chat.unreplied_transfer_after", patience)]).await;
        let (patience, license) = (seconds(patience), node.license());
        let (agent, other) = (license.agent(1).logs_in().await, license.agent(2).logs_in_away().await);
        let customer = license.customer().await.logs_in().await;
        let (since, mut last) = (Instant::now(), Instant::now());
        let chat = customer.starts_chat("hello").await;
        is_served_by(&agent, &chat, agent.id()).await;
        other.call("set_routing_status", json!({ "status": "accepting_chats" })).await;
        let typing = json!({ "chat_id": chat.id, "visibility": "all", "is_typing": true });
        let mut longest = Duration::ZERO;
        while since.elapsed() < 2 * patience {
            let sent = Instant::now();
            drop(agent.ask("send_typing_indicator", typing.clone()).await);
            longest = longest.max(last.elapsed());
            last = sent;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let told = messages(&other, &chat).await;
        // A machine that let too much time pass between two signs shows nothing: then once more. Not every sign is noted, so what
        // counts may be a quarter of the time older than the last one.
        if longest.max(last.elapsed()) >= patience / 4 * 3 {
            continue;
        }
        assert!(!told.contains(&"routing.assigned_inactive".to_owned()), "{longest:?} {told:?}");
        customer.expect_push("incoming_event", tells(&chat, "routing.assigned_inactive")).await;
        is_served_by(&other, &chat, other.id()).await;
        return;
    }
    panic!("this machine never had the time");
}

#[tokio::test]
async fn continuous_chats_wait_for_who_is_gone_and_have_a_time_of_their_own() {
    let settings = [("chat.customer_gone_after", "300ms"), ("chat.continuous_inactivity_timeout", "2s")];
    let node = node(&settings).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let stays = license.customer().await.logs_in().await;
    let plain = stays.starts_chat("hello").await;
    let (gone, absent) = (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
    let lost = gone.starts_chat("hello").await;
    let start = json!({ "active": true, "continuous": true });
    let continuous = Chat::of(&absent.call("start_chat", start).await);
    drop(gone);
    drop(absent);
    agent.expect_push("incoming_event", tells(&lost, "archived_customer_disconnected")).await;
    agent.expect_push("incoming_event", tells(&continuous, "routing.archived_inactive")).await;
    let told = messages(&agent, &continuous).await;
    assert!(!told.contains(&"archived_customer_disconnected".to_owned()), "{told:?}");
    assert_eq!(stays.reads(&plain).await["thread"]["active"], true);
}
