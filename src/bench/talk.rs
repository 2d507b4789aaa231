//! A chat as the load generator sees it: what was sent, who got it, and when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot};

use super::audit::{Acked, Evidence, Findings, examine};
use super::client::{Answer, Client, PATIENCE, Watcher};
use super::error::BenchError;
use super::record::Recorder;
use super::wire::{self, Seen};

/// The lanes that every scenario with messages has: to each other party, to the sender's answer, to the last of many
/// readers.
pub(super) const LANES: &[&str] = &["push", "ack", "last reader"];
const PUSH: usize = 0;
const ACK: usize = 1;
const LAST_READER: usize = 2;

/// Arrivals that wait for a driver; one of a closed loop waits for one.
const ARRIVALS: usize = 16;
/// A refused sender waits this long before the next message.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);
/// Pushes that are under way when the load ends get this long to arrive.
const STRAGGLERS: Duration = Duration::from_secs(5);

/// A message that is on its way to its readers.
struct Expected {
    sender: usize,
    intended: Instant,
    readers_left: usize,
}

/// A message whose answer is still to come.
pub(super) struct Posted {
    number: u32,
    intended: Instant,
    answer: oneshot::Receiver<Answer>,
}

/// One chat with all its parties.
pub(super) struct Talk {
    pub(super) chat: String,
    recorder: Arc<Recorder>,
    /// What each party got, in order.
    got: Vec<Mutex<Vec<Seen>>>,
    /// What those got who are no party, but came for a while, in order.
    visitors: Mutex<BTreeMap<usize, Vec<Seen>>>,
    expected: Mutex<HashMap<u32, Expected>>,
    /// Numbers of messages that all readers have.
    arrived: mpsc::Sender<u32>,
    acknowledged: Mutex<Vec<Acked>>,
}

impl Talk {
    /// A chat of so many sockets; the receiver gets the number of each message that all others have.
    pub(super) fn new(
        chat: String,
        parties: usize,
        recorder: Arc<Recorder>,
    ) -> (Arc<Self>, mpsc::Receiver<u32>) {
        let (arrived, arrivals) = mpsc::channel(ARRIVALS);
        let talk = Self {
            chat,
            recorder,
            got: (0..parties).map(|_| Mutex::default()).collect(),
            visitors: Mutex::default(),
            expected: Mutex::default(),
            arrived,
            acknowledged: Mutex::default(),
        };
        (Arc::new(talk), arrivals)
    }

    /// A party got a message.
    pub(super) fn saw(&self, party: usize, seen: Seen, at: Instant) {
        self.got[party].lock().push(seen);
        let Some(number) = seen.number else { return };
        let mut expected = self.expected.lock();
        let Some(message) = expected.get_mut(&number) else { return };
        if message.sender == party {
            return;
        }
        self.recorder.took(PUSH, at.duration_since(message.intended));
        message.readers_left = message.readers_left.saturating_sub(1);
        if message.readers_left == 0 {
            if self.got.len() > 2 {
                self.recorder.took(LAST_READER, at.duration_since(message.intended));
            }
            expected.remove(&number);
            // A driver of an open loop does not wait for arrivals; one of a closed loop has one message under way.
            let _nobody_waits = self.arrived.try_send(number);
        }
    }

    /// Somebody who is no party got a message, or was shown it as they came (`at` is none).
    pub(super) fn visitor_saw(&self, visitor: usize, seen: Seen, at: Option<Instant>) {
        self.visitors.lock().entry(visitor).or_default().push(seen);
        let Some(number) = seen.number else { return };
        let mut expected = self.expected.lock();
        // A party's message that no other party waits for is the visitor's to wait for.
        let is_theirs = |message: &Expected| message.readers_left == 0 && message.sender < self.got.len();
        if expected.get(&number).is_some_and(is_theirs)
            && let Some(message) = expected.remove(&number)
            && let Some(at) = at
        {
            self.recorder.took(PUSH, at.duration_since(message.intended));
        }
    }

    /// Sends a message that was meant to be sent at a given moment; the answer is for [`Self::answered`]. Messages
    /// leave in the order of these calls.
    pub(super) async fn post(
        &self,
        client: &Client,
        sender: usize,
        number: u32,
        intended: Instant,
        size: usize,
    ) -> Result<Posted, String> {
        let readers_left = self.got.len().saturating_sub(1);
        self.expected.lock().insert(number, Expected { sender, intended, readers_left });
        let sent = client.send("send_event", wire::message(&self.chat, number, size)).await;
        let answer = sent.map_err(|error| error.to_string())?;
        Ok(Posted { number, intended, answer })
    }

