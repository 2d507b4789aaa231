//! The cell that says which thread of a chat is the last, and whether it is active. Changes only when a thread
//! opens or closes, by compare-and-set.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

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
