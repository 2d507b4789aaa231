//! Finds the actor of a chat or of a license's router, or starts it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, Addr};
use actix_rt::ArbiterHandle;
use dashmap::DashMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use switchboard_cluster::{Epoch, Incarnation, Ownership, Shard};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::ahead::Ahead;
use super::changed::Changed;
use super::chat::{Answer, ChatActor, Job, Posted, Refused, Retire, Snapshot, Work};
use super::decisions::Decisions;
use super::delivery::Delivery;
use super::elsewhere::{ChatCall, Elsewhere};
use super::error::AskError;
use super::forward::{Hops, Owner, Parking};
use super::pending::PendingLicenses;
use super::post::Post;
use super::reading::Readers;
use super::reports::Reports;
use super::residents::{Resident, Residents};
use super::roll::Roll;
use super::router::{
    LocalRouter, RouterAnswer, RouterHandle, RouterQuery, RouterQuestion, RouterReply, Status,
};
use super::settings::{ActorSettings, LicenseSource};
use super::shards::Shards;
use super::unsettled::Unsettled;
use crate::domain::command::{Caller, Command, Reply};
use crate::domain::id::{AgentId, ChatId, IdSource, LicenseId};
use crate::domain::routing::{DecisionId, RouterSnapshot};
use crate::domain::time::Clock;
use crate::store::Store;

/// How often it is looked whether what was on its way to the chats of a shard has arrived.
const VACATE_LOOK: Duration = Duration::from_millis(1);

/// A chat of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChatKey {
    /// The tenant.
    pub license: LicenseId,
    /// The chat.
    pub chat: ChatId,
}

/// A websocket session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionId {
    /// The node that has its socket.
    pub node: Incarnation,
    /// Its number there.
    pub number: u64,
}

/// The request that causes something: its session gets the pushes with its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The session.
    pub session: SessionId,
    /// The `request_id`, if the client gave one.
    pub request_id: Option<Arc<str>>,
}

/// What the directory is made of.
pub struct ActorsParts {
    /// Where everything is stored.
    pub store: Arc<dyn Store>,
    /// Which shards are ours.
    pub ownership: Ownership,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Tenants and their rules.
    pub licenses: Arc<dyn LicenseSource>,
    /// The way to the sessions.
    pub delivery: Arc<dyn Delivery>,
    /// The way to the relay; none where there is none.
    pub post: Option<Arc<dyn Post>>,
    /// The way to what other nodes own.
    pub elsewhere: Arc<dyn Elsewhere>,
    /// Bounds and times.
    pub settings: ActorSettings,
    /// The threads that actors live on: those of the web server's workers.
    pub arbiters: Vec<ArbiterHandle>,
}

/// The directory of actors of this node. Shared by all that ask them something.
pub struct Actors {
    /// What it was made of.
    pub(super) parts: ActorsParts,
    pub(super) chats: Residents,
    routers: DashMap<LicenseId, LocalRouter>,
    next: AtomicUsize,
    pub(super) shards: Shards,
    pub(super) reports: Reports,
    pub(super) roll: Roll,
    pub(super) decisions: Decisions,
    pub(super) changed: Changed,
    /// Where work waits for an owner to be known.
    pub(super) parking: Parking,
    pub(super) hops: Hops,
    /// Events stored since somebody last asked.
    events: AtomicUsize,
    /// Chats that a failed turn threw out of memory, with their timers.
    thrown_out: Mutex<HashSet<ChatKey>>,
    /// What may or may not have been stored of chats.
    pub(super) unsettled: Unsettled,
    /// What was read of chats that are about to come.
    pub(super) ahead: Ahead,
    /// Chats that are loaded though nobody asked for them wait here, so that those that somebody asked for need not.
    pub(super) loads: Semaphore,
    /// Threads that are read whole for those who ask for them.
    pub(super) readers: Readers,
    /// The same for what chats need for their turns.
    pub(super) own_readers: Readers,
    /// Licenses whose chats may wait for customers who are gone without anybody's having noted it, as their routers say.
    pub in_doubt: PendingLicenses,
}

/// Chats loaded at once that nobody asked for.
const LOADS_AT_ONCE: usize = 64;

