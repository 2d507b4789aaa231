//! What an event has to keep to beside its shape: lengths, counts, values that go together.

use super::{Button, Element, EventBody, NewEvent};
use crate::domain::address::check_address;
use crate::domain::id::CustomerId;
use crate::domain::property_definitions::{Location, Side, check_set};
use crate::domain::rejection::Rejection;

/// Limits of the protocol (`transport.limits`) and of this server.
#[derive(Clone, Copy, Debug)]
pub struct EventLimits {
    /// Bytes of a message's text, and of any other event's content.
    pub max_size: usize,
}

const MAX_ELEMENTS: usize = 10;
const MAX_BUTTONS: usize = 13;
const MAX_CUSTOM_ID: usize = 256;
const MAX_SHORT_TEXT: usize = 1_024;
const MAX_FORM_FIELDS: usize = 100;

impl NewEvent {
    /// Checks what the shape alone cannot say: lengths, counts, values that go together.
    ///
    /// # Errors
    /// [`Rejection::Validation`] naming the field, [`Rejection::Authorization`] for properties that this kind
    /// of user may not write.
    pub fn check(&self, limits: EventLimits, side: Side) -> Result<(), Rejection> {
        check_set(&self.properties, Location::Event, side)?;
        if let Some(custom_id) = &self.custom_id {
            at_most("event.custom_id", custom_id, MAX_CUSTOM_ID)?;
        }
        match &self.body {
            EventBody::Message { text, postback } => {
                at_most("event.text", text, limits.max_size)?;
                if postback.as_ref().is_some_and(|p| p.kind.is_some() != p.value.is_some()) {
                    return Err(Rejection::validation("event.postback.type", "goes together with value"));
                }
            }
            EventBody::RichMessage { template_id, elements } => check_rich(template_id, elements, side)?,
            EventBody::Form { form_id, fields } | EventBody::FilledForm { form_id, fields } => {
                at_most("event.form_id", form_id, MAX_SHORT_TEXT)?;
                if fields.len() > MAX_FORM_FIELDS {
                    return Err(Rejection::validation("event.fields", "at most 100 fields"));
                }
            }
            EventBody::SystemMessage(message) => {
                at_most("event.system_message_type", &message.system_message_type, MAX_SHORT_TEXT)?;
                if message.system_message_type.is_empty() {
                    return Err(Rejection::validation("event.system_message_type", "must not be empty"));
                }
                if let Some(text) = &message.text {
                    at_most("event.text", text, limits.max_size)?;
                }
                if !self.properties.is_empty() {
                    return Err(Rejection::validation("event.properties", "system messages have none"));
                }
            }
            EventBody::Annotation { text, annotation_type } => {
                at_most("event.text", text, limits.max_size)?;
                at_most("event.annotation_type", annotation_type, MAX_SHORT_TEXT)?;
                if annotation_type.is_empty() {
                    return Err(Rejection::validation("event.annotation_type", "must not be empty"));
                }
            }
            EventBody::File(file) => at_most("event.url", &file.url, 4 * MAX_SHORT_TEXT)?,
            EventBody::Custom { content } => {
                if let Some(content) = content {
                    at_most("event.content", content.0.get(), limits.max_size)?;
                    if !content.0.get().starts_with('{') {
                        return Err(Rejection::validation("event.content", "must be an object"));
                    }
                }
            }
        }
        self.check_size(2 * limits.max_size + 4 * MAX_SHORT_TEXT)
    }

    /// The whole event is bounded too. A text was measured by itself: how it is escaped does not count.
    fn check_size(&self, limit: usize) -> Result<(), Rejection> {
        let rest = match &self.body {
            EventBody::Message { postback: None, .. } if self.properties.is_empty() => return Ok(()),
            EventBody::Message { postback, .. } => serde_json::to_vec(&(postback, &self.properties)),
            EventBody::SystemMessage(message) => serde_json::to_vec(&message.text_vars),
            EventBody::Annotation { .. } => serde_json::to_vec(&self.properties),
            body => serde_json::to_vec(&(body, &self.properties)),
        };
        if rest.map_or(usize::MAX, |bytes| bytes.len()) > limit {
            return Err(Rejection::validation("event", format!("at most {limit} bytes")));
        }
        Ok(())
    }
}

fn at_most(field: &'static str, text: &str, limit: usize) -> Result<(), Rejection> {
    if text.len() > limit {
        return Err(Rejection::validation(field, format!("at most {limit} bytes")));
    }
    Ok(())
}

/// Customers do not offer products.
fn check_rich(template_id: &str, elements: &[Element], side: Side) -> Result<(), Rejection> {
    let templates: &[&str] = match side {
        Side::Agent => &["cards", "sticker", "quick_replies", "ecommerce"],
        Side::Customer => &["cards", "sticker", "quick_replies"],
    };
    if !templates.contains(&template_id) {
        let message = format!("must be one of {}", templates.join(", "));
        return Err(Rejection::validation("event.template_id", message));
    }
    if elements.len() > MAX_ELEMENTS {
        return Err(Rejection::validation("event.elements", "at most 10 elements"));
    }
    for element in elements {
        if element.ecommerce.is_some() && template_id != "ecommerce" {
            return Err(Rejection::validation(
                "event.elements.ecommerce",
                "only with the template ecommerce",
            ));
        }
        if let Some(image) = &element.image {
            check_address("event.elements.image.url", &image.url)?;
        }
        let buttons = element.buttons.as_deref().unwrap_or_default();
        if buttons.len() > MAX_BUTTONS {
            return Err(Rejection::validation("event.elements.buttons", "at most 13 buttons"));
        }
        buttons.iter().try_for_each(check_button)?;
        // Customers know agents by other ids; from what is made of one they name they could learn whose it is.
        let named = buttons.iter().flat_map(|button| &button.user_ids);
        if side == Side::Customer && !named.into_iter().all(|id| CustomerId::is_form_of(id)) {
            return Err(Rejection::validation("event.elements.buttons.user_ids", "customers name customers"));
        }
    }
    Ok(())
}

fn check_button(button: &Button) -> Result<(), Rejection> {
    let one_of = |field, value: &Option<String>, allowed: &[&str]| match value {
        Some(value) if !allowed.contains(&value.as_str()) => {
            Err(Rejection::validation(field, format!("must be one of {}", allowed.join(", "))))
        }
        _ => Ok(()),
    };
    one_of("event.elements.buttons.type", &button.kind, &["webview", "message", "url", "phone"])?;
    one_of("event.elements.buttons.webview_height", &button.webview_height, &["compact", "full", "tall"])?;
    one_of("event.elements.buttons.target", &button.target, &["new", "current"])?;
    if button.kind.is_some() != button.value.is_some() {
        return Err(Rejection::validation("event.elements.buttons.type", "goes together with value"));
    }
    if matches!(button.kind.as_deref(), Some("url" | "webview")) {
        check_address("event.elements.buttons.value", button.value.as_deref().unwrap_or_default())?;
    }
    if button.webview_height.is_some() && button.kind.as_deref() != Some("webview") {
        return Err(Rejection::validation("event.elements.buttons.webview_height", "only for webview"));
    }
    Ok(())
}
