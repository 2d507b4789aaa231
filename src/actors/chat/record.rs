//! The stored form of a row: a version byte, then JSON. The wire's versions never touch it.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::domain::change::Change;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

const VERSION: u8 = 1;

/// One row of a thread's log: what one command changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// In the order in which they happened.
    pub(super) changes: Vec<Change>,
    /// When; rows of the first versions do not say.
    #[serde(default)]
    pub(super) at: Option<Timestamp>,
}

#[derive(Serialize)]
struct RecordRef<'a> {
    changes: &'a [Change],
    at: Timestamp,
}

/// Writes a row.
pub(super) fn encode(changes: &[Change], at: Timestamp) -> Bytes {
    let mut buffer = BytesMut::with_capacity(512);
    buffer.put_u8(VERSION);
    let mut writer = buffer.writer();
    serde_json::to_writer(&mut writer, &RecordRef { changes, at }).expect("changes have a JSON form");
    writer.into_inner().freeze()
}

/// Reads a row.
///
/// # Errors
/// [`StoreError::Corrupt`] for a row that this version cannot read; nothing is ever skipped.
pub(super) fn decode(row: &[u8]) -> Result<Record, StoreError> {
    let corrupt = |source| StoreError::Corrupt { what: "a row of a chat's log", source };
    match row.split_first() {
        Some((&VERSION, json)) => {
            serde_json::from_slice(json).map_err(|error| corrupt(Some(std::sync::Arc::new(error))))
        }
        _ => Err(corrupt(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_as_it_was_written() {
        let changes = vec![Change::Queued(Timestamp(5)), Change::ThreadClosed(Timestamp(6))];
        let row = decode(&encode(&changes, Timestamp(7))).expect("a row");
        assert_eq!((row.changes, row.at), (changes, Some(Timestamp(7))));
        let first_version = decode(b"\x01{\"changes\":[]}").expect("a row");
        assert_eq!((first_version.changes, first_version.at), (Vec::new(), None));
    }

    #[test]
    fn an_unknown_version_is_an_error_not_an_empty_row() {
        for row in [&b""[..], b"\x02{\"changes\":[]}", b"\x01{"] {
            assert!(decode(row).is_err());
        }
    }
}
