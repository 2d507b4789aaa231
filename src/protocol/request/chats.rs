//! Requests that name a chat and little more.

use std::borrow::Cow;

use serde::Deserialize;

use super::value::{IncomingId, moment};
use super::{Payload, Request, Surface, Visibility};
use crate::domain::id::{ChatId, ThreadId};
use crate::domain::push::Thought;
use crate::protocol::error::WireError;

/// `deactivate_chat`: customers' presence is not asked about.
pub(super) fn deactivate_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        id: ChatId,
        ignore_requester_presence: Option<bool>,
    }
    let wire: Wire = payload.read()?;
    let ignore = payload.surface() == Surface::Agent && wire.ignore_requester_presence.unwrap_or_default();
    Ok(Request::DeactivateChat { chat: wire.id.checked("id")?, ignore_requester_presence: ignore })
}

/// `get_chat`.
pub(super) fn get_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
        thread_id: Option<ThreadId>,
    }
    let wire: Wire = payload.read()?;
    let thread = wire.thread_id.map(|id| id.checked("thread_id")).transpose()?;
    Ok(Request::GetChat { chat: wire.chat_id.checked("chat_id")?, thread })
}

#[derive(Deserialize)]
struct OnlyId {
    id: ChatId,
}

/// `follow_chat`.
pub(super) fn follow_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    let wire: OnlyId = payload.read()?;
    Ok(Request::FollowChat { chat: wire.id.checked("id")? })
}

/// `unfollow_chat`.
pub(super) fn unfollow_chat(payload: Payload<'_>) -> Result<Request, WireError> {
    let wire: OnlyId = payload.read()?;
    Ok(Request::UnfollowChat { chat: wire.id.checked("id")? })
}

/// `mark_events_as_seen`.
pub(super) fn mark_events_as_seen(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        chat_id: ChatId,
        #[serde(borrow)]
        seen_up_to: Cow<'a, str>,
    }
    let wire: Wire<'_> = payload.read()?;
    let seen_up_to = moment("seen_up_to", &wire.seen_up_to)?;
    Ok(Request::MarkEventsAsSeen { chat: wire.chat_id.checked("chat_id")?, seen_up_to })
}

/// `send_typing_indicator`.
pub(super) fn send_typing_indicator(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
        visibility: Option<Visibility>,
        is_typing: bool,
    }
    let wire: Wire = payload.read()?;
    Ok(Request::SendTypingIndicator {
        chat: wire.chat_id.checked("chat_id")?,
        visibility: wire.visibility.unwrap_or_default(),
        is_typing: wire.is_typing,
    })
}

/// `send_thinking_indicator`.
pub(super) fn send_thinking_indicator(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
        title: Option<String>,
        description: Option<String>,
        visibility: Option<Visibility>,
        custom_id: Option<String>,
    }
    let Wire { chat_id, title, description, visibility, custom_id } = payload.read()?;
    // An empty text says nothing, and is not told.
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Request::SendThinkingIndicator {
        chat: chat_id.checked("chat_id")?,
        visibility: visibility.unwrap_or_default(),
        thought: Thought { title: said(title), description: said(description), custom_id: said(custom_id) },
    })
}

/// `list_agents_for_transfer`.
pub(super) fn list_agents_for_transfer(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
    }
    let wire: Wire = payload.read()?;
    Ok(Request::ListAgentsForTransfer { chat: wire.chat_id.checked("chat_id")? })
}

/// `send_sneak_peek`.
pub(super) fn send_sneak_peek(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        chat_id: ChatId,
        sneak_peek_text: String,
    }
    let wire: Wire = payload.read()?;
    Ok(Request::SendSneakPeek { chat: wire.chat_id.checked("chat_id")?, text: wire.sneak_peek_text })
}
