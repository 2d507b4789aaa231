//! `multicast`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{IncomingId, Object, check_groups, check_readable};
use super::{Payload, Request};
use crate::domain::event::Json;
use crate::domain::id::{AgentId, GroupId};
use crate::protocol::error::WireError;

/// Agents whom one request may name.
const MAX_AGENTS: usize = 1_000;
/// Bytes of the content.
const MAX_CONTENT: usize = 16 * 1_024;
/// Bytes of the label.
const MAX_TYPE: usize = 1_024;

/// Something that is told to agents of the license, and not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multicast {
    /// To every agent.
    pub all: bool,
    /// To these.
    pub agents: Vec<AgentId>,
    /// To all who are in one of these.
    pub groups: Vec<GroupId>,
    /// What is told.
    pub content: Json,
    /// A label of the sender's choice.
    pub kind: Option<String>,
}

/// `multicast`: at least one kind of recipients must be given.
pub(super) fn multicast(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Agents {
        all: Option<bool>,
        ids: Option<Vec<AgentId>>,
        groups: Option<Vec<GroupId>>,
    }
    #[derive(Deserialize)]
    struct Recipients {
        agents: Option<Object<Agents>>,
    }
    #[derive(Deserialize)]
    struct Wire<'a> {
        recipients: Object<Recipients>,
        #[serde(borrow)]
        content: Option<&'a RawValue>,
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let wire: Wire<'_> = payload.read()?;
    let nobody = Object(Agents { all: None, ids: None, groups: None });
    let Object(agents) = wire.recipients.0.agents.unwrap_or(nobody);
    let (all, ids, groups) =
        (agents.all.unwrap_or_default(), agents.ids.unwrap_or_default(), agents.groups.unwrap_or_default());
    if !all && ids.is_empty() && groups.is_empty() {
        let fields = "recipients.agents.all, recipients.agents.ids, recipients.agents.groups";
        return Err(WireError::validation(format!("at least one of {fields} is required")));
    }
    if ids.len() > MAX_AGENTS {
        let message = format!("`recipients.agents.ids` must have at most {MAX_AGENTS} elements");
        return Err(WireError::validation(message));
    }
    check_groups("recipients.agents.groups", &groups)?;
    let content = wire.content.ok_or_else(|| WireError::validation("`content` is required"))?;
    if content.get().len() > MAX_CONTENT {
        return Err(WireError::validation(format!("`content` must have at most {MAX_CONTENT} bytes")));
    }
    check_readable("content", content)?;
    if wire.kind.as_ref().is_some_and(|kind| kind.len() > MAX_TYPE) {
        return Err(WireError::validation(format!("`type` must have at most {MAX_TYPE} bytes")));
    }
    let ids = ids.into_iter().map(|id| id.checked("recipients.agents.ids"));
    Ok(Request::Multicast(Multicast {
        all,
        agents: ids.collect::<Result<_, _>>()?,
        groups,
        content: Json(content.to_owned()),
        kind: wire.kind.filter(|kind| !kind.is_empty()),
    }))
}
