//! Index rows: blobs that order themselves, under the epoch as write timestamp.
//!
//! A row's blob begins with the big-endian version. Of two writes under one epoch, that is with the same timestamp, CQL
//! keeps the larger blob, which is the later version.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::client::pager::QueryPager;
use switchboard_cluster::Epoch;

use super::error::{pager_error, shape_error, write_error};
use super::log::next_row_error;
use super::projections::Projection;
use super::{CqlStore, Inner};
use crate::store::{IndexRow, IndexScan, IndexTable, IndexWrite, Indexes, Order, StoreError};

/// Rows of one call that are written at the same time.
const AT_ONCE: usize = 32;
/// Bytes of a version.
const VERSION: usize = 12;

fn blob(write: &IndexWrite) -> Vec<u8> {
    let mut blob = Vec::with_capacity(VERSION + write.body.len());
    blob.extend_from_slice(&write.version.thread_no.to_be_bytes());
    blob.extend_from_slice(&write.version.seq.to_be_bytes());
    blob.extend_from_slice(&write.body);
    blob
}

#[async_trait]
impl Indexes for CqlStore {
    async fn write_index(&self, epoch: Epoch, writes: Vec<IndexWrite>) -> Result<(), StoreError> {
        self.inner.write_rows(epoch, &writes).await
    }

    async fn write_ends(&self, epoch: Epoch, writes: Vec<IndexWrite>) {
        self.project(Projection { epoch, writes }).await;
    }

    async fn scan_index(&self, scan: IndexScan) -> Result<Vec<IndexRow>, StoreError> {
        let Some(bounds) = Bounds::of(&scan) else { return Ok(Vec::new()) };
        let statements = self.inner.statements.indexes(scan.table);
        let statement = statements.scan(scan.order, bounds.before.is_some()).clone();
        let (owner, bucket, (position, id)) = (scan.owner, scan.bucket.as_str(), &bounds.from);
        let session = &self.inner.session;
        let pager = match &bounds.before {
            Some((end, end_id)) => {
                session.execute_iter(statement, (owner, bucket, position, id, end, end_id)).await
            }
            None => session.execute_iter(statement, (owner, bucket, position, id)).await,
        };
        rows_of(pager.map_err(pager_error)?, scan.limit).await
    }

    async fn scan_buckets(
        &self,
        table: IndexTable,
        owner: i64,
        buckets: &[String],
    ) -> Result<Vec<IndexRow>, StoreError> {
        let statement = self.inner.statements.indexes(table).buckets.clone();
        let pager = self.inner.session.execute_iter(statement, (owner, buckets)).await;
        rows_of(pager.map_err(pager_error)?, usize::MAX).await
    }

    /// Timers and decisions expire by the table's time to live: deleting them would only add tombstones.
    async fn retire_bucket(&self, _table: IndexTable, _owner: i64, _bucket: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The rows that are not gone, at most so many.
async fn rows_of(pager: QueryPager, limit: usize) -> Result<Vec<IndexRow>, StoreError> {
    let mut stream = pager.rows_stream::<(i64, String, Bytes)>().map_err(shape_error)?;
    let mut rows = Vec::new();
    while rows.len() < limit {
        let Some((position, id, mut body)) = stream.try_next().await.map_err(next_row_error)? else {
            break;
        };
        if body.len() < VERSION {
            return Err(StoreError::corrupt("an index row"));
        }
        let body = body.split_off(VERSION);
        if !body.is_empty() {
            rows.push(IndexRow { position, id, body });
        }
    }
    Ok(rows)
}

impl Inner {
    /// Writes each row into its own partition. Rows of one call may be written in any order: their versions decide.
    pub(super) async fn write_rows(&self, epoch: Epoch, writes: &[IndexWrite]) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        self.check_connected()?;
        let writes: Vec<_> = writes.iter().map(|write| self.write_row(epoch, write)).collect();
        stream::iter(writes).buffer_unordered(AT_ONCE).try_for_each(|()| async { Ok(()) }).await
    }

    async fn write_row(&self, epoch: Epoch, write: &IndexWrite) -> Result<(), StoreError> {
        let key = &write.key;
        let statement = &self.statements.indexes(key.table).write;
        let values = (key.owner, key.bucket.as_str(), key.position, key.id.as_str(), blob(write), epoch.0);
        self.session.execute_unpaged(statement, values).await.map_err(write_error)?;
        Ok(())
    }
}

/// The rows of a scan: from one place on, up to but without another.
struct Bounds {
    from: (i64, String),
    before: Option<(i64, String)>,
}

impl Bounds {
    /// None if no row can lie between.
    fn of(scan: &IndexScan) -> Option<Self> {
        let mut from = (*scan.positions.start(), String::new());
        let mut before = scan.positions.end().checked_add(1).map(|end| (end, String::new()));
        if let Some((position, id)) = &scan.after {
            match scan.order {
                // The next text after any other is that with a zero character added.
                Order::Ascending => from = from.max((*position, format!("{id}\0"))),
                Order::Descending => {
                    let after = (*position, id.clone());
                    before = Some(before.map_or(after.clone(), |before| before.min(after)));
                }
            }
        }
        let empty = scan.limit == 0 || before.as_ref().is_some_and(|before| *before <= from);
        (!empty).then_some(Self { from, before })
    }
}
