//! A turn: decides what is queued, stores it as one batch, validates, then answers and pushes.
//!
//! While a turn runs nothing else touches the chat. If it fails in any way, the state is thrown away and the actor
//! stops: what was not answered was not decided, as far as anybody outside can tell.
//!
//! What is decided becomes durable in `storing` and is told in `telling`.

mod storing;
mod telling;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedRwLockReadGuard;

use super::super::delivery::{Mark, Place};
use super::super::elsewhere::ChatCall;
use super::super::{Actors, AskError, Origin, visits};
use super::actor::{Answer, Answering, Job, Snapshot, Work};
use super::before::Before;
use super::history::History;
use super::load::{State, load};
use super::log::LogWriter;
use super::{newcomer, projections, record};
use crate::domain::change::Change;
use crate::domain::chat::RoutingView;
use crate::domain::command::{
    Caller, Command, Context, Decision, Reply, Route, RouteRequest, Subject, SubjectRequest,
};
use crate::domain::event::Event;
use crate::domain::license::{ChatRules, License};
use crate::domain::push::Push;
use crate::domain::rejection::Rejection;
use crate::domain::routing::DecisionId;
use crate::domain::transcript::{is_private, owed};
use crate::store::{Append, IndexWrite};

/// Rows of one append together; a larger batch is stored in pieces.
const MAX_BATCH_BYTES: usize = 256 * 1024;

pub(super) struct Turn {
    pub(super) actors: Arc<Actors>,
    pub(super) writer: LogWriter,
    /// The tenant and its rules, from the beginning of the turn on.
    tenant: Option<(Arc<License>, ChatRules)>,
    /// Decided and applied, not yet stored.
    rows: Vec<Bytes>,
    bytes: usize,
    /// Index rows that follow from them, and those that say that something has gone.
    index: Vec<IndexWrite>,
    ends: Vec<IndexWrite>,
    /// Events decided and not yet told.
    events: usize,
    /// To be told once it is stored.
    held: Vec<Held>,
    /// The last of the router's decisions that was settled before the turn; none while the chat is being loaded, after which
    /// it reports whatever it is.
    settled: Option<DecisionId>,
    /// What the router knows: the chat as it was before the first change that can matter to it. None if there was none.
    routing: Option<RoutingView>,
    /// Held from the first of the router's decisions on.
    routed: Option<OwnedRwLockReadGuard<()>>,
    /// The chat as it is stored; none while nothing else is decided.
    before: Option<Before>,
    /// The store refused a batch of which nothing was written, and nothing else was.
    refused: bool,
    /// A row that is not stored yet brings a customer into the chat.
    brings_customer: bool,
    /// What is of an earlier thread may stand in the last thread's log, and not in that thread's own.
    half_stored: bool,
    /// It was confirmed, after everything that is asked had come, that the chat is ours: what was stored before may be told.
    confirmed: bool,
}

/// A turn after which the chat is known.
pub(super) struct Ended {
    /// The chat as it is now.
    pub(super) state: Box<State>,
    /// The rules that bind it, for the timers.
    pub(super) rules: ChatRules,
    /// The store refused what was decided, which was taken back: it takes no more now.
    pub(super) refused: bool,
}

/// What waits for the batch to be durable and valid.
struct Held {
    reply: Answering,
    answer: Answer,
    pushes: Vec<Push>,
    origin: Option<Origin>,
    /// The chat's last row once this is stored.
    place: Place,
}

impl Turn {
    pub(super) fn new(actors: Arc<Actors>, writer: LogWriter) -> Self {
        Self {
            actors,
            writer,
            tenant: None,
            rows: Vec::new(),
            bytes: 0,
            index: Vec::new(),
            ends: Vec::new(),
            events: 0,
            held: Vec::new(),
            settled: None,
            routing: None,
            routed: None,
            before: None,
            refused: false,
            brings_customer: false,
            half_stored: false,
            confirmed: false,
        }
    }

