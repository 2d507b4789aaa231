//! The store of a cluster, on any CQL server with lightweight transactions: ScyllaDB, Apache Cassandra 5.
//!
//! # Rules that hold here (the argument is in `docs/cluster.md`)
//!
//! - Rows of logs and of indexes are written **plainly**, at QUORUM, with the owner's epoch as write timestamp: of two
//!   writes to one place the newer epoch stands, whatever arrives last. They are idempotent, so they may be sent again and
//!   to several coordinators.
//! - Whatever is decided once (cells, incarnations, shards) is written **conditionally** and never otherwise: the two kinds
//!   of timestamps must not meet in one table. A conditional write is sent once; after an unknown outcome a SERIAL read
//!   shows what became of it.
//! - Each append is one batch in one partition, so it is one mutation, atomic on each replica.
//! - Reads are at QUORUM, by pages, each of one partition of bounded size; the small tables of ownership are the only ones
//!   that are read whole.
//!
//! # Who is who
//!
//! [`connection`] makes the session, [`dialect`] knows what differs between servers, [`migrate()`] and [`migrations`] bring the
//! schema up to date, [`tables`] maps the generic names of the traits to tables with names of their own, [`statements`]
//! prepares everything at the start. Then a file for each trait, [`lwt`] for conditional writes, and [`projections`] for
//! index rows that could not be written at once.

mod cells;
mod connection;
mod dialect;
mod error;
mod health;
mod indexes;
mod log;
mod lwt;
mod migrate;
mod migrations;
mod options;
mod ownership;
mod projections;
mod statements;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use scylla::client::session::Session;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};

use self::projections::Projection;
use self::statements::Statements;
use super::{Failure, Pulse, StoreError};

pub use self::error::OpenError;
pub use self::migrate::{Migrated, migrate};
pub use self::migrations::{MIGRATIONS, Migration};
pub use self::options::{CqlOptions, Login, Replication};

/// How long a write waits for a place among those in flight before it is refused.
const ADMISSION: Duration = Duration::from_secs(1);

/// The open store.
pub struct CqlStore {
    inner: Arc<Inner>,
    /// Where index rows go that could not be written at once.
    projections: mpsc::Sender<Projection>,
}

struct Inner {
    session: Session,
    statements: Statements,
    in_flight: Semaphore,
    max_in_flight: usize,
    pulse: Mutex<Pulse>,
    /// A CQL store never stops for good: what is away may come back.
    failed: watch::Sender<Option<Failure>>,
}

impl std::fmt::Debug for CqlStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CqlStore").finish_non_exhaustive()
    }
}

/// Too many writes are in flight already.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} writes are in flight, and none finished within a second: the database is too slow for this load"
)]
struct Overloaded(usize);

impl CqlStore {
    /// Connects, checks that the schema is what this build knows, and prepares all statements.
    pub async fn open(options: &CqlOptions) -> Result<Self, OpenError> {
        options.check()?;
        let session = connection::connect(options).await?;
        migrate::check_schema(&session, options).await?;
        dialect::check_timestamps(&session).await?;
        dialect::warn_of_weak_settings(&session).await;
        let statements = Statements::prepare(&session, options).await?;
        let (failed, _) = watch::channel(None);
        let inner = Arc::new(Inner {
            session,
            statements,
            in_flight: Semaphore::new(options.max_in_flight),
            max_in_flight: options.max_in_flight,
            pulse: Mutex::default(),
            failed,
        });
        let projections = projections::start(Arc::downgrade(&inner));
        Ok(Self { inner, projections })
    }

    /// Like [`CqlStore::open`], but goes on trying while the database cannot be reached; `waiting` is told of each failure.
    /// What waiting cannot mend (a schema of another age, refused rights) is returned at once.
    pub async fn open_when_reachable(
        options: &CqlOptions,
        mut waiting: impl FnMut(&OpenError),
    ) -> Result<Self, OpenError> {
        loop {
            match Self::open(options).await {
                Err(error) if error.may_pass() => {
                    waiting(&error);
                    tokio::time::sleep(options.reconnect_every).await;
                }
                done => return done,
            }
        }
    }
}

impl Inner {
    /// A place among the writes in flight. Refusing early keeps memory bounded when the database is slow.
    async fn admit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let overloaded = || StoreError::Overloaded(Arc::new(Overloaded(self.max_in_flight)));
        match tokio::time::timeout(ADMISSION, self.in_flight.acquire()).await {
            Ok(permit) => permit.map_err(|_| overloaded()),
            Err(_) => Err(overloaded()),
        }
    }
}
