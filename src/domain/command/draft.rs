//! A decision in the making: changes are tried on a copy of the chat, so that later steps see earlier ones.

use std::sync::Arc;

use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::{Event, EventBody, NewEvent, Visibility};
use crate::domain::id::{EventId, UserId};
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::time::Timestamp;

pub(super) struct Draft<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) chat: Chat,
    changes: Vec<Change>,
    pushes: Vec<Push>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(chat: &Chat, context: &'a Context<'a>) -> Self {
        Self { context, chat: chat.clone(), changes: Vec::new(), pushes: Vec::new() }
    }

    pub(super) fn change(&mut self, change: Change) {
        self.chat.apply(&change);
        self.changes.push(change);
    }

    pub(super) fn push(&mut self, body: PushBody, to: Audience) {
        self.pushes.push(Push { body, to });
    }

    /// The moment of the next change.
    pub(super) fn time(&self) -> Timestamp {
        self.chat.next_time(self.context.now)
    }

    /// Adds an event to the last thread without telling anybody.
    pub(super) fn add_event(
        &mut self,
        event: NewEvent,
        author: Option<UserId>,
    ) -> Result<Arc<Event>, Rejection> {
        let id = self.chat.next_event_id().ok_or(Rejection::ChatInactive)?;
        let event = Arc::new(Event {
            id,
            custom_id: event.custom_id,
            created_at: self.time(),
            author,
            visibility: event.visibility,
            properties: event.properties,
            body: event.body,
        });
        self.change(Change::EventAdded(event.clone()));
        Ok(event)
    }

    /// Adds a system message and tells the members.
    pub(super) fn system_message(&mut self, message: ServerMessage<'_>) -> Result<EventId, Rejection> {
        self.server_says(message.into_body())
    }

    /// As [`Draft::system_message`], with the text made already.
    pub(super) fn server_says(&mut self, body: EventBody) -> Result<EventId, Rejection> {
        let event = self.add_event(server_event(body), None)?;
        let id = event.id.clone();
        let to = self.chat.members(event.visibility);
        self.push(
            PushBody::IncomingEvent { chat: self.chat.id.clone(), thread: id.thread.clone(), event },
            to,
        );
        Ok(id)
    }

    pub(super) fn decision(self, reply: Reply) -> Decision {
        Decision { changes: self.changes, older_thread: None, pushes: self.pushes, reply }
    }
}

pub(super) fn server_event(body: EventBody) -> NewEvent {
    NewEvent {
        custom_id: None,
        visibility: Visibility::All,
        properties: Default::default(),
        author: None,
        body,
    }
}
