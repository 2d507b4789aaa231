//! Ownership as the rest of the server sees it: which shards are ours, under which epoch, and may we answer.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::claims::ShardTable;
use crate::gate::{Gate, NotValid};
use crate::shard::shard_of;
use crate::{
    Epoch, Incarnation, Layout, Member, NodeName, OwnershipTables, Shard, ShardCount, ShardRow, TableError,
};

/// Wall time in microseconds since 1970, for epochs only.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Rounds of "plan, claim, learn" before a start gives up: each lost round means that another node was quicker.
const CLAIM_ROUNDS: usize = 8;

/// What a node brings along when it starts.
#[derive(Clone)]
pub struct OwnershipOptions {
    /// The node's lasting name; its earlier runs are fenced at the start.
    pub node: NodeName,
    /// Where peers reach it; empty on a single node.
    pub address: String,
    /// A fresh random identity for this run.
    pub incarnation: Incarnation,
    /// Number of shards for a new cluster; an existing one must have the same.
    pub shards: ShardCount,
    /// Wall time.
    pub clock: WallClock,
}

impl fmt::Debug for OwnershipOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnershipOptions")
            .field("node", &self.node)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}

/// Why a node could not take its place.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// The cluster was created with another layout.
    #[error(
        "this node is set to {} shards (hash version {}), the cluster has {} (hash version {}): \
         set the number of shards to that of the cluster, it cannot be changed later",
        wanted.shards.get(), wanted.hash_version, found.shards.get(), found.hash_version
    )]
    OtherLayout {
        /// What this node was told.
        wanted: Layout,
        /// What the cluster has.
        found: Layout,
    },
    /// Other nodes won every round of claims.
    #[error("shards could not be claimed: other nodes were quicker each time; start again")]
    Outrun,
    /// The tables failed.
    #[error("the node could not take its place in the cluster")]
    Tables(#[from] TableError),
}

/// This node's place in the cluster. Clones share it.
#[derive(Clone)]
pub struct Ownership {
    inner: Arc<Inner>,
}

struct Inner {
    tables: Arc<dyn OwnershipTables>,
    me: Incarnation,
    layout: Layout,
    /// Own epoch by shard, 0 where the shard is not ours: read on every command, so no lock.
    epochs: Box<[AtomicI64]>,
    table: RwLock<ShardTable>,
    gate: Gate,
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ownership").field("incarnation", &self.inner.me).finish_non_exhaustive()
    }
}

impl Ownership {
    /// Fences earlier runs of this node, joins, and claims the share that placement gives it (alone: every shard).
    ///
    /// The gate's task runs on the current tokio runtime.
    pub async fn start(
        tables: Arc<dyn OwnershipTables>,
        options: OwnershipOptions,
    ) -> Result<Self, StartError> {
        let wanted = Layout::new(options.shards);
        let layout = tables.agree_layout(wanted).await?;
        if layout != wanted {
            return Err(StartError::OtherLayout { wanted, found: layout });
        }
        let me = options.incarnation;
        let fenced = fence_predecessors(&*tables, &options).await?;
        tables
            .join(Member {
                incarnation: me,
                node: options.node.clone(),
                address: options.address.clone(),
                fenced: false,
            })
            .await?;
        let table = claim_share(&*tables, layout.shards, me, &options.clock).await?;
        for old in fenced.into_iter().filter(|old| !table.holds_any(*old)) {
            tables.forget(old).await?;
        }
        let epochs = layout
            .shards
            .all()
            .map(|shard| AtomicI64::new(table.epoch_of(shard, me).unwrap_or_default().0))
            .collect();
        let gate = Gate::start(tables.clone(), me);
        let inner = Inner { tables, me, layout, epochs, table: RwLock::new(table), gate };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// This run of this node.
    pub fn incarnation(&self) -> Incarnation {
        self.inner.me
    }

    /// The number of shards of the cluster.
    pub fn shards(&self) -> ShardCount {
        self.inner.layout.shards
    }

    /// The shard of a key; see [`shard_of`].
    pub fn shard_of(&self, license: i64, key: &str) -> Shard {
        shard_of(license, key, self.inner.layout.shards)
    }

    /// The epoch under which this node owns the shard; none where it does not, or once it is fenced.
    pub fn epoch(&self, shard: Shard) -> Option<Epoch> {
        if self.is_fenced() {
            return None;
        }
        let epoch = self.inner.epochs.get(shard.0 as usize)?.load(Ordering::Acquire);
        (epoch != 0).then_some(Epoch(epoch))
    }

    /// The owner of a shard as far as this node knows: a hint for forwarding, never a proof.
    pub fn known_owner(&self, shard: Shard) -> Option<ShardRow> {
        self.inner.table.read().unwrap_or_else(PoisonError::into_inner).row(shard)
    }

    /// The shards that this node owns, with their epochs.
    pub fn owned(&self) -> Vec<(Shard, Epoch)> {
        self.shards().all().filter_map(|shard| Some((shard, self.epoch(shard)?))).collect()
    }

    /// Confirms that this node may still answer for what it did before this call: see [`Gate::validate`].
    pub async fn validate(&self) -> Result<(), NotValid> {
        self.inner.gate.validate().await
    }

    /// Whether this incarnation is known to be fenced.
    pub fn is_fenced(&self) -> bool {
        *self.inner.gate.fenced().borrow()
    }

    /// Turns true once, when this incarnation is known to be fenced: all its work must stop.
    pub fn fenced(&self) -> watch::Receiver<bool> {
        self.inner.gate.fenced()
    }

    /// Gives everything up at an orderly end by fencing oneself, so that others need not suspect first.
    pub async fn step_down(&self) -> Result<(), TableError> {
        self.inner.tables.fence(self.inner.me).await
    }
}

/// A restart never waits for others to notice its death: earlier runs of the same name are declared dead by name.
async fn fence_predecessors(
    tables: &dyn OwnershipTables,
    options: &OwnershipOptions,
) -> Result<Vec<Incarnation>, TableError> {
    let mut fenced = Vec::new();
    for member in tables.members().await? {
        if member.node != options.node || member.incarnation == options.incarnation {
            continue;
        }
        if !member.fenced {
            tables.fence(member.incarnation).await?;
        }
        fenced.push(member.incarnation);
    }
    Ok(fenced)
}

async fn claim_share(
    tables: &dyn OwnershipTables,
    count: ShardCount,
    me: Incarnation,
    clock: &WallClock,
) -> Result<ShardTable, StartError> {
    // Read after joining: of two nodes that start together at least one sees the other.
    let live = living(tables).await?;
    let mut table = ShardTable::new(count, tables.shards().await?);
    for _ in 0..CLAIM_ROUNDS {
        let claims = table.plan(me, &live, clock());
        if claims.is_empty() {
            return Ok(table);
        }
        for (claim, outcome) in claims.iter().zip(tables.claim(&claims).await?) {
            table.settle(claim, outcome);
        }
    }
    Err(StartError::Outrun)
}

async fn living(tables: &dyn OwnershipTables) -> Result<Vec<Incarnation>, TableError> {
    let members = tables.members().await?;
    Ok(members.into_iter().filter(|member| !member.fenced).map(|member| member.incarnation).collect())
}
