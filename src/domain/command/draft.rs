//! A decision in the making: changes are tried on a copy of the chat, so that later steps see earlier ones.

use std::sync::Arc;

use super::properties::set_by_server;
use super::{Context, Decision, Reply, standing};
use crate::domain::change::{Change, Target};
use crate::domain::chat::Chat;
use crate::domain::event::{Event, EventBody, NewEvent, Visibility};
use crate::domain::id::{AgentId, EventId, UserId};
use crate::domain::properties::{self, Properties, PropertyValue};
use crate::domain::push::{Audience, Push, PushBody, QueuePlace};
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

    /// Tells of what the caller does. The customer is not told who did it if it is an agent who hides from them.
    pub(super) fn push_of_caller(&mut self, body: impl Fn(Option<UserId>) -> PushBody, mut to: Audience) {
        if self.caller_hides() && !to.customers.is_empty() {
            let customers = std::mem::take(&mut to.customers);
            self.push(body(None), Audience { customers, ..Audience::default() });
        }
        self.push(body(self.context.caller.user()), to);
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
        let event = next_event(&self.chat, self.context, event, author)?;
        self.change(Change::EventAdded(event.clone()));
        Ok(event)
    }

    /// Adds a system message and tells the members.
    pub(super) fn system_message(&mut self, message: ServerMessage<'_>) -> Result<EventId, Rejection> {
        self.server_says(message.into_body())
    }

    /// The same about something that the caller does: the customer does not read of agents who hide from them.
    pub(super) fn system_message_of_caller(
        &mut self,
        message: ServerMessage<'_>,
    ) -> Result<EventId, Rejection> {
        let visibility = if self.caller_hides() { Visibility::Agents } else { Visibility::All };
        self.says(NewEvent { visibility, ..server_event(message.into_body()) })
    }

    /// Whether the caller is in the chat and the customer must not know.
    pub(super) fn caller_hides(&self) -> bool {
        self.context.caller.user().is_some_and(|user| self.chat.has_hidden(&user))
    }

    /// As [`Draft::system_message`], with the text made already.
    pub(super) fn server_says(&mut self, body: EventBody) -> Result<EventId, Rejection> {
        self.server_tells(body, Visibility::All)
    }

    /// As [`Draft::server_says`], to whoever may see it.
    pub(super) fn server_tells(
        &mut self,
        body: EventBody,
        visibility: Visibility,
    ) -> Result<EventId, Rejection> {
        self.says(NewEvent { visibility, ..server_event(body) })
    }

    fn says(&mut self, event: NewEvent) -> Result<EventId, Rejection> {
        let event = self.add_event(event, None)?;
        let id = event.id.clone();
        let to = self.chat.members(event.visibility);
        self.push(
            PushBody::IncomingEvent { chat: self.chat.id.clone(), thread: id.thread.clone(), event },
            to,
        );
        Ok(id)
    }

    /// The thread waits from now on, or from the moment that the router gave it its place.
    pub(super) fn wait_from(&mut self, place: Option<QueuePlace>) -> Option<QueuePlace> {
        let at = place.and_then(|place| place.queued_at).unwrap_or_else(|| self.time());
        self.change(Change::Queued(at));
        place.map(|place| QueuePlace { queued_at: Some(at), ..place })
    }

    /// The thread is given to an agent, who has the whole time to answer.
    pub(super) fn assign(&mut self, agent: AgentId) {
        self.change(Change::Assigned(agent));
        if self.chat.active_thread().is_some_and(|thread| thread.unanswered_since.is_some()) {
            let at = self.time();
            self.change(Change::Attended(at));
        }
    }

    /// Sets a property of the namespace `routing` on the active thread, and tells those who may read it.
    pub(super) fn set_thread_property(&mut self, name: &str, value: PropertyValue) {
        let Some(thread) = self.chat.active_thread().map(|thread| thread.id.clone()) else { return };
        let mut properties = Properties::new();
        properties::set(&mut properties, "routing", name, value);
        self.set_properties(Target::Thread(thread), properties);
    }

    /// Sets properties of the chat or its last thread, and tells the agents who see the chat.
    pub(super) fn set_properties(&mut self, target: Target, properties: Properties) {
        let (change, push) = set_by_server(&self.chat, target, properties);
        self.change(change);
        self.pushes.push(push);
    }

    pub(super) fn decision(mut self, reply: Reply) -> Decision {
        standing::put_right(&mut self);
        Decision { changes: self.changes, older_thread: None, pushes: self.pushes, reply }
    }

    /// What the decision changes so far.
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }
}

/// What is sent, as the next event of the chat's last thread.
pub(super) fn next_event(
    chat: &Chat,
    context: &Context<'_>,
    event: NewEvent,
    author: Option<UserId>,
) -> Result<Arc<Event>, Rejection> {
    Ok(Arc::new(Event {
        id: chat.next_event_id().ok_or(Rejection::ChatInactive)?,
        custom_id: event.custom_id,
        created_at: chat.next_time(context.now),
        // What was said to a customer before they opened the thread did not come from theirs.
        client: context.caller.client().filter(|_| author == context.caller.user()).cloned(),
        author,
        visibility: event.visibility,
        properties: event.properties,
        deleted: false,
        body: event.body,
    }))
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
