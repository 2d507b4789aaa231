//! Replicas, the network, the scheduler and the judge.

use std::collections::{BTreeMap, BTreeSet};

use crate::owner::{Owner, Phase};
use crate::random::Random;

/// An operation of a client, named by its `op_id`.
pub(crate) type Op = u8;
/// Number of an owner, and its epoch: owners come one after another.
pub(crate) type Epoch = u8;

pub(crate) const REPLICAS: usize = 3;
pub(crate) const QUORUM: usize = 2;
const OPS: u8 = 6;
const MAX_OWNERS: u8 = 4;

/// Which rules hold.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) validate: bool,
    pub(crate) validate_after_write: bool,
    pub(crate) fence_before_read: bool,
    pub(crate) restamp: bool,
    pub(crate) restamp_atomic: bool,
    pub(crate) append_atomic: bool,
    pub(crate) reader_rule: bool,
    pub(crate) resend_waits: bool,
}

impl Rules {
    pub(crate) const ALL: Self = Self {
        validate: true,
        validate_after_write: true,
        fence_before_read: true,
        restamp: true,
        restamp_atomic: true,
        append_atomic: true,
        reader_rule: true,
        resend_waits: true,
    };
}

/// What happened in a run, so that a test can see that enough did.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) acknowledged: u64,
    pub(crate) takeovers: u64,
    /// Writes that reached a replica after their owner's fence had.
    pub(crate) zombie_writes: u64,
    pub(crate) fenced_found_out: u64,
    pub(crate) answered_from_log: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, run: &Self) {
        self.acknowledged += run.acknowledged;
        self.takeovers += run.takeovers;
        self.zombie_writes += run.zombie_writes;
        self.fenced_found_out += run.fenced_found_out;
        self.answered_from_log += run.answered_from_log;
    }
}

pub(crate) type Rows = BTreeMap<usize, (Epoch, Op)>;

#[derive(Clone, Default)]
struct Replica {
    /// By place in the log, counted from 0. The larger epoch wins; a tie is won by the larger value, as in CQL.
    rows: Rows,
    fenced: BTreeSet<Epoch>,
}

#[derive(Clone)]
pub(crate) enum Ask {
    Write { epoch: Epoch, rows: Vec<(usize, Op)> },
    Fence(Epoch),
    ReadLog,
    ReadFence(Epoch),
}

#[derive(Clone)]
pub(crate) enum Answer {
    Done,
    Log(Rows),
    Fenced(bool),
}

enum Message {
    Ask { from: Epoch, request: u32, replica: usize, ask: Ask },
    Answer { to: Epoch, request: u32, answer: Answer },
}

/// One run.
pub(crate) struct World {
    pub(crate) rules: Rules,
    random: Random,
    replicas: [Replica; REPLICAS],
    network: Vec<Message>,
    owners: Vec<Owner>,
    requests: u32,
    /// What clients were told: the place of each operation.
    acknowledged: BTreeMap<Op, usize>,
    fault: Option<String>,
    pub(crate) seen: Seen,
}

impl World {
    pub(crate) fn new(seed: u64, rules: Rules) -> Self {
        let mut world = Self {
            rules,
            random: Random::new(seed),
            replicas: Default::default(),
            network: Vec::new(),
            owners: Vec::new(),
            requests: 0,
            acknowledged: BTreeMap::new(),
            fault: None,
            seen: Seen::default(),
        };
        world.begin_owner();
        world
    }

