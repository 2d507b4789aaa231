//! Why connections end: `agent_disconnected`, `customer_disconnected`.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Plan, TestAgent, TestNode, eventually, shared};

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
    let watching = license.agent(1).logs_in_away().await;
    let silent = license.agent(2);
    let url = format!("{}/v3.6/agent/rtm/ws", silent.link.websocket_base());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
    let login = json!({ "action": "login", "payload": { "token": silent.token } });
    socket.send(Message::text(login.to_string())).await.expect("sent");
    while !matches!(socket.next().await.expect("a frame"), Ok(Message::Text(_))) {}
    // From here on nobody reads this socket, so nobody answers the server's pings.
    goes_offline(&watching, &silent.id).await;
    let mut frames = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        frames.extend(message.to_text().map(str::to_owned));
    }
    let told = frames
        .iter()
        .any(|frame| frame.contains("agent_disconnected") && frame.contains("connection_timeout"));
    assert!(told, "{frames:?}");
}

#[tokio::test]
async fn a_session_whose_token_expires_is_told_so() {
    let lifetime = Duration::from_secs(10);
    let plan = Plan { licenses: 1, short_token: Some(lifetime), ..Plan::default() };
    let node = TestNode::with(&[], plan).await;
    let license = node.license();
    let agent = license.agent_with_short_token().logs_in().await;
    let customer = license.customer_for(5).await.logs_in().await;
    agent.expect_push("agent_disconnected", |push| push["reason"] == "access_token_expired").await;
    customer.expect_push("customer_disconnected", |push| push["reason"] == "access_token_expired").await;
    agent.closed().await;
    customer.closed().await;
    let again = license.agent_with_short_token().connects().await;
    let error = again.refused("login", json!({ "token": license.agent_with_short_token().token })).await;
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
    goes_offline(&watching, "agent2@example.com").await;
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
    goes_offline(&watching, "agent2@example.com").await;
}

/// Asks until the agent is offline; one who stays online fails the test.
async fn goes_offline(watching: &TestAgent, agent: &str) {
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
