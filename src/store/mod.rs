//! Durable storage: what the actors write before they answer, and what readers read.
//!
//! The traits are grouped by who asks:
//!
//! - [`EventLog`]: chat actors. The rows of a thread, appended under the epoch of the shard's owner.
//! - [`CasTables`]: whoever changes something rarely and must not race: pointers, licenses, tokens.
//! - [`Indexes`]: lists and timers. Projections of the logs; each can be rebuilt from them.
//! - [`OwnershipTables`]: the crate `cluster`, which decides who owns a shard.
//! - [`Health`]: the node, for `/readyz`, `/metrics` and its own stop.
//!
//! [`Store`] is all of them; the rest of the server holds an `Arc<dyn Store>`. There are two implementations and no
//! third: [`embedded`] for one machine (also what unit tests use, in a scratch folder) and [`cql`] for a cluster.
//! `tests/store/conformance` is the one suite that both must pass.
//!
//! # The life of an append
//!
//! A chat's owner appends rows under its epoch; once that returns the rows are durable, but not yet *valid*: the owner
//! may have been superseded meanwhile. It then calls
//! [`Ownership::validate`](switchboard_cluster::Ownership::validate), and only then answers and pushes. A reader
//! follows the reader rule (see [`EventLog::read`]), so that rows of a superseded owner are never seen. The embedded
//! store refuses a superseded owner's append outright, which is stronger; callers rely on the weaker promise only.

mod cell;
pub mod cql;
pub mod embedded;
mod error;
mod health;
mod index;
mod log;
mod record;
pub mod unknown;

pub use cell::{Cas, CasTables, Cell, CellKey, CellTable};
pub use error::{AppendError, Cause, StoreError};
pub use health::{CommitTimes, Failure, Health, Pulse};
pub use index::{IndexKey, IndexRow, IndexScan, IndexTable, IndexWrite, Indexes, Order, Version};
pub use log::{Append, EventLog, LogKey, Row};
pub use record::change_record;

use switchboard_cluster::OwnershipTables;

/// Everything a store does.
pub trait Store: EventLog + CasTables + Indexes + OwnershipTables + Health {}

impl<T: EventLog + CasTables + Indexes + OwnershipTables + Health> Store for T {}
