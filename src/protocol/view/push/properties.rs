//! Pushes about properties: only what was touched, and of that only what the reader may see.

use serde::Serialize;

use super::{Rendered, in_chat};
use crate::domain::id::{ChatId, EventId, ThreadId};
use crate::domain::properties::{Properties, PropertyNames};
use crate::domain::property_definitions::Location;
use crate::protocol::view::View;
use crate::protocol::view::properties::Readable;

/// What the properties belong to.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Chat,
    Thread(&'a ThreadId),
    Event(&'a EventId),
}

#[derive(Serialize)]
struct Touched<'a, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a EventId>,
    properties: P,
}

impl<'a> Place<'a> {
    fn location(self) -> Location {
        match self {
            Self::Chat => Location::Chat,
            Self::Thread(_) => Location::Thread,
            Self::Event(_) => Location::Event,
        }
    }

    fn render<P: Serialize>(self, action: &'static str, chat: &ChatId, properties: P) -> Rendered {
        let (thread, event_id) = match self {
            Self::Chat => (None, None),
            Self::Thread(thread) => (Some(thread), None),
            Self::Event(event) => (Some(&event.thread), Some(event)),
        };
        in_chat(action, chat, thread, Touched { event_id, properties })
    }
}

impl View<'_> {
    pub(super) fn properties_updated(
        &self,
        action: &'static str,
        chat: &ChatId,
        place: Place<'_>,
        properties: &Properties,
    ) -> Rendered {
        let readable = Readable { view: *self, location: place.location(), properties };
        if readable.is_empty() { None } else { place.render(action, chat, readable) }
    }

    pub(super) fn properties_deleted(
        &self,
        action: &'static str,
        chat: &ChatId,
        place: Place<'_>,
        names: &PropertyNames,
    ) -> Rendered {
        let readable = Readable { view: *self, location: place.location(), properties: names };
        if readable.is_empty() { None } else { place.render(action, chat, readable) }
    }
}
