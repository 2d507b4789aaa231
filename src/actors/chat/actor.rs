//! The queue and the lifecycle of a chat.

mod mailing;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture};
use serde::{Deserialize, Serialize};
use switchboard_cluster::{Epoch, Shard};
use tokio::sync::{mpsc, oneshot};

use self::mailing::Mailing;
use super::super::elsewhere::ChatCall;
use super::super::{Actors, AskError, ChatKey};
use super::load::{REENTER_AFTER, State};
use super::log::LogWriter;
use super::projections;
use super::turn::{Ended, Turn};
use crate::domain::chat::Chat;
use crate::domain::command::{Caller, Command, HeedSilence, Reply};
use crate::domain::id::ThreadId;
use crate::domain::license::ChatRules;
use crate::domain::routing::DecisionId;
use crate::domain::time::Timestamp;

/// The single writer of one chat.
pub struct ChatActor {
    actors: Arc<Actors>,
    writer: LogWriter,
    on_the_way: Arc<AtomicUsize>,
    queue: VecDeque<Job>,
    /// None while a turn has it, and before the first.
    state: Option<Box<State>>,
    /// The last row that was stored and confirmed, as of the end of the last turn.
    head: Option<Head>,
    in_turn: bool,
    /// The chat is not ours any more.
    is_retired: bool,
    /// Held for somebody who waits until the actor is gone.
    until_gone: Option<mpsc::Sender<Infallible>>,
    timer: Option<(Timestamp, SpawnHandle)>,
    /// When the router was last asked for somebody who answers.
    asked_for_another: Option<Timestamp>,
    mailing: Mailing,
    last_used: Timestamp,
    /// As of the last turn.
    rules: Option<ChatRules>,
}

/// Something for a chat to do.
pub struct Job {
    /// What, and for whom.
    pub call: ChatCall,
    /// Where the answer goes.
    pub reply: Answering,
}

/// Where a chat's answer goes.
pub type Answering = oneshot::Sender<Result<Answer, Refused>>;

/// Why there is no answer.
#[derive(Debug)]
pub enum Refused {
    /// For this reason.
    Error(AskError),
    /// The chat is not this node's any more, or its actor ended before it began. Nothing was done, and the work is given back.
    Moved(Box<ChatCall>),
}

impl From<AskError> for Refused {
    fn from(error: AskError) -> Self {
        Self::Error(error)
    }
}

impl Job {
    /// Gives it back undone.
    pub(super) fn give_back(self) {
        // Whoever asked may have stopped waiting.
        let _ = self.reply.send(Err(Refused::Moved(Box::new(self.call))));
    }
}

/// The chat is not this node's any more, or is not to be: its actor leaves, and gives back what it did not begin. What runs
/// now can be answered as long as the shard is held.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actors) struct Retire {
    /// Dropped when the actor is gone.
    pub(in crate::actors) until_gone: Option<mpsc::Sender<Infallible>>,
}

/// A job on its way to a chat's actor. If the actor ends before it takes it, it is given back: nobody has seen it.
pub(in crate::actors) struct Posted(Option<Job>);

impl Posted {
    /// A job that nobody has taken.
    pub(in crate::actors) fn new(job: Job) -> Self {
        Self(Some(job))
    }

    /// Takes it. From now on whoever has it answers for it.
    pub(in crate::actors) fn take(mut self) -> Option<Job> {
        self.0.take()
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job.give_back();
        }
    }
}

impl Message for Posted {
    type Result = ();
}

/// What a chat can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// To carry out a command.
    Command(Box<Command>),
    /// To carry out what the router decided, unless something later was settled.
    Routed(Box<Command>, DecisionId),
    /// To settle a decision of the router: what was not carried out of it never will be.
    Settle(DecisionId),
    /// To show itself.
    Inspect,
}

/// What a chat answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To a command.
    Reply(Reply),
    /// To an inspection.
    Snapshot(Arc<Snapshot>),
}

