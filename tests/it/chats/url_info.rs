//! `get_url_info`: pages of foreign hosts, and addresses that the server must not fetch.

use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use crate::support::{Plan, TestNode, shared};

/// A host that answers each path with a response.
fn host(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0_u8; 2_048];
            let read = stream.read(&mut head).unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            drop(stream.write_all(&answer(&path)));
        }
    });
    base
}

fn ok(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn moved(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

fn picture() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = image::DynamicImage::new_rgb8(800, 400);
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a png");
    bytes.into_inner()
}

#[tokio::test]
async fn a_page_is_described_with_a_small_copy_of_its_picture_that_stays_with_its_message() {
    let node =
        TestNode::with(&[("outgoing.allow_private", "true")], Plan { licenses: 1, ..Plan::default() }).await;
    let page = br#"<html><head><title>Shop &amp; more</title><meta name="description" content="All there is">
        <meta property="og:image" content="/a.png"></head>"#;
    let base = host(move |path| match path {
        "/page" => ok("text/html", page),
        "/old" => moved("/page"),
        "/round" => moved("/round"),
        "/a.png" => ok("image/png", &picture()),
        "/data" => ok("application/json", b"{}"),
        "/endless" => ok("text/html", &vec![b' '; 2_000_000]),
        _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
    });
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    for path in ["/page", "/old"] {
        let info = customer.call("get_url_info", json!({ "url": format!("{base}{path}") })).await;
        assert_eq!((&info["title"], &info["description"]), (&json!("Shop & more"), &json!("All there is")));
        assert_eq!(info["url"], format!("{base}/page"));
        assert_eq!(info["image_original_url"], format!("{base}/a.png"));
        assert_eq!((&info["image_width"], &info["image_height"]), (&json!(200), &json!(100)));
        let copy = reqwest::get(info["image_url"].as_str().expect("an address")).await.expect("an answer");
        assert_eq!(copy.headers()["content-type"], "image/jpeg");
    }
    // However the event gets the copy: with its sending, later, or as one of a thread's first.
    let (mut chat, says) = (None, json!({ "type": "message", "text": "look" }));
    for way in ["first", "sent", "later"] {
        let info = customer.call("get_url_info", json!({ "url": format!("{base}/page") })).await;
        let details = json!({ "url_details": { "image_url": info["image_url"], "title": "Shop" } });
        let mut event = says.clone();
        event["properties"] = details.clone();
        match (&chat, way) {
            (Some(chat), "sent") => drop(customer.sends(chat, event).await),
            (Some(chat), _) => {
                let event = customer.sends(chat, says.clone()).await;
                let target = json!({ "chat_id": chat.id, "thread_id": chat.thread_id, "event_id": event, "properties": details });
                customer.call("update_event_properties", target).await;
            }
            (None, _) => {
                chat = Some(customer.starts_chat_like(json!({ "thread": { "events": [event] } })).await);
            }
        }
        let url = info["image_url"].as_str().expect("an address");
        let folder = node.data_dir().join(url.split('/').skip(3).take(3).collect::<Vec<_>>().join("/"));
        assert!(folder.join("kept").exists(), "{way}: {}", folder.display());
    }
    let endless = customer.web.call("get_url_info", json!({ "url": format!("{base}/endless") })).await;
    assert!(endless.get("title").is_none());
    for path in ["/round", "/data", "/nothing"] {
        let refused = customer.refused("get_url_info", json!({ "url": format!("{base}{path}") })).await;
        assert_eq!(refused.kind, "not_found", "{path}");
    }
}

#[tokio::test]
async fn the_servers_own_network_is_not_fetched_whatever_leads_there() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    let base = host(move |_| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ok("text/html", b"<title>secret</title>")
    });
    let port = base.rsplit(':').next().expect("a port");
    for url in [
        base.clone(),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        "ftp://example.com/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "nonsense".to_owned(),
    ] {
        let refused = customer.refused("get_url_info", json!({ "url": url })).await;
        assert_eq!(refused.kind, "validation", "{url}");
        assert!(refused.message.contains("`url`"), "{url}: {}", refused.message);
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 0, "nobody was asked");
}
