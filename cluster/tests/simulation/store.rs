//! The store: the tables of ownership and the logs of some shards. One honest copy, since `tests/takeover_model` plays
//! replicas; what is uncertain here is whether and when a request arrives, and whether its answer does.

use std::collections::{BTreeMap, BTreeSet};

use switchboard_cluster::{Claim, ClaimOutcome, Epoch, Incarnation, Member, Shard, ShardCount, ShardRow};

use crate::rules::Rules;

/// An operation of a client.
pub(crate) type Op = u32;

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Members,
    Shards,
    Rows(Vec<Shard>),
    IsValid(Incarnation),
    Join(Member),
    Vote { accused: Incarnation, voter: Incarnation, against: bool },
    Fence { accused: Incarnation, by: Incarnation },
    Forget(Incarnation),
    Claim(Claim),
    ReadLog { shard: Shard, by: Incarnation, epoch: Epoch },
    Write { shard: Shard, by: Incarnation, epoch: Epoch, first: usize, ops: Vec<Op> },
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Members(Vec<Member>),
    Rows(Vec<(Shard, ShardRow)>),
    Valid(bool),
    Votes(Vec<Incarnation>),
    Outcome(ClaimOutcome),
    Log(Vec<Op>),
    Done,
}

struct Entry {
    member: Member,
    votes: BTreeSet<Incarnation>,
}

pub(crate) struct Store {
    rules: Rules,
    rows: Vec<Option<ShardRow>>,
    members: BTreeMap<Incarnation, Entry>,
    logs: Vec<BTreeMap<usize, (Epoch, Op)>>,
    /// Operations with the places where an owner wrote them while it was that.
    rightful: BTreeSet<(Shard, usize, Op)>,
    pub(crate) late_writes: u64,
}

impl Store {
    pub(crate) fn new(count: ShardCount, rules: Rules) -> Self {
        Self {
            rules,
            rows: vec![None; count.get() as usize],
            members: BTreeMap::new(),
            logs: vec![BTreeMap::new(); count.get() as usize],
            rightful: BTreeSet::new(),
            late_writes: 0,
        }
    }

    pub(crate) fn row(&self, shard: Shard) -> Option<ShardRow> {
        self.rows[shard.0 as usize]
    }

    pub(crate) fn is_live(&self, run: Incarnation) -> bool {
        self.members.get(&run).is_some_and(|entry| !entry.member.fenced)
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Member> {
        self.members.values().map(|entry| &entry.member).filter(|member| !member.fenced)
    }

    /// Whether a run is the owner by the tables.
    pub(crate) fn owns(&self, run: Incarnation, shard: Shard, epoch: Epoch) -> bool {
        self.is_live(run) && self.row(shard) == Some(ShardRow { owner: run, epoch })
    }

    /// Whether an owner wrote the operation there while it was that.
    pub(crate) fn is_rightful(&self, shard: Shard, place: usize, op: Op) -> bool {
        self.rightful.contains(&(shard, place, op))
    }

    /// The log as readers see it.
    pub(crate) fn log(&self, shard: Shard) -> Vec<Op> {
        let mut log = Vec::new();
        let mut epoch = Epoch::default();
        for (place, (row_epoch, op)) in &self.logs[shard.0 as usize] {
            if *place != log.len() || *row_epoch < epoch {
                break;
            }
            epoch = *row_epoch;
            log.push(*op);
        }
        log
    }

    /// Does what is asked, or says which rule of the tables was broken.
    pub(crate) fn apply(&mut self, ask: &Ask) -> Result<Answer, String> {
        Ok(match ask {
            Ask::Members => {
                Answer::Members(self.members.values().map(|entry| entry.member.clone()).collect())
            }
            Ask::Shards => {
                let rows = self.rows.iter().enumerate();
                Answer::Rows(rows.filter_map(|(at, row)| Some((Shard(at as u32), (*row)?))).collect())
            }
            Ask::Rows(shards) => {
                Answer::Rows(shards.iter().filter_map(|shard| Some((*shard, self.row(*shard)?))).collect())
            }
            Ask::IsValid(run) => Answer::Valid(self.is_live(*run)),
            Ask::Join(member) => {
                let entry = Entry { member: member.clone(), votes: BTreeSet::new() };
                self.members.entry(member.incarnation).or_insert(entry);
                Answer::Done
            }
            Ask::Vote { accused, voter, against } => Answer::Votes(self.vote(*accused, *voter, *against)),
            Ask::Fence { accused, .. } => {
                if let Some(entry) = self.members.get_mut(accused) {
                    entry.member.fenced = true;
                }
                Answer::Done
            }
            Ask::Forget(run) => {
                if self.is_live(*run) {
                    return Err(format!("{run} was forgotten while it lived"));
                }
                self.members.remove(run);
                Answer::Done
            }
            Ask::Claim(claim) => Answer::Outcome(self.claim(claim)?),
            Ask::ReadLog { shard, .. } => Answer::Log(self.log(*shard)),
            Ask::Write { shard, by, epoch, first, ops } => {
                self.write(*shard, *by, *epoch, *first, ops);
                Answer::Done
            }
        })
    }

    fn vote(&mut self, accused: Incarnation, voter: Incarnation, against: bool) -> Vec<Incarnation> {
        let Some(entry) = self.members.get_mut(&accused).filter(|entry| !entry.member.fenced) else {
            return Vec::new();
        };
        if against {
            entry.votes.insert(voter);
        } else {
            entry.votes.remove(&voter);
        }
        entry.votes.iter().copied().collect()
    }

    fn claim(&mut self, claim: &Claim) -> Result<ClaimOutcome, String> {
        let row = &mut self.rows[claim.shard.0 as usize];
        if *row != claim.expected && self.rules.compare_and_set {
            // A claim that was already made, and whose answer was lost, is known again.
            return Ok(if *row == Some(claim.wanted) { ClaimOutcome::Won } else { ClaimOutcome::Lost(*row) });
        }
        if let Some(before) = *row
            && before.epoch >= claim.wanted.epoch
        {
            let (shard, after) = (claim.shard, claim.wanted);
            return Err(format!("the epoch of shard {shard} did not grow: {before:?}, then {after:?}"));
        }
        *row = Some(claim.wanted);
        Ok(ClaimOutcome::Won)
    }

    fn write(&mut self, shard: Shard, by: Incarnation, epoch: Epoch, first: usize, ops: &[Op]) {
        let owns = self.owns(by, shard, epoch);
        self.late_writes += u64::from(!owns);
        for (place, op) in (first..).zip(ops) {
            let row = self.logs[shard.0 as usize].entry(place).or_insert((epoch, *op));
            if (epoch, *op) > *row || !self.rules.epoch_as_timestamp {
                *row = (epoch, *op);
            }
            if owns {
                self.rightful.insert((shard, place, *op));
            }
        }
    }
}
