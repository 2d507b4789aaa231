//! Files: taken in, shown by events, given out; and what is refused. The same in a folder and in a bucket.

use serde_json::{Value, json};

use crate::support::{NodeWithBucket, Plan, TestNode, Web, shared, shared_with_bucket};

/// A picture of 2 × 3 pixels.
const GIF: &[u8] = b"GIF89a\x02\x00\x03\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff";

/// A node that keeps files in a folder, and one that keeps them in a bucket.
async fn nodes() -> [&'static TestNode; 2] {
    [shared().await, &shared_with_bucket().await.node]
}

pub(super) async fn uploaded(web: &Web, name: &str, bytes: &[u8]) -> String {
    let answer = web.upload("file", name, bytes).await;
    let answer = answer.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    answer["url"].as_str().expect("an address").to_owned()
}

pub(super) async fn got(url: &str) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let response = reqwest::get(url).await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.expect("a body").to_vec())
}

#[tokio::test]
async fn a_file_that_either_side_uploads_and_sends_is_seen_by_both() {
    for node in nodes().await {
        seen_by_both_on(node).await;
    }
}

async fn seen_by_both_on(node: &TestNode) {
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.joins(&chat).await;
    for (web, session, other) in
        [(&customer.web, &customer.session, &agent.session), (&agent.web, &agent.session, &customer.session)]
    {
        let url = uploaded(web, "cat ż.gif", GIF).await;
        let event = json!({ "type": "file", "url": url, "alternative_text": "a cat" });
        session.call("send_event", json!({ "chat_id": chat.id, "event": event })).await;
        let push = other.expect_push("incoming_event", |push| push["event"]["type"] == "file").await;
        let event = &push["event"];
        assert_eq!((&event["name"], &event["content_type"]), (&json!("cat ż.gif"), &json!("image/gif")));
        assert_eq!(
            (&event["width"], &event["height"], &event["size"]),
            (&json!(2), &json!(3), &json!(GIF.len()))
        );
        assert_eq!(event["alternative_text"], "a cat");
        let (status, headers, bytes) = got(event["url"].as_str().expect("an address")).await;
        assert_eq!((status, bytes.as_slice()), (200, GIF));
        assert_eq!(headers["content-type"], "image/gif");
        session.forget_pushes().await;
    }
    let url = uploaded(&customer.web, "a.gif", GIF).await;
    customer.deactivates(&chat).await;
    let thread = json!({ "events": [{ "type": "file", "url": url }] });
    let again = customer.starts_chat_like(json!({ "thread": thread })).await;
    let read = agent.reads(&again).await;
    assert_eq!(read["thread"]["events"][0]["content_type"], "image/gif", "initial events are settled, too");
}

#[tokio::test]
async fn what_people_upload_never_runs_on_this_origin() {
    for node in nodes().await {
        never_runs_on(node).await;
    }
}

