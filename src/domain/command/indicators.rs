//! `send_typing_indicator` (agents) and `send_sneak_peek` (customers), 3.6: told, never stored.

use super::{Context, Decision, Reply};
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::UserId;
use crate::domain::push::{Push, PushBody};
use crate::domain::rejection::Rejection;

/// The requester types, or stopped typing.
#[derive(Clone, Copy, Debug)]
pub struct SendTypingIndicator {
    /// Who may know.
    pub visibility: Visibility,
    /// False when they stopped.
    pub is_typing: bool,
}

/// What a customer has typed so far; agents only.
#[derive(Clone, Debug)]
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
        Ok(told_to_others(chat, &author, visibility, body))
    }
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

fn told_to_others(chat: &Chat, author: &UserId, visibility: Visibility, body: PushBody) -> Decision {
    let mut to = chat.members(visibility);
    to.agents.retain(|agent| author.agent() != Some(agent));
    to.customers.retain(|customer| author.customer() != Some(customer));
    Decision { changes: Vec::new(), older_thread: None, pushes: vec![Push { body, to }], reply: Reply::Done }
}
