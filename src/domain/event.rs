//! Events: what a thread holds. Structures `Event:*` of the protocol, and the seeds' `annotation`.

mod check;
mod form;
mod rich_message;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::id::{ClientId, EventId, UserId};
use super::properties::Properties;
use super::time::Timestamp;

pub use check::EventLimits;
pub use form::{FormAnswer, FormField, FormFieldKind, FormOption};
pub use rich_message::{Button, Element, Image, Postback};

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

impl NewEvent {
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
