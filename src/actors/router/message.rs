//! What a router is asked and told.

use std::collections::HashMap;

use actix::Message;
use serde::{Deserialize, Serialize};
use switchboard_cluster::{Incarnation, Shard};

use super::super::roll::RollCall;
use super::super::{AskError, Origin, SessionId};
use crate::domain::chat::RoutingView;
use crate::domain::command::{Route, RouteRequest};
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::push::QueuePlace;
use crate::domain::routing::DecisionId;

/// Who is to get a chat?
#[derive(Message)]
#[rtype(result = "(Route, DecisionId)")]
pub(super) struct AskRoute {
    pub(super) chat: ChatId,
    /// As in [`Report`]: what the chat is while it asks.
    pub(super) version: u64,
    /// As in [`Report`].
    pub(super) settled: DecisionId,
    pub(super) request: RouteRequest,
}

/// A chat says what it is.
#[derive(Clone, Debug, PartialEq, Eq, Message, Serialize, Deserialize)]
#[rtype(result = "()")]
pub struct Report {
    /// Which.
    pub chat: ChatId,
    /// Grows with every change of the chat.
    pub version: u64,
    /// The last decision that it carried out or refused.
    pub settled: DecisionId,
    /// What it is.
    pub view: RoutingView,
}

/// A session of an agent has begun.
#[derive(Message)]
#[rtype(result = "Status")]
pub(super) struct AgentCame {
    pub(super) agent: AgentId,
    pub(super) session: SessionId,
    /// As in [`RollCall`].
    pub(super) moment: u64,
    pub(super) away: bool,
    pub(super) reconnect: bool,
}

/// A session of an agent has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct AgentLeft {
    pub(super) agent: AgentId,
    pub(super) session: SessionId,
    pub(super) how: Leave,
}

/// How an agent's session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leave {
    /// By `logout`.
    SignedOut,
    /// By somebody else.
    RemotelySignedOut,
    /// The socket is gone; they may come back within the grace time.
    Disconnected,
}

/// An agent's routing status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Takes chats.
    Accepting,
    /// Online, takes none.
    NotAccepting,
    /// Offline; by command only for bots.
    #[default]
    Offline,
}

impl Status {
    /// The status of a name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Accepting, Self::NotAccepting, Self::Offline]
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepting => "accepting_chats",
            Self::NotAccepting => "not_accepting_chats",
            Self::Offline => "offline",
        }
    }
}

/// Sets an agent's status; false if they are offline. An error if what was set is not safe.
#[derive(Message)]
#[rtype(result = "Result<bool, AskError>")]
pub(super) struct SetStatus {
    pub(super) agent: AgentId,
    pub(super) status: Status,
    pub(super) origin: Option<Origin>,
}

/// An agent is away on one connection, or back; false if there is no such session.
#[derive(Message)]
#[rtype(result = "bool")]
pub(super) struct SetAway {
    pub(super) agent: AgentId,
    pub(super) session: SessionId,
    pub(super) away: bool,
}

/// A chat's agent has not answered in time.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Unreplied {
    pub(super) chat: ChatId,
    /// Who had the thread until now.
    pub(super) had_thread: Vec<AgentId>,
}

/// The status of everybody who is not offline.
#[derive(Message)]
#[rtype(result = "HashMap<AgentId, Status>")]
pub(super) struct AskStatuses;

/// Where a chat stands in the queue.
#[derive(Message)]
#[rtype(result = "Option<QueuePlace>")]
pub(super) struct AskPlace {
    pub(super) chat: ChatId,
}

/// The active chats of an agent.
#[derive(Message)]
#[rtype(result = "Vec<ChatId>")]
pub(super) struct AskChats {
    pub(super) agent: AgentId,
}

/// Groups in which somebody accepts chats.
#[derive(Message)]
#[rtype(result = "Vec<GroupId>")]
pub(super) struct AskOnlineGroups;

/// How many chats are active, and how many of them wait.
#[derive(Message)]
#[rtype(result = "(usize, usize)")]
pub(super) struct AskCounts;

/// Everybody who is on a node.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct NodeRoll {
    pub(super) node: Incarnation,
    pub(super) roll: RollCall,
}

/// A node is no more.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct NodeGone(pub(super) Incarnation);

/// A shard has another owner.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ShardMoved(pub(super) Shard);

/// The router is another node's now.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop;