    /// Works off the jobs. Gives the state back, or none if the actor must stop.
    pub(super) async fn run(mut self, state: Option<Box<State>>, jobs: Vec<Job>) -> Option<Ended> {
        let fresh = state.is_none();
        let loaded = match state {
            Some(state) => Ok(state),
            // Rare steps are boxed: a turn is moved into its actor, and should be small.
            None => Box::pin(load(&self.actors, &self.writer)).await.map(Box::new),
        };
        let (mut state, rules) = match (loaded, self.meet_tenant().await) {
            (Ok(state), Ok(rules)) => (state, rules),
            (Err(AskError::NotOwner), _) => {
                jobs.into_iter().for_each(Job::give_back);
                return None;
            }
            (Err(error), _) | (_, Err(error)) => {
                fail(jobs.into_iter().map(|job| job.reply), &error);
                return None;
            }
        };
        if fresh {
            // What was never stored was not confirmed either.
            self.confirmed = state.pointer.is_some();
            self.loaded(&state);
            // Before anybody is answered: whoever loads a shard's chats takes an answer for a sign that the router's book
            // has the chat.
            self.report(&state);
        }
        self.settled = Some(state.settled);
        let mut jobs = jobs.into_iter();
        while let Some(job) = jobs.next() {
            if let Err(error) = self.job(&mut state, job).await {
                return self.abandon(state, jobs, &error);
            }
        }
        if let Err(error) = self.flush(&mut state).await {
            return self.abandon(state, jobs, &error);
        }
        self.report(&state);
        Some(Ended { state, rules, refused: false })
    }

    /// What an earlier owner stored and did not get to tell is found by this.
    fn loaded(&self, state: &State) {
        let Some(thread) = &state.chat.thread else { return };
        // Whoever asks for a chat of a license that cannot be read is told so.
        let Some((license, _)) = &self.tenant else { return };
        let chat = state.chat.id.clone();
        let mark = Mark { chat, thread: thread.id.clone(), from: Place::default(), to: state.place(0) };
        self.actors.parts.delivery.loaded(license, &mark, state.chat.last_at);
    }

    /// Tells everybody who waits why their command was not carried out, or that nothing is known of it. Gives the chat as it
    /// is stored, if that is known: reading it again would ask more of a store that is too slow already.
    fn abandon(
        mut self,
        state: Box<State>,
        jobs: impl Iterator<Item = Job>,
        error: &AskError,
    ) -> Option<Ended> {
        let ended = self.take_back(state);
        if ended.is_none() {
            tracing::warn!(
                license.id = %self.writer.key.license, chat.id = %self.writer.key.chat, %error,
                "a turn failed, the chat is loaded anew"
            );
        }
        fail(self.held.drain(..).map(|held| held.reply), error);
        fail(jobs.map(|job| job.reply), error);
        ended
    }

    /// Undoes what was decided and refused by the store. What the router decided, and what may stand in one of two logs, is
    /// only found by loading.
    fn take_back(&mut self, mut state: Box<State>) -> Option<Ended> {
        if !self.refused || self.routed.is_some() || self.half_stored {
            return None;
        }
        if let Some(before) = self.before.take()
            && !before.restore(&mut state)
        {
            return None;
        }
        self.report(&state);
        let (_, rules) = self.tenant.take()?;
        Some(Ended { state, rules, refused: true })
    }

    async fn job(&mut self, state: &mut State, job: Job) -> Result<(), AskError> {
        let Job { call: ChatCall { work, caller, origin, .. }, reply } = job;
        let command = match work {
            Work::Inspect => {
                let seq = state.seq + self.rows.len() as u64;
                let snapshot = Snapshot { chat: state.chat.clone(), seq, changed_at: state.changed_at };
                self.hold(state, reply, Answer::Snapshot(Arc::new(snapshot)), Vec::new(), None);
                return Ok(());
            }
            Work::Settle(decision) => {
                state.settled = state.settled.max(decision);
                self.hold(state, reply, Answer::Reply(Reply::Done), Vec::new(), None);
                return Ok(());
            }
            Work::Routed(_, decision) if decision <= state.settled => {
                self.hold(state, reply, Answer::Reply(Reply::Done), Vec::new(), None);
                return Ok(());
            }
            Work::Routed(command, decision) => {
                if !self.counts(decision).await {
                    self.hold(state, reply, Answer::Reply(Reply::Done), Vec::new(), None);
                    return Ok(());
                }
                state.settled = decision;
                command
            }
            Work::Command(command) => command,
        };
        match self.decide(state, command, &caller).await {
            Ok(Ok(decision)) => self.carry_out(state, decision, reply, origin).await,
            Ok(Err(rejection)) => {
                let _ = reply.send(Err(AskError::Rejected(rejection).into()));
                Ok(())
            }
            Err(error) => {
                let _ = reply.send(Err(error.clone().into()));
                Err(error)
            }
        }
    }

