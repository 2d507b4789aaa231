//! The stored form of a row: a version byte, then JSON. The wire's versions never touch it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::change::Change;
use crate::domain::push::Audience;
use crate::domain::time::Timestamp;
use crate::store::{Row, StoreError};

const VERSION: u8 = 1;
/// The only row of the log of a thread that was never opened.
const SEAL: &[u8] = b"\x01{\"changes\":[],\"is_seal\":true}";

/// One row of a thread's log: what one command changed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Record {
    /// In the order in which they happened.
    pub(super) changes: Vec<Change>,
    /// When; rows of the first versions do not say.
    #[serde(default)]
    pub(super) at: Option<Timestamp>,
    /// The changes are of an earlier thread, whose log has them too; this is who was told.
    #[serde(default)]
    pub(super) of_earlier: Option<Audience>,
    /// The thread was not the last one any more: what is told of it stands in the last one's log.
    #[serde(default)]
    pub(super) is_late: bool,
}

#[derive(Serialize)]
struct RecordRef<'a> {
    changes: &'a [Change],
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    of_earlier: Option<&'a Audience>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_late: bool,
}

/// Writes a row.
pub(super) fn encode(changes: &[Change], at: Timestamp) -> Bytes {
    write(&RecordRef { changes, at, of_earlier: None, is_late: false })
}

/// Writes a row of the last thread's log that tells of an earlier thread.
pub(super) fn encode_of_earlier(changes: &[Change], at: Timestamp, told: &Audience) -> Bytes {
    write(&RecordRef { changes, at, of_earlier: Some(told), is_late: false })
}

/// Writes a row of an earlier thread's own log.
pub(super) fn encode_late(changes: &[Change], at: Timestamp) -> Bytes {
    write(&RecordRef { changes, at, of_earlier: None, is_late: true })
}

/// What stands in the place of a first row that may still arrive, and must not count any more.
pub(super) fn seal() -> Bytes {
    Bytes::from_static(SEAL)
}

/// Whether a log ends before it begins: its thread was never opened.
pub fn is_seal(row: &Row) -> bool {
    row.body == SEAL
}

fn write(record: &RecordRef<'_>) -> Bytes {
    // Into a vector: JSON is written in many small pieces, of which each costs more where the bytes may be shared.
    let mut row = Vec::with_capacity(512);
    row.push(VERSION);
    serde_json::to_writer(&mut row, record).expect("changes have a JSON form");
    row.into()
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
        assert_eq!((&row.changes, row.at), (&changes, Some(Timestamp(7))));
        assert!(row.of_earlier.is_none());
        let told = Audience::all_agents();
        let row = decode(&encode_of_earlier(&changes, Timestamp(7), &told)).expect("a row");
        assert_eq!(
            (&row.changes, row.of_earlier.as_ref().map(|to| &to.groups)),
            (&changes, Some(&told.groups))
        );
        assert!(!row.is_late && decode(&encode_late(&row.changes, Timestamp(7))).expect("a row").is_late);
        let first_version = decode(b"\x01{\"changes\":[]}").expect("a row");
        assert_eq!((first_version.changes, first_version.at), (Vec::new(), None));
    }

    #[test]
    fn a_seal_is_known_among_rows_and_changes_nothing() {
        let row = |body| Row { seq: 1, epoch: switchboard_cluster::Epoch(1), body };
        assert!(is_seal(&row(seal())));
        assert!(decode(&seal()).expect("a row").changes.is_empty());
        assert!(!is_seal(&row(encode(&[], Timestamp(7)))));
    }

    #[test]
    fn an_unknown_version_is_an_error_not_an_empty_row() {
        for row in [&b""[..], b"\x02{\"changes\":[]}", b"\x01{"] {
            assert!(decode(row).is_err());
        }
    }
}
