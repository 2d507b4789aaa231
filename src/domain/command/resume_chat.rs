//! `resume_chat` (agents and customers, 3.6): the next thread of a chat that has no active one.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::open_thread::{NewThread, open_for_all};
use super::start_chat::opened;
use super::{Context, Decision};
use crate::domain::chat::Chat;
use crate::domain::rejection::Rejection;

/// Opens the next thread of the chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResumeChat {
    /// What the opener asks for.
    pub thread: NewThread,
}

impl ResumeChat {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        if chat.active_thread().is_some() {
            return Err(Rejection::validation("chat.id", "chat is already active"));
        }
        let gave_events = !self.thread.events.is_empty();
        let mut draft = Draft::new(chat, context);
        let events = open_for_all(&mut draft, self.thread)?;
        let reply = opened(&draft.chat, gave_events.then_some(events))?;
        Ok(draft.decision(reply))
    }
}
