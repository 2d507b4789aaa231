//! The one writer thread: takes everything that waits, commits it as one batch with one sync, then answers.
//!
//! Per group: run every operation against the [`Transaction`], write the batch with its [commit number](ring), sync, write
//! the [side mark](super::mark), answer all. Nothing is answered before the sync; nothing at all is committed after a
//! failed one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fjall::{Database, Keyspace, PersistMode};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::mark::Mark;
use super::memory::{Memory, Standing};
use super::ring;
use super::transaction::{Transaction, Writes};
use crate::store::{Cause, Failure, Pulse, StoreError};

/// Operations of one group at most.
const GROUP_OPERATIONS: usize = 1024;
/// Bytes after which a group takes no further operation.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// What a row takes in a memtable besides key and value, in bytes: more than the engine itself counts, so that a memtable is
/// full here first.
const ROW_BYTES: usize = 96;

/// An operation of a group, whatever its result is.
trait Operation: Send {
    /// Runs in a transaction, or is told why it may not.
    fn run(&mut self, transaction: Result<&mut Transaction<'_>, StoreError>);

    /// Answers: the group is durable, or is not.
    fn settle(self: Box<Self>, committed: &Result<(), StoreError>);
}

/// An operation with somebody who waits for its result.
struct Asked<T, E, F> {
    /// None once it has run.
    operation: Option<F>,
    /// None until it has run.
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Operation for Asked<T, E, F>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, transaction: Result<&mut Transaction<'_>, StoreError>) {
        let Some(operation) = self.operation.take() else { return };
        self.result = Some(match transaction {
            Ok(transaction) => transaction.attempt(operation),
            Err(error) => Err(error.into()),
        });
    }

    fn settle(self: Box<Self>, committed: &Result<(), StoreError>) {
        let Self { result, answer, .. } = *self;
        // A result that was found in a group that did not become durable may rest on writes that are not there.
        let result = match (committed, result) {
            (Err(error), _) => Err(error.clone().into()),
            (Ok(()), Some(result)) => result,
            // Nobody is told anything that was not found out: whoever waits hears that the writer is gone.
            (Ok(()), None) => return,
        };
        // The asker may have gone; the write stands all the same.
        let _gone = answer.send(result);
    }
}

/// An operation on its way to the writer.
pub(super) struct Job {
    /// Whether it is refused when the disk is nearly full.
    needs_room: bool,
    operation: Box<dyn Operation>,
}

impl Job {
    /// Wraps an operation; its answer comes through the receiver once its group is durable.
    pub(super) fn new<T, E, F>(needs_room: bool, operation: F) -> (Self, oneshot::Receiver<Result<T, E>>)
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let operation = Box::new(Asked { operation: Some(operation), result: None, answer });
        (Self { needs_room, operation }, answered)
    }
}

/// What the writer tells about itself.
pub(super) struct Gauges {
    folder: PathBuf,
    reserve_bytes: u64,
    pulse: Mutex<Pulse>,
    /// When the group that is being committed was begun.
    busy_since: Mutex<Option<Instant>>,
}

/// A commit that does not come back.
#[derive(Debug, thiserror::Error)]
#[error("a commit has been going on for {} s", .0.as_secs())]
struct Stalled(Duration);

impl Gauges {
    pub(super) fn new(folder: PathBuf, reserve_bytes: u64) -> Self {
        Self { folder, reserve_bytes, pulse: Mutex::default(), busy_since: Mutex::default() }
    }

    /// The figures, with the queue's length filled in.
    pub(super) fn pulse(&self, waiting: u64) -> Pulse {
        Pulse { waiting, ..self.pulse.lock().clone() }
    }

    /// Whether writes go through: there is room, and no commit hangs.
    pub(super) fn check(&self, stall: Duration) -> Result<(), StoreError> {
        let busy = self.busy_since.lock().map(|since| since.elapsed()).unwrap_or_default();
        if busy > stall {
            return Err(StoreError::Unavailable(Arc::new(Stalled(busy))));
        }
        self.check_room()
    }

    fn check_room(&self) -> Result<(), StoreError> {
        let disk = rustix::fs::statvfs(&self.folder)
            .map_err(|error| StoreError::Unavailable(Arc::new(std::io::Error::from(error))))?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free_bytes < self.reserve_bytes {
            return Err(StoreError::Full { free_bytes, reserve_bytes: self.reserve_bytes });
        }
        Ok(())
    }
}

