//! Ownership as the rest of the server sees it: which shards are ours, under which epoch, and may we answer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tokio::sync::{Notify, broadcast, watch};

use crate::claims::{Picture, ShardTable};
use crate::gate::{Gate, NotValid};
use crate::link::Peer;
use crate::run::Run;
use crate::shard::shard_of;
use crate::steward::{Effect, Input, Moment, Steward, Times};
use crate::{
    Epoch, Fingerprint, Incarnation, Layout, Member, NodeName, OwnershipTables, Shard, ShardCount, ShardRow,
    TableError,
};

/// Wall time in microseconds since 1970, for epochs only.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Rounds of "read, claim" at a start: each lost round means that another node was quicker, and the rest is done later.
const CLAIM_ROUNDS: usize = 8;

/// What a node brings along when it starts.
#[derive(Clone)]
pub struct OwnershipOptions {
    /// The node's lasting name; its earlier runs are fenced at the start.
    pub node: NodeName,
    /// Where peers reach it; empty on a single node.
    pub address: String,
    /// Of the certificate that it shows to peers; none on a single node.
    pub certificate: Option<Fingerprint>,
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
    /// Another process under the same node name started at the same time, or peers fenced this run at once.
    #[error("this run of the node was fenced while it started: is another process running under its name?")]
    Superseded,
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
    /// Lets another node prepare itself for a shard that it will be given next. The shard is worked for as before meanwhile,
    /// so this may take a moment; past a limit the shard goes without.
    async fn announce(&self, shard: Shard, to: Incarnation);

    /// The shards that are given away after all others: what is done for them has to begin again elsewhere with each shard
    /// that moves later.
    fn leave_last(&self) -> Vec<Shard>;

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
    awake: RwLock<Vec<Incarnation>>,
    impaired: watch::Sender<bool>,
    events: broadcast::Sender<ShardEvent>,
    occupant: RwLock<Option<Arc<dyn Occupant>>>,
    look: Notify,
    /// Counts what may change who owns what, as far as is known here.
    changes: watch::Sender<u64>,
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
    /// The gate's task runs on the current tokio runtime. Nothing follows the cluster after that: [`crate::Node`] does.
    pub async fn start(
        tables: Arc<dyn OwnershipTables>,
        options: OwnershipOptions,
    ) -> Result<Self, StartError> {
        let ownership = Self::prepare(tables, &options).await?;
        let me = options.incarnation;
        let mut steward =
            Steward::new(me, ownership.shards(), Times::default(), Moment::default(), options.seed());
        ownership.enter(&mut steward, Moment::default(), &options, |_| {}).await?;
        Ok(ownership)
    }

