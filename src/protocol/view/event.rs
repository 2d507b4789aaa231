//! Structures `Event:*`. Agents see `visibility`; customers see no such word, their messages say
//! `recipients`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::View;
use super::properties::OfEvent;
use crate::domain::event::{Button, Element, Event, EventBody, FileBody, Image, SystemMessage, Visibility};
use crate::domain::id::CustomerId;
use crate::domain::properties::{PropertyValue, get};
use crate::protocol::time::Rfc3339;

/// An event that the reader may see.
pub(super) struct EventView<'a> {
    pub(super) view: View<'a>,
    pub(super) event: &'a Event,
}

impl Serialize for EventView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { view, event } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &event.id)?;
        optional(&mut map, "custom_id", &event.custom_id)?;
        map.serialize_entry("created_at", &Rfc3339(event.created_at))?;
        map.serialize_entry("type", event.body.kind().as_str())?;
        if let Some(author) = &event.author {
            map.serialize_entry("author_id", &view.user_id(author))?;
        }
        if !view.is_for_customers() {
            map.serialize_entry("visibility", &event.visibility)?;
        }
        if event.deleted {
            map.serialize_entry("deleted", &true)?;
            if !view.sees_deleted {
                return map.end();
            }
        }
        let properties = OfEvent::new(view, event);
        // The structure of system messages has none.
        let has_properties = !matches!(event.body, EventBody::SystemMessage(_)) && !properties.is_empty();
        if has_properties {
            map.serialize_entry("properties", &properties)?;
        }
        body(&mut map, view, event)?;
        map.end()
    }
}

fn optional<M: SerializeMap, T: Serialize>(
    map: &mut M,
    name: &'static str,
    value: &Option<T>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, value),
        None => Ok(()),
    }
}

fn body<M: SerializeMap>(map: &mut M, view: View<'_>, event: &Event) -> Result<(), M::Error> {
    match &event.body {
        EventBody::Message { text, postback } => {
            map.serialize_entry("text", text)?;
            if view.is_for_customers() {
                // Customers only see what all may see.
                map.serialize_entry("recipients", &Visibility::All)?;
            }
            optional(map, "postback", postback)
        }
        EventBody::RichMessage { template_id, elements } => {
            map.serialize_entry("template_id", template_id)?;
            let elements: Vec<_> = elements.iter().map(|element| ElementView { view, element }).collect();
            map.serialize_entry("elements", &elements)
        }
        EventBody::File(body) => file(map, body),
        EventBody::Form { form_id, fields } | EventBody::FilledForm { form_id, fields } => {
            map.serialize_entry("form_id", form_id)?;
            if let Some(PropertyValue::String(kind)) = get(&event.properties, "lc2", "form_type") {
                map.serialize_entry("form_type", kind)?;
            }
            map.serialize_entry("fields", fields)
        }
        EventBody::SystemMessage(SystemMessage { system_message_type, text, text_vars }) => {
            optional(map, "text", text)?;
            map.serialize_entry("system_message_type", system_message_type)?;
            optional(map, "text_vars", text_vars)
        }
        EventBody::Custom { content } => optional(map, "content", content),
        EventBody::Annotation { text, annotation_type } => {
            map.serialize_entry("text", text)?;
            map.serialize_entry("annotation_type", annotation_type)
        }
    }
}

fn file<M: SerializeMap>(map: &mut M, file: &FileBody) -> Result<(), M::Error> {
    map.serialize_entry("name", &file.name)?;
    map.serialize_entry("url", &file.url)?;
    map.serialize_entry("content_type", &file.content_type)?;
    optional(map, "size", &file.size)?;
    optional(map, "width", &file.width)?;
    optional(map, "height", &file.height)?;
    optional(map, "thumbnail_url", &file.thumbnail_url)?;
    optional(map, "thumbnail2x_url", &file.thumbnail2x_url)?;
    optional(map, "alternative_text", &file.alternative_text)
}

struct ElementView<'a> {
    view: View<'a>,
    element: &'a Element,
}

impl Serialize for ElementView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Element { title, subtitle, image, buttons, ecommerce } = self.element;
        let image: &Option<Image> = image;
        let mut map = serializer.serialize_map(None)?;
        optional(&mut map, "title", title)?;
        optional(&mut map, "subtitle", subtitle)?;
        optional(&mut map, "image", image)?;
        if let Some(buttons) = buttons {
            let view = self.view;
            let buttons: Vec<_> = buttons.iter().map(|button| ButtonView { view, button }).collect();
            map.serialize_entry("buttons", &buttons)?;
        }
        optional(&mut map, "ecommerce", ecommerce)?;
        map.end()
    }
}

struct ButtonView<'a> {
    view: View<'a>,
    button: &'a Button,
}

impl Serialize for ButtonView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Button { text, kind, value, webview_height, postback_id, user_ids, target } = self.button;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("text", text)?;
        optional(&mut map, "type", kind)?;
        optional(&mut map, "value", value)?;
        optional(&mut map, "webview_height", webview_height)?;
        map.serialize_entry("postback_id", postback_id)?;
        let user_ids: Vec<String> = user_ids.iter().map(|id| self.user_id(id)).collect();
        map.serialize_entry("user_ids", &user_ids)?;
        optional(&mut map, "target", target)?;
        map.end()
    }
}

impl ButtonView<'_> {
    /// The id does not say whose it is, but its form does.
    fn user_id(&self, id: &str) -> String {
        if self.view.is_for_customers() && !CustomerId::is_form_of(id) {
            return self.view.pseudonym(id);
        }
        id.to_owned()
    }
}
