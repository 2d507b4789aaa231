//! The server's end of the admin socket.

use std::error::Error;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::operation::{Operation, Services};
use super::socket_path::SocketPath;
use super::wire::{self, MAX_REQUEST, Response};

/// Operators at the same time; more wait.
const CONNECTIONS: usize = 16;

/// A silent operator is hung up on.
const SILENCE: Duration = Duration::from_secs(30);

/// A pause after the system could not accept (no file handles left), so that we do not spin.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// The admin socket cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the admin socket {path} cannot be set up; check that the data dir is writable")]
pub struct BindError {
    path: PathBuf,
    source: io::Error,
}

/// A socket that is listened on; dropping it ends that and removes the file.
#[derive(Debug)]
pub struct AdminServer {
    path: PathBuf,
    /// Of the socket's file.
    inode: u64,
    listening: JoinHandle<()>,
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.listening.abort();
        // Another process may have taken the place, as it does with a node's name.
        if fs::metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens on `path`, which only this user may use. The caller holds the lock of the data dir, or has the node's name that is
/// in the path, so a file that is there was left by a server that died. Needs a tokio runtime.
///
/// # Errors
/// Where the socket cannot be made.
pub fn serve(path: &Path, services: Services) -> Result<AdminServer, BindError> {
    let (listener, owner, inode) =
        bind(path).map_err(|source| BindError { path: path.to_owned(), source })?;
    let listening = tokio::spawn(listen(listener, owner, services));
    Ok(AdminServer { path: path.to_owned(), inode, listening })
}

/// Makes the socket inside a private folder and moves it into place when its mode is right: at no moment could
/// somebody else connect.
fn bind(path: &Path) -> io::Result<(UnixListener, u32, u64)> {
    let mut private = path.as_os_str().to_owned();
    private.push(".new");
    let private = PathBuf::from(private);
    match fs::remove_dir_all(&private) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(&private)?;
    let made = private.join("s");
    let listener = UnixListener::bind(SocketPath::of(&made)?.address())?;
    fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    let file = fs::metadata(&made)?;
    fs::rename(&made, path)?;
    fs::remove_dir(&private)?;
    Ok((listener, file.uid(), file.ino()))
}

async fn listen(listener: UnixListener, owner: u32, services: Services) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let services = services.clone();
                tokio::spawn(async move {
                    let _place = place;
                    if let Err(error) = talk(stream, owner, &services).await {
                        tracing::debug!(%error, "an operator's connection ended early");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin socket could not accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn talk(stream: UnixStream, owner: u32, services: &Services) -> io::Result<()> {
    // The file's mode says so already; but data dirs are copied, and modes get lost.
    let peer = stream.peer_cred()?.uid();
    if peer != owner && peer != 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    loop {
        let operation = match timeout(SILENCE, wire::read::<Operation>(&mut from, MAX_REQUEST)).await {
            Err(_) | Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(operation))) => operation,
            Ok(Err(error)) => {
                wire::write(&mut to, &Response::Refused(format!("not understood: {error}"))).await?;
                return Ok(());
            }
        };
        let response = match services.execute(operation).await {
            Ok(outcome) => Response::Done(outcome),
            Err(error) => Response::Refused(chain(&error)),
        };
        wire::write(&mut to, &response).await?;
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
