//! Index rows: projections of the logs, for lists and timers.
//!
//! The logs are the truth; an index row may be late or stale, and whoever reads one must be able to live with that.
//! Of two writes to the same row the one with the larger (epoch, version) stands, whatever the order of arrival, so a
//! row is never deleted: an empty body says that it is gone.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use bytes::Bytes;
use switchboard_cluster::Epoch;

use super::StoreError;

/// The index tables. Each is a table of its own on CQL, partitioned by owner and bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexTable {
    /// Owner license, bucket chat, position thread number, id thread.
    ThreadsByChat,
    /// Owner license, bucket a period of time, position creation of a thread (µs), id chat: where it stands by its last
    /// thread, and where it stood by each before.
    ChatsByLicense,
    /// Owner license, bucket customer, position creation of a thread (µs), id chat: where it stands and where it stood.
    ChatsByCustomer,
    /// Owner shard, bucket day, position license, id chat: what a takeover loads.
    OpenChats,
    /// Owner shard, bucket minute, position deadline (µs), id `license/chat`: timers of passivated chats.
    Due,
    /// Owner license, bucket day, position creation (µs), id thread: archives.
    ThreadsByDay,
    /// Owner license, bucket an hour and a chat, position moment (µs), id decision: why chats went where they went.
    Decisions,
    /// Owner license, bucket day, position beginning of five minutes (µs), id chat: what changed lately.
    ChangedChats,
}

impl IndexTable {
    /// Every table.
    pub const ALL: [Self; 8] = [
        Self::ThreadsByChat,
        Self::ChatsByLicense,
        Self::ChatsByCustomer,
        Self::OpenChats,
        Self::Due,
        Self::ThreadsByDay,
        Self::Decisions,
        Self::ChangedChats,
    ];
}

/// Names an index row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IndexKey {
    /// Its table.
    pub table: IndexTable,
    /// A license or a shard.
    pub owner: i64,
    /// What keeps the rows of one owner apart in bounded heaps.
    pub bucket: String,
    /// Where the row stands in its bucket.
    pub position: i64,
    /// The record, unique with its position.
    pub id: String,
}

/// Which state of a chat an index row shows: of two writes under one epoch the larger version stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Number of the chat's last thread.
    pub thread_no: u32,
    /// Last row of that thread's log.
    pub seq: u64,
}

/// A write of an index row.
#[derive(Clone, Debug)]
pub struct IndexWrite {
    /// The row.
    pub key: IndexKey,
    /// The state it shows.
    pub version: Version,
    /// What the list shows; empty says that the row is gone.
    pub body: Bytes,
}

/// The order of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Smallest position first.
    Ascending,
    /// Largest position first.
    Descending,
}

/// Which index rows are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IndexScan {
    /// The table.
    pub table: IndexTable,
    /// A license or a shard.
    pub owner: i64,
    /// The bucket.
    pub bucket: String,
    /// Positions that count, both ends included.
    pub positions: RangeInclusive<i64>,
    /// Go on after this (position, id), in the order of the scan.
    pub after: Option<(i64, String)>,
    /// The order.
    pub order: Order,
    /// How many rows at most.
    pub limit: usize,
}

impl IndexScan {
    /// A scan of a whole bucket.
    pub fn bucket(
        table: IndexTable,
        owner: i64,
        bucket: impl Into<String>,
        order: Order,
        limit: usize,
    ) -> Self {
        Self {
            table,
            owner,
            bucket: bucket.into(),
            positions: i64::MIN..=i64::MAX,
            after: None,
            order,
            limit,
        }
    }
}

/// A row of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// Where it stands.
    pub position: i64,
    /// The record.
    pub id: String,
    /// What the list shows.
    pub body: Bytes,
}

/// Projections.
#[async_trait]
pub trait Indexes: Send + Sync {
    /// Writes rows under `epoch`. May be repeated; on CQL some of the rows may be written when it fails.
    async fn write_index(&self, epoch: Epoch, writes: Vec<IndexWrite>) -> Result<(), StoreError>;

    /// Writes rows under `epoch` that say that something has gone, or until when it was there: now if possible, else later.
    /// Only of what is confirmed: a log's row that loses against a later owner's does so without a word, and a list that
    /// followed it would hide what is there. Nobody has to wait until it is done, since readers look at what they find.
    async fn write_ends(&self, epoch: Epoch, writes: Vec<IndexWrite>);

    /// Rows of a bucket that are not gone, by (position, id) in the order of the scan.
    async fn scan_index(&self, scan: IndexScan) -> Result<Vec<IndexRow>, StoreError>;

    /// All rows that are not gone of several small buckets of one owner, in no particular order; one question to the store.
    async fn scan_buckets(
        &self,
        table: IndexTable,
        owner: i64,
        buckets: &[String],
    ) -> Result<Vec<IndexRow>, StoreError>;

    /// Lets go of a bucket that nobody will read or write again (minutes that have passed). The embedded store frees
    /// its space now; on CQL the tables of timers and decisions expire by themselves and nothing is done.
    async fn retire_bucket(&self, table: IndexTable, owner: i64, bucket: &str) -> Result<(), StoreError>;
}
