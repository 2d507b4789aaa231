//! Pushes about events, and about what people do with them.

use std::borrow::Cow;

use serde::Serialize;

use super::{Rendered, in_chat};
use crate::domain::event::{Event, Visibility};
use crate::domain::id::{ChatId, ThreadId, UserId};
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

impl View<'_> {
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
