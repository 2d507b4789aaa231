//! One side of a chat: who loses the connection or gets no answer comes back through the next door and says the same again,
//! under the same `custom_id`, but for what is said once. Now and then it closes the thread. Neither side waits for the other:
//! while one hangs on a node that others have replaced, the other may talk to the chat's new owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::log::{Answer, Deeds, Ear, Opening, PairLog, REMOVAL, SIDES, Stream, Wait};
use super::ordeal::Ordeal;
use super::pair::Tally;
use crate::bench::audit::Acked;
use crate::bench::client::Client;
use crate::bench::dice::Dice;
use crate::bench::target::{AgentCredentials, Customer, Target};
use crate::bench::wire;

/// A client that waits longer than this for an answer leaves and comes back. A take-over is shorter: who is asked by a node
/// that others have replaced meanwhile still listens.
const PATIENCE: Duration = Duration::from_secs(8);
/// After a refusal or a lost connection.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// A message that is not acknowledged in this time, on a cluster that was healed meanwhile, is given up.
pub(super) const GIVE_UP: Duration = Duration::from_secs(120);
/// How long a connection is used on average before its side comes again through another door, as people do who reload a
/// page. Without that all would end at the node that was not disturbed last.
const STAY: Duration = Duration::from_secs(10);
/// What a session wants to be told.
pub(super) const PUSHES: &[&str] = &["incoming_event", "incoming_chat", REMOVAL];
/// The share of messages that are said once, without a `custom_id`.
const ONCE: f64 = 0.2;
/// The share of messages before which a side closes the thread.
const CLOSE: f64 = 0.02;
/// The share of closings after which a side opens the next thread by `resume_chat`; else whatever is said next does.
const RESUME: f64 = 0.5;

pub(super) enum Who {
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
pub(super) struct Side {
    target: Arc<Target>,
    tally: Arc<Tally>,
    log: Arc<PairLog>,
    /// Its place in the log.
    place: usize,
    who: Who,
    open: Option<Open>,
    /// What it went through since it began to wait.
    ordeal: Ordeal,
    dice: Dice,
}

/// What became of a request.
enum Fate<T> {
    Done(T),
    /// It was not done, for this reason.
    Refused(String),
    /// Anything may come of it.
    Unknown,
}

impl<T> Fate<T> {
    fn as_text(&self) -> String {
        match self {
            Self::Done(_) => "done".to_owned(),
            Self::Refused(error) => format!("refused: {error}"),
            Self::Unknown => "no answer".to_owned(),
        }
    }
}

/// How to go on after a refusal.
enum Way {
    /// The same may succeed.
    Again,
    /// It never will.
    Never,
}

impl Side {
    pub(super) fn new(
        (target, tally, log): (Arc<Target>, Arc<Tally>, Arc<PairLog>),
        place: usize,
        who: Who,
        seed: u64,
    ) -> Self {
        let ordeal = Ordeal::new(Instant::now());
        Self { target, tally, log, place, who, open: None, ordeal, dice: Dice::new(seed) }
    }

    pub(super) async fn talk(&mut self, think: Duration, is_over: &AtomicBool) {
        let mut number = self.place as u32;
        let mut goes_on = true;
        while goes_on && !is_over.load(Ordering::Acquire) {
            if !think.is_zero() {
                tokio::time::sleep(self.dice.gap(1.0 / think.as_secs_f64())).await;
            }
            let resumes = self.dice.share() < CLOSE && self.close().await && self.dice.share() < RESUME;
            number += SIDES;
            self.did(|deeds| deeds.last_number = number);
            goes_on = if !resumes && self.dice.share() < ONCE {
                self.say_once(number).await
            } else {
                self.log.waits_for(self.place);
                let is_said = self.say(number, resumes).await;
                self.log.waits_no_more(self.place);
                is_said
            };
        }
    }

