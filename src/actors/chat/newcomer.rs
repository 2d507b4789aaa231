//! A customer who is brought into a chat that was there before has it among their chats from then on: they are told of it, their next
//! start goes on with it, and it ends when they are banned.
//!
//! A start enters the chat before it is opened, as they may have only so many. One that they are brought into is entered once that is
//! confirmed, since a chat that did not take them in must not be theirs. The row that brings them is the last one until it is
//! entered: whoever loads the chat finds it there if this was cut short.

use super::super::{Actors, customer_chats};
use super::log::LogWriter;
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::store::StoreError;

/// Whether what was stored of one command may have brought a customer into a chat that was there before.
pub(super) fn may_bring(changes: &[Change]) -> bool {
    changes.iter().any(|change| match change {
        Change::UserAdded(user) => user.id.customer().is_some(),
        // The first thread was entered by whoever started the chat. A later one does not say who was there before.
        Change::ThreadOpened(chat) => chat.thread.as_ref().is_some_and(|thread| thread.number > 1),
        _ => false,
    })
}

/// The chat, as it is stored and confirmed, is among its customer's.
pub(super) async fn enter(actors: &Actors, writer: &LogWriter, chat: &Chat) -> Result<(), StoreError> {
    let Some((customer, _)) = chat.customer() else { return Ok(()) };
    let (store, license) = (&*actors.parts.store, writer.key.license);
    customer_chats::add(store, license, customer, &writer.key.chat, None).await.map(drop)
}
