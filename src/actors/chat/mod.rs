//! The chat actor: the single writer of one chat.
//!
//! - `actor` holds the queue and the lifecycle; a `turn` decides and stores what is queued;
//! - `load` builds the state from the log, of which `prefix` is a part that may have been read ahead, `record` is the stored form of a row, [`history`] folds the rows of a
//!   thread for readers, `projections` are the index rows that follow from a change, `newcomer` is what follows from one that brings a
//!   customer.

mod actor;
mod before;
pub mod history;
mod load;
mod log;
pub mod missed;
mod newcomer;
mod pointer;
mod prefix;
mod projections;
mod record;
mod turn;

pub use actor::{Answer, Answering, ChatActor, Head, Job, Refused, Snapshot, Work};
pub(super) use actor::{AskHead, Posted, Retire};
pub(super) use prefix::Prefix;
pub use projections::{ChatEntry, OPEN_CHATS_DAYS, ThreadEntry};
pub use record::is_seal;
