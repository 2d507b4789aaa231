//! The ownership tables of one machine: the same rows and rules as on a cluster, decided by the one writer.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use switchboard_cluster::{
    Claim, ClaimOutcome, Epoch, Fingerprint, Incarnation, Layout, Member, NodeName, OwnershipTables, Shard,
    ShardCount, ShardRow, TableError,
};
use uuid::Uuid;

use super::transaction::Transaction;
use super::{EmbeddedStore, engine_error, keys, reads, sealed};
use crate::store::StoreError;

const MEMBER: &str = "an incarnation";
const SHARD: &str = "a shard's owner";
const LAYOUT: &str = "the cluster's layout";

/// An incarnation as stored.
#[derive(Serialize, Deserialize)]
struct MemberRecord {
    node: NodeName,
    address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Fingerprint>,
    fenced: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    votes: Vec<Incarnation>,
}

/// The row of a shard, inside a transaction.
pub(super) fn shard_row(transaction: &Transaction<'_>, shard: Shard) -> Result<Option<ShardRow>, StoreError> {
    transaction.get(SHARD, &keys::shard(shard))?.map(|record| decode_shard(&record)).transpose()
}

fn decode_shard(record: &[u8]) -> Result<ShardRow, StoreError> {
    let damaged = StoreError::corrupt(SHARD);
    let Some((owner, epoch)) = record.split_first_chunk() else { return Err(damaged) };
    let Ok(epoch) = epoch.try_into() else { return Err(damaged) };
    Ok(ShardRow { owner: Incarnation(Uuid::from_bytes(*owner)), epoch: Epoch(i64::from_be_bytes(epoch)) })
}

fn encode_shard(row: ShardRow) -> Vec<u8> {
    let mut record = row.owner.0.as_bytes().to_vec();
    record.extend_from_slice(&row.epoch.0.to_be_bytes());
    record
}

fn decode_member(record: &[u8]) -> Result<MemberRecord, StoreError> {
    serde_json::from_slice(record).map_err(|_| StoreError::corrupt(MEMBER))
}

fn encode_member(member: &MemberRecord) -> Vec<u8> {
    serde_json::to_vec(member).expect("a record of texts and a flag is always JSON")
}

fn decode_layout(record: &[u8]) -> Result<Layout, StoreError> {
    let damaged = StoreError::corrupt(LAYOUT);
    let Some((shards, version)) = record.split_first_chunk() else { return Err(damaged) };
    let (Some(shards), Ok(version)) = (ShardCount::new(u32::from_be_bytes(*shards)), version.try_into())
    else {
        return Err(damaged);
    };
    Ok(Layout { shards, hash_version: u32::from_be_bytes(version) })
}

fn claim(transaction: &mut Transaction<'_>, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
    let stands = shard_row(transaction, claim.shard)?;
    if stands != claim.expected {
        return Ok(ClaimOutcome::Lost(stands));
    }
    transaction.put(keys::shard(claim.shard), encode_shard(claim.wanted));
    Ok(ClaimOutcome::Won)
}

/// None of these needs free disk beyond the reserve: a node must be able to take its place when the disk is full, so that
/// it can at least read.
const NEEDS_ROOM: bool = false;

#[async_trait]
impl OwnershipTables for EmbeddedStore {
    async fn agree_layout(&self, wanted: Layout) -> Result<Layout, TableError> {
        self.submit(NEEDS_ROOM, move |transaction| {
            if let Some(record) = transaction.get(LAYOUT, keys::LAYOUT)? {
                return Ok(decode_layout(&record)?);
            }
            let record = [wanted.shards.get().to_be_bytes(), wanted.hash_version.to_be_bytes()].concat();
            transaction.put(keys::LAYOUT.to_vec(), record);
            Ok(wanted)
        })
        .await
    }

