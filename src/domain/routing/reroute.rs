//! A chat loses its agent: another agent, else the queue, else the archive.

use super::chat::Goal;
use super::effect::{Cause, DecisionId, Effect};
use super::pick::Picked;
use super::presence::LeaveReason;
use super::record::{Outcome, Question, Rule};
use super::request::Refusal;
use super::router::Router;
use super::table::{AgentKey, ChatKey};
use crate::domain::id::{AgentId, ChatId};
use crate::domain::time::Timestamp;

impl Router {
    /// The agent has not answered in time; the chat's owner keeps that clock. Automatic: on to an agent who had
    /// not this thread (`had_thread`), or it stays. Manual: back into the queue. Bots are exempt.
    pub fn unreplied(&mut self, chat: &ChatId, had_thread: &[AgentId], now: Timestamp) -> Vec<Effect> {
        self.enter(now);
        if let Some(key) = self.tables.chat_key(chat) {
            self.move_on(key, had_thread);
        }
        self.finish()
    }

    fn move_on(&mut self, key: ChatKey, had_thread: &[AgentId]) {
        let mut excluded = self.tables.agent_set(had_thread);
        let chat = self.tables.chat(key);
        let is_human = |agent: &AgentKey| self.tables.agent(*agent).kind == super::settings::AgentKind::Human;
        let is_due = chat.is_routed() && chat.pending.is_none() && chat.members.iter().any(is_human);
        if !is_due || self.is_rebuilding {
            return;
        }
        let replaces = chat.members.clone();
        excluded
            .extend(replaces.iter().filter(|agent| !excluded.contains(agent)).copied().collect::<Vec<_>>());
        let is_manual = chat.groups.iter().all(|group| self.tables.group(*group).rules.manual);
        self.tables.chat_mut(key).excluded = excluded;
        if is_manual {
            match self.admission(key, false) {
                Ok(admission) => {
                    self.queue(key, admission, Question::Unreplied, Cause::Inactive, replaces);
                }
                Err(refusal) => self.let_stay(key, refusal.rule()),
            }
        } else if let Some(picked) = self.best(&self.wish(key)) {
            let named = replaces.clone();
            self.serve(key, picked, Question::Unreplied, Cause::Inactive, replaces, &named);
        } else {
            self.let_stay(key, Rule::NobodyElse);
        }
    }

    fn let_stay(&mut self, key: ChatKey, rule: Rule) {
        let considered = self.consider_waiting(key);
        self.tables.chat_mut(key).excluded.clear();
        let id = self.next_decision();
        self.record(id, key, Question::Unreplied, considered, rule, Outcome::Stays);
    }

    /// An agent is gone: whatever only they served goes elsewhere, in the order in which the chats came.
    pub(super) fn reroute(&mut self, agent: AgentKey, reason: LeaveReason) {
        let mut chats = self.tables.agent(agent).chats.clone();
        chats.sort_unstable_by_key(|chat| self.tables.chat(*chat).number);
        for key in chats {
            self.reroute_chat(key, agent, reason);
        }
    }

    pub(super) fn reroute_chat(&mut self, key: ChatKey, agent: AgentKey, reason: LeaveReason) {
        let chat = self.tables.chat(key);
        let serves = |holder: AgentKey| holder != agent && self.tables.agent(holder).is_present();
        // Whoever is about to get it has it as good as served; whose claim was superseded has not.
        let is_served = match chat.pending.map(|pending| pending.goal) {
            Some(Goal::Serve(next)) => next != agent && serves(next),
            Some(Goal::Wait | Goal::Archive) => true,
            None => chat.members.iter().any(|member| serves(*member)),
        };
        if is_served || !chat.is_routed() {
            return;
        }
        let mut replaces = vec![agent];
        replaces.extend(chat.members.iter().filter(|member| **member != agent && !serves(**member)));
        let question = Question::AgentLeft(self.tables.agent(agent).id.clone(), reason);
        self.route(key, question, Cause::AgentLeft(reason), replaces);
    }

    /// Another agent, else the queue, else the archive.
    pub(super) fn route(&mut self, key: ChatKey, question: Question, cause: Cause, replaces: Vec<AgentKey>) {
        let chat = self.tables.chat(key);
        let is_room = chat.is_served() || !self.license_is_full();
        let picked = if is_room && !self.is_rebuilding { self.best(&self.wish(key)) } else { None };
        if let Some(picked) = picked {
            let named = replaces.clone();
            self.serve(key, picked, question, cause, replaces, &named);
            return;
        }
        match self.admission(key, false) {
            Ok(admission) => self.queue(key, admission, question, cause, replaces),
            Err(refusal) => self.archive(key, question, cause, refusal, replaces),
        }
    }

    /// Gives the chat to the agent and says so. `named`: agents that the record should tell of.
    pub(super) fn serve(
        &mut self,
        key: ChatKey,
        picked: Picked,
        question: Question,
        cause: Cause,
        replaces: Vec<AgentKey>,
        named: &[AgentKey],
    ) -> DecisionId {
        let considered = self.consider(&self.wish(key), picked, named);
        let chat = self.tables.chat(key);
        let waited = chat.waited(self.now);
        if let Some(waited) = waited {
            let (now, groups) = (self.now, chat.groups.clone());
            for group in groups {
                self.tables.group_mut(group).waits.answered(waited, now);
            }
        }
        let decision = self.next_decision();
        self.reserve(decision, key, picked.agent);
        let (chat, agent) = (self.tables.chat(key).id.clone(), self.tables.agent(picked.agent).id.clone());
        let replaces = self.agent_ids(&replaces);
        self.effects.push(Effect::Assign { chat, agent: agent.clone(), replaces, decision, cause, waited });
        self.record(decision, key, question, considered, picked.rule, Outcome::Assigned(agent));
        decision
    }

    /// Closes the chat's thread.
    pub(super) fn archive(
        &mut self,
        key: ChatKey,
        question: Question,
        cause: Cause,
        refusal: Refusal,
        replaces: Vec<AgentKey>,
    ) {
        let considered = self.consider_waiting(key);
        self.leave_queue(key);
        let decision = self.next_decision();
        self.intend(decision, key, Goal::Archive);
        let chat = self.tables.chat(key).id.clone();
        let replaces = self.agent_ids(&replaces);
        self.effects.push(Effect::Archive { chat, replaces, decision, cause });
        self.record(decision, key, question, considered, refusal.rule(), Outcome::Archived);
    }
}
