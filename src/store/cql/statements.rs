//! Every statement of the store, prepared once at the start: a schema that does not fit is found there and then.

use std::sync::{Arc, OnceLock};

use scylla::client::execution_profile::ExecutionProfileHandle;
use scylla::client::session::Session;
use scylla::policies::load_balancing::LoadBalancingPolicy;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;

use super::connection;
use super::tables;
use super::{CqlOptions, OpenError};
use crate::store::{Append, CellTable, IndexTable, Order};

/// Rows of a page of small rows.
const SMALL_PAGE: i32 = 2000;
/// Rows of a page of event rows: at most 4 MB.
const ROW_PAGE: i32 = 256;

/// All statements.
pub(super) struct Statements {
    pub(super) append: PreparedStatement,
    /// An unlogged batch for each number of rows, made when first needed.
    batches: Vec<OnceLock<Batch>>,
    pub(super) rows: PreparedStatement,
    pub(super) epochs: PreparedStatement,
    cells: Vec<CellStatements>,
    indexes: Vec<IndexStatements>,
    pub(super) ownership: OwnershipStatements,
    /// Picks any coordinator, whether it keeps the row or not.
    pub(super) anywhere: Arc<dyn LoadBalancingPolicy>,
}

/// Of one table of cells.
pub(super) struct CellStatements {
    pub(super) read: PreparedStatement,
    pub(super) read_serial: PreparedStatement,
    pub(super) insert: PreparedStatement,
    pub(super) update: PreparedStatement,
    pub(super) delete: PreparedStatement,
    /// Of listable tables only.
    pub(super) list: Option<PreparedStatement>,
}

/// Of one index table.
pub(super) struct IndexStatements {
    pub(super) write: PreparedStatement,
    /// Whole buckets, in no order.
    pub(super) buckets: PreparedStatement,
    ascending: Scans,
    descending: Scans,
}

/// Scans in one order. A clustering key has no largest value, so a scan without an end is a statement of its own.
struct Scans {
    bounded: PreparedStatement,
    open: PreparedStatement,
}

impl IndexStatements {
    /// The scan of an order, with an upper bound or without.
    pub(super) fn scan(&self, order: Order, bounded: bool) -> &PreparedStatement {
        let scans = match order {
            Order::Ascending => &self.ascending,
            Order::Descending => &self.descending,
        };
        if bounded { &scans.bounded } else { &scans.open }
    }
}

/// Of the ownership tables.
pub(super) struct OwnershipStatements {
    pub(super) read_layout: PreparedStatement,
    pub(super) insert_layout: PreparedStatement,
    pub(super) members: PreparedStatement,
    pub(super) join: PreparedStatement,
    pub(super) vote: PreparedStatement,
    pub(super) withdraw: PreparedStatement,
    pub(super) read_votes: PreparedStatement,
    pub(super) fence: PreparedStatement,
    pub(super) forget: PreparedStatement,
    pub(super) is_fenced: PreparedStatement,
    pub(super) shards: PreparedStatement,
    pub(super) shard: PreparedStatement,
    pub(super) shard_serial: PreparedStatement,
    pub(super) claim_new: PreparedStatement,
    pub(super) claim: PreparedStatement,
}

impl Statements {
    pub(super) async fn prepare(session: &Session, options: &CqlOptions) -> Result<Self, OpenError> {
        let preparer = Preparer::new(session, options);
        let mut cells = Vec::new();
        for table in CellTable::ALL {
            cells.push(preparer.cells(table).await?);
        }
        let mut indexes = Vec::new();
        for table in IndexTable::ALL {
            indexes.push(preparer.indexes(table).await?);
        }
        let place = "license = ? AND thread = ? AND bucket = ?";
        let insert = "INSERT INTO {}.events (license, thread, bucket, seq, epoch, body) \
                      VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let rows =
            format!("SELECT seq, epoch, body FROM {{}}.events WHERE {place} AND seq >= ? AND seq <= ?");
        let epochs = format!("SELECT seq, epoch FROM {{}}.events WHERE {place}");
        Ok(Self {
            append: preparer.write(insert).await?,
            batches: (0..=Append::MAX_ROWS).map(|_| OnceLock::new()).collect(),
            rows: preparer.read(&rows, ROW_PAGE).await?,
            epochs: preparer.read(&epochs, SMALL_PAGE).await?,
            cells,
            indexes,
            ownership: preparer.ownership().await?,
            anywhere: connection::balancing(options, false),
        })
    }