    async fn members(&self) -> Result<Vec<Member>, TableError> {
        let members = self.read_blocking(|data| {
            let mut members = Vec::new();
            for entry in data.prefix(keys::MEMBERS) {
                let (key, value) = entry.into_inner().map_err(engine_error)?;
                let record = decode_member(sealed::open(MEMBER, &key, &value)?)?;
                members.push(Member {
                    incarnation: keys::member_of(&key).ok_or(StoreError::corrupt(MEMBER))?,
                    node: record.node,
                    address: record.address,
                    certificate: record.certificate,
                    fenced: record.fenced,
                });
            }
            Ok(members)
        });
        Ok(members.await?)
    }

    async fn join(&self, member: Member) -> Result<(), TableError> {
        self.submit(NEEDS_ROOM, move |transaction| {
            let Member { node, address, certificate, fenced, .. } = member;
            let record = MemberRecord { node, address, certificate, fenced, votes: Vec::new() };
            transaction.put(keys::member(member.incarnation), encode_member(&record));
            Ok(())
        })
        .await
    }

    async fn vote(
        &self,
        accused: Incarnation,
        voter: Incarnation,
        against: bool,
    ) -> Result<Vec<Incarnation>, TableError> {
        self.submit(NEEDS_ROOM, move |transaction| {
            let key = keys::member(accused);
            let Some(record) = transaction.get(MEMBER, &key)? else { return Ok(Vec::new()) };
            let mut record = decode_member(&record)?;
            if record.fenced {
                return Ok(Vec::new());
            }
            record.votes.retain(|vote| *vote != voter);
            if against {
                record.votes.push(voter);
            }
            transaction.put(key, encode_member(&record));
            Ok(record.votes)
        })
        .await
    }

    async fn fence(&self, incarnation: Incarnation) -> Result<(), TableError> {
        self.submit(NEEDS_ROOM, move |transaction| {
            let key = keys::member(incarnation);
            if let Some(record) = transaction.get(MEMBER, &key)? {
                let record = MemberRecord { fenced: true, ..decode_member(&record)? };
                transaction.put(key, encode_member(&record));
            }
            Ok(())
        })
        .await
    }

    async fn forget(&self, incarnation: Incarnation) -> Result<(), TableError> {
        self.submit(NEEDS_ROOM, move |transaction| {
            transaction.remove(keys::member(incarnation));
            Ok(())
        })
        .await
    }

    /// Read on the spot, or not at all: nobody but this store's writer can fence.
    async fn is_valid(&self, incarnation: Incarnation) -> Result<bool, TableError> {
        let Err(commits) = self.standing.is_valid(incarnation) else { return Ok(true) };
        let Some(record) = reads::get(&self.data, MEMBER, &keys::member(incarnation))? else {
            return Ok(false);
        };
        if decode_member(&record)?.fenced {
            return Ok(false);
        }
        self.standing.found_valid(incarnation, commits);
        Ok(true)
    }

    fn reads_are_local(&self) -> bool {
        true
    }

    async fn shards(&self) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        let shards = self.read_blocking(|data| {
            let mut shards = Vec::new();
            for entry in data.prefix(keys::SHARDS) {
                let (key, value) = entry.into_inner().map_err(engine_error)?;
                let shard = keys::shard_of(&key).ok_or(StoreError::corrupt(SHARD))?;
                shards.push((shard, decode_shard(sealed::open(SHARD, &key, &value)?)?));
            }
            Ok(shards)
        });
        Ok(shards.await?)
    }

    async fn shard_rows(&self, shards: &[Shard]) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        let shards = shards.to_vec();
        let rows = self.read_blocking(move |data| {
            let mut rows = Vec::new();
            for shard in shards {
                if let Some(record) = reads::get(data, SHARD, &keys::shard(shard))? {
                    rows.push((shard, decode_shard(&record)?));
                }
            }
            Ok(rows)
        });
        Ok(rows.await?)
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<ClaimOutcome>, TableError> {
        let claims = claims.to_vec();
        let outcomes = self.submit(NEEDS_ROOM, move |transaction| {
            claims.iter().map(|one| claim(transaction, one)).collect::<Result<Vec<_>, StoreError>>()
        });
        Ok(outcomes.await?)
    }
}
