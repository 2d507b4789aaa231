//! An owner of the log: take over, then append what clients ask for, one batch at a time. It never learns that it is
//! over unless a validation says so.

use crate::world::{Answer, Ask, Epoch, Op, QUORUM, Rows, World, merge};

/// What an owner is doing.
#[derive(Default)]
pub(crate) enum Phase {
    /// Fences its predecessor.
    Fence,
    /// Reads the log at a quorum.
    Read { rows: Rows },
    /// Writes what it adopted again, under its own epoch.
    Restamp,
    /// Confirms its right; then goes on to serve.
    ValidateAdopted,
    /// Early validation only: confirms its right, then appends.
    ValidateFirst { ops: Vec<Op> },
    /// Appends `ops` from place `first` on.
    Append { first: usize, ops: Vec<Op> },
    /// Confirms its right; then acknowledges.
    ValidateAppended { first: usize, ops: Vec<Op> },
    /// Confirms its right; then answers a resend from the log.
    ValidateAnswer { op: Op, place: usize },
    /// Nothing left to do, or fenced.
    #[default]
    Over,
}

#[derive(Default)]
pub(crate) struct Owner {
    epoch: Epoch,
    pub(crate) phase: Phase,
    /// Requests that still lack a quorum of answers, with the number of answers.
    open: Vec<(u32, usize)>,
    fenced_answers: bool,
    fenced_predecessor: bool,
    has_read: bool,
    log: Vec<Op>,
    todo: Vec<Op>,
    batch: usize,
}

impl Owner {
    pub(crate) fn new(epoch: Epoch, todo: Vec<Op>, batch: usize) -> Self {
        Self { epoch, todo, batch, ..Self::default() }
    }

    /// A claim follows the fence.
    pub(crate) fn has_claimed(&self) -> bool {
        self.fenced_predecessor
    }

    pub(crate) fn begin(&mut self, world: &mut World) {
        self.take_over(world);
    }

    /// Goes on with what the take-over still lacks, in the order of the rules.
    fn take_over(&mut self, world: &mut World) {
        // The first owner has nobody to fence.
        self.fenced_predecessor |= self.epoch == 0;
        let fence_is_due = !self.fenced_predecessor && (world.rules.fence_before_read || self.has_read);
        if fence_is_due {
            self.phase = Phase::Fence;
            self.ask(world, &Ask::Fence(self.epoch - 1));
        } else if !self.has_read {
            self.phase = Phase::Read { rows: Rows::new() };
            self.ask(world, &Ask::ReadLog);
        } else if world.rules.restamp && !self.log.is_empty() {
            self.phase = Phase::Restamp;
            let rows = self.log.iter().copied().enumerate().collect();
            self.write(world, rows, world.rules.restamp_atomic);
        } else {
            self.phase = Phase::ValidateAdopted;
            self.validate(world);
        }
    }

    /// An answer arrived.
    pub(crate) fn hear(&mut self, request: u32, answer: Answer, world: &mut World) {
        let Some(place) = self.open.iter().position(|(open, _)| *open == request) else { return };
        match answer {
            Answer::Log(more) => {
                if let Phase::Read { rows } = &mut self.phase {
                    merge(rows, &more);
                }
            }
            Answer::Fenced(fenced) => self.fenced_answers |= fenced,
            Answer::Done => {}
        }
        self.open[place].1 += 1;
        if self.open[place].1 == QUORUM {
            self.open.swap_remove(place);
        }
        if self.open.is_empty() {
            self.step_done(world);
        }
    }

    fn step_done(&mut self, world: &mut World) {
        if self.fenced_answers {
            world.seen.fenced_found_out += 1;
            self.phase = Phase::Over;
            return;
        }
        match std::mem::take(&mut self.phase) {
            Phase::Fence => {
                self.fenced_predecessor = true;
                self.take_over(world);
            }
            Phase::Read { rows } => {
                self.log = world.reader(&rows);
                self.has_read = true;
                self.take_over(world);
            }
            Phase::Restamp => {
                self.phase = Phase::ValidateAdopted;
                self.validate(world);
            }
            Phase::ValidateAdopted => self.serve(world),
            Phase::ValidateFirst { ops } => self.append(world, ops),
            Phase::Append { first, ops } => {
                self.phase = Phase::ValidateAppended { first, ops };
                if world.rules.validate_after_write {
                    self.validate(world);
                } else {
                    self.step_done(world);
                }
            }
            Phase::ValidateAppended { first, ops } => {
                for (place, op) in (first..).zip(&ops) {
                    world.acknowledge(*op, place);
                }
                self.log.extend(ops);
                self.serve(world);
            }
            Phase::ValidateAnswer { op, place } => {
                world.seen.answered_from_log += 1;
                world.acknowledge(op, place);
                self.serve(world);
            }
            Phase::Over => {}
        }
    }

    /// Takes the next requests. Clients that have their answer ask no more.
    fn serve(&mut self, world: &mut World) {
        self.todo.retain(|op| !world.is_acknowledged(*op));
        let Some(op) = self.todo.first().copied() else {
            self.phase = Phase::Over;
            return;
        };
        if let Some(place) = self.log.iter().position(|known| *known == op) {
            self.todo.remove(0);
            self.phase = Phase::ValidateAnswer { op, place };
            self.validate(world);
            return;
        }
        let fresh = |op: &Op| !self.log.contains(op);
        let ops: Vec<Op> = self.todo.iter().copied().filter(fresh).take(self.batch).collect();
        self.todo.retain(|op| !ops.contains(op));
        if world.rules.validate_after_write {
            self.append(world, ops);
        } else {
            self.phase = Phase::ValidateFirst { ops };
            self.validate(world);
        }
    }

    fn append(&mut self, world: &mut World, ops: Vec<Op>) {
        let first = self.log.len();
        let rows = (first..).zip(ops.iter().copied()).collect();
        self.phase = Phase::Append { first, ops };
        self.write(world, rows, world.rules.append_atomic);
    }

    fn write(&mut self, world: &mut World, rows: Vec<(usize, Op)>, atomic: bool) {
        if atomic {
            self.ask(world, &Ask::Write { epoch: self.epoch, rows });
        } else {
            for row in rows {
                self.ask(world, &Ask::Write { epoch: self.epoch, rows: vec![row] });
            }
        }
    }

    fn validate(&mut self, world: &mut World) {
        if world.rules.validate {
            self.ask(world, &Ask::ReadFence(self.epoch));
        } else {
            self.step_done(world);
        }
    }

    fn ask(&mut self, world: &mut World, ask: &Ask) {
        let request = world.ask_all(self.epoch, ask);
        self.open.push((request, 0));
    }
}
