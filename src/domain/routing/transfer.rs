//! Chats that people move: transfers, taking a waiting chat, and who would get one.

use serde::{Deserialize, Serialize};

use super::chat::Goal;
use super::effect::Cause;
use super::pick::{Picked, Wish};
use super::record::{CONSIDERED_CAP, Considered, Outcome, Question, Rule};
use super::request::{Decision, Refusal, Routed};
use super::router::Router;
use super::table::{AgentKey, ChatKey, GroupKey};
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::time::Timestamp;

/// Where a transfer goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferTarget {
    /// To these groups, which become the chat's.
    Groups(Vec<GroupId>),
    /// To one of these agents: logged in is enough, limits do not matter.
    Agents(Vec<AgentId>),
    /// To somebody else of the chat's groups.
    Anyone,
}

/// Who would get a chat now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The agent; if it would wait, one of those it would wait for.
    pub agent: AgentId,
    /// Whether it would wait.
    pub queue: bool,
}

/// Why there is no prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionError {
    /// Nobody of the groups accepts chats.
    GroupOffline,
    /// Somebody does and nobody can take it, or agents pick chats themselves.
    GroupUnavailable,
}

impl Router {
    /// Finds the target of a transfer that an agent or bot asked for; its members leave the chat. The chat's
    /// owner, who asked, appends the result, so no [`super::Effect`] is made of it.
    /// Without `ignore_availability` it fails unless somebody can take the chat at once.
    pub fn transfer_pick(
        &mut self,
        chat: &ChatId,
        target: &TransferTarget,
        ignore_availability: bool,
        now: Timestamp,
    ) -> Routed {
        self.enter(now);
        let id = self.next_decision();
        let known = self.tables.chat_key(chat);
        let key = known.filter(|key| self.tables.chat(*key).active && !self.is_being_archived(*key));
        let decision = match key {
            None => Decision::Refuse(Refusal::NotWaiting),
            Some(key) => self.transfer(id, key, target, ignore_availability),
        };
        Routed { id, decision, effects: self.finish() }
    }

    fn transfer(
        &mut self,
        id: super::effect::DecisionId,
        key: ChatKey,
        target: &TransferTarget,
        ignore_availability: bool,
    ) -> Decision {
        let chat = self.tables.chat(key);
        let (members, old_groups, ignore_bots) =
            (chat.members.clone(), chat.groups.clone(), chat.ignore_bots);
        let is_room = chat.is_served() || !self.license_is_full();
        let groups = match target {
            TransferTarget::Groups(ids) => self.tables.chat_groups(ids),
            TransferTarget::Agents(_) | TransferTarget::Anyone => old_groups,
        };
        let wish = Wish { groups: &groups, ignore_bots, excluded: &members };
        let (picked, considered) = match target {
            TransferTarget::Agents(ids) => {
                let named = self.tables.agent_set(ids);
                let picked = self.named_agent(&named, &wish).filter(|_| is_room);
                let considered = match picked {
                    Some(picked) => self.consider_named(&named, picked, &wish),
                    None => self.consider_nobody(&wish, &named),
                };
                (picked, considered)
            }
            _ => {
                let picked = self.best(&wish).filter(|_| is_room && !self.is_rebuilding);
                let considered = match picked {
                    Some(picked) => self.consider(&wish, picked, &[]),
                    None => self.consider_nobody(&wish, &[]),
                };
                (picked, considered)
            }
        };
        if let Some(picked) = picked {
            self.regroup(key, groups);
            let agent = self.tables.agent(picked.agent).id.clone();
            self.reserve(id, key, picked.agent);
            let outcome = Outcome::Assigned(agent.clone());
            self.record(id, key, Question::Transfer, considered, picked.rule, outcome);
            return Decision::Assign(agent);
        }
        let refusal = self.refusal_of_transfer(target, &wish, is_room);
        self.transfer_to_queue(id, key, groups, members, considered, refusal, ignore_availability)
    }

