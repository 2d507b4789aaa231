//! Why a question to an actor got no good answer.

use thiserror::Error;

use crate::domain::rejection::Rejection;
use crate::store::StoreError;

/// Why a command was not carried out. Unless it says otherwise the outcome is "nothing happened".
#[derive(Clone, Debug, Error)]
pub enum AskError {
    /// The rules say no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The chat's queue is full; the caller may try again.
    #[error("too many requests wait for this chat")]
    Busy,
    /// This node does not own the chat (any more); nothing was done, and the caller may try again.
    #[error("the chat is being moved, try again")]
    NotOwner,
    /// The node lost the chat while it stored the command, which may have been carried out. As for a deadline.
    #[error("the chat was moved before it was confirmed what became of the command, try again")]
    Unconfirmed,
    /// The chat's owner could not be reached; nothing was done, and the caller may try again.
    #[error("the node that has the chat cannot be reached now, try again")]
    Unreachable,
    /// The store took nothing; a later try may succeed.
    #[error("the store cannot take it now, try again")]
    Store(#[from] StoreError),
    /// No answer in time. The command may have been carried out; repeating it with its `custom_id` is safe.
    #[error("not answered in time")]
    Deadline,
    /// The actor stopped after it took the command and before it answered, or cannot be started. As for a deadline.
    #[error("the chat was restarted, try again")]
    Stopped,
    /// The tenant is gone.
    #[error("license not found")]
    NoLicense,
}
