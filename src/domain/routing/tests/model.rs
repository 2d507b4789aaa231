//! The slow, obvious router: every question is answered by looking at all agents and all chats.
//!
//! It knows what the router was told (settings, presence, reports) and what the router has decided since, and
//! judges each decision by the rules alone.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::time::Timestamp;

fn named(outcome: &Outcome) -> Option<AgentId> {
    match outcome {
        Outcome::Assigned(agent) => Some(agent.clone()),
        _ => None,
    }
}

#[derive(Clone)]
pub(super) struct ModelAgent {
    pub(super) routing: AgentRouting,
    pub(super) accepts: bool,
    pub(super) present: bool,
    /// Number of the last assignment, 0 = none.
    turn: u64,
}

#[derive(Clone, Debug)]
pub(super) struct ModelChat {
    pub(super) groups: BTreeSet<GroupId>,
    members: BTreeSet<AgentId>,
    claims: Vec<(DecisionId, AgentId)>,
    /// The last decision, until it is settled.
    open: Option<DecisionId>,
    /// It was that nobody is left.
    pub(super) is_to_be_closed: bool,
    settled: DecisionId,
    min_version: u64,
    active: bool,
    idle: bool,
    ignore_bots: bool,
    waiting: Option<(Timestamp, u64)>,
    excluded: BTreeSet<AgentId>,
}

impl ModelChat {
    /// Whether all that is known is the request for a thread after this version of the log.
    pub(super) fn is_start(&self, version: u64) -> bool {
        self.active && self.min_version > version
    }

    /// Whether what was decided last is settled.
    pub(super) fn is_settled(&self, settled: DecisionId) -> bool {
        self.open.is_some_and(|open| open <= settled)
    }

    pub(super) fn is_for(&self, request: &ChatRequest) -> bool {
        self.groups == request.groups.iter().copied().collect() && self.ignore_bots == request.ignore_bots
    }

    pub(super) fn close(&mut self) {
        self.active = false;
        self.members.clear();
        self.claims.clear();
        self.excluded.clear();
        (self.open, self.waiting) = (None, None);
        self.is_to_be_closed = false;
    }
}

/// What only the asker knows of a question.
#[derive(Clone, Default)]
pub(super) struct Asked {
    pub(super) recent: Option<AgentId>,
    pub(super) had_thread: BTreeSet<AgentId>,
    pub(super) is_by_name: bool,
}

pub(super) struct Model {
    pub(super) settings: RouterSettings,
    /// In order of first mention, as ties between agents who never had a chat go by it.
    pub(super) agents: Vec<ModelAgent>,
    pub(super) chats: BTreeMap<ChatId, ModelChat>,
    pub(super) is_rebuilding: bool,
    turns: u64,
    arrivals: u64,
}

impl Model {
    pub(super) fn new(settings: RouterSettings) -> Self {
        let (agents, chats) = (Vec::new(), BTreeMap::new());
        Self { settings, agents, chats, is_rebuilding: false, turns: 0, arrivals: 0 }
    }

    pub(super) fn put_agent(&mut self, routing: AgentRouting) {
        match self.agents.iter_mut().find(|agent| agent.routing.id == routing.id) {
            Some(agent) => agent.routing = routing,
            None => self.agents.push(ModelAgent { routing, accepts: false, present: false, turn: 0 }),
        }
    }

    pub(super) fn agent(&mut self, id: &AgentId) -> &mut ModelAgent {
        self.agents.iter_mut().find(|agent| agent.routing.id == *id).expect("an agent of the license")
    }

    fn is_manual(&self, group: GroupId) -> bool {
        let own = self.settings.groups.get(&group).and_then(|group| group.manual);
        own.unwrap_or(self.settings.manual)
    }

    fn routing_priority(&self, chat: &ModelChat) -> i32 {
        let own = |group| self.settings.groups.get(group).map_or(0, |group| group.routing_priority);
        chat.groups.iter().map(own).max().unwrap_or(0)
    }

