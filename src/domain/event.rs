//! Events: what a thread holds. Structures `Event:*` of the protocol, and the seeds' `annotation`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::id::{ClientId, CustomerId, EventId, ThreadId, UserId};
use super::properties::Properties;
use super::property_definitions::{Location, Side, check_set};
use super::rejection::Rejection;
use super::time::Timestamp;

/// Who may see an event, or whom a member shows themselves to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody in the chat.
    #[default]
    All,
    /// Agents only; customers never learn of it.
    Agents,
}

/// A JSON document that the server carries without looking inside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(pub Box<RawValue>);

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Json {}

impl Hash for Json {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.get().hash(state);
    }
}

/// The kinds of events, by their wire name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Text.
    Message,
    /// A template of cards, quick replies or stickers.
    RichMessage,
    /// A file that was uploaded.
    File,
    /// A form to fill in.
    Form,
    /// The answers to a form.
    FilledForm,
    /// Made by the server or an integration; has no author.
    SystemMessage,
    /// Any JSON object.
    Custom,
    /// A remark at the end of the last thread (seeds); never opens a thread.
    Annotation,
    /// Read only (structure `Event:system`). This server makes none; filters may name it.
    System,
}

/// One event of a thread, as stored. The order of a thread is the order of its events' numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Made by the server.
    pub id: EventId,
    /// The client's own name for it; makes a repeated send idempotent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_id: Option<Arc<str>>,
    /// Made by the server; grows strictly within a chat.
    pub created_at: Timestamp,
    /// Who sent it; none for system messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<UserId>,
    /// The application that sent it, which its readers find among the properties as `source.client_id`; none for system messages,
    /// and for what agents send, whose tokens name none. A field of its own, since nearly every event of a customer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// Who may see it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub visibility: Visibility,
    /// Key-value store of the event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
    /// Taken back by its author: customers never see it again, agents see that it was there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deleted: bool,
    /// What it says.
    pub body: EventBody,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An event as a client sends it, before the server gives it an id and a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvent {
    /// The client's own name for it.
    pub custom_id: Option<Arc<str>>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Key-value store of the event.
    pub properties: Properties,
    /// Who wrote it, where the request says so (initial events); else the requester.
    pub author: Option<Arc<str>>,
    /// What it says.
    pub body: EventBody,
}

/// What an event says, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventBody {
    /// Text.
    Message {
        /// At most 16 KiB of UTF-8.
        text: String,
        /// Present when it answers a rich message's button.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        postback: Option<Postback>,
    },
    /// A template.
    RichMessage {
        /// `cards`, `sticker`, `quick_replies` or `ecommerce`.
        template_id: String,
        /// At most 10.
        elements: Vec<Element>,
    },
    /// A file.
    File(FileBody),
    /// A form.
    Form {
        /// The form's id.
        form_id: String,
        /// Its fields.
        fields: Vec<FormField>,
    },
    /// A filled form.
    FilledForm {
        /// The form's id.
        form_id: String,
        /// Its fields with the answers.
        fields: Vec<FormField>,
    },
    /// A system message.
    SystemMessage(SystemMessage),
    /// Anything.
    Custom {
        /// A JSON object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<Json>,
    },
    /// A remark (seeds 001, rule 3).
    Annotation {
        /// The remark.
        text: String,
        /// Free text, never empty; `rating` is an example.
        annotation_type: String,
    },
}

/// A system message: the text is the template with its variables filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SystemMessage {
    /// One of `system-messages.json`, or an application's own.
    pub system_message_type: String,
    /// What people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The values behind the text, so that clients can translate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_vars: Option<BTreeMap<String, String>>,
}

/// The answer to a rich message's button.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Postback {
    /// `postback_id` of the button.
    pub id: String,
    /// Thread of the rich message.
    pub thread_id: ThreadId,
    /// The rich message.
    pub event_id: String,
    /// Only together with `value`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only together with `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For the ecommerce template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecommerce: Option<Json>,
}

/// One card, sticker or set of quick replies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Element {
    /// Heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Line below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// At most 13.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buttons: Option<Vec<Button>>,
    /// For the ecommerce template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecommerce: Option<Json>,
}

