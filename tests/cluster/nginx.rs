//! nginx before the nodes, with the very configuration that `docs/cluster.md` shows.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::SinkExt as _;
use rustix::process::Signal;
use serde_json::json;

use crate::chats::{Socket, agent_of, connect, next};
use crate::harness::{Cluster, Server, until};
use crate::reserved::Reserved;

/// Debian has it where only root's path leads.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// nginx as a child process. Dropping it ends it.
struct Nginx {
    url: String,
    child: Child,
    _folder: tempfile::TempDir,
    _port: Reserved,
}

impl Nginx {
    fn before(nodes: &[&Server]) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let port = Reserved::new();
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, settings(folder.path(), port.port(), nodes)).expect("the settings");
        let start = |program: &&str| {
            let mut nginx = Command::new(program);
            nginx.arg("-p").arg(folder.path()).arg("-c").arg(&path).args(["-e", "stderr"]);
            nginx.stdin(Stdio::null()).spawn().ok()
        };
        let child = PROGRAMS.iter().find_map(start).expect("nginx is missing: apt-get install nginx-light");
        Self { url: format!("http://{}", port.address()), child, _folder: folder, _port: port }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// What the document shows, for these nodes, in what a test needs around it: one process, no root, nothing outside a folder.
fn settings(folder: &Path, port: u16, nodes: &[&Server]) -> String {
    let document = std::fs::read_to_string("docs/cluster.md").expect("the document");
    let shown = document.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut shown =
        shown.expect("an example for nginx").replace("listen 80;", &format!("listen 127.0.0.1:{port};"));
    for (number, node) in nodes.iter().enumerate() {
        let (example, address) =
            (format!("10.0.0.{}:8080", number + 1), node.url.trim_start_matches("http://"));
        assert!(shown.contains(&example), "{example} is not in the example");
        shown = shown.replace(&example, address);
    }
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("{kind}_temp_path {kind};\n")).concat();
    let folder = folder.display();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}{shown}\n}}\n"
    )
}

/// A connection through nginx to some node, logged in.
async fn log_in(url: &str, login: impl Fn() -> tokio_tungstenite::tungstenite::Message) -> Socket {
    loop {
        if let Ok(mut socket) = connect(url).await
            && socket.send(login()).await.is_ok()
            && next(&mut socket).await.is_some_and(|answer| answer["success"] == true)
        {
            return socket;
        }
        // A client tries again; `next` and the nodes bound how long.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_goes_on_through_nginx_when_one_node_stops_and_another_dies() {
    let cluster = Cluster::new().await;
    let mut nodes = [cluster.start("a").await, cluster.start("b").await, cluster.start("c").await];
    cluster.until_owned_by(&nodes.each_ref(), 50).await;
    let agent = agent_of(&cluster).await;
    let nginx = Nginx::before(&nodes.each_ref());
    until("nginx answers", async || reqwest::get(&nginx.url).await.is_ok()).await;

    let mut socket = log_in(&nginx.url, || agent.login()).await;
    let started = agent.does(&nginx.url, "start_chat", json!({ "active": true })).await;
    let chat = started["chat_id"].as_str().expect("an id").to_owned();
    let mut sent = Vec::new();
    let faults = [None, Some(Signal::TERM), Some(Signal::KILL)];
    for (number, fault) in faults.into_iter().enumerate() {
        if let Some(signal) = fault {
            nodes[number].signal(signal);
            nodes[number].ended().await;
        }
        for round in 0..6 {
            let text = format!("message {number} {round}");
            let event = json!({ "type": "message", "text": text, "custom_id": text });
            let send = json!({ "chat_id": chat, "event": event });
            until("a message is taken", async || agent.tries(&nginx.url, "send_event", &send).await.is_ok())
                .await;
            // A connection to a node that is gone ends; all others are told.
            if !heard(&mut socket, &text).await {
                socket = log_in(&nginx.url, || agent.login()).await;
            }
            sent.push(text);
        }
    }
    let found = agent.does(&nginx.url, "get_chat", json!({ "chat_id": chat })).await;
    let events = found["thread"]["events"].as_array().expect("events");
    let texts: Vec<&str> = events.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(texts, sent);
}

/// Waits for a message; false if the connection ended before.
async fn heard(socket: &mut Socket, text: &str) -> bool {
    while let Some(push) = next(socket).await {
        if push["action"] == "incoming_event" && push["payload"]["event"]["text"] == text {
            return true;
        }
    }
    false
}
