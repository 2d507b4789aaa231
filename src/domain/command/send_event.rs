//! `send_event` (agents and customers, 3.6): adds an event to the active thread.
//!
//! Without an active thread an `annotation`, or any event with `attach_to_last_thread`, goes to the end of the
//! last thread; anything else opens the next thread, or is refused, as `chat.inactive_send` says (ruling C2).

use serde::{Deserialize, Serialize};

use super::draft::{Draft, next_event};
use super::open_thread::{NewThread, open_thread, visit_of_customer};
use super::properties::set_by_server;
use super::{Caller, Context, Decision, Reply, RouteRequest, SubjectRequest, standing};
use crate::domain::access::Access;
use crate::domain::change::{Change, Target};
use crate::domain::chat::Chat;
use crate::domain::event::{EventBody, EventKind, NewEvent, Visibility};
use crate::domain::id::UserId;
use crate::domain::license::{InactiveSend, License};
use crate::domain::push::{Push, PushBody};
use crate::domain::rejection::Rejection;

/// Adds an event to the chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendEvent {
    /// The event.
    pub event: NewEvent,
    /// Where no thread is active, add it to the last one (customers).
    pub attach_to_last_thread: bool,
}

/// Where an event goes.
enum Place {
    LastThread,
    NewThread,
}

impl SendEvent {
    pub(super) fn route_request(
        &self,
        chat: &Chat,
        caller: &Caller,
        license: &License,
    ) -> Option<RouteRequest> {
        self.opens(chat).then(|| self.new_thread(chat, license).route_request(chat, caller)).flatten()
    }

    pub(super) fn subject_request(&self, chat: &Chat) -> Option<SubjectRequest> {
        if self.opens(chat) { visit_of_customer(chat) } else { None }
    }

    /// Whether it opens the next thread, where that is allowed.
    fn opens(&self, chat: &Chat) -> bool {
        chat.thread.is_some() && chat.active_thread().is_none() && !self.stays_in_last_thread()
    }

    fn stays_in_last_thread(&self) -> bool {
        self.attach_to_last_thread || self.event.body.kind() == EventKind::Annotation
    }

    /// Open to the groups that the chat had, as far as they are still there; else to all agents.
    fn new_thread(&self, chat: &Chat, license: &License) -> NewThread {
        let mut group_ids = chat.access.group_ids.clone();
        group_ids.retain(|group| license.has_group(*group));
        NewThread {
            access: (!group_ids.is_empty()).then_some(Access { group_ids }),
            events: vec![self.event.clone()],
            active: true,
            ..NewThread::default()
        }
    }

    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let author = context.caller.user();
        let is_system = self.event.body.kind() == EventKind::SystemMessage;
        let known_as = author.as_ref().filter(|_| !is_system);
        if let Some(id) = context.operations.find(known_as, &self.event) {
            return Ok(Decision { reply: Reply::Event(id.clone()), ..Decision::default() });
        }
        self.event.check(context.rules.events, context.side())?;
        if self.event.author.as_ref().is_some_and(|named| author.as_ref().map(UserId::as_str) != Some(named))
        {
            return Err(Rejection::validation("event.author_id", "must be the requester"));
        }
        match self.place(chat.active_thread().is_some(), context)? {
            Place::NewThread => {
                let mut draft = Draft::new(chat, context);
                let new = self.new_thread(chat, context.license);
                let ids = open_thread(&mut draft, new)?;
                let thread = ids.first().ok_or(Rejection::NotFound("event"))?.thread.clone();
                let reply = Reply::Thread { chat: chat.id.clone(), thread, events: Some(ids) };
                Ok(draft.decision(reply))
            }
            Place::LastThread => {
                self.check_author(chat, author.as_ref())?;
                self.add(chat, context, author)
            }
        }
    }

    fn place(&self, active: bool, context: &Context<'_>) -> Result<Place, Rejection> {
        if active || self.stays_in_last_thread() {
            return Ok(Place::LastThread);
        }
        match context.rules.inactive_send {
            InactiveSend::NewThread => Ok(Place::NewThread),
            InactiveSend::Refuse => Err(Rejection::ChatInactive),
        }
    }

    /// An agent must be in an active chat to write there, and one who hides from the customer stays hidden.
    fn check_author(&self, chat: &Chat, author: Option<&UserId>) -> Result<(), Rejection> {
        let Some(author @ UserId::Agent(_)) = author else { return Ok(()) };
        match chat.present_user(author) {
            Some(user)
                if user.visibility == Visibility::Agents && self.event.visibility == Visibility::All =>
            {
                Err(Rejection::validation(
                    "event.visibility",
                    "must be agents: the requester is in the chat with visibility agents",
                ))
            }
            None if chat.active_thread().is_some() => {
                Err(Rejection::MissingAccess("requester is not in the chat"))
            }
            _ => Ok(()),
        }
    }

    /// The path of most commands there are: no copy of the chat is made.
    fn add(self, chat: &Chat, context: &Context<'_>, author: Option<UserId>) -> Result<Decision, Rejection> {
        let is_system = matches!(self.event.body, EventBody::SystemMessage(_));
        let event = next_event(chat, context, self.event, author.clone().filter(|_| !is_system))?;
        let id = event.id.clone();
        let push = Push {
            to: chat.members(event.visibility),
            body: PushBody::IncomingEvent {
                chat: chat.id.clone(),
                thread: id.thread.clone(),
                event: event.clone(),
            },
        };
        let mut changes = vec![Change::EventAdded(event.clone())];
        let mut pushes = vec![push];
        if let Some(thread) = chat.active_thread().filter(|_| event.body.kind().is_activity()) {
            let standing = standing::after_event(thread, &event);
            if !standing.is_empty() {
                let (change, push) = set_by_server(chat, Target::Thread(thread.id.clone()), standing);
                changes.push(change);
                pushes.push(push);
            }
        }
        // A system message has no author, but whoever sends it has seen the chat like any other sender.
        if is_system && let Some(user) = author.filter(|user| chat.user(user).is_some()) {
            changes.push(Change::Seen { user, up_to: event.created_at });
        }
        Ok(Decision { changes, older_thread: None, pushes, reply: Reply::Event(id) })
    }
}
