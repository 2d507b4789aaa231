//! Values as they lie in the engine: the record, then a checksum over key and record.
//!
//! The engine has checksums of its own over blocks and journal batches. This one goes from our memory to our memory,
//! and covers the key, so that a value that turns up under a wrong key is noticed as well.

use bytes::Bytes;
use switchboard_cluster::Epoch;
use xxhash_rust::xxh3::Xxh3;

use crate::store::{StoreError, Version};

const CHECKSUM: usize = 8;

/// Closes a record.
pub(super) fn seal(key: &[u8], mut record: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(key, &record);
    record.extend_from_slice(&checksum);
    record
}

/// Opens a record; `what` names it in the error.
pub(super) fn open<'a>(what: &'static str, key: &[u8], value: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let (record, found) = value.split_last_chunk::<CHECKSUM>().ok_or(StoreError::corrupt(what))?;
    if checksum(key, record) != *found {
        return Err(StoreError::corrupt(what));
    }
    Ok(record)
}

fn checksum(key: &[u8], record: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = Xxh3::new();
    hash.update(&(key.len() as u32).to_le_bytes());
    hash.update(key);
    hash.update(record);
    hash.digest().to_le_bytes()
}

/// The record of a log row: epoch, then body.
pub(super) fn row_record(epoch: Epoch, body: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(8 + body.len() + CHECKSUM);
    record.extend_from_slice(&epoch.0.to_be_bytes());
    record.extend_from_slice(body);
    record
}

/// Takes a log row's record apart.
pub(super) fn row_parts(record: &[u8]) -> Result<(Epoch, Bytes), StoreError> {
    let (epoch, body) = record.split_first_chunk().ok_or(StoreError::corrupt("an event row"))?;
    Ok((Epoch(i64::from_be_bytes(*epoch)), Bytes::copy_from_slice(body)))
}

/// The record of an index row: epoch, version, then body.
pub(super) fn index_record(epoch: Epoch, version: Version, body: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(20 + body.len() + CHECKSUM);
    record.extend_from_slice(&epoch.0.to_be_bytes());
    record.extend_from_slice(&version.thread_no.to_be_bytes());
    record.extend_from_slice(&version.seq.to_be_bytes());
    record.extend_from_slice(body);
    record
}

/// Takes an index row's record apart.
pub(super) fn index_parts(record: &[u8]) -> Result<((Epoch, Version), &[u8]), StoreError> {
    let damaged = StoreError::corrupt("an index row");
    let Some((epoch, rest)) = record.split_first_chunk() else { return Err(damaged) };
    let Some((thread_no, rest)) = rest.split_first_chunk() else { return Err(damaged) };
    let Some((seq, body)) = rest.split_first_chunk() else { return Err(damaged) };
    let version = Version { thread_no: u32::from_be_bytes(*thread_no), seq: u64::from_be_bytes(*seq) };
    Ok(((Epoch(i64::from_be_bytes(*epoch)), version), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_and_a_foreign_key_are_noticed() {
        let sealed = seal(b"key", b"record".to_vec());
        assert_eq!(open("it", b"key", &sealed).expect("intact"), b"record");
        assert!(open("it", b"kez", &sealed).is_err());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open("it", b"key", &flipped).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(open("it", b"key", &sealed[..length]).is_err(), "length {length}");
        }
    }
}
