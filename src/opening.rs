//! Opens the store that the settings name, for the server and for the commands that work without one.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::task;

use crate::config::{Config, Cql, StoreKind};
use crate::domain::id::IdSource as _;
use crate::id_source::OsIds;
use crate::store::Store;
use crate::store::cql::{self, CqlOptions, CqlStore, Login, Replication};
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
    /// The CQL store says no.
    #[error(transparent)]
    Cql(#[from] cql::OpenError),
    /// The authorities that the CQL server is to be believed by.
    #[error("{path}, named by cql.tls_ca, holds no certificates that can be used")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What the reader or the library says; none for a file without certificates.
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
}

/// What to do while the CQL server cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Say so and give up: a command that somebody waits for.
    GiveUp,
    /// Say so in the log and try again: a server that was started together with its database.
    Wait,
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
/// made here. A CQL store lives on the tokio runtime that this is called on.
///
/// # Errors
/// Why not, and what to do.
pub async fn open_store(config: &Config, patience: Patience) -> Result<Arc<dyn Store>, OpeningError> {
    match config.server.store {
        StoreKind::Embedded => Ok(Arc::new(open_embedded(config).await?)),
        StoreKind::Cql => {
            let options = cql_options(&config.cql)?;
            let opened = match patience {
                Patience::GiveUp => CqlStore::open(&options).await?,
                Patience::Wait => {
                    let waiting = |error: &cql::OpenError| {
                        tracing::warn!(error = error as &dyn std::error::Error, "waiting for the database")
                    };
                    if config.cql.migrate {
                        migrate_when_reachable(&options, waiting).await?;
                    }
                    CqlStore::open_when_reachable(&options, waiting).await?
                }
            };
            Ok(Arc::new(opened))
        }
    }
}

/// Brings the schema up to date; goes on trying for as long as waiting may help.
async fn migrate_when_reachable(
    options: &CqlOptions,
    waiting: impl Fn(&cql::OpenError),
) -> Result<(), cql::OpenError> {
    loop {
        match cql::migrate(options, OsIds.uuid()).await {
            Ok(migrated) => {
                tracing::info!(applied = migrated.applied.len(), "the schema is up to date");
                return Ok(());
            }
            Err(error) if error.may_pass() => waiting(&error),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(options.reconnect_every).await;
    }
}

async fn open_embedded(config: &Config) -> Result<EmbeddedStore, OpeningError> {
    let path = &config.server.data_dir;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| OpeningError::DataDir { path: path.clone(), source })?;
    let options = EmbeddedOptions::new(embedded_folder(config));
    // Reading the journals takes a while.
    match task::spawn_blocking(move || EmbeddedStore::open(&options)).await {
        Ok(opened) => Ok(opened?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// What the settings say of the CQL store, in its own words.
///
/// # Errors
/// [`OpeningError::Authorities`]
pub fn cql_options(settings: &Cql) -> Result<CqlOptions, OpeningError> {
    let login = settings.login.as_ref();
    let tls = settings.tls_ca.as_deref().map(tls_client).transpose()?;
    Ok(CqlOptions {
        replication: Replication {
            factor: settings.replication_factor,
            datacenter: settings.datacenter.clone(),
        },
        datacenter: settings.datacenter.clone(),
        login: login.map(|login| Login { user: login.user.clone(), password: login.password.clone() }),
        tls: tls.map(Arc::new),
        request_timeout: settings.request_timeout,
        speculate_after: settings.speculate_after,
        max_in_flight: settings.max_in_flight,
        reconnect_every: settings.reconnect_every,
        ..CqlOptions::new(settings.contact_points.clone(), settings.keyspace.clone())
    })
}

fn tls_client(path: &Path) -> Result<rustls::ClientConfig, OpeningError> {
    let useless = |source| OpeningError::Authorities { path: path.to_owned(), source };
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| useless(Some(Arc::new(error))))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| useless(Some(Arc::new(error))))?;
        roots.add(certificate).map_err(|error| useless(Some(Arc::new(error))))?;
    }
    if roots.is_empty() {
        return Err(useless(None));
    }
    Ok(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
