//! Opening: lock the folder, let the engine recover, then check that nothing acknowledged is missing.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tokio::sync::{mpsc, watch};

use super::lock::Lock;
use super::mark::{self, Mark, Marked};
use super::memory::{Memory, Standing};
use super::ring::{self, Found};
use super::writer::{Gauges, Writer};
use super::{EmbeddedOptions, EmbeddedStore, journal, keys, reads, sealed, tables};
use crate::store::StoreError;

/// The version of keys and values that this build reads and writes.
const SCHEMA_VERSION: u32 = 1;

const ENGINE: &str = "db";
const JOURNAL_COPY: &str = "journal-copy";
const KEYSPACE: &str = "data";
/// Threads for flushes and merges. Of several, fjall's first asks for every merge that it leaves to the others over and over
/// until one of them has time, which cost as much as the merges. One alone could be waiting for itself if requests for a new
/// memtable filled its mailbox; so the [writer](super::writer) begins memtables, and the engine asks for each once at most.
const WORKERS: usize = 1;
/// Size of a table. Merges write a table and all that overlap it once more before the old ones go, about twelve times this,
/// and the reserve of the disk must hold that.
const TABLE_BYTES: u64 = 16 * 1024 * 1024;

/// Why a store could not be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store in {0} is in use by another process; stop that one first, or use another data folder")]
    Locked(PathBuf),
    /// The folder cannot be used.
    #[error(
        "the store in {path} cannot be read or written; check that the folder belongs to this user and the disk is well"
    )]
    Folder {
        /// The store's folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The engine refuses its files.
    #[error(
        "the store in {path} is damaged: its engine cannot recover it; restore the folder from a backup \
         (journals as they were found are in {JOURNAL_COPY} there)"
    )]
    Engine {
        /// The store's folder.
        path: PathBuf,
        /// What the engine says; none if it panicked.
        source: Option<fjall::Error>,
    },
    /// Commits that were acknowledged are not there.
    #[error(
        "the store in {path} is damaged: commit {missing} is missing, though commit {known} was acknowledged; \
         nothing was served from it. Restore the folder from a backup (journals as they were found are in \
         {JOURNAL_COPY} there)"
    )]
    CommitMissing {
        /// The store's folder.
        path: PathBuf,
        /// The first commit that is missing.
        missing: u64,
        /// A later commit that is known to have been acknowledged.
        known: u64,
    },
    /// The side mark cannot be read, so nobody knows what should be there.
    #[error(
        "{path} is damaged, so it cannot be checked whether the newest events are all there; restore the folder \
         from a backup, or remove that file to go on with what is there"
    )]
    Mark {
        /// The file.
        path: PathBuf,
    },
    /// A build of another age wrote it.
    #[error(
        "the store in {path} has schema version {found}, this build knows {SCHEMA_VERSION}: \
         use the version of switchboard that wrote it, or a newer one"
    )]
    Schema {
        /// The store's folder.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// A record that the opening needs is damaged.
    #[error("the store in {path} is damaged; restore the folder from a backup")]
    Record {
        /// The store's folder.
        path: PathBuf,
        /// Which record.
        source: StoreError,
    },
}

pub(super) fn open(options: &EmbeddedOptions) -> Result<EmbeddedStore, OpenError> {
    let path = options.directory.as_path();
    let in_folder = |source| OpenError::Folder { path: path.to_owned(), source };
    // It holds keys and what people say, and the data dir may have been made by somebody else, for all to look into.
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(in_folder)?;
    let lock = Lock::take(path)?;
    let (mark, marked) = Mark::open(path).map_err(in_folder)?;
    if marked == Marked::Damaged {
        return Err(OpenError::Mark { path: path.join(mark::FILE_NAME) });
    }
    if path.join(ENGINE).try_exists().map_err(in_folder)? {
        let journals = journal::journals(&path.join(ENGINE)).map_err(in_folder)?;
        if !journal::numbers_grow(&journals).map_err(in_folder)? {
            let source = StoreError::corrupt("the order of commits in a journal");
            return Err(OpenError::Record { path: path.to_owned(), source });
        }
        if !tables::lists_are_whole(&path.join(ENGINE)).map_err(in_folder)? {
            let source = StoreError::corrupt("a list of the engine's tables");
            return Err(OpenError::Record { path: path.to_owned(), source });
        }
        copy_journals(path, &journals).map_err(in_folder)?;
    }
    let (db, data) = recover(options)?;
    let last_commit = check(path, &db, &data, marked)?;
    // The writer counts from an empty one.
    data.rotate_memtable()
        .map_err(|source| OpenError::Engine { path: path.to_owned(), source: Some(source) })?;
    mark.write(last_commit).map_err(in_folder)?;
    if marked == Marked::Absent {
        if last_commit > 1 {
            tracing::warn!(path = %path.display(), "the store had no side mark; it is taken as it is");
        }
        mark.sync().map_err(in_folder)?;
    }
    remove_if_there(&path.join(JOURNAL_COPY)).map_err(in_folder)?;

    let (queue, jobs) = mpsc::channel(options.queue.max(1));
    let (failed, has_failed) = watch::channel(None);
    let gauges = Arc::new(Gauges::new(path.to_owned(), options.reserve_bytes));
    let standing = Arc::new(Standing::default());
    let writer = Writer {
        db,
        data: data.clone(),
        mark,
        last_commit,
        gauges: gauges.clone(),
        failed,
        memory: Memory::default(),
        standing: standing.clone(),
        memtable_bytes: options.memtable_bytes,
        filled_bytes: 0,
    };
    let writer = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || {
            let _held_to_the_end = lock;
            writer.run(jobs);
        })
        .map_err(in_folder)?;
    Ok(EmbeddedStore { data, queue: Some(queue), gauges, failed: has_failed, standing, writer: Some(writer) })
}

