//! TLS of the server's port, from a certificate chain and a key in PEM files.

use std::io;
use std::path::{Path, PathBuf};

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};

use crate::config::TlsFiles;

/// What is wrong with which file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It is not there, or not ours to read.
    #[error("{path}, named by {setting}, cannot be read")]
    Unreadable {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no PEM file, or a broken one.
    #[error("{path}, named by {setting}, is not a PEM file")]
    NotPem {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: pem::Error,
    },
    /// It holds something else.
    #[error("{path}, named by {setting}, holds no {wanted}")]
    Empty {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
    },
    /// Each is fine, but they do not belong together, or the library does not know their kind.
    #[error("the certificate {cert} and the key {key} cannot be used together")]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What the library says.
        source: rustls::Error,
    },
}

impl TlsError {
    /// The setting to look at first.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Unreadable { setting, .. } | Self::NotPem { setting, .. } | Self::Empty { setting, .. } => {
                setting
            }
            Self::Unusable { .. } => "tls.cert",
        }
    }
}

/// The configuration of the server's port. HTTP/1.1 only: websockets and the Web API need no more.
///
/// # Errors
/// Which file is wrong, and how.
pub fn tls_config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let chain = chain(&files.cert)?;
    let key = key(&files.key)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|source| TlsError::Unusable {
        cert: files.cert.clone(),
        key: files.key.clone(),
        source,
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let setting = "tls.cert";
    let text = read(setting, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|source| TlsError::NotPem { setting, path: path.to_owned(), source })?;
    if chain.is_empty() {
        return Err(TlsError::Empty { setting, path: path.to_owned(), wanted: "certificate" });
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let setting = "tls.key";
    PrivateKeyDer::from_pem_slice(&read(setting, path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            TlsError::Empty { setting, path: path.to_owned(), wanted: "private key without a passphrase" }
        }
        source => TlsError::NotPem { setting, path: path.to_owned(), source },
    })
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { setting, path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files {
        folder: tempfile::TempDir,
        cert: String,
        key: String,
    }

    impl Files {
        fn new() -> Self {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
            let folder = tempfile::tempdir().expect("a folder");
            Self { folder, cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
        }

        fn load(&self, cert: &str, key: &str) -> Result<ServerConfig, TlsError> {
            let file = |name: &str, text: &str| {
                let path = self.folder.path().join(name);
                std::fs::write(&path, text).expect("written");
                path
            };
            tls_config(&TlsFiles { cert: file("cert.pem", cert), key: file("key.pem", key) })
        }
    }

    #[test]
    fn good_files_make_a_server() {
        let files = Files::new();
        let config = files.load(&files.cert, &files.key).expect("good");
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn every_other_file_is_named_with_its_fault() {
        let (files, other) = (Files::new(), Files::new());
        let broken = files.cert.replace("MII", "!!!");
        for (cert, key, expected) in [
            ("", files.key.as_str(), "cert.pem, named by tls.cert, holds no certificate"),
            (&files.key, &files.key, "cert.pem, named by tls.cert, holds no certificate"),
            (&broken, &files.key, "cert.pem, named by tls.cert, is not a PEM file"),
            (&files.cert, "", "key.pem, named by tls.key, holds no private key"),
            (&files.cert, &files.cert, "key.pem, named by tls.key, holds no private key"),
            (&files.cert, &other.key, "cannot be used together"),
        ] {
            let error = files.load(cert, key).expect_err("refused").to_string();
            assert!(error.contains(expected), "{expected} in {error}");
        }
        let absent = TlsFiles { cert: PathBuf::from("/absent.pem"), key: PathBuf::from("/absent.pem") };
        let error = tls_config(&absent).expect_err("refused").to_string();
        assert!(error.starts_with("/absent.pem, named by tls.cert, cannot be read"), "{error}");
    }
}