    /// The batch that appends so many rows. All of them go to one partition, and the driver routes by the first.
    pub(super) fn batch(&self, rows: usize) -> &Batch {
        self.batches[rows].get_or_init(|| {
            let mut batch = Batch::new(BatchType::Unlogged);
            for _ in 0..rows {
                batch.append_statement(self.append.clone());
            }
            batch.set_is_idempotent(true);
            batch.set_execution_profile_handle(self.append.get_execution_profile_handle().cloned());
            batch
        })
    }

    pub(super) fn cells(&self, table: CellTable) -> &CellStatements {
        &self.cells[table as usize]
    }

    pub(super) fn indexes(&self, table: IndexTable) -> &IndexStatements {
        &self.indexes[table as usize]
    }
}

/// Prepares statements; `{}` in a text stands for the keyspace.
struct Preparer<'a> {
    session: &'a Session,
    options: &'a CqlOptions,
    repeatable: ExecutionProfileHandle,
    once: ExecutionProfileHandle,
}

impl<'a> Preparer<'a> {
    fn new(session: &'a Session, options: &'a CqlOptions) -> Self {
        let repeatable = connection::repeatable(options).into_handle();
        let once = connection::once(options).into_handle();
        Self { session, options, repeatable, once }
    }

    async fn prepare(
        &self,
        text: &str,
        profile: &ExecutionProfileHandle,
    ) -> Result<PreparedStatement, OpenError> {
        let text = text.replace("{}", &self.options.keyspace);
        let prepared = self.session.prepare(text).await;
        let mut prepared =
            prepared.map_err(|error| OpenError::of_prepare("preparing its statements", error))?;
        prepared.set_execution_profile_handle(Some(profile.clone()));
        Ok(prepared)
    }

    /// A read at quorum, by pages.
    async fn read(&self, text: &str, page: i32) -> Result<PreparedStatement, OpenError> {
        let mut prepared = self.prepare(text, &self.repeatable).await?;
        prepared.set_is_idempotent(true);
        prepared.set_page_size(page);
        Ok(prepared)
    }

    /// A read that settles conditional writes which are still under way.
    async fn read_serial(&self, text: &str) -> Result<PreparedStatement, OpenError> {
        let mut prepared = self.prepare(text, &self.repeatable).await?;
        prepared.set_consistency(self.options.serial_read());
        prepared.set_is_idempotent(true);
        Ok(prepared)
    }

    /// A plain write with a timestamp of ours, which may be repeated.
    async fn write(&self, text: &str) -> Result<PreparedStatement, OpenError> {
        let mut prepared = self.prepare(text, &self.repeatable).await?;
        prepared.set_is_idempotent(true);
        Ok(prepared)
    }

    /// A conditional write: never repeated by the driver.
    async fn conditional(&self, text: &str) -> Result<PreparedStatement, OpenError> {
        self.prepare(text, &self.once).await
    }

    async fn cells(&self, table: CellTable) -> Result<CellStatements, OpenError> {
        let spec = tables::cell(table);
        let (name, id, body) = (spec.table, spec.id, spec.body);
        let select = format!("SELECT {body} FROM {{}}.{name} WHERE license = ? AND {id} = ?");
        let insert =
            format!("INSERT INTO {{}}.{name} (license, {id}, {body}) VALUES (?, ?, ?) IF NOT EXISTS");
        let update =
            format!("UPDATE {{}}.{name} SET {body} = ? WHERE license = ? AND {id} = ? IF {body} = ?");
        let delete = format!("DELETE FROM {{}}.{name} WHERE license = ? AND {id} = ? IF {body} = ?");
        let list = format!("SELECT {id}, {body} FROM {{}}.{name} WHERE license = ? AND {id} > ? LIMIT ?");
        Ok(CellStatements {
            read: self.read(&select, 1).await?,
            read_serial: self.read_serial(&select).await?,
            insert: self.conditional(&insert).await?,
            update: self.conditional(&update).await?,
            delete: self.conditional(&delete).await?,
            list: if table.is_listable() { Some(self.read(&list, SMALL_PAGE).await?) } else { None },
        })
    }

