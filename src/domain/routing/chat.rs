//! A chat's row: what its log said last, what was decided and is not settled yet, and where it waits.

use super::effect::DecisionId;
use super::queue::{Lane, QueueKey};
use super::table::{AgentKey, GroupKey};
use crate::domain::id::ChatId;
use crate::domain::time::Timestamp;

#[derive(Debug)]
pub(super) struct Chat {
    pub(super) id: ChatId,
    /// Order in which this router met the chats' threads; rerouting goes by it.
    pub(super) number: u64,
    /// Reports of a lower version are old.
    pub(super) min_version: u64,
    /// False from a request until the log first shows the thread.
    pub(super) was_reported: bool,
    pub(super) active: bool,
    pub(super) groups: Vec<GroupKey>,
    /// Agents whom the log shows as serving (visibility `all`).
    pub(super) members: Vec<AgentKey>,
    /// Slots held by decisions that the log may or may not show yet.
    pub(super) claims: Vec<(AgentKey, DecisionId)>,
    /// The last decision, until it is settled.
    pub(super) pending: Option<Pending>,
    /// The last decision that was settled.
    pub(super) settled: DecisionId,
    pub(super) queued: Option<Place>,
    pub(super) idle: bool,
    pub(super) has_customer: bool,
    pub(super) continuous: bool,
    pub(super) is_left_alone: bool,
    pub(super) ignore_bots: bool,
    /// Agents whom this wait must not end with: they left the chat themselves or did not answer in it.
    pub(super) excluded: Vec<AgentKey>,
}

/// A decision that is not settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) decision: DecisionId,
    pub(super) goal: Goal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Serve(AgentKey),
    Wait,
    Archive,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) key: QueueKey,
    pub(super) lane: Lane,
    /// Counts against the bound of continuous chats instead of the line's.
    pub(super) is_open_ended: bool,
    /// The position that the customer was told last.
    pub(super) told: u32,
}

impl Chat {
    pub(super) fn new(id: ChatId, number: u64) -> Self {
        Self {
            id,
            number,
            min_version: 0,
            was_reported: false,
            active: true,
            groups: Vec::new(),
            members: Vec::new(),
            claims: Vec::new(),
            pending: None,
            settled: DecisionId::default(),
            queued: None,
            idle: false,
            has_customer: true,
            continuous: false,
            is_left_alone: false,
            ignore_bots: false,
            excluded: Vec::new(),
        }
    }

    /// Agents who have a slot taken by this chat, each once.
    pub(super) fn holders(&self) -> impl Iterator<Item = AgentKey> {
        let claimed = self.claims.iter().enumerate().filter_map(|(at, (agent, _))| {
            let is_known = self.members.contains(agent) || self.claims[..at].iter().any(|(a, _)| a == agent);
            (!is_known).then_some(*agent)
        });
        self.members.iter().copied().chain(claimed)
    }

    /// Whether it counts against its agents' limits: idle chats and chats without a customer do not.
    pub(super) fn takes_slot(&self) -> bool {
        self.active && !self.idle && self.has_customer
    }

    /// Whether it counts against the license's limit.
    pub(super) fn is_served(&self) -> bool {
        self.active && self.has_customer && !(self.members.is_empty() && self.claims.is_empty())
    }

    /// Whether the router looks after it at all.
    pub(super) fn is_routed(&self) -> bool {
        self.active && self.has_customer && !self.is_left_alone
    }

    pub(super) fn lane(&self) -> Lane {
        if !self.excluded.is_empty() {
            Lane::Picky
        } else if self.ignore_bots {
            Lane::Humans
        } else {
            Lane::Anybody
        }
    }

    pub(super) fn waited(&self, now: Timestamp) -> Option<std::time::Duration> {
        self.queued.map(|place| now.since(place.key.queued_at))
    }
}