    /// Says a message until it is acknowledged; first, if so wished, as the beginning of the next thread. False if that will
    /// not come.
    async fn say(&mut self, number: u32, resumes: bool) -> bool {
        let from = self.begin_to_wait().await;
        let opens = wire::resume_with_message(&self.log.chat, number);
        let says = wire::repeatable_message(&self.log.chat, number);
        let mut to_be_opened = resumes;
        let mut tries = 0;
        while from.elapsed() < GIVE_UP {
            let Some(client) = self.connect().await else { continue };
            tries += 1;
            let fate = if std::mem::take(&mut to_be_opened) {
                match ask(&client, "resume_chat", &opens, wire::opened_thread).await {
                    Fate::Done((thread, event)) => {
                        self.did(|deeds| deeds.openings.push(Opening { thread, event }));
                        Fate::Done(event)
                    }
                    // The other side was faster.
                    Fate::Refused(error) if kind(&error) == "validation" => continue,
                    Fate::Refused(error) => Fate::Refused(error),
                    Fate::Unknown => Fate::Unknown,
                }
            } else {
                ask(&client, "send_event", &says, wire::event_id).await
            };
            self.ordeal.note(fate.as_text());
            match fate {
                Fate::Done(id) => {
                    self.tally.repeated.fetch_add(u64::from(tries > 1), Ordering::Relaxed);
                    self.is_acknowledged(number, id, from);
                    return true;
                }
                Fate::Refused(error) => match self.after(&client, number, error).await {
                    Way::Again => {}
                    Way::Never => return false,
                },
                Fate::Unknown => self.lose().await,
            }
        }
        self.tally.given_up.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// Says a message once, whatever comes of it. False if nothing more can be said.
    async fn say_once(&mut self, number: u32) -> bool {
        let from = self.begin_to_wait().await;
        let payload = wire::message(&self.log.chat, number, 0);
        let client = loop {
            match self.connect().await {
                Some(client) => break client,
                None if from.elapsed() < GIVE_UP => {}
                None => {
                    self.tally.given_up.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
            }
        };
        let fate = ask(&client, "send_event", &payload, wire::event_id).await;
        match fate {
            Fate::Done(id) => {
                self.did(|deeds| deeds.once.acknowledged += 1);
                self.is_acknowledged(number, id, from);
                true
            }
            Fate::Refused(error) if !is_passing(&error) => {
                self.did(|deeds| {
                    deeds.once.refused += 1;
                    deeds.refused.push(number);
                });
                matches!(self.after(&client, number, error).await, Way::Again)
            }
            unanswered => {
                self.did(|deeds| {
                    deeds.once.unknown += 1;
                    deeds.unknown.push(number);
                });
                self.recover(matches!(unanswered, Fate::Unknown)).await;
                true
            }
        }
    }

    /// Closes the thread, once, if that can be done now. Whether it may be closed by that.
    async fn close(&mut self) -> bool {
        let Some(client) = self.connect().await else { return false };
        if !self.log.begins_to_close() {
            return false;
        }
        let payload = serde_json::json!({ "id": self.log.chat }).to_string();
        let fate = ask(&client, "deactivate_chat", &payload, |_| Some(())).await;
        let is_known = match &fate {
            Fate::Done(()) => true,
            Fate::Refused(error) => !is_passing(error),
            Fate::Unknown => false,
        };
        self.log.has_closed(is_known);
        match fate {
            Fate::Done(()) => {
                self.did(|deeds| deeds.closings.acknowledged += 1);
                true
            }
            Fate::Refused(error) if !is_passing(&error) => {
                self.did(|deeds| deeds.closings.refused += 1);
                // The other side was faster, or has this one not back in the chat yet.
                if !["chat_inactive", "missing_access"].contains(&kind(&error)) {
                    self.is_surprised(&format!("a closing: {error}"));
                }
                false
            }
            unanswered => {
                self.did(|deeds| deeds.closings.unknown += 1);
                self.recover(matches!(unanswered, Fate::Unknown)).await;
                true
            }
        }
    }

    /// A moment from which on this side waits. What coming through another door costs is no silence of the chat.
    async fn begin_to_wait(&mut self) -> Instant {
        let from = Instant::now();
        self.ordeal = Ordeal::new(from);
        if !self.is_to_move() || self.connect().await.is_none() {
            return from;
        }
        let to = Instant::now();
        self.log.logins.lock().push(Wait { from, to });
        self.ordeal = Ordeal::new(to);
        to
    }

    fn is_acknowledged(&self, number: u32, id: u64, from: Instant) {
        let (acked, wait) = (Acked { number, id }, Wait { from, to: Instant::now() });
        self.log.acknowledged[self.place].lock().push(Answer { acked, wait });
        if self.ordeal.is_long() {
            self.log.ordeals.lock().push((self.place, number, self.ordeal.clone()));
        }
    }

    /// Does what helps against a refusal, if anything does.
    async fn after(&mut self, client: &Client, number: u32, error: String) -> Way {
        match (&self.who, kind(&error)) {
            _ if is_passing(&error) => self.pause().await,
            // The customer opened the thread, and the agent is not in it yet.
            (Who::Agent(agent), "missing_access") => {
                let join = serde_json::json!({
                    "chat_id": self.log.chat, "user_id": agent.id, "user_type": "agent", "visibility": "all",
                });
                let fate = ask(client, "add_user_to_chat", &join.to_string(), |_| Some(())).await;
                self.ordeal.note(fate.as_text());
                match fate {
                    Fate::Done(()) => {}
                    // It was closed meanwhile: what is said next opens it.
                    Fate::Refused(error) if kind(&error) == "chat_inactive" => {}
                    Fate::Refused(error) if is_passing(&error) => self.pause().await,
                    Fate::Refused(error) => {
                        self.is_surprised(&format!("coming into the chat: {error}"));
                        return Way::Never;
                    }
                    Fate::Unknown => self.lose().await,
                }
            }
            _ => {
                self.is_surprised(&format!("message {number}: {error}"));
                return Way::Never;
            }
        }
        Way::Again
    }

    fn is_surprised(&self, what: &str) {
        self.tally.surprises.lock().push(format!("{}, {what}", self.log.chat));
    }

    fn did(&self, what: impl FnOnce(&mut Deeds)) {
        what(&mut self.log.deeds[self.place].lock());
    }

    /// After a request of which nobody knows what comes of it.
    async fn recover(&mut self, is_unanswered: bool) {
        if is_unanswered { self.lose().await } else { self.pause().await }
    }

    async fn pause(&self) {
        self.tally.disturbed.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }

    /// Leaves a connection that does not answer.
    async fn lose(&mut self) {
        self.leave();
        self.pause().await;
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
    pub(super) async fn connect(&mut self) -> Option<Client> {
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
            streams.push(Stream::new(self.place, since));
            streams.len() - 1
        };
        let ear = Ear { log: self.log.clone(), stream };
        let came = async {
            match &self.who {
                Who::Agent(agent) => self.target.agent(agent, PUSHES, false, ear).await,
                Who::Customer(customer) => self.target.customer(customer, PUSHES, ear).await,
            }
        };
        let came = match tokio::time::timeout(PATIENCE, came).await {
            Ok(came) => came.map_err(|error| error.to_string()),
            Err(_) => Err("no answer".to_owned()),
        };
        let failed = came.as_ref().err();
        self.ordeal.note(failed.map_or("logged in".to_owned(), |error| format!("login: {error}")));
        if let Ok(client) = came {
            let until = Instant::now() + self.dice.gap(1.0 / STAY.as_secs_f64());
            self.open = Some(Open { client: client.clone(), stream, until });
            return Some(client);
        }
        self.log.streams.lock()[stream].is_over = true;
        self.pause().await;
        None
    }
}

/// Asks for something and reads the answer.
async fn ask<T>(
    client: &Client,
    action: &'static str,
    payload: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Fate<T> {
    let answer = async { client.send(action, payload.to_owned()).await.ok()?.await.ok() };
    let Ok(Some(answer)) = tokio::time::timeout(PATIENCE, answer).await else { return Fate::Unknown };
    match answer.result.map(|answer| read(&answer)) {
        Ok(Some(read)) => Fate::Done(read),
        Ok(None) => Fate::Refused(format!("an answer to {action} that cannot be read")),
        Err(error) => Fate::Refused(error),
    }
}

/// The type of an error.
fn kind(error: &str) -> &str {
    error.split(':').next().unwrap_or_default()
}

/// Refusals after which the same request may succeed, or may have: what is said of the fate of this one is nothing.
pub(super) fn is_passing(error: &str) -> bool {
    [
        "service_unavailable",
        "request_timeout",
        "too_many_requests",
        "internal",
        "pending_requests_limit_reached",
    ]
    .contains(&kind(error))
}
