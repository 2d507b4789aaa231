//! Files in a bucket: what a start says of it, and what happens while it is away. That files are the same there as in a
//! folder, the tests of files show.

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::files::{got, uploaded};
use crate::support::{NodeWithBucket, Plan, S3Server, SECRET_ACCESS_KEY, TestNode, eventually};

fn small() -> Plan {
    Plan { licenses: 1, ..Plan::default() }
}

/// Waits until the server's log, which is read by another thread, has this.
async fn logged(node: &TestNode, text: &str) {
    eventually(text, async || {
        let log = node.link().log();
        if log.contains(text) { Ok(()) } else { Err(log) }
    })
    .await;
}

#[tokio::test]
async fn a_bucket_that_says_no_ends_the_start_with_the_reason() {
    for (key, value, told) in [
        ("s3.secret_access_key", "another-secret", "SignatureDoesNotMatch"),
        ("s3.bucket", "missing", "NoSuchBucket"),
    ] {
        let mut both = NodeWithBucket::unlaunched(&[], small()).await;
        both.node.set(key, value);
        both.node.launch_unready();
        let status = both.node.ended().await;
        assert!(!status.success());
        for expected in ["uploaded files cannot be kept in the bucket", told] {
            logged(&both.node, expected).await;
        }
        let log = both.node.link().log();
        assert!(!log.contains("another-secret") && !log.contains(SECRET_ACCESS_KEY), "{log}");
    }
}

#[tokio::test]
async fn chats_go_on_while_the_bucket_is_away() {
    let NodeWithBucket { node, s3 } = NodeWithBucket::unlaunched(&[], small()).await;
    let (address, folder) = (s3.address(), node.data_dir().with_file_name("s3"));
    drop(s3);
    node.launch().await;
    logged(&node, "uploads are refused until this can be reached").await;
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let error = customer.web.upload("file", "a.txt", b"text").await.expect_err("the bucket is away");
    assert_eq!((error.kind.as_str(), error.status), ("service_unavailable", Some(503)), "{error:?}");
    let s3 = S3Server::start_at(address, &folder, None);
    let url = uploaded(&customer.web, "a.txt", b"text").await;
    customer.sends(&chat, json!({ "type": "file", "url": url })).await;
    assert_eq!(got(&url).await.2, b"text");
    drop(s3);
    assert_eq!(got(&url).await.0, 503);
    let event = json!({ "type": "file", "url": url });
    let error = customer.refused("send_event", json!({ "chat_id": chat.id, "event": event })).await;
    assert_eq!(error.kind, "service_unavailable", "{error:?}");
    customer.sends(&chat, json!({ "type": "message", "text": "still there" })).await;
    let log = node.link().log();
    let id = url.rsplit('/').nth(1).expect("an id");
    assert!(
        !log.contains(SECRET_ACCESS_KEY) && !log.contains(id),
        "whoever reads the log reads no files: {log}"
    );
}

#[tokio::test]
async fn an_upload_that_stops_half_way_leaves_nothing() {
    let NodeWithBucket { node, s3 } = NodeWithBucket::with(&[], small()).await;
    let login = node.license().agent(1);
    let mut socket =
        tokio::net::TcpStream::connect(node.base().trim_start_matches("http://")).await.expect("a node");
    let head = format!(
        "POST /v3.6/agent/action/upload_file HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nContent-Type: \
         multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n--b\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"a\"\r\n\r\n",
        login.token
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket.write_all(&[b'x'; 500_000]).await.expect("sent");
    drop(socket);
    uploaded(&login.web(), "whole.txt", b"text").await;
    let left = s3.objects();
    assert_eq!(left.len(), 3, "the whole one's mark, data and record: {left:?}");
}
