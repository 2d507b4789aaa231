//! `route`: customers arrive at random and start chats; agents of a bounded capacity get them, serve them for a while,
//! and close them. Measures the time from a start to the agent who gets it, and audits the capacity.
//!
//! The verdict does not depend on the pace of the machine: load begins once the server is seen to route (after a start it
//! first looks for open chats), and the end waits for as long as the queue moves.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Stage;
use super::chat::OPENING;
use crate::bench::client::{Client, Watcher};
use crate::bench::dice::Dice;
use crate::bench::error::BenchError;
use crate::bench::options::RouteOptions;
use crate::bench::record::Recorder;
use crate::bench::report::Round;
use crate::bench::talk::{Listener, Places};
use crate::bench::wire;

const ASSIGNED: usize = 0;
const STARTED: usize = 1;

/// A chat of which one side is known: when its start was due, or when an agent got it.
enum Half {
    Due(Instant),
    Given(Instant),
}

/// What all agents share.
struct Office {
    recorder: Arc<Recorder>,
    halves: Mutex<HashMap<String, Half>>,
    /// Chats that an agent got.
    given: AtomicU64,
    /// How often an agent had more than the limit.
    over: AtomicU64,
    limit: i64,
}

/// A queue that does not move for this long is stuck.
const STUCK: Duration = Duration::from_secs(10);
/// A server may look for open chats for this long after its start.
const RECOVERY: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Office {
    fn due(&self, chat: &str, due: Instant) {
        let mut halves = self.halves.lock();
        match halves.remove(chat) {
            Some(Half::Given(at)) => self.recorder.took(ASSIGNED, at.duration_since(due)),
            _ => drop(halves.insert(chat.to_owned(), Half::Due(due))),
        }
    }

    fn given(&self, chat: &str, at: Instant) {
        let mut halves = self.halves.lock();
        match halves.remove(chat) {
            Some(Half::Due(due)) => self.recorder.took(ASSIGNED, at.duration_since(due)),
            _ => drop(halves.insert(chat.to_owned(), Half::Given(at))),
        }
    }

    /// Chats that were started and that nobody got.
    fn waiting(&self) -> usize {
        self.halves.lock().values().filter(|half| matches!(half, Half::Due(_))).count()
    }

    /// Chats that an agent got more than once, or that nobody has started.
    fn unexplained(&self) -> usize {
        self.halves.lock().values().filter(|half| matches!(half, Half::Given(_))).count()
    }

    /// Waits until agents got more chats than so many; false if they do not for so long.
    async fn gives_more_than(&self, before: u64, time: Duration) -> bool {
        let until = Instant::now() + time;
        while self.given.load(Ordering::Acquire) <= before {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }

    /// Waits until everybody who waits got an agent, for as long as the queue moves.
    async fn drain(&self) {
        loop {
            let before = self.given.load(Ordering::Acquire);
            if self.waiting() == 0 || !self.gives_more_than(before, STUCK).await {
                return;
            }
        }
    }
}

/// One agent's desk.
struct Desk {
    office: Arc<Office>,
    agent: String,
    serves: Arc<AtomicI64>,
    chats: mpsc::Sender<String>,
}

impl Watcher for Desk {
    fn push(&mut self, action: &str, payload: &str, at: Instant) {
        if action != "incoming_chat" {
            return;
        }
        let Some((chat, _)) = wire::chat_given_to(payload, &self.agent) else { return };
        if self.serves.fetch_add(1, Ordering::SeqCst) >= self.office.limit {
            self.office.over.fetch_add(1, Ordering::Relaxed);
        }
        self.office.given(&chat, at);
        self.office.given.fetch_add(1, Ordering::Release);
        // There is room for as many as the agent may have; those beyond are counted above and are served by nobody. An
        // agent who has left serves nobody either.
        let _beyond = self.chats.try_send(chat);
    }
}

/// Runs one round.
pub(in crate::bench) async fn round(stage: &Stage<'_>, options: &RouteOptions) -> Result<Round, BenchError> {
    let system = stage.system;
    let recorder = Arc::new(Recorder::new(&["assigned", "started"]));
    let office = Arc::new(Office {
        recorder: recorder.clone(),
        halves: Mutex::default(),
        given: AtomicU64::new(0),
        over: AtomicU64::new(0),
        limit: i64::from(options.capacity),
    });
    let line = stage.meter().line("letting everybody in");
    let hold = Duration::try_from_secs_f64(options.hold).unwrap_or_default();
    let mut desks = Vec::new();
    for agent in system.target.agents(options.agents)? {
        let (chats, given) = mpsc::channel(options.capacity.max(1) as usize);
        let serves = Arc::new(AtomicI64::new(0));
        let desk = Desk { office: office.clone(), agent: agent.id.clone(), serves: serves.clone(), chats };
        let client = system.target.agent(agent, &["incoming_chat"], false, desk).await?;
        desks.push(tokio::spawn(serve(client, given, serves, recorder.clone(), hold)));
    }
    let time = stage.timing.warm_up() + stage.timing.time();
    let count = (time.as_secs_f64() * options.rate * 1.3) as usize + 10;
    let customers = stream::iter(0..count).map(|index| {
        let recorder = recorder.clone();
        async move {
            let customer = system.target.new_customer(index).await?;
            let listener = Listener { places: Places::default(), recorder };
            system.target.customer(&customer, &["incoming_event"], listener).await
        }
    });
    let mut customers: Vec<Client> = customers.buffer_unordered(OPENING).try_collect().await?;
    line.finish_and_clear();
    let line = stage.meter().line("waiting for the first assignment");
    if let Some(first) = customers.pop() {
        let begin = Instant::now();
        let started = first.ask("start_chat", "{}".to_owned()).await?;
        if !office.gives_more_than(0, RECOVERY).await {
            recorder.failed("nobody got the first chat");
        }
        office.due(&wire::member(&started, "chat_id").unwrap_or_default(), begin);
    }
    line.finish_and_clear();
    let arrivals = tokio::spawn(arrive(customers, office.clone(), options.rate));
    let mut round = stage.measure(&recorder).await;
    let line = stage.meter().line("serving the queue");
    let arrived = arrivals.await;
    if arrived.is_err() {
        recorder.failed("the arrivals ended early");
    }
    office.drain().await;
    line.finish_and_clear();
    desks.iter().for_each(tokio::task::JoinHandle::abort);
    round.errors = recorder.errors();
    round.figures.insert("waiting".to_owned(), office.waiting() as f64);
    round.figures.insert("assigned".to_owned(), office.given.load(Ordering::Relaxed) as f64);
    round.figures.insert("unexplained".to_owned(), office.unexplained() as f64);
    round.figures.insert("over_capacity".to_owned(), office.over.load(Ordering::Relaxed) as f64);
    Ok(round)
}

/// Customers start chats, as far apart as chance has it.
/// Gives their sockets: a customer who leaves is another story.
async fn arrive(customers: Vec<Client>, office: Arc<Office>, rate: f64) -> Vec<Client> {
    let mut dice = Dice::new(1);
    let mut due = Instant::now();
    let mut starts = JoinSet::new();
    let mut all = Vec::new();
    for customer in customers {
        due += dice.gap(rate);
        tokio::time::sleep_until(due.into()).await;
        if office.recorder.is_stopped() {
            break;
        }
        all.push(customer.clone());
        let (office, due) = (office.clone(), due);
        starts.spawn(async move {
            match customer.ask("start_chat", "{}".to_owned()).await {
                Ok(answer) => {
                    office.recorder.took(STARTED, due.elapsed());
                    office.recorder.done();
                    if let Some(chat) = wire::member(&answer, "chat_id") {
                        office.due(&chat, due);
                    }
                }
                Err(error) => office.recorder.failed(&error.to_string()),
            }
        });
    }
    while starts.join_next().await.is_some() {}
    all
}

/// An agent closes each chat after a while.
async fn serve(
    client: Client,
    mut given: mpsc::Receiver<String>,
    serves: Arc<AtomicI64>,
    recorder: Arc<Recorder>,
    hold: Duration,
) {
    let mut closing = JoinSet::new();
    while let Some(chat) = given.recv().await {
        let (client, serves, recorder) = (client.clone(), serves.clone(), recorder.clone());
        closing.spawn(async move {
            tokio::time::sleep(hold).await;
            // The place is free when the server closes the chat, which is before its answer is here.
            serves.fetch_sub(1, Ordering::SeqCst);
            let closed = client.ask("deactivate_chat", serde_json::json!({ "id": chat }).to_string()).await;
            if let Err(error) = closed {
                recorder.failed(&error.to_string());
            }
        });
        while closing.try_join_next().is_some() {}
    }
}
