//! The side mark: the number of the last durable commit, kept outside the engine.
//!
//! fjall cuts its journal at the first record that it cannot decode and says nothing, so a damaged journal looks like
//! an older store. The mark is written after every durable commit; a store that opens with a smaller commit number has
//! lost something. The mark itself needs no sync: when power is lost it may be older than the store, never newer.
//!
//! Two slots are written in turn, each with a checksum, so that a torn write leaves the other one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// File name of the mark.
pub(super) const FILE_NAME: &str = "commit.mark";

const MAGIC: [u8; 8] = *b"swbmark1";
const SLOT: usize = 24;
/// Slots lie in sectors of their own.
const STRIDE: usize = 4096;

/// The open mark.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
}

/// What the mark said when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// There was no mark file: a new store, or the operator removed it on purpose.
    Absent,
    /// The last commit that was certainly durable.
    Commit(u64),
    /// The file is there and no slot of it can be read.
    Damaged,
}

impl Mark {
    /// Opens the mark of the store in `directory`, making an empty one where none is.
    pub(super) fn open(directory: &Path) -> io::Result<(Self, Marked)> {
        let path = directory.join(FILE_NAME);
        let absent = !path.try_exists()?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mark = Self { file };
        let marked = if absent { Marked::Absent } else { mark.read()? };
        Ok((mark, marked))
    }

    fn read(&self) -> io::Result<Marked> {
        let mut bytes = [0; STRIDE + SLOT];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        let slots = [&bytes[..SLOT], &bytes[STRIDE..]];
        Ok(slots.into_iter().filter_map(decode).max().map_or(Marked::Damaged, Marked::Commit))
    }

    /// Notes that `commit` is durable.
    pub(super) fn write(&self, commit: u64) -> io::Result<()> {
        self.file.write_all_at(&encode(commit), (commit % 2) * STRIDE as u64)
    }

    /// Makes the file itself durable: once after it was made.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn encode(commit: u64) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(&MAGIC);
    slot[8..16].copy_from_slice(&commit.to_le_bytes());
    let checksum = xxh3_64(&slot[..16]);
    slot[16..].copy_from_slice(&checksum.to_le_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<u64> {
    let commit = u64::from_le_bytes(slot.get(8..16)?.try_into().ok()?);
    (slot == encode(commit)).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_readable_slot_counts() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (mark, marked) = Mark::open(folder.path()).expect("a new mark");
        assert_eq!(marked, Marked::Absent);
        for commit in 1..=7 {
            mark.write(commit).expect("a write");
        }
        assert_eq!(Mark::open(folder.path()).expect("an old mark").1, Marked::Commit(7));
        mark.file.write_all_at(b"x", STRIDE as u64 + 9).expect("a write");
        assert_eq!(Mark::open(folder.path()).expect("an old mark").1, Marked::Commit(6));
        mark.file.set_len(10).expect("a cut");
        assert_eq!(Mark::open(folder.path()).expect("an old mark").1, Marked::Damaged);
    }
}
