//! `mixed`: a day in minutes. Customers arrive at random, few at its ends and many in its middle; they wait in the queue,
//! write, think and write again. Agents type and answer, hand some chats over to a colleague, and close the rest.
//!
//! The audit is that of every chat: the customer gets everything, and an agent everything from what they are shown as
//! they come up to the last message that they get.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::{Stage, System};
use crate::bench::audit::Findings;
use crate::bench::client::{Client, Watcher};
use crate::bench::dice::Dice;
use crate::bench::error::BenchError;
use crate::bench::options::MixedOptions;
use crate::bench::record::Recorder;
use crate::bench::report::Round;
use crate::bench::talk::{LANES, Talk};
use crate::bench::wire;

/// The customer is the one party of a talk; agents come and go.
const CUSTOMER: usize = 0;
const AGENT: usize = 1;
/// Lanes beyond those of all scenarios with messages.
const ASSIGNED: usize = LANES.len();
const ARRIVED: usize = LANES.len() + 1;
/// How many times as long as somebody thinks they wait for the other side before they go on by themselves.
const PATIENCE: f64 = 5.0;
/// A pause is looked at so often, since the day may end in it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Share of the arrivals of the middle of the day that come at its ends.
const EARLY_AND_LATE: f64 = 0.25;

/// One customer's chat.
struct Conversation {
    talk: Arc<Talk>,
    /// Agents' messages that the customer has; the customer takes it.
    arrivals: Mutex<Option<mpsc::Receiver<u32>>>,
    customer_spoke: Notify,
    /// The next number of either side: customers' are odd, agents' even.
    next: [AtomicU32; 2],
    is_closed: AtomicBool,
    was_transferred: AtomicBool,
    /// When its start was due; then nothing, once an agent had it.
    due: Mutex<Option<Instant>>,
    given_at: Mutex<Option<Instant>>,
}

impl Conversation {
    fn number(&self, side: usize) -> u32 {
        self.next[side].fetch_add(2, Ordering::Relaxed)
    }

    /// Records how long the customer waited for an agent, as soon as both ends are known.
    fn note_wait(&self, recorder: &Recorder) {
        let mut due = self.due.lock();
        if let (Some(from), Some(at)) = (*due, *self.given_at.lock()) {
            recorder.took(ASSIGNED, at.saturating_duration_since(from));
            *due = None;
        }
    }
}

/// What everybody shares.
struct Day {
    recorder: Arc<Recorder>,
    options: MixedOptions,
    conversations: Mutex<HashMap<String, Arc<Conversation>>>,
    transfers: AtomicU64,
    closed: AtomicU64,
}

impl Day {
    /// The chat, known from whichever side is first.
    fn conversation(&self, chat: &str) -> Arc<Conversation> {
        let mut all = self.conversations.lock();
        let new = || {
            let (talk, arrivals) = Talk::new(chat.to_owned(), 1, self.recorder.clone());
            Arc::new(Conversation {
                talk,
                arrivals: Mutex::new(Some(arrivals)),
                customer_spoke: Notify::new(),
                next: [AtomicU32::new(1), AtomicU32::new(2)],
                is_closed: AtomicBool::new(false),
                was_transferred: AtomicBool::new(false),
                due: Mutex::default(),
                given_at: Mutex::default(),
            })
        };
        all.entry(chat.to_owned()).or_insert_with(new).clone()
    }

    /// Rests for a while; false if the day ended.
    async fn rest(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !self.recorder.is_stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
        false
    }

    /// Somebody thinks: as long as chance has it.
    async fn think(&self, dice: &mut Dice) -> bool {
        self.rest(dice.gap(1.0 / self.options.think)).await
    }

    fn patience(&self) -> Duration {
        Duration::try_from_secs_f64(PATIENCE * self.options.think).unwrap_or(Duration::MAX)
    }

