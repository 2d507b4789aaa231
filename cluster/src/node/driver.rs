//! Carries out what the steward decides, and brings back what became of it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::message::{Answer, Message};
use super::status::{Counters, MemberStatus, MoveStatus, NodeStatus};
use super::{End, NodeOptions};
use crate::link::{Control, Transport};
use crate::ownership::read_picture;
use crate::steward::{Beat, Effect, Input, Moment, Steward};
use crate::{
    Claim, Incarnation, Member, Ownership, OwnershipOptions, OwnershipTables, Shard, StartError, TableError,
};

/// News for the steward that may wait.
const NEWS: usize = 1024;
/// Ticks between two pings.
const TICKS_A_PING: u32 = 5;
/// How long a peer may take to hear news.
const TELL: Duration = Duration::from_secs(1);
/// How often the next owner of a shard is told of it, if it does not hear, and the pause between.
const TELL_AGAIN: usize = 5;
const TELL_PAUSE: Duration = Duration::from_millis(50);
/// How long the next owner of a shard may prepare itself.
const ANNOUNCE_WITHIN: Duration = Duration::from_secs(1);
/// Pause before a fenced node begins anew, doubled with every fence that follows within [`CALM`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A run that lived this long was no flapping.
const CALM: Duration = Duration::from_secs(300);
/// Pause between attempts to begin while the tables cannot be reached.
const RETRY: Duration = Duration::from_secs(1);

/// Runs of this process that are remembered.
const RUNS: usize = 1_000;

/// A question or an order of this process.
pub(super) enum Asked {
    Status(oneshot::Sender<NodeStatus>),
    Drain,
    Rebalance,
    /// Answered when everything is given away; the node stays.
    GiveAway(oneshot::Sender<()>),
    /// Answered when everything is given away.
    Leave(oneshot::Sender<()>),
}

/// News, and the run that it belongs to: what a former run asked for means nothing to the next.
type News = (Incarnation, Input);

/// How a run ended.
enum Over {
    Fenced,
    Left,
    /// Nobody holds the node any more.
    Dropped,
}

/// The loop and what it works with.
pub(super) struct Driver {
    ownership: Ownership,
    transport: Arc<dyn Transport>,
    options: NodeOptions,
    steward: Steward,
    began: Instant,
    run_began: Instant,
    pause: Duration,
    /// The latest runs of this process, also those that could not begin: one may be on record though nobody said so.
    runs: VecDeque<Incarnation>,
    /// Everything shall be given away, by whatever run.
    draining: bool,
    news: mpsc::Receiver<News>,
    report: mpsc::Sender<News>,
    questions: mpsc::Receiver<Asked>,
    leaving: Option<oneshot::Sender<()>>,
    giving: Vec<oneshot::Sender<()>>,
    end: watch::Sender<Option<End>>,
    ear: Arc<Ear>,
    counters: Arc<Counters>,
    work: JoinSet<()>,
}

/// Answers what loops of peers ask.
struct Ear {
    me: Mutex<(Incarnation, Beat)>,
    report: mpsc::Sender<News>,
    /// Weak, so that the loop ends with the last handle of its node.
    asked: mpsc::WeakSender<Asked>,
}

impl Ear {
    fn me(&self) -> (Incarnation, Beat) {
        *self.me.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, me: Incarnation, beat: Beat) {
        *self.me.lock().unwrap_or_else(PoisonError::into_inner) = (me, beat);
    }

    /// The loop is told if it keeps up. What is lost is told again: the next ping, the next reading.
    fn note(&self, input: Input) -> Answer {
        match self.report.try_send((self.me().0, input)) {
            Ok(()) => Answer::Done,
            Err(_) => Answer::Unknown,
        }
    }

    fn ask(&self, asked: Asked) -> Answer {
        let taken = self.asked.upgrade().is_some_and(|lane| lane.try_send(asked).is_ok());
        if taken { Answer::Done } else { Answer::Unknown }
    }
}

