//! The shards of this node as its actors see them: which may be worked for, and of which all open chats are known.
//!
//! A shard that was gained is *entered* once the routers' terms were read from the table of shards (see
//! [`super::barrier`] for why), and *recovered* once all its open chats are in the books of reports.

use std::sync::atomic::{AtomicI64, Ordering};

use switchboard_cluster::{Epoch, Shard, ShardCount};

/// What is known of each shard.
pub(super) struct Shards {
    states: Box<[State]>,
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
        Self { states: count.all().map(|_| State::default()).collect() }
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
