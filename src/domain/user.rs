//! Users as they stand in a chat.

use serde::{Deserialize, Serialize};

use super::customer::CustomerProfile;
use super::event::Visibility;
use super::id::UserId;
use super::time::Timestamp;

/// A user of a chat; structures `User:agent` and `User:customer` in the context of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatUser {
    /// Who.
    pub id: UserId,
    /// In the chat now. Agents who left, or whose thread was closed, stay listed as absent.
    pub present: bool,
    /// To whom they show themselves; always `all` for customers.
    pub visibility: Visibility,
    /// Everything up to this moment counts as seen by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_up_to: Option<Timestamp>,
    /// A customer's profile, as last told to the chat. Agents' names come from the license.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<CustomerProfile>,
}

impl ChatUser {
    /// An agent who is in the chat.
    pub fn agent(id: super::id::AgentId, visibility: Visibility) -> Self {
        Self { id: UserId::Agent(id), present: true, visibility, seen_up_to: None, profile: None }
    }

    /// The customer of the chat.
    pub fn customer(id: super::id::CustomerId, profile: CustomerProfile) -> Self {
        Self {
            id: UserId::Customer(id),
            present: true,
            visibility: Visibility::All,
            seen_up_to: None,
            profile: Some(profile),
        }
    }
}
