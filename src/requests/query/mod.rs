//! The methods that read.

mod archives;
mod get_chat;
mod list_chats;
mod list_threads;
mod opened;
mod pages;

use std::sync::Arc;

use super::error::of_ask;
use super::pipeline::{Call, Requests};
use crate::actors::ChatKey;
use crate::actors::chat::Snapshot;
use crate::domain::chat::Chat;
use crate::domain::command::{Caller, Reach, can_see, can_see_thread};
use crate::domain::id::ChatId;
use crate::domain::thread::Thread;
use crate::protocol::error::{ErrorType, WireError};

/// A page that has grown to this many bytes ends early, so that it fits into the reader's outbox.
const MAX_PAGE_BYTES: usize = 256 * 1024;

impl Requests {
    /// A chat that the requester may see, as it is now.
    pub(super) async fn visible_chat(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
    ) -> Result<Arc<Snapshot>, WireError> {
        let snapshot = self.chat_now(call, chat).await?;
        check_sees(call, &snapshot.chat)?;
        Ok(snapshot)
    }

    /// A chat of whose threads the requester may see some, as it is now. For agents this remains to be asked of each thread; a
    /// customer sees all or none.
    pub(super) async fn partly_visible_chat(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
    ) -> Result<Arc<Snapshot>, WireError> {
        match call.who.agent() {
            Some(_) => self.chat_now(call, chat).await,
            None => self.visible_chat(call, chat).await,
        }
    }

    async fn chat_now(&self, call: &Call<'_>, chat: &ChatId) -> Result<Arc<Snapshot>, WireError> {
        let key = ChatKey { license: call.who.license_id(), chat: chat.clone() };
        let surface = call.who.surface();
        let snapshot = self.parts.actors.inspect(&key).await.map_err(|error| of_ask(error, surface))?;
        if snapshot.chat.thread.is_none() {
            return Err(WireError::new(ErrorType::NotFound, "chat not found"));
        }
        Ok(snapshot)
    }
}

/// Refuses whoever may not see the chat.
fn check_sees(call: &Call<'_>, chat: &Chat) -> Result<(), WireError> {
    can_see(chat, &call.who.reader(), &call.who.license)
        .map_err(|rejection| WireError::from_rejection(rejection, call.who.surface()))
}

/// Refuses whoever may not see this thread of the chat.
fn check_sees_thread(call: &Call<'_>, chat: &Chat, thread: &Thread) -> Result<(), WireError> {
    can_see_thread(chat, thread, &call.who.reader(), &call.who.license)
        .map_err(|rejection| WireError::from_rejection(rejection, call.who.surface()))
}

/// Whether nothing of a chat that the requester sees is hidden from them, whatever groups its threads were open to.
fn sees_every_thread(call: &Call<'_>) -> bool {
    !matches!(call.who.reader(), Caller::Agent { reach, .. } if reach < Reach::All)
}
