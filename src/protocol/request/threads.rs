//! Requests about a thread of a chat, or one of its events.

use serde::Deserialize;

use super::ecommerce::{Chosen, document};
use super::value::{IncomingId, Object, event_of};
use super::{Payload, Request};
use crate::domain::id::{ChatId, ThreadId};
use crate::domain::push::Pressed;
use crate::protocol::error::WireError;

#[derive(Deserialize)]
struct Tag {
    chat_id: ChatId,
    thread_id: ThreadId,
    tag: String,
}

/// `tag_thread`.
pub(super) fn tag_thread(payload: Payload<'_>) -> Result<Request, WireError> {
    let Tag { chat_id, thread_id, tag } = payload.read()?;
    let (chat, thread) = (chat_id.checked("chat_id")?, thread_id.checked("thread_id")?);
    Ok(Request::TagThread { chat, thread, tag })
}

/// `untag_thread`.
pub(super) fn untag_thread(payload: Payload<'_>) -> Result<Request, WireError> {
    let Tag { chat_id, thread_id, tag } = payload.read()?;
    let (chat, thread) = (chat_id.checked("chat_id")?, thread_id.checked("thread_id")?);
    Ok(Request::UntagThread { chat, thread, tag })
}

/// `delete_event`.
pub(super) fn delete_event(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
        thread_id: ThreadId,
        event_id: String,
    }
    let wire: Wire = payload.read()?;
    let thread = wire.thread_id.checked("thread_id")?;
    Ok(Request::DeleteEvent {
        chat: wire.chat_id.checked("chat_id")?,
        event: event_of(&thread, wire.event_id)?,
    })
}

/// `send_rich_message_postback`.
pub(super) fn send_rich_message_postback(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Postback {
        id: String,
        toggled: bool,
        button_type: Option<String>,
        button_value: Option<String>,
        ecommerce: Option<Object<Chosen>>,
    }
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
        thread_id: ThreadId,
        event_id: String,
        postback: Object<Postback>,
    }
    let wire: Wire = payload.read()?;
    let thread = wire.thread_id.checked("thread_id")?;
    let Postback { id, toggled, button_type, button_value, ecommerce } = wire.postback.0;
    // An empty text says nothing, and is not told.
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Request::SendRichMessagePostback {
        chat: wire.chat_id.checked("chat_id")?,
        event: event_of(&thread, wire.event_id)?,
        postback: Pressed {
            id,
            toggled,
            button_type: said(button_type),
            button_value: said(button_value),
            ecommerce: ecommerce.as_ref().and_then(document),
        },
    })
}
