//! What goes wrong: links that are cut one way or both, a store out of reach, requests whose fate nobody knows, processes
//! that crash, freeze, come and go, clocks that jump.

use switchboard_cluster::steward::Input;

use crate::process::Local;
use crate::random::Random;
use crate::world::{Event, Season, World};

const MOST_NODES: usize = 5;
/// Something that was sent in a storm may arrive so much later, in milliseconds.
pub(crate) const LATEST: usize = 3_000;
/// How long a node that leaves may take.
const LEAVE_WITHIN: u64 = 20_000;
/// How long what one history breaks stays so.
const BROKEN_FOR: u64 = 15_000;

/// What a history is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Everything at any time.
    Storm,
    /// One link between two of several nodes breaks, nothing else: nobody is fenced.
    BrokenLink,
    /// One of several nodes crashes, nothing else: its shards have owners again soon.
    OneCrash,
    /// Nothing that others say reaches one of several nodes, or nothing that it says gets out, or it only answers: it is fenced,
    /// none of the others is, and its shards have owners soon whom the others reach.
    OneDeaf,
    /// No call of one of several nodes gets out, but its answers do: nobody is fenced.
    OneHelpless,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Start(usize),
    Thaw {
        process: usize,
        life: u32,
    },
    /// A process that ended by itself is started anew.
    Supervise {
        process: usize,
        life: u32,
    },
    StopLeaving {
        process: usize,
        life: u32,
    },
    /// Whatever chance will have.
    Any,
}

/// What becomes of a request to the store, all in milliseconds.
pub(crate) enum Fate {
    Answered {
        there: u64,
        back: u64,
    },
    /// It never arrives.
    Unheard {
        limit: u64,
    },
    /// It arrives, perhaps long after it was given up.
    Unanswered {
        there: u64,
        limit: u64,
    },
}

/// By moments until which something is out of order.
#[derive(Default)]
struct Troubles {
    links: [[u64; MOST_NODES]; MOST_NODES],
    /// The same, but that answers get through.
    calls: [[u64; MOST_NODES]; MOST_NODES],
    slow_links: u64,
    store: [u64; MOST_NODES],
    answers: [u64; MOST_NODES],
    slow_store: u64,
}

pub(crate) struct Weather {
    pub(crate) kind: Kind,
    pub(crate) nodes: usize,
    troubles: Troubles,
    /// Of a hundred.
    lost: usize,
    /// Of a hundred.
    doubtful: usize,
    storm_ends: u64,
}

impl Weather {
    pub(crate) fn new(random: &mut Random) -> Self {
        let kind = match random.below(16) {
            0 => Kind::BrokenLink,
            1 => Kind::OneCrash,
            2 => Kind::OneDeaf,
            3 => Kind::OneHelpless,
            _ => Kind::Storm,
        };
        let nodes = if kind == Kind::Storm { 2 + random.below(4) } else { 3 + random.below(3) };
        let (lost, doubtful) = match kind {
            Kind::Storm => ([0, 2, 15][random.below(3)], [0, 2, 8][random.below(3)]),
            Kind::BrokenLink | Kind::OneCrash | Kind::OneDeaf | Kind::OneHelpless => (0, 0),
        };
        let storm_ends = if kind == Kind::Storm { 5_000 + random.below(15_000) as u64 } else { 0 };
        Self { kind, nodes, troubles: Troubles::default(), lost, doubtful, storm_ends }
    }

    pub(crate) fn store(&self, process: usize, now: u64, random: &mut Random) -> Fate {
        let limit = (200 + random.below(1_300)) as u64;
        if self.troubles.store[process] > now {
            return Fate::Unheard { limit };
        }
        if self.troubles.answers[process] > now {
            return Fate::Unanswered { there: 1 + random.below(5) as u64, limit };
        }
        if now < self.storm_ends && random.below(100) < self.doubtful {
            return match random.below(3) {
                0 => Fate::Unheard { limit },
                _ => Fate::Unanswered { there: 1 + random.below(LATEST) as u64, limit },
            };
        }
        let most = if self.troubles.slow_store > now { 600 } else { 5 };
        Fate::Answered { there: 1 + random.below(most) as u64, back: 1 + random.below(most) as u64 }
    }

