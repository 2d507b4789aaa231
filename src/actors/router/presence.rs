//! Who is there: agents' sessions, their status over all of them, and what they chose.
//!
//! As long as not all who are there were heard of, nobody knows of a session that begins whether it is the agent's only one. Then they
//! have what they chose before, and it is settled with the rest whether their day begins anew.

use std::collections::{BTreeMap, HashMap, HashSet};

use switchboard_cluster::Incarnation;

use super::super::SessionId;
use super::super::roll::RollCall;
use super::choices::{Choice, Choices};
use super::message::{Leave, Status};
use crate::domain::id::AgentId;

/// The agents of a license as their sessions show them.
#[derive(Debug, Default)]
pub(super) struct Presence {
    agents: HashMap<AgentId, Seen>,
    /// Sessions that were heard of so far.
    heard: u64,
    /// The moment of the newest roll of each node; the last one of all of a node that is no more.
    rolls: HashMap<Incarnation, u64>,
    choices: Choices,
    /// Nodes may have heard of later choices than these.
    is_outdated: bool,
    /// All who are there were heard of.
    is_complete: bool,
}

/// A session as it is known here.
#[derive(Clone, Copy, Debug)]
struct Session {
    /// The moment at which its node told of it.
    moment: u64,
    /// Which it was of those that were heard of.
    order: u64,
    /// It was told to end.
    is_evicted: bool,
}

#[derive(Debug, Default)]
struct Seen {
    sessions: HashMap<SessionId, Session>,
    /// Those of them whose user is away.
    away: HashSet<SessionId>,
    status: Status,
    /// The status while somebody is not away.
    chosen: Status,
    /// They chose it; it is not just what their day began with.
    is_chosen: bool,
    /// The status before the last session ended, for those who reconnect.
    last: Option<Status>,
    /// Their only session began before all others were heard of: whether it came to reconnect.
    begins: Option<bool>,
    is_bot: bool,
}

/// What changed for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Now(Status),
    Gone(Leave),
}

impl Seen {
    fn is_away(&self) -> bool {
        !self.sessions.is_empty() && self.away.len() == self.sessions.len()
    }

    /// Only who is away on all connections takes no chats for that.
    fn settle(&mut self) -> Change {
        let status = if self.is_away() { Status::NotAccepting } else { self.chosen };
        if std::mem::replace(&mut self.status, status) == status { Change::None } else { Change::Now(status) }
    }

    /// Begins a day.
    fn begin(&mut self, login: Status) {
        (self.chosen, self.is_chosen) = (login, false);
    }

    /// Begins with the status that they had last, if that is known.
    fn begin_again(&mut self, before: Option<Choice>, login: Status) {
        self.chosen = self.last.or(before.map(Choice::shown)).unwrap_or(login);
        self.is_chosen = before.is_some() || self.chosen != login;
    }

    /// What they chose is kept for when they come back.
    fn go(&mut self, agent: &AgentId, choices: &mut Choices) {
        self.begins = None;
        self.last = Some(self.status);
        self.chosen = Status::Offline;
        self.status = Status::Offline;
        if let Some(choice) = choices.get(agent).filter(|_| self.is_bot) {
            choices.put(agent, Choice { gone: true, ..choice });
        }
    }

    fn note(&self, agent: &AgentId, choices: &mut Choices) {
        let away = self.is_away();
        if self.is_chosen || away {
            choices.put(agent, Choice { status: self.chosen, away, gone: false });
        } else {
            choices.remove(agent);
        }
    }
}

impl Presence {
    /// Under the router before this was chosen, as far as anybody stored it.
    pub(super) fn recall(&mut self, choices: BTreeMap<AgentId, Choice>) {
        self.choices.recall(choices);
    }

    /// What there is to store.
    pub(super) fn choices(&self) -> &Choices {
        &self.choices
    }

    /// There was a router since that did not store what was chosen.
    pub(super) fn doubt_choices(&mut self) {
        self.is_outdated = true;
    }