    pub(super) fn limit(&self, agent: &ModelAgent) -> u32 {
        match agent.routing.kind {
            AgentKind::Bot => agent.routing.max_chats,
            AgentKind::Human => {
                agent.routing.max_chats.min(self.settings.max_agent_active_chats.unwrap_or(u32::MAX))
            }
        }
    }

    pub(super) fn load(&self, agent: &AgentId) -> u32 {
        let holds = |chat: &&ModelChat| {
            chat.active
                && !chat.idle
                && (chat.members.contains(agent) || chat.claims.iter().any(|(_, claimed)| claimed == agent))
        };
        self.chats.values().filter(holds).count() as u32
    }

    pub(super) fn license_is_full(&self) -> bool {
        self.settings.concurrent_chats.is_some_and(|most| self.served() >= most as usize)
    }

    /// The agent's class for the chat among the groups where the router assigns.
    fn class(&self, agent: &ModelAgent, groups: &BTreeSet<GroupId>) -> Option<Priority> {
        let in_group = |group: &GroupId| {
            let named = agent.routing.groups.iter().find(|(id, _)| id == group).map(|(_, class)| *class);
            named.or((*group == GroupId::ALL).then_some(agent.routing.default_group_priority))
        };
        let classes = groups.iter().filter(|group| !self.is_manual(**group)).filter_map(in_group);
        classes.filter(|class| *class != Priority::Supervisor).min()
    }

    fn is_accepting(agent: &ModelAgent) -> bool {
        agent.accepts
            && agent.present
            && agent.routing.on_duty
            && !agent.routing.suspended
            && !agent.routing.awaiting_approval
    }

    /// Whoever could be given the chat now, best first.
    fn candidates(&self, chat: &ModelChat, excluded: &BTreeSet<AgentId>) -> Vec<&ModelAgent> {
        let mut able: Vec<(Priority, u32, u64, usize)> = Vec::new();
        for (at, agent) in self.agents.iter().enumerate() {
            let Some(class) = self.class(agent, &chat.groups) else { continue };
            let load = self.load(&agent.routing.id);
            if Self::is_accepting(agent)
                && load < self.limit(agent)
                && !(chat.ignore_bots && agent.routing.kind == AgentKind::Bot)
                && !excluded.contains(&agent.routing.id)
            {
                able.push((class, load, agent.turn, at));
            }
        }
        able.sort();
        able.into_iter().map(|(.., at)| &self.agents[at]).collect()
    }

    /// Waiting chats in the order of the queue.
    pub(super) fn queue(&self) -> Vec<ChatId> {
        let waiting = self.chats.iter().filter_map(|(id, chat)| {
            let (at, number) = chat.waiting?;
            Some((-self.routing_priority(chat), at, number, id.clone()))
        });
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort();
        waiting.into_iter().map(|(.., id)| id).collect()
    }

    /// The place of a waiting chat: the best among its groups' queues.
    pub(super) fn position(&self, id: &ChatId) -> u32 {
        let queue = self.queue();
        let ahead = queue.iter().take_while(|other| *other != id);
        let groups = &self.chats[id].groups;
        let in_group = |group: &GroupId| {
            ahead.clone().filter(|other| self.chats[*other].groups.contains(group)).count() as u32
        };
        groups.iter().map(in_group).min().unwrap_or(0) + 1
    }

    /// Chats with an agent, or about to have one.
    pub(super) fn served(&self) -> usize {
        let is_served =
            |chat: &&ModelChat| chat.active && !(chat.members.is_empty() && chat.claims.is_empty());
        self.chats.values().filter(is_served).count()
    }

    /// A chat that waits and has an agent at the same time, with no decision under way that would part them.
    pub(super) fn contradiction(&self) -> Option<&ChatId> {
        let is_both =
            |chat: &ModelChat| chat.waiting.is_some() && !chat.members.is_empty() && chat.open.is_none();
        self.chats.iter().find(|(_, chat)| is_both(chat)).map(|(id, _)| id)
    }

    /// The first waiting chat that somebody could be given now.
    pub(super) fn next_of_queue(&self) -> Option<ChatId> {
        if self.is_rebuilding || self.license_is_full() {
            return None;
        }
        self.queue().into_iter().find(|id| {
            let chat = &self.chats[id];
            !self.candidates(chat, &chat.excluded).is_empty()
        })
    }

