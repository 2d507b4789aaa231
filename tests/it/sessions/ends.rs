//! Why connections end: `agent_disconnected`, `customer_disconnected`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use super::before_its_end;
use crate::robust::door::{Door, frame, frames, read_to_end};
use crate::support::{LIMIT, TestNode, Web, eventually, shared};

#[tokio::test]
async fn a_socket_that_does_not_log_in_is_closed_with_a_reason() {
    let node = TestNode::start(&[("rtm.login_timeout", "500ms")]).await;
    let license = node.license();
    let agent = license.agent(1).connects().await;
    let customer = license.customer().await.connects().await;
    agent.expect_push("agent_disconnected", |push| push["reason"] == "connection_timeout").await;
    customer.expect_push("customer_disconnected", |push| push["reason"] == "connection_timeout").await;
    agent.closed().await;
    customer.closed().await;
}

#[tokio::test]
async fn a_client_that_falls_silent_is_told_that_its_time_is_over() {
    let node = TestNode::start(&[("rtm.ping_every", "100ms"), ("rtm.idle_timeout", "1s")]).await;
    let license = node.license();
    // Not over a websocket, which might fall silent itself on a busy machine.
    let watching = license.agent(1).web();
    let silent = license.agent(2);
    // As bytes: whoever reads frames by a library answers pings, and fails to when the server has ended the connection.
    let mut wire = Door::of(&silent.link).upgraded("/v3.6/agent/rtm/ws").await;
    let login = json!({ "action": "login", "payload": { "token": silent.token } });
    wire.write_all(&frame(0x81, login.to_string())).await.expect("sent");
    let texts = |bytes: &[u8]| -> Vec<String> {
        let texts = frames(bytes).into_iter().filter(|(opcode, _)| *opcode == 1);
        texts.map(|(_, text)| String::from_utf8(text).expect("text")).collect()
    };
    let mut bytes = Vec::new();
    while texts(&bytes).is_empty() {
        assert!(wire.read_buf(&mut bytes).await.expect("an answer") > 0, "closed without an answer");
    }
    goes_offline(&watching, &silent.id).await;
    bytes.extend(read_to_end(&mut wire, LIMIT).await.bytes);
    let texts = texts(&bytes);
    let told =
        texts.iter().any(|text| text.contains("agent_disconnected") && text.contains("connection_timeout"));
    assert!(told, "{texts:?}");
}

#[tokio::test]
async fn a_session_whose_token_expires_is_told_so() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let agent = before_its_end(async |seconds| {
        license.agent_for(&node, seconds).await.logs_in_unless_expired().await
    })
    .await;
    let customer =
        before_its_end(async |seconds| license.customer_for(seconds).await.logs_in_unless_expired().await)
            .await;
    agent.expect_push("agent_disconnected", |push| push["reason"] == "access_token_expired").await;
    customer.expect_push("customer_disconnected", |push| push["reason"] == "access_token_expired").await;
    agent.closed().await;
    customer.closed().await;
    let again = agent.who.connects().await;
    let error = again.refused("login", json!({ "token": agent.who.token })).await;
    assert_eq!(error.kind, "authentication");
    assert_eq!(agent.web.refused("list_chats", json!({})).await.kind, "authentication");
}

#[tokio::test]
async fn a_customer_whose_token_is_revoked_is_told_so() {
    let license = shared().await.license();
    let login = license.customer().await;
    let (revoked, other) = (login.logs_in().await, license.customer().await.logs_in().await);
    let url = format!("{}/v2/customer/token", login.link.base());
    let answer = reqwest::Client::new().delete(url).header("Authorization", &login.token).send().await;
    assert!(answer.is_ok_and(|answer| answer.status().is_success()));
    revoked.expect_push("customer_disconnected", |push| push["reason"] == "access_token_revoked").await;
    revoked.closed().await;
    assert_eq!(revoked.web.refused("list_chats", json!({})).await.kind, "authentication");
    other.call("list_chats", json!({})).await;
}

#[tokio::test]
async fn an_agent_whose_token_is_revoked_is_told_so() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let (revoked, other) = (license.agent(1).logs_in().await, license.agent(2).logs_in().await);
    let number = license.prepared.credentials.license_id.to_string();
    let listed = ["token", "list", "--license", &number, "--agent", &license.agent(1).id, "--json"];
    let listed: Value = serde_json::from_str(&node.operates(&listed).await).expect("JSON");
    for token in listed.as_array().expect("tokens") {
        node.operates(&["token", "revoke", "--license", &number, token["id"].as_str().expect("an id")]).await;
    }
    revoked.expect_push("agent_disconnected", |push| push["reason"] == "access_token_revoked").await;
    revoked.closed().await;
    assert_eq!(revoked.web.refused("list_chats", json!({})).await.kind, "authentication");
    let again = license.agent(1).connects().await;
    let error = again.refused("login", json!({ "token": license.agent(1).token })).await;
    assert_eq!(error.kind, "authentication");
    other.call("list_chats", json!({})).await;
}

