//! Logs of threads: plain batches under the owner's epoch, and reads by the reader rule.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryResult;
use switchboard_cluster::Epoch;
use tokio::time::Instant;

use super::error::{NobodyConnected, pager_error, shape_error, write_error};
use super::{CqlStore, Inner};
use crate::store::{Append, AppendError, EventLog, LogKey, Row, StoreError};

/// The bucket, that is the partition, of a row.
fn bucket_of(seq: u64) -> i32 {
    (seq / Append::BUCKET_ROWS) as i32
}

fn first_of(bucket: i32) -> u64 {
    (bucket as u64 * Append::BUCKET_ROWS).max(1)
}

fn last_of(bucket: i32) -> u64 {
    (bucket as u64 + 1) * Append::BUCKET_ROWS - 1
}

#[async_trait]
impl EventLog for CqlStore {
    async fn append(&self, append: Append) -> Result<(), AppendError> {
        append.check()?;
        let inner = &self.inner;
        let permit = inner.admit().await?;
        inner.check_connected()?;
        let began = Instant::now();
        // A log without its index rows would be found by nobody after a crash between the two: its timers would not fire.
        // Index rows without their log are looked at and passed over.
        inner.write_rows(append.epoch, &append.index).await?;
        inner.send_rows(&append).await.map_err(write_error)?;
        inner.note_write(began.elapsed(), 1, append.rows.len() as u64);
        drop(permit);
        Ok(())
    }

    async fn read(
        &self,
        log: &LogKey,
        from: u64,
        to: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let from = from.max(1);
        // Sequence numbers are signed in CQL.
        let to = to.unwrap_or(u64::MAX).min(i64::MAX as u64);
        if to < from || limit == 0 {
            return Ok(Vec::new());
        }
        // The row before is read for its epoch alone.
        let begin = if from > 1 { from - 1 } else { 1 };
        let mut rules = Rules::new(begin);
        let mut rows = Vec::new();
        for bucket in bucket_of(begin)..=bucket_of(to.min(begin + limit as u64)) {
            self.inner.read_bucket(log, bucket, begin, to, from, limit, &mut rules, &mut rows).await?;
            if rules.ended || rows.len() == limit || rules.next <= last_of(bucket) {
                break;
            }
        }
        Ok(rows)
    }

    async fn tail(&self, log: &LogKey, max_rows: usize) -> Result<Vec<Row>, StoreError> {
        // The end shows itself only to a reader that comes from the beginning, so the epochs are read first, which is little:
        // sixteen bytes a row.
        let mut rules = Rules::new(1);
        for bucket in 0.. {
            self.inner.follow_bucket(log, bucket, &mut rules).await?;
            if rules.ended || rules.next <= last_of(bucket) {
                break;
            }
        }
        let end = rules.next - 1;
        if end == 0 || max_rows == 0 {
            return Ok(Vec::new());
        }
        let from = end.saturating_sub(max_rows as u64 - 1).max(1);
        self.read(log, from, Some(end), max_rows).await
    }
}

impl Inner {
    /// Refuses before anything is sent when there is nobody to send it to: that is known to have had no effect.
    pub(super) fn check_connected(&self) -> Result<(), StoreError> {
        let state = self.session.get_cluster_state();
        if state.get_nodes_info().iter().any(|node| node.is_connected()) {
            return Ok(());
        }
        Err(StoreError::Unavailable(Arc::new(NobodyConnected)))
    }

    async fn send_rows(&self, append: &Append) -> Result<QueryResult, ExecutionError> {
        let (license, thread) = (append.log.license.0, append.log.thread.as_str());
        let (bucket, epoch) = (bucket_of(append.first_seq), append.epoch.0);
        let values = |(seq, body)| (license, thread, bucket, seq, epoch, body, epoch);
        let rows = (append.first_seq as i64..).zip(append.rows.iter().map(|body| &body[..])).map(values);
        let rows: Vec<_> = rows.collect();
        match &rows[..] {
            // A single row needs no batch around it.
            [row] => self.session.execute_unpaged(&self.statements.append, row).await,
            _ => self.session.batch(self.statements.batch(rows.len()), rows).await,
        }
    }

