//! Which agents have sessions on this node, and the status that each was last heard to have: what a router that takes over
//! has to learn of this node.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use serde::{Deserialize, Serialize};

use super::Actors;
use super::router::{RouterQuestion, Status};
use crate::domain::id::{AgentId, LicenseId};

/// The agents of this node, by license. One that nobody is left of stays until its router knows that.
#[derive(Default)]
pub(super) struct Roll {
    licenses: DashMap<LicenseId, Page>,
    clock: AtomicU64,
}

/// The agents of one license.
#[derive(Default)]
struct Page {
    agents: HashMap<AgentId, Entry>,
    /// When the last session ended.
    left_at: u64,
}

#[derive(Default)]
struct Entry {
    sessions: HashSet<u64>,
    /// Those of them whose user is away.
    away: HashSet<u64>,
    status: Option<Status>,
}

/// An agent's sessions on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// Who.
    pub agent: AgentId,
    /// The numbers of the sessions; none for a bot, which has a status without them.
    pub sessions: Vec<u64>,
    /// Those of them whose user is away.
    #[serde(default)]
    pub away: Vec<u64>,
    /// Their status while they are not away, as this node last heard of it.
    pub status: Option<Status>,
}

/// Everybody of a license on one node, as of a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollCall {
    /// Grows with everything that the node tells of its sessions.
    pub moment: u64,
    /// Who is there.
    pub present: Vec<Present>,
}

impl Roll {
    /// A moment after all that went before.
    pub(super) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn came(&self, license: LicenseId, agent: &AgentId, session: u64) -> u64 {
        let mut page = self.licenses.entry(license).or_default();
        page.agents.entry(agent.clone()).or_default().sessions.insert(session);
        self.tick()
    }

    pub(super) fn left(&self, license: LicenseId, agent: &AgentId, session: u64) {
        let Some(mut page) = self.licenses.get_mut(&license) else { return };
        let Some(entry) = page.agents.get_mut(agent) else { return };
        entry.sessions.remove(&session);
        entry.away.remove(&session);
        if entry.sessions.is_empty() {
            page.agents.remove(agent);
        }
        page.left_at = self.tick();
    }

    /// The license's router knows who was here at a moment. If that was nobody, and nobody came and left since, there is nothing to
    /// tell it any more.
    fn known(&self, license: LicenseId, moment: u64) {
        self.licenses.remove_if(&license, |_, page| page.agents.is_empty() && page.left_at < moment);
    }

    /// Somebody is away on one of their sessions, or back.
    pub(super) fn set_away(&self, license: LicenseId, agent: &AgentId, session: u64, away: bool) {
        let Some(mut page) = self.licenses.get_mut(&license) else { return };
        let Some(entry) = page.agents.get_mut(agent).filter(|entry| entry.sessions.contains(&session)) else {
            return;
        };
        if away {
            entry.away.insert(session);
        } else {
            entry.away.remove(&session);
        }
    }

    /// Somebody's status is this now. Bots have one without being here.
    pub(super) fn heard(&self, license: LicenseId, agent: &AgentId, status: Status, is_bot: bool) {
        if is_bot {
            let mut page = self.licenses.entry(license).or_default();
            page.agents.entry(agent.clone()).or_default().status = Some(status);
        } else if let Some(mut page) = self.licenses.get_mut(&license)
            && let Some(entry) = page.agents.get_mut(agent)
            && status != Status::Offline
            && entry.away.len() < entry.sessions.len()
        {
            entry.status = Some(status);
        }
    }

    pub(super) fn call(&self, license: LicenseId) -> RollCall {
        // The moment first: whoever comes while the list is made is newer than it.
        let moment = self.tick();
        let Some(page) = self.licenses.get(&license) else {
            return RollCall { moment, present: Vec::new() };
        };
        let present = page.agents.iter().map(|(agent, entry)| Present {
            agent: agent.clone(),
            sessions: entry.sessions.iter().copied().collect(),
            away: entry.away.iter().copied().collect(),
            status: entry.status,
        });
        RollCall { moment, present: present.collect() }
    }

    pub(super) fn licenses(&self) -> Vec<LicenseId> {
        self.licenses.iter().map(|entry| *entry.key()).collect()
    }
}

/// How often routers elsewhere are told who is here.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Tells the routers who is here, again and again: one that has just taken over, or that missed that somebody came or left,
/// knows by it. The one on this node is told as well: somebody may leave after it asked who is here, and before it has taken that in.
pub async fn tell(actors: Arc<Actors>) {
    let mut every = tokio::time::interval(TELL_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        for license in actors.roll.licenses() {
            let (node, roll) = (actors.parts.ownership.incarnation(), actors.roll.call(license));
            let moment = roll.moment;
            let book = actors.reports.of(license);
            if actors.is_noted(license, &book, RouterQuestion::Roll { node, roll }, TELL_EVERY).await {
                actors.roll.known(license, moment);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LICENSE: LicenseId = LicenseId(1_001);

    #[test]
    fn a_roll_names_who_is_there_with_their_last_status() {
        let (roll, smith, bot) = (Roll::default(), AgentId::new("smith@example.com"), AgentId::new("bot"));
        roll.came(LICENSE, &smith, 1);
        let first = roll.came(LICENSE, &smith, 2);
        roll.heard(LICENSE, &smith, Status::NotAccepting, false);
        roll.heard(LICENSE, &AgentId::new("brown@example.com"), Status::Accepting, false);
        roll.heard(LICENSE, &bot, Status::Accepting, true);
        roll.left(LICENSE, &smith, 1);
        let mut call = roll.call(LICENSE);
        call.present.sort_by(|a, b| a.agent.cmp(&b.agent));
        assert!(call.moment > first);
        let smith =
            Present { agent: smith, sessions: vec![2], away: vec![], status: Some(Status::NotAccepting) };
        let bot = Present { agent: bot, sessions: vec![], away: vec![], status: Some(Status::Accepting) };
        assert_eq!(call.present, [bot, smith]);
    }

    #[test]
    fn who_left_is_forgotten_once_the_router_knows() {
        let (roll, smith) = (Roll::default(), AgentId::new("smith@example.com"));
        let came = roll.came(LICENSE, &smith, 1);
        roll.known(LICENSE, came);
        assert_eq!(roll.call(LICENSE).present.len(), 1);
        roll.left(LICENSE, &smith, 1);
        roll.known(LICENSE, came);
        assert_eq!(roll.licenses(), [LICENSE], "that they left may have been lost on its way");
        let call = roll.call(LICENSE);
        assert!(call.present.is_empty());
        roll.came(LICENSE, &smith, 2);
        roll.left(LICENSE, &smith, 2);
        roll.known(LICENSE, call.moment);
        assert_eq!(roll.licenses(), [LICENSE], "the same of whoever came and left since");
        roll.known(LICENSE, roll.call(LICENSE).moment);
        assert!(roll.licenses().is_empty());
    }
}
