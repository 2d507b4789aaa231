//! A new thread asks for an agent.

use serde::{Deserialize, Serialize};

use super::chat::{Goal, Pending};
use super::effect::{DecisionId, Effect, QueuePlace};
use super::pick::Picked;
use super::record::{Outcome, Question, Rule, Verdict};
use super::router::Router;
use super::table::{AgentKey, ChatKey};
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::time::Timestamp;

/// A thread that is about to start, asked before its first append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRequest {
    /// The chat.
    pub chat: ChatId,
    /// The version of the log that the request rests on, in which no thread is active. Logs count from 1; 0 = there
    /// is none yet.
    pub version: u64,
    /// The last decision about the chat that its owner carried out or refused: none that old may be repeated.
    pub settled: DecisionId,
    /// Its access groups; empty = group 0.
    pub groups: Vec<GroupId>,
    /// The agent of the customer's last thread.
    pub recent_agent: Option<AgentId>,
    /// An agent starts or resumes it: it is theirs, whatever their own limit; the license's limit holds.
    pub by_agent: Option<AgentId>,
    /// `routing.ignore_agents_routing` of the chat: the router leaves it alone.
    pub ignore_agents_routing: bool,
    /// `routing.ignore_bots` of the thread.
    pub ignore_bots: bool,
    /// The chat needs no online group.
    pub continuous: bool,
    /// False if there is no customer in it: nobody is to be served then.
    pub has_customer: bool,
}

impl ChatRequest {
    /// A plain start by a customer, open to all agents.
    pub fn new(chat: ChatId) -> Self {
        Self {
            chat,
            version: 0,
            settled: DecisionId::default(),
            groups: vec![GroupId::ALL],
            recent_agent: None,
            by_agent: None,
            ignore_agents_routing: false,
            ignore_bots: false,
            continuous: false,
            has_customer: true,
        }
    }
}

/// What the chat's owner writes into its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The agent's slot is reserved until the decision is settled.
    Assign(AgentId),
    /// It waits.
    Queue(QueuePlace),
    /// The router does not touch it; nothing to settle.
    Unrouted,
    /// No; nothing to settle.
    Refuse(Refusal),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Nobody accepts chats and the chat may not wait for that (`groups_offline`).
    NobodyAccepting,
    /// Nobody is logged in (`groups_offline`).
    NobodyOnline,
    /// Agents accept chats, none can take this one at once (`groups_offline`).
    NobodyFree,
    /// The queue is off (`groups_offline`).
    QueueOff,
    /// The queue is full, or has not shrunk to its reopen threshold (`groups_offline`).
    QueueFull,
    /// `limits.concurrent_chats` (`limit_reached`).
    LicenseLimit,
    /// The agents that were named are not logged in, or do not exist (`agent_offline`).
    AgentOffline,
    /// The agent shares no group with the chat (`missing_access`).
    NoAccess,
    /// Somebody else was first.
    AlreadyTaken,
    /// The chat does not wait, or has no active thread (`chat_inactive`).
    NotWaiting,
    /// Ask again in a moment: the router has not yet heard of all chats.
    Rebuilding,
}

impl Refusal {
    /// The name of the reason, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NobodyAccepting => "nobody_accepting",
            Self::NobodyOnline => "nobody_online",
            Self::NobodyFree => "nobody_free",
            Self::QueueOff => "queue_off",
            Self::QueueFull => "queue_full",
            Self::LicenseLimit => "license_limit",
            Self::AgentOffline => "agent_offline",
            Self::NoAccess => "no_access",
            Self::AlreadyTaken => "already_taken",
            Self::NotWaiting => "not_waiting",
            Self::Rebuilding => "rebuilding",
        }
    }

    pub(super) fn rule(self) -> Rule {
        match self {
            Self::NobodyAccepting => Rule::NobodyAccepting,
            Self::NobodyOnline | Self::AgentOffline => Rule::NobodyOnline,
            Self::NobodyFree => Rule::NobodyFree,
            Self::QueueOff => Rule::QueueOff,
            Self::QueueFull => Rule::QueueFull,
            Self::LicenseLimit => Rule::LicenseLimit,
            Self::NoAccess => Rule::NoAccess,
            Self::AlreadyTaken => Rule::AlreadyServed,
            Self::NotWaiting => Rule::NotWaiting,
            Self::Rebuilding => Rule::Rebuilding,
        }
    }
}

/// A decision for the asker, and what follows for others.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// To be settled by the chat's owner, if the decision is to assign or to wait.
    pub id: DecisionId,
    /// The decision.
    pub decision: Decision,
    /// The rest, at least the record.
    pub effects: Vec<Effect>,
}

impl Router {
    /// Decides about a new thread. Asked again for the same, it says the same again; asked for something else, it
    /// decides anew, and the owner must not carry out what it was told before.
    pub fn request(&mut self, request: &ChatRequest, now: Timestamp) -> Routed {
        self.enter(now);
        let mut known = self.tables.chat_key(&request.chat).filter(|key| self.tables.chat(*key).active);
        if let Some(key) = known
            && !self.is_repeated(key, request)
        {
            self.close(key);
            self.drain();
            known = None;
        }
        let (id, decision) = match known {
            Some(key) => self.repeat(key),
            None => self.decide_start(request),
        };
        Routed { id, decision, effects: self.finish() }
    }

    /// The asker gives up a start before anything of it is in the log. A chat that was reported is not touched:
    /// its log decides.
    pub fn cancel(&mut self, chat: &ChatId, now: Timestamp) -> Vec<Effect> {
        self.enter(now);
        if let Some(key) = self.tables.chat_key(chat)
            && self.tables.chat(key).active
            && !self.tables.chat(key).was_reported
        {
            self.close(key);
        }
        self.finish()
    }