    pub(super) fn note_write(&self, took: Duration, operations: u64, rows: u64) {
        let mut pulse = self.pulse.lock();
        pulse.commits.record(took);
        pulse.operations += operations;
        pulse.rows += rows;
    }

    #[expect(clippy::too_many_arguments, reason = "one step of one loop, which keeps its state outside")]
    async fn read_bucket(
        &self,
        log: &LogKey,
        bucket: i32,
        begin: u64,
        to: u64,
        from: u64,
        limit: usize,
        rules: &mut Rules,
        rows: &mut Vec<Row>,
    ) -> Result<(), StoreError> {
        let first = first_of(bucket).max(begin) as i64;
        let last = last_of(bucket).min(to) as i64;
        let values = (log.license.0, log.thread.as_str(), bucket, first, last);
        let pager =
            self.session.execute_iter(self.statements.rows.clone(), values).await.map_err(pager_error)?;
        let mut stream = pager.rows_stream::<(i64, i64, Bytes)>().map_err(shape_error)?;
        while let Some((seq, epoch, body)) = stream.try_next().await.map_err(next_row_error)? {
            let (seq, epoch) = (seq as u64, Epoch(epoch));
            if !rules.admit(seq, epoch) {
                break;
            }
            if seq >= from {
                rows.push(Row { seq, epoch, body });
            }
            if rows.len() == limit {
                break;
            }
        }
        Ok(())
    }

    async fn follow_bucket(&self, log: &LogKey, bucket: i32, rules: &mut Rules) -> Result<(), StoreError> {
        let values = (log.license.0, log.thread.as_str(), bucket);
        let pager =
            self.session.execute_iter(self.statements.epochs.clone(), values).await.map_err(pager_error)?;
        let mut stream = pager.rows_stream::<(i64, i64)>().map_err(shape_error)?;
        while let Some((seq, epoch)) = stream.try_next().await.map_err(next_row_error)? {
            if !rules.admit(seq as u64, Epoch(epoch)) {
                break;
            }
        }
        Ok(())
    }
}

/// An error in the middle of a read by pages.
pub(super) fn next_row_error(error: scylla::errors::NextRowError) -> StoreError {
    StoreError::Unavailable(Arc::new(error))
}

/// What ends a log: a missing row, or one whose epoch is smaller than that of the row before it.
struct Rules {
    next: u64,
    epoch: Epoch,
    ended: bool,
}

impl Rules {
    fn new(first: u64) -> Self {
        Self { next: first, epoch: Epoch(i64::MIN), ended: false }
    }

    fn admit(&mut self, seq: u64, epoch: Epoch) -> bool {
        if seq != self.next || epoch < self.epoch {
            self.ended = true;
            return false;
        }
        self.next += 1;
        self.epoch = epoch;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_meet_without_a_gap() {
        for seq in [1, 4095, 4096, 4097, 8191, 8192] {
            let bucket = bucket_of(seq);
            assert!((first_of(bucket)..=last_of(bucket)).contains(&seq), "{seq}");
        }
        assert_eq!((first_of(0), last_of(0), first_of(1)), (1, 4095, 4096));
    }

    #[test]
    fn a_log_ends_at_a_hole_and_at_a_falling_epoch() {
        let admitted = |rows: &[(u64, i64)]| {
            let mut rules = Rules::new(1);
            rows.iter().take_while(|(seq, epoch)| rules.admit(*seq, Epoch(*epoch))).count()
        };
        assert_eq!(admitted(&[(1, 5), (2, 5), (3, 7)]), 3);
        assert_eq!(admitted(&[(1, 5), (3, 5)]), 1);
        assert_eq!(admitted(&[(1, 5), (2, 7), (3, 6), (4, 7)]), 2);
        assert_eq!(admitted(&[(2, 5)]), 0);
    }
}
