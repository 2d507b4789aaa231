//! What a license, its groups and its agents lay down about routing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::id::{AgentId, GroupId};

/// The routing settings of one license. Replaced as a whole by [`super::Router::configure`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterSettings {
    /// `chats.manual_routing`: chats wait until an agent takes them.
    pub manual: bool,
    /// `chats.prefer_recent_agent`: a returning customer's last agent comes first, before the priority classes.
    pub prefer_recent_agent: bool,
    /// `chats.queue.enabled`: whether chats may wait when nobody has a slot.
    pub queue_enabled: bool,
    /// `chats.queue.limit`: chats waiting at once on the license, continuous ones aside; `None` = no limit.
    pub queue_limit: Option<u32>,
    /// `chats.queue.reopen_threshold`: a queue that was full takes new chats again at this length.
    pub queue_reopen_threshold: u32,
    /// `limits.queue`: as [`Self::queue_limit`], from the plan; the lower one rules.
    pub limit_queue: Option<u32>,
    /// `limits.queue_continuous`: bound of the chats that wait without an online group.
    pub limit_queue_continuous: Option<u32>,
    /// `limits.concurrent_chats`: assigned chats of the license, idle ones included; `None` = no limit.
    pub concurrent_chats: Option<u32>,
    /// `chats.max_agent_active_chats`: with a human agent's own limit, the lower one rules. Bots have their own.
    pub max_agent_active_chats: Option<u32>,
    /// `routing.offline_start`: what a start meets when nobody accepts chats.
    pub offline_start: OfflineStart,
    /// `routing.agent_disconnect_grace`: how long a vanished agent keeps their chats.
    pub agent_disconnect_grace: Duration,
    /// The same after a router start, for agents who have chats and did not show up.
    pub startup_grace: Duration,
    /// Where groups differ from the license; absent groups follow it.
    pub groups: BTreeMap<GroupId, GroupSettings>,
}

impl Default for RouterSettings {
    fn default() -> Self {
        Self {
            manual: false,
            prefer_recent_agent: true,
            queue_enabled: true,
            queue_limit: Some(100),
            queue_reopen_threshold: 90,
            limit_queue: None,
            limit_queue_continuous: None,
            concurrent_chats: None,
            max_agent_active_chats: None,
            offline_start: OfflineStart::Queue,
            agent_disconnect_grace: Duration::from_secs(15),
            startup_grace: Duration::from_secs(60),
            groups: BTreeMap::new(),
        }
    }
}

impl RouterSettings {
    /// The bound of the line in force.
    pub(super) fn line_limit(&self) -> u32 {
        self.queue_limit.unwrap_or(u32::MAX).min(self.limit_queue.unwrap_or(u32::MAX))
    }
}

/// Where one group differs from its license; `None` follows it (-1 on the wire).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupSettings {
    /// `chats.manual_routing.override`.
    pub manual: Option<bool>,
    /// `chats.queue.enabled.override`.
    pub queue_enabled: Option<bool>,
    /// `chats.queue.reopen_threshold.override`.
    pub queue_reopen_threshold: Option<u32>,
    /// `chats.queue.routing_priority`: chats of the group with the higher number leave the queue first.
    pub routing_priority: i32,
}

/// What a start meets when nobody accepts chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflineStart {
    /// It waits (the seeds: messages reach the offline too).
    Queue,
    /// It is refused unless continuous, as in hosted 3.x.
    Refuse,
}

/// What routing has to know of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRouting {
    /// Who it is.
    pub id: AgentId,
    /// Human or bot.
    pub kind: AgentKind,
    /// Groups and the agent's class in each; group 0 needs no entry.
    pub groups: Vec<(GroupId, Priority)>,
    /// The class in group 0, unless [`Self::groups`] names it.
    pub default_group_priority: Priority,
    /// `max_chats_count`: chats at once.
    pub max_chats: u32,
    /// Suspended agents get nothing.
    pub suspended: bool,
    /// Neither do agents who wait for approval.
    pub awaiting_approval: bool,
    /// What the work scheduler says at the moment; computed outside, where time zones are known.
    pub on_duty: bool,
}

impl AgentRouting {
    /// A human agent with the product's defaults: no group but 0, class normal, six chats, on duty.
    pub fn human(id: AgentId) -> Self {
        Self {
            id,
            kind: AgentKind::Human,
            groups: Vec::new(),
            default_group_priority: Priority::Normal,
            max_chats: 6,
            suspended: false,
            awaiting_approval: false,
            on_duty: true,
        }
    }
}

/// Human or bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// A person.
    Human,
    /// A program; an ordinary candidate, except for chats that ignore bots.
    Bot,
}

/// An agent's class inside a group: a lower one is used only while no higher one has a free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Asked first.
    First,
    /// Asked when no `first` has a free slot.
    Normal,
    /// Asked when nobody else has a free slot.
    Last,
    /// Never given a chat.
    Supervisor,
}

impl Priority {
    /// The classes that are given chats, in their order.
    pub(super) const SERVING: [Self; 3] = [Self::First, Self::Normal, Self::Last];

    /// The class's place among [`Self::SERVING`]; supervisors have none.
    pub(super) fn serving_index(self) -> Option<usize> {
        Self::SERVING.iter().position(|class| *class == self)
    }
}
