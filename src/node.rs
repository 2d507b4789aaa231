//! The composition root: builds every part in order, and owns the order of shutdown.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::admin::{self, BindError, Services};
use crate::clock::SystemClock;
use crate::config::{Config, StoreKind};
use crate::id_source::OsIds;
use crate::opening::{OpeningError, Patience, open_store};
use crate::tenants::{DemoError, Tenants, make_demo_license};

/// Why the node does not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The system gives us no threads, timers or signals.
    #[error("the server cannot be started")]
    System(#[from] io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpeningError),
    /// The demo license.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The admin socket.
    #[error(transparent)]
    Admin(#[from] BindError),
}

/// Opens the store, makes the demo license where it is wanted, and serves the admin socket until a signal.
///
/// # Errors
/// What could not be opened.
pub fn run(config: Config) -> Result<(), NodeError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let store = open_store(&config, Patience::Wait).await?;
        let tenants = Tenants::new(store, Arc::new(SystemClock), Arc::new(OsIds));
        let base_url = config.base_url(config.server.listen);
        if config.server.store == StoreKind::Embedded && !config.server.no_demo {
            let file = config.server.demo_credentials();
            if make_demo_license(&tenants, &base_url, &file).await?.is_some() {
                tracing::info!(file = %file.display(), "made a demo license");
            }
        }
        let _admin = admin::serve(&config.server.admin_socket(), Services { tenants, base_url })?;
        tracing::info!("the store is open; this build serves the admin socket only");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}
