//! How fast the router decides, and how fairly.
//!
//! `cargo bench --bench routing_pick` prints a day of a license simulated with a manual clock, at 1,000 and at
//! 10,000 agents (goal: 500,000 decisions a second on one core at 1,000, less than twice as slow at 10,000), and
//! then criterion's figures for single steps. A decision is what leaves a record: a start, a slot that goes to a
//! waiting chat. The time is that of all calls, so each decision pays for its record, for the reports that
//! settle it, for the report of its chat's end and for the statuses of agents, but not for the simulation itself:
//! what the simulated router was asked is asked again of a second one, in blocks, and those are timed.
//!
//! All times are CPU times of the one thread, so that other work on the machine does not count.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use switchboard::domain::id::{AgentId, ChatId, GroupId};
use switchboard::domain::routing::{
    AgentRouting, AgentStatus, ChatRequest, ChatState, Decision, DecisionId, Effect, LeaveReason, Priority,
    Router, RouterSettings,
};
use switchboard::domain::time::Timestamp;

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GROUPS: i64 = 20;

/// A small generator (xorshift), seeded: every run simulates the same day.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Exponentially distributed around the mean, as arrivals and services are.
    fn around(&mut self, mean: Duration) -> Duration {
        let uniform = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        mean.mul_f64(-(1.0 - uniform).ln())
    }
}

/// CPU time of this thread.
struct CpuTime;

impl CpuTime {
    #[expect(unsafe_code, reason = "no safe door to this clock among our dependencies")]
    fn now() -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call writes one timespec to the valid place that it is given.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, begin: Duration) -> Duration {
        Self::now() - begin
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn settings() -> RouterSettings {
    RouterSettings { queue_limit: None, ..RouterSettings::default() }
}

/// Agents of two groups each besides group 0; a tenth of them first, a tenth last.
fn routing(at: usize) -> AgentRouting {
    let priority = match at % 10 {
        0 => Priority::First,
        1 => Priority::Last,
        _ => Priority::Normal,
    };
    let groups = [at as i64 % GROUPS + 1, at as i64 / 7 % GROUPS + 1].map(|group| (GroupId(group), priority));
    let default_group_priority = priority;
    let id = AgentId::new(format!("agent{at:05}@example.com"));
    AgentRouting { groups: groups.to_vec(), default_group_priority, ..AgentRouting::human(id) }
}

fn staffed(agents: usize) -> Router {
    let mut router = Router::new(1, settings());
    for at in 0..agents {
        let routing = routing(at);
        router.put_agent(&routing, Timestamp(0));
        router.agent_status(&routing.id, AgentStatus::AcceptingChats, LeaveReason::Other, Timestamp(0));
    }
    router
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    /// The chat ends.
    End(usize),
    /// An agent's shift begins or ends.
    Shift(usize, bool),
}

/// What a router was asked.
enum Call {
    Request(ChatRequest, Timestamp),
    Report(ChatState, Timestamp),
    Status(AgentId, AgentStatus, Timestamp),
}

impl Call {
    fn make(&self, router: &mut Router) -> (Option<(Decision, DecisionId)>, Vec<Effect>) {
        match self {
            Self::Request(request, now) => {
                let routed = router.request(request, *now);
                (Some((routed.decision, routed.id)), routed.effects)
            }
            Self::Report(state, now) => (None, router.chat_state(state, *now)),
            Self::Status(agent, status, now) => {
                (None, router.agent_status(agent, *status, LeaveReason::Other, *now))
            }
        }
    }
}

/// What the chats' owners would do, and the time that the router takes for it.
struct Day {
    router: Router,
    /// Is asked the same again, and timed.
    timed: Router,
    calls: Vec<Call>,
    dice: Dice,
    events: BinaryHeap<Reverse<(Timestamp, Event)>>,
    /// Open chats and when they came.
    chats: HashMap<usize, (ChatState, Timestamp)>,
    arrived: usize,
    spent: Duration,
    decisions: u64,
    queued: u64,
    received: Vec<u32>,
    waits_s: Vec<f64>,
}

impl Day {
    fn at(&mut self, at: Timestamp, event: Event) {
        self.events.push(Reverse((at, event)));
    }

    fn call(&mut self, call: Call) -> (Option<(Decision, DecisionId)>, Vec<Effect>) {
        let result = call.make(&mut self.router);
        self.calls.push(call);
        if self.calls.len() == 50_000 {
            self.time_calls();
        }
        result
    }

    fn time_calls(&mut self) {
        let begin = CpuTime::now();
        for call in &self.calls {
            black_box(call.make(&mut self.timed));
        }
        self.spent += CpuTime::now() - begin;
        self.calls.clear();
    }

    fn follow(&mut self, effects: Vec<Effect>, now: Timestamp) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let (chat, agent, decision) = match effect {
                Effect::Decided(record) => {
                    self.decisions += 1;
                    black_box(record);
                    continue;
                }
                Effect::Assign { chat, agent, decision, .. } => (chat, Some(agent), decision),
                Effect::Queue { chat, decision, .. } => (chat, None, decision),
                Effect::Archive { .. } | Effect::AskChat { .. } => panic!("not on such a day"),
            };
            let at: usize = chat.as_str().parse().expect("a numbered chat");
            effects.extend(self.settle(at, agent, decision, now));
        }
    }

    fn settle(
        &mut self,
        at: usize,
        agent: Option<AgentId>,
        decision: DecisionId,
        now: Timestamp,
    ) -> Vec<Effect> {
        let Some((log, started)) = self.chats.get_mut(&at) else { return Vec::new() };
        log.version += 1;
        log.settled = decision;
        log.queued_since = agent.is_none().then_some(now);
        log.members = agent.into_iter().collect();
        let (log, started) = (log.clone(), *started);
        if let Some(agent) = log.members.first() {
            let number: usize = agent.as_str()[5..10].parse().expect("a numbered agent");
            self.received[number] += 1;
            self.waits_s.push(now.since(started).as_secs_f64());
            let end = now.after(self.dice.around(Duration::from_secs(600)));
            self.at(end, Event::End(at));
        } else {
            self.queued += 1;
        }
        self.call(Call::Report(log, now)).1
    }

    fn arrive(&mut self, now: Timestamp) {
        let at = self.arrived;
        self.arrived += 1;
        let chat = ChatId::new(format!("{at:016}"));
        let group = GroupId(self.dice.below(GROUPS as u64 + 1) as i64);
        let request = ChatRequest { groups: vec![group], ..ChatRequest::new(chat.clone()) };
        let mut log = ChatState::new(chat, 0);
        log.groups = request.groups.clone();
        self.chats.insert(at, (log, now));
        let (decision, effects) = self.call(Call::Request(request, now));
        self.follow(effects, now);
        let (agent, id) = match decision {
            Some((Decision::Assign(agent), id)) => (Some(agent), id),
            Some((Decision::Queue(_), id)) => (None, id),
            other => panic!("{other:?}"),
        };
        let effects = self.settle(at, agent, id, now);
        self.follow(effects, now);
    }

    fn end(&mut self, at: usize, now: Timestamp) {
        let Some((mut log, _)) = self.chats.remove(&at) else { return };
        log.version += 1;
        log.active = false;
        log.members.clear();
        let (_, effects) = self.call(Call::Report(log, now));
        self.follow(effects, now);
    }
}

