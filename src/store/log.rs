//! The log of a thread's rows: the truth about a chat. Written by the owner of the chat's shard alone.

use async_trait::async_trait;
use bytes::Bytes;
use switchboard_cluster::{Epoch, Shard};

use super::{AppendError, IndexWrite, StoreError};
use crate::domain::id::{LicenseId, ThreadId};

/// Names a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogKey {
    /// The tenant.
    pub license: LicenseId,
    /// The thread.
    pub thread: ThreadId,
}

/// One atomic write to one log.
#[derive(Clone, Debug)]
pub struct Append {
    /// The shard of the chat, whose epoch is compared.
    pub shard: Shard,
    /// The term under which the caller owns the shard.
    pub epoch: Epoch,
    /// The log.
    pub log: LogKey,
    /// Sequence number of the first of `rows`, counted from 1. A number that is already taken is overwritten: that is
    /// the re-stamp of a takeover, and the repetition of an append with an unknown outcome.
    pub first_seq: u64,
    /// The rows; at least one, at most [`Append::MAX_ROWS`], together at most [`Append::MAX_BYTES`].
    pub rows: Vec<Bytes>,
    /// Index rows that follow from these rows and say that something is there. The embedded store writes them in the same
    /// transaction. On CQL they are written before the rows, and a failure there fails the append. Those that say that something
    /// has gone are written once the rows are confirmed ([`Indexes::write_ends`](super::Indexes::write_ends)). So there may be
    /// index rows too many, never too few.
    pub index: Vec<IndexWrite>,
}

impl Append {
    /// Rows of one append: the append window of a chat, and the length of the tail that a takeover re-stamps.
    pub const MAX_ROWS: usize = 64;
    /// Bytes of all rows of one append: 64 re-stamped rows of the largest event, with room for what wraps them.
    pub const MAX_BYTES: usize = 2 * 1024 * 1024;
    /// Rows of one bucket of a log. An append may not cross from one bucket to the next (on CQL a bucket is a
    /// partition, and only within one is a batch atomic); [`Append::room`] tells how many rows still fit.
    pub const BUCKET_ROWS: u64 = 4096;

    /// How many rows an append that starts at `first_seq` may have.
    pub fn room(first_seq: u64) -> usize {
        let to_bucket_end = Self::BUCKET_ROWS - (first_seq % Self::BUCKET_ROWS);
        Self::MAX_ROWS.min(to_bucket_end as usize)
    }

    /// Checks the bounds that every store keeps.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let bytes = self.rows.iter().map(Bytes::len).sum();
        let checks = [
            ("the number of rows of an append", self.rows.len(), Self::room(self.first_seq)),
            ("an append", bytes, Self::MAX_BYTES),
        ];
        for (what, size, limit) in checks {
            if size > limit {
                return Err(StoreError::TooLarge { what, size, limit });
            }
        }
        if self.first_seq == 0 {
            return Err(StoreError::Hole { first_seq: 0 });
        }
        Ok(())
    }
}

/// A row as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number in the log, from 1.
    pub seq: u64,
    /// The term under which it was last written.
    pub epoch: Epoch,
    /// What was appended.
    pub body: Bytes,
}

/// The logs of threads.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Writes rows `first_seq`, `first_seq + 1`, … as one atomic, durable batch.
    ///
    /// [`AppendError::Fenced`] is certain knowledge; its absence is not: see [`super`] for why a caller must validate
    /// before it answers. After [`StoreError::OutcomeUnknown`] the same append may be repeated as it is, and nothing
    /// else may be written at its sequence numbers under the same epoch.
    async fn append(&self, append: Append) -> Result<(), AppendError>;

    /// Rows from `from` up to and including `to` (none: to the end), at most `limit`, in order.
    ///
    /// Ends at the first missing number, and, by the *reader rule*, at the first row whose epoch is smaller than that of
    /// the row before it: that one was left by an owner that had been superseded. For that the row before `from` is read
    /// too, so `from` must be 1, or lie at most one past a row that an earlier read returned.
    async fn read(
        &self,
        log: &LogKey,
        from: u64,
        to: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;

    /// The last rows of the log, at most `max_rows`, in order, by the same rules as [`EventLog::read`].
    async fn tail(&self, log: &LogKey, max_rows: usize) -> Result<Vec<Row>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_never_crosses_a_bucket() {
        for (first_seq, room) in [(1, 64), (4032, 64), (4033, 63), (4095, 1), (4096, 64), (8190, 2)] {
            assert_eq!(Append::room(first_seq), room, "{first_seq}");
        }
    }
}
