//! What the writer thread does inside one group: operations see what earlier ones of the group wrote.
//!
//! An operation that fails leaves nothing behind; the others of its group go on.

use std::collections::BTreeMap;

use bytes::Bytes;
use fjall::{Keyspace, Slice};
use switchboard_cluster::{Epoch, Shard, ShardRow};

use super::memory::Memory;
use super::{engine_error, keys, ownership, reads, sealed};
use crate::store::{Append, AppendError, Cas, IndexWrite, StoreError};

/// A key's new value; none removes it.
type Written = Option<Slice>;
/// New values by key, both as the engine holds them.
pub(super) type Writes = BTreeMap<Slice, Written>;

/// The writes of one group, over what is durable already.
pub(super) struct Transaction<'a> {
    data: &'a Keyspace,
    writes: Writes,
    /// What the current operation replaced, to be put back should it fail.
    undo: Vec<(Slice, Option<Written>)>,
    bytes: usize,
    rows: u64,
    memory: &'a mut Memory,
    /// Owners that are remembered may not be those of this group.
    writes_shards: bool,
    /// Logs that were appended to, by prefix, with their last row.
    appended: Vec<(Vec<u8>, u64)>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(data: &'a Keyspace, memory: &'a mut Memory) -> Self {
        Self {
            data,
            writes: Writes::new(),
            undo: Vec::new(),
            bytes: 0,
            rows: 0,
            memory,
            writes_shards: false,
            appended: Vec::new(),
        }
    }

    /// Runs one operation; takes back its writes if it fails.
    pub(super) fn attempt<T, E>(
        &mut self,
        operation: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let (bytes, rows) = (self.bytes, self.rows);
        let result = operation(self);
        if result.is_err() {
            (self.bytes, self.rows) = (bytes, rows);
            for (key, before) in self.undo.drain(..).rev() {
                match before {
                    Some(written) => self.writes.insert(key, written),
                    None => self.writes.remove(&key),
                };
            }
        }
        self.undo.clear();
        result
    }

    /// Bytes to be written up to now.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it changes anything about incarnations.
    pub(super) fn concerns_members(&self) -> bool {
        self.writes.keys().any(|key| keys::is_member(key))
    }

    /// All writes, one a key; how many of them are event rows; and, to be remembered once they are durable, the logs
    /// that were appended to with their last rows.
    pub(super) fn into_parts(self) -> (Writes, u64, Vec<(Vec<u8>, u64)>) {
        (self.writes, self.rows, self.appended)
    }

    /// The record of a key.
    pub(super) fn get(&self, what: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(key) {
            Some(Some(value)) => Ok(Some(sealed::open(what, key, value)?.to_vec())),
            Some(None) => Ok(None),
            None => reads::get(self.data, what, key),
        }
    }

    /// Sets a key to a record.
    pub(super) fn put(&mut self, key: Vec<u8>, record: Vec<u8>) {
        let value = sealed::seal(&key, record);
        self.bytes += key.len() + value.len();
        if keys::is_shard(&key) {
            self.memory.forget_shards();
            self.writes_shards = true;
        }
        self.write(key.into(), Some(value.into()));
    }

    /// Removes a key.
    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        if keys::is_shard(&key) {
            self.memory.forget_shards();
            self.writes_shards = true;
        }
        if keys::is_row(&key) {
            self.memory.forget_logs();
            self.appended.clear();
        }
        self.write(key.into(), None);
    }

    /// Removes every key that begins with `prefix`.
    pub(super) fn remove_all(&mut self, prefix: &[u8]) -> Result<(), StoreError> {
        let mut found: Vec<Vec<u8>> =
            self.writes.keys().filter(|key| key.starts_with(prefix)).map(|key| key.to_vec()).collect();
        for entry in self.data.prefix(prefix) {
            found.push(entry.key().map_err(engine_error)?.to_vec());
        }
        for key in found {
            self.remove(key);
        }
        Ok(())
    }

    fn write(&mut self, key: Slice, written: Written) {
        let before = self.writes.insert(key.clone(), written);
        self.undo.push((key, before));
    }

    /// Appends rows if the epoch is the shard's.
    pub(super) fn append(&mut self, append: &Append) -> Result<(), AppendError> {
        if self.owner(append.shard)?.map(|row| row.epoch) != Some(append.epoch) {
            return Err(AppendError::Fenced);
        }
        let log = keys::log(&append.log)?;
        if append.first_seq > 1 && !self.has_row(&log, append.first_seq - 1)? {
            return Err(StoreError::Hole { first_seq: append.first_seq }.into());
        }
        for (seq, body) in (append.first_seq..).zip(&append.rows) {
            self.put(keys::row(&log, seq), sealed::row_record(append.epoch, body));
        }
        self.rows += append.rows.len() as u64;
        self.write_index(append.epoch, &append.index)?;
        self.appended.push((log, append.first_seq + append.rows.len() as u64 - 1));
        Ok(())
    }

    /// Who owns the shard: as this group wrote, else as is remembered, else as the engine says.
    fn owner(&mut self, shard: Shard) -> Result<Option<ShardRow>, StoreError> {
        if self.writes_shards {
            return ownership::shard_row(self, shard);
        }
        if let Some(row) = self.memory.shard(shard) {
            return Ok(Some(row));
        }
        let found = ownership::shard_row(self, shard)?;
        if let Some(row) = found {
            self.memory.found_shard(shard, row);
        }
        Ok(found)
    }

    /// Whether a log has a row. A group that removes any has all of them forgotten, so what is remembered stands.
    fn has_row(&self, log: &[u8], seq: u64) -> Result<bool, StoreError> {
        if self.memory.has_row(log, seq) {
            return Ok(true);
        }
        let key = keys::row(log, seq);
        match self.writes.get(key.as_slice()) {
            Some(written) => Ok(written.is_some()),
            None => Ok(reads::get(self.data, "an event row", &key)?.is_some()),
        }
    }

    /// Compare-and-set of a cell.
    pub(super) fn cas(
        &mut self,
        key: Vec<u8>,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
    ) -> Result<Cas, StoreError> {
        let current = self.get("a cell", &key)?;
        if current.as_deref() != expected {
            return Ok(Cas::Conflict(current.map(Bytes::from)));
        }
        match new {
            Some(new) => self.put(key, new.to_vec()),
            None => self.remove(key),
        }
        Ok(Cas::Applied)
    }

    /// Writes the index rows that are newer than what stands.
    pub(super) fn write_index(&mut self, epoch: Epoch, writes: &[IndexWrite]) -> Result<(), StoreError> {
        for write in writes {
            let key = keys::index(&write.key)?;
            let stands = match self.get("an index row", &key)? {
                Some(record) => Some(sealed::index_parts(&record)?.0),
                None => None,
            };
            if stands.is_none_or(|stands| stands <= (epoch, write.version)) {
                self.put(key, sealed::index_record(epoch, write.version, &write.body));
            }
        }
        Ok(())
    }
}