    /// Agrees on the layout; owns nothing yet.
    pub(crate) async fn prepare(
        tables: Arc<dyn OwnershipTables>,
        options: &OwnershipOptions,
    ) -> Result<Self, StartError> {
        let wanted = Layout::new(options.shards);
        let layout = tables.agree_layout(wanted).await?;
        if layout != wanted {
            return Err(StartError::OtherLayout { wanted, found: layout });
        }
        let me = options.incarnation;
        let run = Run::new(me, layout.shards, Gate::start(tables.clone(), me));
        let inner = Inner {
            tables,
            layout,
            run: RwLock::new(Arc::new(run)),
            table: RwLock::new(ShardTable::new(layout.shards)),
            peers: watch::Sender::new(Vec::new()),
            awake: RwLock::default(),
            impaired: watch::Sender::new(false),
            events: broadcast::Sender::new(EVENTS),
            occupant: RwLock::default(),
            look: Notify::new(),
            changes: watch::Sender::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Begins a run: fences earlier ones of this node, puts the new one on record, claims its share. Gives the number of
    /// claims that were made.
    ///
    /// `meet` is told who is on record before anything is claimed. Whoever is on record is pinged, and claims may take longer
    /// than peers wait for an answer.
    pub(crate) async fn enter(
        &self,
        steward: &mut Steward,
        now: Moment,
        options: &OwnershipOptions,
        meet: impl Fn(&[Member]) + Send + Sync,
    ) -> Result<usize, StartError> {
        let tables = &*self.inner.tables;
        let me = options.incarnation;
        let fenced = fence_predecessors(tables, options).await?;
        tables
            .join(Member {
                incarnation: me,
                node: options.node.clone(),
                address: options.address.clone(),
                certificate: options.certificate,
                fenced: false,
            })
            .await?;
        let run = Run::new(me, self.shards(), Gate::start(self.inner.tables.clone(), me));
        *self.inner.run.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(run);
        let mut claims = 0;
        for _ in 0..CLAIM_ROUNDS {
            match self.claim_share(steward, now, options, &meet).await? {
                0 => break,
                made => claims += made,
            }
        }
        for old in fenced.into_iter().filter(|old| !steward.table().holds_any(*old)) {
            tables.forget(old).await?;
        }
        Ok(claims)
    }

    /// Reads the tables and makes the claims that follow. Gives their number.
    async fn claim_share(
        &self,
        steward: &mut Steward,
        now: Moment,
        options: &OwnershipOptions,
        meet: &(impl Fn(&[Member]) + Send + Sync),
    ) -> Result<usize, StartError> {
        let tables = &*self.inner.tables;
        let mut inputs = VecDeque::from([Input::Read(Some(read_picture(tables).await?))]);
        let mut claimed = 0;
        while let Some(input) = inputs.pop_front() {
            for effect in steward.handle(now, (options.clock)(), input) {
                match self.remember(effect) {
                    Some(Effect::Claim(claims)) => {
                        claimed += claims.len();
                        let outcomes = tables.claim(&claims).await?;
                        inputs.push_back(Input::Claimed(Some(claims.into_iter().zip(outcomes).collect())));
                    }
                    Some(Effect::Members(members)) => meet(&members),
                    Some(Effect::Over) => return Err(StartError::Superseded),
                    // What else there is to do follows from later ticks.
                    _ => {}
                }
            }
        }
        Ok(claimed)
    }

    /// Carries out what concerns memory alone, and gives the rest back.
    pub(crate) fn remember(&self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Take(shard, epoch) => {
                self.run().take(shard, epoch);
                self.changed();
                self.tell(ShardEvent::Gained(shard, epoch));
            }
            Effect::Lose(shard, _) => self.lose(shard),
            Effect::Know(shard, row) => self.hear(shard, row),
            Effect::Members(members) => {
                let me = self.incarnation();
                let others = members.iter().filter(|member| member.incarnation != me);
                self.inner.peers.send_replace(others.map(Peer::of).collect());
                self.changed();
                // The links have to know them as well.
                return Some(Effect::Members(members));
            }
            Effect::Awake(peers) => {
                *self.inner.awake.write().unwrap_or_else(PoisonError::into_inner) = peers;
            }
            Effect::Impaired(impaired) => {
                self.inner.impaired.send_replace(impaired);
            }
            Effect::Vacate(shard, epoch) => {
                self.run().close(shard);
                self.changed();
                return Some(Effect::Vacate(shard, epoch));
            }
            other => return Some(other),
        }
        None
    }

    /// Everything that the present run holds is lost.
    pub(crate) fn lose_all(&self) {
        self.run().shards().for_each(|shard| self.lose(shard));
    }

    fn lose(&self, shard: Shard) {
        if let Some(epoch) = self.run().lose(shard) {
            self.changed();
            self.tell(ShardEvent::Lost(shard, epoch));
        }
    }

    fn tell(&self, event: ShardEvent) {
        // Nobody may listen.
        let _listeners = self.inner.events.send(event);
    }

    /// The present run of this node. A node that was fenced goes on as another run.
    pub fn incarnation(&self) -> Incarnation {
        self.see_run(Run::incarnation)
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
        self.see_run(|run| run.epoch(shard))
    }

    /// Whether what is under way for the shard under this epoch may still be answered: also while it is being given away.
    pub fn holds(&self, shard: Shard, epoch: Epoch) -> bool {
        self.see_run(|run| run.check(shard, epoch)).is_ok()
    }

    /// Who works for a shard.
    pub fn owner(&self, shard: Shard) -> Owner {
        if let Some(epoch) = self.epoch(shard) {
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
        let is_news = self.inner.table.write().unwrap_or_else(PoisonError::into_inner).learn(shard, row);
        if is_news {
            self.changed();
        }
    }

    /// Changes whenever [`Ownership::owner`] may say something else than before.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    fn changed(&self) {
        self.inner.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The tables may have changed: this node reads them again soon.
    pub fn look(&self) {
        self.inner.look.notify_one();
    }

    pub(crate) async fn looked_for(&self) {
        self.inner.look.notified().await;
    }

    /// The living incarnations other than this one.
    pub fn peers(&self) -> watch::Receiver<Vec<Peer>> {
        self.inner.peers.subscribe()
    }

    /// Whether a peer was heard lately: not so one that is on record but died before this node could speak with it.
    pub fn is_awake(&self, peer: Incarnation) -> bool {
        self.inner.awake.read().unwrap_or_else(PoisonError::into_inner).contains(&peer)
    }

    /// Whether the own row could not be confirmed for two seconds: nothing can be acknowledged until that changes.
    pub fn impaired(&self) -> watch::Receiver<bool> {
        self.inner.impaired.subscribe()
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

    pub(crate) fn occupant(&self) -> Option<Arc<dyn Occupant>> {
        self.inner.occupant.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn tables(&self) -> &Arc<dyn OwnershipTables> {
        &self.inner.tables
    }

    /// Names the one who is asked to stop work before a shard is given away.
    pub fn occupied_by(&self, occupant: Arc<dyn Occupant>) {
        *self.inner.occupant.write().unwrap_or_else(PoisonError::into_inner) = Some(occupant);
    }

    /// Confirms that what was done for a shard under an epoch before this call may be answered: that this node was not
    /// fenced (see [`Gate::validate`]) and that it still holds the shard under that very epoch.
    pub async fn validate(&self, shard: Shard, epoch: Epoch) -> Result<(), NotValid> {
        if cfg!(feature = "unsound-skip-validation") {
            return Ok(());
        }
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
        self.see_run(|run| run.gate().is_fenced())
    }

    /// Turns true once, when the present run is known to be fenced: all its work must stop.
    pub fn fenced(&self) -> watch::Receiver<bool> {
        self.run().gate().fenced()
    }

    /// Gives everything up at an orderly end by fencing oneself, so that others need not suspect first.
    pub async fn step_down(&self) -> Result<(), TableError> {
        self.inner.tables.fence(self.incarnation()).await
    }

    /// Looks at the present run for a moment. A copy of the handle would be one more thing that all threads write to.
    fn see_run<T>(&self, look: impl FnOnce(&Run) -> T) -> T {
        look(&self.inner.run.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn run(&self) -> Arc<Run> {
        self.inner.run.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl OwnershipOptions {
    /// For the random choices of a run; different for each.
    pub(crate) fn seed(&self) -> u64 {
        self.incarnation.0.as_u64_pair().1
    }
}

/// A restart never waits for others to notice its death: earlier runs of the same name are declared dead by name. Where no
/// other process can be at work on the tables, every other run is over.
async fn fence_predecessors(
    tables: &dyn OwnershipTables,
    options: &OwnershipOptions,
) -> Result<Vec<Incarnation>, TableError> {
    let mut fenced = Vec::new();
    for member in tables.members().await? {
        let is_former = member.node == options.node || tables.reads_are_local();
        if !is_former || member.incarnation == options.incarnation {
            continue;
        }
        if !member.fenced {
            tables.fence(member.incarnation).await?;
        }
        fenced.push(member.incarnation);
    }
    Ok(fenced)
}

/// Reads the tables in the order that makes claims safe.
pub(crate) async fn read_picture(tables: &dyn OwnershipTables) -> Result<Picture, TableError> {
    let shards = tables.shards().await?;
    let members = tables.members().await?;
    Ok(Picture { shards, members })
}
