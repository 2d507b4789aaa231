//! A customer and an agent who talk at the same time, whatever happens to the nodes: who loses the connection or gets no answer
//! comes back through the next door and says the same again, under the same `custom_id`. Neither waits for the other: while one
//! hangs on a node that others have replaced, the other may talk to the chat's new owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::bench::audit::Acked;
use crate::bench::client::{Client, Watcher};
use crate::bench::dice::Dice;
use crate::bench::error::BenchError;
use crate::bench::target::{AgentCredentials, Customer, Target};
use crate::bench::wire::{self, Seen};

/// A client that waits longer than this for an answer leaves and comes back. A take-over is shorter: who is asked by a node
/// that others have replaced meanwhile still listens.
const PATIENCE: Duration = Duration::from_secs(8);
/// After a refusal or a lost connection.
const PAUSE: Duration = Duration::from_millis(100);
/// A message that is not acknowledged in this time, on a cluster that was healed meanwhile, is given up.
const GIVE_UP: Duration = Duration::from_secs(120);
/// How long a connection is used on average before its side comes again through another door, as people do who reload a
/// page. Without that all would end at the node that was not disturbed last.
const STAY: Duration = Duration::from_secs(10);
/// What a session wants to be told.
const PUSHES: &[&str] = &["incoming_event"];

/// What all pairs count together.
#[derive(Default)]
pub(super) struct Tally {
    /// Requests without a good answer: refused, unanswered, or cut off.
    pub(super) disturbed: AtomicU64,
    /// Messages that were said more than once until they were acknowledged.
    pub(super) repeated: AtomicU64,
    /// Messages that were never acknowledged.
    pub(super) given_up: AtomicU64,
    /// Refusals that no client can come round, in the server's words.
    pub(super) surprises: Mutex<Vec<String>>,
}

/// What one connection was told of its chat, from its login to its end.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Whose it is: a place among the [`SIDES`].
    pub(super) side: usize,
    /// When its login began.
    pub(super) since: Instant,
    /// Messages, in the order in which they came.
    pub(super) seen: Vec<Seen>,
    /// When each of them came.
    pub(super) at: Vec<Instant>,
    /// Whether it has ended.
    pub(super) is_over: bool,
}

/// The sides of a chat. Each numbers every other message.
pub(super) const SIDES: u32 = 2;

/// A message's acknowledgement.
#[derive(Clone, Copy)]
struct Answer {
    acked: Acked,
    wait: Wait,
}

/// How long somebody waited for something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) from: Instant,
    pub(super) to: Instant,
}

/// A chat as both sides saw it.
pub(super) struct PairLog {
    pub(super) chat: String,
    /// Each side's messages, in the order in which they were said.
    acknowledged: [Mutex<Vec<Answer>>; SIDES as usize],
    streams: Mutex<Vec<Stream>>,
    /// Logins of those who came again through another door though nothing was wrong with theirs.
    logins: Mutex<Vec<Wait>>,
}

impl PairLog {
    fn new(chat: String) -> Self {
        Self { chat, acknowledged: Default::default(), streams: Mutex::default(), logins: Mutex::default() }
    }

    /// What every connection was told.
    pub(super) fn streams(&self) -> Vec<Stream> {
        self.streams.lock().clone()
    }

    /// What both sides were told to be said.
    pub(super) fn acknowledged(&self) -> Vec<Acked> {
        self.acknowledged
            .iter()
            .flat_map(|side| side.lock().iter().map(|answer| answer.acked).collect::<Vec<_>>())
            .collect()
    }

    /// How long each side waited for each of its messages to be acknowledged.
    pub(super) fn waits(&self) -> impl Iterator<Item = Vec<Wait>> {
        self.acknowledged.iter().map(|side| side.lock().iter().map(|answer| answer.wait).collect())
    }

    /// How long those waited who came again through another door though nothing was wrong with theirs.
    pub(super) fn logins(&self) -> Vec<Wait> {
        self.logins.lock().clone()
    }

    /// Whether both sides got an answer after a moment.
    pub(super) fn goes_on(&self, moment: Instant) -> bool {
        self.acknowledged.iter().all(|side| side.lock().last().is_some_and(|last| last.wait.to >= moment))
    }