/// A chat at one moment; everything in it is durable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The chat.
    pub chat: Chat,
    /// Rows of its last thread's log that belong to it.
    pub seq: u64,
    /// No row is younger than this; none if that is not known.
    #[serde(default)]
    pub changed_at: Option<Timestamp>,
}

/// Jobs taken into one turn; more wait for the next.
const JOBS_PER_TURN: usize = 64;

impl ChatActor {
    pub(crate) fn new(
        actors: Arc<Actors>,
        key: ChatKey,
        shard: Shard,
        epoch: Epoch,
        on_the_way: Arc<AtomicUsize>,
    ) -> Self {
        let last_used = actors.parts.clock.now();
        Self {
            actors,
            writer: LogWriter::new(key, shard, epoch),
            on_the_way,
            queue: VecDeque::new(),
            state: None,
            head: None,
            in_turn: false,
            is_retired: false,
            until_gone: None,
            timer: None,
            asked_for_another: None,
            mailing: Mailing::default(),
            last_used,
            rules: None,
        }
    }

    /// Starts a turn if there is something to do and none runs.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        if self.in_turn || self.queue.is_empty() {
            return;
        }
        self.in_turn = true;
        let count = self.queue.len().min(JOBS_PER_TURN);
        let jobs: Vec<Job> = self.queue.drain(..count).collect();
        let turn = Turn::new(self.actors.clone(), self.writer.clone());
        let work = turn.run(self.state.take(), jobs);
        // Boxed as it is: it is large, and would be moved twice on its way into the context.
        let work = Box::pin(work);
        ctx.spawn(work.into_actor(self).map(|ended, actor, ctx| actor.turn_ended(ended, ctx)));
    }

    fn turn_ended(&mut self, ended: Option<Ended>, ctx: &mut Context<Self>) {
        self.in_turn = false;
        self.last_used = self.actors.parts.clock.now();
        match ended {
            Some(_) if self.is_retired => self.leave_at_once(ctx),
            Some(ended) => {
                self.head = Head::of(&ended.state);
                self.state = Some(ended.state);
                self.rules = Some(ended.rules);
                self.mail_transcript(ctx);
                self.arm(ctx, if ended.refused { REFUSED_PAUSE } else { Duration::ZERO });
                self.turn(ctx);
                // Nothing is kept of a chat that was never started: anybody can ask for any number of them.
                if !self.in_turn && self.head.is_none() {
                    self.leave(ctx);
                }
            }
            None => self.fail(ctx),
        }
    }

    /// Leaves memory after a failed turn: whoever comes next starts from the log. If nobody comes, its timers still have to
    /// run.
    fn fail(&mut self, ctx: &mut Context<Self>) {
        self.actors.throw_out(&self.writer.key);
        self.leave_at_once(ctx);
    }

    fn leave_at_once(&mut self, ctx: &mut Context<Self>) {
        self.actors.forget(&self.writer.key, self.writer.shard, &ctx.address());
        self.queue.drain(..).for_each(Job::give_back);
        actix::ActorContext::stop(ctx);
    }

    /// When the chat has something to do by itself.
    fn deadline(&self) -> Option<Timestamp> {
        let (chat, rules) = (&self.state.as_ref()?.chat, self.rules.as_ref()?);
        let silence = HeedSilence::deadline(chat, rules);
        [silence, self.answer_deadline(chat, rules), self.mailing.deadline()].into_iter().flatten().min()
    }

    /// When the router is to be asked for another agent, since the one of now does not answer. If it finds nobody it
    /// is asked again after the same time.
    fn answer_deadline(&self, chat: &Chat, rules: &ChatRules) -> Option<Timestamp> {
        let due = HeedSilence::answer_deadline(chat, rules)?;
        let again = self.asked_for_another.map(|asked| asked.after(rules.unreplied_transfer_after));
        Some(again.map_or(due, |again| due.max(again)))
    }

    /// Wakes the actor when silence has lasted for long enough, and after a pause. A timer that is early looks again, so that
    /// an event costs no timer.
    fn arm(&mut self, ctx: &mut Context<Self>, pause: Duration) {
        let Some(deadline) = self.deadline() else {
            if let Some((_, handle)) = self.timer.take() {
                ctx.cancel_future(handle);
            }
            return;
        };
        if self.timer.as_ref().is_some_and(|(at, _)| *at <= deadline) {
            return;
        }
        if let Some((_, handle)) = self.timer.take() {
            ctx.cancel_future(handle);
        }
        let wait = (deadline.since(self.actors.parts.clock.now()) + Duration::from_millis(1)).max(pause);
        let handle = ctx.run_later(wait, |actor, ctx| {
            actor.timer = None;
            actor.heed_silence(ctx);
        });
        self.timer = Some((deadline, handle));
    }

    fn heed_silence(&mut self, ctx: &mut Context<Self>) {
        self.ask_for_another();
        let (reply, _) = oneshot::channel();
        let work = Work::Command(Box::new(Command::HeedSilence(HeedSilence)));
        let key = self.writer.key.clone();
        let call = ChatCall { key, work, caller: Caller::Server, origin: None };
        self.queue.push_back(Job { call, reply });
        self.turn(ctx);
    }

    /// Asks the router for an agent who answers, if the one of now has not answered in time.
    fn ask_for_another(&mut self) {
        let (Some(state), Some(rules)) = (&self.state, &self.rules) else { return };
        let now = self.actors.parts.clock.now();
        if self.answer_deadline(&state.chat, rules).is_none_or(|at| at > now) {
            return;
        }
        let had_thread = state.chat.active_thread().map(|thread| thread.assigned.clone()).unwrap_or_default();
        let router = self.actors.router(self.writer.key.license);
        router.unreplied(&self.writer.key.chat, had_thread);
        self.asked_for_another = Some(now);
    }

    /// Leaves memory after a quiet while; timers go to the store first. A timer that is far away wakes the chat meanwhile, so that it
    /// stays among those that a start or a new owner finds.
    fn passivate_if_quiet(&mut self, ctx: &mut Context<Self>) {
        let now = self.actors.parts.clock.now();
        let quiet = now.since(self.last_used) >= self.actors.parts.settings.passivate_after;
        if !quiet || self.in_turn || !self.queue.is_empty() || self.mailing.is_under_way() {
            return;
        }
        let deadline = self.deadline();
        let Some(state) = &mut self.state else { return };
        let Some(deadline) = deadline else {
            self.leave(ctx);
            return;
        };
        if deadline.since(now) <= MIN_SLEEP {
            return;
        }
        let version = projections::version(&state.chat, state.seq);
        let wake_at = deadline.min(now.after(REENTER_AFTER));
        let due = projections::due(&self.writer.key, self.writer.shard, wake_at, version);
        let writes = std::iter::once(due).chain(state.reenter(&self.writer, now)).collect();
        let (store, epoch) = (self.actors.parts.store.clone(), self.writer.epoch);
        self.in_turn = true;
        let work = async move { store.write_index(epoch, writes).await };
        ctx.spawn(work.into_actor(self).map(|written, actor, ctx| {
            actor.in_turn = false;
            match written {
                _ if actor.is_retired => actor.leave_at_once(ctx),
                Ok(()) if actor.queue.is_empty() => actor.leave(ctx),
                Ok(()) => actor.turn(ctx),
                Err(error) => {
                    tracing::warn!(chat.id = %actor.writer.key.chat, %error, "a quiet chat stays in memory");
                    actor.turn(ctx);
                }
            }
        }));
    }

    fn leave(&mut self, ctx: &mut Context<Self>) {
        if self.actors.release(&self.writer.key, self.writer.shard, &ctx.address()) {
            actix::ActorContext::stop(ctx);
        }
    }
}