    async fn indexes(&self, table: IndexTable) -> Result<IndexStatements, OpenError> {
        let spec = tables::index(table);
        let (name, owner, bucket, position, id) =
            (spec.table, spec.owner, spec.bucket, spec.position, spec.id);
        let write = format!(
            "INSERT INTO {{}}.{name} ({owner}, {bucket}, {position}, {id}, state) \
             VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
        );
        let scan = |upper: bool, order: &str| {
            let upper = if upper { format!(" AND ({position}, {id}) < (?, ?)") } else { String::new() };
            format!(
                "SELECT {position}, {id}, state FROM {{}}.{name} WHERE {owner} = ? AND {bucket} = ? \
                 AND ({position}, {id}) >= (?, ?){upper} ORDER BY {position} {order}, {id} {order}"
            )
        };
        let buckets =
            format!("SELECT {position}, {id}, state FROM {{}}.{name} WHERE {owner} = ? AND {bucket} IN ?");
        Ok(IndexStatements {
            write: self.write(&write).await?,
            buckets: self.read(&buckets, SMALL_PAGE).await?,
            ascending: Scans {
                bounded: self.read(&scan(true, "ASC"), SMALL_PAGE).await?,
                open: self.read(&scan(false, "ASC"), SMALL_PAGE).await?,
            },
            descending: Scans {
                bounded: self.read(&scan(true, "DESC"), SMALL_PAGE).await?,
                open: self.read(&scan(false, "DESC"), SMALL_PAGE).await?,
            },
        })
    }

    async fn ownership(&self) -> Result<OwnershipStatements, OpenError> {
        let layout = "SELECT shards, hash_version FROM {}.cluster_layout WHERE name = ?";
        let shard = "SELECT owner, epoch FROM {}.shards WHERE shard = ?";
        Ok(OwnershipStatements {
            read_layout: self.read_serial(layout).await?,
            insert_layout: self
                .conditional(
                    "INSERT INTO {}.cluster_layout (name, shards, hash_version) VALUES (?, ?, ?) IF NOT EXISTS",
                )
                .await?,
            members: self
                .read("SELECT incarnation, node, address, certificate, fenced FROM {}.incarnations", SMALL_PAGE)
                .await?,
            join: self
                .conditional(
                    "INSERT INTO {}.incarnations (incarnation, node, address, certificate, fenced) \
                     VALUES (?, ?, ?, ?, ?) IF NOT EXISTS",
                )
                .await?,
            vote: self
                .conditional(
                    "UPDATE {}.incarnations SET votes = votes + ? WHERE incarnation = ? IF fenced = false",
                )
                .await?,
            withdraw: self
                .conditional(
                    "UPDATE {}.incarnations SET votes = votes - ? WHERE incarnation = ? IF fenced = false",
                )
                .await?,
            read_votes: self
                .read_serial("SELECT fenced, votes FROM {}.incarnations WHERE incarnation = ?")
                .await?,
            fence: self
                .conditional("UPDATE {}.incarnations SET fenced = true WHERE incarnation = ? IF fenced = false")
                .await?,
            forget: self
                .conditional("DELETE FROM {}.incarnations WHERE incarnation = ? IF fenced = true")
                .await?,
            is_fenced: self.read("SELECT fenced FROM {}.incarnations WHERE incarnation = ?", 1).await?,
            shards: self.read("SELECT shard, owner, epoch FROM {}.shards", SMALL_PAGE).await?,
            shard: self.read(shard, 1).await?,
            shard_serial: self.read_serial(shard).await?,
            claim_new: self
                .conditional("INSERT INTO {}.shards (shard, owner, epoch) VALUES (?, ?, ?) IF NOT EXISTS")
                .await?,
            claim: self
                .conditional(
                    "UPDATE {}.shards SET owner = ?, epoch = ? WHERE shard = ? IF owner = ? AND epoch = ?",
                )
                .await?,
        })
    }
}