impl EventBody {
    /// The buttons of a rich message that carry this name.
    pub fn buttons_mut<'b>(&'b mut self, postback_id: &str) -> impl Iterator<Item = &'b mut Button> {
        let elements = match self {
            Self::RichMessage { elements, .. } => elements.as_mut_slice(),
            _ => &mut [],
        };
        let buttons = elements.iter_mut().filter_map(|element| element.buttons.as_mut()).flatten();
        buttons.filter(move |button| button.postback_id == postback_id)
    }

    /// Has it a button of this name?
    pub fn has_button(&self, postback_id: &str) -> bool {
        let Self::RichMessage { elements, .. } = self else { return false };
        let mut buttons = elements.iter().filter_map(|element| element.buttons.as_ref()).flatten();
        buttons.any(|button| button.postback_id == postback_id)
    }
}

impl Button {
    /// Notes whether the user's postback is on.
    pub fn toggle(&mut self, user: &str, on: bool) {
        let is_on = self.user_ids.iter().any(|id| id == user);
        if on && !is_on {
            self.user_ids.push(user.to_owned());
        } else if !on {
            self.user_ids.retain(|id| id != user);
        }
    }
}

/// A picture in a rich message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// File name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// MIME type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// For readers who do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_text: Option<String>,
}

/// A button of a rich message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Button {
    /// Label.
    pub text: String,
    /// `webview`, `message`, `url` or `phone`; pairs with `value`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Pairs with `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `compact`, `full` or `tall`; webviews only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webview_height: Option<String>,
    /// The name that postbacks use.
    pub postback_id: String,
    /// Users whose postback is toggled.
    #[serde(default)]
    pub user_ids: Vec<String>,
    /// `new` or `current`; url buttons only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A file that was uploaded to this server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileBody {
    /// Where it is served.
    pub url: String,
    /// Its name.
    pub name: String,
    /// MIME type.
    pub content_type: String,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Pixels, images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels, images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail_url: Option<String>,
    /// Images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail2x_url: Option<String>,
    /// Images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_text: Option<String>,
}

/// A field of a form or of a filled form; the union of the seeds' and the 3.x kinds (ruling C4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FormField {
    /// Which control it is.
    #[serde(rename = "type")]
    pub kind: FormFieldKind,
    /// Its id (3.x).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name (seeds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the person reads.
    pub label: String,
    /// Must it be filled in?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// The answer (seeds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<FormOption>>,
    /// The answer (3.x): a text, or the chosen option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<FormAnswer>,
    /// The chosen options of a checkbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<FormOption>>,
}

/// The controls that a form may have; anything else is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum FormFieldKind {
    Checkbox,
    Email,
    Name,
    Question,
    Subject,
    Textarea,
    GroupChooser,
    Radio,
    Select,
    Text,
    Title,
    Information,
}

/// Something that can be chosen in a form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FormOption {
    /// Its id.
    pub id: String,
    /// The group it stands for, in a `group_chooser`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<i64>,
    /// What the person reads.
    pub label: String,
}

/// The answer to a form field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FormAnswer {
    /// Typed.
    Text(String),
    /// Chosen.
    Option(FormOption),
}

impl EventBody {
    /// Which kind it is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Message { .. } => EventKind::Message,
            Self::RichMessage { .. } => EventKind::RichMessage,
            Self::File(_) => EventKind::File,
            Self::Form { .. } => EventKind::Form,
            Self::FilledForm { .. } => EventKind::FilledForm,
            Self::SystemMessage(_) => EventKind::SystemMessage,
            Self::Custom { .. } => EventKind::Custom,
            Self::Annotation { .. } => EventKind::Annotation,
        }
    }
}

impl EventKind {
    /// The name in `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::RichMessage => "rich_message",
            Self::File => "file",
            Self::Form => "form",
            Self::FilledForm => "filled_form",
            Self::SystemMessage => "system_message",
            Self::Custom => "custom",
            Self::Annotation => "annotation",
            Self::System => "system",
        }
    }

    /// True for what people say to each other: it restarts the silence clock and answers a customer.
    /// System messages and annotations do not count as activity (`system-messages.json`, advice).
    pub fn is_activity(self) -> bool {
        !matches!(self, Self::SystemMessage | Self::Annotation | Self::System)
    }
}

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

    /// A number that is equal for equal contents: tells a repeated send from another event that carries the
    /// same `custom_id`.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.body, self.visibility, &self.properties)
    }
}

impl Event {
    /// The fingerprint of the [`NewEvent`] that it was made of.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.body, self.visibility, &self.properties)
    }
}

fn fingerprint(body: &EventBody, visibility: Visibility, properties: &Properties) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    visibility.hash(&mut hasher);
    properties.hash(&mut hasher);
    hasher.finish()
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
    if button.webview_height.is_some() && button.kind.as_deref() != Some("webview") {
        return Err(Rejection::validation("event.elements.buttons.webview_height", "only for webview"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
