//! `update_*_properties` and `delete_*_properties` of chats, threads and events (agents and customers, 3.6).

use super::{Caller, Context, Decision, Reply, Subject, SubjectRequest};
use crate::domain::change::{Change, Target};
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::ThreadId;
use crate::domain::properties::{Properties, PropertyNames};
use crate::domain::property_definitions::{Location, check_delete, check_set};
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::rejection::Rejection;

/// Sets properties; others stay.
#[derive(Clone, Debug)]
pub struct UpdateProperties {
    /// Of what.
    pub target: Target,
    /// Which.
    pub properties: Properties,
}

/// Removes properties.
#[derive(Clone, Debug)]
pub struct DeleteProperties {
    /// Of what.
    pub target: Target,
    /// Which.
    pub names: PropertyNames,
}

impl UpdateProperties {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        check_set(&self.properties, location(&self.target), context.side())?;
        let to = audience(chat, &self.target, context)?;
        let chat_id = chat.id.clone();
        let properties = self.properties.clone();
        let body = match self.target.clone() {
            Target::Chat => PushBody::ChatPropertiesUpdated { chat: chat_id, properties },
            Target::Thread(thread) => PushBody::ThreadPropertiesUpdated { chat: chat_id, thread, properties },
            Target::Event(event) => PushBody::EventPropertiesUpdated { chat: chat_id, event, properties },
        };
        let change = Change::PropertiesSet { target: self.target.clone(), properties: self.properties };
        Ok(decision(chat, &self.target, change, body, to))
    }
}

impl DeleteProperties {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        check_delete(&self.names, location(&self.target), context.side())?;
        let to = audience(chat, &self.target, context)?;
        let chat_id = chat.id.clone();
        let names = self.names.clone();
        let body = match self.target.clone() {
            Target::Chat => PushBody::ChatPropertiesDeleted { chat: chat_id, names },
            Target::Thread(thread) => PushBody::ThreadPropertiesDeleted { chat: chat_id, thread, names },
            Target::Event(event) => PushBody::EventPropertiesDeleted { chat: chat_id, event, names },
        };
        let change = Change::PropertiesDeleted { target: self.target.clone(), names: self.names };
        Ok(decision(chat, &self.target, change, body, to))
    }
}

/// What must be read before properties of the target can be changed.
pub(super) fn subject_request(target: &Target, chat: &Chat) -> Option<SubjectRequest> {
    let is_last = |thread: &ThreadId| chat.thread.as_ref().is_some_and(|last| last.id == *thread);
    match target {
        Target::Chat => None,
        Target::Thread(thread) => (!is_last(thread)).then(|| SubjectRequest::Thread(thread.clone())),
        Target::Event(event) => Some(SubjectRequest::Event(event.clone())),
    }
}

fn location(target: &Target) -> Location {
    match target {
        Target::Chat => Location::Chat,
        Target::Thread(_) => Location::Thread,
        Target::Event(_) => Location::Event,
    }
}

/// Whom the change is told; also where the target is found to exist for the caller.
fn audience(chat: &Chat, target: &Target, context: &Context<'_>) -> Result<Audience, Rejection> {
    match (target, &context.subject) {
        (Target::Chat, _) if chat.thread.is_some() => Ok(chat.everybody()),
        (Target::Chat, _) => Err(Rejection::NotFound("chat")),
        (Target::Thread(id), _) if chat.thread.as_ref().is_some_and(|thread| thread.id == *id) => {
            Ok(chat.everybody())
        }
        (Target::Thread(_), Some(Subject::Thread(_))) => Ok(chat.everybody()),
        (Target::Thread(_), _) => Err(Rejection::NotFound("thread")),
        (Target::Event(_), Some(Subject::Event(event))) => {
            let hidden = event.visibility == Visibility::Agents;
            if hidden && matches!(context.caller, Caller::Customer { .. }) {
                return Err(Rejection::NotFound("event"));
            }
            Ok(chat.members(event.visibility))
        }
        (Target::Event(_), _) => Err(Rejection::NotFound("event")),
    }
}

fn decision(chat: &Chat, target: &Target, change: Change, body: PushBody, to: Audience) -> Decision {
    let thread = match target {
        Target::Chat => None,
        Target::Thread(thread) => Some(thread),
        Target::Event(event) => Some(&event.thread),
    };
    let older = thread.filter(|thread| chat.thread.as_ref().is_some_and(|last| last.id != **thread));
    Decision {
        changes: vec![change],
        older_thread: older.cloned(),
        pushes: vec![Push { body, to }],
        reply: Reply::Done,
    }
}
