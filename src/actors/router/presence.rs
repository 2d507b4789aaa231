//! Who is there: agents' sessions, their status over all of them.

use std::collections::{HashMap, HashSet};

use super::message::{Leave, Status};
use crate::domain::id::AgentId;

/// The agents of a license as their sessions show them.
#[derive(Debug, Default)]
pub(super) struct Presence {
    agents: HashMap<AgentId, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    sessions: HashSet<u64>,
    /// Those of them whose user is away.
    away: HashSet<u64>,
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
    /// A session has begun: the status now, and whether it is new. `login` is what the agent begins a day with.
    pub(super) fn came(
        &mut self,
        agent: &AgentId,
        session: u64,
        away: bool,
        reconnect: bool,
        login: Status,
    ) -> (Status, Change) {
        let seen = self.agents.entry(agent.clone()).or_default();
        if seen.sessions.is_empty() {
            seen.away.clear();
            seen.chosen = seen.last.filter(|_| reconnect).unwrap_or(login);
        }
        seen.sessions.insert(session);
        if away && !reconnect {
            seen.away.insert(session);
        }
        let change = seen.settle();
        (seen.status, change)
    }

    /// A session has ended; an agent is gone with the last one, and one that never came does not count.
    pub(super) fn left(&mut self, agent: &AgentId, session: u64, how: Leave) -> Change {
        let Some(seen) = self.agents.get_mut(agent) else { return Change::None };
        if !seen.sessions.remove(&session) {
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
    pub(super) fn set_away(&mut self, agent: &AgentId, session: u64, away: bool) -> Option<Change> {
        let seen = self.agents.get_mut(agent).filter(|seen| seen.sessions.contains(&session))?;
        if away {
            seen.away.insert(session);
        } else {
            seen.away.remove(&session);
        }
        Some(seen.settle())
    }

    /// Everybody who is not offline.
    pub(super) fn statuses(&self) -> HashMap<AgentId, &'static str> {
        self.agents
            .iter()
            .filter(|(_, seen)| seen.status != Status::Offline)
            .map(|(agent, seen)| (agent.clone(), seen.status.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_session_takes_an_agent_away() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        assert_eq!(
            presence.came(&agent, 1, false, false, Status::Accepting),
            (Status::Accepting, Change::Now(Status::Accepting))
        );
        assert_eq!(
            presence.came(&agent, 2, false, false, Status::Accepting),
            (Status::Accepting, Change::None)
        );
        assert_eq!(presence.left(&agent, 1, Leave::SignedOut), Change::None);
        assert_eq!(presence.left(&agent, 3, Leave::SignedOut), Change::None);
        assert_eq!(presence.left(&agent, 2, Leave::Disconnected), Change::Gone(Leave::Disconnected));
        assert!(presence.statuses().is_empty());
    }

    #[test]
    fn a_reconnect_restores_the_last_status() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        presence.came(&agent, 1, false, false, Status::Accepting);
        assert_eq!(
            presence.set(&agent, Status::NotAccepting, false),
            Some(Change::Now(Status::NotAccepting))
        );
        presence.left(&agent, 1, Leave::Disconnected);
        assert_eq!(presence.came(&agent, 1, false, true, Status::Accepting).0, Status::NotAccepting);
        presence.left(&agent, 1, Leave::Disconnected);
        assert_eq!(presence.came(&agent, 1, false, false, Status::Accepting).0, Status::Accepting);
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
        presence.came(&agent, 1, false, false, Status::Accepting);
        presence.came(&agent, 2, false, false, Status::Accepting);
        assert_eq!(presence.set_away(&agent, 1, true), Some(Change::None));
        assert_eq!(presence.set_away(&agent, 2, true), Some(Change::Now(Status::NotAccepting)));
        assert_eq!(presence.set_away(&agent, 1, false), Some(Change::Now(Status::Accepting)));
        // The connection that is not away ends: the other one counts.
        assert_eq!(presence.left(&agent, 1, Leave::Disconnected), Change::Now(Status::NotAccepting));
        assert_eq!(presence.set_away(&agent, 1, false), None);
        assert_eq!(presence.left(&agent, 2, Leave::SignedOut), Change::Gone(Leave::SignedOut));
    }

    #[test]
    fn a_login_that_is_away_gets_no_chats_and_the_login_status_is_what_a_day_begins_with() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        assert_eq!(presence.came(&agent, 1, true, false, Status::Accepting).0, Status::NotAccepting);
        presence.left(&agent, 1, Leave::SignedOut);
        assert_eq!(presence.came(&agent, 2, false, false, Status::NotAccepting).0, Status::NotAccepting);
        assert_eq!(presence.set(&agent, Status::Accepting, false), Some(Change::Now(Status::Accepting)));
        presence.left(&agent, 2, Leave::SignedOut);
        // What was set lasted for that session.
        assert_eq!(presence.came(&agent, 3, false, false, Status::NotAccepting).0, Status::NotAccepting);
    }
}
