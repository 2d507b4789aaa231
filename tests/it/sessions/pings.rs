//! Pings of both kinds, in both directions.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::{Inbox, TestNode, eventually, shared};

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
    eventually("nobody was kept from pinging or answering for too long", async || {
        let agent = license.agent(1).logs_in().await;
        let customer = license.customer().await.logs_in().await;
        let sessions = [&agent.session, &customer.session];
        // Two idle timeouts in which the clients themselves say nothing.
        let silent_since = Instant::now();
        let mut last = [(0, silent_since); 2];
        while silent_since.elapsed() < 2 * IDLE {
            tokio::time::sleep(IDLE / 30).await;
            for (session, (pings, at)) in sessions.into_iter().zip(&mut last) {
                let look = |inbox: &mut Inbox| Some((inbox.pings, inbox.closed.is_none()));
                let (so_far, is_open) = session.until("a look", look).await;
                // On a starved machine the silence was real, and this try says nothing.
                if at.elapsed() > IDLE / 2 {
                    return Err("no ping for half of the time".to_owned());
                }
                assert!(is_open, "{}", session.status());
                if so_far > *pings {
                    (*pings, *at) = (so_far, Instant::now());
                }
            }
        }
        Ok(agent.call("list_chats", json!({})).await)
    })
    .await;
}
