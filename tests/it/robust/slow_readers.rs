//! Readers who do not read, or hardly, among many who do; over plain sockets and over TLS.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

use super::door::{Door, End, read_to_end};
use super::talker::{Gone, Line, Login};
use super::vitals::{has_not_panicked, resident, serves_a_chat, sockets, wait_until};
use crate::support::{LIMIT, Plan, TestLicense, TestNode};

const HEALTHY: usize = 6;
const STUCK: usize = 7;
const EVENTS: usize = 2_000;
const EVENT_BYTES: usize = 8_000;
/// So many events may be begun that a healthy reader has not read: less than a reader may leave waiting.
const AHEAD: usize = 64;
/// What the process may grow by; the pushes that nobody reads are twice as much.
const MEMORY: u64 = 64 << 20;

/// A session that reads its login's answer and nothing else.
pub(super) async fn stuck_reader(door: &Door, login: &Login) -> Line {
    Line::over(door, door.connect_narrow().await, login).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_are_cut_and_nobody_else_notices() {
    let node = TestNode::with(&settings(), plan()).await;
    let license = node.license();
    slow_readers_among_healthy_ones(&node, &Door::of(node.link()), &license).await;
    serves_a_chat(&node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_are_cut_and_nobody_else_notices_over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let (cert, key) = (cert.to_string_lossy().into_owned(), key.to_string_lossy().into_owned());
    let mut settings = settings();
    settings.extend([("tls.cert", cert.as_str()), ("tls.key", key.as_str())]);
    let node = TestNode::with(&settings, plan()).await;
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let address = node.base().trim_start_matches("https://").parse().expect("an address");
    let door = Door::with_tls(address, TlsConnector::from(Arc::new(config)));
    let license = node.license();
    slow_readers_among_healthy_ones(&node, &door, &license).await;
}

fn settings() -> Vec<(&'static str, &'static str)> {
    // Who reads nothing for a while answers no pings: here nobody is cut for that.
    // And all that is said is said in one thread.
    let events = ("limits.thread_bytes", "32MiB");
    vec![("limits.session_rate", "off"), events, ("rtm.outbound_full", "1s"), ("rtm.idle_timeout", "10m")]
}

fn plan() -> Plan {
    Plan { licenses: 2, ..Plan::default() }
}

async fn slow_readers_among_healthy_ones(node: &TestNode, door: &Door, license: &TestLicense) {
    let login = Login::agent(&license.agent(1).token);
    let mut sender = Line::open(door, &login).await;
    let started = sender.ask("start_chat", json!({ "active": true })).await.expect("a connection");
    let chat = started["payload"]["chat_id"].as_str().expect("a chat").to_owned();
    let (mut healthy, mut progress) = (Vec::new(), Vec::new());
    for _ in 0..HEALTHY {
        let mut line = Line::open(door, &login).await;
        let (read, so_far) = watch::channel(0);
        progress.push(so_far);
        healthy.push(tokio::spawn(async move { read_events(&mut line, EVENTS, &read).await }));
    }
    let sockets_before = sockets(node.pid());
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        stuck.push(stuck_reader(door, &login).await);
    }
    let mut dripping = stuck_reader(door, &login).await;
    let dripping = tokio::spawn(async move {
        // 1 kB a second, until the server has had enough.
        let mut kilobyte = [0; 1_000];
        while matches!(dripping.wire().read(&mut kilobyte).await, Ok(1..)) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let memory_before = resident(node.pid());
    let mut most = 0;
    let mut acknowledged = Vec::new();
    let text = "x".repeat(EVENT_BYTES);
    let mut begun = 0;
    while acknowledged.len() < EVENTS {
        while begun < EVENTS && begun - acknowledged.len() < 8 {
            // Whoever falls behind on a slow machine would be a slow reader, too.
            for read in &mut progress {
                // One that has failed says so at its end.
                drop(read.wait_for(|read| begun < read + AHEAD).await);
            }
            let event = json!({ "type": "message", "text": text });
            let payload = json!({ "chat_id": chat, "event": event });
            sender.begin(&begun.to_string(), "send_event", payload).await.expect("the sender's connection");
            begun += 1;
        }
        let answer = sender.answer().await.expect("the sender's connection");
        assert_eq!(answer["success"], true, "{answer}");
        acknowledged.push(answer["payload"]["event_id"].as_str().expect("an id").to_owned());
        sender.pushes.clear();
        if acknowledged.len().is_multiple_of(50) {
            most = most.max(resident(node.pid()).saturating_sub(memory_before));
        }
    }
    // The others got everything, in the order of the thread.
    acknowledged.sort_by_key(|id| number(id));
    for reader in healthy {
        let came = reader.await.expect("a reader").expect("a healthy reader is not cut");
        assert_eq!(came, acknowledged);
    }
    assert!(most < MEMORY, "{most} bytes more");
    // The slow ones are gone, by the server's doing: they have not touched their sockets.
    wait_until("the cut", node, || sockets(node.pid()) <= sockets_before - HEALTHY).await;
    for mut line in stuck {
        let came = read_to_end(line.wire(), LIMIT).await;
        assert_ne!(came.end, End::Open);
        assert!(came.bytes.len() < EVENTS * EVENT_BYTES / 2, "{} bytes were kept for it", came.bytes.len());
    }
    drop(dripping.await);
    let metrics = door.request("GET", "/metrics", "", b"").await.body();
    let cut = metrics.lines().find_map(|line| line.strip_prefix("switchboard_sessions_cut_total "));
    let cut: usize = cut.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{metrics}"));
    assert_eq!(cut, STUCK + 1);
    // Nothing that was stored is lost.
    let shown =
        sender.ask("list_threads", json!({ "chat_id": chat, "limit": 1 })).await.expect("a connection");
    let events = shown["payload"]["threads"][0]["events"].as_array().expect("events").clone();
    let stored: Vec<_> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    let missing: Vec<_> = acknowledged.iter().filter(|id| !stored.contains(&id.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    has_not_panicked(node);
}

/// Reads until so many events have come, and tells how many have; gives their ids.
async fn read_events(
    line: &mut Line,
    count: usize,
    so_far: &watch::Sender<usize>,
) -> Result<Vec<String>, Gone> {
    let mut ids = Vec::new();
    while ids.len() < count {
        let push: Value = line.push().await?;
        if push["action"] == "incoming_event" {
            ids.push(push["payload"]["event"]["id"].as_str().expect("an id").to_owned());
            so_far.send_replace(ids.len());
        }
    }
    Ok(ids)
}

fn number(event_id: &str) -> u64 {
    event_id.rsplit_once('_').and_then(|(_, number)| number.parse().ok()).expect("an event id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_reads_is_not_cut_by_a_burst_of_thousands() {
    const SENDERS: usize = 10;
    const EACH: usize = 400;
    let node = TestNode::with(&settings(), plan()).await;
    let door = Door::of(node.link());
    let login = Login::agent(&node.license().agent(1).token);
    let mut reader = Line::open(&door, &login).await;
    let reading =
        tokio::spawn(
            async move { read_events(&mut reader, SENDERS * EACH, &watch::Sender::default()).await },
        );
    let mut senders = Vec::new();
    for _ in 0..SENDERS {
        let mut sender = Line::open(&door, &login).await;
        senders.push(tokio::spawn(async move {
            let started = sender.ask("start_chat", json!({ "active": true })).await?;
            let chat = started["payload"]["chat_id"].clone();
            let (mut begun, mut acknowledged) = (0, 0);
            while acknowledged < EACH {
                while begun < EACH && begun - acknowledged < 8 {
                    let event = json!({ "type": "message", "text": "a few words" });
                    let payload = json!({ "chat_id": chat, "event": event });
                    sender.begin(&begun.to_string(), "send_event", payload).await?;
                    begun += 1;
                }
                let answer = sender.answer().await?;
                assert_eq!(answer["success"], true, "{answer}");
                acknowledged += 1;
                sender.pushes.clear();
            }
            Ok::<_, Gone>(())
        }));
    }
    for sender in senders {
        sender.await.expect("a sender").expect("its connection");
    }
    let came = reading.await.expect("a reader").expect("a reader who reads is not cut");
    let mut last = std::collections::HashMap::new();
    for id in &came {
        let (thread, _) = id.rsplit_once('_').expect("an event id");
        let before = last.insert(thread, number(id)).unwrap_or_default();
        assert!(before < number(id), "{id} comes after {before}");
    }
    has_not_panicked(&node);
}
