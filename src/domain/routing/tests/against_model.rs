//! Random days at the office, with late, repeated, reordered and lost messages and with failovers, every decision
//! judged by the model.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::model::{Asked, Model, ModelChat};
use super::office::{agent_id, chat_id, obey};
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::time::Timestamp;

const AGENTS: u8 = 5;
const CHATS: u8 = 14;
const LATEST: Duration = Duration::from_secs(30);

type Checked = Result<(), String>;

struct World {
    router: Router,
    model: Model,
    epoch: u64,
    now: Timestamp,
    logs: BTreeMap<ChatId, ChatState>,
    /// To each chat, in order.
    in_flight: BTreeMap<ChatId, VecDeque<Effect>>,
    /// To the router, in any order, but not a minute late.
    reports: Vec<(Timestamp, ChatState)>,
    /// Agents who may have more chats than their limit for a reason that the rules allow.
    beyond_limit: BTreeSet<AgentId>,
    graces: BTreeMap<AgentId, Timestamp>,
}

fn name(at: u8) -> AgentId {
    agent_id(format!("agent{}", at % AGENTS))
}

fn groups_of(bits: u8) -> Vec<GroupId> {
    let groups: Vec<GroupId> = (0..3).filter(|bit| bits & (1 << bit) != 0).map(GroupId).collect();
    if groups.is_empty() { vec![GroupId::ALL] } else { groups }
}

fn routing(at: u8, limit: u8) -> AgentRouting {
    let class = |bits: u8| match bits % 5 {
        0 => Priority::First,
        1 | 2 => Priority::Normal,
        3 => Priority::Last,
        _ => Priority::Supervisor,
    };
    let mut groups = Vec::new();
    for group in 1..3 {
        if !(at + group).is_multiple_of(3) {
            groups.push((GroupId(group.into()), class(at + group * (limit % 5))));
        }
    }
    AgentRouting {
        kind: if at == 4 { AgentKind::Bot } else { AgentKind::Human },
        groups,
        default_group_priority: class(at / 2),
        max_chats: u32::from(limit % 4),
        on_duty: limit % 16 != 7,
        ..AgentRouting::human(name(at))
    }
}

impl World {
    fn new(settings: RouterSettings) -> Self {
        let mut world = Self {
            router: Router::new(1, settings.clone()),
            model: Model::new(settings),
            epoch: 1,
            now: Timestamp(1_000_000_000),
            logs: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            reports: Vec::new(),
            beyond_limit: BTreeSet::new(),
            graces: BTreeMap::new(),
        };
        for at in 0..AGENTS {
            let routing = routing(at, at + 1);
            assert!(world.router.put_agent(&routing, world.now).is_empty());
            world.model.put_agent(routing);
        }
        world
    }