async fn never_runs_on(node: &TestNode) {
    let web = node.license().agent(1).web();
    for (name, bytes, kind, how) in [
        ("cat.gif", GIF, "image/gif", "inline"),
        ("cat.gif", &b"<!DOCTYPE html><script>alert(1)</script>"[..], "text/html", "attachment"),
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain", "attachment"),
        ("x.js", b"alert(1)", "text/plain", "attachment"),
    ] {
        let url = uploaded(&web, name, bytes).await;
        let (status, headers, _) = got(&url).await;
        let header = |name: &str| headers[name].to_str().expect("text").to_owned();
        assert_eq!(status, 200);
        assert_eq!(header("content-type"), kind, "{name}");
        assert!(header("content-disposition").starts_with(how), "{name}: {}", header("content-disposition"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    }
}

#[tokio::test]
async fn programs_and_what_is_no_upload_are_refused() {
    for node in nodes().await {
        refused_on(node).await;
    }
}

async fn refused_on(node: &TestNode) {
    let web = node.license().agent(1).web();
    for (part, bytes, named) in [
        ("file", &b"MZ\x90\0\x03\0\0\0"[..], "file"),
        ("file", b"#!/bin/sh\n", "file"),
        ("file", b"", "file"),
        ("other", b"text", "file"),
    ] {
        let error = web.upload(part, "a.png", bytes).await.expect_err("no file");
        assert_eq!((error.kind.as_str(), error.status), ("validation", Some(400)), "{error:?}");
        assert!(error.message.contains(named), "{error:?}");
    }
    assert_eq!(web.refused("upload_file", json!({})).await.kind, "validation");
    let error = web.with_token("Bearer nonsense").upload("file", "a", b"text").await.expect_err("nobody");
    assert_eq!(error.kind, "authentication");
    assert_eq!(web.upload("file", "a", b"text").await.map(|answer| answer.is_object()), Ok(true));
}

#[tokio::test]
async fn a_file_has_a_limit_that_a_license_may_have_of_its_own() {
    let (settings, plan) = ([("file.max_size", "64KiB")], || Plan { licenses: 1, ..Plan::default() });
    let node = TestNode::with(&settings, plan()).await;
    limited(&node).await;
    // What was refused left nothing.
    let left = walk(&node.data_dir().join("files"));
    assert_eq!(left.iter().filter(|path| path.ends_with("/data")).count(), 2, "{left:?}");
    assert_eq!(left.len(), 6, "{left:?}");
    let both = NodeWithBucket::with(&settings, plan()).await;
    limited(&both.node).await;
    assert_eq!(both.s3.objects().len(), 6, "{:?}", both.s3.objects());
}

async fn limited(node: &TestNode) {
    let license = node.license();
    for web in [license.agent(1).web(), license.customer().await.web()] {
        uploaded(&web, "fits", &vec![b'x'; 64 * 1024]).await;
        let error = web.upload("file", "too large", &vec![b'x'; 64 * 1024 + 1]).await.expect_err("too large");
        assert_eq!((error.kind.as_str(), error.status), ("entity_too_large", Some(413)));
    }
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn only_a_file_of_one_s_own_license_can_be_sent() {
    for node in nodes().await {
        only_own_on(node).await;
    }
}

async fn only_own_on(node: &TestNode) {
    let (license, other) = (node.license(), node.license());
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let foreign = uploaded(&other.agent(1).web(), "a.txt", b"text").await;
    let own = uploaded(&customer.web, "a.txt", b"text").await;
    let guessed = own.replace(own.rsplit('/').nth(1).expect("an id"), &"0".repeat(32));
    for url in
        [foreign.as_str(), guessed.as_str(), "https://cdn.example/a.png", "http://127.0.0.1/files/x/y/z"]
    {
        let event = json!({ "type": "file", "url": url });
        let error = customer.refused("send_event", json!({ "chat_id": chat.id, "event": event })).await;
        assert!(error.kind == "validation" && error.message.contains("event.url"), "{url}: {error:?}");
    }
    assert_eq!(got(&guessed).await.0, 404);
    let event: Value = json!({ "type": "file", "url": own });
    customer.call("send_event", json!({ "chat_id": chat.id, "event": event })).await;
}

#[tokio::test]
async fn a_picture_has_small_copies_and_a_file_that_is_none_has_not() {
    for node in nodes().await {
        small_copies_on(node).await;
    }
}

async fn small_copies_on(node: &TestNode) {
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let mut png = std::io::Cursor::new(Vec::new());
    let picture = image::DynamicImage::new_rgba8(1_000, 500);
    picture.write_to(&mut png, image::ImageFormat::Png).expect("a png");
    let url = uploaded(&customer.web, "wide.png", png.get_ref()).await;
    customer.sends(&chat, json!({ "type": "file", "url": url })).await;
    let event = customer.expect_push("incoming_event", |push| push["event"]["type"] == "file").await;
    for (key, width, height) in [("thumbnail_url", 160, 80), ("thumbnail2x_url", 320, 160)] {
        let (status, headers, bytes) = got(event["event"][key].as_str().expect("an address")).await;
        assert_eq!((status, &headers["content-type"]), (200, &"image/png".parse().expect("a type")));
        assert_eq!(headers["content-security-policy"], "default-src 'none'; sandbox");
        let copy = image::load_from_memory(&bytes).expect("a picture");
        assert_eq!((copy.width(), copy.height()), (width, height));
    }
    let url = uploaded(&customer.web, "a.txt", b"hello").await;
    customer.sends(&chat, json!({ "type": "file", "url": url })).await;
    let event = customer.expect_push("incoming_event", |push| push["event"]["name"] == "a.txt").await;
    assert!(event["event"].get("thumbnail_url").is_none());
    let copy = url.replace("/files/", "/thumbnails/").replace("a.txt", "1x");
    assert_eq!(got(&copy).await.0, 404);
    let strange = url.replace("/files/", "/thumbnails/").replace("a.txt", "9x");
    assert_eq!(got(&strange).await.0, 404);
}