#[tokio::test]
async fn an_agent_whose_rights_are_withdrawn_is_told_so_and_let_in_no_more() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let other = license.agent(2).logs_in().await;
    let number = license.number().to_string();
    let set = async |agent: &str, value: &str| {
        node.operates(&["agent", "set", "--license", &number, "--agent", agent, "--set", value]).await
    };
    for (what, refused) in
        [("suspended", "requester_suspended"), ("awaiting_approval", "requester_awaiting_approval")]
    {
        let sessions = [license.agent(1).logs_in().await, license.agent(1).logs_in().await];
        set(sessions[0].id(), &format!("{what}=true")).await;
        for session in &sessions {
            session
                .expect_push("agent_disconnected", |push| push["reason"] == "agent_disconnected_by_server")
                .await;
            session.closed().await;
        }
        let again = license.agent(1).connects().await;
        let error = again.refused("login", json!({ "token": license.agent(1).token })).await;
        assert_eq!(error.kind, refused);
        set(sessions[0].id(), &format!("{what}=false")).await;
        license.agent(1).logs_in().await.call("list_chats", json!({})).await;
    }
    other.call("list_chats", json!({})).await;
}

#[tokio::test]
async fn an_agent_with_too_many_sessions_loses_the_oldest() {
    let node = TestNode::start(&[("limits.agent_sessions", "2")]).await;
    let license = node.license();
    let watching = license.agent(2).logs_in_away().await;
    let (first, second) = (license.agent(1).logs_in().await, license.agent(1).logs_in().await);
    watching.forget_pushes().await;
    let third = license.agent(1).logs_in().await;
    first.expect_push("agent_disconnected", |push| push["reason"] == "connection_evicted").await;
    first.closed().await;
    second.call("list_chats", json!({})).await;
    let chat = license.customer().await.logs_in().await.starts_chat("hello").await;
    third.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    watching.expect_no_push_that("routing_status_set", |push| push["agent_id"] == "agent1@example.com").await;
}

#[tokio::test]
async fn a_customer_with_too_many_sessions_gets_no_more() {
    let node = TestNode::start(&[("limits.customer_sessions", "2")]).await;
    let license = node.license();
    let login = license.customer().await;
    let (first, second) = (login.logs_in().await, login.logs_in().await);
    let third = login.connects().await;
    let error = third.refused("login", json!({ "token": login.token })).await;
    assert_eq!(error.kind, "too_many_requests");
    third.expect_push("customer_disconnected", |push| push["reason"] == "too_many_connections").await;
    third.closed().await;
    first.call("list_chats", json!({})).await;
    second.call("list_chats", json!({})).await;
    license.customer().await.logs_in().await;
}

