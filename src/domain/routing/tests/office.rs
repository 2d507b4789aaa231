//! A license at work: a router, and chats' logs that carry out what it decides.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::*;
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::time::Timestamp;

pub(super) fn agent_id(name: impl AsRef<str>) -> AgentId {
    AgentId::new(name)
}

pub(super) fn chat_id(name: impl AsRef<str>) -> ChatId {
    ChatId::new(name)
}

/// Chats carry decisions out when told to deliver; nothing is lost or late unless a test says so.
pub(super) struct Office {
    pub(super) router: Router,
    pub(super) now: Timestamp,
    pub(super) logs: BTreeMap<ChatId, ChatState>,
    /// Effects on their way to the chats.
    pub(super) in_flight: VecDeque<Effect>,
    /// Everything that was decided.
    pub(super) records: Vec<DecisionRecord>,
    /// Every effect, in order, records aside.
    pub(super) effects: Vec<Effect>,
}

impl Office {
    pub(super) fn new(settings: RouterSettings) -> Self {
        Self::with(Router::new(1, settings))
    }

    pub(super) fn with(router: Router) -> Self {
        Self {
            router,
            now: Timestamp(1_000_000_000),
            logs: BTreeMap::new(),
            in_flight: VecDeque::new(),
            records: Vec::new(),
            effects: Vec::new(),
        }
    }

    pub(super) fn later(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    /// An agent of group 0 who accepts chats.
    pub(super) fn hire(&mut self, name: &str, max_chats: u32) {
        self.hire_as(AgentRouting { max_chats, ..AgentRouting::human(agent_id(name)) });
    }

    pub(super) fn hire_as(&mut self, routing: AgentRouting) {
        self.put(&routing);
        self.status(routing.id.as_str(), AgentStatus::AcceptingChats);
    }

    pub(super) fn put(&mut self, routing: &AgentRouting) {
        let effects = self.router.put_agent(routing, self.now);
        self.carry_out(effects);
    }

    pub(super) fn status(&mut self, name: &str, status: AgentStatus) {
        self.leave_as(name, status, LeaveReason::SignedOut);
    }

    pub(super) fn sign_out(&mut self, name: &str, reason: LeaveReason) {
        self.leave_as(name, AgentStatus::Offline, reason);
    }

    fn leave_as(&mut self, name: &str, status: AgentStatus, reason: LeaveReason) {
        let effects = self.router.agent_status(&agent_id(name), status, reason, self.now);
        self.carry_out(effects);
    }

    pub(super) fn configure(&mut self, settings: RouterSettings) {
        self.configure_all(settings, &[]);
    }

    pub(super) fn configure_all(&mut self, settings: RouterSettings, agents: &[AgentRouting]) {
        let effects = self.router.configure(settings, agents, self.now);
        self.carry_out(effects);
    }

    pub(super) fn start(&mut self, name: &str) -> Decision {
        self.start_as(ChatRequest::new(chat_id(name)))
    }

    pub(super) fn start_in(&mut self, name: &str, groups: &[i64]) -> Decision {
        let groups = groups.iter().map(|group| GroupId(*group)).collect();
        self.start_as(ChatRequest { groups, ..ChatRequest::new(chat_id(name)) })
    }

    /// Asks the router, writes the log, reports.
    pub(super) fn start_as(&mut self, mut request: ChatRequest) -> Decision {
        request.version = self.logs.get(&request.chat).map_or(0, |log| log.version);
        let routed = self.router.request(&request, self.now);
        if !matches!(routed.decision, Decision::Refuse(_)) {
            let version = self.logs.get(&request.chat).map_or(0, |log| log.version) + 1;
            let mut log = ChatState::new(request.chat.clone(), version);
            log.groups = request.groups.clone();
            log.settled = routed.id;
            log.continuous = request.continuous;
            log.ignore_bots = request.ignore_bots;
            log.ignore_agents_routing = request.ignore_agents_routing;
            log.has_customer = request.has_customer;
            match &routed.decision {
                Decision::Assign(agent) => log.members = vec![agent.clone()],
                Decision::Queue(place) => log.queued_since = Some(place.queued_at),
                Decision::Unrouted | Decision::Refuse(_) => {}
            }
            self.logs.insert(request.chat.clone(), log);
            self.carry_out(routed.effects);
            self.report(request.chat.as_str());
        } else {
            self.carry_out(routed.effects);
        }
        routed.decision
    }

    /// Changes a chat's log and reports it.
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut ChatState)) {
        let log = self.logs.get_mut(&chat_id(name)).expect("a chat that was started");
        change(log);
        log.version += 1;
        self.report(name);
    }

    pub(super) fn close(&mut self, name: &str) {
        self.change(name, |log| {
            log.active = false;
            log.members.clear();
            log.queued_since = None;
        });
    }

    pub(super) fn report(&mut self, name: &str) {
        let effects = self.router.chat_state(&self.logs[&chat_id(name)], self.now);
        self.carry_out(effects);
    }

    /// Sends effects to the chats and delivers them.
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        self.send(effects);
        self.deliver();
    }

    pub(super) fn send(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Decided(record) => self.records.push(record),
                effect => {
                    self.effects.push(effect.clone());
                    self.in_flight.push_back(effect);
                }
            }
        }
    }

    pub(super) fn deliver(&mut self) {
        while let Some(effect) = self.in_flight.pop_front() {
            let chat = obey(&mut self.logs, &effect);
            if let Some(log) = chat.and_then(|chat| self.logs.get(&chat)) {
                let effects = self.router.chat_state(&log.clone(), self.now);
                self.send(effects);
            }
        }
    }

    pub(super) fn transfer(&mut self, name: &str, target: TransferTarget, ignore: bool) -> Decision {
        let routed = self.router.transfer_pick(&chat_id(name), &target, ignore, self.now);
        let log = self.logs.get_mut(&chat_id(name)).expect("a chat that was started");
        log.version += 1;
        match &routed.decision {
            Decision::Assign(agent) => {
                log.members = vec![agent.clone()];
                log.queued_since = None;
            }
            Decision::Queue(place) => {
                log.members.clear();
                log.queued_since = Some(place.queued_at);
            }
            Decision::Unrouted | Decision::Refuse(_) => {}
        }
        if !matches!(routed.decision, Decision::Refuse(_)) {
            log.settled = routed.id;
            if let TransferTarget::Groups(groups) = target {
                log.groups = groups;
            }
        }
        self.report(name);
        self.carry_out(routed.effects);
        routed.decision
    }

    pub(super) fn take(&mut self, agent: &str, chat: &str) -> Decision {
        let routed = self.router.take(&agent_id(agent), &chat_id(chat), self.now);
        self.carry_out(routed.effects);
        routed.decision
    }

    pub(super) fn tick(&mut self) {
        let effects = self.router.tick(self.now);
        self.carry_out(effects);
    }

    /// Who serves a chat, by its log.
    pub(super) fn serving(&self, name: &str) -> Option<&str> {
        self.logs[&chat_id(name)].members.first().map(AgentId::as_str)
    }

    pub(super) fn position(&self, name: &str) -> Option<u32> {
        self.router.queue_place(&chat_id(name)).map(|place| place.position)
    }

    /// The system message of the last effect that moved a chat.
    pub(super) fn last_message(&self) -> Option<&'static str> {
        match self.effects.last()? {
            Effect::Assign { cause, .. } => cause.assigned_message(),
            Effect::Queue { cause, .. } => cause.unassigned_message(),
            Effect::Archive { cause, .. } => Some(cause.archived_message()),
            Effect::AskChat { .. } | Effect::Decided(_) => None,
        }
    }

    pub(super) fn last_record(&self) -> &DecisionRecord {
        self.records.last().expect("a decision")
    }
}