    /// Whether the request was made before. Otherwise, since it rests on a log without an active thread, what is
    /// known of the chat is over: its start failed, or the report of its closing was overtaken. An answer that the
    /// owner has settled meanwhile (it was told of a later one while there was no thread) cannot be given again: a
    /// report that says so may be on its way, and would free a slot that is taken. Nor is it an answer that the chat
    /// was to be closed, as nobody was left when the start that was told its place had not been stored.
    fn is_repeated(&mut self, key: ChatKey, request: &ChatRequest) -> bool {
        let groups = self.tables.chat_groups(&request.groups);
        let chat = self.tables.chat(key);
        let has_no_answer =
            |pending: Pending| pending.decision <= request.settled || pending.goal == Goal::Archive;
        request.version < chat.min_version
            && !chat.pending.is_some_and(has_no_answer)
            && (chat.was_reported || (chat.groups == groups && chat.ignore_bots == request.ignore_bots))
    }

    fn repeat(&mut self, key: ChatKey) -> (DecisionId, Decision) {
        let chat = self.tables.chat(key);
        let id = chat.pending.map_or(chat.settled, |pending| pending.decision);
        if let Some(Goal::Serve(agent)) = chat.pending.map(|pending| pending.goal) {
            return (id, Decision::Assign(self.tables.agent(agent).id.clone()));
        }
        match self.note_place(key) {
            Some(place) => (id, Decision::Queue(place)),
            None => (id, Decision::Unrouted),
        }
    }

    fn decide_start(&mut self, request: &ChatRequest) -> (DecisionId, Decision) {
        let id = self.next_decision();
        let key = self.open_chat(&request.chat);
        let groups = self.tables.chat_groups(&request.groups);
        let chat = self.tables.chat_mut(key);
        chat.min_version = chat.min_version.max(request.version.saturating_add(1));
        chat.settled = chat.settled.max(request.settled);
        chat.groups = groups;
        chat.ignore_bots = request.ignore_bots;
        chat.continuous = request.continuous;
        chat.has_customer = request.has_customer;
        if let Some(agent) = &request.by_agent {
            return self.start_by_hand(id, key, agent);
        }
        if request.ignore_agents_routing || !request.has_customer {
            let rule = if request.has_customer { Rule::LeftAlone } else { Rule::NoCustomer };
            self.record(id, key, Question::Start, Vec::new(), rule, Outcome::Unrouted);
            self.close(key);
            return (id, Decision::Unrouted);
        }
        let recent = request.recent_agent.as_ref().map(|agent| self.tables.agent_key(agent));
        if !self.is_rebuilding
            && let Some(picked) = self.recent_or_best(&self.wish(key), recent)
        {
            let considered = self.consider(&self.wish(key), picked, recent.as_slice());
            return self.assign_start(id, key, picked, considered, Question::Start);
        }
        let considered = self.consider_nobody(&self.wish(key), recent.as_slice());
        match self.admission(key, true) {
            Ok(admission) => {
                let rule = self.rule_of_waiting(key);
                self.enter_queue(key, self.now, admission);
                let Some(place) = self.note_place(key) else { return (id, Decision::Unrouted) };
                self.intend(id, key, Goal::Wait);
                let outcome = Outcome::Queued(place.position);
                self.record(id, key, Question::Start, considered, rule, outcome);
                (id, Decision::Queue(place))
            }
            Err(refusal) => {
                self.record(id, key, Question::Start, considered, refusal.rule(), Outcome::Refused);
                self.refuse_start(id, key, refusal)
            }
        }
    }

    fn start_by_hand(&mut self, id: DecisionId, key: ChatKey, agent: &AgentId) -> (DecisionId, Decision) {
        let question = Question::ByHand(agent.clone());
        let refusal = if !self.tables.chat(key).has_customer {
            None
        } else if self.is_rebuilding && self.settings.concurrent_chats.is_some() {
            Some(Refusal::Rebuilding)
        } else {
            self.license_is_full().then_some(Refusal::LicenseLimit)
        };
        if let Some(refusal) = refusal {
            self.record(id, key, question, Vec::new(), refusal.rule(), Outcome::Refused);
            return self.refuse_start(id, key, refusal);
        }
        let picked = Picked { agent: self.tables.agent_key(agent), rule: Rule::ByHand };
        let considered = vec![self.considered(picked.agent, Verdict::Chosen)];
        self.assign_start(id, key, picked, considered, question)
    }

    fn assign_start(
        &mut self,
        id: DecisionId,
        key: ChatKey,
        picked: Picked,
        considered: Vec<super::record::Considered>,
        question: Question,
    ) -> (DecisionId, Decision) {
        let agent: AgentKey = picked.agent;
        let name = self.tables.agent(agent).id.clone();
        self.reserve(id, key, agent);
        self.record(id, key, question, considered, picked.rule, Outcome::Assigned(name.clone()));
        (id, Decision::Assign(name))
    }

    fn refuse_start(&mut self, id: DecisionId, key: ChatKey, refusal: Refusal) -> (DecisionId, Decision) {
        *self.refused.entry(refusal).or_default() += 1;
        for at in 0..self.tables.chat(key).groups.len() {
            let group = self.tables.chat(key).groups[at];
            self.tables.group_mut(group).refused += 1;
        }
        self.close(key);
        (id, Decision::Refuse(refusal))
    }
}