    /// Whether all connections that are open were told of the last messages that were acknowledged.
    pub(super) fn is_settled(&self) -> bool {
        let last: Vec<Answer> =
            self.acknowledged.iter().filter_map(|side| side.lock().last().copied()).collect();
        self.streams.lock().iter().filter(|stream| !stream.is_over && !stream.seen.is_empty()).all(|stream| {
            let due = last.iter().filter(|answer| answer.wait.to > stream.since);
            due.map(|answer| answer.acked.id).all(|id| stream.seen.iter().rev().any(|seen| seen.id == id))
        })
    }
}

struct Ear {
    log: Arc<PairLog>,
    stream: usize,
}

impl Watcher for Ear {
    fn push(&mut self, action: &str, payload: &str, at: Instant) {
        if action != "incoming_event" {
            return;
        }
        if let Some((chat, seen)) = wire::incoming_event(payload)
            && chat == self.log.chat
        {
            let stream = &mut self.log.streams.lock()[self.stream];
            stream.seen.push(seen);
            stream.at.push(at);
        }
    }

    fn closed(&mut self) {
        self.log.streams.lock()[self.stream].is_over = true;
    }
}

/// Hears nothing: for the moment before there is a chat.
struct Deaf;

impl Watcher for Deaf {
    fn push(&mut self, _: &str, _: &str, _: Instant) {}
}

enum Who {
    Agent(AgentCredentials),
    Customer(Customer),
}

/// A connection that is used.
struct Open {
    client: Client,
    /// Its place in the log.
    stream: usize,
    /// When its side comes again through another door.
    until: Instant,
}

/// One side of a chat, with its connection while there is one.
struct Side {
    target: Arc<Target>,
    tally: Arc<Tally>,
    log: Arc<PairLog>,
    /// Its place in the log.
    place: usize,
    who: Who,
    open: Option<Open>,
    dice: Dice,
}

/// A customer and an agent in a chat.
pub(super) struct Pair {
    pub(super) log: Arc<PairLog>,
    /// The agent comes last.
    sides: [Side; SIDES as usize],
}