    /// Plays the run to its end and has it judged.
    pub(crate) fn run(mut self) -> Result<Seen, String> {
        let steps = 40 + self.random.below(160);
        let takeover_in = 12 + self.random.below(40);
        for _ in 0..steps {
            if self.random.below(takeover_in) == 0 {
                self.maybe_take_over();
            }
            if !self.rules.resend_waits {
                self.resend_into_flight();
            }
            match self.network.len() {
                0 => break,
                waiting => {
                    let pick = self.random.below(waiting);
                    let message = self.network.swap_remove(pick);
                    self.deliver(message);
                }
            }
        }
        self.judge()?;
        Ok(self.seen)
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Ask { from, request, replica, ask } => {
                let answer = self.at_replica(replica, &ask);
                self.network.push(Message::Answer { to: from, request, answer });
            }
            Message::Answer { to, request, answer } => {
                let mut owner = std::mem::take(&mut self.owners[usize::from(to)]);
                owner.hear(request, answer, self);
                self.owners[usize::from(to)] = owner;
            }
        }
    }

    fn at_replica(&mut self, replica: usize, ask: &Ask) -> Answer {
        let replica = &mut self.replicas[replica];
        match ask {
            Ask::Write { epoch, rows } => {
                self.seen.zombie_writes += u64::from(replica.fenced.contains(epoch));
                for (place, op) in rows {
                    let row = replica.rows.entry(*place).or_insert((*epoch, *op));
                    *row = (*row).max((*epoch, *op));
                }
                Answer::Done
            }
            Ask::Fence(epoch) => {
                replica.fenced.insert(*epoch);
                Answer::Done
            }
            Ask::ReadLog => Answer::Log(replica.rows.clone()),
            Ask::ReadFence(epoch) => Answer::Fenced(replica.fenced.contains(epoch)),
        }
    }

    /// Sends to every replica; the answers come with the number that is returned.
    pub(crate) fn ask_all(&mut self, from: Epoch, ask: &Ask) -> u32 {
        self.requests += 1;
        for replica in 0..REPLICAS {
            self.network.push(Message::Ask { from, request: self.requests, replica, ask: ask.clone() });
        }
        self.requests
    }

    fn begin_owner(&mut self) {
        let epoch = self.owners.len() as Epoch;
        let mut todo: Vec<Op> = (1..=OPS).collect();
        self.random.shuffle(&mut todo);
        let batch = 1 + self.random.below(3);
        let mut owner = Owner::new(epoch, todo, batch);
        self.owners.push(Owner::default());
        owner.begin(self);
        self.owners[usize::from(epoch)] = owner;
    }

    /// Another node takes over from the newest owner, once that one's claim stands: before it, there is nothing to take.
    fn maybe_take_over(&mut self) {
        let newest = self.owners.last().expect("the first owner");
        if newest.has_claimed() && (self.owners.len() as Epoch) < MAX_OWNERS {
            self.seen.takeovers += 1;
            self.begin_owner();
        }
    }

    /// A client asks again for something that is being written (only the mutant answers at once).
    fn resend_into_flight(&mut self) {
        let pick = self.random.below(self.owners.len());
        if let Phase::Append { first, ops } = &self.owners[pick].phase {
            let (place, op) = (*first, ops[0]);
            self.acknowledge(op, place);
        }
    }

    /// Tells a client where its operation stands.
    pub(crate) fn acknowledge(&mut self, op: Op, place: usize) {
        self.seen.acknowledged += 1;
        let told = *self.acknowledged.entry(op).or_insert(place);
        if told != place {
            self.fault = Some(format!("operation {op} was acknowledged at {told} and at {place}"));
        }
    }

    /// Whether the client of an operation has its answer, and so sends it no more.
    pub(crate) fn is_acknowledged(&self, op: Op) -> bool {
        self.acknowledged.contains_key(&op)
    }

    /// The log as a reader of these rows sees it.
    pub(crate) fn reader(&self, rows: &Rows) -> Vec<Op> {
        let mut log = Vec::new();
        let mut epoch = 0;
        for (place, (row_epoch, op)) in rows {
            if *place != log.len() || (self.rules.reader_rule && *row_epoch < epoch) {
                break;
            }
            epoch = *row_epoch;
            log.push(*op);
        }
        log
    }

    /// A last, undisturbed owner takes over by the rules of this run; then the leftovers of all zombies arrive.
    fn judge(&mut self) -> Result<(), String> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let last = self.owners.len() as Epoch;
        // Nobody is left who could act: the fence of the newest owner stands, so no further validation succeeds.
        let quorum = self.random_quorum();
        let log = self.reader(&self.merged(quorum));
        self.check(&log)?;
        if self.rules.restamp {
            let rows = log.iter().copied().enumerate().collect();
            let write = Ask::Write { epoch: last, rows };
            for replica in self.random_quorum() {
                self.at_replica(replica, &write);
            }
        }
        for message in std::mem::take(&mut self.network) {
            if let Message::Ask { replica, ask: ask @ Ask::Write { .. }, .. } = message
                && self.random.below(4) > 0
            {
                self.at_replica(replica, &ask);
            }
        }
        for missing in 0..REPLICAS {
            let later = self.reader(&self.merged((0..REPLICAS).filter(|replica| *replica != missing)));
            self.check(&later)?;
            // An empty log has no row of the new epoch that would end it. Nothing of it was shown or acknowledged, so late
            // rows of a zombie do no harm: the next owner adopts them, or its own first row replaces them.
            if self.rules.restamp && !log.is_empty() && later != log {
                return Err(format!("the log changed after it was shown: {log:?}, then {later:?}"));
            }
        }
        Ok(())
    }

    fn check(&self, log: &[Op]) -> Result<(), String> {
        for (op, place) in &self.acknowledged {
            if log.get(*place) != Some(op) {
                return Err(format!("operation {op} was acknowledged at {place}, the log is {log:?}"));
            }
        }
        let different: BTreeSet<Op> = log.iter().copied().collect();
        if different.len() != log.len() {
            return Err(format!("an operation stands twice: {log:?}"));
        }
        Ok(())
    }

    fn merged(&self, replicas: impl IntoIterator<Item = usize>) -> Rows {
        let mut rows = Rows::new();
        for replica in replicas {
            merge(&mut rows, &self.replicas[replica].rows);
        }
        rows
    }

    fn random_quorum(&mut self) -> Vec<usize> {
        let missing = self.random.below(REPLICAS);
        (0..REPLICAS).filter(|replica| *replica != missing).collect()
    }
}

/// Adds a replica's rows to those of another, the newer of each.
pub(crate) fn merge(rows: &mut Rows, more: &Rows) {
    for (place, row) in more {
        let known = rows.entry(*place).or_insert(*row);
        *known = (*known).max(*row);
    }
}
