//! Makes the [`DecisionRecord`]s: who is named in them, with which verdict.

use super::effect::{DecisionId, Effect};
use super::pick::{Picked, Wish};
use super::record::{CONSIDERED_CAP, Considered, DecisionRecord, Outcome, Question, Rule, Verdict};
use super::router::Router;
use super::table::{AgentKey, ChatKey};

impl Router {
    /// Named when somebody gets the chat: those who were asked for (`named`), the chosen one, the next best.
    pub(super) fn consider(&self, wish: &Wish<'_>, chosen: Picked, named: &[AgentKey]) -> Vec<Considered> {
        let mut agents = Vec::with_capacity(CONSIDERED_CAP);
        for key in named.iter().take(CONSIDERED_CAP - 1).filter(|key| **key != chosen.agent) {
            agents.push((*key, self.compared(*key, chosen, wish)));
        }
        agents.push((chosen.agent, Verdict::Chosen));
        self.add_outranked(wish, chosen, CONSIDERED_CAP, &mut agents);
        agents.into_iter().map(|(key, verdict)| self.considered(key, verdict)).collect()
    }

    /// How a record names an agent.
    pub(super) fn considered(&self, key: AgentKey, verdict: Verdict) -> Considered {
        let agent = self.tables.agent(key);
        Considered { agent: agent.id.clone(), chats: agent.load, verdict }
    }

    /// Named when nobody gets it: those who accept chats first, then any members.
    pub(super) fn consider_nobody(&self, wish: &Wish<'_>, named: &[AgentKey]) -> Vec<Considered> {
        let groups = || wish.groups.iter().map(|group| self.tables.group(*group));
        let accepting = groups().flat_map(|group| group.accepting.iter().take(CONSIDERED_CAP));
        let members = groups().flat_map(|group| group.members.iter().take(CONSIDERED_CAP));
        let mut agents: Vec<AgentKey> = Vec::with_capacity(CONSIDERED_CAP);
        for agent in named.iter().chain(accepting).chain(members) {
            if agents.len() == CONSIDERED_CAP {
                break;
            }
            if !agents.contains(agent) {
                agents.push(*agent);
            }
        }
        agents.into_iter().map(|key| self.considered(key, self.verdict(key, wish))).collect()
    }

    /// The same by the chat's own wish.
    pub(super) fn consider_waiting(&self, key: ChatKey) -> Vec<Considered> {
        self.consider_nobody(&self.wish(key), &[])
    }

    /// Why a chat that nobody gets has to wait.
    pub(super) fn rule_of_waiting(&self, key: ChatKey) -> Rule {
        let groups = || self.tables.chat(key).groups.iter().map(|group| self.tables.group(*group));
        if self.is_rebuilding {
            Rule::Rebuilding
        } else if groups().all(|group| group.rules.manual) {
            Rule::ManualMode
        } else if groups().all(|group| group.accepting.is_empty()) {
            Rule::NobodyAccepting
        } else if self.license_is_full() {
            Rule::LicenseLimit
        } else {
            Rule::NobodyFree
        }
    }

    /// Hands out the record of a decision.
    pub(super) fn record(
        &mut self,
        id: DecisionId,
        key: ChatKey,
        question: Question,
        considered: Vec<Considered>,
        rule: Rule,
        outcome: Outcome,
    ) {
        let chat = self.tables.chat(key);
        let groups = chat.groups.iter().map(|group| self.tables.group(*group).id).collect();
        let chat = chat.id.clone();
        let record = DecisionRecord { id, at: self.now, chat, groups, question, considered, rule, outcome };
        self.effects.push(Effect::Decided(record));
    }
}
