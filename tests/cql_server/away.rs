//! The database away at the start, away later, frozen, slow.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::customer::{line, refusal, say, texts, until_taken};
use crate::database::database;
use crate::robust::vitals::{has_not_panicked, resident, serves_a_chat};
use crate::support::{Reserved, eventually};

/// Limits that are short, so that what does not come need not be waited for.
const HASTY: [(&str, &str); 3] =
    [("cql.request_timeout", "1500ms"), ("cql.speculate_after", "500ms"), ("rtm.request_timeout", "8s")];

async fn status(base: &str, path: &str) -> Result<u16, String> {
    let answer = reqwest::get(format!("{base}{path}")).await.map_err(|error| error.to_string())?;
    Ok(answer.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_waits_for_its_database_and_lives_through_its_loss() {
    let mut database = database().await;
    let port = Reserved::new();
    let listen = port.address();
    let mut settings = HASTY.to_vec();
    settings.push(("server.listen", &listen));
    let node = database.server(&settings).await;
    let base = format!("http://{listen}");

    // Away at the start: it says so, lives, and takes nobody.
    database.kill();
    node.launch_unready();
    eventually("a live server", async || match status(&base, "/healthz").await? {
        200 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert_eq!(status(&base, "/readyz").await, Ok(503));
    assert_eq!(status(&base, "/v3.6/agent/action/list_chats").await, Ok(503));
    eventually("a message", async || {
        let log = node.link().log();
        let said =
            log.contains("waiting for the database") && log.contains("cannot be reached at 127.0.0.1:");
        if said { Ok(()) } else { Err(log) }
    })
    .await;
    database.start();
    node.ready().await;
    assert_eq!(node.base(), base);
    let license = node.license();
    let (mut line, chat) = line(&node, &license).await;
    until_taken(&mut line, &chat, "before").await;

    // Away later: every send is answered, none is acknowledged.
    database.kill();
    for number in 0..3 {
        let answer =
            line.ask("send_event", say(&chat, &format!("while away {number}"))).await.expect("a connection");
        let kind = refusal(&answer);
        assert!(["service_unavailable", "request_timeout", "too_many_requests"].contains(&kind), "{answer}");
    }
    eventually("an unready server", async || match status(&base, "/readyz").await? {
        503 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert_eq!(status(&base, "/healthz").await, Ok(200));

    // Back: it goes on by itself, with the same connection.
    database.start();
    node.ready().await;
    until_taken(&mut line, &chat, "after").await;
    until_taken(&mut line, &chat, "while away 1").await;
    let texts = texts(&license, &chat).await;
    for text in ["before", "after", "while away 1"] {
        assert_eq!(texts.iter().filter(|said| *said == text).count(), 1, "{text} in {texts:?}");
    }
    serves_a_chat(&node).await;
    assert!(node.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_left_while_the_database_was_away_is_not_waited_for() {
    let mut database = database().await;
    let mut settings = HASTY.to_vec();
    settings.push(("chat.customer_gone_after", "1s"));
    let node = database.server(&settings).await;
    node.launch().await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let (mut line, chat) = line(&node, &license).await;
    until_taken(&mut line, &chat, "before").await;
    database.kill();
    let answer = line.ask("send_event", say(&chat, "while away")).await.expect("a connection");
    assert_eq!(answer["success"], false, "{answer}");
    drop(line);
    eventually("nobody can tell the chat", async || {
        let log = node.link().log();
        if log.contains("a customer's chats do not know") { Ok(()) } else { Err(log) }
    })
    .await;
    database.start();
    let left = |push: &serde_json::Value| {
        push["chat_id"] == *chat && push["event"]["system_message_type"] == "archived_customer_disconnected"
    };
    agent.expect_push("incoming_event", left).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_thread_ends_though_the_database_was_away_and_nobody_came_back() {
    let mut database = database().await;
    let mut settings = HASTY.to_vec();
    settings.push(("chat.thread_inactivity_timeout", "20s"));
    let node = database.server(&settings).await;
    node.launch().await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let (mut line, chat) = line(&node, &license).await;
    until_taken(&mut line, &chat, "before").await;
    database.kill();
    let answer = line.ask("send_event", say(&chat, "while away")).await.expect("a connection");
    assert_eq!(answer["success"], false, "{answer}");
    drop(line);
    database.start();
    // Nobody asks for the chat: it comes back by itself, with its timer.
    agent.expect_push("chat_deactivated", |push| push["chat_id"] == *chat).await;
    assert!(node.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_whose_write_timed_out_is_one_event_when_it_is_repeated() {
    let database = database().await;
    let node = database.server(&HASTY).await;
    node.launch().await;
    let license = node.license();
    let (mut line, chat) = line(&node, &license).await;
    let first = until_taken(&mut line, &chat, "first").await;
    for round in 0..3 {
        let text = format!("of unknown fate {round}");
        database.freeze();
        let answer = line.ask("send_event", say(&chat, &text)).await.expect("a connection");
        assert!(["service_unavailable", "request_timeout"].contains(&refusal(&answer)), "{answer}");
        database.thaw();
        let event = until_taken(&mut line, &chat, &text).await;
        assert_eq!(until_taken(&mut line, &chat, &text).await, event, "the same answer again");
    }
    assert_eq!(until_taken(&mut line, &chat, "first").await, first);
    let said: Vec<String> = texts(&license, &chat).await;
    let said: Vec<&str> = said.iter().map(String::as_str).filter(|text| text.contains("f")).collect();
    let wanted = ["first", "of unknown fate 0", "of unknown fate 1", "of unknown fate 2"];
    assert_eq!(said.iter().filter(|text| wanted.contains(text)).count(), 4, "{said:?}");
    has_not_panicked(&node);
    assert!(node.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database_makes_senders_wait_before_memory_grows() {
    const SENDERS: usize = 40;
    // A round takes a second, and the driver gives frozen connections up after four.
    const ROUNDS: usize = 2;
    const IN_FLIGHT: usize = 4;
    let database = database().await;
    // Writes stay in flight for longer than all rounds take.
    let in_flight = IN_FLIGHT.to_string();
    let settings =
        [("cql.request_timeout", "30s"), ("rtm.request_timeout", "8s"), ("cql.max_in_flight", &*in_flight)];
    let node = database.server(&settings).await;
    node.launch().await;
    let license = node.license();
    let mut lines = Vec::new();
    for _ in 0..SENDERS {
        lines.push(line(&node, &license).await);
    }
    let before = resident(node.pid());
    database.freeze();
    let senders = lines.iter_mut().map(|(line, chat)| async move {
        for round in 0..ROUNDS {
            let event =
                json!({ "type": "message", "text": "x".repeat(12 * 1024), "custom_id": round.to_string() });
            let send = json!({ "chat_id": chat, "event": event });
            let answer = line.ask("send_event", send).await.expect("a connection");
            assert_eq!(answer["success"], false, "{answer}");
            if refusal(&answer) != "too_many_requests" {
                return Some(refusal(&answer).to_owned());
            }
        }
        None
    });
    // All but the few whose writes are in flight are refused before anything is sent, however often they try: a refused
    // chat stays in memory, and is not read from the database that is too slow.
    let others: Vec<String> = join_all(senders).await.into_iter().flatten().collect();
    assert!(others.len() <= IN_FLIGHT, "{} of {SENDERS} were not told to wait: {others:?}", others.len());
    let grown = resident(node.pid()).saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "it grew by {grown} bytes");
    database.thaw();
    for (line, chat) in &mut lines {
        until_taken(line, chat, "afterwards").await;
    }
    tokio::time::timeout(Duration::from_secs(120), serves_a_chat(&node)).await.expect("a chat");
    assert!(node.terminate().await.success());
}
