//! An agent's row: settings, presence, and how many chats they serve.

use super::group::Rank;
use super::presence::{AgentStatus, LeaveReason};
use super::record::Verdict;
use super::settings::{AgentKind, Priority};
use super::table::{ChatKey, GroupKey};
use crate::domain::id::AgentId;
use crate::domain::time::Timestamp;

#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: AgentId,
    /// False for agents that chats mention and no configuration does: deleted ones, or not told yet.
    pub(super) is_configured: bool,
    pub(super) kind: AgentKind,
    /// Every group with the class in it, group 0 included; empty while not configured.
    pub(super) groups: Vec<(GroupKey, Priority)>,
    /// The agent's own limit; the license's is applied by [`Self::limit`].
    pub(super) max_chats: u32,
    pub(super) suspended: bool,
    pub(super) awaiting_approval: bool,
    pub(super) on_duty: bool,
    pub(super) status: AgentStatus,
    /// True once anybody said anything about the agent's presence to this router.
    pub(super) was_seen: bool,
    /// Why they are offline; decides the reason of what is rerouted after a rebuild.
    pub(super) left: LeaveReason,
    /// When the grace of a lost connection ends; meanwhile they keep their chats and get none.
    pub(super) grace_until: Option<Timestamp>,
    /// Chats that hold a slot: the log says so, or a decision is under way that may make it so.
    pub(super) chats: Vec<ChatKey>,
    /// How many of [`Self::chats`] count against the limit.
    pub(super) load: u32,
    /// Number of the agent's last assignment; 0 = none yet. Lower has waited longer.
    pub(super) turn: u64,
    /// Where the agent stands in the pools of their groups, if they can take a chat.
    pub(super) pooled: Option<Rank>,
}

impl Agent {
    pub(super) fn new(id: AgentId) -> Self {
        Self {
            id,
            is_configured: false,
            kind: AgentKind::Human,
            groups: Vec::new(),
            max_chats: 0,
            suspended: false,
            awaiting_approval: false,
            on_duty: false,
            status: AgentStatus::Offline,
            was_seen: false,
            left: LeaveReason::Other,
            grace_until: None,
            chats: Vec::new(),
            load: 0,
            turn: 0,
            pooled: None,
        }
    }

    /// The limit in force. The license-wide one is meant for people; a bot's own may be hundreds.
    pub(super) fn limit(&self, license_wide: Option<u32>) -> u32 {
        match self.kind {
            AgentKind::Human => self.max_chats.min(license_wide.unwrap_or(u32::MAX)),
            AgentKind::Bot => self.max_chats,
        }
    }

    /// What keeps the agent from accepting chats, whatever their number; `None` = accepts.
    pub(super) fn not_accepting_because(&self) -> Option<Verdict> {
        if !self.is_configured {
            return Some(Verdict::Deleted);
        }
        if self.suspended {
            return Some(Verdict::Suspended);
        }
        if self.awaiting_approval {
            return Some(Verdict::AwaitingApproval);
        }
        if self.grace_until.is_some() {
            return Some(Verdict::Vanished);
        }
        match self.status {
            AgentStatus::Offline => Some(Verdict::Offline),
            AgentStatus::NotAcceptingChats => Some(Verdict::NotAccepting),
            AgentStatus::AcceptingChats if !self.on_duty => Some(Verdict::OffDuty),
            AgentStatus::AcceptingChats => None,
        }
    }

    /// Logged in, or gone so shortly that nobody has been told; who is suspended counts as gone.
    pub(super) fn is_present(&self) -> bool {
        self.is_configured
            && !self.suspended
            && (self.status != AgentStatus::Offline || self.grace_until.is_some())
    }

    pub(super) fn priority_in(&self, group: GroupKey) -> Option<Priority> {
        self.groups.iter().find(|(key, _)| *key == group).map(|(_, priority)| *priority)
    }
}
