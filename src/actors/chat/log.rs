//! Reading and writing the log of a thread under the chat's epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use switchboard_cluster::{Epoch, Shard};

use super::super::{Actors, AskError, ChatKey, changed};
use super::record;
use crate::domain::id::ThreadId;
use crate::store::{Append, AppendError, IndexWrite, LogKey, Row, StoreError};

/// Rows fetched at once when a whole log is read.
const PAGE: usize = 1_000;
/// Rows that a takeover writes again under its own epoch: as many as one append may have left behind.
pub(super) const TAIL: usize = Append::MAX_ROWS;
/// How often an append with an unknown outcome is repeated as it is before the actor gives up.
const ATTEMPTS: u32 = 4;

/// The writer of a chat's logs.
#[derive(Clone, Debug)]
pub(super) struct LogWriter {
    pub(super) key: ChatKey,
    pub(super) shard: Shard,
    pub(super) epoch: Epoch,
    /// The last period in which the chat was listed as changed.
    listed: Arc<AtomicI64>,
}

impl LogWriter {
    pub(super) fn new(key: ChatKey, shard: Shard, epoch: Epoch) -> Self {
        Self { key, shard, epoch, listed: Arc::new(AtomicI64::new(i64::MIN)) }
    }

    pub(super) fn log(&self, thread: &ThreadId) -> LogKey {
        LogKey { license: self.key.license, thread: thread.clone() }
    }

    /// Every row of a thread's log, in order.
    pub(super) async fn read_all(&self, actors: &Actors, thread: &ThreadId) -> Result<Vec<Row>, StoreError> {
        read_all(actors, &self.log(thread), None).await
    }

    /// Appends rows as one batch: durable when it returns. Repeats itself while the outcome is unknown; one whose outcome stays
    /// unknown is kept for [`Self::settle`].
    pub(super) async fn append(
        &self,
        actors: &Actors,
        thread: &ThreadId,
        first_seq: u64,
        rows: Vec<Bytes>,
        mut index: Vec<IndexWrite>,
    ) -> Result<(), AskError> {
        let now = actors.parts.clock.now();
        let is_listed = self.listed.load(Ordering::Relaxed) == changed::period_of(now);
        if !is_listed {
            index.push(changed::entry(&self.key, now));
        }
        let append =
            Append { shard: self.shard, epoch: self.epoch, log: self.log(thread), first_seq, rows, index };
        let sent = send(actors, &append).await;
        if matches!(sent, Err(AskError::Store(StoreError::OutcomeUnknown(_)))) {
            actors.unsettled.keep(&self.key, append);
        }
        if sent.is_ok() && !is_listed {
            self.listed.store(changed::period_of(now), Ordering::Relaxed);
            changed::listed(actors, self.key.license, now);
        }
        sent
    }

    /// Before a chat is read again under the same term: sends what may or may not have been stored once more, as it was. It
    /// may still arrive, with the same numbers and the same epoch as whatever would be stored in its place, and then nobody
    /// could say which of the two stands.
    pub(super) async fn settle(&self, actors: &Actors) -> Result<(), AskError> {
        if let Some(append) = actors.unsettled.of(&self.key, self.epoch) {
            Box::pin(send(actors, &append)).await?;
        }
        actors.unsettled.settled(&self.key, self.epoch);
        Ok(())
    }

    /// What was confirmed says that something has gone: lists may say so as well. What is said too early would stay if a later
    /// owner's log turned out to say something else.
    pub(super) async fn write_ends(&self, actors: &Actors, ends: Vec<IndexWrite>) {
        if !ends.is_empty() {
            actors.parts.store.write_ends(self.epoch, ends).await;
        }
    }

    /// Confirms that what was read or written may be told.
    pub(super) async fn validate(&self, actors: &Actors) -> Result<(), AskError> {
        actors.parts.ownership.validate(self.shard, self.epoch).await.map_err(|error| {
            tracing::warn!(shard = self.shard.0, epoch = %self.epoch, %error, "what was stored is not confirmed");
            AskError::Unconfirmed
        })
    }

