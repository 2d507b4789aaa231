//! The scheduler: virtual time, what is due, and the way of a history from its storm to its calm.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use switchboard_cluster::steward::{Beat, Moment, Times};
use switchboard_cluster::{Incarnation, NodeName, Shard, ShardCount, ShardRow};
use uuid::Uuid;

use crate::judge::Judge;
use crate::process::{Local, Process, Then};
use crate::random::Random;
use crate::rules::Rules;
use crate::store::{Ask, Store};
use crate::weather::{Fate, Fault, Kind, Weather};

/// The beginning of wall time, in microseconds.
const WALL: i64 = 1_700_000_000_000_000;
/// Between two ticks of a node.
const TICK: u64 = 250;
/// Between two operations of clients.
const TRAFFIC: usize = 150;
/// How long after the last fault everything must be well, in milliseconds. A node that was fenced again and again waits half
/// a minute before it begins anew.
const CALM_WITHIN: u64 = 90_000;
/// How long clients may wait for their answers after that.
const ANSWERS_WITHIN: u64 = 5_000;

/// What is due.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// At a process; void if that has ended, late if it is frozen.
    At {
        process: usize,
        life: u32,
        run: Incarnation,
        local: Local,
    },
    /// A request reaches the store.
    Apply {
        ask: Ask,
        caller: Option<Caller>,
    },
    /// A message reaches a process.
    Arrive {
        from: Sender,
        to: Incarnation,
        packet: Packet,
    },
    /// A client wants something of a shard, from whoever has it.
    Traffic,
    Fault(Fault),
    /// All faults end.
    Heal,
    /// Is everything well?
    Look,
}

#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) process: usize,
    pub(crate) life: u32,
    pub(crate) run: Incarnation,
    pub(crate) then: Then,
    /// How long the answer takes; none if it is lost.
    pub(crate) back: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) process: usize,
    pub(crate) life: u32,
    pub(crate) run: Incarnation,
}

#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Ping { number: u32, beat: Beat },
    Told(Vec<(Shard, ShardRow)>),
    Look,
}

struct Due {
    at: u64,
    tie: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.tie) == (other.at, other.tie)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

/// How far a history has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Season {
    /// Nodes start; where a history waits for the calm before its one fault.
    Spring,
    Storm,
    /// All is healed.
    Healed {
        since: u64,
    },
    /// All is well; clients get their last answers.
    Calm {
        since: u64,
    },
}

pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) random: Random,
    pub(crate) now: u64,
    queue: BinaryHeap<Reverse<Due>>,
    events: u64,
    pub(crate) count: ShardCount,
    pub(crate) times: Times,
    pub(crate) store: Store,
    pub(crate) processes: Vec<Process>,
    pub(crate) weather: Weather,
    pub(crate) judge: Judge,
    pub(crate) season: Season,
    /// Whose run it is.
    pub(crate) whose: HashMap<Incarnation, usize>,
    pub(crate) fault: Option<String>,
    trace: bool,
}

impl World {
    pub(crate) fn new(seed: u64, rules: Rules, trace: bool) -> Self {
        let mut random = Random::new(seed);
        let count = ShardCount::new([2, 4, 8][random.below(3)]).expect("a power of two");
        let weather = Weather::new(&mut random);
        let names = (0..weather.nodes).map(|node| NodeName::new(format!("node-{node}")));
        let times = Times {
            rebalance_after: std::time::Duration::from_secs(4),
            ..Times::of_suspicion(std::time::Duration::from_secs(3))
        };
        Self {
            rules,
            now: 0,
            queue: BinaryHeap::new(),
            events: 0,
            count,
            times,
            store: Store::new(count, rules),
            processes: names.map(Process::new).collect(),
            judge: Judge::new(count),
            season: if weather.kind == Kind::Storm { Season::Storm } else { Season::Spring },
            weather,
            whose: HashMap::new(),
            fault: None,
            trace,
            random,
        }
    }

    /// Plays the history to its end.
    pub(crate) fn run(mut self) -> Result<Judge, String> {
        self.plan();
        self.after(TRAFFIC as u64, Event::Traffic);
        while let Some(Reverse(due)) = self.queue.pop() {
            self.now = due.at;
            if self.trace && !matches!(due.event, Event::Traffic | Event::Look) {
                println!("{:>6} {:?}", due.at, due.event);
            }
            let looked = matches!(due.event, Event::Look);
            self.happen(due.event);
            self.judge_owners();
            if let Some(fault) = self.fault.take() {
                return Err(format!("after {} ms: {fault}", self.now));
            }
            if looked && self.is_over()? {
                self.judge.late_writes += self.store.late_writes;
                self.judge.events += self.events;
                return Ok(self.judge);
            }
        }
        Err("nothing is due any more".to_owned())
    }

    pub(crate) fn after(&mut self, wait: u64, event: Event) {
        self.events += 1;
        let tie = (self.random.next() << 32) | (self.events & 0xffff_ffff);
        self.queue.push(Reverse(Due { at: self.now + wait, tie, event }));
    }

