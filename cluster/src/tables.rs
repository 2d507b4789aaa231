//! The tables that decide ownership, as a trait that every store implements.
//!
//! All of them are compare-and-set tables. On a CQL store that means lightweight transactions committed at a
//! quorum; on the embedded store a transaction of the one writer. Nothing else, neither gossip nor a clock, ever
//! decides who owns what.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Epoch, Incarnation, Layout, Member, Shard};

/// Why a store could not do something; kept as it came, since this crate does not know the stores.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// A row of the shard table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRow {
    /// Who owns the shard.
    pub owner: Incarnation,
    /// Under which term.
    pub epoch: Epoch,
}

/// The wish to make a shard one's own, or to hand it to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The shard.
    pub shard: Shard,
    /// The row as the claimer knows it; the claim is lost when the table says otherwise.
    pub expected: Option<ShardRow>,
    /// The row that shall stand there.
    pub wanted: ShardRow,
}

impl Claim {
    /// The claim of `owner` to a shard whose row is `expected`, under the epoch that follows.
    pub fn of(shard: Shard, expected: Option<ShardRow>, owner: Incarnation, now_us: i64) -> Self {
        let epoch = expected.map(|row| row.epoch).unwrap_or_default().next(now_us);
        Self { shard, expected, wanted: ShardRow { owner, epoch } }
    }
}

/// What became of a [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The wanted row stands.
    Won,
    /// Another row stands.
    Lost(Option<ShardRow>),
}

/// Why a table could not be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TableError {
    /// Nothing was decided, or it is not known what; asking again is safe.
    #[error("the ownership tables cannot be reached")]
    Unavailable(#[source] Cause),
    /// The table holds something that this build cannot have written, or the store has stopped for good.
    #[error("the ownership tables cannot be used")]
    Broken(#[source] Cause),
}

/// The tables `incarnations` and `shards`, and the one record of the cluster's layout.
#[async_trait]
pub trait OwnershipTables: Send + Sync {
    /// Records `wanted` if the cluster has no layout yet, and tells which one stands.
    async fn agree_layout(&self, wanted: Layout) -> Result<Layout, TableError>;

    /// Every incarnation on record. The read must see each write that was finished before it began.
    async fn members(&self) -> Result<Vec<Member>, TableError>;

    /// Adds an incarnation. It was never on record before; doing it again after an unknown outcome is safe.
    async fn join(&self, member: Member) -> Result<(), TableError>;

    /// Puts `voter`'s vote against a living incarnation on record, or takes it out, and tells all votes that stand then.
    /// None stand against one that is fenced or not on record.
    async fn vote(
        &self,
        accused: Incarnation,
        voter: Incarnation,
        against: bool,
    ) -> Result<Vec<Incarnation>, TableError>;

    /// Declares an incarnation dead for ever. Returns when the fence stands at a quorum; fencing twice is no error,
    /// nor is fencing one that is not on record.
    async fn fence(&self, incarnation: Incarnation) -> Result<(), TableError>;

    /// Removes a fenced incarnation from the record, which leaves it fenced.
    async fn forget(&self, incarnation: Incarnation) -> Result<(), TableError>;

    /// Whether the incarnation is on record and not fenced. The read must start after this is called and see every
    /// fence that was finished before it started.
    async fn is_valid(&self, incarnation: Incarnation) -> Result<bool, TableError>;

    /// Whether [`is_valid`](Self::is_valid) reads memory of this process, so that each waiter may as well read by itself
    /// as share the read of a task on another thread.
    fn reads_are_local(&self) -> bool {
        false
    }

    /// Every shard that was ever claimed.
    async fn shards(&self) -> Result<Vec<(Shard, ShardRow)>, TableError>;

    /// The rows of some shards; those never claimed are left out. Each write that was finished before is seen.
    async fn shard_rows(&self, shards: &[Shard]) -> Result<Vec<(Shard, ShardRow)>, TableError>;

    /// Carries out every claim on its own: some may be won and others lost. Outcomes come in the order of the
    /// claims. An implementation never guesses: after an unknown outcome it reads until it knows who won.
    async fn claim(&self, claims: &[Claim]) -> Result<Vec<ClaimOutcome>, TableError>;
}
