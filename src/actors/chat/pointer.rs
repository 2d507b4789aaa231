//! The cell that says which thread of a chat is the last, and whether it is active. Changes only when a thread
//! opens or closes, or when an inactive chat is first changed under a new term, by compare-and-set.
//!
//! An owner that was superseded may be about to open a thread, and come back at any time: rows of its own are never
//! acknowledged, but its compare-and-set would stand. So nothing is stored in the last thread of an inactive chat before the
//! cell is of the present term: then the former owner finds another cell than it knows. Otherwise its thread would take the
//! place of the last one, with a chat in it that does not know what was acknowledged since.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use switchboard_cluster::Epoch;

use super::super::ChatKey;
use crate::domain::id::ThreadId;
use crate::store::{CellKey, CellTable, StoreError};

/// Where a chat's last thread is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pointer {
    /// The last thread.
    pub(super) last: ThreadId,
    /// Is it active? A closed log with an active pointer is a closing that was cut short.
    pub(super) active: bool,
    /// The thread before it: the last one, should the log of `last` turn out to be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<ThreadId>,
    /// The term under which this was written; none where an earlier build wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) term: Option<Epoch>,
}

impl Pointer {
    pub(super) fn key(chat: &ChatKey) -> CellKey {
        CellKey::new(CellTable::Chats, chat.license, chat.chat.as_str())
    }

    pub(super) fn encode(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).expect("a pointer has a JSON form"))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes).map_err(|error| StoreError::Corrupt {
            what: "a chat's pointer",
            source: Some(std::sync::Arc::new(error)),
        })
    }
}
