//! The router of one license: gives chats to agents.
//!
//! The actor carries out what the pure [`crate::domain::routing`] decides; it never waits for the store.
//! [`RouterHandle`] is how others speak with it.

mod actor;
mod duty;
mod explained;
mod handle;
mod message;
mod presence;
mod query;
mod telling;
mod translate;

pub(crate) use duty::fault as work_schedule_fault;
pub use handle::RouterHandle;
pub use message::{Leave, Status};
pub use query::{RouterQuery, RouterReply};