    /// Sends the next message of a side and waits for its answer.
    async fn say(&self, conversation: &Conversation, client: &Client, side: usize) -> bool {
        let (talk, number) = (&conversation.talk, conversation.number(side));
        let said = match talk.post(client, side, number, Instant::now(), self.options.size).await {
            Ok(posted) => talk.answered(posted).await,
            Err(error) => Err(error),
        };
        said.map_err(|error| self.failed(&error)).is_ok()
    }

    /// Asks for something that has to go well.
    async fn ask(&self, client: &Client, action: &'static str, payload: &serde_json::Value) -> bool {
        let done = client.ask(action, payload.to_string()).await;
        done.map_err(|error| self.failed(&error.to_string())).is_ok()
    }

    /// Whoever still types into a chat that the other side has just closed is refused: that is part of every day.
    fn failed(&self, error: &str) {
        if !error.contains("chat_inactive") {
            self.recorder.failed(error);
        }
    }
}

/// An agent's socket.
struct Desk {
    day: Arc<Day>,
    agent: String,
    number: usize,
    given: mpsc::Sender<Arc<Conversation>>,
}

impl Watcher for Desk {
    fn push(&mut self, action: &str, payload: &str, at: Instant) {
        match action {
            "incoming_chat" => {
                let Some((chat, shown)) = wire::chat_given_to(payload, &self.agent) else { return };
                let conversation = self.day.conversation(&chat);
                for seen in shown {
                    conversation.talk.visitor_saw(self.number, seen, None);
                }
                conversation.given_at.lock().get_or_insert(at);
                conversation.note_wait(&self.day.recorder);
                // At the end of the day nobody attends any more.
                if let Err(mpsc::error::TrySendError::Full(_)) = self.given.try_send(conversation) {
                    self.day.recorder.failed("an agent has more chats than anybody can have");
                }
            }
            "incoming_event" => {
                let Some((chat, seen)) = wire::incoming_event(payload) else { return };
                let conversation = self.day.conversation(&chat);
                conversation.talk.visitor_saw(self.number, seen, Some(at));
                if seen.number.is_some_and(|number| number % 2 == 1) {
                    conversation.customer_spoke.notify_one();
                }
            }
            _ => {}
        }
    }

    fn closed(&mut self) {
        if !self.day.recorder.is_stopped() {
            self.day.recorder.failed("the server ended a connection");
        }
    }
}

/// A customer's socket.
struct Visitor(Arc<Day>);

impl Watcher for Visitor {
    fn push(&mut self, action: &str, payload: &str, at: Instant) {
        match action {
            "incoming_event" => {
                let Some((chat, seen)) = wire::incoming_event(payload) else { return };
                self.0.conversation(&chat).talk.saw(CUSTOMER, seen, at);
            }
            "chat_deactivated" => {
                if let Some(chat) = wire::member(payload, "chat_id") {
                    self.0.conversation(&chat).is_closed.store(true, Ordering::Release);
                }
            }
            _ => {}
        }
    }

    fn closed(&mut self) {
        if !self.0.recorder.is_stopped() {
            self.0.recorder.failed("the server ended a connection");
        }
    }
}