    /// Waits for the answer to a message.
    pub(super) async fn answered(&self, posted: Posted) -> Result<(), String> {
        let Posted { number, intended, answer } = posted;
        let answer = match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => return Err("the connection ended".to_owned()),
            Err(_) => return Err(format!("no answer in {PATIENCE:?}")),
        };
        let id = answer.result.and_then(|payload| {
            wire::event_id(&payload).ok_or_else(|| "an answer without an event's id".to_owned())
        });
        match id {
            Ok(id) => {
                self.recorder.took(ACK, answer.at.duration_since(intended));
                self.recorder.done();
                self.acknowledged.lock().push(Acked { number, id });
                Ok(())
            }
            Err(error) => {
                self.expected.lock().remove(&number);
                Err(error)
            }
        }
    }

    /// Sends one message and waits until it is acknowledged and all readers have it. False if it was refused.
    pub(super) async fn say(
        &self,
        client: &Client,
        sender: usize,
        number: u32,
        arrivals: &mut mpsc::Receiver<u32>,
        size: usize,
    ) -> bool {
        let posted = self.post(client, sender, number, Instant::now(), size).await;
        let done = match posted {
            Ok(posted) => self.answered(posted).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.recorder.failed(&error);
            tokio::time::sleep(AFTER_REFUSAL).await;
            return false;
        }
        let arrival = async { while arrivals.recv().await.is_some_and(|arrived| arrived != number) {} };
        if tokio::time::timeout(PATIENCE, arrival).await.is_err() {
            self.recorder.failed("a push did not come");
        }
        true
    }

    /// Two parties talk in turns, one message in flight, until the recorder stops.
    pub(super) async fn converse(
        self: Arc<Self>,
        clients: [Client; 2],
        mut arrivals: mpsc::Receiver<u32>,
        size: usize,
    ) {
        let mut number = 0;
        while !self.recorder.is_stopped() {
            number += 1;
            let sender = (number % 2) as usize;
            self.say(&clients[sender], sender, number, &mut arrivals, size).await;
        }
    }

    /// Waits until every party has what was acknowledged, for a while.
    async fn settle(&self) {
        let until = Instant::now() + STRAGGLERS;
        let complete = || {
            let wanted = self.acknowledged.lock().len();
            self.got.iter().all(|got| got.lock().len() >= wanted)
        };
        while !complete() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Compares what was acknowledged with what each party got and with what is stored, as an agent reads it.
    pub(super) async fn audit(&self, reader: &Client, senders: u32) -> Result<Findings, BenchError> {
        self.settle().await;
        let stored = stored(reader, &self.chat).await?;
        let acknowledged = self.acknowledged.lock().clone();
        let readers = self.got.iter().map(|got| got.lock().clone()).collect();
        let visitors = self.visitors.lock().values().cloned().collect();
        Ok(examine(&Evidence { acknowledged, readers, visitors, stored, senders }))
    }
}

/// The messages of all threads of a chat, oldest first.
pub(super) async fn stored(reader: &Client, chat: &str) -> Result<Vec<Seen>, BenchError> {
    let mut found = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let payload = match &page {
            Some(page) => serde_json::json!({ "chat_id": chat, "page_id": page }),
            None => serde_json::json!({ "chat_id": chat, "sort_order": "asc" }),
        };
        let answer = reader.ask("list_threads", payload.to_string()).await?;
        let (threads, next) = wire::threads(&answer)
            .map_err(|error| BenchError::Refused { doing: "list_threads", error: error.to_string() })?;
        found.extend(threads.into_iter().flatten());
        match next {
            Some(next) => page = Some(next),
            None => return Ok(found),
        }
    }
}

/// Which chats a socket takes part in, and as which party; grows while the socket lives.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<RwLock<HashMap<String, Place>>>);

type Place = (Arc<Talk>, usize);

impl Places {
    /// From now on the socket is a party of this chat.
    pub(super) fn take(&self, talk: &Arc<Talk>, party: usize) {
        self.0.write().insert(talk.chat.clone(), (talk.clone(), party));
    }
}

/// Hands messages to the chats of a socket.
pub(super) struct Listener {
    pub(super) places: Places,
    pub(super) recorder: Arc<Recorder>,
}

impl Watcher for Listener {
    fn push(&mut self, action: &str, payload: &str, at: Instant) {
        if action != "incoming_event" {
            return;
        }
        let Some((chat, seen)) = wire::incoming_event(payload) else { return };
        if let Some((talk, party)) = self.places.0.read().get(&*chat) {
            talk.saw(*party, seen, at);
        }
    }

    fn closed(&mut self) {
        if !self.recorder.is_stopped() {
            self.recorder.failed("the server ended a connection");
        }
    }
}
