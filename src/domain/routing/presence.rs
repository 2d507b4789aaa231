//! Who is there: agents' statuses, the grace after a lost connection, and the statuses of groups.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::agent::Agent;
use super::effect::Effect;
use super::router::Router;
use super::table::{AgentKey, GroupKey};
use crate::domain::id::{AgentId, GroupId};
use crate::domain::time::Timestamp;

/// An agent's routing status over all their connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// Logged in and given chats.
    AcceptingChats,
    /// Logged in; keeps their chats, gets no new ones.
    NotAcceptingChats,
    /// Not logged in; a bot also by command.
    Offline,
}

/// Why an agent is offline, or out of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// Logged out.
    SignedOut,
    /// Was logged out by somebody else.
    RemotelySignedOut,
    /// The last connection is gone; a grace begins.
    Disconnected,
    /// The account was deleted.
    Deleted,
    /// The account was suspended.
    Suspended,
    /// Anything else.
    Other,
}

/// What agents are shown of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatus {
    /// Somebody accepts chats.
    AcceptingChats,
    /// Somebody is logged in.
    NotAcceptingChats,
    /// Nobody is.
    Offline,
}

/// What customers are shown of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerGroupStatus {
    /// Somebody who accepts has a slot.
    Online,
    /// Somebody accepts, nobody has a slot, the queue is open.
    OnlineForQueue,
    /// Neither.
    Offline,
}

/// A group whose status changed, for one side at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GroupStatusChange {
    /// The group.
    pub group: GroupId,
    /// For agents, if that changed.
    pub for_agents: Option<GroupStatus>,
    /// For customers, if that changed.
    pub for_customers: Option<CustomerGroupStatus>,
}

impl Router {
    /// An agent's status changed; `reason` says why if it is [`AgentStatus::Offline`]. A lost connection takes
    /// effect after the grace, until then the agent keeps their chats and gets none; any other way to go
    /// reroutes at once. [`LeaveReason::Deleted`] also forgets the agent's settings.
    pub fn agent_status(
        &mut self,
        agent: &AgentId,
        status: AgentStatus,
        reason: LeaveReason,
        now: Timestamp,
    ) -> Vec<Effect> {
        self.enter(now);
        let key = self.tables.agent_key(agent);
        let row = self.tables.agent_mut(key);
        // That somebody who never came is away says nothing: after a router start the longer grace is theirs.
        let is_news = status != AgentStatus::Offline || reason != LeaveReason::Disconnected;
        row.was_seen |= is_news;
        let was_there = row.status != AgentStatus::Offline;
        if status != AgentStatus::Offline {
            self.end_of_grace_is_void(key);
            self.with_agent(key, |agent| agent.status = status);
        } else if reason != LeaveReason::Disconnected {
            self.go(key, reason);
        } else if was_there {
            self.begin_grace(key, self.settings.agent_disconnect_grace);
        }
        self.finish()
    }

    /// An agent of the license is no more: their chats are rerouted as [`LeaveReason::Deleted`].
    pub fn remove_agent(&mut self, agent: &AgentId, now: Timestamp) -> Vec<Effect> {
        self.agent_status(agent, AgentStatus::Offline, LeaveReason::Deleted, now)
    }

    fn go(&mut self, key: AgentKey, reason: LeaveReason) {
        self.end_of_grace_is_void(key);
        self.with_agent(key, |agent| {
            agent.status = AgentStatus::Offline;
            if reason == LeaveReason::Deleted {
                agent.is_configured = false;
            }
        });
        self.dismiss(key, reason);
        if !self.tables.agent(key).is_configured {
            self.with_agent(key, |agent| agent.groups.clear());
        }
    }

    /// An agent does not count as present any more: their chats go elsewhere.
    pub(super) fn dismiss(&mut self, key: AgentKey, reason: LeaveReason) {
        self.tables.agent_mut(key).left = reason;
        if !self.is_rebuilding {
            self.reroute(key, reason);
        }
        for at in 0..self.tables.agent(key).groups.len() {
            let (group, _) = self.tables.agent(key).groups[at];
            self.archive_hopeless(group);
        }
    }

