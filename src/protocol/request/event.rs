//! Events as clients send them: `send_event`, and the initial events of a thread.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ecommerce::{Chosen, Product, document};
use super::value::{IncomingId, Object, check_document, check_id, part};
use super::{Payload, Request, Surface, Visibility};
use crate::domain::event::{
    Button, Element, EventBody, FileBody, Image, Json, NewEvent, Postback, SystemMessage,
};
use crate::domain::id::{ChatId, ThreadId};
use crate::domain::properties::Properties;
use crate::protocol::error::WireError;

/// `send_event`.
pub(super) fn send_event(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        chat_id: ChatId,
        #[serde(borrow)]
        event: Object<WireEvent<'a>>,
        attach_to_last_thread: Option<bool>,
    }
    let wire: Wire<'_> = payload.read()?;
    // Agents have no such parameter.
    let may_attach = payload.surface() == Surface::Customer;
    Ok(Request::SendEvent {
        chat: wire.chat_id.checked("chat_id")?,
        event: NewEvent { author: None, ..wire.event.0.into_event("event", payload.surface())? },
        attach_to_last_thread: may_attach && wire.attach_to_last_thread.unwrap_or_default(),
    })
}

/// `send_event_preview`.
pub(super) fn send_event_preview(payload: Payload<'_>) -> Result<Request, WireError> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        chat_id: ChatId,
        #[serde(borrow)]
        event: Object<WireEvent<'a>>,
    }
    let wire: Wire<'_> = payload.read()?;
    Ok(Request::SendEventPreview {
        chat: wire.chat_id.checked("chat_id")?,
        event: wire.event.0.into_event("event", payload.surface())?,
    })
}

/// The fields of all kinds of events. What only some kinds have and is more than a text stays unread until
/// `type` is known, wherever it stands; a tagged enum would copy the whole event first.
#[derive(Deserialize)]
pub(super) struct WireEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    custom_id: Option<Arc<str>>,
    /// Agents' word for who may see it.
    visibility: Option<Visibility>,
    /// Customers' word for the same.
    recipients: Option<Visibility>,
    properties: Option<Properties>,
    author_id: Option<Arc<str>>,
    text: Option<String>,
    #[serde(borrow)]
    postback: Option<&'a RawValue>,
    template_id: Option<String>,
    #[serde(borrow)]
    elements: Option<&'a RawValue>,
    form_id: Option<String>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
    url: Option<String>,
    alternative_text: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    system_message_type: Option<String>,
    #[serde(borrow)]
    text_vars: Option<&'a RawValue>,
    annotation_type: Option<String>,
}