    /// All who are there were heard of. `login` is what an agent begins a day with; none for who is no agent.
    pub(super) fn complete(
        &mut self,
        login: impl Fn(&AgentId) -> Option<Status>,
        is_bot: impl Fn(&AgentId) -> bool,
    ) -> Vec<(AgentId, Change)> {
        self.is_complete = true;
        let strangers: Vec<AgentId> = self
            .choices
            .iter()
            .filter(|(agent, _)| login(agent).is_none())
            .map(|(agent, _)| agent.clone())
            .collect();
        strangers.iter().for_each(|agent| self.choices.remove(agent));
        for (agent, choice) in self.choices.iter().filter(|(agent, _)| is_bot(agent)) {
            let seen = self.agents.entry(agent.clone()).or_default();
            if !seen.is_bot && seen.sessions.is_empty() && !choice.gone && !choice.away {
                (seen.is_bot, seen.is_chosen, seen.chosen) = (true, true, choice.status);
            }
        }
        let mut changes = Vec::new();
        for (agent, seen) in &mut self.agents {
            let login = login(agent).unwrap_or(Status::Accepting);
            match seen.begins.take() {
                Some(true) => seen.begin_again(self.choices.get(agent), login),
                Some(false) => seen.begin(login),
                None => {}
            }
            if !seen.sessions.is_empty() || seen.is_bot {
                changes.push((agent.clone(), seen.settle()));
                seen.note(agent, &mut self.choices);
            }
        }
        changes.retain(|(_, change)| *change != Change::None);
        changes
    }

    /// Somebody's account was removed.
    pub(super) fn forget(&mut self, agent: &AgentId) {
        self.choices.remove(agent);
    }

    /// A session has begun: the status now, and whether it is new. `login` is what the agent begins a day with. One that its node
    /// did not name afterwards has ended already.
    pub(super) fn came(
        &mut self,
        agent: &AgentId,
        (session, moment): (SessionId, u64),
        away: bool,
        reconnect: bool,
        login: Status,
    ) -> (Status, Change) {
        let seen = self.agents.entry(agent.clone()).or_default();
        if self.rolls.get(&session.node).is_some_and(|roll| moment < *roll)
            && !seen.sessions.contains_key(&session)
        {
            return (seen.status, Change::None);
        }
        // A roll may have named this session before it was heard of here: the day begins with it all the same.
        if seen.sessions.keys().all(|known| *known == session) {
            seen.away.clear();
            if reconnect || !self.is_complete {
                seen.begin_again(self.choices.get(agent), login);
            } else {
                seen.begin(login);
            }
            seen.begins = (!self.is_complete).then_some(reconnect);
        }
        self.heard += 1;
        seen.sessions.insert(session, Session { moment, order: self.heard, is_evicted: false });
        if away && !reconnect {
            seen.away.insert(session);
        }
        let change = seen.settle();
        if self.is_complete {
            seen.note(agent, &mut self.choices);
        }
        (seen.status, change)
    }

    /// The sessions that an agent has beyond so many, the oldest first: they are to end, and are named once.
    pub(super) fn too_many(&mut self, agent: &AgentId, limit: usize) -> Vec<SessionId> {
        let Some(seen) = self.agents.get_mut(agent) else { return Vec::new() };
        let mut staying: Vec<(&SessionId, &mut Session)> =
            seen.sessions.iter_mut().filter(|(_, session)| !session.is_evicted).collect();
        staying.sort_unstable_by_key(|(_, session)| session.order);
        let excess = staying.len().saturating_sub(limit);
        let evicted = staying.into_iter().take(excess).map(|(id, session)| {
            session.is_evicted = true;
            *id
        });
        evicted.collect()
    }

    /// A session has ended; an agent is gone with the last one, and one that never came does not count.
    pub(super) fn left(&mut self, agent: &AgentId, session: SessionId, how: Leave) -> Change {
        let Some(seen) = self.agents.get_mut(agent) else { return Change::None };
        if seen.sessions.remove(&session).is_none() {
            return Change::None;
        }
        seen.away.remove(&session);
        if !seen.sessions.is_empty() {
            let change = seen.settle();
            if self.is_complete {
                seen.note(agent, &mut self.choices);
            }
            return change;
        }
        seen.go(agent, &mut self.choices);
        Change::Gone(how)
    }

    /// Sets the status of somebody who is there; `is_bot` are always there. None if they are not.
    pub(super) fn set(&mut self, agent: &AgentId, status: Status, is_bot: bool) -> Option<Change> {
        if is_bot {
            self.agents.entry(agent.clone()).or_default().is_bot = true;
        }
        let seen = self.agents.get_mut(agent)?;
        if !is_bot && seen.sessions.is_empty() {
            return None;
        }
        (seen.chosen, seen.is_chosen, seen.begins) = (status, true, None);
        if status == Status::Accepting {
            seen.away.clear();
        }
        let change = seen.settle();
        seen.note(agent, &mut self.choices);
        Some(change)
    }

