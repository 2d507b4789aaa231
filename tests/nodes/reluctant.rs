//! A store that several nodes of this process use, and that does not do everything that it is asked.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use switchboard::domain::id::{ChatId, LicenseId, ThreadId};
use switchboard::store::{
    Append, AppendError, Cas, CasTables, Cell, CellKey, CellTable, EventLog, Failure, Health, IndexRow,
    IndexScan, IndexTable, IndexWrite, Indexes, LogKey, Pulse, Row, Store, StoreError,
};
use switchboard_cluster::{
    Claim, ClaimOutcome, Epoch, Incarnation, Layout, Member, OwnershipTables, Shard, ShardRow, TableError,
};
use tokio::sync::watch;

/// How long a page of a list takes.
const SCAN: Duration = Duration::from_millis(20);

/// What does not come through yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    /// The next change of a cell of this table is to wait.
    Next(CellTable),
    /// The rows of the next append are to wait.
    NextAppend,
    Waits,
}

/// A change of a cell: of what, from what, to what.
type Change = (CellKey, Option<Bytes>, Option<Bytes>);

/// Passes everything on, but for the reading of the chat that it keeps to itself and the appends that it loses or takes its time
/// for, and that its tables are in memory: other nodes change them. Counts what is read of chats. What it lost may still arrive,
/// whoever owns the shard by then, as on a database.
pub(crate) struct Reluctant {
    store: Arc<dyn Store>,
    kept: Mutex<Option<ChatId>>,
    refusals: watch::Sender<u64>,
    to_lose: AtomicUsize,
    to_refuse: AtomicUsize,
    lost: Mutex<Vec<Append>>,
    late: Mutex<HashMap<LogKey, Vec<Row>>>,
    spoiled: Mutex<Option<ThreadId>>,
    closed: Mutex<Option<ThreadId>>,
    append_takes: Mutex<Duration>,
    held: watch::Sender<Held>,
    change_to_lose: Mutex<Option<(CellTable, &'static str)>>,
    lost_change: Mutex<Option<Change>>,
    reads: AtomicUsize,
    scans: AtomicUsize,
}

impl Reluctant {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            kept: Mutex::default(),
            refusals: watch::Sender::default(),
            to_lose: AtomicUsize::new(0),
            to_refuse: AtomicUsize::new(0),
            lost: Mutex::default(),
            late: Mutex::default(),
            spoiled: Mutex::default(),
            closed: Mutex::default(),
            append_takes: Mutex::default(),
            held: watch::Sender::default(),
            change_to_lose: Mutex::default(),
            lost_change: Mutex::default(),
            reads: AtomicUsize::new(0),
            scans: AtomicUsize::new(0),
        }
    }

    /// Which chat cannot be read from now on.
    pub(crate) fn keep(&self, chat: Option<ChatId>) {
        *self.kept.lock() = chat;
    }

    /// So many of the next appends are not stored, and nobody is told what became of them.
    pub(crate) fn lose_appends(&self, count: usize) {
        self.to_lose.store(count, Ordering::SeqCst);
    }

    /// So many of the next appends that are not lost are refused as such.
    pub(crate) fn refuse_appends(&self, count: usize) {
        self.to_refuse.store(count, Ordering::SeqCst);
    }

    /// What was lost arrives, if it is the beginning of a log of which nothing is stored.
    pub(crate) fn arrives(&self) {
        for append in self.lost.lock().drain(..).filter(|append| append.first_seq == 1) {
            let Append { log, rows, epoch, .. } = append;
            let rows = (1..).zip(rows).map(|(seq, body)| Row { seq, epoch, body });
            self.late.lock().insert(log, rows.collect());
        }
    }

    /// What is stored of a log, or what arrived late of it if that is nothing.
    fn or_late(&self, log: &LogKey, stored: Vec<Row>, is_wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
        let late = self.late.lock();
        match late.get(log) {
            Some(rows) if stored.is_empty() => rows.iter().filter(|row| is_wanted(row)).cloned().collect(),
            _ => stored,
        }
    }

    /// Which thread's log is such that nobody can read it from now on.
    pub(crate) fn spoil_log(&self, thread: ThreadId) {
        *self.spoiled.lock() = Some(thread);
    }

    /// To which thread's log nothing can be appended from now on.
    pub(crate) fn close_log(&self, thread: Option<ThreadId>) {
        *self.closed.lock() = thread;
    }

    /// The next change of a cell of this table waits until it is [let go](Self::let_go).
    pub(crate) fn hold_change(&self, table: CellTable) {
        self.held.send_replace(Held::Next(table));
    }

    /// The rows of the next append wait until they are [let go](Self::let_go). By then they may be too late, and come to nothing
    /// beside what a later owner stored; on a database whoever sent them is not told so.
    pub(crate) fn hold_append(&self) {
        self.held.send_replace(Held::NextAppend);
    }

    /// The next change of a cell of this table, whose id ends like this, is not made, and nobody is told what became of it. It is
    /// made when the cell is to be changed again, as on a database that finishes what was left unfinished.
    pub(crate) fn lose_change(&self, table: CellTable, id: &'static str) {
        *self.change_to_lose.lock() = Some((table, id));
    }

    /// Waits until there is something that waits.
    pub(crate) async fn holds_something(&self) {
        self.held.subscribe().wait_for(|held| *held == Held::Waits).await.expect("the store is there");
    }

    /// What waits is tried.
    pub(crate) fn let_go(&self) {
        self.held.send_replace(Held::Nothing);
    }

    /// How long an append takes from now on.
    pub(crate) fn slow_down(&self, append_takes: Duration) {
        *self.append_takes.lock() = append_takes;
    }

    /// Waits if this is what is to be held.
    async fn waits(&self, next: Held) {
        let waits = self.held.send_if_modified(|held| {
            let is_next = *held == next;
            if is_next {
                *held = Held::Waits;
            }
            is_next
        });
        if waits {
            self.held.subscribe().wait_for(|held| *held == Held::Nothing).await.expect("the store is there");
        }
    }

    /// Lists are written before the log that they follow from, where a store cannot write both at once.
    async fn write_lists(&self, append: &Append) -> Result<(), AppendError> {
        self.store.write_index(append.epoch, append.index.clone()).await.map_err(AppendError::Store)
    }

    /// Questions about chats and their logs since this was last asked.
    pub(crate) fn take_reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// Pages of lists that were read since this was last asked.
    pub(crate) fn take_scans(&self) -> usize {
        self.scans.swap(0, Ordering::SeqCst)
    }

    /// Waits until the chat was asked for, and refused, so often.
    pub(crate) async fn refused(&self, times: u64) {
        let mut refusals = self.refusals.subscribe();
        refusals.wait_for(|refusals| *refusals >= times).await.expect("the store is there");
    }
}