impl WireEvent<'_> {
    /// An initial event of a thread; only these may name their author.
    pub(super) fn into_initial(mut self, path: &str, surface: Surface) -> Result<NewEvent, WireError> {
        let author = self.author_id.take();
        if let Some(author) = &author {
            check_id(&format!("{path}.author_id"), author)?;
        }
        Ok(NewEvent { author, ..self.into_event(path, surface)? })
    }

    fn into_event(mut self, path: &str, surface: Surface) -> Result<NewEvent, WireError> {
        let visibility = match surface {
            Surface::Agent => self.visibility,
            Surface::Customer => self.recipients,
        };
        Ok(NewEvent {
            custom_id: self.custom_id.take(),
            visibility: visibility.unwrap_or_default(),
            properties: self.properties.take().unwrap_or_default(),
            author: None,
            body: self.into_body(path)?,
        })
    }

    fn into_body(self, path: &str) -> Result<EventBody, WireError> {
        let field = |name: &str| format!("{path}.{name}");
        let required = |name: &str| WireError::validation(format!("`{path}.{name}` is required"));
        Ok(match &*self.kind {
            "message" => EventBody::Message {
                postback: self.postback.map(|raw| postback(&field("postback"), raw)).transpose()?,
                text: self.text.ok_or_else(|| required("text"))?,
            },
            "rich_message" => EventBody::RichMessage {
                template_id: self.template_id.ok_or_else(|| required("template_id"))?,
                elements: self
                    .elements
                    .map(|raw| elements(&field("elements"), raw))
                    .transpose()?
                    .unwrap_or_default(),
            },
            "file" => {
                EventBody::File(file(path, self.url.ok_or_else(|| required("url"))?, self.alternative_text)?)
            }
            "form" => EventBody::Form {
                form_id: self.form_id.ok_or_else(|| required("form_id"))?,
                fields: part(&field("fields"), self.fields.ok_or_else(|| required("fields"))?)?,
            },
            "filled_form" => EventBody::FilledForm {
                form_id: self.form_id.ok_or_else(|| required("form_id"))?,
                fields: part(&field("fields"), self.fields.ok_or_else(|| required("fields"))?)?,
            },
            "system_message" => EventBody::SystemMessage(SystemMessage {
                system_message_type: self
                    .system_message_type
                    .ok_or_else(|| required("system_message_type"))?,
                text: self.text,
                text_vars: self.text_vars.map(|raw| part(&field("text_vars"), raw)).transpose()?,
            }),
            "custom" => {
                let content = self.content;
                content.map_or(Ok(()), |raw| check_document(&field("content"), raw))?;
                EventBody::Custom { content: content.map(|raw| Json(raw.to_owned())) }
            }
            "annotation" => EventBody::Annotation {
                text: self.text.ok_or_else(|| required("text"))?,
                annotation_type: self.annotation_type.ok_or_else(|| required("annotation_type"))?,
            },
            // `system` is made by the server alone.
            _ => return Err(WireError::validation(format!("`{path}.type` is not a type that can be sent"))),
        })
    }
}

fn postback(path: &str, raw: &RawValue) -> Result<Postback, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        id: String,
        thread_id: ThreadId,
        event_id: String,
        #[serde(rename = "type")]
        kind: Option<String>,
        value: Option<String>,
        ecommerce: Option<Object<Chosen>>,
    }
    let Object(Wire { id, thread_id, event_id, kind, value, ecommerce }) = part(path, raw)?;
    check_id(&format!("{path}.thread_id"), thread_id.as_str())?;
    check_id(&format!("{path}.event_id"), &event_id)?;
    let ecommerce = ecommerce.as_ref().and_then(document);
    Ok(Postback { id, thread_id, event_id, kind, value, ecommerce })
}

fn elements(path: &str, raw: &RawValue) -> Result<Vec<Element>, WireError> {
    #[derive(Deserialize)]
    struct Wire {
        title: Option<String>,
        subtitle: Option<String>,
        image: Option<Object<Image>>,
        buttons: Option<Vec<Object<Button>>>,
        ecommerce: Option<Object<Product>>,
    }
    let elements: Vec<Object<Wire>> = part(path, raw)?;
    let element = |Object(Wire { title, subtitle, image, buttons, ecommerce })| Element {
        title,
        subtitle,
        image: image.map(|Object(image)| image),
        buttons: buttons.map(|buttons| buttons.into_iter().map(|Object(button)| button).collect()),
        ecommerce: ecommerce.as_ref().and_then(document),
    };
    Ok(elements.into_iter().map(element).collect())
}

/// A file by its address. Nothing was uploaded here, so its type and size are not known; a client's word for
/// them would be shown to others as the server's.
fn file(path: &str, url: String, alternative_text: Option<String>) -> Result<FileBody, WireError> {
    // Other schemes (`javascript:`, `data:`) would run or hide something at whoever opens the file.
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Err(WireError::validation(format!("`{path}.url` must be an address of http or https")));
    };
    let location = rest.split(['?', '#']).next().unwrap_or_default();
    let name =
        location.split('/').skip(1).last().filter(|name| !name.is_empty()).unwrap_or("file").to_owned();
    Ok(FileBody {
        name,
        url,
        content_type: "application/octet-stream".to_owned(),
        size: None,
        width: None,
        height: None,
        thumbnail_url: None,
        thumbnail2x_url: None,
        alternative_text,
    })
}
