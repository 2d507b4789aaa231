//! A group's row: who of it can take a chat, in order, and which chats wait for it.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::presence::{CustomerGroupStatus, GroupStatus};
use super::queue::{Lane, QueueKey};
use super::ranked::RankedSet;
use super::settings::{AgentKind, Priority};
use super::table::AgentKey;
use super::waits::Waits;
use crate::domain::id::GroupId;

/// The order inside a priority class: fewest chats, then longest without a new one, then by key so that the
/// order is total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) load: u32,
    pub(super) turn: u64,
    pub(super) agent: AgentKey,
}

/// Settings in force in a group: its own, or the license's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GroupRules {
    pub(super) manual: bool,
    pub(super) queue_enabled: bool,
    pub(super) reopen_threshold: u32,
    pub(super) routing_priority: i32,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: GroupId,
    pub(super) rules: GroupRules,
    /// Members who accept and have a slot, by class, then human or bot.
    pools: [[BTreeSet<Rank>; 2]; 3],
    free: [u32; 2],
    pub(super) members: BTreeSet<AgentKey>,
    /// Members who accept chats, with or without a slot.
    pub(super) accepting: BTreeSet<AgentKey>,
    /// Members who are logged in.
    pub(super) present: u32,
    /// Waiting chats, by [`Lane`].
    pub(super) lanes: [RankedSet<QueueKey>; 3],
    /// What [`super::router::Router::ready`] holds of each lane.
    pub(super) ready: [Option<QueueKey>; 3],
    pub(super) waits: Waits,
    /// Starts that were refused.
    pub(super) refused: u64,
    /// The least key from which on positions may have changed since they were last handed out.
    pub(super) moved_from: Option<QueueKey>,
    /// How far the running sweep over changed positions has come.
    pub(super) sweep_from: Option<QueueKey>,
    /// Statuses last handed out; `None` before the first time.
    pub(super) told: Option<(GroupStatus, CustomerGroupStatus)>,
    pub(super) is_stale: bool,
}

impl Group {
    pub(super) fn new(id: GroupId, rules: GroupRules) -> Self {
        Self {
            id,
            rules,
            pools: Default::default(),
            free: [0; 2],
            members: BTreeSet::new(),
            accepting: BTreeSet::new(),
            present: 0,
            lanes: std::array::from_fn(|_| RankedSet::new()),
            ready: [None; 3],
            waits: Waits::default(),
            refused: 0,
            moved_from: None,
            sweep_from: None,
            told: None,
            is_stale: false,
        }
    }

    /// Puts a member into the pool of their class; supervisors have none.
    pub(super) fn pool(&mut self, kind: AgentKind, priority: Priority, rank: Rank) {
        if let Some(class) = priority.serving_index() {
            self.free[kind as usize] += u32::from(self.pools[class][kind as usize].insert(rank));
        }
    }

    /// Takes them out again.
    pub(super) fn unpool(&mut self, kind: AgentKind, priority: Priority, rank: Rank) {
        if let Some(class) = priority.serving_index() {
            self.free[kind as usize] -= u32::from(self.pools[class][kind as usize].remove(&rank));
        }
    }

    /// The members of a class who can take a chat, best first.
    pub(super) fn pooled(&self, class: usize, kind: AgentKind) -> impl Iterator<Item = &Rank> {
        self.pools[class][kind as usize].iter()
    }

    /// Whether some member can take a chat, by their own hand or the router's.
    pub(super) fn has_free(&self, ignore_bots: bool) -> bool {
        self.free[AgentKind::Human as usize] > 0 || (!ignore_bots && self.free[AgentKind::Bot as usize] > 0)
    }

    /// How many chats wait here.
    pub(super) fn waiting(&self) -> u32 {
        self.lanes.iter().map(RankedSet::len).sum()
    }

    /// How many of them are ahead of `key`.
    pub(super) fn ahead_of(&self, key: QueueKey) -> u32 {
        self.lanes.iter().map(|lane| lane.rank(key)).sum()
    }

    /// The first waiting chat at or behind the bound.
    pub(super) fn next_waiting(&self, from: Bound<QueueKey>) -> Option<QueueKey> {
        self.lanes.iter().filter_map(|lane| lane.next(from)).min()
    }

    pub(super) fn lane(&self, lane: Lane) -> &RankedSet<QueueKey> {
        &self.lanes[lane as usize]
    }

    /// What agents are shown.
    pub(super) fn status(&self) -> GroupStatus {
        if !self.accepting.is_empty() {
            GroupStatus::AcceptingChats
        } else if self.present > 0 {
            GroupStatus::NotAcceptingChats
        } else {
            GroupStatus::Offline
        }
    }
}
