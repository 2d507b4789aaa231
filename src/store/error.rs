//! Store errors, by what the caller can do about them.

use std::error::Error;
use std::sync::Arc;

use switchboard_cluster::TableError;

/// What lies behind a store error: the engine's or the driver's own. Shared, since one failed group commit is the
/// answer to many.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written or read; the same call may be made again.
    #[error("the store cannot be reached now; nothing was written, try again")]
    Unavailable(#[source] Cause),
    /// More is asked of the store than it finishes; nothing was written. The same call may be made again, later.
    #[error("the store is too slow for this load; nothing was written, try again later")]
    Overloaded(#[source] Cause),
    /// The write may or may not have happened. An append, an index write and a read may be repeated as they are;
    /// after a compare-and-set the cell must be read first.
    #[error("the store did not confirm a write in time; it may or may not have happened")]
    OutcomeUnknown(#[source] Cause),
    /// No room: nothing was written, reads go on. The same call may be made again when the operator has made room.
    #[error(
        "the disk of the store is nearly full ({free_bytes} bytes free, {reserve_bytes} are kept in reserve); \
         nothing was written, free some space and it goes on by itself"
    )]
    Full {
        /// What was free when the write was refused.
        free_bytes: u64,
        /// What the store keeps for its own upkeep.
        reserve_bytes: u64,
    },
    /// What is stored cannot be what was written. Never answered with less data instead.
    #[error("stored data is damaged ({what}); restore the store from a backup")]
    Corrupt {
        /// Which kind of record.
        what: &'static str,
        /// What the engine says, if it was the engine that noticed.
        #[source]
        source: Option<Cause>,
    },
    /// The store has stopped itself for good; the server must stop too. See [`Failure`](super::Failure).
    #[error("the store has stopped after a fatal error; the server must be restarted")]
    Failed(#[source] Cause),
    /// The database does not accept the request as such: the schema or the rights of its role are not what they should be.
    #[error(
        "the database refused a request; check its schema (`switchboard migrate`) and the rights of the role"
    )]
    Refused(#[source] Cause),
    /// A key or a batch is past the bounds of the store: the caller let something through unchecked.
    #[error("{what} is too large for the store: {size}, at most {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The bound.
        limit: usize,
    },
    /// Rows must follow each other without a hole; the caller skipped one.
    #[error("row {first_seq} would leave a hole in its log: the row before it is not there")]
    Hole {
        /// The first row of the refused append.
        first_seq: u64,
    },
}

impl StoreError {
    /// Whether the same call may simply be made again later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Overloaded(_) | Self::Full { .. })
    }

    /// A damaged record that the store itself noticed.
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Corrupt { what, source: None }
    }
}

/// Why an append was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The epoch is no longer the shard's: the caller was superseded and must stop working on the shard.
    #[error("another owner has taken over the shard")]
    Fenced,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<StoreError> for TableError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::Overloaded(_)
            | StoreError::OutcomeUnknown(_)
            | StoreError::Full { .. } => Self::Unavailable(Arc::new(error)),
            _ => Self::Broken(Arc::new(error)),
        }
    }
}