    /// How long a call takes to the one who answers it, if it arrives.
    pub(crate) fn call(&self, from: usize, to: usize, now: u64, random: &mut Random) -> Option<u64> {
        self.link(from, to, now, random).filter(|_| self.troubles.calls[from][to] <= now)
    }

    /// How long a message takes, if it arrives.
    pub(crate) fn link(&self, from: usize, to: usize, now: u64, random: &mut Random) -> Option<u64> {
        let is_lost = now < self.storm_ends && random.below(100) < self.lost;
        if is_lost || self.troubles.links[from][to] > now {
            return None;
        }
        let most = if self.troubles.slow_links > now { 600 } else { 5 };
        Some(1 + random.below(most) as u64)
    }
}

impl World {
    pub(crate) fn plan(&mut self) {
        for process in 0..self.weather.nodes {
            let late = self.weather.kind == Kind::Storm && self.random.below(4) == 0;
            let most = if late { self.weather.storm_ends as usize } else { 1_500 };
            let wait = self.between(0, most);
            self.after(wait, Event::Fault(Fault::Start(process)));
        }
        let mut at = self.between(500, 4_000);
        while at < self.weather.storm_ends {
            self.after(at, Event::Fault(Fault::Any));
            at += self.between(100, 2_500);
        }
        let ends = self.weather.storm_ends;
        if self.weather.kind == Kind::Storm {
            self.after(ends, Event::Heal);
        }
        self.after(ends + 1, Event::Look);
    }

    /// What the history is about, where that is one fault alone.
    pub(crate) fn first_fault(&mut self) {
        self.season = Season::Storm;
        self.judge.struck = self.now;
        let one = self.random.below(self.weather.nodes);
        match self.weather.kind {
            Kind::BrokenLink => {
                let other = (one + 1 + self.random.below(self.weather.nodes - 1)) % self.weather.nodes;
                let until = self.now + BROKEN_FOR;
                self.weather.troubles.links[one][other] = until;
                if self.random.below(2) == 0 {
                    self.weather.troubles.links[other][one] = until;
                }
                self.after(BROKEN_FOR, Event::Heal);
            }
            Kind::OneCrash => self.processes[one].end(),
            Kind::OneDeaf | Kind::OneHelpless => {
                let until = self.now + BROKEN_FOR;
                let is_helpless = self.weather.kind == Kind::OneHelpless;
                let (is_mute, only_calls) = (self.random.below(2) == 0, self.random.below(2) == 0);
                for other in (0..self.weather.nodes).filter(|other| *other != one) {
                    let troubles = &mut self.weather.troubles;
                    if is_helpless {
                        troubles.calls[one][other] = until;
                    } else if only_calls {
                        troubles.calls[other][one] = until;
                    } else if is_mute {
                        troubles.links[one][other] = until;
                    } else {
                        troubles.links[other][one] = until;
                    }
                }
                self.judge.deaf = (!is_helpless).then_some(one);
                self.after(BROKEN_FOR, Event::Heal);
            }
            Kind::Storm => {}
        }
    }

