//! What one address may have of what all share. A proxy that is believed says who asks.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::door::{Came, Door, Wire, frame, frames, read_to_end};
use crate::support::{LIMIT, TestLicense, TestNode, eventually};

/// The proxy is where the tests run.
const TRUSTED: (&str, &str) = ("server.trusted_proxies", "127.0.0.0/8");

/// The header by which the proxy names a client; none for a proxy that does not.
fn from(client: Option<&str>) -> String {
    client.map(|client| format!("X-Forwarded-For: {client}\r\n")).unwrap_or_default()
}

/// A websocket of a client that does not log in, and was not refused.
async fn waits(door: &Door, client: Option<&str>) -> Wire {
    let mut wire = door.upgraded_with("/v3.6/agent/rtm/ws", &from(client)).await;
    asks(&mut wire, json!({ "action": "ping" })).await;
    wire
}

/// Asks for something and waits for its answer.
async fn asks(wire: &mut Wire, request: Value) {
    wire.write_all(&frame(0x81, request.to_string())).await.expect("sent");
    let mut bytes = Vec::new();
    loop {
        let texts = frames(&bytes).into_iter().filter(|(opcode, _)| *opcode == 1);
        let texts: Vec<String> = texts.map(|(_, text)| String::from_utf8(text).expect("text")).collect();
        if texts.iter().any(|text| text.contains("\"response\"") && text.contains("\"success\":true")) {
            return;
        }
        assert!(wire.read_buf(&mut bytes).await.expect("an answer") > 0, "refused: {texts:?}");
    }
}

/// Whether a client's websocket is ended as one too many.
async fn is_too_many(door: &Door, client: Option<&str>) -> bool {
    let mut wire = door.upgraded_with("/v3.6/agent/rtm/ws", &from(client)).await;
    wire.write_all(&frame(0x88, "")).await.expect("sent");
    read_to_end(&mut wire, LIMIT).await.text().contains("too_many_unauthorized_connections")
}

#[tokio::test]
async fn one_address_has_a_share_of_the_sessions_without_login() {
    let node = TestNode::start(&[("limits.ip_unauthorized_sessions", "3"), TRUSTED]).await;
    let door = Door::of(node.link());
    let mut held = Vec::new();
    for client in ["192.0.2.1", "2001:db8:0:1::1"] {
        for _ in 0..3 {
            held.push(waits(&door, Some(client)).await);
        }
    }
    for (client, is_refused) in [
        (Some("192.0.2.1"), true),
        (Some("192.0.2.2"), false),
        (Some("2001:db8:0:1:ffff::2"), true),
        (Some("2001:db8:0:2::1"), false),
    ] {
        assert_eq!(is_too_many(&door, client).await, is_refused, "{client:?}");
    }
    // A proxy that does not say who asks speaks for anybody.
    for _ in 0..4 {
        held.push(waits(&door, None).await);
    }
    let login = json!({ "action": "login", "payload": { "token": node.license().agent(1).token } });
    asks(&mut held[0], login).await;
    held.push(waits(&door, Some("192.0.2.1")).await);
    assert!(is_too_many(&door, Some("192.0.2.1")).await, "whoever logged in has made room for one");
    held.clear();
    eventually("there is room again", async || {
        if is_too_many(&door, Some("192.0.2.1")).await { Err("refused".to_owned()) } else { Ok(()) }
    })
    .await;
}

/// Tokens that are made up, and the paths at which they are shown, all at once.
async fn made_up(door: &Door, count: usize) -> Vec<String> {
    let paths = ["/v3.6/agent/action/list_chats", "/v3.6/agent/action/upload_file", "/reports/routing"];
    let asked = (0..count).map(|number| async move {
        let path = paths[number % paths.len()];
        let method = if path.starts_with("/reports") { "GET" } else { "POST" };
        let header = format!("Authorization: Bearer made-up-{number}\r\n");
        door.request(method, path, &header, b"{}").await.error()
    });
    futures_util::future::join_all(asked).await
}

