//! The chat actor: the single writer of one chat.
//!
//! - `actor` holds the queue and the lifecycle; a `turn` decides and stores what is queued;
//! - `load` builds the state from the log, `record` is the stored form of a row, [`history`] folds the rows of a
//!   thread for readers, `projections` are the index rows that follow from a change.

mod actor;
pub mod history;
mod load;
mod log;
pub mod missed;
mod pointer;
mod projections;
mod record;
mod turn;

pub use actor::{Answer, Answering, ChatActor, Job, Refused, Snapshot, Work};
pub(super) use actor::{AskQuiet, Retire};
pub use projections::{OPEN_CHATS_DAYS, ThreadEntry};
