//! Who gets work for a chat: its actor here, or the node that owns it, which is one hop away.
//!
//! Work is given a second time only if it is certain that nothing was done, or if doing it twice is the same as doing it
//! once ([`ChatCall::is_idempotent`]). Where nobody is known to own the chat (its node has just died, or hands it over),
//! work waits for a moment; how much may wait is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use switchboard_cluster::{self as cluster, Epoch, Incarnation, Shard, ShardRow};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::chat::{Answer, Refused};
use super::elsewhere::{ChatCall, Missed, RouterCall};
use super::router::{RouterAnswer, RouterQuestion};
use super::{Actors, AskError};
use crate::domain::id::LicenseId;

/// How long work waits for an owner that can be reached.
const PARKED_FOR: Duration = Duration::from_secs(3);
/// Pieces of work that wait so at once.
const PARKED: usize = 4_096;
/// How long another node's work waits for a chat that is on its way. Short: whoever asks may hear of the owner sooner.
const HELD_FOR: Duration = Duration::from_millis(300);
/// Wrong guesses, each answered with the right owner, before work waits for the tables to settle.
const GUESSES: u32 = 2;
/// Changes of shards that come together are looked at together.
const GATHER: Duration = Duration::from_millis(1);
/// How often an unreachable owner is tried again.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// Who works for something, as far as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// This node, under this term.
    Here(Epoch),
    /// Another node.
    There(Incarnation),
    /// Nobody who is known.
    Unknown,
}

/// How much work of this node's clients, and of its own, was done where.
#[derive(Debug, Default)]
pub(super) struct Hops {
    here: AtomicU64,
    elsewhere: AtomicU64,
}

/// Where work waits for an owner.
pub(super) struct Parking(Semaphore);

impl Default for Parking {
    fn default() -> Self {
        Self(Semaphore::new(PARKED))
    }
}

/// How long a piece of work has waited, and its place among those that do.
struct Wait<'a> {
    actors: &'a Actors,
    shard: Shard,
    place: Option<SemaphorePermit<'a>>,
    until: Instant,
}

impl<'a> Wait<'a> {
    fn new(actors: &'a Actors, shard: Shard, until: Instant) -> Self {
        Self { actors, shard, place: None, until: until.min(Instant::now() + PARKED_FOR) }
    }

    /// Waits until the owner is not the one that was known when the last try began, at most a little while.
    async fn for_news(&mut self, before: Owner, error: AskError) -> Result<(), AskError> {
        if Instant::now() >= self.until {
            return Err(error);
        }
        if self.place.is_none() {
            let place = self.actors.parking.0.try_acquire().map_err(|_| AskError::Busy)?;
            self.place = Some(place);
        }
        let again = self.until.min(Instant::now() + TRY_EVERY);
        self.actors.owner_changes(self.shard, before, again).await;
        Ok(())
    }
}