/// Runs one round.
pub(in crate::bench) async fn round(stage: &Stage<'_>, options: &MixedOptions) -> Result<Round, BenchError> {
    let system = stage.system;
    let lanes: Vec<&'static str> = LANES.iter().copied().chain(["assigned", "arrived"]).collect();
    let recorder = Arc::new(Recorder::new(&lanes));
    let day = Arc::new(Day {
        recorder: recorder.clone(),
        options: options.clone(),
        conversations: Mutex::default(),
        transfers: AtomicU64::new(0),
        closed: AtomicU64::new(0),
    });
    let line = stage.meter().line("letting the agents in");
    let staff: Arc<Vec<String>> =
        Arc::new(system.target.agents(options.agents)?.iter().map(|agent| agent.id.clone()).collect());
    let mut work = JoinSet::new();
    let mut agents = Vec::new();
    for (number, agent) in system.target.agents(options.agents)?.iter().enumerate() {
        let (given, chats) = mpsc::channel(DESK);
        let desk = Desk { day: day.clone(), agent: agent.id.clone(), number, given };
        let client = system.target.agent(agent, &["incoming_chat", "incoming_event"], false, desk).await?;
        work.spawn(attend(day.clone(), client.clone(), chats, staff.clone(), number));
        agents.push(client);
    }
    line.finish_and_clear();
    let length = stage.timing.warm_up() + stage.timing.time();
    let (mut round, customers) = {
        let arrivals = arrive(system, &day, length);
        let measured = stage.measure(&recorder);
        tokio::join!(measured, arrivals)
    };
    while work.join_next().await.is_some() {}
    let line = stage.meter().line("auditing");
    round.audit = Some(audit(&day, &agents[0]).await?);
    line.finish_and_clear();
    round.errors = recorder.errors();
    drop(customers);
    let waiting = day.conversations.lock().values().filter(|chat| chat.given_at.lock().is_none()).count();
    let mut figure = |name: &str, value: f64| round.figures.insert(name.to_owned(), value);
    figure("chats", day.conversations.lock().len() as f64);
    figure("waiting", waiting as f64);
    figure("transfers", day.transfers.load(Ordering::Relaxed) as f64);
    figure("closed", day.closed.load(Ordering::Relaxed) as f64);
    Ok(round)
}

/// Requests of the one who reads for the audit without an answer; the server refuses the eleventh.
const UNANSWERED: usize = 8;
/// Chats that an agent was given and has not begun with; they begin at once.
const DESK: usize = 1024;

async fn audit(day: &Day, reader: &Client) -> Result<Findings, BenchError> {
    let conversations: Vec<_> = day.conversations.lock().values().cloned().collect();
    let found = stream::iter(&conversations).map(|conversation| conversation.talk.audit(reader, 2));
    found
        .buffer_unordered(UNANSWERED)
        .try_fold(Findings::default(), async |mut all, findings| {
            all.add(&findings);
            Ok(all)
        })
        .await
}

/// Customers come until the day ends. Gives their sockets, which have to stay open until the audit.
async fn arrive(system: &System, day: &Arc<Day>, length: Duration) -> Vec<Client> {
    let (mut dice, begin) = (Dice::new(1), Instant::now());
    let mut due = begin;
    let mut visits = JoinSet::new();
    let mut came = stream::FuturesUnordered::new();
    let mut index = 0;
    let mut customers = Vec::new();
    loop {
        due += dice.gap(day.options.rate);
        let so_far = due.duration_since(begin).as_secs_f64() / length.as_secs_f64().max(1e-3);
        let middle = (std::f64::consts::PI * so_far).sin().powi(2);
        let comes = dice.share() < EARLY_AND_LATE + (1.0 - EARLY_AND_LATE) * middle;
        let is_open = loop {
            tokio::select! {
                open = day.rest(due.saturating_duration_since(Instant::now())) => break open,
                Some(customer) = came.next() => {
                    if let Some((client, conversation)) = customer {
                        customers.push(Client::clone(&client));
                        visits.spawn(visit(day.clone(), client, conversation, index as u64));
                    }
                }
            }
        };
        if !is_open {
            break;
        }
        if comes {
            came.push(enter(system, day, index, due));
            index += 1;
        }
    }
    while let Some(customer) = came.next().await {
        customers.extend(customer.map(|(client, _)| client));
    }
    while visits.join_next().await.is_some() {}
    customers
}

/// A new customer connects, logs in and starts a chat.
async fn enter(
    system: &System,
    day: &Arc<Day>,
    index: usize,
    due: Instant,
) -> Option<(Client, Arc<Conversation>)> {
    let entered = async {
        let customer = system.target.new_customer(index).await?;
        let pushes = &["incoming_event", "chat_deactivated"];
        let client = system.target.customer(&customer, pushes, Visitor(day.clone())).await?;
        let started = client.ask("start_chat", "{}".to_owned()).await?;
        let chat = wire::member(&started, "chat_id");
        let chat = chat.ok_or(BenchError::Refused { doing: "start_chat", error: started })?;
        Ok::<_, BenchError>((client, day.conversation(&chat)))
    };
    match entered.await {
        Ok((client, conversation)) => {
            day.recorder.took(ARRIVED, due.elapsed());
            *conversation.due.lock() = Some(due);
            conversation.note_wait(&day.recorder);
            Some((client, conversation))
        }
        Err(error) => {
            day.recorder.failed(&error.to_string());
            None
        }
    }
}

