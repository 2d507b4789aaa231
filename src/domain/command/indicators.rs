//! `send_typing_indicator` (agents) and `send_sneak_peek` (customers), 3.6: told, never stored.

use serde::{Deserialize, Serialize};

use super::silence::attention;
use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::UserId;
use crate::domain::push::{Push, PushBody};
use crate::domain::rejection::Rejection;
use crate::domain::thread::Thread;

/// The requester types, or stopped typing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SendTypingIndicator {
    /// Who may know.
    pub visibility: Visibility,
    /// False when they stopped.
    pub is_typing: bool,
}

/// What a customer has typed so far; agents only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendSneakPeek {
    /// The text.
    pub text: String,
}

impl SendTypingIndicator {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let thread = chat.active_thread().ok_or(Rejection::ChatInactive)?;
        let Some(author) = context.caller.user() else { return Ok(Decision::default()) };
        let hidden = chat.user(&author).is_some_and(|user| user.visibility == Visibility::Agents);
        let visibility = if hidden { Visibility::Agents } else { self.visibility };
        let body = PushBody::IncomingTypingIndicator {
            chat: chat.id.clone(),
            thread: thread.id.clone(),
            author: author.clone(),
            visibility,
            at: context.now,
            is_typing: self.is_typing,
        };
        let changes = match self.is_typing {
            true => seldom(attention(chat, &author, context.now), thread, context),
            false => None,
        };
        let told = told_to_others(chat, &author, visibility, body);
        Ok(Decision { changes: changes.into_iter().collect(), ..told })
    }
}

/// Whoever types tells so again and again: a few times in the time that they have for the answer are enough.
fn seldom(attention: Option<Change>, thread: &Thread, context: &Context<'_>) -> Option<Change> {
    let since = context.now.since(thread.unanswered_since?);
    let period = context.rules.unreplied_transfer_after;
    attention.filter(|_| !period.is_zero() && since >= period / 4)
}

impl SendSneakPeek {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let thread = chat.active_thread().ok_or(Rejection::ChatInactive)?;
        if self.text.len() > context.rules.events.max_size {
            return Err(Rejection::validation(
                "sneak_peek_text",
                format!("at most {} bytes", context.rules.events.max_size),
            ));
        }
        let Some(author) = context.caller.user() else { return Ok(Decision::default()) };
        let body = PushBody::IncomingSneakPeek {
            chat: chat.id.clone(),
            thread: thread.id.clone(),
            author: author.clone(),
            text: self.text,
            at: context.now,
        };
        Ok(told_to_others(chat, &author, Visibility::Agents, body))
    }
}

/// Told to everybody else, for the method's own table lists no push that would come back to whoever asks: a client that shows
/// who types would show its own user.
fn told_to_others(chat: &Chat, author: &UserId, visibility: Visibility, body: PushBody) -> Decision {
    let mut to = chat.members(visibility);
    to.agents.retain(|agent| author.agent() != Some(agent));
    to.customers.retain(|customer| author.customer() != Some(customer));
    Decision { changes: Vec::new(), older_thread: None, pushes: vec![Push { body, to }], reply: Reply::Done }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;

    fn peek(text: &str) -> Command {
        Command::SendSneakPeek(SendSneakPeek { text: text.to_owned() })
    }

    #[test]
    fn typing_is_told_to_the_others_and_not_stored() {
        let mut story = Story::with_smith();
        story.agent("brown").joins().done();
        let typing = story.agent("smith").types(Visibility::All);
        assert_eq!(typing.told("kate"), ["incoming_typing_indicator"]);
        assert_eq!(typing.told("brown"), ["incoming_typing_indicator"]);
        assert!(typing.told("smith").is_empty());
        assert!(typing.decision().changes.is_empty());
    }

    #[test]
    fn typing_for_agents_never_reaches_the_customer() {
        let mut story = Story::with_smith();
        story.agent("brown").joins().done();
        let typing = story.agent("smith").types(Visibility::Agents);
        assert_eq!(typing.told("brown"), ["incoming_typing_indicator"]);
        assert!(typing.told("kate").is_empty());
    }

    #[test]
    fn a_sneak_peek_reaches_agents_only() {
        let mut story = Story::with_smith();
        let peeked = story.customer().gives(peek("hel"));
        assert_eq!(peeked.told("smith"), ["incoming_sneak_peek"]);
        assert!(peeked.told("kate").is_empty());
        assert!(peeked.told("brown").is_empty());
        assert!(peeked.decision().changes.is_empty());
    }

    #[test]
    fn a_sneak_peek_is_no_longer_than_a_message() {
        let mut story = Story::with_smith();
        assert_eq!(story.customer().gives(peek(&"x".repeat(16_385))).wrong_field(), "sneak_peek_text");
        story.customer().gives(peek(&"x".repeat(16_384))).done();
    }

    #[test]
    fn nobody_types_in_a_closed_chat() {
        let mut story = Story::closed();
        assert_eq!(story.agent("smith").types(Visibility::All).refused(), &Rejection::ChatInactive);
        assert_eq!(story.customer().gives(peek("hel")).refused(), &Rejection::ChatInactive);
    }
}
