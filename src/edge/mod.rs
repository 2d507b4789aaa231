//! The doors of the server.

mod tls;

pub use tls::{TlsError, tls_config};
