//! What must be true: at every moment, of every answer, and when all is quiet.

use std::collections::BTreeMap;

use switchboard_cluster::placement::{self, Seat};
use switchboard_cluster::{Epoch, Incarnation, Shard, ShardCount, ShardRow};

use crate::process::Process;
use crate::random::Random;
use crate::store::{Ask, Op};
use crate::weather::{Kind, LATEST};
use crate::world::{Event, Season, World};

/// How long a shard of a node that crashed may be without an owner that answers.
const OWNERLESS: u64 = 8_000;
/// A node must have this part of its due share, in percent, as in the steward.
const FAIR_PERCENT: usize = 90;
/// Operations of one shard that wait for an answer at once.
const WAITING: usize = 4;
/// Shards that have a log.
const LOGS: usize = 2;

/// What clients know, and what happened, so that a test can see that enough did.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// By shard, the operations without an answer.
    waiting: Vec<Vec<Op>>,
    /// By shard, where each operation was said to stand.
    acknowledged: Vec<BTreeMap<Op, usize>>,
    next_op: Op,
    /// When the one fault of a history came.
    pub(crate) struck: u64,
    /// The node that does not hear the others, or is not heard.
    pub(crate) deaf: Option<usize>,
    pub(crate) events: u64,
    pub(crate) runs: u64,
    pub(crate) rebirths: u64,
    pub(crate) taken: u64,
    pub(crate) claims: u64,
    pub(crate) fences: u64,
    pub(crate) fences_found_out: u64,
    pub(crate) late_writes: u64,
    pub(crate) answers: u64,
    pub(crate) crash_ms: Vec<u64>,
}

impl Judge {
    pub(crate) fn new(count: ShardCount) -> Self {
        let logs = LOGS.min(count.get() as usize);
        Self { waiting: vec![Vec::new(); logs], acknowledged: vec![BTreeMap::new(); logs], ..Self::default() }
    }

    /// The number of shards that have a log, the first ones.
    pub(crate) fn logs(&self) -> usize {
        self.waiting.len()
    }

    /// What a client asks for next: something new, or once more what it has no answer to. In the end only that.
    pub(crate) fn next_op(&mut self, shard: Shard, random: &mut Random, season: Season) -> Option<Op> {
        let waiting = &mut self.waiting[shard.0 as usize];
        let is_over = matches!(season, Season::Calm { .. });
        if is_over || waiting.len() >= WAITING || (!waiting.is_empty() && random.below(2) == 0) {
            return (!waiting.is_empty()).then(|| waiting[random.below(waiting.len())]);
        }
        self.next_op += 1;
        waiting.push(self.next_op);
        Some(self.next_op)
    }

    pub(crate) fn is_everything_answered(&self) -> bool {
        self.waiting.iter().all(Vec::is_empty)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.runs += other.runs;
        self.rebirths += other.rebirths;
        self.taken += other.taken;
        self.claims += other.claims;
        self.fences += other.fences;
        self.fences_found_out += other.fences_found_out;
        self.late_writes += other.late_writes;
        self.answers += other.answers;
        self.crash_ms.extend(&other.crash_ms);
    }
}

impl World {
    /// A shard never has two owners whose validation would pass, and who would pass owns it by the tables.
    pub(crate) fn judge_owners(&mut self) {
        for shard in self.count.all() {
            let mut owner: Option<usize> = None;
            for (at, process) in self.processes.iter().enumerate() {
                let epoch = process.epoch(shard);
                let Some(run) = process.run.as_ref().filter(|_| epoch != Epoch::default()) else { continue };
                if run.fenced || !self.store.is_live(run.me) {
                    continue;
                }
                if let Some(other) = owner.replace(at) {
                    let names = (&self.processes[other].name, &process.name);
                    self.fault = Some(format!("shard {shard} has two owners: {} and {}", names.0, names.1));
                    return;
                }
                if !self.store.owns(run.me, shard, epoch) {
                    let row = self.store.row(shard);
                    self.fault =
                        Some(format!("{} holds shard {shard} under {epoch}, but: {row:?}", process.name));
                    return;
                }
            }
        }
    }

