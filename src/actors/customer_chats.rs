//! What is stored of which chats a customer has.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::customer::has_room;
use crate::domain::id::{ChatId, CustomerId, LicenseId};
use crate::store::{CellKey, CellTable, Store, StoreError, change_record};

/// What the record is called if it cannot be read.
const WHAT: &str = "a customer's chats";

/// The chats of a customer, oldest first. One that is started stands here before it is opened; one whose log is empty was
/// never opened, and is opened by whoever finds it. One that they are brought into stands here once they are in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerChats {
    /// Their ids.
    pub chats: Vec<ChatId>,
}

fn key(license: LicenseId, customer: &CustomerId) -> CellKey {
    CellKey::new(CellTable::Customers, license, customer.as_str())
}

/// The chats of a customer.
///
/// # Errors
/// The store's.
pub async fn read(
    store: &dyn Store,
    license: LicenseId,
    customer: &CustomerId,
) -> Result<CustomerChats, StoreError> {
    let Some(cell) = store.read_cell(&key(license, customer)).await? else {
        return Ok(CustomerChats::default());
    };
    serde_json::from_slice(&cell)
        .map_err(|error| StoreError::Corrupt { what: WHAT, source: Some(Arc::new(error)) })
}

/// Adds a chat to a customer's chats, unless they have `limit` already (none: no limit). The answer is what they have now; the chat
/// is among them if it was added.
///
/// # Errors
/// The store's.
pub async fn add(
    store: &dyn Store,
    license: LicenseId,
    customer: &CustomerId,
    chat: &ChatId,
    limit: Option<u32>,
) -> Result<CustomerChats, StoreError> {
    let add = |found: &Option<CustomerChats>| {
        let mut chats = found.clone().unwrap_or_default();
        if has_room(chats.chats.len(), limit) && !chats.chats.contains(chat) {
            chats.chats.push(chat.clone());
        }
        chats
    };
    change_record(store, &key(license, customer), WHAT, add).await
}