/// The state of the thread.
pub(super) struct Writer {
    pub(super) db: Database,
    pub(super) data: Keyspace,
    pub(super) mark: Mark,
    pub(super) last_commit: u64,
    pub(super) gauges: Arc<Gauges>,
    pub(super) failed: watch::Sender<Option<Failure>>,
    pub(super) memory: Memory,
    pub(super) standing: Arc<Standing>,
    /// What a memtable may hold.
    pub(super) memtable_bytes: u64,
    /// What was written since the memtable was begun.
    pub(super) filled_bytes: u64,
}

impl Writer {
    /// Works until every sender of the queue is gone.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            *self.gauges.busy_since.lock() = Some(Instant::now());
            self.group(first, &mut queue);
            *self.gauges.busy_since.lock() = None;
        }
    }

    fn group(&mut self, first: Job, queue: &mut mpsc::Receiver<Job>) {
        if let Some(failure) = self.failed.borrow().clone() {
            let error = StoreError::Failed(Arc::new(failure));
            first.operation.settle(&Err(error));
            return;
        }
        let room = self.gauges.check_room();
        let data = self.data.clone();
        let mut memory = std::mem::take(&mut self.memory);
        let mut transaction = Transaction::new(&data, &mut memory);
        let mut group: Vec<Box<dyn Operation>> = Vec::new();
        let mut next = Some(first);
        while let Some(Job { needs_room, mut operation }) = next {
            let allowed = if needs_room { room.clone() } else { Ok(()) };
            operation.run(allowed.map(|()| &mut transaction));
            group.push(operation);
            if group.len() == GROUP_OPERATIONS || transaction.bytes() >= GROUP_BYTES {
                break;
            }
            next = queue.try_recv().ok();
        }
        let concerns_members = transaction.concerns_members();
        let (writes, rows, appended) = transaction.into_parts();
        let committed = self.commit(writes, rows, group.len() as u64);
        if concerns_members {
            self.standing.committed();
        }
        if committed.is_ok() {
            appended.into_iter().for_each(|(log, seq)| memory.reaches(log, seq));
        }
        self.memory = memory;
        for operation in group {
            operation.settle(&committed);
        }
        if committed.is_ok() {
            self.begin_memtable_in_time();
        }
    }

    /// Makes the group durable. Any error is the end: the engine may or may not have written the batch.
    fn commit(&mut self, writes: Writes, rows: u64, operations: u64) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let number = self.last_commit + 1;
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        let (key, value) = ring::entry(number);
        self.filled_bytes += (key.len() + value.len() + ROW_BYTES) as u64;
        batch.insert(&self.data, key, value);
        for (key, value) in writes {
            let length = key.len() + value.as_ref().map_or(0, |value| value.len());
            self.filled_bytes += (length + ROW_BYTES) as u64;
            match value {
                Some(value) => batch.insert(&self.data, key, value),
                None => batch.remove(&self.data, key),
            }
        }
        // The engine panics on some kinds of damage.
        match catch_unwind(AssertUnwindSafe(|| batch.commit())) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.fail("a commit failed", Arc::new(error))),
            Err(_) => return Err(self.fail("a commit panicked", Arc::new(fjall::Error::Poisoned))),
        }
        if let Err(error) = self.mark.write(number) {
            return Err(self.fail("the side mark could not be written", Arc::new(error)));
        }
        self.last_commit = number;
        let mut pulse = self.gauges.pulse.lock();
        pulse.commits.record(began.elapsed());
        pulse.operations += operations;
        pulse.rows += rows;
        Ok(())
    }

    fn begin_memtable_in_time(&mut self) {
        let is_full = self.filled_bytes >= self.memtable_bytes;
        if !is_full && !self.last_commit.is_multiple_of(ring::COMMITS_PER_MEMTABLE) {
            return;
        }
        self.filled_bytes = 0;
        if let Err(error) = self.data.rotate_memtable() {
            self.fail("a new memtable could not be begun", Arc::new(error));
        }
    }

    fn fail(&self, what: &'static str, source: Cause) -> StoreError {
        let failure = Failure { what, source };
        tracing::error!(error = &failure as &dyn std::error::Error, "the store stops");
        self.failed.send_replace(Some(failure.clone()));
        StoreError::Failed(Arc::new(failure))
    }
}