/// Twenty-four hours of three shifts that overlap, with a rush that the agents cannot serve at once.
fn simulate(agents: usize) -> Day {
    let mut day = Day {
        router: Router::new(1, settings()),
        timed: Router::new(1, settings()),
        calls: Vec::new(),
        dice: Dice(0x9E37_79B9_7F4A_7C15),
        events: BinaryHeap::new(),
        chats: HashMap::new(),
        arrived: 0,
        spent: Duration::ZERO,
        decisions: 0,
        queued: 0,
        received: vec![0; agents],
        waits_s: Vec::new(),
    };
    let hour = |hours: f64| Timestamp(0).after(Duration::from_secs_f64(hours * 3600.0));
    for at in 0..agents {
        for router in [&mut day.router, &mut day.timed] {
            router.put_agent(&routing(at), Timestamp(0));
        }
        let begin = [0.0, 2.0, 4.0][at % 3];
        day.at(hour(begin), Event::Shift(at, true));
        day.at(hour(begin + 20.0), Event::Shift(at, false));
    }
    day.at(hour(0.1), Event::Arrival);
    while let Some(Reverse((now, event))) = day.events.pop() {
        match event {
            Event::Arrival => {
                day.arrive(now);
                // Six slots an agent, ten minutes a chat: the rush at noon asks for a tenth more than all have.
                let hours = now.since(Timestamp(0)).as_secs_f64() / 3600.0;
                let load = 1.1 * (std::f64::consts::PI * hours / 24.0).sin().powi(2);
                let mean = 600.0 / (agents as f64 * 6.0 * load.max(0.05));
                let next = now.after(day.dice.around(Duration::from_secs_f64(mean)));
                if next < hour(24.0) {
                    day.at(next, Event::Arrival);
                }
            }
            Event::End(at) => day.end(at, now),
            Event::Shift(at, begins) => {
                let status =
                    if begins { AgentStatus::AcceptingChats } else { AgentStatus::NotAcceptingChats };
                let (_, effects) = day.call(Call::Status(routing(at).id, status, now));
                day.follow(effects, now);
            }
        }
    }
    day.time_calls();
    day
}