#[async_trait]
impl EventLog for Reluctant {
    async fn append(&self, append: Append) -> Result<(), AppendError> {
        let is_next = |faults: &AtomicUsize| {
            faults.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        };
        if is_next(&self.to_lose) {
            self.write_lists(&append).await?;
            self.lost.lock().push(append);
            let cause = Arc::new(std::io::Error::other("lost"));
            return Err(AppendError::Store(StoreError::OutcomeUnknown(cause)));
        }
        if is_next(&self.to_refuse) {
            let cause = Arc::new(std::io::Error::other("refused"));
            return Err(AppendError::Store(StoreError::Refused(cause)));
        }
        if self.closed.lock().as_ref() == Some(&append.log.thread) {
            let cause = Arc::new(std::io::Error::other("closed"));
            return Err(AppendError::Store(StoreError::Unavailable(cause)));
        }
        if *self.held.borrow() == Held::NextAppend {
            self.write_lists(&append).await?;
            self.waits(Held::NextAppend).await;
            return match self.store.append(Append { index: Vec::new(), ..append }).await {
                Err(AppendError::Fenced) => Ok(()),
                answer => answer,
            };
        }
        let takes = *self.append_takes.lock();
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        self.store.append(append).await
    }

    async fn read(
        &self,
        log: &LogKey,
        from: u64,
        to: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let mut stored = self.store.read(log, from, to, limit).await?;
        if self.spoiled.lock().as_ref() == Some(&log.thread) {
            stored.iter_mut().for_each(|row| row.body = Bytes::from_static(b"of a later version"));
        }
        Ok(self.or_late(log, stored, |row| (from..=to.unwrap_or(u64::MAX)).contains(&row.seq)))
    }

    async fn tail(&self, log: &LogKey, max_rows: usize) -> Result<Vec<Row>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let stored = self.store.tail(log, max_rows).await?;
        Ok(self.or_late(log, stored, |_| true))
    }
}

