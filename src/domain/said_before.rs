//! What a customer was told before they had a chat, and their thread begins with: the greeting that it came of, and the welcome
//! that they ask for. Both are marked by properties of the event, which nobody but the server sets.

use serde::{Deserialize, Serialize};

use super::event::{EventBody, NewEvent, Visibility};
use super::greeting::{Greeting, Showing};
use super::id::AgentId;
use super::license::License;
use super::properties::{Properties, PropertyValue, get, set};
use super::visit::CustomerVisits;

/// The event that a thread begins with, and in whose name it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidBefore {
    /// In whose name.
    pub agent: AgentId,
    /// What, with its marks.
    pub event: NewEvent,
}

/// The welcome that a customer was given last (`request_welcome_message`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Names it.
    pub id: String,
    /// In whose name.
    pub agent: AgentId,
    /// The text.
    pub text: String,
}

impl Welcome {
    fn said(&self) -> SaidBefore {
        let mut properties = Properties::new();
        set(&mut properties, "lc2", "welcome_message", PropertyValue::Bool(true));
        // It is what the operator wrote down, whoever says it.
        let source = PropertyValue::String("welcome_phrase".to_owned());
        set(&mut properties, "chats", "welcome_message_source", source);
        let body = EventBody::Message { text: self.text.clone(), postback: None };
        SaidBefore::new(&self.agent, properties, body)
    }
}

impl Showing {
    /// How the event of a greeting is marked.
    pub fn marks(&self) -> Properties {
        let mut properties = Properties::new();
        let id = i32::try_from(self.greeting).unwrap_or(i32::MAX);
        set(&mut properties, "lc2", "greeting_id", PropertyValue::Int(id));
        let unique_id = PropertyValue::String(self.unique_id.clone());
        set(&mut properties, "lc2", "greeting_unique_id", unique_id);
        properties
    }

    fn said(&self, greeting: &Greeting) -> SaidBefore {
        SaidBefore::new(&self.agent, self.marks(), greeting.body())
    }
}

impl SaidBefore {
    fn new(agent: &AgentId, properties: Properties, body: EventBody) -> Self {
        let event = NewEvent { custom_id: None, visibility: Visibility::All, properties, author: None, body };
        Self { agent: agent.clone(), event }
    }
}

/// Whether an event was there before its thread, so that it is nobody's answer.
pub fn was_said_before(properties: &Properties) -> bool {
    ["greeting_unique_id", "welcome_message"].iter().any(|mark| get(properties, "lc2", mark).is_some())
}

impl CustomerVisits {
    /// What a thread of theirs begins with: the greeting that they have before them, if the thread's properties say that it came of
    /// it, and the welcome of that id, if it is the one that they were given last.
    pub fn said_before(
        &self,
        license: &License,
        thread_properties: &Properties,
        welcome_id: Option<&str>,
    ) -> Vec<SaidBefore> {
        let named = get(thread_properties, "lc2", "greeting_unique_id");
        let is_it = |showing: &Showing| matches!(named, Some(PropertyValue::String(unique_id)) if *unique_id == showing.unique_id);
        let greeting = self.live_greeting(license).filter(|(showing, _)| is_it(showing));
        let greeting = greeting.map(|(showing, greeting)| showing.said(greeting));
        let welcome = self.welcome.as_ref().filter(|welcome| welcome_id == Some(&welcome.id));
        greeting.into_iter().chain(welcome.map(Welcome::said)).collect()
    }
}
