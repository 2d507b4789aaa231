//! `update_…_properties` and `delete_…_properties` of chats, threads and events.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::value::{IncomingId, event_of};
use super::{Payload, Request};
use crate::domain::change::Target;
use crate::domain::id::{ChatId, ThreadId};
use crate::domain::properties::{Properties, PropertyNames};
use crate::protocol::error::WireError;

#[derive(Deserialize)]
struct OfChat<P> {
    id: ChatId,
    properties: P,
}

#[derive(Deserialize)]
struct OfThread<P> {
    chat_id: ChatId,
    thread_id: ThreadId,
    properties: P,
}

#[derive(Deserialize)]
struct OfEvent<P> {
    chat_id: ChatId,
    thread_id: ThreadId,
    event_id: String,
    properties: P,
}

/// Where the properties stand, and which.
struct Addressed<P> {
    chat: ChatId,
    target: Target,
    properties: P,
}

fn of_chat<P: DeserializeOwned>(payload: Payload<'_>) -> Result<Addressed<P>, WireError> {
    let wire: OfChat<P> = payload.read()?;
    Ok(Addressed { chat: wire.id.checked("id")?, target: Target::Chat, properties: wire.properties })
}

fn of_thread<P: DeserializeOwned>(payload: Payload<'_>) -> Result<Addressed<P>, WireError> {
    let wire: OfThread<P> = payload.read()?;
    Ok(Addressed {
        chat: wire.chat_id.checked("chat_id")?,
        target: Target::Thread(wire.thread_id.checked("thread_id")?),
        properties: wire.properties,
    })
}

fn of_event<P: DeserializeOwned>(payload: Payload<'_>) -> Result<Addressed<P>, WireError> {
    let wire: OfEvent<P> = payload.read()?;
    let thread = wire.thread_id.checked("thread_id")?;
    let event = event_of(&thread, wire.event_id)?;
    Ok(Addressed {
        chat: wire.chat_id.checked("chat_id")?,
        target: Target::Event(event),
        properties: wire.properties,
    })
}

fn update(addressed: Addressed<Properties>) -> Request {
    let Addressed { chat, target, properties } = addressed;
    Request::UpdateProperties { chat, target, properties }
}

fn delete(addressed: Addressed<PropertyNames>) -> Request {
    let Addressed { chat, target, properties: names } = addressed;
    Request::DeleteProperties { chat, target, names }
}

/// `update_chat_properties`.
pub(super) fn update_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    of_chat(payload).map(update)
}

/// `delete_chat_properties`.
pub(super) fn delete_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    of_chat(payload).map(delete)
}

/// `update_thread_properties`.
pub(super) fn update_thread(payload: Payload<'_>) -> Result<Request, WireError> {
    of_thread(payload).map(update)
}

/// `delete_thread_properties`.
pub(super) fn delete_thread(payload: Payload<'_>) -> Result<Request, WireError> {
    of_thread(payload).map(delete)
}

/// `update_event_properties`.
pub(super) fn update_event(payload: Payload<'_>) -> Result<Request, WireError> {
    of_event(payload).map(update)
}

/// `delete_event_properties`.
pub(super) fn delete_event(payload: Payload<'_>) -> Result<Request, WireError> {
    of_event(payload).map(delete)
}
