//! The lock on a store's folder: one process at a time has it.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::OpenError;

const FILE_NAME: &str = "LOCK";

/// Holds the folder until it is dropped.
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn take(folder: &Path) -> Result<Self, OpenError> {
        let in_folder = |source| OpenError::Folder { path: folder.to_owned(), source };
        let file = File::options().write(true).create(true).truncate(false).open(folder.join(FILE_NAME));
        let file = file.map_err(in_folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(in_folder(source)),
        }
    }
}

impl Drop for Lock {
    /// Not left to the closing of the file: a child process that another thread is just starting has it open as well, until its own
    /// program begins.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "a store's lock ends with its file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_the_folder_and_it_is_free_at_once_whoever_still_has_the_file() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let lock = Lock::take(folder.path()).expect("a lock");
        assert!(matches!(Lock::take(folder.path()), Err(OpenError::Locked(_))));
        // As a child process has it that is being started.
        let _inherited = lock.0.try_clone().expect("a descriptor");
        drop(lock);
        Lock::take(folder.path()).expect("the folder is free");
    }
}
