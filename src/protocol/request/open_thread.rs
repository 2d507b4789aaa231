//! `start_chat` and `resume_chat`, of both surfaces.

use serde::Deserialize;

use super::event::WireEvent;
use super::value::{IncomingId, Object, check_groups};
use super::{Payload, Request, UserType};
use crate::domain::access::Access;
use crate::domain::event::NewEvent;
use crate::domain::id::{ChatId, GroupId};
use crate::domain::properties::Properties;
use crate::protocol::error::WireError;

/// Events that one request may bring along.
const MAX_EVENTS: usize = 100;
/// Users that one request may name; the domain has the exact limits.
const MAX_USERS: usize = 16;

/// What the opener of a thread asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenThread {
    /// The chat that gets another thread; none for a new chat.
    pub chat_id: Option<ChatId>,
    /// To be set on the chat.
    pub properties: Properties,
    /// The groups that it is open to.
    pub access: Option<Access>,
    /// Users besides the requester.
    pub users: Vec<(UserType, String)>,
    /// Initial events; these may name their author.
    pub events: Vec<NewEvent>,
    /// To be set on the thread.
    pub thread_properties: Properties,
    /// False opens the thread closed.
    pub active: bool,
    /// None keeps the chat's mode.
    pub continuous: Option<bool>,
    /// The welcome that a customer's thread begins with. The protocol's tables do not have it; the vendor's SDK sends it.
    pub welcome_message_id: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    chat: Option<Object<WireChat<'a>>>,
    active: Option<bool>,
    continuous: Option<bool>,
    welcome_message_id: Option<String>,
}

#[derive(Default, Deserialize)]
struct WireChat<'a> {
    id: Option<ChatId>,
    properties: Option<Properties>,
    access: Option<Object<WireAccess>>,
    users: Option<Vec<Object<WireUser>>>,
    #[serde(borrow)]
    thread: Option<Object<WireThread<'a>>>,
}

#[derive(Deserialize)]
struct WireAccess {
    group_ids: Vec<GroupId>,
}

#[derive(Deserialize)]
struct WireUser {
    id: String,
    #[serde(rename = "type")]
    kind: UserType,
}

#[derive(Default, Deserialize)]
struct WireThread<'a> {
    #[serde(borrow)]
    events: Option<Vec<Object<WireEvent<'a>>>>,
    properties: Option<Properties>,
}

/// `start_chat`: an id, which the table does not know here, is ignored.
pub(super) fn start_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    let wire: Wire<'_> = payload.read()?;
    Ok(Request::StartChat(OpenThread { chat_id: None, ..open_thread(payload, wire)? }))
}

/// `resume_chat`.
pub(super) fn resume_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    let wire: Wire<'_> = payload.read()?;
    match &wire.chat {
        None => Err(WireError::validation("`chat` is required")),
        Some(Object(WireChat { id: None, .. })) => Err(WireError::validation("`chat.id` is required")),
        Some(_) => open_thread(payload, wire).map(Request::ResumeChat),
    }
}

fn open_thread(payload: Payload<'_>, wire: Wire<'_>) -> Result<OpenThread, WireError> {
    let Wire { chat, active, continuous, welcome_message_id } = wire;
    let chat = chat.map(|Object(chat)| chat).unwrap_or_default();
    let thread = chat.thread.map(|Object(thread)| thread).unwrap_or_default();
    let wire_events = thread.events.unwrap_or_default();
    at_most("chat.thread.events", wire_events.len(), MAX_EVENTS)?;
    let mut events = Vec::with_capacity(wire_events.len());
    for (position, Object(event)) in wire_events.into_iter().enumerate() {
        events.push(event.into_initial(&format!("chat.thread.events[{position}]"), payload.surface())?);
    }
    Ok(OpenThread {
        chat_id: chat.id.map(|id| id.checked("chat.id")).transpose()?,
        properties: chat.properties.unwrap_or_default(),
        access: chat.access.map(|Object(wire)| access(wire)).transpose()?,
        users: users(chat.users.unwrap_or_default())?,
        events,
        thread_properties: thread.properties.unwrap_or_default(),
        active: active.unwrap_or(true),
        continuous,
        welcome_message_id,
    })
}

fn access(wire: WireAccess) -> Result<Access, WireError> {
    if wire.group_ids.is_empty() {
        return Err(WireError::validation("`chat.access.group_ids` must not be empty"));
    }
    check_groups("chat.access.group_ids", &wire.group_ids)?;
    Ok(Access { group_ids: wire.group_ids })
}

fn users(wire: Vec<Object<WireUser>>) -> Result<Vec<(UserType, String)>, WireError> {
    at_most("chat.users", wire.len(), MAX_USERS)?;
    wire.into_iter().map(|Object(user)| Ok((user.kind, user.id.checked("chat.users.id")?))).collect()
}

fn at_most(path: &str, elements: usize, limit: usize) -> Result<(), WireError> {
    if elements > limit {
        return Err(WireError::validation(format!("`{path}` must have at most {limit} elements")));
    }
    Ok(())
}
