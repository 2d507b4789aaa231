//! What goes out: answers and pushes as one kind of reader may see them. `audience.md` says who gets a push,
//! this room what stands in it.
//!
//! Everything is written straight from the domain's data into JSON text, by `Serialize` wrappers that borrow.
//! A customer never sees agents-only events, members who show themselves to agents only, agents' e-mail
//! addresses, tags, or a property that customers cannot read. What is optional and not there is left out;
//! lists are lists even when empty.

mod chat;
mod event;
mod greeting;
mod login;
mod properties;
mod pseudonym;
mod push;
mod thread;
mod user;
mod widget;

use std::borrow::Cow;

use serde::Serialize;

pub use login::Resumed;
pub use push::PUSHES;
pub use thread::ThreadParts;
pub use widget::Moment;

use super::version::Surface;
use crate::domain::event::{Event, Visibility};
use crate::domain::id::{AgentId, UserId};
use crate::domain::license::{License, Role};

/// One kind of reader of one license.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Agents or customers.
    pub surface: Surface,
    /// Whose agents, groups and pseudonyms.
    pub license: &'a License,
    /// Shows deleted events whole: administrators and those above them (structure `Event:deleted`).
    pub sees_deleted: bool,
}

impl<'a> View<'a> {
    /// How things look to customers.
    pub fn of_customers(license: &'a License) -> Self {
        Self { surface: Surface::Customer, license, sees_deleted: false }
    }

    /// How things look to an agent.
    pub fn of_agent(license: &'a License, agent: &AgentId) -> Self {
        let is_above = license.agent(agent).is_some_and(|agent| agent.role >= Role::Administrator);
        Self { surface: Surface::Agent, license, sees_deleted: is_above }
    }

    /// A user's id as the reader knows it: customers know agents by pseudonyms.
    pub fn user_id<'i>(&self, id: &'i UserId) -> Cow<'i, str> {
        match id {
            UserId::Agent(id) => self.agent_id(id),
            UserId::Customer(id) => Cow::Borrowed(id.as_str()),
        }
    }

    fn agent_id<'i>(&self, id: &'i AgentId) -> Cow<'i, str> {
        match self.surface {
            Surface::Agent => Cow::Borrowed(id.as_str()),
            Surface::Customer => Cow::Owned(self.pseudonym(id.as_str())),
        }
    }

    fn pseudonym(&self, id: &str) -> String {
        pseudonym::of(&self.license.pseudonym_key, id)
    }

    fn is_for_customers(&self) -> bool {
        self.surface == Surface::Customer
    }

    /// May the reader see the event?
    pub fn shows(&self, event: &Event) -> bool {
        !self.is_for_customers() || (event.visibility == Visibility::All && !event.deleted)
    }
}

/// Bytes as hex digits.
fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The JSON of a value of this room. All keys are texts and no writer fails, so there is always one.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    // Room for most events.
    let mut text = Vec::with_capacity(512);
    let written = serde_json::to_writer(&mut text, value);
    debug_assert!(written.is_ok(), "not JSON: {written:?}");
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_else(|| "{}".to_owned())
}