    /// Makes the end of a log that was read ours: writes its tail again under our epoch, so that no earlier owner
    /// can change it any more. Needed once a takeover, before anything is answered from it.
    pub(super) async fn restamp(
        &self,
        actors: &Actors,
        thread: &ThreadId,
        rows: &[Row],
    ) -> Result<(), AskError> {
        let Some(last) = rows.last() else { return Ok(()) };
        let bucket = last.seq / Append::BUCKET_ROWS;
        let start = rows.len().saturating_sub(TAIL);
        let tail: Vec<&Row> =
            rows[start..].iter().filter(|row| row.seq / Append::BUCKET_ROWS == bucket).collect();
        if tail.iter().all(|row| row.epoch == self.epoch) {
            return Ok(());
        }
        let mut bytes = 0;
        let fitting: Vec<&Row> = tail
            .into_iter()
            .rev()
            .take_while(|row| {
                bytes += row.body.len();
                bytes <= Append::MAX_BYTES
            })
            .collect();
        let Some(first) = fitting.last() else { return Ok(()) };
        let bodies = fitting.iter().rev().map(|row| row.body.clone()).collect();
        self.append(actors, thread, first.seq, bodies, Vec::new()).await
    }

    /// The opening of a thread was cut short before the first row was there. An earlier owner may have it under way still: now
    /// it would come too late, and the thread never was.
    pub(super) async fn seal(&self, actors: &Actors, thread: &ThreadId) -> Result<(), AskError> {
        self.append(actors, thread, 1, vec![record::seal()], Vec::new()).await
    }
}

/// Sends an append until its outcome is known, or it was sent often enough.
async fn send(actors: &Actors, append: &Append) -> Result<(), AskError> {
    let mut pause = Duration::from_millis(20);
    let mut unknown = None;
    for attempt in 1.. {
        let error = match actors.parts.store.append(append.clone()).await {
            Ok(()) => break,
            Err(AppendError::Fenced) => return Err(AskError::Unconfirmed),
            Err(AppendError::Store(error)) => error,
        };
        match error {
            StoreError::OutcomeUnknown(cause) if attempt < ATTEMPTS => {
                unknown = Some(cause);
                // Boxed: a timer in it would make every turn larger.
                Box::pin(tokio::time::sleep(pause)).await;
                pause *= 3;
            }
            // That the last attempt did nothing says nothing of those before it.
            error => return Err(AskError::Store(unknown.map_or(error, StoreError::OutcomeUnknown))),
        }
    }
    Ok(())
}

/// Every row of a log up to `to`, in order.
pub(super) async fn read_all(actors: &Actors, log: &LogKey, to: Option<u64>) -> Result<Vec<Row>, StoreError> {
    read_after(actors, log, 0, to).await
}

/// Every row of a log after one that was read, or from the first (0), up to `to`, in order.
pub(super) async fn read_after(
    actors: &Actors,
    log: &LogKey,
    after: u64,
    to: Option<u64>,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    let mut pages = Pages::after(log, after, to);
    while let Some(page) = pages.next(actors).await? {
        rows.extend(page);
    }
    Ok(rows)
}

/// The rows of a log a page at a time: what a page is made into is often much less than its rows. None of a log that was
/// sealed.
pub(super) struct Pages<'a> {
    log: &'a LogKey,
    /// The last row that was read.
    last: u64,
    to: Option<u64>,
    is_over: bool,
}

impl<'a> Pages<'a> {
    /// The rows after one, or from the first (0), up to `to`, in order.
    pub(super) fn after(log: &'a LogKey, after: u64, to: Option<u64>) -> Self {
        Self { log, last: after, to, is_over: false }
    }

    /// The next rows; none if there are no more.
    pub(super) async fn next(&mut self, actors: &Actors) -> Result<Option<Vec<Row>>, StoreError> {
        if self.is_over || self.to.is_some_and(|to| self.last >= to) {
            return Ok(None);
        }
        let mut page = actors.parts.store.read(self.log, self.last + 1, self.to, PAGE).await?;
        self.is_over = page.len() < PAGE;
        page.retain(|row| !record::is_seal(row));
        self.last = page.last().map_or(self.last, |row| row.seq);
        Ok(Some(page))
    }
}
