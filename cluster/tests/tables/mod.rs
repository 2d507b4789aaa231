//! The ownership tables in memory, which a test can hold back and break.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use switchboard_cluster::{
    Claim, ClaimOutcome, Incarnation, Layout, Member, OwnershipTables, Shard, ShardRow, TableError,
};
use tokio::sync::{Mutex, Semaphore};

/// Tables in memory. Reads of the own row take a permit each, so that a test decides when they go on, and the answer is
/// what stood when the read started.
pub(crate) struct Tables {
    pub(crate) layout: Mutex<Option<Layout>>,
    pub(crate) members: Mutex<BTreeMap<Incarnation, Member>>,
    votes: Mutex<BTreeSet<(Incarnation, Incarnation)>>,
    pub(crate) shards: Mutex<BTreeMap<Shard, ShardRow>>,
    pub(crate) reads_started: AtomicUsize,
    pub(crate) reads_may_end: Semaphore,
    pub(crate) failing_reads: AtomicUsize,
    pub(crate) local: AtomicBool,
}

impl Tables {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            layout: Mutex::default(),
            members: Mutex::default(),
            votes: Mutex::default(),
            shards: Mutex::default(),
            reads_started: AtomicUsize::new(0),
            reads_may_end: Semaphore::new(0),
            failing_reads: AtomicUsize::new(0),
            local: AtomicBool::new(false),
        })
    }

    pub(crate) fn open() -> Arc<Self> {
        let tables = Self::new();
        tables.reads_may_end.add_permits(1_000_000);
        tables
    }
}

#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
pub(crate) struct ToldToFail;

#[async_trait]
impl OwnershipTables for Tables {
    async fn agree_layout(&self, wanted: Layout) -> Result<Layout, TableError> {
        Ok(*self.layout.lock().await.get_or_insert(wanted))
    }

    async fn members(&self) -> Result<Vec<Member>, TableError> {
        Ok(self.members.lock().await.values().cloned().collect())
    }

    async fn join(&self, member: Member) -> Result<(), TableError> {
        self.members.lock().await.insert(member.incarnation, member);
        Ok(())
    }

    async fn vote(
        &self,
        accused: Incarnation,
        voter: Incarnation,
        against: bool,
    ) -> Result<Vec<Incarnation>, TableError> {
        if self.members.lock().await.get(&accused).is_none_or(|member| member.fenced) {
            return Ok(Vec::new());
        }
        let mut votes = self.votes.lock().await;
        if against {
            votes.insert((accused, voter))
        } else {
            votes.remove(&(accused, voter))
        };
        Ok(votes.iter().filter(|(one, _)| *one == accused).map(|(_, voter)| *voter).collect())
    }

    async fn fence(&self, incarnation: Incarnation) -> Result<(), TableError> {
        if let Some(member) = self.members.lock().await.get_mut(&incarnation) {
            member.fenced = true;
        }
        Ok(())
    }

    async fn forget(&self, incarnation: Incarnation) -> Result<(), TableError> {
        self.members.lock().await.remove(&incarnation);
        Ok(())
    }

    async fn is_valid(&self, incarnation: Incarnation) -> Result<bool, TableError> {
        let valid = self.members.lock().await.get(&incarnation).is_some_and(|member| !member.fenced);
        self.reads_started.fetch_add(1, Ordering::SeqCst);
        self.reads_may_end.acquire().await.expect("an open semaphore").forget();
        let fails = self.failing_reads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if fails.is_ok() { Err(TableError::Unavailable(Arc::new(ToldToFail))) } else { Ok(valid) }
    }

    fn reads_are_local(&self) -> bool {
        self.local.load(Ordering::SeqCst)
    }

    async fn shards(&self) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        Ok(self.shards.lock().await.iter().map(|(shard, row)| (*shard, *row)).collect())
    }

    async fn shard_rows(&self, wanted: &[Shard]) -> Result<Vec<(Shard, ShardRow)>, TableError> {
        let shards = self.shards.lock().await;
        Ok(wanted.iter().filter_map(|shard| Some((*shard, *shards.get(shard)?))).collect())
    }

    async fn claim(&self, claims: &[Claim]) -> Result<Vec<ClaimOutcome>, TableError> {
        let mut shards = self.shards.lock().await;
        let mut outcomes = Vec::new();
        for claim in claims {
            let stands = shards.get(&claim.shard).copied();
            if stands == claim.expected {
                shards.insert(claim.shard, claim.wanted);
                outcomes.push(ClaimOutcome::Won);
            } else {
                outcomes.push(ClaimOutcome::Lost(stands));
            }
        }
        Ok(outcomes)
    }
}