    /// A number of milliseconds.
    pub(crate) fn between(&mut self, least: usize, most: usize) -> u64 {
        (least + self.random.below(most - least + 1)) as u64
    }

    /// Something at a process, of its present run.
    pub(crate) fn later(&mut self, process: usize, wait: u64, local: Local) {
        let Process { life, me: run, .. } = self.processes[process];
        self.after(wait, Event::At { process, life, run, local });
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment::from_ms(self.now)
    }

    pub(crate) fn wall(&self, process: usize) -> i64 {
        WALL + (self.now as i64 + self.processes[process].clock) * 1_000
    }

    pub(crate) fn fresh(&mut self, process: usize) -> Incarnation {
        let run = Incarnation(Uuid::from_u64_pair(self.random.next(), self.random.next()));
        self.whose.insert(run, process);
        self.processes[process].mine.push(run);
        run
    }

    /// Asks the store.
    pub(crate) fn ask(&mut self, process: usize, ask: Ask, then: Then) {
        let Process { life, me: run, .. } = self.processes[process];
        match self.weather.store(process, self.now, &mut self.random) {
            Fate::Answered { there, back } => {
                let caller = Some(Caller { process, life, run, then, back: Some(back) });
                self.after(there, Event::Apply { ask, caller });
            }
            Fate::Unheard { limit } => self.later(process, limit, Local::Answer(then, None)),
            Fate::Unanswered { there, limit } => {
                let caller = Caller { process, life, run, then: then.clone(), back: None };
                self.after(there, Event::Apply { ask, caller: Some(caller) });
                self.later(process, limit, Local::Answer(then, None));
            }
        }
    }

    /// Sends to a run.
    pub(crate) fn send(&mut self, process: usize, to: Incarnation, packet: Packet) {
        let Process { life, me: run, .. } = self.processes[process];
        let Some(target) = self.whose.get(&to).copied() else { return };
        if let Some(wait) = self.weather.call(process, target, self.now, &mut self.random) {
            self.after(wait, Event::Arrive { from: Sender { process, life, run }, to, packet });
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::At { process, life, run, local } => {
                let target = &mut self.processes[process];
                if target.life != life {
                    return;
                }
                if target.frozen {
                    target.deferred.push(Event::At { process, life, run, local });
                } else if target.me == run {
                    self.at(process, local);
                }
            }
            Event::Apply { ask, caller } => self.apply(&ask, caller),
            Event::Arrive { from, to, packet } => {
                let Some(process) = self.whose.get(&to).copied() else { return };
                let target = &mut self.processes[process];
                if target.frozen {
                    target.deferred.push(Event::Arrive { from, to, packet });
                } else if target.up && target.me == to {
                    self.hear(process, from, packet);
                }
            }
            Event::Traffic => {
                let shards = self.judge.logs();
                // In the end nobody depends on luck.
                let all = if matches!(self.season, Season::Calm { .. }) {
                    0..shards
                } else {
                    let one = self.random.below(shards);
                    one..one + 1
                };
                all.for_each(|shard| self.traffic(Shard(shard as u32)));
                let wait = self.between(TRAFFIC / 2, TRAFFIC * 2);
                self.after(wait, Event::Traffic);
            }
            Event::Fault(fault) => self.strike(fault),
            Event::Heal => self.heal(),
            Event::Look => {}
        }
    }

    fn apply(&mut self, ask: &Ask, caller: Option<Caller>) {
        self.judge_ask(ask);
        match self.store.apply(ask) {
            Ok(answer) => {
                if let Some(Caller { process, life, run, then, back: Some(back) }) = caller {
                    let local = Local::Answer(then, Some(answer));
                    self.after(back, Event::At { process, life, run, local });
                }
            }
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// Whether the history has come to its end; each look is followed by another.
    fn is_over(&mut self) -> Result<bool, String> {
        self.after(TICK, Event::Look);
        let unwell = self.unwell();
        match self.season {
            Season::Spring if unwell.is_none() => self.first_fault(),
            Season::Spring if self.now > CALM_WITHIN => {
                return Err(format!("the cluster never came up: {}", unwell.unwrap_or_default()));
            }
            Season::Healed { .. } if unwell.is_none() => self.season = Season::Calm { since: self.now },
            Season::Healed { since } if self.now - since > CALM_WITHIN => {
                let unwell = unwell.unwrap_or_default();
                return Err(format!("not well {CALM_WITHIN} ms after all was healed: {unwell}"));
            }
            Season::Calm { since } => {
                if let Some(unwell) = unwell {
                    return Err(format!("all was well, and then not, without any fault: {unwell}"));
                }
                if self.judge.is_everything_answered() {
                    self.judge_logs()?;
                    return Ok(true);
                }
                if self.now - since > ANSWERS_WITHIN {
                    return Err("all is well, but clients get no answers".to_owned());
                }
            }
            _ => {}
        }
        self.judge_season()?;
        Ok(false)
    }

    pub(crate) fn tick_after(&mut self, process: usize) {
        let wait = TICK + self.between(0, 10);
        self.later(process, wait, Local::Tick);
    }
}