#[async_trait]
impl Control for Ear {
    async fn control(&self, from: Incarnation, request: Bytes) -> Bytes {
        let answer = match Message::decode(&request) {
            Some(Message::Ping { beat }) => {
                self.note(Input::Heard(from, beat));
                Answer::Beat { beat: self.me().1 }
            }
            Some(Message::Told { rows }) => self.note(Input::Told(rows)),
            Some(Message::Look) => self.note(Input::Look),
            Some(Message::Status) => {
                let (answer, answered) = oneshot::channel();
                self.ask(Asked::Status(answer));
                match answered.await {
                    Ok(status) => Answer::Status { status: Box::new(status) },
                    Err(_) => Answer::Unknown,
                }
            }
            Some(Message::Drain) => self.ask(Asked::Drain),
            Some(Message::Rebalance) => self.ask(Asked::Rebalance),
            None => Answer::Unknown,
        };
        answer.encode()
    }

    fn stranger(&self) {
        self.note(Input::Look);
    }
}

impl Driver {
    pub(super) async fn start(
        tables: Arc<dyn OwnershipTables>,
        transport: Arc<dyn Transport>,
        options: NodeOptions,
        (asked, questions): (mpsc::WeakSender<Asked>, mpsc::Receiver<Asked>),
        end: watch::Sender<Option<End>>,
        counters: Arc<Counters>,
    ) -> Result<Self, StartError> {
        let (report, news) = mpsc::channel(NEWS);
        let run = run_options(&options, &*transport);
        let ownership = Ownership::prepare(tables, &run).await?;
        let began = Instant::now();
        let mut steward =
            Steward::new(run.incarnation, options.shards, options.times, Moment::default(), run.seed());
        let ear = Arc::new(Ear {
            me: Mutex::new((run.incarnation, steward.beat())),
            report: report.clone(),
            asked,
        });
        transport.serve_control(ear.clone());
        let meet = |members: &[Member]| transport.know(members);
        let claims = ownership.enter(&mut steward, Moment::default(), &run, meet).await?;
        counters.write(&counters.claims, claims);
        Ok(Self {
            ownership,
            transport,
            options,
            steward,
            began,
            run_began: began,
            pause: FIRST_PAUSE,
            runs: VecDeque::from([run.incarnation]),
            draining: false,
            news,
            report,
            questions,
            leaving: None,
            giving: Vec::new(),
            end,
            ear,
            counters,
            work: JoinSet::new(),
        })
    }

    pub(super) fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    pub(super) async fn run(mut self) {
        let end = loop {
            match self.one_run().await {
                Over::Dropped => return,
                Over::Left => break End::Left,
                Over::Fenced => {
                    self.ownership.lose_all();
                    self.work.abort_all();
                    if self.leaving.is_some() {
                        break End::Left;
                    }
                    if let Some(end) = self.begin_anew().await {
                        break end;
                    }
                }
            }
        };
        self.ownership.lose_all();
        self.transport.know(&[]);
        self.end.send_replace(Some(end));
    }

