//! What the loops of nodes say to each other. JSON, so that nodes of neighbouring versions understand each other: unknown
//! fields are ignored, and who does not know a message says so.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::status::NodeStatus;
use crate::steward::Beat;
use crate::{Incarnation, Shard, ShardRow};

/// From one loop to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Message {
    /// I live, in this state. Answered with [`Answer::Beat`].
    Ping { beat: Beat },
    /// The tables showed me these rows.
    Told { rows: Vec<(Shard, ShardRow)> },
    /// The tables changed: read them.
    Look,
    /// How do you see the cluster? Answered with [`Answer::Status`].
    Status,
    /// Give all your shards away.
    Drain,
    /// Even shares out.
    Rebalance,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Answer {
    /// It was taken.
    Done,
    /// To [`Message::Ping`].
    Beat { beat: Beat },
    /// To [`Message::Status`].
    Status { status: Box<NodeStatus> },
    /// Such a message is not known here, or the loop has ended.
    Unknown,
}

impl Message {
    /// Whether it says that a shard is the peer's.
    pub(super) fn concerns(&self, peer: Incarnation) -> bool {
        matches!(self, Self::Told { rows } if rows.iter().any(|(_, row)| row.owner == peer))
    }

    pub(super) fn encode(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl Answer {
    pub(super) fn encode(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
