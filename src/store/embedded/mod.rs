//! The store of one machine, on the pure-Rust engine fjall.
//!
//! # Promises
//!
//! - A write is answered only after the operating system has confirmed that it is on disk (`fdatasync`).
//! - One writer thread takes everything that waits, as one batch with one sync (group commit), so that the cost of a sync
//!   is shared and an append can compare its epoch inside the transaction.
//! - A failed sync ends the store: nothing is acknowledged from then on, and [`Health::failed`]
//!   tells the server to stop. Nobody can know what is on disk after it.
//! - A nearly full disk refuses writes early ([`StoreError::Full`]) and goes on reading; the reserve is for the upkeep
//!   of the engine and for ownership. (fjall stops for good when it hits the real end of the disk.)
//! - Damage is reported, never read as "empty" or "shorter": every value has a checksum, every commit a number.
//! - One process at a time: an exclusive lock on the folder.
//!
//! # Why one keyspace
//!
//! fjall flushes each keyspace on its own, and cuts a damaged journal silently. With everything in one keyspace a commit
//! is flushed or lost as a whole, together with the commit number in it. Numbers that are missing, or that end before
//! the [side mark](mark), therefore show every lost commit; with several keyspaces a lost half could hide behind the
//! flushed half of another. See [`ring`]. What neither would show, a batch that is taken for newer or older than it is,
//! [`journal`] looks for.
//!
//! # Files
//!
//! `LOCK`, `commit.mark` (see [`mark`]), `db/` (fjall's), and `journal-copy/` while an opening is being checked, or after
//! one was refused: the journals as they were before fjall touched them.

mod journal;
mod keys;
mod lock;
mod mark;
mod memory;
mod open;
mod ownership;
mod reads;
mod ring;
mod sealed;
mod tables;
mod transaction;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fjall::{Keyspace, LsmError};
use switchboard_cluster::Epoch;
use tokio::sync::{mpsc, watch};

use self::memory::Standing;
use self::transaction::Transaction;
use self::writer::{Gauges, Job};
use super::{
    Append, AppendError, Cas, CasTables, Cell, CellKey, CellTable, EventLog, Failure, Health, IndexRow,
    IndexScan, IndexTable, IndexWrite, Indexes, LogKey, Order, Pulse, Row, StoreError,
};
use crate::domain::id::LicenseId;

pub use self::open::OpenError;

/// A commit that takes longer than this is a stall, which [`Health::check`] reports.
const STALL: Duration = Duration::from_secs(10);

/// How to open an embedded store.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The store's own folder; made if it is not there.
    pub directory: PathBuf,
    /// Bytes of free disk below which writes are refused. Default 512 MiB. Too small, and the engine may hit the end of
    /// the disk in its own upkeep, which stops the store.
    pub reserve_bytes: u64,
    /// Operations that may wait for the writer before callers wait for a place. Default 4096.
    pub queue: usize,
    /// Memory for cached blocks, in bytes. Default 64 MiB.
    pub cache_bytes: u64,
    /// Memory for rows before they are flushed to a table, in bytes, up to five times as much while flushes lag. Default
    /// 32 MiB. Fixed when the store is made. Too small, and many little tables must be merged.
    pub memtable_bytes: u64,
}

impl EmbeddedOptions {
    /// The defaults, for a folder.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            reserve_bytes: 512 * 1024 * 1024,
            queue: 4096,
            cache_bytes: 64 * 1024 * 1024,
            memtable_bytes: 32 * 1024 * 1024,
        }
    }
}

/// The open store. Dropping it finishes what was submitted, then releases the folder.
pub struct EmbeddedStore {
    data: Keyspace,
    queue: Option<mpsc::Sender<Job>>,
    gauges: Arc<Gauges>,
    failed: watch::Receiver<Option<Failure>>,
    standing: Arc<Standing>,
    writer: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedStore").field("path", &self.data.path()).finish_non_exhaustive()
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was already reported as a failure.
            let _reported = writer.join();
        }
    }
}

impl EmbeddedStore {
    /// Opens the store, makes it if the folder is empty, and refuses it if anything acknowledged is missing.
    ///
    /// Blocks while journals are read: call it from a thread that may block.
    pub fn open(options: &EmbeddedOptions) -> Result<Self, OpenError> {
        open::open(options)
    }

