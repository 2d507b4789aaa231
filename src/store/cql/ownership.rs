//! The ownership tables: conditional writes at start, claim, hand-over and fence; one small quorum read a validation.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;
use switchboard_cluster::{
    Claim, ClaimOutcome, Epoch, Fingerprint, Incarnation, Layout, Member, NodeName, OwnershipTables, Shard,
    ShardCount, ShardRow, TableError,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::error::{Unsettled, pager_error, read_error, shape_error};
use super::log::next_row_error;
use super::lwt::{Conditional, SETTLE, SETTLE_PAUSE, Sent};
use super::{CqlStore, Inner};
use crate::store::StoreError;

/// The one row of the layout.
const LAYOUT: &str = "cluster";
/// Claims in flight at once.
const CLAIMS_AT_ONCE: usize = 32;

#[async_trait]
impl OwnershipTables for CqlStore {
    async fn agree_layout(&self, wanted: Layout) -> Result<Layout, TableError> {
        let statements = &self.inner.statements.ownership;
        let values = (LAYOUT, wanted.shards.get() as i32, wanted.hash_version as i32);
        // Whether this node's or another's record stands: the table says it.
        self.inner.until_answered(&statements.insert_layout, values).await?;
        let found = self.inner.settle(|| self.inner.read_layout(&statements.read_layout)).await?;
        Ok(found.ok_or(StoreError::corrupt("the layout of the cluster"))?)
    }

    async fn members(&self) -> Result<Vec<Member>, TableError> {
        let statement = self.inner.statements.ownership.members.clone();
        let pager = self.inner.session.execute_iter(statement, ()).await.map_err(pager_error)?;
        let rows =
            pager.rows_stream::<(Uuid, String, String, Option<Vec<u8>>, bool)>().map_err(shape_error)?;
        let members = rows.map_ok(|(incarnation, node, address, certificate, fenced)| Member {
            incarnation: Incarnation(incarnation),
            node: NodeName::new(node),
            address,
            certificate: certificate.and_then(|bytes| bytes.try_into().ok()).map(Fingerprint),
            fenced,
        });
        Ok(members.try_collect().await.map_err(next_row_error)?)
    }

    async fn join(&self, member: Member) -> Result<(), TableError> {
        let statement = &self.inner.statements.ownership.join;
        let certificate = member.certificate.map(|Fingerprint(hash)| hash.to_vec());
        let (node, address) = (member.node.as_str(), member.address.as_str());
        let values = (member.incarnation.0, node, address, certificate, member.fenced);
        // Not applied means that an earlier attempt was; the name is a fresh one that nobody else has.
        self.inner.until_answered(statement, values).await?;
        Ok(())
    }

    async fn vote(
        &self,
        accused: Incarnation,
        voter: Incarnation,
        against: bool,
    ) -> Result<Vec<Incarnation>, TableError> {
        let statements = &self.inner.statements.ownership;
        let statement = if against { &statements.vote } else { &statements.withdraw };
        // Not applied means that the accused is fenced or not on record: the reading shows it.
        self.inner.until_answered(statement, (HashSet::from([voter.0]), accused.0)).await?;
        Ok(self.inner.settle(|| self.inner.read_votes(accused)).await?)
    }

    async fn fence(&self, incarnation: Incarnation) -> Result<(), TableError> {
        // Not applied means that it is fenced, or not on record, which counts as fenced.
        self.inner.until_answered(&self.inner.statements.ownership.fence, (incarnation.0,)).await?;
        Ok(())
    }

    async fn forget(&self, incarnation: Incarnation) -> Result<(), TableError> {
        self.inner.until_answered(&self.inner.statements.ownership.forget, (incarnation.0,)).await?;
        Ok(())
    }

    async fn is_valid(&self, incarnation: Incarnation) -> Result<bool, TableError> {
        let statement = &self.inner.statements.ownership.is_fenced;
        let result =
            self.inner.session.execute_unpaged(statement, (incarnation.0,)).await.map_err(read_error)?;
        let rows = result.into_rows_result().map_err(shape_error)?;
        let row = rows.maybe_first_row::<(Option<bool>,)>().map_err(shape_error)?;
        Ok(row.is_some_and(|(fenced,)| fenced == Some(false)))
    }

    async fn shards(&self) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        let statement = self.inner.statements.ownership.shards.clone();
        let pager = self.inner.session.execute_iter(statement, ()).await.map_err(pager_error)?;
        let rows = pager.rows_stream::<(i32, Uuid, i64)>().map_err(shape_error)?;
        let shards = rows.map_ok(|(shard, owner, epoch)| (Shard(shard as u32), shard_row(owner, epoch)));
        Ok(shards.try_collect().await.map_err(next_row_error)?)
    }

    async fn shard_rows(&self, shards: &[Shard]) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        // What was finished before is at a quorum: nothing has to be settled.
        let statement = &self.inner.statements.ownership.shard;
        let reads = shards.iter().map(|shard| async {
            let row = self.inner.read_shard(statement, shard.0 as i32).await?;
            Ok::<_, StoreError>(row.map(|row| (*shard, row)))
        });
        // Collected first: a stream over borrowing closures would tie the future to their lifetimes.
        let reads: Vec<_> = reads.collect();
        let rows: Vec<Option<(Shard, ShardRow)>> =
            stream::iter(reads).buffered(CLAIMS_AT_ONCE).try_collect().await?;
        Ok(rows.into_iter().flatten().collect())
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<ClaimOutcome>, TableError> {
        let claims: Vec<_> = claims.iter().map(|claim| self.inner.claim(claim)).collect();
        Ok(stream::iter(claims).buffered(CLAIMS_AT_ONCE).try_collect().await?)
    }
}

