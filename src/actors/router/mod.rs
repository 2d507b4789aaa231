//! The router of one license: gives chats to agents.
//!
//! The actor carries out what the pure [`crate::domain::routing`] decides; it never waits for the store.
//! [`RouterHandle`] is how others speak with it.

mod actor;
mod handle;
mod message;
mod presence;
mod telling;
mod translate;

pub use handle::RouterHandle;
pub use message::{Leave, Status};
