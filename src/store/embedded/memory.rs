//! What the writer remembers of its own commits, so that an append need not look it up in the engine: who owns a shard,
//! and how far a log reaches.
//!
//! The writer thread is the only one that writes, so what it has committed is what stands. Only what is durable is
//! remembered; a miss is answered by the engine.

use std::collections::HashMap;

use switchboard_cluster::{Shard, ShardRow};

/// Logs that are remembered; then all are forgotten and looked up again.
const LOGS: usize = 65_536;

/// The memory of the writer thread.
#[derive(Debug, Default)]
pub(super) struct Memory {
    shards: HashMap<Shard, ShardRow>,
    /// By what the keys of its rows begin with: the last row that was appended.
    logs: HashMap<Vec<u8>, u64>,
}

impl Memory {
    /// The owner of a shard, if it is remembered.
    pub(super) fn shard(&self, shard: Shard) -> Option<ShardRow> {
        self.shards.get(&shard).copied()
    }

    /// The shard has this owner, as the engine says.
    pub(super) fn found_shard(&mut self, shard: Shard, row: ShardRow) {
        self.shards.insert(shard, row);
    }

    /// Owners have changed.
    pub(super) fn forget_shards(&mut self) {
        self.shards.clear();
    }

    /// Is it known that the log has this row?
    pub(super) fn has_row(&self, log: &[u8], seq: u64) -> bool {
        self.logs.get(log).is_some_and(|last| seq <= *last)
    }

    /// The log reaches to this row, and that is durable.
    pub(super) fn reaches(&mut self, log: Vec<u8>, seq: u64) {
        if self.logs.len() >= LOGS {
            self.logs.clear();
        }
        let last = self.logs.entry(log).or_default();
        *last = seq.max(*last);
    }

    /// Rows were removed.
    pub(super) fn forget_logs(&mut self) {
        self.logs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_known_up_to_its_last_row_until_it_is_forgotten() {
        let mut memory = Memory::default();
        assert!(!memory.has_row(b"a", 1));
        memory.reaches(b"a".to_vec(), 3);
        // A row written again, as a takeover does, does not shorten the log.
        memory.reaches(b"a".to_vec(), 2);
        assert!(memory.has_row(b"a", 3) && !memory.has_row(b"a", 4) && !memory.has_row(b"b", 1));
        memory.forget_logs();
        assert!(!memory.has_row(b"a", 1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut memory = Memory::default();
        for log in 0..=LOGS {
            memory.reaches(log.to_be_bytes().to_vec(), 1);
        }
        assert!(memory.logs.len() <= LOGS);
    }
}