/// Before what silence leads to is tried again when the store refused it.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
/// A chat whose timer is nearer than this stays in memory: the timers in the store are looked at less often.
const MIN_SLEEP: Duration = Duration::from_secs(90);

impl Actor for ChatActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.actors.parts.settings.mailbox);
        let every = self.actors.parts.settings.passivate_after.max(Duration::from_millis(100));
        ctx.run_interval(every, |actor, ctx| actor.passivate_if_quiet(ctx));
    }
}

/// How far a chat's log is known to stand for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The chat's last thread.
    pub thread: ThreadId,
    /// A row of its log that was confirmed: neither it nor one before it will ever change.
    pub seq: u64,
    /// The thread before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ThreadId>,
}

impl Head {
    fn of(state: &State) -> Option<Self> {
        let thread = state.chat.thread.as_ref()?;
        let previous = thread.previous_thread_id.clone();
        Some(Self { thread: thread.id.clone(), seq: state.seq, previous })
    }
}

/// Asks a chat how far it stands.
#[derive(Message)]
#[rtype(result = "Option<Head>")]
pub(in crate::actors) struct AskHead;

impl Handler<AskHead> for ChatActor {
    type Result = Option<Head>;

    fn handle(&mut self, _: AskHead, _: &mut Self::Context) -> Option<Head> {
        self.head.clone()
    }
}

