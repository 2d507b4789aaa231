//! What the router wants done, and why; its actor carries it out.
//!
//! Every [`Effect`] that concerns a chat bears a [`DecisionId`]. The chat's owner carries a decision out or
//! refuses it, at most once and never an older one after a newer one, and then reports the chat's state with
//! [`super::ChatState::settled`] at least that id. An owner that cannot say yet whether an append worked stays
//! silent; the router then asks.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::presence::LeaveReason;
use super::record::DecisionRecord;
use crate::domain::id::{AgentId, ChatId};
use crate::domain::time::Timestamp;

/// Names one decision of one router; a later router's ids are all greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DecisionId {
    /// The router's epoch.
    pub epoch: u64,
    /// Counts the router's decisions from 1; 0 is before the first.
    pub number: u64,
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

/// One thing to do. The order in the list is the order to do them in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The chat's owner adds `agent` and removes `replaces`, in one append.
    Assign {
        /// The chat.
        chat: ChatId,
        /// Who gets it; a slot is reserved until the decision is settled.
        agent: AgentId,
        /// Agents whose place is taken; some may not be in the chat (any more).
        replaces: Vec<AgentId>,
        /// What to settle.
        decision: DecisionId,
        /// Why.
        cause: Cause,
        /// How long the chat was in the queue, if it comes from there.
        waited: Option<Duration>,
    },
    /// The chat's owner removes `replaces` and notes the queue data.
    Queue {
        /// The chat.
        chat: ChatId,
        /// Agents who lose it.
        replaces: Vec<AgentId>,
        /// What to settle.
        decision: DecisionId,
        /// Why.
        cause: Cause,
        /// Where it stands.
        place: QueuePlace,
    },
    /// The chat's owner closes the active thread.
    Archive {
        /// The chat.
        chat: ChatId,
        /// Agents who lose it.
        replaces: Vec<AgentId>,
        /// What to settle.
        decision: DecisionId,
        /// Why.
        cause: Cause,
    },
    /// The chat's owner answers with the state of the chat's log, `settled` being `decision` or later: what it
    /// has not carried out of `decision` by then it must refuse for ever.
    AskChat {
        /// The chat.
        chat: ChatId,
        /// The decision that is open.
        decision: DecisionId,
    },
    /// To be kept for those who ask why.
    Decided(DecisionRecord),
}

/// A chat's place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    /// From 1: one more than the chats ahead in the shortest queue among the chat's groups.
    pub position: u32,
    /// An estimate in seconds: position × the mean time between two departures from that queue, of late.
    pub wait_time: u32,
    /// Since when; the chat's log takes this value.
    pub queued_at: Timestamp,
}

/// Why a chat moves; picks the system message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A new thread.
    Started,
    /// A slot became free for the head of the queue.
    SlotFreed,
    /// The agent went away.
    AgentLeft(LeaveReason),
    /// The agent did not answer in time.
    Inactive,
    /// Somebody transferred the chat.
    Transferred,
    /// An agent took or started it by hand.
    ByHand,
    /// The chat was waiting and nobody is logged in any more.
    NobodyOnline,
}

impl Cause {
    /// The system message of an assignment; a transfer writes its own.
    pub fn assigned_message(self) -> Option<&'static str> {
        match self {
            Self::Transferred => None,
            Self::Started | Self::SlotFreed | Self::ByHand | Self::NobodyOnline => Some("routing.assigned"),
            Self::Inactive => Some("routing.assigned_inactive"),
            Self::AgentLeft(reason) => Some(match reason {
                LeaveReason::SignedOut => "routing.assigned_signed_out",
                LeaveReason::RemotelySignedOut => "routing.assigned_remotely_signed_out",
                LeaveReason::Disconnected => "routing.assigned_disconnected",
                LeaveReason::Deleted => "routing.assigned_deleted",
                LeaveReason::Suspended | LeaveReason::Other => "routing.assigned_other",
            }),
        }
    }

    /// The system message of a move into the queue; a transfer writes its own.
    pub fn unassigned_message(self) -> Option<&'static str> {
        match self {
            Self::Transferred => None,
            Self::Started | Self::SlotFreed | Self::ByHand | Self::NobodyOnline | Self::Inactive => {
                Some("routing.unassigned")
            }
            Self::AgentLeft(reason) => Some(match reason {
                LeaveReason::SignedOut => "routing.unassigned_signed_out",
                LeaveReason::RemotelySignedOut => "routing.unassigned_remotely_signed_out",
                LeaveReason::Disconnected => "routing.unassigned_disconnected",
                LeaveReason::Deleted => "routing.unassigned_deleted",
                LeaveReason::Suspended | LeaveReason::Other => "routing.unassigned_other",
            }),
        }
    }

    /// The system message of a thread that the router closes.
    pub fn archived_message(self) -> &'static str {
        match self {
            Self::NobodyOnline => "routing.archived_offline",
            Self::Inactive => "routing.archived_inactive",
            Self::AgentLeft(LeaveReason::SignedOut) => "routing.archived_signed_out",
            Self::AgentLeft(LeaveReason::RemotelySignedOut) => "routing.archived_remotely_signed_out",
            Self::AgentLeft(LeaveReason::Disconnected) => "routing.archived_disconnected",
            Self::AgentLeft(LeaveReason::Deleted) => "routing.archived_deleted",
            Self::AgentLeft(LeaveReason::Suspended | LeaveReason::Other)
            | Self::Started
            | Self::SlotFreed
            | Self::Transferred
            | Self::ByHand => "routing.archived_other",
        }
    }

    /// `reason` of the `chat_transferred` push, for an assignment (`true`) or a move into the queue.
    pub fn transfer_reason(self, assigned: bool) -> &'static str {
        match self {
            Self::Transferred => "manual",
            Self::Inactive => "inactive",
            Self::AgentLeft(_) => "other",
            _ if assigned => "assigned",
            _ => "unassigned",
        }
    }
}