    /// Notes whether the user of a session is away. None if there is no such session.
    pub(super) fn set_away(&mut self, agent: &AgentId, session: SessionId, away: bool) -> Option<Change> {
        let seen = self.agents.get_mut(agent).filter(|seen| seen.sessions.contains_key(&session))?;
        if away {
            seen.away.insert(session);
        } else {
            seen.away.remove(&session);
        }
        let change = seen.settle();
        if self.is_complete {
            seen.note(agent, &mut self.choices);
        }
        Some(change)
    }

    /// Takes a node's word for who is there: sessions that it does not name are over, but for those that began since. What it said
    /// before something that was heard of it comes too late.
    /// `login` is what an agent begins a day with, for those whose status the node has not heard.
    pub(super) fn roll(
        &mut self,
        node: Incarnation,
        roll: &RollCall,
        login: impl Fn(&AgentId) -> Status,
    ) -> Vec<(AgentId, Change)> {
        let newest = self.rolls.entry(node).or_default();
        if roll.moment < *newest {
            return Vec::new();
        }
        *newest = roll.moment;
        let mut changes = Vec::new();
        let named: HashSet<(&AgentId, u64)> = roll
            .present
            .iter()
            .flat_map(|present| present.sessions.iter().map(move |number| (&present.agent, *number)))
            .collect();
        for present in &roll.present {
            // Of a bot a node says what it heard last, and once it is known here that is told from here.
            if present.sessions.is_empty() && self.agents.contains_key(&present.agent) {
                continue;
            }
            let seen = self.agents.entry(present.agent.clone()).or_default();
            let session = |number: &u64| SessionId { node, number: *number };
            let is_first = seen.sessions.is_empty() && seen.status == Status::Offline;
            let is_another = |number: &u64| !seen.sessions.contains_key(&session(number));
            if is_first || seen.begins.is_some() && present.sessions.iter().any(is_another) {
                let chosen = self.choices.get(&present.agent).map(|choice| choice.status);
                let known = match self.is_outdated {
                    true => present.status.or(chosen),
                    false => chosen.or(present.status),
                };
                let login = login(&present.agent);
                seen.begins = None;
                seen.is_bot |= present.sessions.is_empty();
                seen.chosen = known.unwrap_or(login);
                seen.is_chosen = seen.is_bot || chosen.is_some() || seen.chosen != login;
            }
            if is_first {
                seen.away.clear();
            }
            for number in &present.sessions {
                let session = session(number);
                if !seen.sessions.contains_key(&session) && present.away.contains(number) {
                    seen.away.insert(session);
                }
                let known = seen.sessions.entry(session).or_insert_with(|| {
                    self.heard += 1;
                    Session { moment: 0, order: self.heard, is_evicted: false }
                });
                known.moment = roll.moment.max(known.moment);
            }
            changes.push((present.agent.clone(), seen.settle()));
            if self.is_complete {
                seen.note(&present.agent, &mut self.choices);
            }
        }
        for (agent, seen) in &mut self.agents {
            let is_over = |session: &SessionId, moment: u64| {
                session.node == node && moment <= roll.moment && !named.contains(&(agent, session.number))
            };
            let before = seen.sessions.len();
            let away = &mut seen.away;
            seen.sessions.retain(|id, session| {
                let is_over = is_over(id, session.moment);
                if is_over {
                    away.remove(id);
                }
                !is_over
            });
            if seen.sessions.len() == before {
                continue;
            }
            if seen.sessions.is_empty() {
                seen.go(agent, &mut self.choices);
                changes.push((agent.clone(), Change::Gone(Leave::Disconnected)));
            } else {
                changes.push((agent.clone(), seen.settle()));
                if self.is_complete {
                    seen.note(agent, &mut self.choices);
                }
            }
        }
        changes.retain(|(_, change)| *change != Change::None);
        changes
    }

    /// A node is no more, nor are its sessions.
    pub(super) fn node_gone(&mut self, node: Incarnation) -> Vec<(AgentId, Change)> {
        self.roll(node, &RollCall { moment: u64::MAX, present: Vec::new() }, |_| Status::Offline)
    }

    /// Everybody who is not offline.
    pub(super) fn statuses(&self) -> HashMap<AgentId, Status> {
        self.agents
            .iter()
            .filter(|(_, seen)| seen.status != Status::Offline)
            .map(|(agent, seen)| (agent.clone(), seen.status))
            .collect()
    }
}

#[cfg(test)]
mod tests;