    /// Until this run is over.
    async fn one_run(&mut self) -> Over {
        let me = self.ownership.incarnation();
        let mut fenced = self.ownership.fenced();
        let mut ticks = tokio::time::interval(self.options.times.ping_every / TICKS_A_PING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ownership = self.ownership.clone();
        if self.draining {
            // What a former run was told holds for this one.
            if self.handle(me, Input::Drain).is_break() {
                return Over::Fenced;
            }
        }
        loop {
            let input = tokio::select! {
                _ = fenced.wait_for(|fenced| *fenced) => return Over::Fenced,
                news = self.news.recv() => match news {
                    Some((run, input)) if run == me => input,
                    _ => continue,
                },
                asked = self.questions.recv() => match asked {
                    Some(Asked::Status(answer)) => {
                        // Who asked may have gone.
                        let _gone = answer.send(self.status());
                        continue;
                    }
                    Some(Asked::Drain) => self.drain(),
                    Some(Asked::Rebalance) => Input::Rebalance,
                    Some(Asked::GiveAway(done)) => {
                        self.giving.push(done);
                        self.drain()
                    }
                    Some(Asked::Leave(done)) => {
                        self.leaving = Some(done);
                        self.drain()
                    }
                    None => return Over::Dropped,
                },
                () = ownership.looked_for() => Input::Look,
                _ = ticks.tick() => {
                    // Before shards are given away it has to be known which of them go last.
                    let last = ownership.occupant().map(|occupant| occupant.leave_last());
                    if last.is_some_and(|last| self.handle(me, Input::LeaveLast(last)).is_break()) {
                        return Over::Fenced;
                    }
                    Input::Tick
                }
            };
            // Finished work is let go of.
            while self.work.try_join_next().is_some() {}
            if self.handle(me, input).is_break() {
                return Over::Fenced;
            }
            if self.steward.is_drained() {
                for done in self.giving.drain(..) {
                    // Who waits may have given up.
                    let _gone = done.send(());
                }
                if self.leaving.is_some() {
                    return self.left().await;
                }
            }
        }
    }

    fn drain(&mut self) -> Input {
        self.draining = true;
        Input::Drain
    }

    /// Lets the steward decide, and carries it out; breaks when this run is over.
    fn handle(&mut self, me: Incarnation, input: Input) -> ControlFlow<()> {
        let effects = self.steward.handle(self.now(), (self.options.clock)(), input);
        self.ear.set(me, self.steward.beat());
        for effect in effects {
            match effect {
                Effect::Over => return ControlFlow::Break(()),
                effect => self.carry_out(me, effect),
            }
        }
        ControlFlow::Continue(())
    }

    /// Everything is given away: ends the own run, so that nobody has to suspect it first.
    async fn left(&mut self) -> Over {
        if let Err(error) = self.ownership.step_down().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "peers have to notice that this node ended"
            );
        }
        if let Some(done) = self.leaving.take() {
            // Who waits may have given up.
            let _gone = done.send(());
        }
        Over::Left
    }

    /// Begins another run of this node, or says why there can be none.
    async fn begin_anew(&mut self) -> Option<End> {
        self.counters.rebirths.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.pause = match self.run_began.elapsed() >= CALM {
            true => FIRST_PAUSE,
            false => (self.pause * 2).min(LONGEST_PAUSE),
        };
        tokio::time::sleep(self.pause).await;
        loop {
            match self.try_to_begin().await {
                Ok(end) => return end,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the node cannot begin anew yet; it goes on trying"
                    );
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn try_to_begin(&mut self) -> Result<Option<End>, StartError> {
        let members = self.ownership.tables().members().await?;
        let namesakes = members.iter().filter(|member| member.node == self.options.node && !member.fenced);
        if namesakes.into_iter().any(|member| !self.runs.contains(&member.incarnation)) {
            return Ok(Some(End::Replaced(self.options.node.clone())));
        }
        let run = run_options(&self.options, &*self.transport);
        self.runs.push_back(run.incarnation);
        if self.runs.len() > RUNS {
            self.runs.pop_front();
        }
        let now = self.now();
        self.steward =
            Steward::new(run.incarnation, self.options.shards, self.options.times, now, run.seed());
        let beat = self.steward.beat();
        let meet = |members: &[Member]| {
            self.ear.set(run.incarnation, beat);
            self.transport.know(members);
        };
        let claims = self.ownership.enter(&mut self.steward, now, &run, meet).await?;
        self.counters.write(&self.counters.claims, claims);
        self.run_began = Instant::now();
        tracing::info!(incarnation = %run.incarnation, "the node goes on as another run");
        Ok(None)
    }

    /// Memory at once; the rest beside the loop, which is told what became of it.
    fn carry_out(&mut self, me: Incarnation, effect: Effect) {
        let Some(effect) = self.ownership.remember(effect) else { return };
        let ownership = self.ownership.clone();
        let tables = ownership.tables().clone();
        let (transport, report) = (self.transport.clone(), self.report.clone());
        let counters = self.counters.clone();
        let tell = async move |input: Input| {
            // The loop ended: nobody needs to know.
            let _ended = report.send((me, input)).await;
        };
        match effect {
            Effect::Members(members) => self.transport.know(&members),
            Effect::Ping(peer) => {
                let request = Message::Ping { beat: self.steward.beat() }.encode();
                let deadline = self.options.times.ping_within;
                self.work.spawn(async move {
                    let answer = transport.control(peer, request, deadline).await;
                    let beat = match answer.ok().and_then(|answer| Answer::decode(&answer)) {
                        Some(Answer::Beat { beat }) => Some(beat),
                        _ => None,
                    };
                    tell(Input::Pinged(peer, beat)).await;
                });
            }
            Effect::ReadTables => {
                self.work.spawn(async move {
                    let picture = told(read_picture(&*tables).await, "the tables of ownership were not read");
                    tell(Input::Read(picture)).await;
                });
            }
            Effect::ReadShards(shards) => {
                self.work.spawn(async move {
                    let rows = told(tables.shard_rows(&shards).await, "rows of shards were not read");
                    tell(Input::ReadShards(rows)).await;
                });
            }
            Effect::Confirm => {
                self.work
                    .spawn(async move { tell(Input::Confirmed(ownership.confirm().await.is_ok())).await });
            }
            Effect::Claim(claims) => {
                counters.write(&counters.claims, claims.len());
                self.work.spawn(async move {
                    let outcomes = told(tables.claim(&claims).await, "claims have no outcome");
                    tell(Input::Claimed(outcomes.map(|outcomes| claims.into_iter().zip(outcomes).collect())))
                        .await;
                });
            }
            Effect::Vote(accused, against) => {
                tracing::warn!(%accused, against, "voting on a peer that does not answer");
                counters.write(&counters.votes, 1);
                self.work.spawn(async move {
                    let votes = match ownership.confirm().await {
                        Ok(()) => told(tables.vote(accused, me, against).await, "a vote has no outcome"),
                        Err(_) => None,
                    };
                    tell(Input::Voted(accused, votes)).await;
                });
            }
            Effect::Fence(accused) => {
                tracing::warn!(%accused, "fencing a peer that seems dead");
                counters.write(&counters.fences, 1);
                self.work.spawn(async move {
                    let stands = ownership.confirm().await.is_ok()
                        && told(tables.fence(accused).await, "a fence has no outcome").is_some();
                    tell(Input::Fenced(accused, stands)).await;
                });
            }
            Effect::Announce(shard, to) => {
                self.work.spawn(async move {
                    if let Some(occupant) = ownership.occupant()
                        && tokio::time::timeout(ANNOUNCE_WITHIN, occupant.announce(shard, to)).await.is_err()
                    {
                        tracing::debug!(%shard, "a shard is given away unprepared");
                    }
                    tell(Input::Announced(shard)).await;
                });
            }
            Effect::Vacate(shard, epoch) => {
                let limit = self.options.vacate_within;
                self.work.spawn(async move {
                    if let Some(occupant) = ownership.occupant()
                        && tokio::time::timeout(limit, occupant.vacate(shard, epoch)).await.is_err()
                    {
                        tracing::warn!(%shard, "work for a shard did not end in time; it is given away regardless");
                    }
                    tell(Input::Vacated(shard)).await;
                });
            }
            Effect::HandOver(claim) => {
                counters.write(&counters.hand_overs, 1);
                self.work.spawn(async move {
                    let outcome = hand_over(&*tables, claim).await;
                    tell(Input::HandedOver(claim, outcome)).await;
                });
            }
            Effect::Tell(rows) => self.tell_all(&Message::Told { rows }),
            Effect::Look => self.tell_all(&Message::Look),
            Effect::Drained => tracing::info!("all shards of this node are given away"),
            // The loop's and the memory's own.
            Effect::Over
            | Effect::Take(..)
            | Effect::Lose(..)
            | Effect::Know(..)
            | Effect::Awake(_)
            | Effect::Impaired(_) => {}
        }
    }

    /// A hint to everybody; who misses it sees the same at its next reading. Whoever is told of a shard of its own is told
    /// again: until it has heard, nobody works for that shard.
    fn tell_all(&mut self, message: &Message) {
        let request = message.encode();
        for peer in self.ownership.peers().borrow().iter() {
            let (transport, request, peer) = (self.transport.clone(), request.clone(), peer.incarnation);
            let times = if message.concerns(peer) { TELL_AGAIN } else { 1 };
            self.work.spawn(async move {
                for _ in 0..times {
                    match transport.control(peer, request.clone(), TELL).await {
                        Ok(answer) if matches!(Answer::decode(&answer), Some(Answer::Done)) => return,
                        Ok(_) => tracing::debug!(%peer, "a peer has no time for news"),
                        Err(error) => {
                            tracing::debug!(error = &error as &dyn std::error::Error, %peer, "a peer missed news");
                        }
                    }
                    tokio::time::sleep(TELL_PAUSE).await;
                }
            });
        }
    }

    fn now(&self) -> Moment {
        Moment::from_ms(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn status(&self) -> NodeStatus {
        let (me, now, table) = (self.ownership.incarnation(), self.now(), self.steward.table());
        let member = |member: &crate::Member| {
            let run = member.incarnation;
            let owned = || table.rows().filter(|(_, row)| row.owner == run);
            let silence = u64::try_from(self.steward.silence(now, run).as_millis()).unwrap_or(u64::MAX);
            MemberStatus {
                node: member.node.to_string(),
                incarnation: run.to_string(),
                address: member.address.clone(),
                shards: owned().count() as u32,
                newest_epoch: owned().map(|(_, row)| row.epoch.0).max().unwrap_or_default(),
                draining: self.steward.is_draining(run),
                suspect: self.steward.suspects(now, run),
                silent_ms: (run != me).then_some(silence),
            }
        };
        let members: Vec<MemberStatus> = self.steward.members().iter().map(member).collect();
        let owned: u32 = members.iter().map(|member| member.shards).sum();
        let shards = self.options.shards.get();
        NodeStatus {
            node: self.options.node.to_string(),
            incarnation: me.to_string(),
            shards,
            unowned: shards.saturating_sub(owned),
            members,
            moves: self
                .steward
                .moves()
                .map(|(Shard(shard), to)| MoveStatus { shard, to: to.to_string() })
                .collect(),
            impaired: *self.ownership.impaired().borrow(),
            counts: self.counters.read(),
        }
    }
}

/// A fresh run, as the transport makes it reachable.
fn run_options(options: &NodeOptions, transport: &dyn Transport) -> OwnershipOptions {
    let incarnation = (options.fresh)();
    let identity = transport.begin(incarnation);
    OwnershipOptions {
        node: options.node.clone(),
        address: identity.address,
        certificate: identity.certificate,
        incarnation,
        shards: options.shards,
        clock: options.clock.clone(),
    }
}

async fn hand_over(tables: &dyn OwnershipTables, claim: Claim) -> Option<crate::ClaimOutcome> {
    told(tables.claim(&[claim]).await, "a hand-over has no outcome")?.into_iter().next()
}

/// The result, or nothing after saying what failed.
fn told<T>(result: Result<T, TableError>, what: &'static str) -> Option<T> {
    result.inspect_err(|error| tracing::warn!(error = error as &dyn std::error::Error, "{what}")).ok()
}