/// Keeps the journals as they are: the engine cuts a journal at the first record that it cannot decode, which would
/// destroy what a repair could still use. A copy left by a refused opening is the better one and stays.
fn copy_journals(path: &Path, journals: &[PathBuf]) -> io::Result<()> {
    let (copy, part) = (path.join(JOURNAL_COPY), path.join("journal-copy.part"));
    if copy.try_exists()? {
        // On some kinds of damage the engine ends the process (a double panic, a length without sense), so that nothing can
        // be returned. Whoever starts it again reads this first.
        tracing::error!(
            path = %path.display(),
            "the last opening of the store was refused or did not come to its end; if this one does not either, the \
             store is damaged: restore its folder from a backup"
        );
        return Ok(());
    }
    remove_if_there(&part)?;
    std::fs::create_dir(&part)?;
    for journal in journals {
        let Some(name) = journal.file_name() else { continue };
        match std::fs::copy(journal, part.join(name)) {
            // A full disk must not keep the store from being read.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                tracing::warn!(path = %path.display(), "no room for a copy of the journals; going on without");
                return remove_if_there(&part);
            }
            copied => copied?,
        };
    }
    std::fs::rename(part, copy)
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn recover(options: &EmbeddedOptions) -> Result<(Database, Keyspace), OpenError> {
    let path = &options.directory;
    let opened = catch_unwind(AssertUnwindSafe(|| {
        // The writer persists by itself, group by group.
        let db = Database::builder(path.join(ENGINE))
            .manual_journal_persist(true)
            .cache_size(options.cache_bytes)
            .worker_threads(WORKERS)
            .open()?;
        let data = db.keyspace(KEYSPACE, || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(options.memtable_bytes)
                .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES)))
        })?;
        Ok((db, data))
    }));
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(source)) => Err(OpenError::Engine { path: path.clone(), source: Some(source) }),
        Err(_) => Err(OpenError::Engine { path: path.clone(), source: None }),
    }
}

/// Checks schema and commit numbers, and writes the first commit of a new store. Gives the last commit.
fn check(path: &Path, db: &Database, data: &Keyspace, marked: Marked) -> Result<u64, OpenError> {
    let in_record = |source| OpenError::Record { path: path.to_owned(), source };
    let known = match marked {
        Marked::Commit(commit) => commit,
        Marked::Absent | Marked::Damaged => 0,
    };
    let missing = |missing, known| OpenError::CommitMissing { path: path.to_owned(), missing, known };
    let last = match ring::inspect(data).map_err(in_record)? {
        Found::Gap(gap) => return Err(missing(gap, known.max(gap + 1))),
        Found::Whole(last) if last < known => return Err(missing(last + 1, known)),
        Found::Whole(last) => last,
    };
    let schema = reads::get(data, "the schema version", keys::SCHEMA).map_err(in_record)?;
    match schema {
        Some(record) => {
            let damaged = || in_record(StoreError::corrupt("the schema version"));
            let found = u32::from_be_bytes(record.as_slice().try_into().map_err(|_| damaged())?);
            if found != SCHEMA_VERSION {
                return Err(OpenError::Schema { path: path.to_owned(), found });
            }
            Ok(last)
        }
        None if last == 0 => {
            let first = begin(db, data);
            first.map_err(|source| OpenError::Engine { path: path.to_owned(), source: Some(source) })
        }
        None => Err(in_record(StoreError::corrupt("the schema version"))),
    }
}

/// The first commit: the schema version.
fn begin(db: &Database, data: &Keyspace) -> Result<u64, fjall::Error> {
    let mut batch = db.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(data, keys::SCHEMA, sealed::seal(keys::SCHEMA, SCHEMA_VERSION.to_be_bytes().to_vec()));
    let (key, value) = ring::entry(1);
    batch.insert(data, key, value);
    batch.commit()?;
    Ok(1)
}