    /// A request arrives at the store.
    pub(crate) fn judge_ask(&mut self, ask: &Ask) {
        match ask {
            Ask::Fence { accused, by } if self.is_another(*accused, *by) && self.store.is_live(*accused) => {
                self.judge.fences += 1;
                if matches!(self.weather.kind, Kind::BrokenLink | Kind::OneHelpless) {
                    self.fault =
                        Some("a node was fenced for one link, or because one calls nobody".to_owned());
                }
                let is_deaf = self.judge.deaf.and_then(|deaf| self.processes.get(deaf));
                if is_deaf.is_some_and(|deaf| self.whose.get(accused) != self.whose.get(&deaf.me)) {
                    self.fault = Some("one node was deaf, and another was fenced for it".to_owned());
                }
            }
            Ask::ReadLog { shard, by, epoch } if self.store.owns(*by, *shard, *epoch) => {
                if let Err(fault) = self.judge_log(*shard) {
                    self.fault = Some(fault);
                }
            }
            _ => {}
        }
    }

    fn is_another(&self, accused: Incarnation, by: Incarnation) -> bool {
        self.whose.get(&accused) != self.whose.get(&by)
    }

    /// Who was superseded acknowledges nothing that it did since; and nothing is acknowledged at two places.
    pub(crate) fn judge_acknowledged(&mut self, process: usize, (shard, place): (Shard, usize), op: Op) {
        self.judge.answers += 1;
        let at = shard.0 as usize;
        self.judge.waiting[at].retain(|waiting| *waiting != op);
        let told = *self.judge.acknowledged[at].entry(op).or_insert(place);
        let name = &self.processes[process].name;
        if told != place {
            self.fault = Some(format!("operation {op} was acknowledged at {told} and at {place}"));
        } else if !self.store.is_rightful(shard, place, op) {
            self.fault = Some(format!(
                "{name} acknowledged operation {op} of shard {shard}, written when it was superseded"
            ));
        }
    }

    fn judge_log(&self, shard: Shard) -> Result<(), String> {
        let log = self.store.log(shard);
        for (op, place) in &self.judge.acknowledged[shard.0 as usize] {
            if log.get(*place) != Some(op) {
                return Err(format!(
                    "operation {op} was acknowledged at {place} of shard {shard}, the log is {log:?}"
                ));
            }
        }
        Ok(())
    }

    /// At the end of a history.
    pub(crate) fn judge_logs(&self) -> Result<(), String> {
        for shard in (0..self.judge.logs() as u32).map(Shard) {
            self.judge_log(shard)?;
            let mut log = self.store.log(shard);
            let rows = log.len();
            log.sort_unstable();
            log.dedup();
            if log.len() != rows {
                return Err(format!("an operation stands twice in the log of shard {shard}"));
            }
        }
        Ok(())
    }