impl Actors {
    /// Gives work to a chat, wherever it is, and waits for the answer.
    pub(super) async fn give(self: &Arc<Self>, call: ChatCall) -> Result<Answer, AskError> {
        let until = Instant::now() + self.parts.settings.request_timeout;
        let shard = self.parts.ownership.shard_of(call.key.license.0, call.key.chat.as_str());
        let mut call = call;
        if let Owner::Here(epoch) = self.owner(shard) {
            // A session stops waiting by itself: one timer looks after all that it asked.
            let deadline = call.origin.is_none().then_some(until);
            match self.give_here(call, (shard, epoch), deadline).await {
                Ok(answer) => {
                    self.hops.here.fetch_add(1, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Refused::Error(error)) => return Err(error),
                Err(Refused::Moved(back)) => call = *back,
            }
        }
        Box::pin(self.seek_owner(call, shard, until)).await
    }

    async fn seek_owner(
        self: &Arc<Self>,
        call: ChatCall,
        shard: Shard,
        until: Instant,
    ) -> Result<Answer, AskError> {
        let mut call = call;
        let mut wait = Wait::new(self, shard, until);
        let mut guesses = GUESSES;
        let mut named = None;
        loop {
            let known = self.owner(shard);
            let node = match named.take().map_or(known, Owner::There) {
                // On its way to us.
                Owner::There(node) if node == self.parts.ownership.incarnation() => {
                    wait.for_news(known, AskError::NotOwner).await?;
                    continue;
                }
                Owner::There(node) => node,
                Owner::Unknown => {
                    wait.for_news(known, AskError::NotOwner).await?;
                    continue;
                }
                Owner::Here(epoch) => match self.give_here(call, (shard, epoch), Some(until)).await {
                    Ok(answer) => {
                        self.hops.here.fetch_add(1, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(Refused::Error(error)) => return Err(error),
                    Err(Refused::Moved(back)) => {
                        call = *back;
                        wait.for_news(known, AskError::NotOwner).await?;
                        continue;
                    }
                },
            };
            let within = until.saturating_duration_since(Instant::now());
            match self.parts.elsewhere.chat((node, self.since(shard, node)), &call, within).await {
                Ok(result) => {
                    self.hops.elsewhere.fetch_add(1, Ordering::Relaxed);
                    return result;
                }
                Err(Missed::NotOwner(Some((right, term)))) if guesses > 0 => {
                    guesses -= 1;
                    self.parts.ownership.hear(shard, ShardRow { owner: right, epoch: term });
                    named = Some(right);
                }
                Err(Missed::NotOwner(_)) => wait.for_news(known, AskError::NotOwner).await?,
                Err(Missed::Unreached) => wait.for_news(known, AskError::Unreachable).await?,
                Err(Missed::Unknown) if call.is_idempotent() => {
                    wait.for_news(known, AskError::Deadline).await?;
                }
                Err(Missed::Unknown) => return Err(AskError::Unconfirmed),
            }
        }
    }

    /// Carries out what another node asks of a chat of ours, which it knows to be ours since a term, if it says. Never a second
    /// hop. A chat that is on its way is waited for, for a moment: then the asker needs not guess when it has arrived, here or
    /// elsewhere.
    ///
    /// # Errors
    /// [`Refused::Moved`] where the chat is not ours.
    pub async fn serve(
        self: &Arc<Self>,
        call: ChatCall,
        since: Option<Epoch>,
        within: Duration,
    ) -> Result<Answer, Refused> {
        let began = Instant::now();
        let shard = self.parts.ownership.shard_of(call.key.license.0, call.key.chat.as_str());
        let mut call = call;
        let mut wait = Wait::new(self, shard, began + HELD_FOR.min(within / 2));
        loop {
            let known = self.owner(shard);
            match known {
                Owner::Here(epoch) => {
                    match self.give_here(call, (shard, epoch), Some(began + within)).await {
                        Err(Refused::Moved(back)) => call = *back,
                        done => return done,
                    }
                }
                Owner::There(_) if !self.hears_late(shard, since) => {
                    return Err(Refused::Moved(Box::new(call)));
                }
                Owner::There(_) | Owner::Unknown => {}
            }
            if wait.for_news(known, AskError::NotOwner).await.is_err() {
                return Err(Refused::Moved(Box::new(call)));
            }
        }
    }

    /// Whether another node has heard of a term of a shard that this node has not: the shard is on its way here.
    fn hears_late(&self, shard: Shard, since: Option<Epoch>) -> bool {
        let known = self.parts.ownership.known_owner(shard).map(|row| row.epoch);
        since > known
    }

    /// Since which term a node has a shard, as far as is known here.
    pub(super) fn since(&self, shard: Shard, node: Incarnation) -> Option<Epoch> {
        self.parts.ownership.known_owner(shard).filter(|row| row.owner == node).map(|row| row.epoch)
    }

    /// Puts another node's question to a router of ours. One that is on its way is waited for, for a moment. None if it is not
    /// ours.
    ///
    /// # Errors
    /// The router's.
    pub async fn serve_router(self: &Arc<Self>, call: RouterCall) -> Result<Option<RouterAnswer>, AskError> {
        let shard = self.router_shard(call.license);
        let mut wait = Wait::new(self, shard, Instant::now() + HELD_FOR);
        loop {
            let known = self.owner(shard);
            if let Some(answer) = self.ask_here(call.license, &call.question).await? {
                return Ok(Some(answer));
            }
            let is_elsewhere = matches!(known, Owner::There(_)) && !self.hears_late(shard, call.since);
            if is_elsewhere || wait.for_news(known, AskError::NotOwner).await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Puts a question to the license's router, if it is ours. What it tells is confirmed as chats confirm theirs: one that was
    /// superseded and does not know it acknowledges and shows nothing. None where it is not ours, or may be no more.
    pub(super) async fn ask_here(
        self: &Arc<Self>,
        license: LicenseId,
        question: &RouterQuestion,
    ) -> Result<Option<RouterAnswer>, AskError> {
        let Some(router) = self.local_router(license) else { return Ok(None) };
        let answer = match router.answer(question.clone()).await {
            Err(AskError::NotOwner) => return Ok(None),
            answer => answer?,
        };
        let counts = !question.is_told()
            || self.parts.ownership.validate(self.router_shard(license), router.term()).await.is_ok();
        Ok(counts.then_some(answer))
    }

    /// Pieces of work for chats that were asked for on this node and done here, and on another node.
    pub fn works(&self) -> (u64, u64) {
        (self.hops.here.load(Ordering::Relaxed), self.hops.elsewhere.load(Ordering::Relaxed))
    }

    /// Who works for a shard.
    pub(super) fn owner(&self, shard: Shard) -> Owner {
        match self.parts.ownership.owner(shard) {
            cluster::Owner::Here(term) => Owner::Here(term),
            cluster::Owner::Unknown => Owner::Unknown,
            cluster::Owner::There(peer) => Owner::There(peer.incarnation),
        }
    }

    /// Whether every shard has an owner that can be expected to answer: this node, whose chats obey their routers, or another
    /// that was heard lately.
    pub fn is_settled(&self) -> bool {
        let ownership = &self.parts.ownership;
        ownership.shards().all().all(|shard| match self.owner(shard) {
            Owner::Here(term) => self.shards.is_entered(shard, term),
            Owner::There(node) => ownership.is_awake(node),
            Owner::Unknown => false,
        })
    }

    /// Waits until the owner of a shard is another one than before, at most until a moment.
    pub(super) async fn owner_changes(&self, shard: Shard, before: Owner, until: Instant) {
        let mut changes = self.parts.ownership.changes();
        let changed = async {
            while self.owner(shard) == before && changes.changed().await.is_ok() {
                tokio::time::sleep(GATHER).await;
            }
        };
        // That nothing changed is no error: whoever waits tries again.
        let _late = tokio::time::timeout_at(until, changed).await;
    }
}