    fn consider_named(&self, named: &[AgentKey], picked: Picked, wish: &Wish<'_>) -> Vec<Considered> {
        // The chosen one first, so that the cap cannot cut them off.
        let others = named.iter().copied().filter(|key| *key != picked.agent);
        let agents = std::iter::once(picked.agent).chain(others).take(CONSIDERED_CAP);
        agents.map(|key| self.considered(key, self.compared(key, picked, wish))).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "the second half of one decision")]
    fn transfer_to_queue(
        &mut self,
        id: super::effect::DecisionId,
        key: ChatKey,
        groups: Vec<GroupKey>,
        members: Vec<AgentKey>,
        considered: Vec<Considered>,
        refusal: Option<Refusal>,
        ignore_availability: bool,
    ) -> Decision {
        let chat = self.tables.chat(key);
        let (old_groups, place) = (chat.groups.clone(), chat.queued);
        self.regroup(key, groups);
        let admission = match refusal {
            Some(refusal) if !ignore_availability => Err(refusal),
            _ => self.admission(key, false),
        };
        match admission {
            Ok(admission) => {
                self.tables.chat_mut(key).excluded = members;
                let rule = self.rule_of_waiting(key);
                self.enter_queue(key, self.now, admission);
                let Some(place) = self.note_place(key) else { return Decision::Unrouted };
                self.intend(id, key, Goal::Wait);
                let outcome = Outcome::Queued(place.position);
                self.record(id, key, Question::Transfer, considered, rule, outcome);
                Decision::Queue(place)
            }
            Err(refusal) => {
                self.record(id, key, Question::Transfer, considered, refusal.rule(), Outcome::Refused);
                self.regroup(key, old_groups);
                if let Some(place) = place {
                    self.return_to_queue(key, place);
                }
                Decision::Refuse(refusal)
            }
        }
    }

    /// Other groups for a chat, which thereby leaves the queue of the old ones.
    fn regroup(&mut self, key: ChatKey, groups: Vec<GroupKey>) {
        self.leave_queue(key);
        self.tables.chat_mut(key).groups = groups;
    }

    /// Of the agents named, one who is logged in and may see the chat: accepting first, then fewest chats.
    fn named_agent(&self, named: &[AgentKey], wish: &Wish<'_>) -> Option<Picked> {
        let may = |key: &&AgentKey| {
            let agent = self.tables.agent(**key);
            let has_access = wish.groups.iter().any(|group| agent.priority_in(*group).is_some());
            agent.is_present() && has_access && !wish.excluded.contains(key)
        };
        let order = |key: &&AgentKey| {
            let agent = self.tables.agent(**key);
            (agent.not_accepting_because().is_some(), agent.load, agent.turn)
        };
        let agent = named.iter().filter(may).min_by_key(order)?;
        Some(Picked { agent: *agent, rule: Rule::NamedAgent })
    }

    /// Why nobody can take it at once. In a manual group "at once" means that somebody could pick it now.
    fn refusal_of_transfer(
        &self,
        target: &TransferTarget,
        wish: &Wish<'_>,
        is_room: bool,
    ) -> Option<Refusal> {
        let groups = || wish.groups.iter().map(|group| self.tables.group(*group));
        if !is_room {
            Some(Refusal::LicenseLimit)
        } else if matches!(target, TransferTarget::Agents(_)) {
            Some(Refusal::AgentOffline)
        } else if groups().any(|group| group.rules.manual && group.has_free(wish.ignore_bots)) {
            None
        } else if groups().all(|group| group.accepting.is_empty()) {
            Some(Refusal::NobodyAccepting)
        } else if self.is_rebuilding {
            Some(Refusal::Rebuilding)
        } else {
            Some(Refusal::NobodyFree)
        }
    }

    /// An agent takes a waiting chat: the first one has it, whatever their own limit; the license's holds. The
    /// chat's owner learns of it by the [`super::Effect::Assign`].
    pub fn take(&mut self, agent: &AgentId, chat: &ChatId, now: Timestamp) -> Routed {
        self.enter(now);
        let taker = self.tables.agent_key(agent);
        let question = Question::ByHand(agent.clone());
        let known = self.tables.chat_key(chat).filter(|key| self.tables.chat(*key).active);
        let refusal = known.map_or(Some(Refusal::NotWaiting), |key| self.refusal_of_taking(taker, key));
        let (id, decision) = match (known, refusal) {
            (Some(key), None) => {
                let picked = Picked { agent: taker, rule: Rule::ByHand };
                let id = self.serve(key, picked, question, Cause::ByHand, Vec::new(), &[]);
                (id, Decision::Assign(agent.clone()))
            }
            (known, refusal) => {
                let (id, refusal) = (self.next_decision(), refusal.unwrap_or(Refusal::NotWaiting));
                if let Some(key) = known {
                    self.record(id, key, question, Vec::new(), refusal.rule(), Outcome::Refused);
                }
                (id, Decision::Refuse(refusal))
            }
        };
        Routed { id, decision, effects: self.finish() }
    }

    fn refusal_of_taking(&self, taker: AgentKey, key: ChatKey) -> Option<Refusal> {
        let (agent, chat) = (self.tables.agent(taker), self.tables.chat(key));
        if !agent.is_configured
            || agent.suspended
            || agent.awaiting_approval
            || !chat.groups.iter().any(|group| agent.priority_in(*group).is_some())
        {
            return Some(Refusal::NoAccess);
        }
        if chat.queued.is_none() {
            let is_taken = chat.is_served() && !self.is_being_archived(key);
            return Some(if is_taken { Refusal::AlreadyTaken } else { Refusal::NotWaiting });
        }
        if self.is_rebuilding && self.settings.concurrent_chats.is_some() {
            return Some(Refusal::Rebuilding);
        }
        self.license_is_full().then_some(Refusal::LicenseLimit)
    }

    /// Who would get a chat of these groups now, asked ahead; changes nothing.
    pub fn predicted_agent(
        &self,
        groups: &[GroupId],
        recent: Option<&AgentId>,
        ignore_bots: bool,
    ) -> Result<Prediction, PredictionError> {
        let ids = if groups.is_empty() { &[GroupId::ALL] } else { groups };
        let keys: Vec<GroupKey> =
            ids.iter().filter_map(|id| self.tables.group_keys.get(id).copied()).collect();
        let rows = || keys.iter().map(|key| self.tables.group(*key));
        let suits = |key: &AgentKey| {
            !ignore_bots || self.tables.agent(*key).kind == super::settings::AgentKind::Human
        };
        let accepting = rows().find_map(|group| group.accepting.iter().copied().find(suits));
        let accepting = accepting.ok_or(PredictionError::GroupOffline)?;
        if rows().all(|group| group.rules.manual) {
            return Err(PredictionError::GroupUnavailable);
        }
        let wish = Wish { groups: &keys, ignore_bots, excluded: &[] };
        let recent = recent.and_then(|agent| self.tables.agent_keys.get(agent).copied());
        if let Some(picked) = self.recent_or_best(&wish, recent).filter(|_| !self.is_rebuilding) {
            return Ok(Prediction { agent: self.tables.agent(picked.agent).id.clone(), queue: false });
        }
        if rows().any(|group| group.rules.queue_enabled && !self.is_line_full(group.rules.reopen_threshold)) {
            return Ok(Prediction { agent: self.tables.agent(accepting).id.clone(), queue: true });
        }
        Err(PredictionError::GroupUnavailable)
    }

    /// Agents to whom a chat can be transferred by name (`list_agents_for_transfer`), with their chats: logged
    /// in, not in the chat, sharing a group with it; fewest chats first.
    pub fn agents_for_transfer(&self, chat: &ChatId) -> Vec<(AgentId, u32)> {
        let Some(key) = self.tables.chat_key(chat) else { return Vec::new() };
        let chat = self.tables.chat(key);
        let groups = chat.groups.iter().flat_map(|group| self.tables.group(*group).members.iter());
        let mut keys: Vec<AgentKey> = groups.copied().filter(|key| !chat.members.contains(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        let agents = keys.into_iter().map(|key| self.tables.agent(key));
        let mut agents: Vec<(AgentId, u32)> = agents
            .filter(|agent| agent.is_present() && agent.grace_until.is_none())
            .map(|agent| (agent.id.clone(), agent.load))
            .collect();
        agents.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        agents
    }
}