    async fn meet_tenant(&mut self) -> Result<ChatRules, AskError> {
        let (source, id) = (&self.actors.parts.licenses, self.writer.key.license);
        let license = match source.known_license(id) {
            Some(license) => license,
            None => source.license(id).await?.ok_or(AskError::NoLicense)?,
        };
        let rules = source.chat_rules(&license);
        self.tenant = Some((license, rules.clone()));
        Ok(rules)
    }

    async fn decide(
        &mut self,
        state: &mut State,
        command: Box<Command>,
        caller: &Caller,
    ) -> Result<Result<Decision, Rejection>, AskError> {
        // Before the router is asked: what it says is not to be in vain because something cannot be read.
        let subject = match command.subject_request(&state.chat) {
            Some(request) => Box::pin(self.subject(state, request)).await?,
            None => None,
        };
        let (license, _) = self.tenant.as_ref().ok_or(AskError::NoLicense)?;
        let route = match command.route_request(&state.chat, caller, license) {
            Some(request) => {
                let (route, decision) = self.route(state, request).await;
                state.settled = state.settled.max(decision);
                Some(route)
            }
            None => None,
        };
        let (license, rules) = self.tenant.as_ref().ok_or(AskError::NoLicense)?;
        let context = Context {
            now: self.actors.parts.clock.now(),
            license,
            rules,
            ids: &*self.actors.parts.ids,
            caller,
            operations: &state.operations,
            route,
            subject,
        };
        Ok(command.decide(&state.chat, &context))
    }

    async fn route(&mut self, state: &State, request: RouteRequest) -> (Route, DecisionId) {
        let router = self.actors.router(self.writer.key.license);
        let version = state.place(0).version();
        let routed = router.route(&self.writer.key.chat, version, state.settled, request).await;
        if self.counts(routed.1).await { routed } else { (Route::Queue(None), DecisionId::default()) }
    }

    /// Whether a decision is of a router that was not superseded. From then on to the turn's end no new one gets to know
    /// this node's chats: it waits to see what becomes of the decision.
    async fn counts(&mut self, decision: DecisionId) -> bool {
        if decision == DecisionId::default() {
            return true;
        }
        let license = self.writer.key.license;
        let (shard, epoch) = (self.writer.shard, self.writer.epoch);
        // Closed counts as ours: what is under way may end.
        let is_ours = || self.actors.parts.ownership.holds(shard, epoch);
        if !self.actors.shards.until_entered(shard, epoch, is_ours).await {
            return false;
        }
        let book = self.actors.reports.of(license);
        if self.routed.is_none() {
            self.routed = Some(book.hold().await);
        }
        self.actors.router_counts(license, &book, decision.epoch)
    }

    /// Reads what a command names, or needs, and the state does not hold. Earlier commands of the turn are stored first, since
    /// they may have made it.
    async fn subject(
        &mut self,
        state: &mut State,
        request: SubjectRequest,
    ) -> Result<Option<Subject>, AskError> {
        self.flush(state).await?;
        let (thread, event) = match request {
            SubjectRequest::Thread(thread) => (thread, None),
            SubjectRequest::Event(event) => (event.thread.clone(), Some(event.number)),
            SubjectRequest::Visit(customer) => {
                let (store, license) = (&*self.actors.parts.store, self.writer.key.license);
                let visits = visits::read(store, license, &customer).await?;
                return Ok(Some(Subject::Visit(Box::new(visits.provenance()))));
            }
        };
        // Of all the events only this one is kept.
        let keep = |events: &mut Vec<Arc<Event>>| events.retain(|held| Some(held.id.number) == event);
        let license = self.writer.key.license;
        let history = {
            let _room = self.actors.room_for_turn(&state.chat, &thread).await;
            History::read_keeping(&self.actors, license, &thread, None, keep).await?
        };
        let Some(history) = history.filter(|history| history.chat.id == self.writer.key.chat) else {
            return Ok(None);
        };
        let Some(thread) = history.chat.thread.map(Box::new) else { return Ok(None) };
        let Some(number) = event else { return Ok(Some(Subject::Thread(thread))) };
        let found = history.events.into_iter().find(|event| event.id.number == number);
        Ok(found.map(|event| Subject::Event(Box::new((*event).clone()), thread)))
    }