    /// Has the writer thread run `operation` inside the next group, and answers when that group is durable.
    async fn submit<T, E, F>(&self, needs_room: bool, operation: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        let (job, answered) = Job::new(needs_room, operation);
        let gone = || self.stopped_error();
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    fn stopped_error(&self) -> StoreError {
        match &*self.failed.borrow() {
            Some(failure) => StoreError::Failed(Arc::new(failure.clone())),
            None => StoreError::Failed(Arc::new(fjall::Error::Poisoned)),
        }
    }

    /// Reads on a thread that may block on the disk.
    async fn read_blocking<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Keyspace) -> Result<T, StoreError> + Send + 'static,
    {
        let data = self.data.clone();
        // The engine panics on some kinds of damage.
        tokio::task::spawn_blocking(move || read(&data)).await.unwrap_or_else(|panic| {
            Err(StoreError::Corrupt { what: "the engine's files", source: Some(Arc::new(panic)) })
        })
    }
}

#[async_trait]
impl EventLog for EmbeddedStore {
    async fn append(&self, append: Append) -> Result<(), AppendError> {
        append.check()?;
        self.submit(true, move |transaction| transaction.append(&append)).await
    }

    async fn read(
        &self,
        log: &LogKey,
        from: u64,
        to: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let log = keys::log(log)?;
        self.read_blocking(move |data| reads::rows(data, &log, from, to, limit)).await
    }

    async fn tail(&self, log: &LogKey, max_rows: usize) -> Result<Vec<Row>, StoreError> {
        let log = keys::log(log)?;
        self.read_blocking(move |data| reads::tail(data, &log, max_rows)).await
    }
}

#[async_trait]
impl CasTables for EmbeddedStore {
    async fn read_cell(&self, key: &CellKey) -> Result<Option<Bytes>, StoreError> {
        let key = keys::cell(key)?;
        self.read_blocking(move |data| Ok(reads::get(data, "a cell", &key)?.map(Bytes::from))).await
    }

    async fn cas(
        &self,
        key: &CellKey,
        expected: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<Cas, StoreError> {
        let key = keys::cell(key)?;
        self.submit(true, move |transaction| transaction.cas(key, expected.as_deref(), new)).await
    }

    async fn list_cells(
        &self,
        table: CellTable,
        license: LicenseId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Cell>, StoreError> {
        debug_assert!(table.is_listable(), "{table:?} is not listable");
        let prefix = keys::cells(table, license);
        let after = after.map(|id| keys::cell_in(prefix.clone(), id)).transpose()?;
        self.read_blocking(move |data| reads::cells(data, &prefix, after, limit)).await
    }
}

#[async_trait]
impl Indexes for EmbeddedStore {
    async fn write_index(&self, epoch: Epoch, writes: Vec<IndexWrite>) -> Result<(), StoreError> {
        self.submit(true, move |transaction| transaction.write_index(epoch, &writes)).await
    }

    async fn write_ends(&self, epoch: Epoch, writes: Vec<IndexWrite>) {
        if let Err(error) = self.write_index(epoch, writes).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "index rows that should be gone stay, and are passed over");
        }
    }

    async fn scan_index(&self, scan: IndexScan) -> Result<Vec<IndexRow>, StoreError> {
        self.read_blocking(move |data| reads::scan(data, &scan)).await
    }

    async fn scan_buckets(
        &self,
        table: IndexTable,
        owner: i64,
        buckets: &[String],
    ) -> Result<Vec<IndexRow>, StoreError> {
        let whole = |bucket: &String| IndexScan::bucket(table, owner, bucket, Order::Ascending, usize::MAX);
        let scans: Vec<IndexScan> = buckets.iter().map(whole).collect();
        self.read_blocking(move |data| {
            let mut rows = Vec::new();
            for scan in &scans {
                rows.extend(reads::scan(data, scan)?);
            }
            Ok(rows)
        })
        .await
    }

    async fn retire_bucket(&self, table: IndexTable, owner: i64, bucket: &str) -> Result<(), StoreError> {
        let prefix = keys::bucket(table, owner, bucket)?;
        self.submit(false, move |transaction| transaction.remove_all(&prefix)).await
    }
}

#[async_trait]
impl Health for EmbeddedStore {
    async fn check(&self) -> Result<(), StoreError> {
        if self.failed.borrow().is_some() {
            return Err(self.stopped_error());
        }
        self.gauges.check(STALL)
    }

    fn failed(&self) -> watch::Receiver<Option<Failure>> {
        self.failed.clone()
    }

    fn pulse(&self) -> Pulse {
        let waiting = self.queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity());
        self.gauges.pulse(waiting as u64)
    }
}

/// Says what an error of the engine means to the caller of a read.
fn engine_error(error: fjall::Error) -> StoreError {
    match &error {
        fjall::Error::Io(_) | fjall::Error::Storage(LsmError::Io(_)) => {
            StoreError::Unavailable(Arc::new(error))
        }
        _ => StoreError::Corrupt { what: "the engine's files", source: Some(Arc::new(error)) },
    }
}

#[cfg(test)]
mod tests;
