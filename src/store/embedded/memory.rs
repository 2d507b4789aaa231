//! What the writer remembers of its own commits, so that an append need not look it up in the engine: who owns a shard,
//! and how far a log reaches. And what validations remember of them: who is valid.
//!
//! The writer thread is the only one that writes, so what it has committed is what stands. Only what is durable is
//! remembered; a miss is answered by the engine.

use std::collections::HashMap;

use parking_lot::RwLock;
use switchboard_cluster::{Incarnation, Shard, ShardRow};

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

/// What validations remember: who was found valid, as long as nothing was committed about any incarnation.
#[derive(Debug, Default)]
pub(super) struct Standing(RwLock<Found>);

#[derive(Debug, Default)]
struct Found {
    /// Commits about incarnations.
    commits: u64,
    valid: Option<Incarnation>,
}

impl Standing {
    /// Was it found valid since the last commit about incarnations? If not, what [`Self::found_valid`] is to be told.
    pub(super) fn is_valid(&self, incarnation: Incarnation) -> Result<(), u64> {
        let found = self.0.read();
        if found.valid == Some(incarnation) { Ok(()) } else { Err(found.commits) }
    }

    /// The engine said so, asked after `commits`. Another commit since then may say otherwise.
    pub(super) fn found_valid(&self, incarnation: Incarnation, commits: u64) {
        let mut found = self.0.write();
        if found.commits == commits {
            found.valid = Some(incarnation);
        }
    }

    /// Something about incarnations is durable, and is answered after this.
    pub(super) fn committed(&self) {
        let mut found = self.0.write();
        found.commits += 1;
        found.valid = None;
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
    fn who_is_valid_is_looked_up_again_after_each_commit_about_it() {
        let (standing, me) = (Standing::default(), Incarnation(uuid::Uuid::from_u128(1)));
        let before = standing.is_valid(me).expect_err("nobody is known");
        standing.committed();
        standing.found_valid(me, before);
        let now = standing.is_valid(me).expect_err("what was read before the commit does not count");
        standing.found_valid(me, now);
        assert_eq!(standing.is_valid(me), Ok(()));
        assert!(standing.is_valid(Incarnation(uuid::Uuid::from_u128(2))).is_err());
        standing.committed();
        assert!(standing.is_valid(me).is_err());
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
