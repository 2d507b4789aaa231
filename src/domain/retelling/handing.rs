//! By what a chat came to somebody else, as the row says that did it: the changes of a router's word, of a transfer by hand and of
//! an agent who joins are alike, and what is told is not.

use crate::domain::access::Access;
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::EventBody;
use crate::domain::id::AgentId;
use crate::domain::properties::{self, Properties};
use crate::domain::push::{TransferReason, TransferTarget};

/// Who handed the chat to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handing<'a> {
    /// The router, to the agent who is assigned.
    ByRouter {
        /// Why.
        reason: TransferReason,
        /// Who had it, and was taken out for it.
        earlier: Option<&'a AgentId>,
    },
    /// An agent.
    ByHand {
        /// To these groups, if it was open to others.
        access: Option<&'a Access>,
        /// To this agent; none: it waits.
        agent: Option<&'a AgentId>,
    },
}

impl<'a> Handing<'a> {
    /// What the changes of a row say of it; none if they hand nothing to anybody.
    pub(super) fn of(changes: &'a [Change]) -> Option<Self> {
        let agent = changes.iter().find_map(|change| match change {
            Change::Assigned(agent) => Some(agent),
            _ => None,
        });
        let is_by_hand = |change: &Change| matches!(change, Change::PropertiesSet { properties, .. } if is_stamp(properties));
        if changes.iter().any(is_by_hand) {
            let access = changes.iter().find_map(|change| match change {
                Change::AccessSet(access) => Some(access),
                _ => None,
            });
            return Some(Self::ByHand { access, agent });
        }
        agent?;
        let reason = changes.iter().find_map(reason_said)?;
        let earlier = changes.iter().find_map(|change| match change {
            Change::UserRemoved(user) => user.agent(),
            _ => None,
        });
        Some(Self::ByRouter { reason, earlier })
    }

    /// Who had the chat before.
    pub(super) fn from(&self, before: &Chat) -> TransferTarget {
        let agent_ids = match self {
            Self::ByRouter { earlier, .. } => earlier.iter().copied().cloned().collect(),
            Self::ByHand { .. } => before.serving_agents().cloned().collect(),
        };
        TransferTarget { group_ids: before.access.group_ids.clone(), agent_ids }
    }
}

/// Every transfer by hand sets it, and nothing else does.
pub(super) fn is_stamp(properties: &Properties) -> bool {
    properties::get(properties, "routing", "last_transfer_timestamp").is_some()
}

/// The reason that the router's own message gives.
fn reason_said(change: &Change) -> Option<TransferReason> {
    let Change::EventAdded(event) = change else { return None };
    let EventBody::SystemMessage(message) = &event.body else { return None };
    match &*message.system_message_type {
        "routing.assigned" => Some(TransferReason::Assigned),
        "routing.assigned_inactive" => Some(TransferReason::Inactive),
        kind if kind.starts_with("routing.assigned_") => Some(TransferReason::Other),
        _ => None,
    }
}