fn print_day(agents: usize) {
    let mut day = simulate(agents);
    let per_second = day.decisions as f64 / day.spent.as_secs_f64();
    println!(
        "a day with {agents} agents: {} chats, {} waited; {} decisions in {:.2} s = {per_second:.0} decisions/s",
        day.arrived,
        day.queued,
        day.decisions,
        day.spent.as_secs_f64(),
    );
    day.waits_s.sort_by(f64::total_cmp);
    let wait = |share: f64| day.waits_s[((day.waits_s.len() - 1) as f64 * share) as usize];
    println!(
        "  waits: p50 {:.1} s, p95 {:.1} s, longest {:.1} s; left over {}",
        wait(0.5),
        wait(0.95),
        wait(1.0),
        day.router.snapshot().groups.iter().map(|group| group.waiting).sum::<u32>()
    );
    for (name, class) in [("first", 0), ("last", 1), ("normal", 2)] {
        let of_class = |at: &usize| (at % 10).min(2) == class;
        let mut received: Vec<u32> = (0..agents).filter(of_class).map(|at| day.received[at]).collect();
        received.sort_unstable();
        let mean = f64::from(received.iter().sum::<u32>()) / received.len() as f64;
        let variance = received.iter().map(|chats| (f64::from(*chats) - mean).powi(2)).sum::<f64>();
        println!(
            "  fairness, class {name}: chats per agent {}..{}, mean {mean:.1}, deviation {:.1} %",
            received[0],
            received[received.len() - 1],
            100.0 * (variance / received.len() as f64).sqrt() / mean
        );
    }
}

fn state(chat: &ChatId, version: u64, settled: DecisionId, agent: Option<AgentId>) -> ChatState {
    let mut state = ChatState::new(chat.clone(), version);
    state.settled = settled;
    state.active = agent.is_some();
    state.members = agent.into_iter().collect();
    state
}

/// Start, report, end, with half of all slots taken.
fn assign_and_release(criterion: &mut Criterion<CpuTime>) {
    for agents in [1_000, 10_000] {
        let mut router = staffed(agents);
        for at in 0..agents * 3 {
            let chat = ChatId::new(format!("busy{at}"));
            let routed = router.request(&ChatRequest::new(chat.clone()), Timestamp(0));
            if let Decision::Assign(agent) = routed.decision {
                router.chat_state(&state(&chat, 1, routed.id, Some(agent)), Timestamp(0));
            }
        }
        let number = std::cell::Cell::new(0i64);
        criterion.bench_function(&format!("start, settle, end; {agents} agents"), |bencher| {
            bencher.iter_batched(
                || {
                    number.set(number.get() + 1);
                    ChatRequest::new(ChatId::new(format!("{:016}", number.get())))
                },
                |request| {
                    // A second passes with every thousand, so that closed chats are forgotten on the way.
                    let now = Timestamp(number.get() * 1_000);
                    let routed = router.request(&request, now);
                    if let Decision::Assign(agent) = routed.decision {
                        router.chat_state(&state(&request.chat, 1, routed.id, Some(agent)), now);
                        router.chat_state(&state(&request.chat, 2, routed.id, None), now);
                    }
                    routed.effects
                },
                BatchSize::SmallInput,
            );
        });
    }
}

/// With everybody busy and 100,000 chats waiting: one ends, the head of the queue is served, another comes.
fn turn_over_a_long_queue(criterion: &mut Criterion<CpuTime>) {
    for (agents, waiting) in [(1_000, 1_000), (1_000, 100_000), (10_000, 100_000)] {
        let mut router = staffed(agents);
        let mut serving = VecDeque::new();
        for at in 0..agents * 6 + waiting {
            let chat = ChatId::new(format!("{at:016}"));
            let routed = router.request(&ChatRequest::new(chat.clone()), Timestamp(0));
            let mut log = ChatState::new(chat.clone(), 1);
            log.settled = routed.id;
            match routed.decision {
                Decision::Assign(agent) => {
                    log.members = vec![agent];
                    serving.push_back(chat);
                }
                Decision::Queue(place) => log.queued_since = Some(place.queued_at),
                other => panic!("{other:?}"),
            }
            router.chat_state(&log, Timestamp(0));
        }
        let mut number = 0i64;
        let name = format!("end, serve the head, queue another; {agents} agents, {waiting} waiting");
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| {
                number += 1;
                let now = Timestamp(number * 1_000);
                let ended = serving.pop_front().expect("somebody is served");
                let effects = router.chat_state(&state(&ended, 9, DecisionId::default(), None), now);
                for effect in effects {
                    if let Effect::Assign { chat, agent, decision, .. } = effect {
                        router.chat_state(&state(&chat, 2, decision, Some(agent)), now);
                        serving.push_back(chat);
                    }
                }
                let chat = ChatId::new(format!("more{number:012}"));
                let routed = router.request(&ChatRequest::new(chat.clone()), now);
                let mut log = ChatState::new(chat, 1);
                log.settled = routed.id;
                log.queued_since = Some(now);
                router.chat_state(&log, now)
            });
        });
    }
}

fn a_day(_: &mut Criterion<CpuTime>) {
    for agents in [1_000, 10_000] {
        print_day(agents);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).sample_size(20).measurement_time(Duration::from_secs(3));
    targets = a_day, assign_and_release, turn_over_a_long_queue
}
criterion_main!(benches);