fn shard_row(owner: Uuid, epoch: i64) -> ShardRow {
    ShardRow { owner: Incarnation(owner), epoch: Epoch(epoch) }
}

impl Inner {
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let statements = &self.statements.ownership;
        let (shard, wanted) = (claim.shard.0 as i32, claim.wanted);
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let sent = match claim.expected {
                None => {
                    let values = (shard, wanted.owner.0, wanted.epoch.0);
                    self.send_conditional(&statements.claim_new, values, attempt).await?
                }
                Some(expected) => {
                    let values = (wanted.owner.0, wanted.epoch.0, shard, expected.owner.0, expected.epoch.0);
                    self.send_conditional(&statements.claim, values, attempt).await?
                }
            };
            let stands = match sent {
                Sent::Answered(answer) if answer.applied => return Ok(ClaimOutcome::Won),
                Sent::Answered(answer) => standing(&answer)?,
                Sent::Unknown(_) => self.settle(|| self.read_shard(&statements.shard_serial, shard)).await?,
            };
            attempt += 1;
            // A row names its claimer, so a claim whose answer was lost is recognised as one's own.
            if stands == Some(wanted) {
                return Ok(ClaimOutcome::Won);
            }
            if stands != claim.expected {
                return Ok(ClaimOutcome::Lost(stands));
            }
            if began.elapsed() >= SETTLE {
                return Err(StoreError::Unavailable(Arc::new(Unsettled(SETTLE))));
            }
        }
    }

    async fn read_shard(
        &self,
        statement: &PreparedStatement,
        shard: i32,
    ) -> Result<Option<ShardRow>, StoreError> {
        let result = self.session.execute_unpaged(statement, (shard,)).await.map_err(read_error)?;
        let rows = result.into_rows_result().map_err(shape_error)?;
        let row = rows.maybe_first_row::<(Uuid, i64)>().map_err(shape_error)?;
        Ok(row.map(|(owner, epoch)| shard_row(owner, epoch)))
    }

    /// The votes against a living incarnation.
    async fn read_votes(&self, accused: Incarnation) -> Result<Vec<Incarnation>, StoreError> {
        let statement = &self.statements.ownership.read_votes;
        let result = self.session.execute_unpaged(statement, (accused.0,)).await.map_err(read_error)?;
        let rows = result.into_rows_result().map_err(shape_error)?;
        let row = rows.maybe_first_row::<(Option<bool>, Option<Vec<Uuid>>)>().map_err(shape_error)?;
        Ok(match row {
            Some((Some(false), Some(votes))) => votes.into_iter().map(Incarnation).collect(),
            _ => Vec::new(),
        })
    }

    async fn read_layout(&self, statement: &PreparedStatement) -> Result<Option<Layout>, StoreError> {
        let result = self.session.execute_unpaged(statement, (LAYOUT,)).await.map_err(read_error)?;
        let rows = result.into_rows_result().map_err(shape_error)?;
        let row = rows.maybe_first_row::<(i32, i32)>().map_err(shape_error)?;
        Ok(row.and_then(|(shards, hash_version)| {
            Some(Layout { shards: ShardCount::new(shards as u32)?, hash_version: hash_version as u32 })
        }))
    }

    /// Repeats a conditional write whose repetition does no harm until an answer comes.
    async fn until_answered(
        &self,
        statement: &PreparedStatement,
        values: impl scylla::serialize::row::SerializeRow + Clone,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            match self.send_conditional(statement, values.clone(), attempt).await? {
                Sent::Answered(_) => return Ok(()),
                Sent::Unknown(error) if began.elapsed() >= SETTLE => {
                    return Err(StoreError::OutcomeUnknown(error));
                }
                Sent::Unknown(_) => {
                    attempt += 1;
                    tokio::time::sleep(SETTLE_PAUSE).await;
                }
            }
        }
    }

    /// Repeats a SERIAL read until an answer comes.
    async fn settle<T, F>(&self, read: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let began = Instant::now();
        loop {
            match read().await {
                Err(StoreError::Unavailable(_)) if began.elapsed() < SETTLE => {
                    tokio::time::sleep(SETTLE_PAUSE).await;
                }
                done => return done,
            }
        }
    }
}

/// The row that stood in the way of a claim.
fn standing(answer: &Conditional) -> Result<Option<ShardRow>, StoreError> {
    match (answer.column("owner"), answer.column("epoch")) {
        (Some(CqlValue::Uuid(owner)), Some(CqlValue::BigInt(epoch))) => Ok(Some(shard_row(*owner, *epoch))),
        (None, None) => Ok(None),
        _ => Err(StoreError::corrupt("the result of a claim")),
    }
}
