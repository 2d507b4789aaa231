//! The shards of this node as its actors see them: in which routers may decide, and of which all open chats are known.
//!
//! A shard that was gained is *entered* once the routers' terms were read from the table of shards: until then it is worked
//! for, but no router is obeyed in it, and none is believed to know its chats (see [`super::barrier`] for why). It is
//! *recovered* once all its open chats are in the books of reports.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use switchboard_cluster::{Epoch, Shard, ShardCount};
use tokio::sync::Notify;

/// How often those who wait for a shard to be entered look whether it is still theirs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is known of each shard.
pub(super) struct Shards {
    states: Box<[State]>,
    /// Some were entered.
    entered: Notify,
}

#[derive(Default)]
struct State {
    /// The term of ours for which it was entered; 0 for none.
    entered: AtomicI64,
    /// The term of ours for which it was recovered.
    recovered: AtomicI64,
    /// The shard's term when the table was last read: routers of earlier terms are over.
    floor: AtomicI64,
}

impl Shards {
    pub(super) fn new(count: ShardCount) -> Self {
        Self { states: count.all().map(|_| State::default()).collect(), entered: Notify::new() }
    }

    /// Every router of the shard whose term is smaller has been superseded.
    pub(super) fn raise_floor(&self, shard: Shard, term: Epoch) {
        if let Some(state) = self.of(shard) {
            state.floor.fetch_max(term.0, Ordering::AcqRel);
        }
    }

    /// The smallest term that a router of the shard may have.
    pub(super) fn floor(&self, shard: Shard) -> Epoch {
        Epoch(self.of(shard).map_or(0, |state| state.floor.load(Ordering::Acquire)))
    }

    pub(super) fn enter(&self, shard: Shard, term: Epoch) {
        if let Some(state) = self.of(shard) {
            state.entered.fetch_max(term.0, Ordering::AcqRel);
        }
        self.entered.notify_waiters();
    }

    /// Waits until a shard is entered, for as long as this term of ours lasts. Says whether it is.
    pub(super) async fn until_entered(&self, shard: Shard, term: Epoch, is_ours: impl Fn() -> bool) -> bool {
        loop {
            let entered = self.entered.notified();
            if self.is_entered(shard, term) {
                return true;
            }
            if !is_ours() {
                return false;
            }
            // Who loses a shard does not wake those who wait here.
            let _late = tokio::time::timeout(LOOK_EVERY, entered).await;
        }
    }

    pub(super) fn is_entered(&self, shard: Shard, term: Epoch) -> bool {
        self.of(shard).is_some_and(|state| state.entered.load(Ordering::Acquire) == term.0)
    }

    pub(super) fn recovered(&self, shard: Shard, term: Epoch) {
        if let Some(state) = self.of(shard) {
            state.recovered.fetch_max(term.0, Ordering::AcqRel);
        }
    }

    pub(super) fn is_recovered(&self, shard: Shard, term: Epoch) -> bool {
        self.of(shard).is_some_and(|state| state.recovered.load(Ordering::Acquire) == term.0)
    }

    fn of(&self, shard: Shard) -> Option<&State> {
        self.states.get(shard.0 as usize)
    }
}