/// A customer writes, waits for an answer for a while, thinks, and writes again, until the chat is closed.
async fn visit(day: Arc<Day>, client: Client, conversation: Arc<Conversation>, seed: u64) {
    let mut dice = Dice::new(seed + 1_000_000);
    let Some(mut arrivals) = conversation.arrivals.lock().take() else { return };
    let chat = &conversation.talk.chat;
    while !day.recorder.is_stopped() {
        let peek = serde_json::json!({ "chat_id": chat, "sneak_peek_text": "I would like to" });
        if !day.ask(&client, "send_sneak_peek", &peek).await {
            return;
        }
        if !day.say(&conversation, &client, CUSTOMER).await {
            return;
        }
        // Silence is an answer as well.
        let _in_time = tokio::time::timeout(day.patience(), async {
            while !day.recorder.is_stopped() && !conversation.is_closed.load(Ordering::Acquire) {
                if let Ok(arrived) = tokio::time::timeout(LOOK_EVERY, arrivals.recv()).await {
                    return arrived;
                }
            }
            None
        })
        .await;
        if !day.think(&mut dice).await || conversation.is_closed.load(Ordering::Acquire) {
            return;
        }
    }
}

/// An agent attends to every chat that they are given.
async fn attend(
    day: Arc<Day>,
    client: Client,
    mut chats: mpsc::Receiver<Arc<Conversation>>,
    staff: Arc<Vec<String>>,
    number: usize,
) {
    let mut served = JoinSet::new();
    let mut seed = number as u64 + 2_000_000;
    while !day.recorder.is_stopped() {
        if let Ok(Some(conversation)) = tokio::time::timeout(LOOK_EVERY, chats.recv()).await {
            seed += staff.len() as u64;
            let colleague = staff[(number + 1) % staff.len()].clone();
            served.spawn(serve(day.clone(), client.clone(), conversation, colleague, Dice::new(seed)));
        }
        while served.try_join_next().is_some() {}
    }
    while served.join_next().await.is_some() {}
}

/// Answers the customer some times, then hands the chat over, or closes it.
async fn serve(
    day: Arc<Day>,
    client: Client,
    conversation: Arc<Conversation>,
    colleague: String,
    mut dice: Dice,
) {
    let chat = &conversation.talk.chat;
    let answers = 1 + dice.gap(1.0 / day.options.answers.max(1e-3)).as_secs_f64() as u32;
    for _ in 0..answers {
        // A customer who says nothing is asked again.
        let _in_time = tokio::time::timeout(day.patience(), async {
            while !day.recorder.is_stopped() {
                let spoke = tokio::time::timeout(LOOK_EVERY, conversation.customer_spoke.notified());
                if spoke.await.is_ok() {
                    return;
                }
            }
        })
        .await;
        let typing = serde_json::json!({ "chat_id": chat, "is_typing": true });
        if day.recorder.is_stopped() || !day.ask(&client, "send_typing_indicator", &typing).await {
            return;
        }
        if !day.think(&mut dice).await || !day.say(&conversation, &client, AGENT).await {
            return;
        }
    }
    let hands_over = day.options.agents > 1 && dice.share() < day.options.transfers;
    if hands_over && !conversation.was_transferred.swap(true, Ordering::Relaxed) {
        let target = serde_json::json!({ "type": "agent", "ids": [colleague] });
        let transfer =
            serde_json::json!({ "id": chat, "target": target, "ignore_agents_availability": true });
        if day.ask(&client, "transfer_chat", &transfer).await {
            day.transfers.fetch_add(1, Ordering::Relaxed);
        }
    } else if day.ask(&client, "deactivate_chat", &serde_json::json!({ "id": chat })).await {
        day.closed.fetch_add(1, Ordering::Relaxed);
    }
}
