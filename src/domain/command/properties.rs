//! `update_*_properties` and `delete_*_properties` of chats, threads and events (agents and customers, 3.6).

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Caller, Context, Decision, Reply, SubjectRequest, transcript};
use crate::domain::change::{Change, Target};
use crate::domain::chat::Chat;
use crate::domain::event::EventBody;
use crate::domain::id::ThreadId;
use crate::domain::properties::{self, Properties, PropertyNames, PropertyValue};
use crate::domain::property_definitions::{Location, check_delete, check_set};
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::transcript::wanted;

/// Sets properties; others stay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpdateProperties {
    /// Of what.
    pub target: Target,
    /// Which.
    pub properties: Properties,
}

/// Removes properties.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
        let said = self.properties.clone();
        let change = Change::PropertiesSet { target: self.target.clone(), properties: self.properties };
        let news = rated(&self.target, &said, chat, context);
        decision(chat, &self.target, (change, body, to), news, context)
    }
}

impl DeleteProperties {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        check_delete(&self.names, location(&self.target), context.side())?;
        let to = audience(chat, &self.target, context)?;
        let removed = properties::among(&self.names, current(chat, &self.target, context)?);
        if removed.is_empty() {
            return Ok(Draft::new(chat, context).decision(Reply::Done));
        }
        let (chat_id, names) = (chat.id.clone(), removed.clone());
        let body = match self.target.clone() {
            Target::Chat => PushBody::ChatPropertiesDeleted { chat: chat_id, names },
            Target::Thread(thread) => PushBody::ThreadPropertiesDeleted { chat: chat_id, thread, names },
            Target::Event(event) => PushBody::EventPropertiesDeleted { chat: chat_id, event, names },
        };
        let news = unrated(&self.target, &removed, chat, context);
        let change = Change::PropertiesDeleted { target: self.target.clone(), names: removed };
        decision(chat, &self.target, (change, body, to), news, context)
    }
}

/// What the server itself sets on a chat or its last thread: the change, and the push to the agents who see the chat.
pub(super) fn set_by_server(chat: &Chat, target: Target, properties: Properties) -> (Change, Push) {
    let (id, said) = (chat.id.clone(), properties.clone());
    let body = match &target {
        Target::Chat => PushBody::ChatPropertiesUpdated { chat: id, properties: said },
        Target::Thread(thread) => {
            PushBody::ThreadPropertiesUpdated { chat: id, thread: thread.clone(), properties: said }
        }
        Target::Event(event) => {
            PushBody::EventPropertiesUpdated { chat: id, event: event.clone(), properties: said }
        }
    };
    let to = Audience { customers: Vec::new(), ..chat.everybody() };
    (Change::PropertiesSet { target, properties }, Push { body, to })
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
    match target {
        Target::Chat => Ok(chat.everybody()),
        Target::Thread(id) if chat.thread.as_ref().is_some_and(|last| last.id == *id) => Ok(chat.everybody()),
        Target::Thread(id) => {
            context.subject_thread(chat, id).map(|thread| context.audience_of_earlier(chat, thread))
        }
        Target::Event(id) => context.subject_event(chat, id).map(|(_, to)| to),
    }
}

/// The target's properties as they are.
fn current<'a>(
    chat: &'a Chat,
    target: &Target,
    context: &'a Context<'_>,
) -> Result<&'a Properties, Rejection> {
    match target {
        Target::Chat => Ok(&chat.properties),
        Target::Thread(id) => match &chat.thread {
            Some(last) if last.id == *id => Ok(&last.properties),
            _ => context.subject_thread(chat, id).map(|thread| &thread.properties),
        },
        Target::Event(id) => context.subject_event(chat, id).map(|(event, _)| &event.properties),
    }
}

fn decision(
    chat: &Chat,
    target: &Target,
    (change, body, to): (Change, PushBody, Audience),
    news: Vec<EventBody>,
    context: &Context<'_>,
) -> Result<Decision, Rejection> {
    let thread = match target {
        Target::Chat => None,
        Target::Thread(thread) => Some(thread),
        Target::Event(event) => Some(&event.thread),
    };
    let older = thread.filter(|thread| chat.thread.as_ref().is_some_and(|last| last.id != **thread));
    if older.is_some() {
        let pushes = vec![Push { body, to }];
        let older_thread = older.cloned();
        return Ok(Decision { changes: vec![change], older_thread, pushes, reply: Reply::Done });
    }
    let mut draft = Draft::new(chat, context);
    draft.change(change);
    draft.push(body, to);
    let requested = transcript::request(&mut draft, chat.active_thread().and_then(wanted));
    let mut news = news.into_iter().chain(requested);
    news.try_for_each(|message| draft.server_says(message).map(drop))?;
    Ok(draft.decision(Reply::Done))
}

/// The properties in which a customer's rating of the chat stands; none for anybody else and anything else.
fn rating<'a>(target: &Target, chat: &'a Chat, context: &Context<'_>) -> Option<&'a Properties> {
    if !matches!(context.caller, Caller::Customer { .. }) {
        return None;
    }
    match target {
        Target::Chat => Some(&chat.properties),
        Target::Thread(id) => chat.thread.as_ref().filter(|last| last.id == *id).map(|last| &last.properties),
        Target::Event(_) => None,
    }
}

/// A customer's rating is told in the chat.
fn rated(target: &Target, said: &Properties, chat: &Chat, context: &Context<'_>) -> Vec<EventBody> {
    if rating(target, chat, context).is_none() {
        return Vec::new();
    }
    let customer = chat.customer_name();
    let score = properties::get(said, "rating", "score").map(|score| match score {
        PropertyValue::Int(1) => "good".to_owned(),
        PropertyValue::Int(0) => "bad".to_owned(),
        PropertyValue::Int(other) => other.to_string(),
        PropertyValue::Bool(_) | PropertyValue::String(_) => String::new(),
    });
    let comment = match properties::get(said, "rating", "comment") {
        Some(PropertyValue::String(comment)) => Some(comment),
        _ => None,
    };
    let score = score.map(|score| ServerMessage::chat_rated(customer, &score).into_body());
    let comment = comment.map(|comment| ServerMessage::chat_commented(customer, comment).into_body());
    score.into_iter().chain(comment).collect()
}

/// So is its withdrawal.
fn unrated(target: &Target, removed: &PropertyNames, chat: &Chat, context: &Context<'_>) -> Vec<EventBody> {
    let withdrawn = removed.get("rating").is_some_and(|names| names.iter().any(|name| name == "score"));
    let message = (withdrawn && rating(target, chat, context).is_some())
        .then(|| ServerMessage::chat_rating_canceled(chat.customer_name()).into_body());
    message.into_iter().collect()
}

#[cfg(test)]
#[path = "tests/properties.rs"]
mod tests;
