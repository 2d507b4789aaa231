//! What an operator sees of the cluster, and what is counted.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The cluster as one node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The node that says this.
    pub node: String,
    /// Its present run.
    pub incarnation: String,
    /// Shards of the cluster.
    pub shards: u32,
    /// Shards that nobody alive owns by the tables.
    pub unowned: u32,
    /// Everybody on record who is not fenced.
    pub members: Vec<MemberStatus>,
    /// Shards on their way from this node to others.
    pub moves: Vec<MoveStatus>,
    /// Whether this node cannot reach the store.
    pub impaired: bool,
    /// What this node has done so far.
    pub counts: Counts,
}

/// One living node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its name.
    pub node: String,
    /// Its present run.
    pub incarnation: String,
    /// Where peers reach it.
    pub address: String,
    /// Shards that it owns.
    pub shards: u32,
    /// The newest of their epochs; 0 where it owns none.
    pub newest_epoch: i64,
    /// It gives its shards away.
    pub draining: bool,
    /// It seems dead to the node that says this.
    pub suspect: bool,
    /// Milliseconds since that node heard of it; none for itself.
    pub silent_ms: Option<u64>,
}

/// A shard on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveStatus {
    /// Which.
    pub shard: u32,
    /// The run that shall own it.
    pub to: String,
}

/// What a node did since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Shards claimed from the dead.
    pub claims: u64,
    /// Shards handed to other nodes.
    pub hand_overs: u64,
    /// Votes put in or taken out.
    pub votes: u64,
    /// Fences made.
    pub fences: u64,
    /// Conditional writes to the tables of ownership, all in all.
    pub conditional_writes: u64,
    /// Times this node was fenced and began anew.
    pub rebirths: u64,
}

/// The same, while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) claims: AtomicU64,
    pub(crate) hand_overs: AtomicU64,
    pub(crate) votes: AtomicU64,
    pub(crate) fences: AtomicU64,
    pub(crate) conditional_writes: AtomicU64,
    pub(crate) rebirths: AtomicU64,
}

impl Counters {
    /// Counts `times` things, each of which is one conditional write.
    pub(crate) fn write(&self, counter: &AtomicU64, times: usize) {
        counter.fetch_add(times as u64, Ordering::Relaxed);
        self.conditional_writes.fetch_add(times as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            claims: self.claims.load(Ordering::Relaxed),
            hand_overs: self.hand_overs.load(Ordering::Relaxed),
            votes: self.votes.load(Ordering::Relaxed),
            fences: self.fences.load(Ordering::Relaxed),
            conditional_writes: self.conditional_writes.load(Ordering::Relaxed),
            rebirths: self.rebirths.load(Ordering::Relaxed),
        }
    }
}
