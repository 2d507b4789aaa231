//! Keys of the one keyspace. The first byte names the kind of record; numbers are big-endian, signed ones with the
//! sign bit turned, so that the order of the bytes is the order of the numbers.

use switchboard_cluster::{Incarnation, Shard};

use crate::domain::id::LicenseId;
use crate::store::{CellKey, CellTable, IndexKey, IndexTable, LogKey, StoreError};

/// Bytes that one text of a key may have; the engine's own bound is 64 KiB for the whole key.
const MAX_TEXT: usize = 1024;

const COMMIT: u8 = b'r';
const LOG: u8 = b'e';
const CELL: u8 = b'c';
const INDEX: u8 = b'i';
const MEMBER: u8 = b'n';
const SHARD: u8 = b's';

/// The cluster's layout.
pub(super) const LAYOUT: &[u8] = b"l";
/// The version of everything here and of the values.
pub(super) const SCHEMA: &[u8] = b"v";

/// All slots of the ring of commit numbers.
pub(super) const COMMITS: &[u8] = &[COMMIT];
/// All incarnations.
pub(super) const MEMBERS: &[u8] = &[MEMBER];
/// All shards.
pub(super) const SHARDS: &[u8] = &[SHARD];

/// A slot of the ring of commit numbers.
pub(super) fn commit(slot: u32) -> Vec<u8> {
    Builder::new(COMMIT).raw(&slot.to_be_bytes()).0
}

/// The slot that a ring key names.
pub(super) fn commit_slot(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// An incarnation.
pub(super) fn member(incarnation: Incarnation) -> Vec<u8> {
    Builder::new(MEMBER).raw(incarnation.0.as_bytes()).0
}

/// The incarnation that a key names.
pub(super) fn member_of(key: &[u8]) -> Option<Incarnation> {
    Some(Incarnation(uuid::Uuid::from_slice(key.get(1..)?).ok()?))
}

/// A shard.
pub(super) fn shard(shard: Shard) -> Vec<u8> {
    Builder::new(SHARD).raw(&shard.0.to_be_bytes()).0
}

/// True for the key of a shard.
pub(super) fn is_shard(key: &[u8]) -> bool {
    key.first() == Some(&SHARD)
}

/// True for the key of an incarnation.
pub(super) fn is_member(key: &[u8]) -> bool {
    key.first() == Some(&MEMBER)
}

/// True for the key of a log's row.
pub(super) fn is_row(key: &[u8]) -> bool {
    key.first() == Some(&LOG)
}

/// The shard that a key names.
pub(super) fn shard_of(key: &[u8]) -> Option<Shard> {
    Some(Shard(u32::from_be_bytes(key.get(1..)?.try_into().ok()?)))
}

/// What all rows of a log begin with.
pub(super) fn log(log: &LogKey) -> Result<Vec<u8>, StoreError> {
    Ok(Builder::new(LOG).number(log.license.0).text("a thread id", log.thread.as_str())?.0)
}

/// A row of a log, from what [`log`] gave.
pub(super) fn row(log: &[u8], seq: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(log.len() + 8);
    key.extend_from_slice(log);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// The sequence number at the end of a row's key.
pub(super) fn row_seq(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.last_chunk()?))
}

/// What all cells of a table and license begin with.
pub(super) fn cells(table: CellTable, license: LicenseId) -> Vec<u8> {
    let table = match table {
        CellTable::Chats => 1,
        CellTable::Customers => 2,
        CellTable::CustomerProfiles => 3,
        CellTable::Licenses => 4,
        CellTable::LicenseDirectory => 5,
        CellTable::LicenseLookups => 6,
        CellTable::Tokens => 7,
        CellTable::LicenseTokens => 8,
        CellTable::Secrets => 9,
        CellTable::Revocations => 10,
        CellTable::CustomerVisits => 11,
        CellTable::EmailVerifications => 12,
        CellTable::RoutingStatuses => 13,
    };
    Builder::new(CELL).raw(&[table]).number(license.0).0
}

/// A cell.
pub(super) fn cell(key: &CellKey) -> Result<Vec<u8>, StoreError> {
    cell_in(cells(key.table, key.license), &key.id)
}

