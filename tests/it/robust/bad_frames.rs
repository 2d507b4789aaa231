//! Bad websocket frames and messages, before and after the login.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::door::{Came, Door, End, Wire, frame, frames, read_to_end};
use super::vitals::{has_not_panicked, serves_a_chat, sockets, wait_until};
use crate::support::{AgentLogin, LIMIT, TestNode};

const RTM: &str = "/v3.6/agent/rtm/ws";
const TEXT: u8 = 0x81;
/// A number that no test uses otherwise.
const LAST: &str = r#"{"action":"ping","request_id":"the last one"}"#;

/// A raw socket, logged in if `agent` is given.
async fn upgraded(door: &Door, agent: Option<&AgentLogin>) -> Wire {
    let mut wire = door.upgraded(RTM).await;
    if let Some(agent) = agent {
        let login = json!({ "action": "login", "request_id": "l", "payload": { "token": agent.token, "away": true } });
        wire.write_all(&frame(TEXT, login.to_string())).await.expect("sent");
        until(&mut wire, |answer| answer["request_id"] == "l" && answer["success"] == true).await;
    }
    wire
}

/// Reads frames until one fits. Gives all texts that came.
async fn until(wire: &mut Wire, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    use tokio::io::AsyncReadExt as _;
    let mut bytes = Vec::new();
    loop {
        let texts: Vec<Value> = texts(&bytes);
        if texts.iter().any(&fits) {
            return texts;
        }
        let mut chunk = vec![0; 16 * 1024];
        let count = tokio::time::timeout(LIMIT, wire.read(&mut chunk)).await.expect("an answer in time");
        let count = count.expect("an answer");
        assert!(count > 0, "closed after {texts:?} {:?}", frames(&bytes).last());
        bytes.extend_from_slice(&chunk[..count]);
    }
}

fn texts(bytes: &[u8]) -> Vec<Value> {
    let texts = frames(bytes).into_iter().filter(|(opcode, _)| *opcode == 1);
    texts.map(|(_, text)| serde_json::from_slice(&text).expect("the server sends JSON")).collect()
}

/// The code of the close frame that came last.
fn close_code(came: &Came) -> Option<u16> {
    let (opcode, payload) = frames(&came.bytes).pop()?;
    (opcode == 8).then(|| u16::from_be_bytes(payload.get(..2)?.try_into().ok()?).into()).flatten()
}

