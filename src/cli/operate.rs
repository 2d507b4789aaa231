//! Has an operation done: by the running server, or, where none runs, by ourselves on the store.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::admin::{Client, ClientError, Operation, OperationError, Outcome, Services};
use crate::clock::SystemClock;
use crate::config::{Config, StoreKind};
use crate::id_source::OsIds;
use crate::opening::{self, OpeningError, Patience};
use crate::tenants::Tenants;

/// A server that is starting holds the lock before it listens on its socket; so long we wait for one of them.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum OperateError {
    /// The system gives us no threads or timers.
    #[error("the command cannot be started")]
    Runtime(#[source] io::Error),
    /// The store.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// A mistyped data dir would else be made, and be empty.
    #[error("there is no data in {0}; name the right --data-dir, or start the server there once")]
    NoData(String),
    /// The running server says no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The operation itself says no.
    #[error(transparent)]
    Operation(#[from] OperationError),
}

/// Has it done and gives the outcome.
pub(super) fn operate(config: &Config, operation: Operation) -> Result<Outcome, OperateError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(OperateError::Runtime)?;
    runtime.block_on(async {
        match config.server.store {
            StoreKind::Embedded => on_data_dir(config, operation).await,
            StoreKind::Cql => on_store(config, operation).await,
        }
    })
}

async fn on_data_dir(config: &Config, operation: Operation) -> Result<Outcome, OperateError> {
    let makes_data = matches!(operation, Operation::CreateLicense { .. });
    if !makes_data && !opening::embedded_folder(config).is_dir() {
        return Err(OperateError::NoData(config.server.data_dir.display().to_string()));
    }
    for _ in 0..TRIES {
        if let Some(mut server) = Client::connect(&config.server.admin_socket()).await {
            return Ok(server.execute(&operation).await?);
        }
        match on_store(config, operation.clone()).await {
            Err(OperateError::Opening(error)) if error.is_locked() => sleep(PAUSE).await,
            done => return done,
        }
    }
    on_store(config, operation).await
}

async fn on_store(config: &Config, operation: Operation) -> Result<Outcome, OperateError> {
    let store = opening::open_store(config, Patience::GiveUp).await?;
    let tenants = Tenants::new(store.clone(), Arc::new(SystemClock), Arc::new(OsIds));
    let services = Services {
        tenants,
        base_url: config.base_url(config.server.listen),
        config: Arc::new(config.clone()),
        store,
        actors: None,
        member: None,
    };
    Ok(services.execute(operation).await?)
}
