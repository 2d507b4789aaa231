//! A look into the engine's lists of tables before the engine reads them.
//!
//! Each keyspace of fjall has a file `current`: the number of its newest list of tables (`v<number>`) and the checksum of
//! that list. The engine writes the checksum and does not look at it: a damaged list that can still be read, with a table in
//! another level for example, lets an older value hide a newer one, each of them intact by itself. So it is compared here.
//!
//! A keyspace without that file, or with one that names no list, is left to the engine, which refuses it or begins it anew;
//! [`ring`](super::ring) shows what was lost by that. This knows fjall's disk format 3.

use std::io::{self, ErrorKind};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

const KEYSPACES: &str = "keyspaces";
const CURRENT: &str = "current";

/// Whether every list of tables below an engine's folder is the one that was written.
pub(super) fn lists_are_whole(engine: &Path) -> io::Result<bool> {
    let folders = match std::fs::read_dir(engine.join(KEYSPACES)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        folders => folders?,
    };
    for folder in folders {
        if !list_is_whole(&folder?.path())? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn list_is_whole(keyspace: &Path) -> io::Result<bool> {
    let Some(current) = read_if_there(&keyspace.join(CURRENT))? else { return Ok(true) };
    let Some((number, rest)) = current.split_first_chunk() else { return Ok(true) };
    let Some(checksum) = rest.first_chunk() else { return Ok(false) };
    let number = u64::from_le_bytes(*number);
    let Some(list) = read_if_there(&keyspace.join(format!("v{number}")))? else { return Ok(true) };
    Ok(xxh3_128(&list) == u128::from_le_bytes(*checksum))
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        read => read.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use fjall::{Database, KeyspaceCreateOptions};

    use super::*;

    #[test]
    fn any_changed_byte_of_a_list_is_noticed() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        assert!(lists_are_whole(folder.path()).expect("an empty folder"));
        let db = Database::builder(folder.path()).open().expect("an engine");
        db.keyspace("data", KeyspaceCreateOptions::default).expect("a keyspace");
        drop(db);
        assert!(lists_are_whole(folder.path()).expect("lists"), "the format of this fjall is known");

        let keyspaces = std::fs::read_dir(folder.path().join(KEYSPACES)).expect("a folder");
        let keyspace = keyspaces.last().expect("a keyspace").expect("an entry").path();
        let number = std::fs::read(keyspace.join(CURRENT)).expect("the newest list")[0];
        let list = keyspace.join(format!("v{number}"));
        let whole = std::fs::read(&list).expect("a list");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&list, changed).expect("a write");
            assert!(!lists_are_whole(folder.path()).expect("lists"), "byte {at}");
        }
        std::fs::write(&list, &whole[1..]).expect("a write");
        assert!(!lists_are_whole(folder.path()).expect("lists"), "a shorter one");
    }
}
