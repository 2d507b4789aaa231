//! What an operator sees of a router: small, serialisable, read by admin page, metrics and tests alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::chat::Chat;
use super::presence::{AgentStatus, CustomerGroupStatus, GroupStatus};
use super::request::Refusal;
use super::router::Router;
use super::table::GroupKey;
use super::waits::WaitReport;
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::time::Timestamp;

/// The observable state of a router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouterSnapshot {
    /// The router's epoch.
    pub epoch: u64,
    /// Whether it still waits for reports.
    pub is_rebuilding: bool,
    /// Chats that count against the license's limit.
    pub served: u32,
    /// Waiting chats that count against the queue's limit.
    pub in_line: u32,
    /// Waiting chats that count against `limits.queue_continuous`.
    pub open_ended: u32,
    /// Starts refused so far, by reason.
    pub refused_starts: BTreeMap<Refusal, u64>,
    /// Every agent who is configured, or has chats.
    pub agents: Vec<AgentSnapshot>,
    /// Every group that anything was said about.
    pub groups: Vec<GroupSnapshot>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSnapshot {
    /// The agent.
    pub id: AgentId,
    /// Status; a vanished agent is offline with a grace, a suspended one is offline.
    pub status: AgentStatus,
    /// When a vanished agent's chats are rerouted.
    pub grace_until: Option<Timestamp>,
    /// Chats that count against the limit.
    pub chats: u32,
    /// Chats, idle ones and those about to leave included.
    pub all_chats: u32,
    /// The limit in force.
    pub limit: u32,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSnapshot {
    /// The group.
    pub id: GroupId,
    /// As agents see it.
    pub status: GroupStatus,
    /// As customers see it.
    pub customer_status: CustomerGroupStatus,
    /// Waiting chats.
    pub waiting: u32,
    /// Since when the head of the queue waits.
    pub head_since: Option<Timestamp>,
    /// Waits so far.
    pub waits: WaitReport,
    /// Starts refused so far.
    pub refused_starts: u64,
}

impl AgentSnapshot {
    /// Logged in, or gone so shortly that nobody has been told.
    pub fn is_present(&self) -> bool {
        self.status != AgentStatus::Offline || self.grace_until.is_some()
    }
}

impl RouterSnapshot {
    /// Slots of the agents who accept chats, and how many of them are taken: the occupancy. An agent may have more
    /// chats than slots.
    pub fn occupancy(&self) -> (u32, u32) {
        let accepting = self.agents.iter().filter(|agent| agent.status == AgentStatus::AcceptingChats);
        accepting.fold((0, 0), |(taken, slots), agent| (taken + agent.chats, slots + agent.limit))
    }
}

impl Router {
    /// The observable state. A pass over agents and groups, not over chats.
    pub fn snapshot(&self) -> RouterSnapshot {
        let agents = self.tables.agents.iter().filter(|agent| agent.is_configured || !agent.chats.is_empty());
        let agents = agents.map(|agent| AgentSnapshot {
            id: agent.id.clone(),
            status: if agent.suspended { AgentStatus::Offline } else { agent.status },
            grace_until: agent.grace_until,
            chats: agent.load,
            all_chats: agent.chats.len() as u32,
            limit: agent.limit(self.settings.max_agent_active_chats),
        });
        let groups = self.tables.groups.iter().enumerate().map(|(at, group)| GroupSnapshot {
            id: group.id,
            status: group.status(),
            customer_status: self.customer_status(GroupKey(at as u32)),
            waiting: group.waiting(),
            head_since: group.next_waiting(std::ops::Bound::Unbounded).map(|key| key.queued_at),
            waits: group.waits.report.clone(),
            refused_starts: group.refused,
        });
        RouterSnapshot {
            epoch: self.epoch,
            is_rebuilding: self.is_rebuilding,
            served: self.served,
            in_line: self.in_line,
            open_ended: self.open_ended,
            refused_starts: self.refused.clone(),
            agents: agents.collect(),
            groups: groups.collect(),
        }
    }

    /// Chats that count against the license's limit.
    pub fn served(&self) -> u32 {
        self.served
    }

    /// Active chats that wait for their customer only so long (`chat.customer_gone_after`): those with one, continuous chats
    /// aside. None while not every chat was reported.
    pub fn chats_awaiting_customers(&self) -> Option<Vec<ChatId>> {
        let awaits = |chat: &Chat| chat.active && chat.has_customer && !chat.continuous;
        let chats = self.tables.chats().filter(|(_, chat)| awaits(chat)).map(|(_, chat)| chat.id.clone());
        (!self.is_rebuilding).then(|| chats.collect())
    }

    /// An agent's chats that count against their limit.
    pub fn load(&self, agent: &AgentId) -> u32 {
        self.tables.agent_keys.get(agent).map_or(0, |key| self.tables.agent(*key).load)
    }
}
