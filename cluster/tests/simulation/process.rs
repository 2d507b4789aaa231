//! A process: one node with its runs, as `switchboard_cluster::node` keeps them.

use std::collections::{BTreeMap, VecDeque};

use switchboard_cluster::steward::{Beat, Input, Steward};
use switchboard_cluster::{
    Claim, ClaimOutcome, Epoch, Incarnation, Member, NodeName, Shard, ShardCount, ShardRow,
};
use uuid::Uuid;

use crate::store::{Answer, Op};

/// Of no run.
pub(crate) const NOBODY: Incarnation = Incarnation(Uuid::nil());

/// Something that happens at a process.
#[derive(Clone, Debug)]
pub(crate) enum Local {
    Tick,
    News(Input),
    Answer(Then, Option<Answer>),
    PingEnd {
        peer: Incarnation,
        number: u32,
        answer: Option<Beat>,
    },
    /// A fresh run begins.
    Begin {
        again: bool,
    },
    /// The log of a shard is read once more.
    Reopen(Shard, Epoch),
    /// The gate reads once more.
    Gate {
        since: u64,
        pass: Pass,
    },
}

/// What is asked for when the store answers.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    Picture { shards: Option<Vec<(Shard, ShardRow)>>, members: Option<Vec<Member>> },
    Rows,
    Lot { left: VecDeque<Claim>, done: Vec<(Claim, ClaimOutcome)> },
    Voted(Incarnation),
    Fenced(Incarnation),
    HandedOver(Claim),
    SteppedDown,
    Gate { since: u64, pass: Pass },
    Elders,
    Former,
    FormerFenced,
    Joined,
    Forgotten,
    Read(Shard, Epoch),
    Restamped(Shard, Epoch),
    Appended { shard: Shard, epoch: Epoch, place: usize, op: Op },
}

/// What waits at the gate.
#[derive(Clone, Debug)]
pub(crate) enum Pass {
    Confirm,
    Vote(Incarnation, bool),
    Fence(Incarnation),
    Adopt(Shard, Epoch),
    /// Only the mutant that validates early.
    Append {
        shard: Shard,
        epoch: Epoch,
        place: usize,
        op: Op,
    },
    Acknowledge {
        shard: Shard,
        epoch: Epoch,
        place: usize,
        op: Op,
    },
}

pub(crate) struct Process {
    pub(crate) name: NodeName,
    /// Grows whenever the process starts or ends: what was on its way to a former one is void.
    pub(crate) life: u32,
    pub(crate) up: bool,
    pub(crate) frozen: bool,
    pub(crate) deferred: Vec<Due>,
    /// How far the wall clock is off, in milliseconds.
    pub(crate) clock: i64,
    /// The present run, or the one that is about to begin.
    pub(crate) me: Incarnation,
    /// The last run of which it is known that it is on record.
    pub(crate) joined: Incarnation,
    /// All runs of this process.
    pub(crate) mine: Vec<Incarnation>,
    pub(crate) run: Option<Run>,
    pub(crate) entering: Option<Entering>,
    /// Came while the run was about to begin.
    pub(crate) news: Vec<Input>,
    pub(crate) pause: u64,
    pub(crate) began: u64,
    pub(crate) draining: bool,
    pub(crate) leaving: bool,
}

/// What waits for a frozen process to go on.
pub(crate) type Due = crate::world::Event;

/// A run that takes its place.
#[derive(Default)]
pub(crate) struct Entering {
    pub(crate) to_fence: Vec<Incarnation>,
    pub(crate) former: Vec<Incarnation>,
    pub(crate) rounds: u32,
    pub(crate) claims: usize,
}

pub(crate) struct Run {
    pub(crate) me: Incarnation,
    pub(crate) steward: Steward,
    pub(crate) held: Vec<Held>,
    /// The gate knows that this run is fenced.
    pub(crate) fenced: bool,
    /// When the gate was last told that it is not.
    pub(crate) confirmed: bool,
    /// By peer, the number of the ping that is under way.
    pub(crate) pings: BTreeMap<Incarnation, u32>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) epoch: Epoch,
    pub(crate) closing: bool,
    pub(crate) log: Log,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) ops: Vec<Op>,
    pub(crate) ready: bool,
    pub(crate) busy: bool,
}

impl Process {
    pub(crate) fn new(name: NodeName) -> Self {
        Self {
            name,
            life: 0,
            up: false,
            frozen: false,
            deferred: Vec::new(),
            clock: 0,
            me: NOBODY,
            joined: NOBODY,
            mine: Vec::new(),
            run: None,
            entering: None,
            news: Vec::new(),
            pause: 0,
            began: 0,
            draining: false,
            leaving: false,
        }
    }

    /// Begins as a new process.
    pub(crate) fn start(&mut self) {
        let (name, life) = (self.name.clone(), self.life + 1);
        *self = Self { life, up: true, ..Self::new(name) };
    }

    /// Is no more, from one moment to the next.
    pub(crate) fn end(&mut self) {
        let (name, life) = (self.name.clone(), self.life + 1);
        *self = Self { life, ..Self::new(name) };
    }

    /// The steward, where it is at work.
    pub(crate) fn steward(&self) -> Option<&Steward> {
        let idle = self.entering.is_some() || self.frozen;
        self.run.as_ref().filter(|run| !idle && run.me == self.me).map(|run| &run.steward)
    }

    /// The run that holds shards, which stays until the next is on record.
    pub(crate) fn holder(&self) -> Incarnation {
        self.run.as_ref().map_or(NOBODY, |run| run.me)
    }

    pub(crate) fn holds(&self, shard: Shard, epoch: Epoch) -> bool {
        epoch != Epoch::default() && self.epoch(shard) == epoch
    }

    /// The epoch under which the shard is held, 0 for none.
    pub(crate) fn epoch(&self, shard: Shard) -> Epoch {
        self.run.as_ref().map_or(Epoch::default(), |run| run.held[shard.0 as usize].epoch)
    }

    pub(crate) fn held(&mut self, shard: Shard) -> Option<&mut Held> {
        self.run.as_mut().map(|run| &mut run.held[shard.0 as usize])
    }
}

impl Run {
    pub(crate) fn new(me: Incarnation, steward: Steward, count: ShardCount) -> Self {
        let held = vec![Held::default(); count.get() as usize];
        Self { me, steward, held, fenced: false, confirmed: false, pings: BTreeMap::new() }
    }
}
