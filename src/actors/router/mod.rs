//! The router of one license: gives chats to agents.
//!
//! [`actor::RouterActor`] carries out what the pure [`crate::domain::routing`] decides; it never waits for the
//! store. [`RouterHandle`] is how others speak with it.

mod actor;
mod handle;
mod message;

pub use handle::RouterHandle;
pub use message::{Leave, Status};
