//! Where uploaded files lie, by the settings.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::config::Config;
use crate::files::{FileError, Files};
use crate::id_source::OsIds;

/// Why uploaded files cannot be kept.
#[derive(Debug, Error)]
pub enum FilesError {
    /// The folder cannot be made.
    #[error("the folder of uploaded files, {path}, cannot be made")]
    Folder {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Authorities cannot be read.
    #[error("{path}, named by s3.tls_ca, cannot be read")]
    Authorities {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Files cannot be written, read, listed and deleted there.
    #[error("uploaded files cannot be kept in {place}")]
    Refused {
        /// The folder, or the bucket with its store.
        place: String,
        /// Why.
        source: FileError,
    },
}

/// The files, tried out. A bucket that cannot be reached now is waited for by those who upload; one that says no is an error.
pub(super) async fn open(config: &Config) -> Result<Files, FilesError> {
    let Some(s3) = &config.file.s3 else {
        let path = config.files_dir();
        let place = format!("the folder {}", path.display());
        let files = Files::in_folder(&path, Arc::new(OsIds));
        let files = files.map_err(|source| FilesError::Folder { path, source })?;
        return match files.check().await {
            Ok(()) => Ok(files),
            Err(source) => Err(FilesError::Refused { place, source }),
        };
    };
    let store = s3.endpoint.as_ref().map_or_else(|| format!("Amazon S3, {}", s3.region), Clone::clone);
    let place = format!("the bucket {} of {store}", s3.bucket);
    let authorities = s3.tls_ca.as_ref().map(authorities).transpose()?;
    let files = match Files::in_bucket(s3, authorities.as_deref(), Arc::new(OsIds)) {
        Ok(files) => files,
        Err(source) => return Err(FilesError::Refused { place, source }),
    };
    match files.check().await {
        Ok(()) => {}
        Err(source) if source.is_refusal() => return Err(FilesError::Refused { place, source }),
        Err(error) => tracing::error!(%error, %place, "uploads are refused until this can be reached"),
    }
    Ok(files)
}

/// The authorities to trust, PEM.
fn authorities(path: &PathBuf) -> Result<Vec<u8>, FilesError> {
    std::fs::read(path).map_err(|source| FilesError::Authorities { path: path.clone(), source })
}
