//! Bad HTTP: answered in the protocol's words or refused by status, and the server goes on.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::door::{Door, End, read_to_end};
use super::vitals::{serves_a_chat, sockets, wait_until};
use crate::support::TestNode;

const LIST: &str = "/v3.6/agent/action/list_chats";

#[tokio::test]
async fn what_is_no_http_is_refused_and_closed() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let long = "a".repeat(200_000);
    let many = (0..300).map(|n| format!("X{n}: a\r\n")).collect::<String>();
    let post = format!("POST {LIST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 random\r\n\r\n".to_vec(), 400),
        ("NULs", [&[0; 100][..], b"\r\n\r\n"].concat(), 400),
        ("10 MB of nothing", vec![0; 10_000_000], 400),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 400),
        ("a huge header", format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n").into_bytes(), 431),
        ("a huge path", format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes(), 431),
        ("many headers", format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").into_bytes(), 431),
        ("a NUL in a header", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_vec(), 400),
        ("no host", b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(), 400),
        ("two lengths", format!("{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab").into_bytes(), 400),
        ("a negative length", format!("{post}Content-Length: -5\r\n\r\n").into_bytes(), 400),
        (
            "length and chunks",
            format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").into_bytes(),
            400,
        ),
        ("a bad chunk", format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n").into_bytes(), 400),
    ];
    for (what, bytes, status) in cases {
        let came = door.exchange(&bytes).await;
        assert_ne!(came.end, End::Open, "{what}");
        // Where more was sent than was read, a reset may overtake the answer.
        let lost = came.end == End::Reset && came.bytes.is_empty();
        assert!(lost || came.status() == status, "{what}: {}", came.text());
    }
    serves_a_chat(&node).await;
    let log = node.link().log();
    assert!(!log.contains("ERROR"), "clients' faults are not the server's:\n{log}");
}

#[tokio::test]
async fn an_upload_ends_where_it_can_hold_no_file_any_more() {
    let node = TestNode::start(&[("file.max_size", "64KiB")]).await;
    let door = Door::of(node.link());
    let license = node.license();
    let customer = license.customer().await;
    let head = format!(
        "POST /v3.6/customer/action/upload_file?organization_id={} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000000000\r\n\r\n",
        license.organization(),
        customer.token
    );
    let part = "--B\r\nContent-Disposition: form-data; name=\"";
    // None of this belongs to a file, and all of it would have to be held to find where one begins.
    for (what, begins) in [
        ("a line before the parts", String::new()),
        ("a part's head", part.to_owned()),
        ("many parts of nothing", format!("{part}a\"\r\n\r\n\r\n").repeat(3_000)),
    ] {
        let came = door.exchange([head.as_bytes(), begins.as_bytes(), &[b'a'; 200_000]].concat()).await;
        assert_ne!(came.end, End::Open, "{what}");
        assert_eq!(
            (came.status(), came.error().as_str()),
            (413, "entity_too_large"),
            "{what}: {}",
            came.text()
        );
    }
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn paths_that_are_not_there_are_not_found() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let paths = [
        "/assets/../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/assets/..%5c..%5cetc%5cpasswd",
        "/assets/%252e%252e/etc/passwd",
        "/assets//etc/passwd",
        "/assets/%ff%00",
        "//etc/passwd",
        "/%00",
        "*",
        "/v3.6/robot/action/list_chats",
        "/v3.6%2fagent/action/list_chats",
        "/v3.6/agent/action/%ff",
        "/v3.6/agent/action/..%2f..%2fetc",
        "/v3.6/agent/action/",
        "/v3.6/agent/action/list_chats/",
        "/v3.6/agent/action/no_such_method",
        "/v3.6//agent/action/list_chats",
        "/v3.6/robot/rtm/ws",
        "/metrics/../v3.6/agent/action/list_chats",
    ];
    for path in paths {
        for method in ["GET", "POST"] {
            let came = door.request(method, path, "", b"").await;
            assert_eq!((came.status(), came.error().as_str()), (404, "not_found"), "{method} {path}");
            assert_eq!(came.end, End::Closed, "{method} {path}");
        }
    }
    for path in
        ["/v9.9/agent/action/list_chats", "/v3.6.1/agent/action/list_chats", "/v/agent/action/list_chats"]
    {
        let came = door.request("POST", path, "", b"").await;
        assert!(came.status() == 400 || came.status() == 404, "{path}: {}", came.text());
        assert!(["unsupported_version", "not_found"].contains(&came.error().as_str()), "{path}");
    }
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn wrong_methods_are_refused() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    for method in ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO"] {
        let came = door.request(method, LIST, "", b"{}").await;
        assert_eq!((came.status(), came.error().as_str()), (404, "not_found"), "{method}");
    }
    let came = door.request("GET", "/v3.6/agent/action/send_event", "", b"{}").await;
    assert_eq!((came.status(), came.error().as_str()), (400, "validation"), "{}", came.text());
    for path in
        ["/v3.6/agent/rtm/ws", "/v3.6/customer/rtm/ws?organization_id=00000000-0000-0000-0000-000000000000"]
    {
        let came = door.request("GET", path, "", b"").await;
        assert_eq!(
            (came.status(), came.error().as_str()),
            (400, "validation"),
            "no upgrade: {}",
            came.text()
        );
    }
    let came = door.request("POST", "/v3.6/agent/rtm/ws", "", b"").await;
    assert_eq!(came.status(), 404);
    serves_a_chat(&node).await;
}