#[tokio::test]
async fn a_customer_who_neither_chats_nor_opens_a_page_is_told_that_their_time_is_over() {
    let node = TestNode::start(&[("rtm.customer_inactivity_timeout", "4s")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    let chatting = license.customer().await.logs_in().await;
    let chat = chatting.starts_chat("hello").await;
    // Both are asked after before this one is.
    let idle = license.customer().await.logs_in().await;
    let is_over = |push: &Value| push["reason"] == "inactivity_timeout";
    idle.expect_push("customer_disconnected", is_over).await;
    idle.closed().await;
    chatting.says(&chat, "I am still here").await;
    agent.reads(&chat).await;
    chatting.deactivates(&chat).await;
    chatting.expect_push("customer_disconnected", is_over).await;
    chatting.closed().await;
    agent.call("list_chats", json!({})).await;
    idle.who.logs_in().await;
}

#[tokio::test]
async fn a_customer_who_opens_pages_stays_on_all_connections_until_the_whole_time_has_passed_since_the_last()
{
    const TIMEOUT: Duration = Duration::from_secs(3);
    let node = TestNode::start(&[("rtm.customer_inactivity_timeout", "3s")]).await;
    let license = node.license();
    let is_over = |push: &Value| push["reason"] == "inactivity_timeout";
    eventually("nobody was kept from opening pages for too long", async || {
        let reader = license.customer().await.logs_in().await;
        let elsewhere = reader.who.logs_in().await;
        let (mut opened, mut number) = (Instant::now(), 0);
        // Each of them does nothing for the whole time, one after the other.
        for _ in 0..2 {
            let idle = license.customer().await.logs_in().await;
            while idle.is_open() {
                let before = std::mem::replace(&mut opened, Instant::now());
                number += 1;
                // Every other time it is the page that they are on already.
                let page =
                    json!({ "url": format!("https://shop.example/{}", number / 2), "title": "A page" });
                let answer = reader.ask_if_open("update_customer_page", page).await;
                // On a starved machine they really were idle, and this try says nothing.
                if before.elapsed() > TIMEOUT / 2 {
                    return Err("a pause of half the time".to_owned());
                }
                assert!(
                    answer.is_some_and(|answer| answer.is_ok()),
                    "after {number} pages: {}",
                    reader.status()
                );
                tokio::time::sleep(TIMEOUT / 30).await;
            }
            idle.expect_push("customer_disconnected", is_over).await;
        }
        let is_elsewhere = elsewhere.is_open();
        if opened.elapsed() > TIMEOUT / 2 {
            return Err("the last page was long ago".to_owned());
        }
        assert!(is_elsewhere, "they are here, if not on this connection");
        for session in [&reader, &elsewhere] {
            session.expect_push("customer_disconnected", is_over).await;
            assert!(opened.elapsed() >= TIMEOUT, "before the time since the last page had passed");
            session.closed().await;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn sessions_without_login_are_bounded() {
    let node = TestNode::start(&[("limits.unauthorized_sessions", "3")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(license.agent(2).connects().await);
        waiting.last().expect("one").call("ping", json!({})).await;
    }
    let one_more = license.agent(2).connects().await;
    one_more
        .expect_push("agent_disconnected", |push| push["reason"] == "too_many_unauthorized_connections")
        .await;
    one_more.closed().await;
    agent.call("list_chats", json!({})).await;
    let session = waiting.remove(0);
    session.call("login", json!({ "token": license.agent(2).token })).await;
    eventually("there is room again", async || {
        let next = license.agent(3).connects().await;
        let answer = next.ask("login", json!({ "token": license.agent(3).token })).await;
        answer.map(drop).map_err(|error| format!("{error:?}"))
    })
    .await;
}

#[tokio::test]
async fn a_server_that_ends_says_so_and_takes_nobody_new() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let status = node.terminate().await;
    assert!(status.success(), "{status}");
    agent.expect_push("agent_disconnected", |_| true).await;
    customer.expect_push("customer_disconnected", |_| true).await;
    agent.closed().await;
    customer.closed().await;
}

#[tokio::test]
async fn a_session_that_ends_during_its_login_leaves_nobody_online() {
    let license = shared().await.license();
    let watching = license.agent(1).logs_in_away().await;
    let hasty = license.agent(2);
    let mut sessions = Vec::new();
    for _ in 0..40 {
        sessions.push(hasty.connects().await);
    }
    for session in &sessions {
        session.begin("login", json!({ "token": hasty.token }));
        session.send(Message::Close(None));
    }
    drop(sessions);
    let last = license.agent(2).logs_in().await;
    last.call("logout", json!({})).await;
    last.closed().await;
    goes_offline(&watching.web, "agent2@example.com").await;
}

#[tokio::test]
async fn an_agent_is_offline_once_the_last_of_their_sessions_has_ended() {
    let license = shared().await.license();
    let watching = license.agent(1).logs_in_away().await;
    let (one, two) = (license.agent(2).logs_in().await, license.agent(2).logs_in().await);
    watching.forget_pushes().await;
    one.call("logout", json!({})).await;
    one.closed().await;
    watching.call("list_routing_statuses", json!({})).await;
    watching.expect_no_push("routing_status_set").await;
    two.call("logout", json!({})).await;
    goes_offline(&watching.web, "agent2@example.com").await;
}

/// Asks until the agent is offline; one who stays online fails the test.
async fn goes_offline(watching: &Web, agent: &str) {
    let what = format!("{agent} is offline");
    eventually(&what, async || {
        let statuses = watching.call("list_routing_statuses", json!({})).await;
        let mut statuses = statuses.as_array().into_iter().flatten();
        let found =
            statuses.find(|status| status["agent_id"] == agent).map(|status| status["status"].clone());
        if found == Some(json!("offline")) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}
