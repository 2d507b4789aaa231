//! Pings of both kinds, in both directions.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{Inbox, TestNode, shared};

#[tokio::test]
async fn an_application_ping_is_answered_in_kind_also_before_the_login() {
    let license = shared().await.license();
    let agent = license.agent(1).connects().await;
    let customer = license.customer().await.connects().await;
    for session in [&agent, &customer] {
        session.send_text(r#"{"action":"ping"}"#);
        let answer = session.until("the answer to a bare ping", |inbox| inbox.loose.pop()).await;
        assert_eq!(answer, json!({ "action": "ping", "type": "response", "success": true, "payload": {} }));
        session.send_text(r#"{"request_id":"p1","action":"ping"}"#);
        assert_eq!(session.answer("p1").await.expect("a pong"), json!({}));
        session.send_text(r#"{"request_id":"p2","action":"ping","payload":{}}"#);
        assert_eq!(session.answer("p2").await.expect("a pong"), Value::Object(Default::default()));
    }
}

#[tokio::test]
async fn a_control_ping_is_answered_with_its_own_bytes() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    for bytes in [&b""[..], b"are you there", &[0xff; 125]] {
        agent.send(Message::Ping(Bytes::copy_from_slice(bytes)));
        agent.until("the pong", |inbox| inbox.pongs.iter().any(|pong| pong == bytes).then_some(())).await;
    }
}

#[tokio::test]
async fn the_server_pings_and_a_client_that_only_answers_stays() {
    const IDLE: Duration = Duration::from_secs(3);
    let node = TestNode::start(&[("rtm.ping_every", "200ms"), ("rtm.idle_timeout", "3s")]).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    // Two idle timeouts in which the clients themselves say nothing.
    let silent_since = Instant::now();
    for session in [&agent.session, &customer.session] {
        let long = |inbox: &mut Inbox| (inbox.pings >= 6 && silent_since.elapsed() > 2 * IDLE).then_some(());
        session.until("pings for two idle timeouts", long).await;
        assert!(session.is_open());
    }
    agent.call("list_chats", json!({})).await;
}
