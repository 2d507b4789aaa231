//! Who is there: agents' sessions, their status over all of them.

use std::collections::{HashMap, HashSet};

use switchboard_cluster::Incarnation;

use super::super::SessionId;
use super::super::roll::RollCall;
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
    /// The status before the last session ended, for those who reconnect.
    last: Option<Status>,
}

/// What changed for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Now(Status),
    Gone(Leave),
}

impl Seen {
    /// Only who is away on all connections takes no chats for that.
    fn settle(&mut self) -> Change {
        let all_away = !self.sessions.is_empty() && self.away.len() == self.sessions.len();
        let status = if all_away { Status::NotAccepting } else { self.chosen };
        if std::mem::replace(&mut self.status, status) == status { Change::None } else { Change::Now(status) }
    }
}

impl Presence {
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
            seen.chosen = seen.last.filter(|_| reconnect).unwrap_or(login);
        }
        self.heard += 1;
        seen.sessions.insert(session, Session { moment, order: self.heard, is_evicted: false });
        if away && !reconnect {
            seen.away.insert(session);
        }
        let change = seen.settle();
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
            return seen.settle();
        }
        seen.last = Some(seen.status);
        seen.chosen = Status::Offline;
        seen.status = Status::Offline;
        Change::Gone(how)
    }

    /// Sets the status of somebody who is there; `is_bot` are always there. None if they are not.
    pub(super) fn set(&mut self, agent: &AgentId, status: Status, is_bot: bool) -> Option<Change> {
        if is_bot {
            self.agents.entry(agent.clone()).or_default();
        }
        let seen = self.agents.get_mut(agent)?;
        if !is_bot && seen.sessions.is_empty() {
            return None;
        }
        seen.chosen = status;
        if status == Status::Accepting {
            seen.away.clear();
        }
        Some(seen.settle())
    }

    /// Notes whether the user of a session is away. None if there is no such session.
    pub(super) fn set_away(&mut self, agent: &AgentId, session: SessionId, away: bool) -> Option<Change> {
        let seen = self.agents.get_mut(agent).filter(|seen| seen.sessions.contains_key(&session))?;
        if away {
            seen.away.insert(session);
        } else {
            seen.away.remove(&session);
        }
        Some(seen.settle())
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
            if seen.sessions.is_empty() && seen.status == Status::Offline {
                seen.away.clear();
                seen.chosen = present.status.unwrap_or_else(|| login(&present.agent));
            }
            for number in &present.sessions {
                let session = SessionId { node, number: *number };
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
                seen.last = Some(seen.status);
                seen.chosen = Status::Offline;
                seen.status = Status::Offline;
                changes.push((agent.clone(), Change::Gone(Leave::Disconnected)));
            } else {
                changes.push((agent.clone(), seen.settle()));
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
mod tests {
    use super::super::super::roll::Present;
    use super::*;

    fn session(number: u64) -> SessionId {
        SessionId { node: Incarnation(uuid::Uuid::nil()), number }
    }

    #[test]
    fn the_oldest_of_too_many_sessions_ends_wherever_it_is() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        let elsewhere = SessionId { node: Incarnation(uuid::Uuid::from_u128(1)), number: 1 };
        for (moment, id) in [session(1), elsewhere, session(2)].into_iter().enumerate() {
            presence.came(&agent, (id, moment as u64), false, false, Status::Accepting);
        }
        assert_eq!(presence.too_many(&agent, 3), []);
        assert_eq!(presence.too_many(&agent, 2), [session(1)]);
        assert_eq!(presence.too_many(&agent, 2), [], "it was told already");
        presence.came(&agent, (session(3), 9), false, false, Status::Accepting);
        assert_eq!(presence.too_many(&agent, 2), [elsewhere]);
        presence.left(&agent, session(1), Leave::Disconnected);
        presence.left(&agent, elsewhere, Leave::Disconnected);
        assert_eq!(presence.too_many(&agent, 2), []);
        assert_eq!(presence.statuses()[&agent], Status::Accepting);
    }

    #[test]
    fn only_the_last_session_takes_an_agent_away() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        assert_eq!(
            presence.came(&agent, (session(1), 0), false, false, Status::Accepting),
            (Status::Accepting, Change::Now(Status::Accepting))
        );
        assert_eq!(
            presence.came(&agent, (session(2), 0), false, false, Status::Accepting),
            (Status::Accepting, Change::None)
        );
        assert_eq!(presence.left(&agent, session(1), Leave::SignedOut), Change::None);
        assert_eq!(presence.left(&agent, session(3), Leave::SignedOut), Change::None);
        assert_eq!(presence.left(&agent, session(2), Leave::Disconnected), Change::Gone(Leave::Disconnected));
        assert!(presence.statuses().is_empty());
    }

    #[test]
    fn a_reconnect_restores_the_last_status() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        presence.came(&agent, (session(1), 0), false, false, Status::Accepting);
        assert_eq!(
            presence.set(&agent, Status::NotAccepting, false),
            Some(Change::Now(Status::NotAccepting))
        );
        presence.left(&agent, session(1), Leave::Disconnected);
        assert_eq!(
            presence.came(&agent, (session(1), 0), false, true, Status::Accepting).0,
            Status::NotAccepting
        );
        presence.left(&agent, session(1), Leave::Disconnected);
        assert_eq!(
            presence.came(&agent, (session(1), 0), false, false, Status::Accepting).0,
            Status::Accepting
        );
    }

    #[test]
    fn nobody_sets_the_status_of_an_agent_who_is_not_there() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        assert_eq!(presence.set(&agent, Status::Accepting, false), None);
        assert_eq!(presence.set(&agent, Status::Accepting, true), Some(Change::Now(Status::Accepting)));
    }

    #[test]
    fn an_agent_is_away_once_all_their_connections_are() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        presence.came(&agent, (session(1), 0), false, false, Status::Accepting);
        presence.came(&agent, (session(2), 0), false, false, Status::Accepting);
        assert_eq!(presence.set_away(&agent, session(1), true), Some(Change::None));
        assert_eq!(presence.set_away(&agent, session(2), true), Some(Change::Now(Status::NotAccepting)));
        assert_eq!(presence.set_away(&agent, session(1), false), Some(Change::Now(Status::Accepting)));
        // The connection that is not away ends: the other one counts.
        assert_eq!(presence.left(&agent, session(1), Leave::Disconnected), Change::Now(Status::NotAccepting));
        assert_eq!(presence.set_away(&agent, session(1), false), None);
        assert_eq!(presence.left(&agent, session(2), Leave::SignedOut), Change::Gone(Leave::SignedOut));
    }

    #[test]
    fn a_login_that_is_away_gets_no_chats_and_the_login_status_is_what_a_day_begins_with() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        assert_eq!(
            presence.came(&agent, (session(1), 0), true, false, Status::Accepting).0,
            Status::NotAccepting
        );
        presence.left(&agent, session(1), Leave::SignedOut);
        assert_eq!(
            presence.came(&agent, (session(2), 0), false, false, Status::NotAccepting).0,
            Status::NotAccepting
        );
        assert_eq!(presence.set(&agent, Status::Accepting, false), Some(Change::Now(Status::Accepting)));
        presence.left(&agent, session(2), Leave::SignedOut);
        // What was set lasted for that session.
        assert_eq!(
            presence.came(&agent, (session(3), 0), false, false, Status::NotAccepting).0,
            Status::NotAccepting
        );
    }

    #[test]
    fn a_roll_replaces_what_its_node_told_before_and_nothing_else() {
        let (mut presence, smith, brown) =
            (Presence::default(), AgentId::new("smith@example.com"), AgentId::new("brown@example.com"));
        let (here, accepting) = (session(1).node, Status::Accepting);
        let elsewhere = SessionId { node: Incarnation(uuid::Uuid::from_u128(2)), number: 1 };
        presence.came(&smith, (session(1), 1), false, false, accepting);
        presence.came(&smith, (elsewhere, 9), false, false, accepting);
        presence.came(&brown, (session(2), 8), false, false, accepting);
        let roll = RollCall { moment: 7, present: Vec::new() };
        assert_eq!(
            presence.roll(here, &roll, |_| accepting),
            [],
            "one has another session, the other came since"
        );
        let gone = presence.node_gone(elsewhere.node);
        assert_eq!(gone, [(smith.clone(), Change::Gone(Leave::Disconnected))]);
        let present =
            Present { agent: smith.clone(), sessions: vec![5], away: vec![5], status: Some(accepting) };
        let back = presence.roll(here, &RollCall { moment: 9, present: vec![present] }, |_| accepting);
        let brown_left = (brown, Change::Gone(Leave::Disconnected));
        assert_eq!(back, [(smith.clone(), Change::Now(Status::NotAccepting)), brown_left]);
        assert_eq!(presence.set_away(&smith, session(5), false), Some(Change::Now(accepting)));
    }

    #[test]
    fn a_node_that_did_not_hear_of_a_bot_s_new_status_does_not_bring_the_old_one_back() {
        let bot = AgentId::new("bot");
        let heard =
            Present { agent: bot.clone(), sessions: vec![], away: vec![], status: Some(Status::Accepting) };
        let roll = RollCall { moment: 1, present: vec![heard] };
        let mut presence = Presence::default();
        let told = presence.roll(session(1).node, &roll, |_| Status::Offline);
        assert_eq!(told, [(bot.clone(), Change::Now(Status::Accepting))], "a router that knows nothing yet");
        assert_eq!(presence.set(&bot, Status::Offline, true), Some(Change::Now(Status::Offline)));
        let late = RollCall { moment: 2, ..roll };
        assert_eq!(presence.roll(session(1).node, &late, |_| Status::Offline), []);
    }

    #[test]
    fn what_a_node_said_before_it_said_something_else_or_died_comes_too_late() {
        let (agent, login) = (AgentId::new("smith@example.com"), |_: &AgentId| Status::Accepting);
        let present = Present { agent: agent.clone(), sessions: vec![1], away: vec![], status: None };
        let (here, early) = (session(1), RollCall { moment: 3, present: vec![present] });
        let mut presence = Presence::default();
        presence.roll(here.node, &RollCall { moment: 5, present: Vec::new() }, login);
        assert_eq!(presence.roll(here.node, &early, login), []);
        let (_, change) = presence.came(&agent, (here, 2), false, false, Status::Accepting);
        assert_eq!(change, Change::None, "it ended before the node told who is there");
        let (_, change) = presence.came(&agent, (session(2), 6), false, false, Status::Accepting);
        assert_eq!(change, Change::Now(Status::Accepting));
        assert_eq!(presence.node_gone(here.node), [(agent.clone(), Change::Gone(Leave::Disconnected))]);
        let late = RollCall { moment: 7, ..early };
        assert_eq!(presence.roll(here.node, &late, login), []);
        let (_, change) = presence.came(&agent, (session(3), 8), false, false, Status::Accepting);
        assert_eq!(change, Change::None);
        assert!(presence.statuses().is_empty(), "nobody tells again that a node is no more");
    }

    #[test]
    fn a_roll_that_is_ahead_of_a_login_changes_nothing_about_what_the_day_begins_with() {
        let (agent, begun) = (AgentId::new("smith@example.com"), session(1));
        let roll = |moment| {
            let present = Present { agent: agent.clone(), sessions: vec![1], away: vec![], status: None };
            RollCall { moment, present: vec![present] }
        };
        let mut presence = Presence::default();
        let told = presence.roll(begun.node, &roll(2), |_| Status::NotAccepting);
        assert_eq!(told, [(agent.clone(), Change::Now(Status::NotAccepting))]);
        let came = presence.came(&agent, (begun, 1), false, false, Status::NotAccepting);
        assert_eq!(came, (Status::NotAccepting, Change::None));
        // Somebody who reconnects has what they had before, whatever comes first.
        presence.set(&agent, Status::Accepting, false);
        presence.left(&agent, begun, Leave::Disconnected);
        presence.roll(begun.node, &roll(4), |_| Status::NotAccepting);
        let back = presence.came(&agent, (begun, 3), false, true, Status::NotAccepting);
        assert_eq!(back, (Status::Accepting, Change::Now(Status::Accepting)));
    }
}