/// What a chat's owner does with an effect: at most once, never an older decision after a newer one, never a
/// second agent beside one who is not replaced. Returns the chat that has something to report.
pub(super) fn obey(logs: &mut BTreeMap<ChatId, ChatState>, effect: &Effect) -> Option<ChatId> {
    let (chat, decision) = match effect {
        Effect::Assign { chat, decision, .. }
        | Effect::Queue { chat, decision, .. }
        | Effect::Archive { chat, decision, .. }
        | Effect::AskChat { chat, decision } => (chat, *decision),
        Effect::Decided(_) => return None,
    };
    let log = logs.entry(chat.clone()).or_insert_with(|| {
        let mut log = ChatState::new(chat.clone(), 0);
        log.active = false;
        log
    });
    if decision <= log.settled || !log.active {
        log.settled = log.settled.max(decision);
        return Some(chat.clone());
    }
    log.settled = decision;
    match effect {
        Effect::Assign { agent, replaces, .. } => {
            let others = log.members.iter().any(|member| member != agent && !replaces.contains(member));
            if !others {
                log.version += 1;
                log.members = vec![agent.clone()];
                log.queued_since = None;
            }
        }
        Effect::Queue { replaces, place, .. } => {
            log.version += 1;
            log.members.retain(|member| !replaces.contains(member));
            log.queued_since = log.members.is_empty().then_some(place.queued_at);
        }
        Effect::Archive { .. } => {
            log.version += 1;
            log.active = false;
            log.members.clear();
            log.queued_since = None;
        }
        Effect::AskChat { .. } | Effect::Decided(_) => {}
    }
    Some(chat.clone())
}
