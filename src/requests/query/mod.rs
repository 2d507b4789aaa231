//! The methods that read.

mod archives;
mod get_chat;
mod list_chats;
mod list_threads;

use std::sync::Arc;

use super::error::of_ask;
use super::pipeline::{Call, Requests};
use crate::actors::ChatKey;
use crate::actors::chat::Snapshot;
use crate::domain::command::can_see;
use crate::domain::id::ChatId;
use crate::protocol::error::{ErrorType, WireError};

impl Requests {
    /// A chat that the requester may see, as it is now.
    pub(super) async fn visible_chat(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
    ) -> Result<Arc<Snapshot>, WireError> {
        let key = ChatKey { license: call.who.license_id(), chat: chat.clone() };
        let surface = call.who.surface();
        let snapshot = self.parts.actors.inspect(&key).await.map_err(|error| of_ask(error, surface))?;
        if snapshot.chat.thread.is_none() {
            return Err(WireError::new(ErrorType::NotFound, "chat not found"));
        }
        can_see(&snapshot.chat, &call.who.reader(), &call.who.license)
            .map_err(|rejection| WireError::from_rejection(rejection, surface))?;
        Ok(snapshot)
    }
}