    /// Of histories with one fault.
    pub(crate) fn judge_season(&mut self) -> Result<(), String> {
        if self.season != Season::Storm {
            return Ok(());
        }
        let since = self.now - self.judge.struck;
        match self.weather.kind {
            Kind::OneCrash => {
                let Some(fault) = self.count.all().find_map(|shard| self.ownerless(shard)) else {
                    self.judge.crash_ms.push(since);
                    self.season = Season::Healed { since: self.now };
                    self.after(1, Event::Heal);
                    return Ok(());
                };
                if since > OWNERLESS { Err(format!("{since} ms after a crash: {fault}")) } else { Ok(()) }
            }
            Kind::OneDeaf if since > OWNERLESS => {
                match self.count.all().find_map(|shard| self.unreached(shard)) {
                    Some(fault) => Err(format!("{since} ms after a node went deaf: {fault}")),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Why a shard is not worked for by somebody whom the others reach.
    fn unreached(&self, shard: Shard) -> Option<String> {
        let owner = self.store.row(shard).map(|row| row.owner);
        let deaf = self.judge.deaf.and_then(|deaf| self.processes.get(deaf))?;
        if owner == Some(deaf.me) {
            return Some(format!("{} has shard {shard}", deaf.name));
        }
        self.ownerless(shard)
    }

    /// Why a shard is not worked for.
    fn ownerless(&self, shard: Shard) -> Option<String> {
        let Some(ShardRow { owner, epoch }) = self.store.row(shard) else {
            return Some(format!("shard {shard} was never claimed"));
        };
        let holder = self.processes.iter().find(|process| process.me == owner && process.holds(shard, epoch));
        let Some(holder) = holder.filter(|_| self.store.is_live(owner)) else {
            return Some(format!("shard {shard} has no owner that lives"));
        };
        let held = holder.run.as_ref().map(|run| &run.held[shard.0 as usize])?;
        let works = !held.closing && (held.log.ready || shard.0 as usize >= self.judge.logs());
        (!works).then(|| format!("{} does not work for shard {shard}", holder.name))
    }

    /// What is not as it should be when all is quiet.
    pub(crate) fn unwell(&self) -> Option<String> {
        if matches!(self.season, Season::Healed { since } if self.now - since <= LATEST as u64) {
            return Some("the last of what was sent may still arrive".to_owned());
        }
        let up = || self.processes.iter().filter(|process| process.up);
        if self.season == Season::Spring && up().count() < self.weather.nodes {
            return Some("not all have started".to_owned());
        }
        let runs: Vec<Incarnation> = up().map(|process| process.me).collect();
        if let Some(stranger) = self.store.live().find(|member| !runs.contains(&member.incarnation)) {
            return Some(format!("a run of {} is on record, and gone", stranger.node));
        }
        up().find_map(|process| self.ailing(process, &runs))
            .or_else(|| self.count.all().find_map(|shard| self.ownerless(shard)))
            .or_else(|| self.unfair())
    }

    fn ailing(&self, process: &Process, runs: &[Incarnation]) -> Option<String> {
        let name = &process.name;
        let Some(steward) = process.steward() else { return Some(format!("{name} has no run at work")) };
        if process.leaving {
            return Some(format!("{name} has not left yet"));
        }
        if !self.store.is_live(process.me) {
            return Some(format!("{name} is fenced and does not know it"));
        }
        let known: Vec<Incarnation> = steward.members().iter().map(|member| member.incarnation).collect();
        if known.len() != runs.len() || !runs.iter().all(|run| known.contains(run)) {
            return Some(format!("{name} does not know who lives"));
        }
        if runs.iter().any(|peer| steward.suspects(self.moment(), *peer)) {
            return Some(format!("{name} suspects somebody"));
        }
        if steward.beat().impaired || steward.moves().next().is_some() {
            return Some(format!("{name} is busy"));
        }
        let stale = self.count.all().find(|shard| steward.table().row(*shard) != self.store.row(*shard))?;
        Some(format!("{name} does not know who has shard {stale}"))
    }

    /// Whether shares are not even, or somebody has what it gave away.
    fn unfair(&self) -> Option<String> {
        let seats: Vec<Seat> = self
            .processes
            .iter()
            .filter(|process| process.up && !process.draining)
            .map(|process| Seat::new(process.me, &process.name))
            .collect();
        self.processes.iter().filter(|process| process.up).find_map(|process| {
            let has = self.count.all().filter(|shard| process.epoch(*shard) != Epoch::default()).count();
            let is_due = |shard: &Shard| placement::owner_of(*shard, &seats) == Some(process.me);
            let due = self.count.all().filter(is_due).count();
            let is_fair = has * 100 >= due * FAIR_PERCENT && (has == 0 || !process.draining);
            (!is_fair).then(|| format!("{} has {has} shards, its share is {due}", process.name))
        })
    }
}
