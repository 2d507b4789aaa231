//! Who is there: agents' sessions, their status over all of them.

use std::collections::{HashMap, HashSet};

use super::message::{Leave, Status};
use crate::domain::id::AgentId;

/// The agents of a license as their sessions show them.
#[derive(Debug, Default)]
pub(super) struct Presence {
    agents: HashMap<AgentId, Seen>,
}

#[derive(Debug)]
struct Seen {
    sessions: HashSet<u64>,
    status: Status,
    /// The status before the last session ended, for those who reconnect.
    last: Status,
}

/// What changed for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Now(Status),
    Gone(Leave),
}

impl Presence {
    /// A session has begun: the status now, and whether it is new.
    pub(super) fn came(
        &mut self,
        agent: &AgentId,
        session: u64,
        away: bool,
        reconnect: bool,
    ) -> (Status, Change) {
        let seen = self.agents.entry(agent.clone()).or_insert(Seen {
            sessions: HashSet::new(),
            status: Status::Offline,
            last: Status::Accepting,
        });
        seen.sessions.insert(session);
        if seen.status != Status::Offline {
            return (seen.status, Change::None);
        }
        let status = match (reconnect, away) {
            (true, _) => seen.last,
            (false, true) => Status::NotAccepting,
            (false, false) => Status::Accepting,
        };
        seen.status = status;
        (status, Change::Now(status))
    }

    /// A session has ended; only the last one counts, and one that never came does not.
    pub(super) fn left(&mut self, agent: &AgentId, session: u64, how: Leave) -> Change {
        let Some(seen) = self.agents.get_mut(agent) else { return Change::None };
        let was_there = seen.sessions.remove(&session);
        if !was_there || !seen.sessions.is_empty() || seen.status == Status::Offline {
            return Change::None;
        }
        seen.last = seen.status;
        seen.status = Status::Offline;
        Change::Gone(how)
    }

    /// Sets the status of somebody who is there; `is_bot` are always there. None if they are not.
    pub(super) fn set(&mut self, agent: &AgentId, status: Status, is_bot: bool) -> Option<Change> {
        if is_bot {
            let seen = Seen { sessions: HashSet::new(), status: Status::Offline, last: Status::Accepting };
            self.agents.entry(agent.clone()).or_insert(seen);
        }
        let seen = self.agents.get_mut(agent)?;
        if !is_bot && seen.sessions.is_empty() {
            return None;
        }
        if seen.status == status {
            return Some(Change::None);
        }
        seen.status = status;
        Some(Change::Now(status))
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
            presence.came(&agent, 1, false, false),
            (Status::Accepting, Change::Now(Status::Accepting))
        );
        assert_eq!(presence.came(&agent, 2, false, false), (Status::Accepting, Change::None));
        assert_eq!(presence.left(&agent, 1, Leave::SignedOut), Change::None);
        assert_eq!(presence.left(&agent, 3, Leave::SignedOut), Change::None);
        assert_eq!(presence.left(&agent, 2, Leave::Disconnected), Change::Gone(Leave::Disconnected));
        assert!(presence.statuses().is_empty());
    }

    #[test]
    fn a_reconnect_restores_the_last_status() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        presence.came(&agent, 1, false, false);
        assert_eq!(
            presence.set(&agent, Status::NotAccepting, false),
            Some(Change::Now(Status::NotAccepting))
        );
        presence.left(&agent, 1, Leave::Disconnected);
        assert_eq!(presence.came(&agent, 1, false, true).0, Status::NotAccepting);
        presence.left(&agent, 1, Leave::Disconnected);
        assert_eq!(presence.came(&agent, 1, false, false).0, Status::Accepting);
    }

    #[test]
    fn nobody_sets_the_status_of_an_agent_who_is_not_there() {
        let (mut presence, agent) = (Presence::default(), AgentId::new("smith@example.com"));
        assert_eq!(presence.set(&agent, Status::Accepting, false), None);
        assert_eq!(presence.set(&agent, Status::Accepting, true), Some(Change::Now(Status::Accepting)));
    }
}
