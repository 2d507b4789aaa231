//! Every way the domain says no. A variant is an error type of the protocol (tables, `errors`).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::text::{self, Text};

/// Why a command was refused. Nothing was altered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// A parameter has a wrong value.
    #[error("`{field}`: {reason}")]
    Validation {
        /// Path of the parameter.
        #[serde(deserialize_with = "text::known")]
        field: Text,
        /// What is wrong, as the client should read it.
        reason: String,
    },
    /// The chat, thread, event, user or customer does not exist, or belongs to another license.
    #[error("{0} not found")]
    NotFound(#[serde(deserialize_with = "text::known")] Text),
    /// The requester cannot reach the resource with their scopes and groups, or is not in the chat.
    #[error("{0}")]
    MissingAccess(#[serde(deserialize_with = "text::known")] Text),
    /// The requester may not do this.
    #[error("{0}")]
    Authorization(#[serde(deserialize_with = "text::known")] Text),
    /// The requester may do this, but not here.
    #[error("{0}")]
    NotAllowed(#[serde(deserialize_with = "text::known")] Text),
    /// The command needs an active thread and the chat has none.
    #[error("chat is inactive")]
    ChatInactive,
    /// The change would break a limit.
    #[error("{0}")]
    LimitReached(#[serde(deserialize_with = "text::known")] Text),
    /// The agent concerned is offline.
    #[error("agent is offline")]
    AgentOffline,
    /// Every group that the chat would go to is offline.
    #[error("groups are offline")]
    GroupsOffline,
    /// The request names a group that does not exist.
    #[error("group {0} not found")]
    GroupNotFound(i64),
    /// The customer is banned.
    #[error("customer is banned")]
    CustomerBanned,
}

impl Rejection {
    /// A parameter has a wrong value.
    pub fn validation(field: Text, reason: impl Into<String>) -> Self {
        Self::Validation { field, reason: reason.into() }
    }
}
