//! What can keep a benchmark from running to its end.

use std::path::PathBuf;

/// Why a benchmark did not run, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The command line asks for something that does not fit together.
    #[error("{0}")]
    Usage(&'static str),
    /// A file could not be read or written.
    #[error("{path} cannot be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is not understood")]
    Json {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// A server for `--self` did not start.
    #[error("the server did not start: {0}")]
    Start(String),
    /// The server cannot be reached.
    #[error("the server cannot be reached at {url}")]
    Connect {
        /// Where.
        url: String,
        /// Why not.
        source: Box<tokio_tungstenite::tungstenite::Error>,
    },
    /// An HTTP request failed.
    #[error("an HTTP request failed")]
    Http(#[from] reqwest::Error),
    /// The system did not give what was needed: a socket, a thread.
    #[error("the system refused something")]
    System(#[from] std::io::Error),
    /// The server refused something that has to work.
    #[error("{doing} was refused: {error}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// What the server said.
        error: String,
    },
    /// The connection ended, or no answer came in time.
    #[error("no answer to {doing}")]
    NoAnswer {
        /// What was being done.
        doing: &'static str,
    },
    /// Something acknowledged was lost, doubled or told in another order, or a limit was broken.
    #[error("the audit failed: what the server acknowledged is not what it stored and pushed")]
    NotClean,
    /// A cluster broke a promise, or the run shows nothing.
    #[error("the torture failed: {0}")]
    Torture(String),
    /// The credentials name too few agents.
    #[error(
        "the scenario needs {wanted} agents, the credentials name {found}: license create --agents {wanted}"
    )]
    Agents {
        /// How many it needs.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
}

impl BenchError {
    /// Wraps a fault of a file.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
