//! The chat before what is decided and not stored yet, to be taken back if the store refuses it.
//!
//! Of an event, which is what nearly all batches are made of, only what it replaces is kept; of anything else, the chat.

use super::load::State;
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::operations::OperationsMark;
use crate::domain::replaced::Replaced;
use crate::domain::time::Timestamp;

/// What undoes a batch.
pub(super) struct Before {
    /// What the first rows replace, one event each.
    replaced: Vec<Replaced>,
    /// The chat as it was before the first row that was something else; what follows needs no account of its own.
    chat: Option<Box<Chat>>,
    operations: OperationsMark,
    open_since: Timestamp,
}

impl Before {
    /// The chat before the batch.
    pub(super) fn of(state: &State) -> Self {
        let State { operations, open_since, .. } = state;
        Self { replaced: Vec::new(), chat: None, operations: operations.mark(), open_since: *open_since }
    }

    /// Another row is about to change the chat.
    pub(super) fn note(&mut self, chat: &Chat, changes: &[Change]) {
        if self.chat.is_some() {
            return;
        }
        match changes {
            [Change::EventAdded(event)] => self.replaced.push(Replaced::by(event, chat)),
            _ => self.chat = Some(Box::new(chat.clone())),
        }
    }

    /// Takes everything back. False if that cannot be done.
    pub(super) fn restore(self, state: &mut State) -> bool {
        if !state.operations.take_back(self.operations) {
            return false;
        }
        if let Some(chat) = self.chat {
            state.chat = *chat;
        }
        for replaced in self.replaced.into_iter().rev() {
            replaced.restore(&mut state.chat);
        }
        state.open_since = self.open_since;
        true
    }
}
