//! Opens the store that the settings name, for the server and for the commands that work without one.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task;

use crate::config::{Config, StoreKind};
use crate::store::Store;
use crate::store::embedded::{self, EmbeddedOptions, EmbeddedStore};

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// The data dir cannot be made.
    #[error("the data dir {path} cannot be made")]
    DataDir {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The embedded store says no.
    #[error(transparent)]
    Embedded(#[from] embedded::OpenError),
    /// The CQL store is not part of this build yet.
    #[error("this build has no CQL store yet; use --store embedded")]
    NoCql,
}

impl OpeningError {
    /// True if another process has the store now.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Embedded(embedded::OpenError::Locked(_)))
    }
}

/// Where the embedded store is inside the data dir.
pub fn embedded_folder(config: &Config) -> PathBuf {
    config.server.data_dir.join("store")
}

/// Opens the store; makes an embedded one where there is none. Only this user may look into a data dir that is
/// made here.
///
/// # Errors
/// Why not, and what to do.
pub async fn open_store(config: &Config) -> Result<Arc<dyn Store>, OpeningError> {
    match config.server.store {
        StoreKind::Embedded => {
            let path = &config.server.data_dir;
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|source| OpeningError::DataDir { path: path.clone(), source })?;
            let options = EmbeddedOptions::new(embedded_folder(config));
            // Reading the journals takes a while.
            match task::spawn_blocking(move || EmbeddedStore::open(&options)).await {
                Ok(opened) => Ok(Arc::new(opened?)),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
        StoreKind::Cql => Err(OpeningError::NoCql),
    }
}
