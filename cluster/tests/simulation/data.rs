//! Work for shards: a log each, to which clients have operations appended. Append, validate, acknowledge.

use switchboard_cluster::{Epoch, Shard};

use crate::process::{Local, Pass, Then};
use crate::store::{Answer, Ask, Op};
use crate::world::World;

/// Before a log is read again that could not be read, or not be confirmed.
const PAUSE: u64 = 100;

impl World {
    /// Whoever holds a shard, or thinks so, gets something to do.
    pub(crate) fn traffic(&mut self, shard: Shard) {
        for process in 0..self.processes.len() {
            let own = &self.processes[process];
            if own.frozen || own.entering.is_some() || own.run.as_ref().is_none_or(|run| run.fenced) {
                continue;
            }
            let Some(op) = self.judge.next_op(shard, &mut self.random, self.season) else { return };
            self.attempt(process, shard, op);
        }
    }

    fn attempt(&mut self, process: usize, shard: Shard, op: Op) {
        let early = !self.rules.validate_after_write;
        let Some(held) = self.processes[process].held(shard) else { return };
        let epoch = held.epoch;
        if epoch == Epoch::default() || held.closing || !held.log.ready || held.log.busy {
            return;
        }
        held.log.busy = true;
        let known = held.log.ops.iter().position(|known| *known == op);
        let place = known.unwrap_or(held.log.ops.len());
        match (known, early) {
            (Some(_), _) => self.gate(process, Pass::Acknowledge { shard, epoch, place, op }),
            (None, true) => self.gate(process, Pass::Append { shard, epoch, place, op }),
            (None, false) => self.append(process, shard, epoch, place, op),
        }
    }

    fn append(&mut self, process: usize, shard: Shard, epoch: Epoch, place: usize, op: Op) {
        let by = self.processes[process].holder();
        let ask = Ask::Write { shard, by, epoch, first: place, ops: vec![op] };
        self.ask(process, ask, Then::Appended { shard, epoch, place, op });
    }

    /// Reads the log of a shard that was taken, or whose state was thrown away.
    pub(crate) fn open(&mut self, process: usize, shard: Shard, epoch: Epoch) {
        if (shard.0 as usize) < self.judge.logs() && self.processes[process].holds(shard, epoch) {
            let by = self.processes[process].holder();
            self.ask(process, Ask::ReadLog { shard, by, epoch }, Then::Read(shard, epoch));
        }
    }

    pub(crate) fn log_answered(&mut self, process: usize, then: Then, answer: Option<Answer>) {
        match (then, answer) {
            (Then::Read(shard, epoch), Some(Answer::Log(ops))) => {
                if !self.processes[process].holds(shard, epoch) {
                    return;
                }
                if let Some(held) = self.processes[process].held(shard) {
                    held.log.ops = ops;
                }
                self.restamp(process, shard, epoch);
            }
            (Then::Read(shard, epoch), _) => self.later(process, PAUSE, Local::Reopen(shard, epoch)),
            (Then::Restamped(shard, epoch), Some(_)) => self.gate(process, Pass::Adopt(shard, epoch)),
            // Nobody knows whether it was written: the same once more.
            (Then::Restamped(shard, epoch), None) => self.restamp(process, shard, epoch),
            (Then::Appended { shard, epoch, place, op }, answer) => {
                let holds = self.processes[process].holds(shard, epoch);
                match answer {
                    _ if !holds && self.rules.validate => {}
                    None => self.append(process, shard, epoch, place, op),
                    Some(_) if !self.rules.validate_after_write => {
                        self.acknowledge(process, shard, epoch, place, op);
                    }
                    Some(_) => self.gate(process, Pass::Acknowledge { shard, epoch, place, op }),
                }
            }
            _ => {}
        }
    }

    fn restamp(&mut self, process: usize, shard: Shard, epoch: Epoch) {
        if !self.processes[process].holds(shard, epoch) {
            return;
        }
        let by = self.processes[process].holder();
        let ops = self.processes[process].held(shard).map(|held| held.log.ops.clone()).unwrap_or_default();
        if ops.is_empty() || !self.rules.restamp {
            self.gate(process, Pass::Adopt(shard, epoch));
        } else {
            let ask = Ask::Write { shard, by, epoch, first: 0, ops };
            self.ask(process, ask, Then::Restamped(shard, epoch));
        }
    }

    /// Through the gate, or turned away since nobody knows. The shard must be held as before.
    pub(crate) fn pass_work(&mut self, process: usize, pass: Pass, valid: bool) {
        let (Pass::Adopt(shard, epoch)
        | Pass::Append { shard, epoch, .. }
        | Pass::Acknowledge { shard, epoch, .. }) = pass
        else {
            return;
        };
        let holds = self.processes[process].holds(shard, epoch);
        if !holds && self.rules.validate {
            return;
        }
        if !valid {
            // What is in memory is thrown away.
            if let Some(held) = self.processes[process].held(shard) {
                held.log = Default::default();
            }
            return self.later(process, PAUSE, Local::Reopen(shard, epoch));
        }
        match pass {
            Pass::Adopt(..) => {
                if let Some(held) = self.processes[process].held(shard) {
                    (held.log.ready, held.log.busy) = (true, false);
                }
            }
            Pass::Append { shard, epoch, place, op } => self.append(process, shard, epoch, place, op),
            Pass::Acknowledge { shard, epoch, place, op } => {
                self.acknowledge(process, shard, epoch, place, op);
            }
            Pass::Confirm | Pass::Vote(..) | Pass::Fence(_) => {}
        }
    }

    fn acknowledge(&mut self, process: usize, shard: Shard, epoch: Epoch, place: usize, op: Op) {
        self.judge_acknowledged(process, (shard, place), op);
        if !self.processes[process].holds(shard, epoch) {
            return;
        }
        if let Some(held) = self.processes[process].held(shard) {
            held.log.busy = false;
            if held.log.ops.len() == place {
                held.log.ops.push(op);
            }
        }
    }
}
