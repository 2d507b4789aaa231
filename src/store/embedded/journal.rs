//! A look into the engine's journals before the engine reads them.
//!
//! A batch of fjall's journal has a checksum over its items, but not over its sequence number, which decides which of
//! two values of a key is the newer one. A damaged number is obeyed: an old value then hides all newer ones, each of
//! them intact by itself. Sequence numbers only grow from batch to batch, so that is checked here.
//!
//! Whatever else is wrong with a journal, the engine notices or cuts off, and [`ring`](super::ring) shows what was cut.
//! This reader therefore just ends where it cannot go on. It knows the journal format of fjall's disk format 3.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Larger steps from one batch to the next do not happen in the life of a journal.
const LARGEST_STEP: u64 = 1 << 32;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;

/// The journals of an engine's folder, oldest first.
pub(super) fn journals(engine: &Path) -> io::Result<Vec<PathBuf>> {
    let mut numbered = Vec::new();
    for entry in std::fs::read_dir(engine)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let number: Option<u64> =
                path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            numbered.push((number, path));
        }
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// Whether the sequence numbers grow through all journals as they should.
pub(super) fn numbers_grow(journals: &[PathBuf]) -> io::Result<bool> {
    let mut last = None;
    for journal in journals {
        let mut reader = Reader(BufReader::new(File::open(journal)?));
        while let Some(number) = reader.next_batch()? {
            let grows = last.is_none_or(|last| number > last && number - last < LARGEST_STEP);
            if !grows {
                return Ok(false);
            }
            last = Some(number);
        }
    }
    Ok(true)
}

struct Reader(BufReader<File>);

impl Reader {
    /// The sequence number of the next batch; none at the end of what can be read.
    fn next_batch(&mut self) -> io::Result<Option<u64>> {
        match self.batch() {
            Ok(number) => Ok(number),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn batch(&mut self) -> io::Result<Option<u64>> {
        let [START] = self.bytes()? else { return Ok(None) };
        let _items: [u8; 4] = self.bytes()?;
        let number = u64::from_le_bytes(self.bytes()?);
        loop {
            match self.bytes()? {
                [ITEM] => self.skip_item()?,
                [CLEAR] => {
                    let _keyspace: [u8; 8] = self.bytes()?;
                }
                [END] => {
                    // Checksum and trailer.
                    let _end: [u8; 12] = self.bytes()?;
                    return Ok(Some(number));
                }
                _ => return Ok(None),
            }
        }
    }

    fn skip_item(&mut self) -> io::Result<()> {
        // Kind of value, kind of compression, keyspace.
        let _head: [u8; 10] = self.bytes()?;
        let key = u16::from_le_bytes(self.bytes()?);
        let _length_in_memory: [u8; 4] = self.bytes()?;
        let value = u32::from_le_bytes(self.bytes()?);
        let wanted = u64::from(key) + u64::from(value);
        let skipped = io::copy(&mut (&mut self.0).take(wanted), &mut io::sink())?;
        if skipped < wanted { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use fjall::{Database, KeyspaceCreateOptions};

    use super::*;

    #[test]
    fn a_changed_sequence_number_is_noticed() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let db = Database::builder(folder.path()).open().expect("an engine");
        let keyspace = db.keyspace("data", KeyspaceCreateOptions::default).expect("a keyspace");
        for number in 0..20_u8 {
            let mut batch = db.batch();
            batch.insert(&keyspace, [number], vec![number; 5_000]);
            batch.insert(&keyspace, [number, 1], [number]);
            batch.commit().expect("a commit");
        }
        let journals = journals(folder.path()).expect("a folder");
        assert_eq!(journals.len(), 1);
        assert!(numbers_grow(&journals).expect("a journal"));
        let mut reader = Reader(BufReader::new(File::open(&journals[0]).expect("a journal")));
        let mut count = 0;
        while reader.next_batch().expect("a journal").is_some() {
            count += 1;
        }
        assert_eq!(count, 20, "the reader knows the format of this fjall");

        // The number of the first batch stands behind its tag and its number of items.
        let file = File::options().write(true).open(&journals[0]).expect("a journal");
        file.write_all_at(&[13], 5).expect("a write");
        assert!(!numbers_grow(&journals).expect("a journal"));
    }
}
