//! Requests about who serves a chat, and about agents' readiness.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{IncomingId, Object, check_groups, check_id};
use super::{Payload, Request, RoutingStatus, UserType, Visibility};
use crate::domain::command::TransferTo;
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::protocol::error::WireError;

/// Agents whom one request may name.
const MAX_AGENTS: usize = 100;

/// `transfer_chat`.
pub(super) fn transfer_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum TargetType {
        Group,
        Agent,
    }
    #[derive(Deserialize)]
    struct Target<'a> {
        #[serde(rename = "type")]
        kind: TargetType,
        #[serde(borrow)]
        ids: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Wire<'a> {
        id: ChatId,
        #[serde(borrow)]
        target: Option<Object<Target<'a>>>,
        ignore_agents_availability: Option<bool>,
        ignore_requester_presence: Option<bool>,
    }
    let wire: Wire<'_> = payload.read()?;
    let to = match wire.target {
        None => TransferTo::Anybody,
        Some(Object(Target { kind: TargetType::Group, ids })) => {
            let groups: Vec<GroupId> = target_ids(ids, "ints")?;
            check_groups("target.ids", &groups)?;
            TransferTo::Groups(groups)
        }
        Some(Object(Target { kind: TargetType::Agent, ids })) => {
            let agents: Vec<AgentId> = target_ids(ids, "strings")?;
            if agents.len() > MAX_AGENTS {
                let message = format!("`target.ids` must have at most {MAX_AGENTS} elements");
                return Err(WireError::validation(message));
            }
            agents.iter().try_for_each(|id| check_id("target.ids", id.as_str()))?;
            TransferTo::Agents(agents)
        }
    };
    Ok(Request::TransferChat {
        chat: wire.id.checked("id")?,
        to,
        ignore_agents_availability: wire.ignore_agents_availability.unwrap_or_default(),
        ignore_requester_presence: wire.ignore_requester_presence.unwrap_or_default(),
    })
}

/// What `target.ids` holds depends on `target.type`.
fn target_ids<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, kind: &str) -> Result<Vec<T>, WireError> {
    let raw = raw.ok_or_else(|| WireError::validation("`target.ids` is required"))?;
    serde_json::from_str(raw.get())
        .map_err(|_| WireError::validation(format!("`target.ids` must be of type array of {kind}")))
}

/// `add_user_to_chat`.
pub(super) fn add_user_to_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
        user_id: String,
        user_type: UserType,
        visibility: Visibility,
        ignore_requester_presence: Option<bool>,
    }
    let wire: Wire = payload.read()?;
    Ok(Request::AddUserToChat {
        chat: wire.chat_id.checked("chat_id")?,
        user_id: wire.user_id.checked("user_id")?,
        user_type: wire.user_type,
        visibility: wire.visibility,
        ignore_requester_presence: wire.ignore_requester_presence.unwrap_or_default(),
    })
}

/// `remove_user_from_chat`: a customer cannot be removed.
pub(super) fn remove_user_from_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
        user_id: AgentId,
        user_type: UserType,
        ignore_requester_presence: Option<bool>,
    }
    let wire: Wire = payload.read()?;
    if wire.user_type == UserType::Customer {
        return Err(WireError::validation("`user_type` must be agent: a customer cannot be removed"));
    }
    Ok(Request::RemoveUserFromChat {
        chat: wire.chat_id.checked("chat_id")?,
        agent: wire.user_id.checked("user_id")?,
        ignore_requester_presence: wire.ignore_requester_presence.unwrap_or_default(),
    })
}

/// `set_routing_status`.
pub(super) fn set_routing_status(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        status: RoutingStatus,
        agent_id: Option<AgentId>,
    }
    let wire: Wire = payload.read()?;
    let agent = wire.agent_id.map(|id| id.checked("agent_id")).transpose()?;
    Ok(Request::SetRoutingStatus { status: wire.status, agent })
}

/// `set_away_status`.
pub(super) fn set_away_status(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        away: bool,
    }
    payload.read::<Wire>().map(|Wire { away }| Request::SetAwayStatus { away })
}

/// `request_welcome_message`.
pub(super) fn request_welcome_message(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        id: Option<String>,
        group_id: Option<GroupId>,
    }
    let Wire { id, group_id } = payload.read()?;
    let id = id.map(|id| id.checked("id")).transpose()?;
    Ok(Request::RequestWelcomeMessage { id, group: group_id })
}

/// `list_group_statuses`: all of them, or those that are named.
pub(super) fn list_group_statuses(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        all: Option<bool>,
        group_ids: Option<Vec<GroupId>>,
    }
    let Wire { all, group_ids } = payload.read()?;
    check_groups("group_ids", group_ids.as_deref().unwrap_or_default())?;
    if all.unwrap_or_default() {
        return Ok(Request::ListGroupStatuses(None));
    }
    let wanted = group_ids.ok_or_else(|| WireError::validation("`all` or `group_ids` is required"))?;
    Ok(Request::ListGroupStatuses(Some(wanted)))
}

/// `list_routing_statuses`.
pub(super) fn list_routing_statuses(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Filters {
        group_ids: Option<Vec<GroupId>>,
    }
    #[derive(Deserialize)]
    struct Wire {
        filters: Option<Object<Filters>>,
    }
    let wire: Wire = payload.read()?;
    let group_ids = wire.filters.and_then(|Object(filters)| filters.group_ids);
    check_groups("filters.group_ids", group_ids.as_deref().unwrap_or_default())?;
    Ok(Request::ListRoutingStatuses { group_ids })
}