#[async_trait]
impl CasTables for Reluctant {
    async fn read_cell(&self, key: &CellKey) -> Result<Option<Bytes>, StoreError> {
        if key.table == CellTable::Chats {
            self.reads.fetch_add(1, Ordering::SeqCst);
        }
        let is_kept = self.kept.lock().as_ref().is_some_and(|chat| chat.as_str() == key.id);
        if key.table == CellTable::Chats && is_kept {
            self.refusals.send_modify(|refusals| *refusals += 1);
            return Err(StoreError::Unavailable(Arc::new(std::io::Error::other("kept"))));
        }
        self.store.read_cell(key).await
    }

    async fn cas(
        &self,
        key: &CellKey,
        expected: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<Cas, StoreError> {
        self.waits(Held::Next(key.table)).await;
        let is_lost = |lost: &mut (CellTable, &str)| lost.0 == key.table && key.id.ends_with(lost.1);
        if self.change_to_lose.lock().take_if(is_lost).is_some() {
            *self.lost_change.lock() = Some((key.clone(), expected, new));
            return Err(StoreError::OutcomeUnknown(Arc::new(std::io::Error::other("lost"))));
        }
        let unfinished = self.lost_change.lock().take_if(|(lost, ..)| lost == key);
        if let Some((key, expected, new)) = unfinished {
            self.store.cas(&key, expected, new).await?;
        }
        self.store.cas(key, expected, new).await
    }

    async fn list_cells(
        &self,
        table: CellTable,
        license: LicenseId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Cell>, StoreError> {
        self.store.list_cells(table, license, after, limit).await
    }
}

#[async_trait]
impl Indexes for Reluctant {
    async fn write_index(&self, epoch: Epoch, writes: Vec<IndexWrite>) -> Result<(), StoreError> {
        self.store.write_index(epoch, writes).await
    }

    async fn write_ends(&self, epoch: Epoch, writes: Vec<IndexWrite>) {
        self.store.write_ends(epoch, writes).await;
    }

    async fn scan_index(&self, scan: IndexScan) -> Result<Vec<IndexRow>, StoreError> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        // As a database would: what takes no time cannot be shared. Nobody shares the timers.
        if scan.table != IndexTable::Due {
            tokio::time::sleep(SCAN).await;
        }
        self.store.scan_index(scan).await
    }

    async fn scan_buckets(
        &self,
        table: IndexTable,
        owner: i64,
        buckets: &[String],
    ) -> Result<Vec<IndexRow>, StoreError> {
        self.store.scan_buckets(table, owner, buckets).await
    }

    async fn retire_bucket(&self, table: IndexTable, owner: i64, bucket: &str) -> Result<(), StoreError> {
        self.store.retire_bucket(table, owner, bucket).await
    }
}

#[async_trait]
impl Health for Reluctant {
    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }

    fn failed(&self) -> watch::Receiver<Option<Failure>> {
        self.store.failed()
    }

    fn pulse(&self) -> Pulse {
        self.store.pulse()
    }
}

#[async_trait]
impl OwnershipTables for Reluctant {
    async fn agree_layout(&self, wanted: Layout) -> Result<Layout, TableError> {
        self.store.agree_layout(wanted).await
    }

    async fn members(&self) -> Result<Vec<Member>, TableError> {
        self.store.members().await
    }

    async fn join(&self, member: Member) -> Result<(), TableError> {
        self.store.join(member).await
    }

    async fn vote(
        &self,
        accused: Incarnation,
        voter: Incarnation,
        against: bool,
    ) -> Result<Vec<Incarnation>, TableError> {
        self.store.vote(accused, voter, against).await
    }

    async fn fence(&self, incarnation: Incarnation) -> Result<(), TableError> {
        self.store.fence(incarnation).await
    }

    async fn forget(&self, incarnation: Incarnation) -> Result<(), TableError> {
        self.store.forget(incarnation).await
    }

    async fn is_valid(&self, incarnation: Incarnation) -> Result<bool, TableError> {
        self.store.is_valid(incarnation).await
    }

    async fn shards(&self) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        self.store.shards().await
    }

    async fn shard_rows(&self, shards: &[Shard]) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        self.store.shard_rows(shards).await
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<ClaimOutcome>, TableError> {
        self.store.claim(claims).await
    }
}
