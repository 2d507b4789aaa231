//! Ownership as the rest of the server sees it: which shards are ours, under which epoch, and may we answer.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use crate::claims::ShardTable;
use crate::gate::{Gate, NotValid};
use crate::link::Peer;
use crate::run::Run;
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

/// Who works for a shard now, as far as this node knows. Only [`Owner::Here`] is more than a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This node, under this epoch. What it does still has to pass [`Ownership::validate`].
    Here(Epoch),
    /// Another living incarnation; it may know better.
    There(Peer),
    /// Nobody known: its owner died and nobody has claimed it yet, or it is on its way from one node to another.
    Unknown,
}

/// A shard came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardEvent {
    /// This node owns the shard from now on, under a new epoch.
    Gained(Shard, Epoch),
    /// This node owns the shard no more; nothing that was not answered by now will be. Also told of each shard when the
    /// whole node is fenced.
    Lost(Shard, Epoch),
}

/// Whoever works for shards, to be told before one is given away.
#[async_trait]
pub trait Occupant: Send + Sync {
    /// Ends work for a shard that shall be handed to another node: begin nothing new (requests wait), finish what is in
    /// flight, return. [`Ownership::owner`] says "unknown" already, while what is in flight can still be validated. Past
    /// a limit the shard goes anyway, and what is in flight can be answered no more.
    async fn vacate(&self, shard: Shard, epoch: Epoch);
}

/// This node's place in the cluster. Clones share it.
#[derive(Clone)]
pub struct Ownership {
    inner: Arc<Inner>,
}

struct Inner {
    tables: Arc<dyn OwnershipTables>,
    layout: Layout,
    run: RwLock<Arc<Run>>,
    table: RwLock<ShardTable>,
    peers: watch::Sender<Vec<Peer>>,
    events: broadcast::Sender<ShardEvent>,
    occupant: RwLock<Option<Arc<dyn Occupant>>>,
}

/// Room for one change of each shard of the largest cluster: a slower reader is told that it missed some.
const EVENTS: usize = 4096;

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ownership").field("incarnation", &self.incarnation()).finish_non_exhaustive()
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
        let run = Run::new(me, layout.shards, Gate::start(tables.clone(), me));
        for shard in layout.shards.all() {
            if let Some(epoch) = table.epoch_of(shard, me) {
                run.take(shard, epoch);
            }
        }
        let inner = Inner {
            tables,
            layout,
            run: RwLock::new(Arc::new(run)),
            table: RwLock::new(table),
            peers: watch::Sender::new(Vec::new()),
            events: broadcast::Sender::new(EVENTS),
            occupant: RwLock::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The present run of this node. A node that was fenced goes on as another run.
    pub fn incarnation(&self) -> Incarnation {
        self.run().incarnation()
    }

    /// The number of shards of the cluster.
    pub fn shards(&self) -> ShardCount {
        self.inner.layout.shards
    }

    /// The shard of a key; see [`shard_of`].
    pub fn shard_of(&self, license: i64, key: &str) -> Shard {
        shard_of(license, key, self.inner.layout.shards)
    }

    /// The epoch under which this node may begin work for the shard; none where it does not own it, is giving it away, or is
    /// fenced.
    pub fn epoch(&self, shard: Shard) -> Option<Epoch> {
        self.run().epoch(shard)
    }

    /// Who works for a shard.
    pub fn owner(&self, shard: Shard) -> Owner {
        let run = self.run();
        if let Some(epoch) = run.epoch(shard) {
            return Owner::Here(epoch);
        }
        let Some(row) = self.known_owner(shard) else { return Owner::Unknown };
        let peers = self.inner.peers.borrow();
        let there = peers.iter().find(|peer| peer.incarnation == row.owner);
        there.cloned().map_or(Owner::Unknown, Owner::There)
    }

    /// The owner of a shard as far as this node knows: a hint for forwarding, never a proof.
    pub fn known_owner(&self, shard: Shard) -> Option<ShardRow> {
        self.inner.table.read().unwrap_or_else(PoisonError::into_inner).row(shard)
    }

    /// Takes a peer's word for who owns a shard (an answer "not here, but there"). It guides forwarding only.
    pub fn hear(&self, shard: Shard, row: ShardRow) {
        self.inner.table.write().unwrap_or_else(PoisonError::into_inner).hear(shard, row);
    }

    /// The shards for which this node may begin work, with their epochs.
    pub fn owned(&self) -> Vec<(Shard, Epoch)> {
        let run = self.run();
        self.shards().all().filter_map(|shard| Some((shard, run.epoch(shard)?))).collect()
    }

    /// Shards that come and go, from now on. The channel is bounded: who lags reads [`Ownership::owned`] again.
    pub fn events(&self) -> broadcast::Receiver<ShardEvent> {
        self.inner.events.subscribe()
    }

    /// Names the one who is asked to stop work before a shard is given away.
    pub fn occupied_by(&self, occupant: Arc<dyn Occupant>) {
        *self.inner.occupant.write().unwrap_or_else(PoisonError::into_inner) = Some(occupant);
    }

    /// Confirms that what was done for a shard under an epoch before this call may be answered: that this node was not
    /// fenced (see [`Gate::validate`]) and that it still holds the shard under that very epoch.
    pub async fn validate(&self, shard: Shard, epoch: Epoch) -> Result<(), NotValid> {
        // The same run before and after: an epoch of a former run is in no other.
        let run = self.run();
        run.check(shard, epoch)?;
        run.gate().validate().await?;
        run.check(shard, epoch)
    }

    /// Confirms that the present run is not fenced. Says nothing about any shard.
    pub async fn confirm(&self) -> Result<(), NotValid> {
        self.run().gate().validate().await
    }

    /// Whether the present run is known to be fenced.
    pub fn is_fenced(&self) -> bool {
        *self.fenced().borrow()
    }

    /// Turns true once, when the present run is known to be fenced: all its work must stop.
    pub fn fenced(&self) -> watch::Receiver<bool> {
        self.run().gate().fenced()
    }

    /// Gives everything up at an orderly end by fencing oneself, so that others need not suspect first.
    pub async fn step_down(&self) -> Result<(), TableError> {
        self.inner.tables.fence(self.incarnation()).await
    }

    fn run(&self) -> Arc<Run> {
        self.inner.run.read().unwrap_or_else(PoisonError::into_inner).clone()
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
