//! The address of a socket in a folder whose path may be longer than an address can be (108 bytes).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// Longer paths are addressed by way of their folder.
const LONG: usize = 100;

/// An address that stands for a path while it is held.
pub(super) struct SocketPath {
    address: PathBuf,
    _folder: Option<File>,
}

impl SocketPath {
    /// Of a path in a folder that exists.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if path.as_os_str().len() <= LONG {
            return Ok(Self { address: path.to_owned(), _folder: None });
        }
        let folder = File::open(folder)?;
        let address = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        Ok(Self { address, _folder: Some(folder) })
    }

    /// To bind or connect to.
    pub(super) fn address(&self) -> &Path {
        &self.address
    }
}