    async fn carry_out(
        &mut self,
        state: &mut State,
        decision: Decision,
        reply: Answering,
        origin: Option<Origin>,
    ) -> Result<(), AskError> {
        let Decision { changes, older_thread, pushes, reply: answer } = decision;
        let stands_alone = older_thread.is_some()
            || changes
                .iter()
                .any(|change| matches!(change, Change::ThreadOpened(_) | Change::ThreadClosed(_)));
        if changes.is_empty() || !stands_alone {
            if !changes.is_empty() {
                self.push_row(state, &changes);
            }
            self.hold(state, reply, Answer::Reply(answer), pushes, origin);
            let is_full = self.rows.len() >= Append::room(state.seq + 1) || self.bytes >= MAX_BATCH_BYTES;
            if is_full || self.brings_customer {
                self.flush(state).await?;
            }
            return Ok(());
        }
        if older_thread.is_some()
            && let Some(push) = pushes.first()
        {
            // What is told stands in the last thread's log, from where it is told again. Should the server end between the two
            // logs, whoever loads the chat goes on from there.
            let row = record::encode_of_earlier(&changes, self.actors.parts.clock.now(), &push.to);
            self.push_encoded(state, row, &changes);
            self.half_stored = true;
        }
        let result = Box::pin(self.store_alone(state, &changes, older_thread)).await;
        self.half_stored &= result.is_err();
        if let Err(error) = result {
            let _ = reply.send(Err(error.clone().into()));
            return Err(error);
        }
        self.confirmed = true;
        self.hold(state, reply, Answer::Reply(answer), pushes, origin);
        self.flush(state).await
    }

    fn row_of(&self, changes: &[Change]) -> Bytes {
        record::encode(changes, self.actors.parts.clock.now())
    }

    fn push_row(&mut self, state: &mut State, changes: &[Change]) {
        self.push_encoded(state, self.row_of(changes), changes);
    }

    fn push_encoded(&mut self, state: &mut State, row: Bytes, changes: &[Change]) {
        self.bytes += row.len();
        self.rows.push(row);
        self.before.get_or_insert_with(|| Before::of(state)).note(&state.chat, changes);
        self.apply(state, changes);
        if newcomer::may_bring(changes) {
            self.brings_customer = true;
            let seq = state.seq + self.rows.len() as u64;
            self.index.extend(projections::customer_came(&self.writer.key, &state.chat, seq));
        }
        let is_rid =
            |change: &Change| matches!(change, Change::PropertiesDeleted { .. } if is_private(change));
        if changes.iter().any(is_rid)
            && state.chat.active_thread().is_none()
            && owed(&state.chat).next().is_none()
        {
            let version = projections::version(&state.chat, state.seq + self.rows.len() as u64);
            self.ends.extend(self.not_open(state, version));
        }
    }

    fn hold(
        &mut self,
        state: &State,
        reply: Answering,
        answer: Answer,
        pushes: Vec<Push>,
        origin: Option<Origin>,
    ) {
        let place = state.place(self.rows.len());
        self.held.push(Held { reply, answer, pushes, origin, place });
    }

    fn apply(&mut self, state: &mut State, changes: &[Change]) {
        if self.routing.is_none() && changes.iter().any(concerns_router) {
            self.routing = Some(state.chat.routing_view());
        }
        state.changed_at = Some(self.actors.parts.clock.now());
        for change in changes {
            state.chat.apply(change);
            if let Change::EventAdded(event) = change {
                state.operations.remember(event);
                self.events += 1;
            }
        }
    }
}

/// Whether a change can alter what the router sees. Events, by far the most changes, cannot.
fn concerns_router(change: &Change) -> bool {
    !matches!(
        change,
        Change::EventAdded(_)
            | Change::Seen { .. }
            | Change::Attended(_)
            | Change::CustomerLeft(_)
            | Change::CustomerCame
            | Change::Tagged { .. }
            | Change::Untagged { .. }
            | Change::PostbackToggled { .. }
            | Change::EventDeleted(_)
    )
}

fn fail(replies: impl Iterator<Item = Answering>, error: &AskError) {
    for reply in replies {
        let _ = reply.send(Err(error.clone().into()));
    }
}
