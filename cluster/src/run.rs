//! What the present run of this node holds: epochs by shard, and the gate that says whether they still count.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::gate::{Gate, NotValid};
use crate::{Epoch, Incarnation, Shard, ShardCount};

/// One run of this node, as everything that works for shards sees it. Read on every command, so no lock.
#[derive(Debug)]
pub(crate) struct Run {
    me: Incarnation,
    gate: Gate,
    held: Box<[Held]>,
}

/// A shard as this run holds it.
#[derive(Debug, Default)]
struct Held {
    /// 0 where it is not held.
    epoch: AtomicI64,
    /// It is being given away: what is in flight may be answered, nothing new begins.
    closing: AtomicBool,
}

impl Run {
    pub(crate) fn new(me: Incarnation, shards: ShardCount, gate: Gate) -> Self {
        Self { me, gate, held: shards.all().map(|_| Held::default()).collect() }
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        self.me
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The epoch under which new work may begin.
    pub(crate) fn epoch(&self, shard: Shard) -> Option<Epoch> {
        let held = self.held.get(shard.0 as usize)?;
        if held.closing.load(Ordering::SeqCst) || self.gate.is_fenced() {
            return None;
        }
        let epoch = held.epoch.load(Ordering::SeqCst);
        (epoch != 0).then_some(Epoch(epoch))
    }

    /// Whether work under this epoch may still be answered.
    pub(crate) fn check(&self, shard: Shard, epoch: Epoch) -> Result<(), NotValid> {
        let held = self.held.get(shard.0 as usize).map_or(0, |held| held.epoch.load(Ordering::SeqCst));
        if held == epoch.0 && held != 0 { Ok(()) } else { Err(NotValid::Moved) }
    }

    /// Nothing new begins for the shard; what is in flight may still be answered.
    pub(crate) fn close(&self, shard: Shard) {
        if let Some(held) = self.held.get(shard.0 as usize) {
            held.closing.store(true, Ordering::SeqCst);
        }
    }

    /// Nothing is answered for the shard any more.
    pub(crate) fn lose(&self, shard: Shard) -> Option<Epoch> {
        let held = self.held.get(shard.0 as usize)?;
        let epoch = held.epoch.swap(0, Ordering::SeqCst);
        (epoch != 0).then_some(Epoch(epoch))
    }

    /// Every shard that is held, also those on their way out.
    pub(crate) fn shards(&self) -> impl Iterator<Item = Shard> {
        (0..self.held.len() as u32).map(Shard)
    }

    /// The shard is held from now on.
    pub(crate) fn take(&self, shard: Shard, epoch: Epoch) {
        if let Some(held) = self.held.get(shard.0 as usize) {
            held.closing.store(false, Ordering::SeqCst);
            held.epoch.store(epoch.0, Ordering::SeqCst);
        }
    }
}