#[tokio::test]
async fn bad_bodies_are_answered_in_the_protocols_words() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let token = node.license().agent(1).token;
    let headers = format!("Authorization: {token}\r\nContent-Type: application/json\r\n");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("no JSON", b"{]x".to_vec(), 400, "validation"),
        ("a list", b"[]".to_vec(), 400, "validation"),
        ("a number", b"1".to_vec(), 400, "validation"),
        ("two documents", b"{} {}".to_vec(), 400, "validation"),
        ("invalid UTF-8", b"{\"a\":\"\xff\"}".to_vec(), 400, "validation"),
        ("a NUL", b"{\"a\":\"\0\"}".to_vec(), 400, "validation"),
        ("half a surrogate pair", br#"{"page_id":"\ud800"}"#.to_vec(), 400, "validation"),
        ("a wrong type", br#"{"limit":"ten"}"#.to_vec(), 400, "validation"),
        ("a huge number", br#"{"limit":1e999}"#.to_vec(), 400, "validation"),
        ("a long number", format!("{{\"limit\":{}}}", "9".repeat(1_000)).into_bytes(), 400, "validation"),
        ("10,000 brackets", deep.into_bytes(), 400, "validation"),
        ("nothing, 900 kB of it", vec![0; 900_000], 400, "validation"),
        ("2 MB", vec![b' '; 2_000_000], 413, "entity_too_large"),
        ("10 MB", vec![0; 10_000_000], 413, "entity_too_large"),
    ];
    for (what, body, status, kind) in cases {
        let came = door.request("POST", LIST, &headers, &body).await;
        assert_eq!((came.status(), came.error().as_str()), (status, kind), "{what}: {}", came.text());
        assert_ne!(came.end, End::Open, "{what}");
    }
    let unknown = door.request("POST", LIST, &headers, br#"{"no_such_field":1,"limit":5}"#).await;
    assert_eq!(unknown.status(), 200, "unknown fields are ignored: {}", unknown.text());
    let chunks = format!("POST {LIST} HTTP/1.1\r\nHost: x\r\n{headers}Transfer-Encoding: chunked\r\n\r\n");
    let mut endless = chunks.into_bytes();
    for _ in 0..160 {
        endless.extend_from_slice(b"10000\r\n");
        endless.extend_from_slice(&[0; 65_536]);
        endless.extend_from_slice(b"\r\n");
    }
    let came = door.exchange(&endless).await;
    assert_eq!((came.status(), came.error().as_str()), (413, "entity_too_large"), "{}", came.text());
    assert_ne!(came.end, End::Open, "chunks without an end are not read for ever");
    let mut half = door.connect().await;
    let head = format!("POST {LIST} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 100\r\n\r\n{{\"a\"");
    half.write_all(head.as_bytes()).await.expect("sent");
    half.shutdown().await.expect("half closed");
    let came = read_to_end(&mut half, crate::support::LIMIT).await;
    assert_ne!(came.end, End::Open);
    serves_a_chat(&node).await;
}

/// A head, a body, an upgrade, at a byte a second: each is dropped when its time is over.
#[tokio::test]
async fn slow_senders_are_dropped() {
    let node = TestNode::start(&[]).await;
    let door = Door::of(node.link());
    let before = sockets(node.pid());
    let slow = [
        ("a head", String::new()),
        ("a header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ".to_owned()),
        ("an upgrade", "GET /v3.6/agent/rtm/ws HTTP/1.1\r\nUpgrade: websocket\r\nX-A: ".to_owned()),
        ("a body", format!("POST {LIST} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")),
        ("the code", "POST /console/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n".to_owned()),
        ("a grant", "POST /v2/customer/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".to_owned()),
        ("chunks", format!("POST {LIST} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n")),
    ];
    let all = slow.into_iter().map(|(what, start)| {
        let door = door.clone();
        tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(door.connect().await);
            let dripping = tokio::spawn(async move {
                drop(writer.write_all(start.as_bytes()).await);
                while writer.write_all(b"a").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
            let came = read_to_end(&mut reader, crate::support::LIMIT).await;
            dripping.abort();
            assert_ne!(came.end, End::Open, "{what} at a byte a second is not waited for");
            if !came.bytes.is_empty() {
                assert!([408, 504].contains(&came.status()), "{what}: {}", came.text());
            }
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.expect("dropped");
    }
    wait_until("the end of their sockets", &node, || sockets(node.pid()) <= before).await;
    serves_a_chat(&node).await;
}
