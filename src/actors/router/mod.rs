//! The router of one license: gives chats to agents.
//!
//! The actor carries out what the pure [`crate::domain::routing`] decides; it never waits for the store.
//! [`RouterHandle`] is how others speak with it, on whatever node it is; a [`RouterQuestion`] is what they say.

mod actor;
mod duty;
mod handle;
mod local;
mod message;
mod presence;
mod query;
mod question;
mod telling;
mod translate;

pub(crate) use duty::fault as work_schedule_fault;
pub use handle::RouterHandle;
pub(in crate::actors) use local::LocalRouter;
pub use message::{Leave, Report, Status};
pub use query::{RouterQuery, RouterReply};
pub use question::{RouterAnswer, RouterQuestion};