    fn absorb(&mut self, effects: Vec<Effect>, asked: &Asked) -> Checked {
        for effect in effects {
            match effect {
                Effect::Decided(record) => self.model.judge(&record, asked)?,
                Effect::Assign { ref chat, .. }
                | Effect::Queue { ref chat, .. }
                | Effect::Archive { ref chat, .. }
                | Effect::AskChat { ref chat, .. } => {
                    self.in_flight.entry(chat.clone()).or_default().push_back(effect);
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, (op, a, b): (u8, u8, u8)) -> Checked {
        self.now = self.now.after(Duration::from_millis(u64::from(b) * 7));
        while let Some(at) = self.reports.iter().position(|(sent, _)| sent.after(LATEST) < self.now) {
            let (_, state) = self.reports.remove(at);
            self.take_report(&state)?;
        }
        match op {
            0..=24 => self.start(a, b)?,
            25..=34 => self.close(a),
            35..=64 => self.deliver(a, b),
            65..=94 => self.report(a, b)?,
            95..=109 => self.presence(a, b)?,
            110..=114 => self.new_limit(a, b)?,
            115..=118 => self.new_settings(a, b)?,
            119..=124 => self.transfer(a, b)?,
            125..=128 => self.take(a, b)?,
            129..=132 => self.unreplied(a, b)?,
            133..=136 => self.change(a, |log| log.members.clear(), true),
            137..=140 => self.idle(a, b),
            141..=145 => {
                self.now = self.now.after(Duration::from_secs(u64::from(b % 20)));
                self.tick()?;
            }
            _ => self.fail_over(a)?,
        }
        self.check().map_err(|why| format!("{why}, after {op} {a} {b}"))
    }

    fn start(&mut self, a: u8, b: u8) -> Checked {
        let id = chat_id(format!("chat{}", a % CHATS));
        let version = self.logs.get(&id).map_or(0, |log| log.version);
        if self.logs.get(&id).is_some_and(|log| log.active) {
            return Ok(());
        }
        let settled = self.logs.get(&id).map_or(DecisionId::default(), |log| log.settled);
        let request = ChatRequest {
            version,
            settled,
            groups: groups_of(b),
            recent_agent: (b & 8 != 0).then(|| name(b >> 4)),
            ignore_bots: b & 16 != 0,
            continuous: b & 32 != 0,
            ..ChatRequest::new(id.clone())
        };
        // A start that was not stored may be given up, or asked for again, alike or not.
        let is_open = self.model.chats.get(&id).is_some_and(|chat| chat.is_start(version));
        if is_open && b & 64 != 0 {
            self.model.chats.get_mut(&id).expect("open").close();
            let effects = self.router.cancel(&id, self.now);
            self.absorb(effects, &Asked::default())?;
        }
        let is_repeat = |chat: &ModelChat| {
            let is_answered = !chat.is_settled(settled) && !chat.is_to_be_closed;
            chat.is_start(version) && chat.is_for(&request) && is_answered
        };
        if !self.model.chats.get(&id).is_some_and(is_repeat) {
            self.model.begin(&request);
        }
        let routed = self.router.request(&request, self.now);
        let asked = Asked { recent: request.recent_agent.clone(), ..Asked::default() };
        self.absorb(routed.effects, &asked)?;
        let mut log = ChatState::new(id.clone(), version + 1);
        log.settled = routed.id;
        (log.groups, log.ignore_bots, log.continuous) =
            (request.groups, request.ignore_bots, request.continuous);
        match routed.decision {
            Decision::Assign(agent) => log.members = vec![agent],
            Decision::Queue(place) => log.queued_since = Some(place.queued_at),
            Decision::Unrouted => return Err("a start was not routed".into()),
            Decision::Refuse(_) => return Ok(()),
        }
        // Some starts fail to be stored, and nobody says so: the router has to ask.
        if !b.is_multiple_of(11) {
            self.write(log);
        }
        Ok(())
    }

    fn write(&mut self, log: ChatState) {
        self.reports.push((self.now, log.clone()));
        self.logs.insert(log.chat.clone(), log);
    }

    fn change(&mut self, a: u8, change: impl FnOnce(&mut ChatState), only_served: bool) {
        let Some(log) = self.logs.get(&chat_id(format!("chat{}", a % CHATS))) else { return };
        if log.active && !(only_served && log.members.is_empty()) {
            let mut log = log.clone();
            change(&mut log);
            log.version += 1;
            self.write(log);
        }
    }

    fn close(&mut self, a: u8) {
        let close = |log: &mut ChatState| {
            log.active = false;
            log.members.clear();
            log.queued_since = None;
        };
        self.change(a, close, false);
    }

    fn idle(&mut self, a: u8, b: u8) {
        let idle = b & 1 == 0;
        self.change(a, |log| log.idle = idle, true);
        if let Some(log) = self.logs.get(&chat_id(format!("chat{}", a % CHATS))) {
            self.beyond_limit.extend(log.members.iter().cloned());
        }
    }

    /// One chat handles the next effect, or never gets it.
    fn deliver(&mut self, a: u8, b: u8) {
        let Some(id) = self.in_flight.keys().nth(usize::from(a) % self.in_flight.len().max(1)).cloned()
        else {
            return;
        };
        let queue = self.in_flight.get_mut(&id).expect("a key");
        let effect = queue.pop_front().expect("never empty");
        if queue.is_empty() {
            self.in_flight.remove(&id);
        }
        if !b.is_multiple_of(13)
            && let Some(chat) = obey(&mut self.logs, &effect)
        {
            self.reports.push((self.now, self.logs[&chat].clone()));
        }
    }

    /// The router gets one report, perhaps not for the last time.
    fn report(&mut self, a: u8, b: u8) -> Checked {
        if self.reports.is_empty() {
            return Ok(());
        }
        let at = usize::from(a) % self.reports.len();
        let (_, state) = if b.is_multiple_of(7) { self.reports[at].clone() } else { self.reports.remove(at) };
        self.take_report(&state)
    }

    fn take_report(&mut self, state: &ChatState) -> Checked {
        self.model.reported(state);
        let effects = self.router.chat_state(state, self.now);
        self.absorb(effects, &Asked::default())
    }

    fn presence(&mut self, a: u8, b: u8) -> Checked {
        let id = name(a);
        let (status, reason) = match b % 8 {
            0..=3 => (AgentStatus::AcceptingChats, LeaveReason::Other),
            4 => (AgentStatus::NotAcceptingChats, LeaveReason::Other),
            5 => (AgentStatus::Offline, LeaveReason::SignedOut),
            6 => (AgentStatus::Offline, LeaveReason::RemotelySignedOut),
            _ => (AgentStatus::Offline, LeaveReason::Disconnected),
        };
        let agent = self.model.agent(&id);
        agent.accepts = status == AgentStatus::AcceptingChats;
        let vanishes = reason == LeaveReason::Disconnected;
        if vanishes && agent.present && !self.graces.contains_key(&id) {
            self.graces.insert(id.clone(), self.now.after(Duration::from_secs(15)));
        } else if !vanishes {
            self.graces.remove(&id);
            agent.present = status != AgentStatus::Offline;
        }
        let effects = self.router.agent_status(&id, status, reason, self.now);
        self.absorb(effects, &Asked::default())
    }

    fn new_limit(&mut self, a: u8, b: u8) -> Checked {
        let routing = routing(a % AGENTS, b);
        self.beyond_limit.insert(routing.id.clone());
        self.model.put_agent(routing.clone());
        let effects = self.router.put_agent(&routing, self.now);
        self.absorb(effects, &Asked::default())
    }

    fn new_settings(&mut self, a: u8, b: u8) -> Checked {
        let settings = settings(a, b);
        self.beyond_limit.extend((0..AGENTS).map(name));
        self.model.settings = settings.clone();
        let effects = self.router.configure(settings, &[], self.now);
        self.absorb(effects, &Asked::default())
    }

    fn transfer(&mut self, a: u8, b: u8) -> Checked {
        let id = chat_id(format!("chat{}", a % CHATS));
        let Some(log) = self.logs.get(&id).filter(|log| log.active).cloned() else { return Ok(()) };
        let target = match b % 3 {
            0 => TransferTarget::Anyone,
            1 => TransferTarget::Groups(groups_of(b >> 2)),
            _ => TransferTarget::Agents(vec![name(b >> 2), name(b >> 4)]),
        };
        let before = self.model.chats.get(&id).map(|chat| chat.groups.clone());
        if let (TransferTarget::Groups(groups), Some(chat)) = (&target, self.model.chats.get_mut(&id)) {
            chat.groups = groups.iter().copied().collect();
        }
        let routed = self.router.transfer_pick(&id, &target, b & 64 != 0, self.now);
        let asked = Asked { is_by_name: matches!(target, TransferTarget::Agents(_)), ..Asked::default() };
        if matches!(routed.decision, Decision::Refuse(_)) {
            self.absorb(routed.effects, &asked)?;
            if let (Some(before), Some(chat)) = (before, self.model.chats.get_mut(&id)) {
                chat.groups = before;
            }
            return Ok(());
        }
        self.absorb(routed.effects, &asked)?;
        let mut log = log;
        log.version += 1;
        log.settled = routed.id;
        if let TransferTarget::Groups(groups) = target {
            log.groups = groups;
        }
        (log.members, log.queued_since) = match routed.decision {
            Decision::Assign(agent) => {
                if asked.is_by_name {
                    self.beyond_limit.insert(agent.clone());
                }
                (vec![agent], None)
            }
            Decision::Queue(place) => (Vec::new(), Some(place.queued_at)),
            other => return Err(format!("a transfer ended as {other:?}")),
        };
        self.write(log);
        Ok(())
    }

    fn take(&mut self, a: u8, b: u8) -> Checked {
        if !self.model.agent(&name(b)).present {
            return Ok(());
        }
        let routed = self.router.take(&name(b), &chat_id(format!("chat{}", a % CHATS)), self.now);
        if matches!(routed.decision, Decision::Assign(_)) {
            self.beyond_limit.insert(name(b));
        }
        self.absorb(routed.effects, &Asked::default())
    }

    fn unreplied(&mut self, a: u8, b: u8) -> Checked {
        let asked = Asked { had_thread: [name(b)].into(), ..Asked::default() };
        let id = chat_id(format!("chat{}", a % CHATS));
        let effects = self.router.unreplied(&id, &[name(b)], self.now);
        self.absorb(effects, &asked)
    }

    fn tick(&mut self) -> Checked {
        let over: Vec<AgentId> =
            self.graces.iter().filter(|(_, at)| **at <= self.now).map(|(id, _)| id.clone()).collect();
        for agent in over {
            self.graces.remove(&agent);
            self.model.agent(&agent).present = false;
        }
        let effects = self.router.tick(self.now);
        self.absorb(effects, &Asked::default())
    }

    /// A new router, which hears of everything that the logs say and of everybody who is there.
    fn fail_over(&mut self, a: u8) -> Checked {
        self.epoch += 1;
        let settings = self.model.settings.clone();
        let mut model = Model::new(settings.clone());
        model.is_rebuilding = true;
        let mut router = Router::rebuilding(self.epoch, settings);
        for agent in &self.model.agents {
            model.put_agent(agent.routing.clone());
            router.put_agent(&agent.routing, self.now);
        }
        for agent in self.model.agents.iter().filter(|agent| agent.present) {
            let id = &agent.routing.id;
            if self.graces.contains_key(id) {
                continue;
            }
            let accepting = [AgentStatus::NotAcceptingChats, AgentStatus::AcceptingChats];
            let status = accepting[usize::from(agent.accepts)];
            router.agent_status(id, status, LeaveReason::Other, self.now);
            (model.agent(id).accepts, model.agent(id).present) = (agent.accepts, true);
        }
        self.graces.clear();
        (self.model, self.router) = (model, router);
        self.reports.clear();
        let mut states: Vec<ChatState> = Vec::new();
        for log in self.logs.values_mut() {
            // From now on the chat refuses what the old router decided.
            log.settled = log.settled.max(DecisionId { epoch: self.epoch, number: 0 });
            states.push(log.clone());
        }
        let middle = usize::from(a) % states.len().max(1);
        states.rotate_left(middle);
        for (at, state) in states.iter().enumerate() {
            if at == middle / 2 {
                self.start(a, a)?;
            }
            self.take_report(state)?;
        }
        self.model.is_rebuilding = false;
        let effects = self.router.rebuilt(self.now);
        self.absorb(effects, &Asked::default())
    }

    fn check(&mut self) -> Checked {
        if let Some(chat) = self.model.next_of_queue() {
            return Err(format!("{chat} waits though somebody is free for it"));
        }
        if let Some(chat) = self.model.contradiction() {
            return Err(format!("{chat} is queued and assigned"));
        }
        for at in 0..AGENTS {
            let id = name(at);
            if self.router.load(&id) != self.model.load(&id) {
                return Err(format!(
                    "{id} has {} chats, not {}",
                    self.model.load(&id),
                    self.router.load(&id)
                ));
            }
            let holds = |log: &&ChatState| log.active && !log.idle && log.members.contains(&id);
            let truth = self.logs.values().filter(holds).count() as u32;
            let agent = self.model.agent(&id).clone();
            if truth > self.model.limit(&agent) && !self.beyond_limit.contains(&id) {
                return Err(format!("{id} is beyond the limit"));
            }
        }
        let queue = self.model.queue();
        for chat in self.model.chats.keys() {
            let position = self.router.queue_place(chat).map(|place| place.position);
            let expected = queue.contains(chat).then(|| self.model.position(chat));
            if position != expected {
                return Err(format!("{chat} stands at {position:?}, should at {expected:?}"));
            }
        }
        let snapshot = self.router.snapshot();
        if (snapshot.in_line + snapshot.open_ended) as usize != queue.len()
            || snapshot.served as usize != self.model.served()
        {
            return Err("the snapshot miscounts".into());
        }
        Ok(())
    }

    /// Everything arrives, nothing new happens: every chat is assigned to somebody who is there, queued, or
    /// closed, and router and logs agree.
    fn settle(&mut self) -> Checked {
        for round in 0..60 {
            while let Some(id) = self.in_flight.keys().next().cloned() {
                for effect in self.in_flight.remove(&id).into_iter().flatten() {
                    if let Some(chat) = obey(&mut self.logs, &effect) {
                        self.reports.push((self.now, self.logs[&chat].clone()));
                    }
                }
            }
            for (_, state) in std::mem::take(&mut self.reports) {
                self.take_report(&state)?;
            }
            if self.in_flight.is_empty() && self.reports.is_empty() {
                let Some(deadline) = self.router.next_deadline() else { break };
                self.now = deadline;
                self.tick()?;
            }
            if round == 59 {
                return Err("it does not come to rest".into());
            }
        }
        self.check()?;
        let queue = self.model.queue();
        for log in self.logs.values().filter(|log| log.active) {
            let is_served = !log.members.is_empty();
            let is_queued = log.queued_since.is_some();
            if is_served == is_queued || is_queued != queue.contains(&log.chat) {
                return Err(format!("{} is neither just assigned nor just queued: {log:?}", log.chat));
            }
            let present =
                |id: &AgentId| self.model.agents.iter().any(|agent| agent.routing.id == *id && agent.present);
            if is_served && !log.members.iter().any(present) {
                return Err(format!("{} is left with nobody", log.chat));
            }
        }
        Ok(())
    }
}

fn settings(a: u8, b: u8) -> RouterSettings {
    let mut settings = RouterSettings {
        manual: a.is_multiple_of(8),
        prefer_recent_agent: a & 1 == 0,
        queue_enabled: !a.is_multiple_of(7),
        queue_limit: Some(if b.is_multiple_of(5) { 3 } else { 100 }),
        queue_reopen_threshold: 1,
        concurrent_chats: b.is_multiple_of(3).then_some(u32::from(b % 8)),
        max_agent_active_chats: b.is_multiple_of(4).then_some(2),
        offline_start: if a & 2 == 0 { OfflineStart::Queue } else { OfflineStart::Refuse },
        ..RouterSettings::default()
    };
    let manual = [None, Some(false), Some(true), None][usize::from(b >> 6)];
    let group = GroupSettings { manual, routing_priority: i32::from(a % 3), ..GroupSettings::default() };
    settings.groups.insert(GroupId(1), group);
    settings
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_is_the_one_that_the_slow_obvious_model_would_make(
        first in (any::<u8>(), any::<u8>()),
        steps in proptest::collection::vec((0u8..148, any::<u8>(), any::<u8>()), 1..250),
    ) {
        let mut world = World::new(settings(first.0, first.1));
        for step in steps {
            world.step(step).map_err(TestCaseError::fail)?;
        }
        world.settle().map_err(TestCaseError::fail)?;
    }
}

/// A start that nobody stored was assigned meanwhile, its owner refused that, then asked again: the slot must not be
/// promised by a decision that a report is about to take back.
#[test]
fn an_answer_that_the_owner_has_settled_is_not_given_again() {
    let mut world = World::new(settings(1, 1));
    for step in [(0, 80, 1), (0, 59, 187), (95, 115, 88), (35, 0, 1), (0, 87, 179)] {
        world.step(step).expect("a step that agrees with the model");
    }
    world.settle().expect("rest");
}

/// A start that nobody stored was assigned, the agent left, and there was no queue to go back to: asked again, it is
/// decided anew.
#[test]
fn a_start_that_was_to_be_closed_meanwhile_is_routed_when_it_is_asked_for_again() {
    let mut world = World::new(settings(0, 0));
    for step in [(115, 21, 49), (0, 69, 22), (0, 0, 0), (95, 67, 16), (95, 112, 53), (0, 125, 150)] {
        world.step(step).expect("a step that agrees with the model");
    }
    world.settle().expect("rest");
}
