//! What routers are asked and told, in a form that travels between nodes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use switchboard_cluster::Incarnation;

use super::super::roll::RollCall;
use super::super::{Origin, SessionId};
use super::message::{Leave, Report, Status};
use super::query::{RouterQuery, RouterReply};
use crate::domain::command::{Route, RouteRequest};
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::push::QueuePlace;
use crate::domain::routing::DecisionId;

/// A question, or something to take note of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouterQuestion {
    /// Who is to get a chat?
    Route {
        /// The chat.
        chat: ChatId,
        /// As in its last report.
        version: u64,
        /// As in its last report.
        settled: DecisionId,
        /// What it needs.
        request: RouteRequest,
    },
    /// A session of an agent has begun.
    Came {
        /// Who.
        agent: AgentId,
        /// The session.
        session: SessionId,
        /// As in [`RollCall`].
        moment: u64,
        /// They do not accept chats yet.
        away: bool,
        /// They want the status that they had.
        reconnect: bool,
    },
    /// A session of an agent has ended.
    Left {
        /// Who.
        agent: AgentId,
        /// The session.
        session: SessionId,
        /// In which way.
        how: Leave,
    },
    /// Set an agent's status.
    SetStatus {
        /// Whose.
        agent: AgentId,
        /// To what.
        status: Status,
        /// The request that says so.
        origin: Option<Origin>,
    },
    /// An agent is away on one connection, or back.
    SetAway {
        /// Who.
        agent: AgentId,
        /// On which.
        session: SessionId,
        /// Away, or back.
        away: bool,
    },
    /// A chat's agent has not answered in time.
    Unreplied {
        /// The chat.
        chat: ChatId,
        /// Who had the thread until now.
        had_thread: Vec<AgentId>,
    },
    /// Something that changes nothing.
    Query(RouterQuery),
    /// The status of everybody who is not offline.
    Statuses,
    /// Where a chat stands in the queue.
    QueuePlace {
        /// The chat.
        chat: ChatId,
    },
    /// The active chats of an agent.
    ChatsOf {
        /// Who.
        agent: AgentId,
    },
    /// Groups in which somebody accepts chats.
    OnlineGroups,
    /// Everybody who is on a node.
    Roll {
        /// The node.
        node: Incarnation,
        /// Who.
        roll: RollCall,
    },
    /// What chats are now.
    Reports(Vec<Report>),
}

impl RouterQuestion {
    /// Whether the answer is shown to somebody, or promises something. Chats look by themselves whether a decision counts, and what
    /// is only noted is told again.
    pub(in crate::actors) fn is_told(&self) -> bool {
        match self {
            Self::Came { .. }
            | Self::SetStatus { .. }
            | Self::SetAway { .. }
            | Self::Query(_)
            | Self::Statuses
            | Self::QueuePlace { .. }
            | Self::ChatsOf { .. }
            | Self::OnlineGroups => true,
            Self::Route { .. }
            | Self::Left { .. }
            | Self::Unreplied { .. }
            | Self::Roll { .. }
            | Self::Reports(_) => false,
        }
    }
}

/// What a router answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouterAnswer {
    /// Who gets the chat, and the decision that the chat settles by carrying it out or refusing it.
    Route(Route, DecisionId),
    /// An agent's status now.
    Status(Status),
    /// Statuses by agent.
    Statuses(HashMap<AgentId, Status>),
    /// A place in the queue, if the chat waits.
    Place(Option<QueuePlace>),
    /// Chats.
    Chats(Vec<ChatId>),
    /// Groups.
    Groups(Vec<GroupId>),
    /// To a query.
    Query(Box<RouterReply>),
    /// It is so, or it was done.
    Truth(bool),
    /// Noted, by a router of this term.
    Noted {
        /// The router's epoch.
        term: u64,
    },
}