#[tokio::test]
async fn an_address_that_makes_tokens_up_is_held_back_and_tokens_that_are_known_are_not() {
    let node = TestNode::start(&[("limits.ip_login_rate", "1/s burst 1")]).await;
    let door = Door::of(node.link());
    let license = node.license();
    let lists = async |agent: usize| {
        let answer = license.agent(agent).web().ask("list_chats", json!({})).await;
        answer.map(drop).map_err(|error| error.kind)
    };
    eventually("a token is known", async || lists(1).await).await;
    let told = made_up(&door, 60).await;
    assert!(told.iter().any(|error| error == "too_many_requests"), "{told:?}");
    assert!(
        told.iter().all(|error| ["authentication", "too_many_requests"].contains(&error.as_str())),
        "{told:?}"
    );
    let (told, known) = tokio::join!(made_up(&door, 60), async {
        let mut answers = Vec::new();
        for _ in 0..10 {
            answers.push(lists(1).await);
        }
        answers
    });
    assert!(told.iter().any(|error| error == "too_many_requests"), "{told:?}");
    assert_eq!(known, vec![Ok(()); 10]);
    // One that was not seen yet is asked to come back, and is good then.
    eventually("a token is known", async || {
        let listed = lists(2).await;
        assert!(listed.as_ref().err().is_none_or(|error| error == "too_many_requests"), "{listed:?}");
        listed
    })
    .await;
    assert!(!node.link().log().contains("made-up"), "tokens stand in no log");
}

/// The beginning of an upload of so many bytes.
fn upload(license: &TestLicense, client: &str, length: usize) -> Vec<u8> {
    let head = format!(
        "POST /v3.6/agent/action/upload_file HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n{}\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {length}\r\n\r\n",
        license.agent(1).token,
        from(Some(client))
    );
    head.into_bytes()
}

const BEGIN: &str = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n";

/// A file that is sent at once.
async fn uploads(door: &Door, license: &TestLicense, client: &str) -> Came {
    let body = format!("{BEGIN}some text\r\n--B--\r\n");
    door.exchange([upload(license, client, body.len()), body.into_bytes()].concat()).await
}

/// A file of which some comes every now and then, until the server ends it.
fn drips(door: &Door, head: Vec<u8>, piece: usize) -> JoinHandle<Came> {
    let door = door.clone();
    tokio::spawn(async move {
        let (mut reader, mut writer) = tokio::io::split(door.connect().await);
        let dripping = async {
            drop(writer.write_all(&[head, BEGIN.into()].concat()).await);
            while writer.write_all(&vec![b'a'; piece]).await.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            came = read_to_end(&mut reader, LIMIT) => came,
            () = dripping => unreachable!("it waits for ever"),
        }
    })
}

#[tokio::test]
async fn one_address_has_a_share_of_the_uploads() {
    let node = TestNode::start(&[("limits.ip_uploads", "2"), ("limits.session_rate", "off"), TRUSTED]).await;
    let door = Door::of(node.link());
    let license = node.license();
    let mut slow: Vec<JoinHandle<Came>> = Vec::new();
    eventually("both hold a slot", async || {
        // One that came when there was none is refused.
        slow.retain(|one| !one.is_finished());
        while slow.len() < 2 {
            slow.push(drips(&door, upload(&license, "192.0.2.1", 9_000_000), 8 * 1024));
        }
        let came = uploads(&door, &license, "192.0.2.1").await;
        if came.error() == "too_many_requests" { Ok(()) } else { Err(came.text()) }
    })
    .await;
    let other = uploads(&door, &license, "192.0.2.2").await;
    assert_eq!(other.status(), 200, "{}", other.text());
    slow.into_iter().for_each(|slow| slow.abort());
    eventually("there is room again", async || {
        let came = uploads(&door, &license, "192.0.2.1").await;
        if came.status() == 200 { Ok(()) } else { Err(came.text()) }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_hardly_comes_is_not_waited_for() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let came = drips(&door, upload(&node.license(), "192.0.2.1", 1_000_000), 1).await.expect("an answer");
    assert_eq!((came.status(), came.error().as_str()), (504, "request_timeout"), "{}", came.text());
    assert!(came.body().contains("too slowly"), "{}", came.text());
}
