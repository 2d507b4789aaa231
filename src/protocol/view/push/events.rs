//! Pushes about events, and about what people do with them.

use std::borrow::Cow;

use serde::Serialize;

use super::{Rendered, in_chat};
use crate::domain::event::{Event, Json, Visibility};
use crate::domain::id::{ChatId, EventId, ThreadId, UserId};
use crate::domain::push::{Pressed, Thought};
use crate::domain::time::Timestamp;
use crate::protocol::time::Rfc3339;
use crate::protocol::view::View;
use crate::protocol::view::event::EventView;

#[derive(Serialize)]
struct Incoming<'a> {
    event: EventView<'a>,
}

#[derive(Serialize)]
struct MarkedAsSeen<'a> {
    user_id: Cow<'a, str>,
    seen_up_to: Rfc3339,
}

#[derive(Serialize)]
struct Typing<'a> {
    typing_indicator: TypingIndicator<'a>,
}

#[derive(Serialize)]
struct TypingIndicator<'a> {
    author_id: Cow<'a, str>,
    /// Agents' word for who may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<Visibility>,
    /// Customers' word for the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<Visibility>,
    timestamp: i64,
    is_typing: bool,
}

#[derive(Serialize)]
struct Peek<'a> {
    sneak_peek: SneakPeek<'a>,
}

#[derive(Serialize)]
struct SneakPeek<'a> {
    author_id: Cow<'a, str>,
    text: &'a str,
    timestamp: i64,
}

#[derive(Serialize)]
struct Deleted<'a> {
    event_id: &'a EventId,
}

#[derive(Serialize)]
struct Postback<'a> {
    user_id: Cow<'a, str>,
    event_id: &'a EventId,
    postback: Button<'a>,
}

#[derive(Serialize)]
struct Button<'a> {
    id: &'a str,
    toggled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    button_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    button_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecommerce: Option<&'a Json>,
}

#[derive(Serialize)]
struct Thinking<'a> {
    author_id: Cow<'a, str>,
    sent_at: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Preview<'a> {
    event: PreviewedEvent<'a>,
}

#[derive(Serialize)]
struct PreviewedEvent<'a> {
    created_at: Rfc3339,
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
    author_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_id: Option<&'a str>,
}

impl View<'_> {
    pub(super) fn event_deleted(&self, chat: &ChatId, event: &EventId) -> Rendered {
        in_chat("event_deleted", chat, Some(&event.thread), Deleted { event_id: event })
    }

    pub(super) fn incoming_rich_message_postback(
        &self,
        chat: &ChatId,
        event: &EventId,
        user: &UserId,
        postback: &Pressed,
    ) -> Rendered {
        let postback = Button {
            id: &postback.id,
            toggled: postback.toggled,
            button_type: postback.button_type.as_deref(),
            button_value: postback.button_value.as_deref(),
            ecommerce: postback.ecommerce.as_ref(),
        };
        let rest = Postback { user_id: self.user_id(user), event_id: event, postback };
        in_chat("incoming_rich_message_postback", chat, Some(&event.thread), rest)
    }

    pub(super) fn incoming_thinking_indicator(
        &self,
        (chat, thread): (&ChatId, &ThreadId),
        author: &UserId,
        visibility: Visibility,
        at: Timestamp,
        thought: &Thought,
    ) -> Rendered {
        if self.is_for_customers() && visibility == Visibility::Agents {
            return None;
        }
        let rest = Thinking {
            author_id: self.user_id(author),
            sent_at: Rfc3339(at),
            title: thought.title.as_deref(),
            description: thought.description.as_deref(),
            custom_id: thought.custom_id.as_deref(),
        };
        in_chat("incoming_thinking_indicator", chat, Some(thread), rest)
    }

    /// Agents have no such push.
    pub(super) fn incoming_event_preview(
        &self,
        (chat, thread): (&ChatId, &ThreadId),
        author: &UserId,
        at: Timestamp,
        text: &str,
        custom_id: Option<&str>,
    ) -> Rendered {
        if !self.is_for_customers() {
            return None;
        }
        let author_id = self.user_id(author);
        let event = PreviewedEvent { created_at: Rfc3339(at), kind: "message", text, author_id, custom_id };
        in_chat("incoming_event_preview", chat, Some(thread), Preview { event })
    }

    pub(super) fn incoming_event(&self, chat: &ChatId, thread: &ThreadId, event: &Event) -> Rendered {
        if !self.shows(event) {
            return None;
        }
        in_chat("incoming_event", chat, Some(thread), Incoming { event: EventView { view: *self, event } })
    }

    pub(super) fn events_marked_as_seen(&self, chat: &ChatId, user: &UserId, up_to: Timestamp) -> Rendered {
        let rest = MarkedAsSeen { user_id: self.user_id(user), seen_up_to: Rfc3339(up_to) };
        in_chat("events_marked_as_seen", chat, None, rest)
    }

    pub(super) fn incoming_typing_indicator(
        &self,
        (chat, thread): (&ChatId, &ThreadId),
        author: &UserId,
        visibility: Visibility,
        at: Timestamp,
        is_typing: bool,
    ) -> Rendered {
        let for_customers = self.is_for_customers();
        if for_customers && visibility == Visibility::Agents {
            return None;
        }
        let typing_indicator = TypingIndicator {
            author_id: self.user_id(author),
            visibility: (!for_customers).then_some(visibility),
            recipients: for_customers.then_some(visibility),
            timestamp: at.unix_seconds(),
            is_typing,
        };
        in_chat("incoming_typing_indicator", chat, Some(thread), Typing { typing_indicator })
    }

    pub(super) fn incoming_sneak_peek(
        &self,
        (chat, thread): (&ChatId, &ThreadId),
        author: &UserId,
        text: &str,
        at: Timestamp,
    ) -> Rendered {
        if self.is_for_customers() {
            return None;
        }
        let sneak_peek = SneakPeek { author_id: self.user_id(author), text, timestamp: at.unix_seconds() };
        in_chat("incoming_sneak_peek", chat, Some(thread), Peek { sneak_peek })
    }
}