    pub(crate) fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Start(process) if matches!(self.season, Season::Spring | Season::Storm) => {
                self.start(process)
            }
            Fault::Start(_) => {}
            Fault::Thaw { process, life } if self.processes[process].life == life => self.thaw(process),
            Fault::StopLeaving { process, life } if self.processes[process].life == life => {
                self.step_down(process);
            }
            Fault::Supervise { process, life } if self.processes[process].life == life => self.start(process),
            Fault::Supervise { .. } | Fault::Thaw { .. } | Fault::StopLeaving { .. } => {}
            Fault::Any => self.strike_any(),
        }
    }

    fn start(&mut self, process: usize) {
        if !self.processes[process].up {
            self.processes[process].start();
            self.processes[process].clock = self.random.below(4_000) as i64 - 2_000;
            self.begin(process, false);
        }
    }

    fn strike_any(&mut self) {
        let process = self.random.below(self.weather.nodes);
        let until = self.now + self.between(200, 8_000);
        let is_up = self.processes[process].up;
        match self.random.below(17) {
            0..=2 if is_up => {
                self.processes[process].end();
                let wait = self.between(50, 9_000);
                self.after(wait, Event::Fault(Fault::Start(process)));
            }
            3..=6 if is_up => {
                self.processes[process].frozen = true;
                let life = self.processes[process].life;
                let wait = until - self.now;
                self.after(wait, Event::Fault(Fault::Thaw { process, life }));
            }
            7..=8 => {
                let other = self.random.below(self.weather.nodes);
                self.weather.troubles.links[process][other] = until;
                if self.random.below(2) == 0 {
                    self.weather.troubles.links[other][process] = until;
                }
            }
            9 => {
                // One side hears the other no more, and perhaps the other way round.
                let both = self.random.below(2) == 0;
                let sides = self.random.next();
                for from in 0..self.weather.nodes {
                    for to in 0..self.weather.nodes {
                        let (left, right) = (sides >> from & 1, sides >> to & 1);
                        if left < right || (both && left > right) {
                            self.weather.troubles.links[from][to] = until;
                        }
                    }
                }
            }
            10 => self.weather.troubles.store[process] = until,
            11 => self.weather.troubles.answers[process] = until,
            12 => match self.random.below(3) {
                0 => self.weather.troubles.store = [until; MOST_NODES],
                1 => self.weather.troubles.slow_store = until,
                _ => self.weather.troubles.slow_links = until,
            },
            13 => self.processes[process].clock += self.random.below(20_000) as i64 - 10_000,
            14 if is_up && self.may_spare(process) => self.order(process, false),
            15 if is_up && self.may_spare(process) => self.order(process, true),
            16 if is_up => self.later(process, 1, Local::News(Input::Rebalance)),
            _ => {}
        }
    }

    /// Whether others would take the shards of a process that gives them away.
    fn may_spare(&self, process: usize) -> bool {
        let takes = |at: &usize| {
            let other = &self.processes[*at];
            *at != process && other.up && !other.draining
        };
        (0..self.weather.nodes).any(|at| takes(&at))
    }

    /// Gives everything away, to stay without shards or to leave.
    fn order(&mut self, process: usize, leave: bool) {
        let own = &mut self.processes[process];
        let is_idle = own.run.is_none() || own.entering.is_some();
        if own.draining || own.frozen || is_idle {
            return;
        }
        (own.draining, own.leaving) = (true, leave);
        let life = own.life;
        if leave {
            self.after(LEAVE_WITHIN, Event::Fault(Fault::StopLeaving { process, life }));
        }
        let random = &mut self.random;
        let last = self.count.all().filter(|_| random.below(3) == 0).collect();
        self.feed(process, Input::LeaveLast(last));
        self.feed(process, Input::Drain);
    }

    fn thaw(&mut self, process: usize) {
        self.processes[process].frozen = false;
        let mut deferred = std::mem::take(&mut self.processes[process].deferred);
        self.random.shuffle(&mut deferred);
        for event in deferred {
            let wait = self.between(0, 3);
            self.after(wait, event);
        }
    }

    /// The end of all faults. Most of those who are gone come back; somebody has to be there.
    pub(crate) fn heal(&mut self) {
        self.weather.troubles = Troubles::default();
        self.season = Season::Healed { since: self.now };
        for process in 0..self.weather.nodes {
            if self.processes[process].frozen {
                self.thaw(process);
            }
            if !self.processes[process].up && self.random.below(3) > 0 {
                self.start(process);
            }
        }
        let is_fine = |own: &crate::process::Process| own.up && !own.draining;
        if !self.processes.iter().any(is_fine) {
            let process = self.random.below(self.weather.nodes);
            self.processes[process].end();
            self.start(process);
        }
    }
}