impl Handler<Retire> for ChatActor {
    type Result = ();

    fn handle(&mut self, retire: Retire, ctx: &mut Self::Context) {
        self.is_retired = true;
        self.until_gone = self.until_gone.take().or(retire.until_gone);
        if self.in_turn {
            self.queue.drain(..).for_each(Job::give_back);
        } else {
            self.leave_at_once(ctx);
        }
    }
}

impl Handler<Posted> for ChatActor {
    type Result = ();

    fn handle(&mut self, posted: Posted, ctx: &mut Self::Context) {
        self.on_the_way.fetch_sub(1, Ordering::SeqCst);
        let Some(job) = posted.take() else { return };
        if self.is_retired {
            job.give_back();
            return;
        }
        if self.queue.len() >= self.actors.parts.settings.chat_queue {
            let _ = job.reply.send(Err(AskError::Busy.into()));
            return;
        }
        self.queue.push_back(job);
        self.turn(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ChatId, LicenseId};

    /// Ends at the first message, as a chat does whose turn failed.
    struct Ends;

    impl Actor for Ends {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct End;

    impl Handler<End> for Ends {
        type Result = ();

        fn handle(&mut self, _: End, ctx: &mut Self::Context) {
            actix::ActorContext::stop(ctx);
        }
    }

    impl Handler<Posted> for Ends {
        type Result = ();

        fn handle(&mut self, posted: Posted, _: &mut Self::Context) {
            // Begun, and never answered.
            drop(posted.take());
        }
    }

    fn inspection() -> (Job, oneshot::Receiver<Result<Answer, Refused>>) {
        let key = ChatKey { license: LicenseId(1), chat: ChatId::new("C") };
        let call = ChatCall { key, work: Work::Inspect, caller: Caller::Server, origin: None };
        let (reply, answer) = oneshot::channel();
        (Job { call, reply }, answer)
    }

    #[actix_rt::test]
    async fn what_an_actor_never_took_is_given_back_and_what_it_began_is_not() {
        let actor = Ends.start();
        let (begun, no_answer) = inspection();
        let (late, given_back) = inspection();
        // All three are in the mailbox before the actor runs.
        actor.do_send(Posted::new(begun));
        actor.do_send(End);
        actor.do_send(Posted::new(late));
        assert!(no_answer.await.is_err(), "nobody knows what became of it");
        let returned = given_back.await.expect("an answer");
        let Err(Refused::Moved(call)) = returned else { panic!("{returned:?}") };
        assert_eq!(call.key.chat, ChatId::new("C"));
    }
}