#[tokio::test]
async fn what_is_no_message_closes_the_socket_with_a_code() {
    let node = TestNode::start(&[("limits.session_rate", "off")]).await;
    let door = Door::of(node.link());
    let agent = node.license().agent(1);
    let bystander = agent.logs_in_away().await;
    let text = |first: u8, count: usize| frame(first, vec![b'x'; count]);
    let fragments = [text(0x01, 60_000), text(0x00, 60_000), text(0x00, 60_000)].concat();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("binary", frame(0x82, "{}"), 1003),
        ("a binary fragment", frame(0x02, "{}"), 1003),
        ("invalid UTF-8", frame(TEXT, b"{\"action\":\"\xff\"}"), 1007),
        ("invalid UTF-8 in fragments", [frame(0x01, b"\xc3"), frame(0x80, b"(")].concat(), 1007),
        ("no mask", vec![0x81, 2, b'{', b'}'], 1002),
        ("an opcode that is not there", frame(0x83, "x"), 1002),
        ("a control opcode that is not there", frame(0x8b, "x"), 1002),
        ("a continuation of nothing", frame(0x80, "x"), 1002),
        ("a message within a message", [frame(0x01, "{"), frame(0x01, "{")].concat(), 1002),
        ("a whole message within a message", [frame(0x01, "{"), frame(0x81, "{}")].concat(), 1002),
        ("a ping that is too long", text(0x89, 200), 1002),
        ("a ping in fragments", frame(0x09, "x"), 1002),
        ("a frame that is too large", text(TEXT, 200_000), 1009),
        ("a length beyond all", [vec![0x81, 0xff], vec![0xff; 8], vec![0; 1_000]].concat(), 1009),
        // Nothing of it has to come.
        (
            "the head of a frame that is too large",
            [&[0x81, 0xff][..], &4_u64.pow(16).to_be_bytes()].concat(),
            1009,
        ),
        ("a message that is too large", fragments, 1009),
        ("10 MB of nothing", vec![0; 10_000_000], 1002),
        ("a close without a whole code", frame(0x88, "\u{3}"), 1002),
        ("a close with a code that is not there", frame(0x88, [0, 5, b'x']), 1002),
    ];
    for login in [None, Some(&agent)] {
        for (what, bytes, code) in &cases {
            let mut wire = upgraded(&door, login).await;
            drop(wire.write_all(bytes).await);
            let came = read_to_end(&mut wire, LIMIT).await;
            assert_ne!(came.end, End::Open, "{what}");
            let lost = came.end == End::Reset;
            assert!(lost || close_code(&came) == Some(*code), "{what}: {:?}", frames(&came.bytes));
        }
    }
    bystander.settle().await;
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_connection_lives() {
    let node = TestNode::start(&[("limits.session_rate", "off")]).await;
    let door = Door::of(node.link());
    let agent = node.license().agent(1);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let refused: Vec<String> = vec![
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "\"x\"".to_owned(),
        "\u{0}".to_owned(),
        "\u{0}".repeat(100_000),
        "{\"action\":\"a\u{1}\"}".to_owned(),
        "{\"action\":\"a\u{0}\"}".to_owned(),
        r#"{"action":1}"#.to_owned(),
        r#"{"action":null}"#.to_owned(),
        r#"{"action":""}"#.to_owned(),
        r#"{"action":"no_such_method"}"#.to_owned(),
        r#"{"action":"a\u0000b"}"#.to_owned(),
        r#"{"action":"ping","action":"ping"}"#.to_owned(),
        r#"{"action":"ping","request_id":"\ud800"}"#.to_owned(),
        r#"{"action":"ping","request_id":7}"#.to_owned(),
        r#"{"action":"list_chats","version":"9.9"}"#.to_owned(),
        r#"{"action":"list_chats","payload":{"limit":"ten"}}"#.to_owned(),
        r#"{"action":"list_chats","payload":{"limit":1e999}}"#.to_owned(),
        format!(r#"{{"action":"list_chats","payload":{{"limit":{}}}}}"#, "9".repeat(1_000)),
        format!(r#"{{"action":"list_chats","payload":{deep}}}"#),
        deep.clone(),
        format!(r#"{{"action":"ping","request_id":"{}"}}"#, "x".repeat(1_000)),
        format!(r#"{{"action":"{}"}}"#, "x".repeat(100_000)),
    ];
    for login in [None, Some(&agent)] {
        let mut wire = upgraded(&door, login).await;
        for message in &refused {
            wire.write_all(&frame(TEXT, message)).await.expect("sent");
        }
        wire.write_all(&frame(TEXT, LAST)).await.expect("sent");
        let answers = until(&mut wire, |answer| answer["request_id"] == "the last one").await;
        let answers: Vec<_> = answers.iter().filter(|answer| answer["type"] == "response").collect();
        let refusals = answers.iter().filter(|answer| answer["success"] == false);
        let kinds: Vec<_> = refusals.map(|answer| answer["payload"]["error"]["type"].clone()).collect();
        assert_eq!(kinds.len(), refused.len(), "each has its answer: {kinds:?}");
        let known = ["validation", "authentication", "unsupported_version"];
        assert!(kinds.iter().all(|kind| known.iter().any(|known| kind == known)), "{kinds:?}");
    }
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn fragments_and_control_frames_between_them_are_fine() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let mut wire = upgraded(&door, None).await;
    let parts = [
        frame(0x01, r#"{"act"#),
        frame(0x89, "a ping"),
        frame(0x00, ""),
        frame(0x8a, "a pong that nobody asked for"),
        frame(0x00, r#"ion":"ping","request_id":"caf"#),
        // A character in two halves.
        frame(0x00, b"\xc3"),
        frame(0x80, b"\xa9\"}"),
    ];
    wire.write_all(&parts.concat()).await.expect("sent");
    until(&mut wire, |answer| answer["request_id"] == "café" && answer["success"] == true).await;
    let mut bytes = frame(0x01, "");
    bytes.extend((0..100_000).flat_map(|_| frame(0x00, "")));
    bytes.extend(frame(0x80, LAST));
    wire.write_all(&bytes).await.expect("sent");
    until(&mut wire, |answer| answer["request_id"] == "the last one").await;
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn a_flood_of_pings_takes_nothing_from_others() {
    let node = TestNode::start(&[("limits.session_rate", "off")]).await;
    let door = Door::of(node.link());
    let license = node.license();
    let agent = license.agent(1);
    let before = super::vitals::resident(node.pid());
    let flood = frame(0x89, [b'x'; 100]).repeat(10_000);
    let mut floods = Vec::new();
    for _ in 0..4 {
        // One that never reads its pongs stalls by itself; one that does gets them all.
        let mut wire = upgraded(&door, None).await;
        let flood = flood.clone();
        floods.push(tokio::spawn(async move { wire.write_all(&flood).await }));
    }
    let other = agent.logs_in().await;
    for _ in 0..50 {
        other.settle().await;
    }
    floods.iter().for_each(tokio::task::JoinHandle::abort);
    let grown = super::vitals::resident(node.pid()).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn the_order_of_a_session_is_kept() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let agent = license.agent(1);
    // Before the login.
    let session = agent.connects().await;
    for method in ["list_chats", "send_event", "logout"] {
        assert_eq!(session.refused(method, json!({})).await.kind, "authentication", "{method}");
    }
    session.settle().await;
    let error = session.refused("login", json!({ "token": "Bearer nonsense" })).await;
    assert_eq!(error.kind, "authentication");
    session.call("login", json!({ "token": agent.token, "away": true })).await;
    // Twice.
    assert_eq!(session.refused("login", json!({ "token": agent.token })).await.kind, "validation");
    session.call("list_chats", json!({})).await;
    // After the logout.
    session.call("logout", json!({})).await;
    session.begin("list_chats", json!({}));
    session.closed().await;
    // Two logins at once: one goes well, the other is refused.
    let session = agent.connects().await;
    let ids = [(); 2].map(|()| session.begin("login", json!({ "token": agent.token, "away": true })));
    let mut outcomes = Vec::new();
    for id in &ids {
        outcomes.push(session.answer(id).await.is_ok());
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes, [false, true]);
    session.call("list_chats", json!({})).await;
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn more_than_ten_pending_requests_are_refused_and_the_connection_lives() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let agent = node.license().agent(1);
    let mut wire = upgraded(&door, Some(&agent)).await;
    // In one piece, so that all are there before the first is answered.
    let starts = (0..14).flat_map(|n| {
        let request =
            json!({ "action": "start_chat", "request_id": n.to_string(), "payload": { "active": true } });
        frame(TEXT, request.to_string())
    });
    let mut bytes: Vec<u8> = starts.collect();
    bytes.extend(frame(TEXT, LAST));
    wire.write_all(&bytes).await.expect("sent");
    let mut answers = until(&mut wire, |answer| answer["request_id"] == "the last one").await;
    while answers.iter().filter(|answer| answer["type"] == "response").count() < 15 {
        answers.extend(until(&mut wire, |answer| answer["type"] == "response").await);
    }
    let refused = answers.iter().filter(|answer| answer["type"] == "response" && answer["success"] == false);
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 4, "{refused:#?}");
    for answer in refused {
        assert_eq!(answer["payload"]["error"]["type"], "pending_requests_limit_reached");
        assert_eq!(answer["action"], "start_chat");
    }
    wire.write_all(&frame(TEXT, r#"{"action":"list_chats","request_id":"x"}"#)).await.expect("sent");
    until(&mut wire, |answer| answer["request_id"] == "x" && answer["success"] == true).await;
}

#[tokio::test]
async fn requests_past_the_rate_are_refused_by_name_and_the_connection_lives() {
    let node = TestNode::start(&[("limits.session_rate", "1/s burst 10")]).await;
    let agent = node.license().agent(1).logs_in_away().await;
    let ids: Vec<_> = (0..40).map(|_| agent.begin("ping", json!({}))).collect();
    let mut refused = 0;
    for id in &ids {
        // Each is answered under its own request id.
        if let Err(error) = agent.answer(id).await {
            assert_eq!(error.kind, "too_many_requests");
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
    loop {
        if agent.ask("list_chats", json!({})).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn connections_that_never_log_in_are_closed() {
    let node = TestNode::start(&[("rtm.login_timeout", "1s"), ("limits.ip_login_rate", "off")]).await;
    let door = Door::of(node.link());
    let before = sockets(node.pid());
    let mut waiting = Vec::new();
    for _ in 0..200 {
        waiting.push(upgraded(&door, None).await);
    }
    for (number, wire) in waiting.iter_mut().enumerate() {
        // Whether or not it says something that is no login.
        if number.is_multiple_of(2) {
            wire.write_all(&frame(TEXT, LAST)).await.expect("sent");
        }
    }
    for mut wire in waiting {
        let came = read_to_end(&mut wire, LIMIT).await;
        assert_ne!(came.end, End::Open);
        let told = texts(&came.bytes).pop().expect("why");
        assert_eq!(
            (&told["action"], &told["payload"]["reason"]),
            (&json!("agent_disconnected"), &json!("connection_timeout"))
        );
    }
    wait_until("the end of their sockets", &node, || sockets(node.pid()) <= before).await;
    has_not_panicked(&node);
    serves_a_chat(&node).await;
}
