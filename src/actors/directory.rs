//! Finds the actor of a chat or of a license's router, or starts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix::{Actor, Addr};
use actix_rt::ArbiterHandle;
use dashmap::DashMap;
use switchboard_cluster::{Epoch, Ownership, Shard};
use tokio::sync::oneshot;

use super::chat::{Answer, ChatActor, Job, Snapshot, Work};
use super::delivery::Delivery;
use super::error::AskError;
use super::router::RouterHandle;
use super::settings::{ActorSettings, LicenseSource};
use crate::domain::command::{Caller, Command, Reply};
use crate::domain::id::{ChatId, IdSource, LicenseId};
use crate::domain::routing::DecisionId;
use crate::domain::time::Clock;
use crate::store::Store;

/// A chat of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChatKey {
    /// The tenant.
    pub license: LicenseId,
    /// The chat.
    pub chat: ChatId,
}

/// The request that causes something: its session gets the pushes with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The session.
    pub session: u64,
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
    /// Bounds and times.
    pub settings: ActorSettings,
    /// The threads that actors live on: those of the web server's workers.
    pub arbiters: Vec<ArbiterHandle>,
}

/// The directory of actors of this node. Shared by all that ask them something.
pub struct Actors {
    /// What it was made of.
    pub(super) parts: ActorsParts,
    chats: DashMap<ChatKey, Resident>,
    routers: DashMap<LicenseId, RouterHandle>,
    next: AtomicUsize,
    is_recovered: AtomicBool,
    /// Events stored since somebody last asked.
    events: AtomicUsize,
}

/// A chat that is in memory.
struct Resident {
    address: Addr<ChatActor>,
    /// Messages on their way to it: while there are any it must not leave memory.
    on_the_way: Arc<AtomicUsize>,
}

impl Actors {
    /// A directory in which nobody lives yet.
    pub fn new(parts: ActorsParts) -> Arc<Self> {
        assert!(!parts.arbiters.is_empty(), "actors need a thread to live on");
        Arc::new(Self {
            parts,
            chats: DashMap::new(),
            routers: DashMap::new(),
            next: AtomicUsize::new(0),
            is_recovered: AtomicBool::new(false),
            events: AtomicUsize::new(0),
        })
    }

    /// Gives a command to a chat and waits for the reply.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(
        self: &Arc<Self>,
        key: &ChatKey,
        command: Command,
        caller: Caller,
        origin: Option<Origin>,
    ) -> Result<Reply, AskError> {
        match self.send(key, Work::Command(Box::new(command)), caller, origin).await? {
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
        let (reply, answer) = oneshot::channel();
        let job = Job { work, caller, origin, reply };
        self.post(key, job)?;
        match tokio::time::timeout(self.parts.settings.request_timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(AskError::Stopped),
            Err(_) => Err(AskError::Deadline),
        }
    }

    /// Hands a job to the chat's actor, which is started if need be. Never waits.
    fn post(self: &Arc<Self>, key: &ChatKey, job: Job) -> Result<(), AskError> {
        let mut job = job;
        // An actor that stopped is replaced; twice is enough, since the second try starts a fresh one.
        for _ in 0..2 {
            let (address, on_the_way) = self.find(key)?;
            match address.try_send(job) {
                Ok(()) => return Ok(()),
                Err(actix::prelude::SendError::Full(_)) => {
                    on_the_way.fetch_sub(1, Ordering::AcqRel);
                    return Err(AskError::Busy);
                }
                Err(actix::prelude::SendError::Closed(back)) => {
                    on_the_way.fetch_sub(1, Ordering::AcqRel);
                    self.chats.remove_if(key, |_, resident| resident.address == address);
                    job = back;
                }
            }
        }
        Err(AskError::Stopped)
    }

    /// The address of the chat's actor, counted as written to.
    fn find(self: &Arc<Self>, key: &ChatKey) -> Result<(Addr<ChatActor>, Arc<AtomicUsize>), AskError> {
        if let Some(resident) = self.chats.get(key) {
            resident.on_the_way.fetch_add(1, Ordering::AcqRel);
            return Ok((resident.address.clone(), resident.on_the_way.clone()));
        }
        let (shard, epoch) = self.ownership(key)?;
        let resident = self.chats.entry(key.clone()).or_insert_with(|| {
            let on_the_way = Arc::new(AtomicUsize::new(0));
            let actor = ChatActor::new(self.clone(), key.clone(), shard, epoch, on_the_way.clone());
            let address = ChatActor::start_in_arbiter(self.arbiter(key), |_| actor);
            Resident { address, on_the_way }
        });
        resident.on_the_way.fetch_add(1, Ordering::AcqRel);
        Ok((resident.address.clone(), resident.on_the_way.clone()))
    }

    fn ownership(&self, key: &ChatKey) -> Result<(Shard, Epoch), AskError> {
        let shard = self.parts.ownership.shard_of(key.license.0, key.chat.as_str());
        let epoch = self.parts.ownership.epoch(shard).ok_or(AskError::NotOwner)?;
        Ok((shard, epoch))
    }

    fn arbiter(&self, key: &ChatKey) -> &ArbiterHandle {
        let hash = self.parts.ownership.shard_of(key.license.0, key.chat.as_str()).0 as usize;
        &self.parts.arbiters[hash % self.parts.arbiters.len()]
    }

    /// Forgets a chat whose actor is about to stop, if nobody writes to it at this moment. Only then may it stop.
    pub(super) fn release(&self, key: &ChatKey, address: &Addr<ChatActor>) -> bool {
        self.chats
            .remove_if(key, |_, resident| {
                resident.address == *address && resident.on_the_way.load(Ordering::Acquire) == 0
            })
            .is_some()
    }

    /// Forgets a chat whose actor failed; whoever wrote to it learns that it stopped.
    pub(super) fn forget(&self, key: &ChatKey, address: &Addr<ChatActor>) {
        self.chats.remove_if(key, |_, resident| resident.address == *address);
    }

    /// The router of a license.
    pub fn router(self: &Arc<Self>, license: LicenseId) -> RouterHandle {
        if let Some(router) = self.routers.get(&license) {
            return router.clone();
        }
        let router = self.routers.entry(license).or_insert_with(|| {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            let arbiter = &self.parts.arbiters[turn % self.parts.arbiters.len()];
            RouterHandle::start(self.clone(), license, arbiter)
        });
        router.clone()
    }

    /// Every chat that was open at the start is known to its router now.
    pub(super) fn recovered(&self) {
        self.is_recovered.store(true, Ordering::Release);
        for router in self.routers.iter() {
            router.rebuilt();
        }
    }

    /// Whether chats that were open at the start may still turn up.
    pub fn is_recovered(&self) -> bool {
        self.is_recovered.load(Ordering::Acquire)
    }

    /// Routers that run, by license.
    pub fn routers(&self) -> Vec<(LicenseId, RouterHandle)> {
        self.routers.iter().map(|entry| (*entry.key(), entry.value().clone())).collect()
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
