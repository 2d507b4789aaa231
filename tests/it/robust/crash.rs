//! Crashes, failing disks and full disks, through the whole server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use serde_json::json;

use super::crowd::{Crowd, events};
use super::door::Door;
use super::talker::{Line, Login};
use super::vitals::{has_not_panicked, serves_a_chat, wait_until};
use crate::support::{Plan, TestNode, eventually};

/// Times that the server is killed.
const KILLS: u64 = 24;
const TALKERS: usize = 6;

#[tokio::test]
async fn what_was_acknowledged_survives_every_sigkill_once_and_in_order() {
    let settings = [("limits.session_rate", "off"), ("chat.thread_inactivity_timeout", "20s")];
    let node = TestNode::with(&settings, Plan { licenses: 2, ..Plan::default() }).await;
    let license = node.license();
    let agent = license.agent(1);
    let mut crowd = Crowd::gather(&node, &license, TALKERS).await;
    for round in 0..KILLS {
        // Early and late in the life of a batch, of a start, of a journal.
        let more = 1 + (round * 37) % 90;
        crowd.talk_until(more, &node, async || node.kill().await).await;
        node.launch().await;
        crowd.come_back(&node).await;
        if round % 6 == 5 {
            crowd.check(&agent).await;
        }
    }
    crowd.check(&agent).await;
    node.kill().await;
    node.launch().await;
    // The timers of the threads survive, too; afterwards customers go on.
    for talker in crowd.talkers() {
        eventually("the end of a silent thread", async || {
            let chat = agent.web().call("get_chat", json!({ "chat_id": talker.chat })).await;
            let thread = &chat["thread"];
            if thread["active"] == false { Ok(()) } else { Err(format!("{} is active", thread["id"])) }
        })
        .await;
    }
    crowd.come_back(&node).await;
    crowd.talk_until(20, &node, async || node.kill().await).await;
    node.launch().await;
    crowd.come_back(&node).await;
    crowd.check(&agent).await;
    serves_a_chat(&node).await;
}

fn strace(pid: u32, rules: &[&str]) -> Child {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()]);
    for rule in rules {
        command.args(["-e", rule]);
    }
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("this test needs strace: apt-get install strace")
}

/// Is another process tracing it?
fn is_traced(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.filter_map(Result::ok).all(|thread| {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    })
}

#[tokio::test]
async fn nothing_is_acknowledged_after_a_failed_sync_and_the_server_stops() {
    let node = TestNode::start(&[("limits.session_rate", "off")]).await;
    let license = node.license();
    let agent = license.agent(1);
    let mut crowd = Crowd::gather(&node, &license, TALKERS).await;
    let pid = node.pid();
    // Whatever was synced before the tracer came is answered before it comes.
    crowd.talk_and_fall_silent(20, &node).await;
    let mut tracer = strace(pid, &["trace=fdatasync", "inject=fdatasync:error=EIO:when=1+"]);
    wait_until("the tracer", &node, || is_traced(pid) || !Path::new(&format!("/proc/{pid}")).exists()).await;
    let progress = crowd.progress();
    let before = progress.load(Ordering::Relaxed);
    crowd.talk_until(0, &node, async || {}).await;
    let status = node.ended().await;
    assert!(!status.success() && status.code().is_some(), "{status}");
    drop(tracer.wait());
    assert_eq!(progress.load(Ordering::Relaxed), before, "acknowledged unsynced");
    let log = node.link().log();
    assert!(log.contains("the store has failed"), "the reason is told:\n{}", node.link().log_tail());
    has_not_panicked(&node);
    node.launch().await;
    crowd.come_back(&node).await;
    crowd.check(&agent).await;
    serves_a_chat(&node).await;
}

/// A small file system of its own.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Self {
        let size = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(at).status();
        let mounted = mounted.is_ok_and(|status| status.success());
        assert!(mounted, "this test mounts a small tmpfs: run it as root");
        Self(at.to_owned())
    }

    /// Makes it larger or smaller; what is on it stays.
    fn resize(&self, size: &str) {
        let size = format!("remount,size={size}");
        let done = Command::new("mount").args(["-o", &size]).arg(&self.0).status();
        assert!(done.is_ok_and(|status| status.success()), "{size}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[tokio::test]
async fn a_full_disk_refuses_sends_and_goes_on_reading_until_there_is_room_again() {
    let node = TestNode::start(&[("limits.session_rate", "off")]).await;
    let license = node.license();
    let agent = license.agent(1);
    let customer = license.customer().await;
    assert!(node.terminate().await.success());
    let aside = node.data_dir().with_extension("aside");
    std::fs::rename(node.data_dir(), &aside).expect("moved");
    std::fs::create_dir(node.data_dir()).expect("a mount point");
    let disk = SmallDisk::mount(node.data_dir(), "4g");
    let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(node.data_dir()).status();
    assert!(copied.is_ok_and(|status| status.success()));
    node.launch().await;
    let door = Door::of(node.link());
    let login = Login::customer(&customer.organization, &customer.token);
    let mut line = Line::open(&door, &login).await;
    let started = line.ask("start_chat", json!({ "active": true })).await.expect("a connection");
    let chat = started["payload"]["chat_id"].as_str().expect("a chat").to_owned();
    let say = |text: &str| json!({ "chat_id": chat, "event": { "type": "message", "text": text, "custom_id": text } });
    let before = line.ask("send_event", say("before")).await.expect("a connection");
    assert_eq!(before["success"], true, "{before}");
    // The store keeps a reserve for its own upkeep, so the disk is full to it before it is full.
    disk.resize("400m");
    let refused = eventually("a refusal", async || {
        let answer = line.ask("send_event", say("while it is full")).await.expect("a connection");
        if answer["success"] == false { Ok(answer) } else { Err(answer.to_string()) }
    })
    .await;
    assert_eq!(refused["payload"]["error"]["type"], "service_unavailable", "{refused}");
    // Reads go on, over both transports, for those who are there and for those who come.
    let read = events(&agent, &chat).await;
    assert!(read.iter().any(|event| event["text"] == "before"), "{read:?}");
    assert_eq!(
        line.ask("get_chat", json!({ "chat_id": chat })).await.expect("a connection")["success"],
        true
    );
    let came = agent.logs_in_away().await;
    came.call("list_chats", json!({})).await;
    disk.resize("4g");
    let after = eventually("an acknowledgement", async || {
        let answer = line.ask("send_event", say("after")).await.expect("a connection");
        if answer["success"] == true { Ok(answer) } else { Err(answer.to_string()) }
    })
    .await;
    let read = events(&agent, &chat).await;
    let texts: Vec<_> = read.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(texts.iter().filter(|text| **text == "after").count(), 1, "{texts:?}");
    assert!(read.iter().any(|event| event["id"] == after["payload"]["event_id"]));
    serves_a_chat(&node).await;
    assert!(node.terminate().await.success());
    drop(node);
    drop(disk);
}
