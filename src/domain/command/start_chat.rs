//! `start_chat` (agents and customers, 3.6): a new chat with its first thread.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::open_thread::{NewThread, open_for_all};
use super::{Context, Decision, Reply};
use crate::domain::chat::Chat;
use crate::domain::rejection::Rejection;

/// Opens the first thread of a chat whose id was drawn before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StartChat {
    /// What the opener asks for.
    pub thread: NewThread,
}

impl StartChat {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        if chat.thread.is_some() {
            return Err(Rejection::validation("chat", "is started already"));
        }
        let gave_events = !self.thread.events.is_empty();
        let mut draft = Draft::new(chat, context);
        let events = open_for_all(&mut draft, self.thread)?;
        let reply = opened(&draft.chat, gave_events.then_some(events))?;
        Ok(draft.decision(reply))
    }
}

/// The reply to whoever opened the chat's last thread.
pub(super) fn opened(
    chat: &Chat,
    events: Option<Vec<crate::domain::id::EventId>>,
) -> Result<Reply, Rejection> {
    let thread = chat.thread.as_ref().ok_or(Rejection::NotFound("thread"))?;
    Ok(Reply::Thread { chat: chat.id.clone(), thread: thread.id.clone(), events })
}
