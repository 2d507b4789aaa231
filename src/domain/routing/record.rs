//! The small record that every decision leaves, for those who ask why.

use serde::{Deserialize, Serialize};

use super::effect::DecisionId;
use super::presence::LeaveReason;
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::time::Timestamp;

/// Most agents that a record names. The rest of a large group would say the same again.
pub const CONSIDERED_CAP: usize = 5;

/// One decision: what was asked, who was considered, what decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The decision, as the effects name it.
    pub id: DecisionId,
    /// When it was made.
    pub at: Timestamp,
    /// About which chat.
    pub chat: ChatId,
    /// The groups it was routed in.
    pub groups: Vec<GroupId>,
    /// What was asked.
    pub question: Question,
    /// Agents and what spoke for or against each, at most [`CONSIDERED_CAP`].
    pub considered: Vec<Considered>,
    /// The rule that decided.
    pub rule: Rule,
    /// What came of it.
    pub outcome: Outcome,
}

/// What the router was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Who gets the new thread?
    Start,
    /// A slot is free: for whom?
    SlotFreed,
    /// The agent is gone: who gets the chat?
    AgentLeft(AgentId, LeaveReason),
    /// The agent does not answer: who else?
    Unreplied,
    /// Where does the transferred chat go?
    Transfer,
    /// May the agent have it?
    ByHand(AgentId),
    /// Nobody is logged in any more: may it go on waiting?
    NobodyOnline,
}

/// One agent and the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// The agent.
    pub agent: AgentId,
    /// Their served chats at that moment.
    pub chats: u32,
    /// What spoke for or against them.
    pub verdict: Verdict,
}

/// What spoke for or against an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Got the chat.
    Chosen,
    /// Could have served; is in a lower priority class.
    LowerPriority,
    /// Could have served; has more chats.
    MoreChats,
    /// Could have served; as many chats, but got the last one later.
    ServedLater,
    /// Could have served; another rule went first.
    NotAsked,
    /// At their limit.
    NoSlot,
    /// Logged in, takes no chats.
    NotAccepting,
    /// Lost the connection a moment ago.
    Vanished,
    /// Not logged in.
    Offline,
    /// Outside working hours.
    OffDuty,
    /// Suspended.
    Suspended,
    /// Waits for approval.
    AwaitingApproval,
    /// No longer an agent of the license.
    Deleted,
    /// A supervisor in the chat's groups.
    Supervisor,
    /// Not in the chat's groups.
    NotInGroup,
    /// In a group where agents pick chats themselves.
    ManualGroup,
    /// A bot, and the chat ignores bots.
    BotIgnored,
    /// Had this thread before.
    HadThread,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The returning customer's last agent.
    RecentAgent,
    /// Fewest chats in the best class with a free slot.
    FewestChats,
    /// As that, and among equals the one whose last chat came longest ago.
    LongestWithoutChat,
    /// The agent wanted it.
    ByHand,
    /// The transfer named the agent; slot limits do not matter.
    NamedAgent,
    /// The license has as many chats as it may.
    LicenseLimit,
    /// Agents pick chats themselves.
    ManualMode,
    /// Agents accept chats, none has a slot for this one.
    NobodyFree,
    /// No agent of the groups accepts chats.
    NobodyAccepting,
    /// No agent of the groups is logged in.
    NobodyOnline,
    /// The queue is off.
    QueueOff,
    /// The queue is full, or was and has not shrunk enough.
    QueueFull,
    /// The router has not yet heard of all chats.
    Rebuilding,
    /// The chat says `routing.ignore_agents_routing`.
    LeftAlone,
    /// Nobody to be served.
    NoCustomer,
    /// Somebody serves it already.
    AlreadyServed,
    /// The agent shares no group with the chat.
    NoAccess,
    /// The chat does not wait.
    NotWaiting,
    /// Nobody else can take it.
    NobodyElse,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The agent gets it.
    Assigned(AgentId),
    /// It waits, at this position.
    Queued(u32),
    /// Its thread is closed.
    Archived,
    /// The caller's wish is refused.
    Refused,
    /// The router does not touch it.
    Unrouted,
    /// It stays where it is.
    Stays,
}
