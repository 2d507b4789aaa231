//! Many who talk at once, and what must be true of what they said.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::door::Door;
use super::talker::{Login, Talker};
use super::vitals::wait_until;
use crate::support::{AgentLogin, LIMIT, TestLicense, TestNode};

/// Several talkers, each with a chat.
pub(crate) struct Crowd {
    talkers: Vec<Talker>,
    progress: Arc<AtomicU64>,
    hush: Arc<AtomicBool>,
}

impl Crowd {
    pub(crate) async fn gather(node: &TestNode, license: &TestLicense, count: usize) -> Self {
        let door = Door::of(node.link());
        let progress = Arc::<AtomicU64>::default();
        let mut talkers = Vec::new();
        for _ in 0..count {
            let customer = license.customer().await;
            let login = Login::customer(&customer.organization, &customer.token);
            talkers.push(Talker::start(&door, login, progress.clone()).await);
        }
        Self { talkers, progress, hush: Arc::default() }
    }

    /// All talk until their connections end, or until they are hushed and everything is acknowledged.
    fn talks(&mut self) -> Vec<JoinHandle<Talker>> {
        self.hush.store(false, Ordering::Relaxed);
        let talk = |mut talker: Talker| {
            let hush = self.hush.clone();
            tokio::spawn(async move {
                talker.talk(|| hush.load(Ordering::Relaxed)).await;
                talker
            })
        };
        self.talkers.drain(..).map(talk).collect()
    }

    /// All talk; after so many acknowledgements something is done to the server.
    pub(crate) async fn talk_until(&mut self, more: u64, node: &TestNode, then: impl AsyncFnOnce()) {
        let goal = self.progress.load(Ordering::Relaxed) + more;
        let tasks = self.talks();
        wait_until("their talk", node, || self.progress.load(Ordering::Relaxed) >= goal).await;
        then().await;
        for task in tasks {
            self.talkers.push(task.await.expect("a talker"));
        }
    }

    /// All talk, and fall silent after so many acknowledgements, once everything that they said is acknowledged.
    pub(crate) async fn talk_and_fall_silent(&mut self, more: u64, node: &TestNode) {
        let hush = self.hush.clone();
        self.talk_until(more, node, async || hush.store(true, Ordering::Relaxed)).await;
    }

    /// All come back and say again what was not acknowledged, until everything is.
    pub(crate) async fn come_back(&mut self, node: &TestNode) {
        let began = Instant::now();
        loop {
            let door = Door::of(node.link());
            for talker in &mut self.talkers {
                talker.reconnect(&door).await;
            }
            let tasks = self.talks();
            self.hush.store(true, Ordering::Relaxed);
            for task in tasks {
                self.talkers.push(task.await.expect("a talker"));
            }
            // One who was refused hung up, and tries again.
            if self.talkers.iter().all(Talker::has_said_all) {
                return;
            }
            assert!(began.elapsed() < LIMIT, "not everything was taken\n{}", node.link().log_tail());
        }
    }

    /// Acknowledgements so far, of all of them.
    pub(crate) fn progress(&self) -> Arc<AtomicU64> {
        self.progress.clone()
    }

    /// Those who talk.
    pub(crate) fn talkers(&self) -> &[Talker] {
        &self.talkers
    }

    /// Every chat holds what was acknowledged, once and in order; its head and the list of chats agree with it.
    pub(crate) async fn check(&self, agent: &AgentLogin) {
        let listed = agent.web().call("list_chats", json!({ "limit": 100 })).await;
        let listed = listed["chats_summary"].as_array().expect("chats").clone();
        for talker in &self.talkers {
            let events = events(agent, &talker.chat).await;
            talker.check(&events);
            let here: Vec<_> = listed.iter().filter(|chat| chat["id"] == *talker.chat).collect();
            assert_eq!(here.len(), 1, "chat {} is listed once", talker.chat);
            let last = events.iter().rfind(|event| event["type"] == "message").expect("a message");
            let head = &here[0]["last_event_per_type"]["message"]["event"];
            assert_eq!(head["id"], last["id"], "the head of chat {}", talker.chat);
            let shown = agent.web().call("get_chat", json!({ "chat_id": talker.chat })).await;
            let shown = shown["thread"]["events"].as_array().expect("events").clone();
            assert!(events.ends_with(&shown), "get_chat shows the last thread of chat {}", talker.chat);
        }
    }
}

/// All events of a chat, over all its threads, oldest first.
pub(crate) async fn events(agent: &AgentLogin, chat: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut payload = json!({ "chat_id": chat, "limit": 50, "sort_order": "asc" });
    loop {
        let answer = agent.web().call("list_threads", payload).await;
        for thread in answer["threads"].as_array().expect("threads") {
            found.extend(thread["events"].as_array().into_iter().flatten().cloned());
        }
        if answer["next_page_id"].is_null() {
            return found;
        }
        payload = json!({ "chat_id": chat, "page_id": answer["next_page_id"] });
    }
}