impl Actors {
    /// A directory in which nobody lives yet.
    pub fn new(parts: ActorsParts) -> Arc<Self> {
        assert!(!parts.arbiters.is_empty(), "actors need a thread to live on");
        let count = parts.ownership.shards();
        let shards = Shards::new(count);
        let room = || Readers::new(parts.settings.threads_read);
        let (readers, own_readers) = (room(), room());
        let decisions = Decisions::start(parts.store.clone(), &parts.arbiters[0]);
        Arc::new(Self {
            parts,
            chats: Residents::new(count),
            routers: DashMap::new(),
            next: AtomicUsize::new(0),
            shards,
            reports: Reports::default(),
            roll: Roll::default(),
            decisions,
            changed: Changed::default(),
            parking: Parking::default(),
            hops: Hops::default(),
            events: AtomicUsize::new(0),
            thrown_out: Mutex::default(),
            unsettled: Unsettled::default(),
            ahead: Ahead::default(),
            loads: Semaphore::new(LOADS_AT_ONCE),
            readers,
            own_readers,
            in_doubt: PendingLicenses::default(),
        })
    }

    /// Gives a command to a chat and waits for the reply.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(
        self: &Arc<Self>,
        key: &ChatKey,
        command: impl Into<Box<Command>>,
        caller: Caller,
        origin: Option<Origin>,
    ) -> Result<Reply, AskError> {
        match self.send(key, Work::Command(command.into()), caller, origin).await? {
            Answer::Reply(reply) => Ok(reply),
            Answer::Snapshot(_) => Err(AskError::Stopped),
        }
    }

    /// Gives a decision of the router to a chat and waits until it is carried out or refused.
    ///
    /// # Errors
    /// See [`AskError`]. The router asks again later.
    pub(super) async fn carry_out(
        self: &Arc<Self>,
        key: &ChatKey,
        command: Option<Command>,
        decision: DecisionId,
    ) -> Result<(), AskError> {
        let work = match command {
            Some(command) => Work::Routed(Box::new(command), decision),
            None => Work::Settle(decision),
        };
        self.send(key, work, Caller::Server, None).await.map(drop)
    }

    /// The chat as it is now, with nothing in it that is not durable. A chat that was never started has no thread.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn inspect(self: &Arc<Self>, key: &ChatKey) -> Result<Arc<Snapshot>, AskError> {
        match self.send(key, Work::Inspect, Caller::Server, None).await? {
            Answer::Snapshot(snapshot) => Ok(snapshot),
            Answer::Reply(_) => Err(AskError::Stopped),
        }
    }

    async fn send(
        self: &Arc<Self>,
        key: &ChatKey,
        work: Work,
        caller: Caller,
        origin: Option<Origin>,
    ) -> Result<Answer, AskError> {
        self.give(ChatCall { key: key.clone(), work, caller, origin }).await
    }

    /// Gives work to a chat that is ours, and waits for its answer until a moment, or for as long as it takes if none is given.
    /// Gives it back if the chat is not ours, or not any more, or if its actor ended before it took the work: then nothing was
    /// done, and whoever gets it back looks again who has the chat.
    pub(super) async fn give_here(
        self: &Arc<Self>,
        call: ChatCall,
        (shard, epoch): (Shard, Epoch),
        until: Option<Instant>,
    ) -> Result<Answer, Refused> {
        let (reply, answer) = oneshot::channel();
        self.post(Job { call, reply }, shard, epoch)?;
        let answered = match until {
            Some(until) => Box::pin(tokio::time::timeout_at(until, answer)).await,
            None => Ok(answer.await),
        };
        match answered {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(AskError::Stopped.into()),
            Err(_) => Err(AskError::Deadline.into()),
        }
    }

    /// Hands a job to the chat's actor, which is started if need be. Never waits.
    fn post(self: &Arc<Self>, job: Job, shard: Shard, epoch: Epoch) -> Result<(), Refused> {
        let mut job = job;
        let is_ours = || self.parts.ownership.epoch(shard) == Some(epoch);
        if !is_ours() {
            return Err(Refused::Moved(Box::new(job.call)));
        }
        // An actor that stopped is replaced; twice is enough, since the second try starts a fresh one.
        for _ in 0..2 {
            let key = job.call.key.clone();
            let resident = self.find(&key, shard, epoch);
            let Resident { address, on_the_way, .. } = &*resident;
            // Counted first, then looked again: either whoever gives the shard away sees that something is on its way, or
            // this sees that the shard takes nothing new.
            if !is_ours() {
                on_the_way.fetch_sub(1, Ordering::SeqCst);
                // It may have been started just now, after all others of its shard had left.
                retire(address);
                return Err(Refused::Moved(Box::new(job.call)));
            }
            match address.try_send(Posted::new(job)) {
                Ok(()) => return Ok(()),
                Err(actix::prelude::SendError::Full(_)) => {
                    on_the_way.fetch_sub(1, Ordering::SeqCst);
                    return Err(AskError::Busy.into());
                }
                Err(actix::prelude::SendError::Closed(back)) => {
                    on_the_way.fetch_sub(1, Ordering::SeqCst);
                    self.chats.forget(&key, shard, address);
                    let Some(back) = back.take() else { break };
                    job = back;
                }
            }
        }
        Err(AskError::Stopped.into())
    }

    /// The chat's actor, counted as written to. One of an earlier term of ours is replaced.
    fn find(self: &Arc<Self>, key: &ChatKey, shard: Shard, epoch: Epoch) -> Arc<Resident> {
        let start = || {
            let on_the_way = Arc::new(AtomicUsize::new(0));
            let actor = ChatActor::new(self.clone(), key.clone(), shard, epoch, on_the_way.clone());
            let address = ChatActor::start_in_arbiter(self.arbiter(shard), |_| actor);
            Resident { address, on_the_way, epoch }
        };
        let (resident, replaced) = self.chats.find(key, (shard, epoch), start);
        if let Some(before) = replaced {
            retire(&before.address);
        }
        resident
    }

    fn arbiter(&self, shard: Shard) -> &ArbiterHandle {
        &self.parts.arbiters[shard.0 as usize % self.parts.arbiters.len()]
    }

    /// Forgets a chat whose actor is about to stop, if nobody writes to it at this moment. Only then may it stop.
    pub(super) fn release(&self, key: &ChatKey, shard: Shard, address: &Addr<ChatActor>) -> bool {
        self.chats.release(key, shard, address)
    }

    /// Remembers that a chat's timers do not run until it is loaded again.
    pub(super) fn throw_out(&self, key: &ChatKey) {
        self.thrown_out.lock().insert(key.clone());
    }

    /// The chats of this node that were thrown out since this was last asked.
    pub(super) fn take_thrown_out(&self) -> Vec<ChatKey> {
        let chats = std::mem::take(&mut *self.thrown_out.lock());
        let shard = |key: &ChatKey| self.parts.ownership.shard_of(key.license.0, key.chat.as_str());
        chats.into_iter().filter(|key| matches!(self.owner(shard(key)), Owner::Here(_))).collect()
    }

    /// Forgets a chat whose actor failed; whoever wrote to it learns that it stopped.
    pub(super) fn forget(&self, key: &ChatKey, shard: Shard, address: &Addr<ChatActor>) {
        self.chats.forget(key, shard, address);
    }

    /// Work that is not ours any more, or was not begun, is given back to those who asked; what runs now cannot be answered.
    pub(super) fn retire(&self, shard: Shard, term: Epoch) {
        self.chats.take(shard, term).iter().for_each(|chat| retire(&chat.address));
    }

    /// Ends the work of a shard that takes nothing new any more: what was not begun is given back to those who asked, what
    /// runs now is answered.
    pub(super) async fn vacate(&self, shard: Shard, term: Epoch) {
        // What is on its way could meet an actor that has stopped, and nobody would know what became of it.
        while self.chats.is_written_to(shard) {
            tokio::time::sleep(VACATE_LOOK).await;
        }
        let (stays, mut gone) = mpsc::channel(1);
        for chat in self.chats.take(shard, term) {
            chat.address.do_send(Retire { until_gone: Some(stays.clone()) });
        }
        self.stop_routers(shard, term);
        drop(stays);
        // Ends when the last of them has.
        while gone.recv().await.is_some() {}
    }

    /// The router of a license, wherever it is.
    pub fn router(self: &Arc<Self>, license: LicenseId) -> RouterHandle {
        RouterHandle::new(self.clone(), license)
    }

    /// The shard whose owner has the license's router.
    pub(super) fn router_shard(&self, license: LicenseId) -> Shard {
        self.parts.ownership.shard_of(license.0, "")
    }

    /// The shards of the routers that work here. A router that takes over asks the owners of all shards, again those of
    /// each that moves meanwhile: if its own moves last, it is done soon.
    pub(super) fn shards_with_routers(&self) -> Vec<Shard> {
        self.routers.iter().map(|router| self.router_shard(*router.key())).collect()
    }

    /// Who has the license's router.
    pub(super) fn router_owner(&self, license: LicenseId) -> Owner {
        self.owner(self.router_shard(license))
    }

    /// The license's router, which is ours; none if it is not any more.
    pub(super) fn local_router(self: &Arc<Self>, license: LicenseId) -> Option<LocalRouter> {
        let Owner::Here(term) = self.router_owner(license) else { return None };
        if let Some(router) = self.routers.get(&license)
            && router.term() == term
        {
            return Some(router.clone());
        }
        let start = || {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            let arbiter = &self.parts.arbiters[turn % self.parts.arbiters.len()];
            LocalRouter::start(self.clone(), license, term, arbiter)
        };
        let mut router = self.routers.entry(license).or_insert_with(start);
        if router.term() < term {
            std::mem::replace(&mut *router, start()).stop();
        }
        Some(router.clone())
    }

    /// Ends the routers of a shard that work under a term of ours up to this one, which is over.
    pub(super) fn stop_routers(&self, shard: Shard, term: Epoch) {
        self.routers.retain(|license, router| {
            let is_ours = self.router_shard(*license) != shard || router.term() > term;
            if !is_ours {
                router.stop();
            }
            is_ours
        });
    }

    /// A run of another node is over: the sessions that it had are gone.
    pub fn node_gone(&self, node: Incarnation) {
        for router in &self.routers {
            router.node_gone(node);
        }
    }

    /// A shard has another owner: the routers ask what became of its chats.
    pub(super) fn shard_moved(&self, shard: Shard) {
        for router in &self.routers {
            router.shard_moved(shard);
        }
    }

    /// An agent's status was told to the sessions of this node.
    pub fn heard_status(&self, license: LicenseId, agent: &AgentId, status: Status, is_bot: bool) {
        self.roll.heard(license, agent, status, is_bot);
    }

    /// Runs something on one of the threads that actors live on.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        // A thread that takes nothing any more means that the node ends.
        let _ = self.parts.arbiters[turn % self.parts.arbiters.len()].spawn(work);
    }

    /// Chats of all routers on this node: how many are active, and how many of them wait.
    pub async fn routed_chats(&self) -> (usize, usize) {
        let routers: Vec<LocalRouter> = self.routers.iter().map(|entry| entry.value().clone()).collect();
        let (mut active, mut waiting) = (0, 0);
        for router in routers {
            let counts = router.counts().await;
            active += counts.0;
            waiting += counts.1;
        }
        (active, waiting)
    }

    /// What an operator sees of each router on this node.
    pub async fn router_snapshots(&self) -> Vec<(LicenseId, RouterSnapshot)> {
        let routers: Vec<(LicenseId, LocalRouter)> =
            self.routers.iter().map(|entry| (*entry.key(), entry.value().clone())).collect();
        let mut snapshots = Vec::new();
        for (license, router) in routers {
            let asked = RouterQuestion::Query(RouterQuery::Snapshot);
            if let Ok(RouterAnswer::Query(reply)) = router.answer(asked).await
                && let RouterReply::Snapshot(snapshot) = *reply
            {
                snapshots.push((license, *snapshot));
            }
        }
        snapshots
    }

    /// Waits until the decisions that were made here until now can be explained, or could not be written.
    pub async fn flush_decisions(&self) {
        self.decisions.flush().await;
    }

    /// Counts events that became durable.
    pub(super) fn stored(&self, events: usize) {
        self.events.fetch_add(events, Ordering::Relaxed);
    }

    /// Events that became durable since this was last asked.
    pub fn take_stored_events(&self) -> usize {
        self.events.swap(0, Ordering::Relaxed)
    }

    /// Chats in memory.
    pub fn resident_chats(&self) -> usize {
        self.chats.len()
    }

    /// Wall time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.parts.clock
    }

    /// The same, to be kept.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        self.parts.clock.clone()
    }

    /// New ids.
    pub fn ids(&self) -> &dyn IdSource {
        &*self.parts.ids
    }

    /// Where everything is stored.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// Tenants and their rules.
    pub fn licenses(&self) -> &Arc<dyn LicenseSource> {
        &self.parts.licenses
    }

    /// Which shards are ours.
    pub fn shards(&self) -> &Ownership {
        &self.parts.ownership
    }

    /// The way to the sessions.
    pub fn delivery(&self) -> &Arc<dyn Delivery> {
        &self.parts.delivery
    }
}

/// Ends a chat's actor. Beside the mailbox's bound, which would refuse it when the actor has the most to give back: one
/// message in the life of an actor, and one for each call that met a shard that was just closed, of which sessions have a
/// bounded number under way.
fn retire(actor: &Addr<ChatActor>) {
    actor.do_send(Retire { until_gone: None });
}
