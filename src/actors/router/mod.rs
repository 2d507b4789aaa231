//! The router of one license: gives chats to agents.
//!
//! The actor carries out what the pure [`crate::domain::routing`] decides. No decision waits for the store: all that is stored is
//! what agents and bots chose (`choices`), and only who sets a status waits for that.
//! [`RouterHandle`] is how others speak with it, on whatever node it is; a [`RouterQuestion`] is what they say.

mod actor;
mod agents;
mod choices;
mod duty;
mod handle;
mod hearing;
mod keeping;
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