/// A cell, from what [`cells`] gave.
pub(super) fn cell_in(cells: Vec<u8>, id: &str) -> Result<Vec<u8>, StoreError> {
    Ok(Builder(cells).tail("a record id", id)?.0)
}

/// What all rows of an index bucket begin with.
pub(super) fn bucket(table: IndexTable, owner: i64, bucket: &str) -> Result<Vec<u8>, StoreError> {
    let table = match table {
        IndexTable::ThreadsByChat => 1,
        IndexTable::ChatsByLicense => 2,
        IndexTable::ChatsByCustomer => 3,
        IndexTable::OpenChats => 4,
        IndexTable::Due => 5,
        IndexTable::ThreadsByDay => 6,
        IndexTable::Decisions => 7,
        IndexTable::ChangedChats => 8,
    };
    Ok(Builder::new(INDEX).raw(&[table]).number(owner).text("an index bucket", bucket)?.0)
}

/// An index row.
pub(super) fn index(key: &IndexKey) -> Result<Vec<u8>, StoreError> {
    index_in(bucket(key.table, key.owner, &key.bucket)?, key.position, &key.id)
}

/// An index row, from what [`bucket`] gave.
pub(super) fn index_in(bucket: Vec<u8>, position: i64, id: &str) -> Result<Vec<u8>, StoreError> {
    Ok(Builder(bucket).number(position).tail("a record id", id)?.0)
}

/// Position and id of an index row, given the length of its bucket's prefix.
pub(super) fn index_place(key: &[u8], bucket_len: usize) -> Option<(i64, String)> {
    let (position, id) = key.get(bucket_len..)?.split_first_chunk()?;
    let position = (u64::from_be_bytes(*position) ^ (1 << 63)) as i64;
    Some((position, std::str::from_utf8(id).ok()?.to_owned()))
}

struct Builder(Vec<u8>);

impl Builder {
    fn new(kind: u8) -> Self {
        let mut key = Vec::with_capacity(64);
        key.push(kind);
        Self(key)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn number(self, number: i64) -> Self {
        self.raw(&((number as u64) ^ (1 << 63)).to_be_bytes())
    }

    /// A text with more behind it: its length goes first, so that no text is the beginning of another.
    fn text(self, what: &'static str, text: &str) -> Result<Self, StoreError> {
        let length = checked(what, text)?;
        Ok(self.raw(&length.to_be_bytes()).raw(text.as_bytes()))
    }

    /// The text at the end of a key, whose order counts.
    fn tail(self, what: &'static str, text: &str) -> Result<Self, StoreError> {
        checked(what, text)?;
        Ok(self.raw(text.as_bytes()))
    }
}

fn checked(what: &'static str, text: &str) -> Result<u16, StoreError> {
    if text.len() > MAX_TEXT {
        return Err(StoreError::TooLarge { what, size: text.len(), limit: MAX_TEXT });
    }
    Ok(text.len() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_keys_sort_by_position_then_id() {
        let places =
            [(i64::MIN, "z"), (-5, "a"), (-1, ""), (0, "a"), (0, "ab"), (0, "b"), (7, ""), (i64::MAX, "a")];
        let prefix = bucket(IndexTable::Due, -3, "2026-11-21").expect("a short bucket");
        let keys: Vec<_> =
            places.iter().map(|(at, id)| index_in(prefix.clone(), *at, id).expect("a short id")).collect();
        assert!(keys.is_sorted());
        for (key, (position, id)) in keys.iter().zip(places) {
            assert_eq!(index_place(key, prefix.len()), Some((position, id.to_owned())));
        }
    }

    #[test]
    fn no_thread_id_is_the_beginning_of_anothers_rows() {
        let key =
            |thread: &str| log(&LogKey { license: LicenseId(1), thread: thread.into() }).expect("short");
        assert!(!key("AB").starts_with(&key("A")));
        assert!(!key("").starts_with(&key("A")) && !key("A").starts_with(&key("")));
    }

    #[test]
    fn a_key_past_its_bound_is_refused() {
        let long = CellKey::new(CellTable::Chats, LicenseId(1), "x".repeat(1025));
        assert!(matches!(cell(&long), Err(StoreError::TooLarge { size: 1025, limit: 1024, .. })));
    }
}
