//! The command line's end of the admin socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::operation::Operation;
use super::outcome::Outcome;
use super::socket_path::SocketPath;
use super::wire::{self, MAX_RESPONSE, Response};

/// The largest license takes a while.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why a running server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// It hung up, or does not speak as this build does.
    #[error("the running server did not answer on {path}; is it of the same version?")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A connection to a running server.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects; none if no server listens there.
    pub async fn connect(path: &Path) -> Option<Self> {
        let address = SocketPath::of(path).ok()?;
        let stream = UnixStream::connect(address.address()).await.ok()?;
        Some(Self { path: path.to_owned(), stream: BufReader::new(stream) })
    }

    /// Has the server do it.
    ///
    /// # Errors
    /// Why not.
    pub async fn execute(&mut self, operation: &Operation) -> Result<Outcome, ClientError> {
        let asked = async {
            wire::write(&mut self.stream, operation).await?;
            wire::read::<Response>(&mut self.stream, MAX_RESPONSE).await
        };
        let answer = timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let answer = answer.and_then(|answer| answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into()));
        match answer {
            Ok(Response::Done(outcome)) => Ok(outcome),
            Ok(Response::Refused(why)) => Err(ClientError::Refused(why)),
            Err(source) => Err(ClientError::Broken { path: self.path.clone(), source }),
        }
    }
}