    /// A thread is about to start.
    pub(super) fn begin(&mut self, request: &ChatRequest) {
        let known = self.chats.get(&request.chat);
        let chat = ModelChat {
            groups: request.groups.iter().copied().collect(),
            members: BTreeSet::new(),
            claims: Vec::new(),
            open: None,
            settled: known.map_or(DecisionId::default(), |chat| chat.settled),
            min_version: known.map_or(0, |chat| chat.min_version).max(request.version + 1),
            active: true,
            idle: false,
            ignore_bots: request.ignore_bots,
            waiting: None,
            is_to_be_closed: false,
            excluded: BTreeSet::new(),
        };
        self.chats.insert(request.chat.clone(), chat);
    }

    /// A report came in. What the router decides because of it is judged when it is seen.
    pub(super) fn reported(&mut self, state: &ChatState) {
        let begin = ChatRequest {
            groups: state.groups.clone(),
            ignore_bots: state.ignore_bots,
            ..ChatRequest::new(state.chat.clone())
        };
        let Some(known) = self.chats.get_mut(&state.chat) else {
            if state.active {
                self.begin(&begin);
                self.reported(state);
            }
            return;
        };
        if state.version < known.min_version && known.open.is_none_or(|open| open > state.settled) {
            return;
        }
        if !state.active {
            known.min_version = known.min_version.max(state.version + 1);
            known.settled = known.settled.max(state.settled);
            known.close();
            return;
        }
        if !known.active {
            let min_version = known.min_version;
            self.begin(&begin);
            self.chats.get_mut(&state.chat).expect("begun").min_version = min_version;
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        let chat = self.chats.get_mut(&state.chat).expect("known");
        chat.min_version = chat.min_version.max(state.version);
        chat.settled = chat.settled.max(state.settled);
        let settled = chat.settled;
        chat.claims.retain(|(decision, _)| *decision > settled);
        chat.open = chat.open.filter(|open| *open > settled);
        chat.is_to_be_closed &= chat.open.is_some();
        let before = std::mem::replace(&mut chat.members, state.members.iter().cloned().collect());
        chat.groups = state.groups.iter().copied().collect();
        chat.ignore_bots = state.ignore_bots;
        chat.idle = state.idle;
        if chat.open.is_some() {
            return;
        }
        if !chat.members.is_empty() {
            chat.waiting = None;
            chat.excluded.clear();
        } else if let Some(since) = state.queued_since {
            if chat.waiting.is_none_or(|(at, _)| at != since) {
                chat.waiting = Some((since, arrival));
            }
        } else {
            chat.waiting = None;
            if !before.is_empty() {
                chat.excluded = before;
            }
        }
    }

    /// Judges a decision and takes it over.
    pub(super) fn judge(&mut self, record: &DecisionRecord, asked: &Asked) -> Result<(), String> {
        let recent = asked.recent.as_ref();
        let fail = |why: &str| Err(format!("{why}: {record:#?}"));
        if record.considered.len() > CONSIDERED_CAP {
            return fail("too many agents in the record");
        }
        let chat = self.chats.get(&record.chat).ok_or("a decision about an unknown chat")?.clone();
        let mut excluded = chat.excluded.clone();
        if matches!(record.question, Question::Unreplied | Question::Transfer) {
            excluded = chat.members.union(&asked.had_thread).cloned().collect();
        }
        let best: Vec<AgentId> =
            self.candidates(&chat, &excluded).iter().map(|agent| agent.routing.id.clone()).collect();
        let is_served = !(chat.members.is_empty() && chat.claims.is_empty());
        let is_room = is_served || !self.license_is_full();
        let chosen = record.considered.iter().filter(|considered| considered.verdict == Verdict::Chosen);
        let chosen: Vec<&AgentId> = chosen.map(|considered| &considered.agent).collect();
        let expected = match (&record.question, record.rule) {
            (Question::ByHand(agent), Rule::ByHand) => Some(agent.clone()),
            (Question::Transfer, Rule::NamedAgent) => named(&record.outcome),
            (Question::Transfer, _) if asked.is_by_name => None,
            _ if self.is_rebuilding || !is_room => None,
            (_, Rule::RecentAgent) => recent.filter(|agent| best.contains(agent)).cloned(),
            (Question::Start, _)
                if recent.is_some_and(|agent| self.settings.prefer_recent_agent && best.contains(agent)) =>
            {
                recent.cloned()
            }
            _ => best.first().cloned(),
        };
        match &record.outcome {
            Outcome::Assigned(agent) => {
                if Some(agent) != expected.as_ref() {
                    return fail(&format!("not the best agent, that would be {expected:?}"));
                }
                if chosen != [agent] {
                    return fail("the record names another agent");
                }
                if record.question == Question::SlotFreed
                    && self.next_of_queue().as_ref() != Some(&record.chat)
                {
                    return fail("an earlier chat was overtaken");
                }
            }
            Outcome::Queued(_) | Outcome::Archived | Outcome::Stays | Outcome::Refused => {
                let is_hand = matches!(record.question, Question::ByHand(_));
                if expected.is_some() && !is_hand {
                    return fail(&format!("nobody gets it though {expected:?} could"));
                }
                if !chosen.is_empty() {
                    return fail("the record names somebody all the same");
                }
            }
            Outcome::Unrouted => {}
        }
        for considered in &record.considered {
            let agent = self.agents.iter().find(|agent| agent.routing.id == considered.agent);
            let agent = agent.ok_or("an unknown agent in a record")?;
            if considered.chats != self.load(&considered.agent) {
                return fail("the record counts an agent's chats wrong");
            }
            let is_no_slot = considered.chats >= self.limit(agent);
            let could = best.contains(&considered.agent);
            let agrees = match considered.verdict {
                Verdict::Chosen => true,
                Verdict::LowerPriority | Verdict::MoreChats | Verdict::ServedLater => could,
                Verdict::NotAsked => could,
                Verdict::NoSlot => is_no_slot && Self::is_accepting(agent),
                Verdict::NotAccepting | Verdict::Vanished | Verdict::Offline => !Self::is_accepting(agent),
                Verdict::HadThread => excluded.contains(&considered.agent),
                Verdict::BotIgnored => agent.routing.kind == AgentKind::Bot && chat.ignore_bots,
                Verdict::Supervisor | Verdict::NotInGroup | Verdict::ManualGroup => {
                    self.class(agent, &chat.groups).is_none()
                }
                Verdict::OffDuty => !agent.routing.on_duty,
                Verdict::Suspended => agent.routing.suspended,
                Verdict::AwaitingApproval | Verdict::Deleted => false,
            };
            if !agrees {
                return fail(&format!("the verdict on {} is wrong", considered.agent));
            }
        }
        self.take_over(record, excluded);
        if let Outcome::Queued(position) = record.outcome
            && position != self.position(&record.chat)
        {
            return fail(&format!("the position is {}", self.position(&record.chat)));
        }
        Ok(())
    }

    fn take_over(&mut self, record: &DecisionRecord, excluded: BTreeSet<AgentId>) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let chat = self.chats.get_mut(&record.chat).expect("judged");
        if matches!(record.outcome, Outcome::Assigned(_) | Outcome::Queued(_) | Outcome::Archived) {
            chat.open = Some(record.id);
            chat.is_to_be_closed = record.outcome == Outcome::Archived;
        }
        match &record.outcome {
            Outcome::Assigned(agent) => {
                chat.waiting = None;
                chat.excluded.clear();
                chat.claims.push((record.id, agent.clone()));
                self.turns += 1;
                self.agent(&agent.clone()).turn = self.turns;
            }
            Outcome::Queued(_) => {
                chat.waiting = Some((record.at, arrival));
                chat.excluded = excluded;
            }
            Outcome::Archived => chat.waiting = None,
            Outcome::Refused if record.question == Question::Start => chat.close(),
            Outcome::Stays => chat.excluded.clear(),
            Outcome::Refused | Outcome::Unrouted => {}
        }
    }
}
