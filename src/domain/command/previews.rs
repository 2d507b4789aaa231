//! `send_event_preview` and `send_thinking_indicator` (agents, 3.6): an answer in the making; told, never stored.

use serde::{Deserialize, Serialize};

use super::{Context, Decision, Reply};
use crate::domain::chat::Chat;
use crate::domain::event::{EventBody, NewEvent, Visibility};
use crate::domain::id::UserId;
use crate::domain::push::{Audience, Push, PushBody, Thought};
use crate::domain::rejection::Rejection;

/// Bytes of a title, a description or a `custom_id`.
const MAX_TEXT: usize = 1_024;

/// What a message says so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendEventPreview {
    /// The message; its `custom_id` ties it to the one that is sent in the end.
    pub event: NewEvent,
}

/// The requester prepares an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendThinkingIndicator {
    /// Who may know.
    pub visibility: Visibility,
    /// What is told.
    pub thought: Thought,
}

impl SendEventPreview {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let thread = chat.active_thread().ok_or(Rejection::ChatInactive)?;
        context.check_presence(chat, false)?;
        let Some(author) = context.caller.user() else { return Ok(Decision::default()) };
        self.event.check(context.rules.events, context.side())?;
        if is_unseen(chat, &author) || self.event.visibility != Visibility::All {
            return Err(Rejection::validation("event.visibility", "previews are for everybody in the chat"));
        }
        let EventBody::Message { text, .. } = self.event.body else {
            return Err(Rejection::validation("event.type", "must be message"));
        };
        let body = PushBody::IncomingEventPreview {
            chat: chat.id.clone(),
            thread: thread.id.clone(),
            author,
            at: context.now,
            text,
            custom_id: self.event.custom_id,
        };
        let customers = chat.members(Visibility::All).customers;
        let to = Audience { customers, ..Audience::default() };
        Ok(Decision { pushes: vec![Push { body, to }], reply: Reply::Done, ..Decision::default() })
    }
}

impl SendThinkingIndicator {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let thread = chat.active_thread().ok_or(Rejection::ChatInactive)?;
        let Some(author) = context.caller.user() else { return Ok(Decision::default()) };
        let Thought { title, description, custom_id } = &self.thought;
        for (field, text) in [("title", title), ("description", description), ("custom_id", custom_id)] {
            if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
                return Err(Rejection::validation(field, format!("at most {MAX_TEXT} bytes")));
            }
        }
        let visibility = if is_unseen(chat, &author) { Visibility::Agents } else { self.visibility };
        let body = PushBody::IncomingThinkingIndicator {
            chat: chat.id.clone(),
            thread: thread.id.clone(),
            author: author.clone(),
            visibility,
            at: context.now,
            thought: self.thought,
        };
        let to = chat.members(visibility);
        Ok(Decision { pushes: vec![Push { body, to }], reply: Reply::Done, ..Decision::default() })
    }
}

/// Does the user hide from the customer?
fn is_unseen(chat: &Chat, user: &UserId) -> bool {
    chat.user(user).is_some_and(|user| user.visibility == Visibility::Agents)
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;

    fn preview(event: NewEvent) -> Command {
        Command::SendEventPreview(SendEventPreview { event })
    }

    fn thinks(visibility: Visibility) -> Command {
        let thought = Thought { title: Some("Looking".to_owned()), ..Thought::default() };
        Command::SendThinkingIndicator(SendThinkingIndicator { visibility, thought })
    }

    #[test]
    fn a_preview_reaches_the_customer_and_is_not_stored() {
        let mut story = Story::with_smith();
        let sent = story.agent("smith").gives(preview(named("1", message("Let me"))));
        assert_eq!(sent.told("kate"), ["incoming_event_preview"]);
        assert!(sent.told("smith").is_empty());
        assert!(sent.decision().changes.is_empty());
    }

    #[test]
    fn a_preview_is_a_message_for_all_of_somebody_in_the_active_chat() {
        let mut story = Story::with_smith();
        assert_eq!(story.agent("smith").gives(preview(annotation("x"))).wrong_field(), "event.type");
        let secret = preview(hidden(message("x")));
        assert_eq!(story.agent("smith").gives(secret).wrong_field(), "event.visibility");
        let outside = story.agent("brown").gives(preview(message("x")));
        assert!(matches!(outside.refused(), Rejection::MissingAccess(_)));
        story.agent("brown").supervises().done();
        assert_eq!(story.agent("brown").gives(preview(message("x"))).wrong_field(), "event.visibility");
        story.customer().closes().done();
        assert_eq!(story.agent("smith").gives(preview(message("x"))).refused(), &Rejection::ChatInactive);
    }

    #[test]
    fn thinking_is_told_to_all_who_may_know() {
        let mut story = Story::with_smith();
        story.agent("brown").joins().done();
        let told = story.agent("smith").gives(thinks(Visibility::All));
        assert_eq!(told.told("kate"), ["incoming_thinking_indicator"]);
        assert_eq!(told.told("brown"), ["incoming_thinking_indicator"]);
        assert_eq!(told.told("smith"), ["incoming_thinking_indicator"]);
        assert!(story.agent("smith").gives(thinks(Visibility::Agents)).told("kate").is_empty());
        let long = Thought { title: Some("x".repeat(1_025)), ..Thought::default() };
        let command = SendThinkingIndicator { visibility: Visibility::All, thought: long };
        let refused = story.agent("smith").gives(Command::SendThinkingIndicator(command));
        assert_eq!(refused.wrong_field(), "title");
    }
}