impl Pair {
    /// The agent opens the chat and brings a new customer along, so that no router chooses. A cluster that was ready
    /// a moment ago may still move shards to its newest node, so this is tried again as a client would.
    pub(super) async fn open(
        target: Arc<Target>,
        tally: Arc<Tally>,
        index: usize,
    ) -> Result<Self, BenchError> {
        let begin = Instant::now();
        loop {
            match Self::try_to_open(target.clone(), tally.clone(), index).await {
                Err(BenchError::Refused { error, .. }) if is_passing(&error) && begin.elapsed() < GIVE_UP => {
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn try_to_open(target: Arc<Target>, tally: Arc<Tally>, index: usize) -> Result<Self, BenchError> {
        let agent = target.agents(index + 1)?[index].clone();
        let customer = target.new_customer(index).await?;
        // A customer is known from the first login on.
        drop(target.customer(&customer, PUSHES, Deaf).await?);
        let opener = target.agent(&agent, PUSHES, false, Deaf).await?;
        let users = serde_json::json!({ "chat": { "users": [{ "id": customer.id, "type": "customer" }] } });
        let started = opener.ask("start_chat", users.to_string()).await?;
        let chat = wire::member(&started, "chat_id")
            .ok_or(BenchError::Refused { doing: "start_chat", error: started })?;
        let log = Arc::new(PairLog::new(chat));
        let mut place = 0;
        let sides = [Who::Customer(customer), Who::Agent(agent)].map(|who| {
            let dice = Dice::new((index * SIDES as usize + place) as u64);
            let (target, tally, log) = (target.clone(), tally.clone(), log.clone());
            place += 1;
            Side { target, tally, log, place: place - 1, who, open: None, dice }
        });
        Ok(Self { log, sides })
    }

    /// Both talk until told to stop. They listen on afterwards.
    pub(super) async fn talk(mut self, think: Duration, is_over: Arc<AtomicBool>) -> Self {
        let [customer, agent] = &mut self.sides;
        // Both listen from the beginning.
        customer.connect().await;
        agent.connect().await;
        tokio::join!(customer.talk(think, &is_over), agent.talk(think, &is_over));
        self
    }

    /// A connection of the agent's, who can read the chat. None if there is none for a long time: what the last fault left
    /// behind, and everybody who reads at the same moment, may cost more than one attempt.
    pub(super) async fn reader(&mut self) -> Option<Client> {
        let from = Instant::now();
        while from.elapsed() < GIVE_UP {
            if let Some(client) = self.sides[1].connect().await {
                return Some(client);
            }
        }
        None
    }
}

impl Side {
    async fn talk(&mut self, think: Duration, is_over: &AtomicBool) {
        let mut number = self.place as u32;
        while !is_over.load(Ordering::Acquire) {
            if !think.is_zero() {
                tokio::time::sleep(self.dice.gap(1.0 / think.as_secs_f64())).await;
            }
            number += SIDES;
            if !self.say(number).await {
                break;
            }
        }
    }

    /// Says a message until it is acknowledged. False if that will not come.
    async fn say(&mut self, number: u32) -> bool {
        let mut from = Instant::now();
        if self.is_to_move() && self.connect().await.is_some() {
            // What coming through another door costs is no silence of the chat.
            let to = Instant::now();
            self.log.logins.lock().push(Wait { from, to });
            from = to;
        }
        let payload = wire::repeatable_message(&self.log.chat, number);
        let mut tries = 0;
        while from.elapsed() < GIVE_UP {
            tries += 1;
            let Some(client) = self.connect().await else { continue };
            match answer(&client, &payload).await {
                Some(Ok(id)) => {
                    self.tally.repeated.fetch_add(u64::from(tries > 1), Ordering::Relaxed);
                    let wait = Wait { from, to: Instant::now() };
                    self.log.acknowledged[self.place]
                        .lock()
                        .push(Answer { acked: Acked { number, id }, wait });
                    return true;
                }
                Some(Err(error)) if is_passing(&error) => self.pause().await,
                Some(Err(error)) => {
                    let chat = &self.log.chat;
                    self.tally.surprises.lock().push(format!("{chat}, message {number}: {error}"));
                    return false;
                }
                None => {
                    self.leave();
                    self.pause().await;
                }
            }
        }
        self.tally.given_up.fetch_add(1, Ordering::Relaxed);
        false
    }

    async fn pause(&self) {
        self.tally.disturbed.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }

    fn leave(&mut self) {
        if let Some(open) = self.open.take() {
            self.log.streams.lock()[open.stream].is_over = true;
        }
    }

    /// Whether its connection is good, and it comes through another door all the same.
    fn is_to_move(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| !self.log.streams.lock()[open.stream].is_over && Instant::now() >= open.until)
    }

    /// Its connection; a new one if it has none. None if that failed for now.
    async fn connect(&mut self) -> Option<Client> {
        if let Some(open) = &self.open
            && !self.log.streams.lock()[open.stream].is_over
            && Instant::now() < open.until
        {
            return Some(open.client.clone());
        }
        self.leave();
        let stream = {
            let mut streams = self.log.streams.lock();
            let since = Instant::now();
            streams.push(Stream {
                side: self.place,
                since,
                seen: Vec::new(),
                at: Vec::new(),
                is_over: false,
            });
            streams.len() - 1
        };
        let ear = Ear { log: self.log.clone(), stream };
        let came = async {
            match &self.who {
                Who::Agent(agent) => self.target.agent(agent, PUSHES, false, ear).await,
                Who::Customer(customer) => self.target.customer(customer, PUSHES, ear).await,
            }
        };
        let came = tokio::time::timeout(PATIENCE, came).await;
        if let Ok(Ok(client)) = came {
            let until = Instant::now() + self.dice.gap(1.0 / STAY.as_secs_f64());
            self.open = Some(Open { client: client.clone(), stream, until });
            return Some(client);
        }
        self.log.streams.lock()[stream].is_over = true;
        self.pause().await;
        None
    }
}

/// The event's id, a refusal, or none where the connection gave no answer.
async fn answer(client: &Client, payload: &str) -> Option<Result<u64, String>> {
    let answer = async { client.send("send_event", payload.to_owned()).await.ok()?.await.ok() };
    let answer = tokio::time::timeout(PATIENCE, answer).await.ok()??;
    Some(answer.result.and_then(|payload| {
        wire::event_id(&payload).ok_or_else(|| "an answer without an event's id".to_owned())
    }))
}

/// Refusals after which the same request may succeed.
fn is_passing(error: &str) -> bool {
    let kind = error.split(':').next().unwrap_or_default();
    [
        "service_unavailable",
        "request_timeout",
        "too_many_requests",
        "internal",
        "pending_requests_limit_reached",
    ]
    .contains(&kind)
}
