//! Transcripts: the words in the thread, what is owed when it ends, and that it was mailed.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Context, Decision, Reply};
use crate::domain::chat::Chat;
use crate::domain::event::EventBody;
use crate::domain::id::ThreadId;
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::transcript::{self, Owed, wanted};

/// The transcript of a thread was mailed, or never will be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettleTranscript {
    /// Of which thread.
    pub thread: ThreadId,
}

impl SettleTranscript {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        let mut draft = Draft::new(chat, context);
        if transcript::owed(chat).any(|owed| owed.thread == self.thread) {
            draft.change(transcript::settle(&self.thread));
        }
        Ok(draft.decision(Reply::Done))
    }
}

/// What is said in the active thread if its customer wants a transcript there who wanted none before, or somewhere else.
pub(super) fn request(draft: &mut Draft<'_>, before: Option<&str>) -> Option<EventBody> {
    let thread = draft.chat.active_thread().filter(|_| draft.context.rules.mails_transcripts)?;
    let address = wanted(thread).filter(|address| Some(*address) != before)?.to_owned();
    let counted = transcript::counted_request(thread)?;
    draft.change(counted);
    Some(ServerMessage::transcript_requested(draft.chat.customer_name(), &address).into_body())
}

/// What is said as the active thread ends, if its customer wants a transcript: it is owed by that.
pub(super) fn at_end(draft: &mut Draft<'_>) -> Option<EventBody> {
    let thread = draft.chat.active_thread().filter(|_| draft.context.rules.mails_transcripts)?;
    let address = wanted(thread)?.to_owned();
    let said = ServerMessage::transcript_sent(draft.chat.customer_name(), &address).into_body();
    let owed = Owed { thread: thread.id.clone(), address, since: draft.time() };
    draft.change(transcript::owe(&owed));
    Some(said)
}

#[cfg(test)]
#[path = "tests/transcript.rs"]
mod tests;