    /// The agent is gone, perhaps not for long.
    pub(super) fn begin_grace(&mut self, key: AgentKey, grace: Duration) {
        let until = self.now.after(grace);
        self.end_of_grace_is_void(key);
        self.graces.insert((until, key));
        self.with_agent(key, |agent| {
            agent.status = AgentStatus::Offline;
            agent.left = LeaveReason::Disconnected;
            agent.grace_until = Some(until);
        });
    }

    fn end_of_grace_is_void(&mut self, key: AgentKey) {
        if let Some(until) = self.tables.agent(key).grace_until {
            self.graces.remove(&(until, key));
            self.with_agent(key, |agent| agent.grace_until = None);
        }
    }

    pub(super) fn end_grace(&mut self, key: AgentKey) {
        let is_known = self.tables.agent(key).is_configured;
        self.go(key, if is_known { LeaveReason::Disconnected } else { LeaveReason::Deleted });
    }

    /// Changes what decides whether an agent is a candidate, and keeps their groups true to it.
    pub(super) fn with_agent(&mut self, key: AgentKey, change: impl FnOnce(&mut Agent)) {
        self.seat(key, false);
        change(self.tables.agent_mut(key));
        self.seat(key, true);
        self.repool(key);
    }

    fn seat(&mut self, key: AgentKey, add: bool) {
        let agent = self.tables.agent_mut(key);
        let (is_present, kind) = (u32::from(agent.is_present()), agent.kind);
        let accepts = agent.not_accepting_because().is_none();
        let pooled = if add { None } else { agent.pooled.take() };
        for at in 0..self.tables.agent(key).groups.len() {
            let (group_key, priority) = self.tables.agent(key).groups[at];
            let group = self.tables.group_mut(group_key);
            if add {
                group.members.insert(key);
                group.present += is_present;
                if accepts {
                    group.accepting.insert(key);
                }
            } else {
                group.members.remove(&key);
                group.present -= is_present;
                group.accepting.remove(&key);
                if let Some(rank) = pooled {
                    group.unpool(kind, priority, rank);
                }
            }
            self.mark_stale(group_key);
            self.refresh(group_key);
        }
    }

    /// Statuses of groups that changed since they were last taken. The caller asks at its own pace; a group that
    /// came and went meanwhile is not told.
    pub fn take_group_status_changes(&mut self) -> Vec<GroupStatusChange> {
        let mut changes = Vec::new();
        for key in std::mem::take(&mut self.stale_groups) {
            let now = (self.tables.group(key).status(), self.customer_status(key));
            let group = self.tables.group_mut(key);
            group.is_stale = false;
            let before = group.told.replace(now);
            let for_agents = (before.map(|told| told.0) != Some(now.0)).then_some(now.0);
            let for_customers = (before.map(|told| told.1) != Some(now.1)).then_some(now.1);
            if for_agents.is_some() || for_customers.is_some() {
                changes.push(GroupStatusChange { group: group.id, for_agents, for_customers });
            }
        }
        changes
    }

    /// What agents are shown of a group; a group that nobody mentioned is offline.
    pub fn group_status(&self, group: GroupId) -> GroupStatus {
        let key = self.tables.group_keys.get(&group);
        key.map_or(GroupStatus::Offline, |key| self.tables.group(*key).status())
    }

    /// What customers are shown of a group.
    pub fn customer_group_status(&self, group: GroupId) -> CustomerGroupStatus {
        let key = self.tables.group_keys.get(&group);
        key.map_or(CustomerGroupStatus::Offline, |key| self.customer_status(*key))
    }

    pub(super) fn customer_status(&self, key: GroupKey) -> CustomerGroupStatus {
        let group = self.tables.group(key);
        if group.accepting.is_empty() {
            CustomerGroupStatus::Offline
        } else if group.has_free(false) && !self.license_is_full() && !self.is_rebuilding {
            CustomerGroupStatus::Online
        } else if (group.rules.queue_enabled || group.rules.manual)
            && !self.is_line_full(group.rules.reopen_threshold)
        {
            CustomerGroupStatus::OnlineForQueue
        } else {
            CustomerGroupStatus::Offline
        }
    }
}
