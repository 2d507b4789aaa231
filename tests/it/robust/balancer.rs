//! HAProxy before a node, with the very configuration that `docs/cluster.md` shows.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{NodeLink, Push, Session, TestNode, eventually};

/// Debian has it where only root's path leads.
const PROGRAMS: [&str; 2] = ["haproxy", "/usr/sbin/haproxy"];
/// Sessions of the node: told one a second, all of them take longer than HAProxy needs to give a node up.
const SESSIONS: usize = 6;

/// HAProxy as a child process. Dropping it ends it.
struct Haproxy {
    url: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Haproxy {
    fn before(node: &TestNode) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let path = folder.path().join("haproxy.cfg");
        std::fs::write(&path, settings(port, node)).expect("the settings");
        let start = |program: &&str| {
            let mut haproxy = Command::new(program);
            haproxy.arg("-db").arg("-f").arg(&path).stdin(Stdio::null()).spawn().ok()
        };
        let child = PROGRAMS.iter().find_map(start).expect("HAProxy is missing: apt-get install haproxy");
        Self { url: format!("http://127.0.0.1:{port}"), child, _folder: folder }
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// What the document shows, for this node alone.
fn settings(port: u16, node: &TestNode) -> String {
    let document = std::fs::read_to_string("docs/cluster.md").expect("the document");
    let shown = document.split("```haproxy\n").nth(1).and_then(|rest| rest.split("```").next());
    let shown = shown.expect("an example for HAProxy");
    let base = node.base();
    let address = base.trim_start_matches("http://");
    let mut lines: Vec<String> = Vec::new();
    for line in shown.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["bind", _] => lines.push(format!("    bind 127.0.0.1:{port}")),
            ["server", "node-1", _] => lines.push(format!("    server node-1 {address}")),
            ["server", ..] => {}
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn behind_haproxy_a_stop_tells_every_session_to_come_back_by_and_by() {
    let settings = [("server.drain_rate", "1"), ("server.drain_timeout", "60s")];
    let node = TestNode::start(&settings).await;
    let haproxy = Haproxy::before(&node);
    let link = NodeLink::by_way_of(haproxy.url.clone());
    eventually("HAProxy has found the node", async || {
        let answer =
            reqwest::get(format!("{}/readyz", haproxy.url)).await.map_err(|error| error.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
    })
    .await;
    let agent = node.license().agent(1);
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let session = Session::open("agent", &format!("session {number}"), &link, "").await;
        session.call("login", json!({ "token": agent.token, "away": true })).await;
        sessions.push(session);
    }
    node.signal("TERM");
    let told = async |session: &Session| {
        let is_told =
            |push: &Push| push.action == "agent_disconnected" && push.payload["reason"] == "internal_error";
        session.until("is told to come back", |inbox| inbox.pushes.iter().any(is_told).then_some(())).await;
    };
    let each = sessions.iter().map(|session| Box::pin(told(session)));
    futures_util::future::select_all(each).await;
    // While some have been told others are served as ever.
    let mut served = 0;
    for session in &sessions {
        let answer = session.ask_if_open("list_routing_statuses", json!({})).await;
        served += usize::from(answer.is_some_and(|answer| answer.is_ok()));
    }
    assert!(served > 0, "all were told at once");
    for session in &sessions {
        told(session).await;
    }
    assert!(node.ended().await.success(), "{}", node.link().log_tail());
}
