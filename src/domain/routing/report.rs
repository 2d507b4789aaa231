//! What a chat's log says: the truth, against which reservations are settled.

use super::chat::{Goal, Pending};
use super::effect::{Cause, DecisionId, Effect};
use super::presence::LeaveReason;
use super::record::Question;
use super::router::Router;
use super::table::{AgentKey, ChatKey};
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::time::Timestamp;

/// The state of a chat as its log has it. Reports may be repeated and may arrive late; they replace each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatState {
    /// The chat.
    pub chat: ChatId,
    /// Grows with every change of the log; a report of a lower version than one seen before is dropped.
    pub version: u64,
    /// The last decision that the owner carried out or refused; slots reserved by later ones stay reserved.
    pub settled: DecisionId,
    /// Whether a thread is active. A closed one ends everything that was decided about the chat.
    pub active: bool,
    /// Access groups; empty = group 0.
    pub groups: Vec<GroupId>,
    /// Agents in the chat with visibility `all`. Those who only watch serve nobody.
    pub members: Vec<AgentId>,
    /// Since when it waits, if the log says that it does. No member and no wait = the router has to decide.
    pub queued_since: Option<Timestamp>,
    /// Silent for so long that it takes no slot.
    pub idle: bool,
    /// Whether there is a customer to be served.
    pub has_customer: bool,
    /// Needs no online group.
    pub continuous: bool,
    /// `routing.ignore_agents_routing`.
    pub ignore_agents_routing: bool,
    /// `routing.ignore_bots`.
    pub ignore_bots: bool,
}

impl ChatState {
    /// An active chat of a customer, open to all agents, served by nobody and not waiting.
    pub fn new(chat: ChatId, version: u64) -> Self {
        Self {
            chat,
            version,
            settled: DecisionId::default(),
            active: true,
            groups: vec![GroupId::ALL],
            members: Vec::new(),
            queued_since: None,
            idle: false,
            has_customer: true,
            continuous: false,
            ignore_agents_routing: false,
            ignore_bots: false,
        }
    }
}

impl Router {
    /// Takes in what a chat's log says.
    pub fn chat_state(&mut self, state: &ChatState, now: Timestamp) -> Vec<Effect> {
        self.enter(now);
        if let Some(key) = self.row_for(state) {
            self.take_in(key, state);
        }
        self.finish()
    }

    /// The row that a report is about; none if the report is old, or about a chat of no interest.
    fn row_for(&mut self, state: &ChatState) -> Option<ChatKey> {
        let Some(key) = self.tables.chat_key(&state.chat) else {
            return state.active.then(|| self.open_chat(&state.chat));
        };
        let chat = self.tables.chat_mut(key);
        // A reopened chat whose start failed answers with the version of its closed thread; having seen the
        // decision, it cannot be an old report.
        let settles = chat.pending.is_some_and(|pending| pending.decision <= state.settled);
        if state.version < chat.min_version && !settles {
            return None;
        }
        if !state.active {
            chat.min_version = chat.min_version.max(state.version.saturating_add(1));
            chat.settled = chat.settled.max(state.settled);
            if chat.active {
                self.close(key);
            }
            return None;
        }
        if !chat.active {
            return Some(self.open_chat(&state.chat));
        }
        Some(key)
    }

    fn take_in(&mut self, key: ChatKey, state: &ChatState) {
        let groups = self.tables.chat_groups(&state.groups);
        let members = self.tables.agent_set(&state.members);
        let chat = self.tables.chat(key);
        let pending = chat.pending;
        // The lanes depend on these: out with the old ones, in with the new.
        let moves = chat.groups != groups || chat.ignore_bots != state.ignore_bots;
        let place = chat.queued.filter(|_| moves);
        if place.is_some() {
            self.leave_queue(key);
        }
        let before = self.with_chat(key, |chat| {
            chat.was_reported = true;
            chat.min_version = chat.min_version.max(state.version);
            chat.settled = chat.settled.max(state.settled);
            let settled = chat.settled;
            chat.claims.retain(|(_, decision)| *decision > settled);
            chat.pending = chat.pending.filter(|pending| pending.decision > settled);
            chat.groups = groups;
            chat.idle = state.idle;
            chat.has_customer = state.has_customer;
            chat.continuous = state.continuous;
            chat.is_left_alone = state.ignore_agents_routing;
            chat.ignore_bots = state.ignore_bots;
            std::mem::replace(&mut chat.members, members)
        });
        if let Some(place) = place {
            self.return_to_queue(key, place);
        }
        let was_refused = pending.is_some_and(|pending| self.was_refused(key, pending));
        self.place_by_log(key, state.queued_since, before, was_refused);
    }

    /// Whether a decision is settled and the log does not show it.
    fn was_refused(&self, key: ChatKey, pending: Pending) -> bool {
        let chat = self.tables.chat(key);
        let is_shown = match pending.goal {
            Goal::Serve(agent) => chat.members.contains(&agent),
            Goal::Wait => chat.members.is_empty(),
            Goal::Archive => !chat.active,
        };
        pending.decision <= chat.settled && !is_shown
    }

    /// What was to replace agents who left did not come about: they are still gone. Of whom nobody has said anything since this
    /// router began may be there; they keep the chat as after a rebuild.
    fn replace_deserters(&mut self, key: ChatKey) {
        let members = self.tables.chat(key).members.clone();
        let unseen: Vec<AgentKey> =
            members.iter().copied().filter(|member| !self.tables.agent(*member).was_seen).collect();
        for agent in &unseen {
            self.begin_grace(*agent, self.settings.startup_grace);
        }
        if unseen.is_empty()
            && let Some(first) = members.first()
        {
            self.reroute_chat(key, *first, self.tables.agent(*first).left);
        }
    }

    /// Once nothing is under way, the chat stands where its log says; if the log says nowhere, it is routed.
    fn place_by_log(
        &mut self,
        key: ChatKey,
        queued_since: Option<Timestamp>,
        before: Vec<AgentKey>,
        was_refused: bool,
    ) {
        let chat = self.tables.chat(key);
        if !chat.is_routed() {
            return self.leave_queue(key);
        }
        if chat.pending.is_some() {
            return;
        }
        if !chat.members.is_empty() {
            let is_deserted = !chat.members.iter().any(|member| self.tables.agent(*member).is_present());
            self.leave_queue(key);
            self.tables.chat_mut(key).excluded.clear();
            if was_refused && is_deserted && !self.is_rebuilding {
                self.replace_deserters(key);
            }
            return;
        }
        if let Some(since) = queued_since {
            if chat.queued.is_none_or(|place| place.key.queued_at != since) {
                let admission = self.admission_of_reported(key);
                self.enter_queue(key, since, admission);
            }
            if was_refused {
                for group in self.tables.chat(key).groups.clone() {
                    self.archive_hopeless(group);
                }
            }
            return;
        }
        self.leave_queue(key);
        match before.first() {
            Some(agent) => {
                let name = self.tables.agent(*agent).id.clone();
                let question = Question::AgentLeft(name, LeaveReason::Other);
                // They left by their own will: it must not come back to them by itself.
                self.tables.chat_mut(key).excluded = before;
                self.route(key, question, Cause::AgentLeft(LeaveReason::Other), Vec::new());
            }
            None => self.route(key, Question::Start, Cause::Started, Vec::new()),
        }
    }

    /// Whether a decision to close the chat is under way.
    pub(super) fn is_being_archived(&self, key: ChatKey) -> bool {
        self.tables.chat(key).pending.is_some_and(|pending| pending.goal == Goal::Archive)
    }
}
