//! Reads of what is durable. They see only whole groups, since the engine shows a batch after its sync.

use std::ops::Bound;

use bytes::Bytes;
use fjall::Keyspace;
use switchboard_cluster::Epoch;

use super::{engine_error, keys, sealed};
use crate::store::{Cell, IndexRow, IndexScan, Order, Row, StoreError};

/// The record of a key.
pub(super) fn get(data: &Keyspace, what: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    match data.get(key).map_err(engine_error)? {
        Some(value) => Ok(Some(sealed::open(what, key, &value)?.to_vec())),
        None => Ok(None),
    }
}

/// Rows of a log; see [`EventLog::read`](crate::store::EventLog::read).
pub(super) fn rows(
    data: &Keyspace,
    log: &[u8],
    from: u64,
    to: Option<u64>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let from = from.max(1);
    let to = to.unwrap_or(u64::MAX);
    if to < from || limit == 0 {
        return Ok(Vec::new());
    }
    // The row before is read for its epoch alone.
    let begin = if from > 1 { from - 1 } else { 1 };
    let mut rules = Rules::new(begin);
    let mut rows = Vec::new();
    for entry in data.range(keys::row(log, begin)..=keys::row(log, to)) {
        let row = decode(entry)?;
        if !rules.admit(&row)? {
            break;
        }
        if row.seq >= from {
            rows.push(row);
        }
        if rows.len() == limit {
            break;
        }
    }
    Ok(rows)
}

/// The last rows of a log; see [`EventLog::tail`](crate::store::EventLog::tail).
pub(super) fn tail(data: &Keyspace, log: &[u8], max_rows: usize) -> Result<Vec<Row>, StoreError> {
    let last = data.range(keys::row(log, 1)..=keys::row(log, u64::MAX)).next_back();
    let Some(last) = last.map(decode).transpose()? else { return Ok(Vec::new()) };
    let window = |end: u64| rows(data, log, end.saturating_sub(max_rows as u64) + 1, Some(end), max_rows);
    let found = window(last.seq)?;
    // The reader rule may have cut the window: the log ends earlier, and so does its tail.
    match found.last() {
        Some(end) if end.seq < last.seq => window(end.seq),
        _ => Ok(found),
    }
}

/// What ends a log, row by row.
struct Rules {
    next: u64,
    epoch: Epoch,
}

impl Rules {
    fn new(first: u64) -> Self {
        Self { next: first, epoch: Epoch(i64::MIN) }
    }

    /// Whether the row belongs to the log. The writer never leaves a hole, so a missing row is damage here, not an end.
    fn admit(&mut self, row: &Row) -> Result<bool, StoreError> {
        if row.seq != self.next {
            return Err(StoreError::corrupt("a log with a missing row"));
        }
        if row.epoch < self.epoch {
            return Ok(false);
        }
        self.next += 1;
        self.epoch = row.epoch;
        Ok(true)
    }
}

fn decode(entry: fjall::Guard) -> Result<Row, StoreError> {
    let (key, value) = entry.into_inner().map_err(engine_error)?;
    let (epoch, body) = sealed::row_parts(sealed::open("an event row", &key, &value)?)?;
    let seq = keys::row_seq(&key).ok_or(StoreError::corrupt("an event row"))?;
    Ok(Row { seq, epoch, body })
}

/// Cells of a table and license, after the key `after`.
pub(super) fn cells(
    data: &Keyspace,
    prefix: &[u8],
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Vec<Cell>, StoreError> {
    let start = match after {
        Some(key) => Bound::Excluded(key),
        None => Bound::Included(prefix.to_vec()),
    };
    let mut cells = Vec::new();
    for entry in data.range((start, Bound::Excluded(end_of(prefix)))).take(limit) {
        let (key, value) = entry.into_inner().map_err(engine_error)?;
        let body = Bytes::copy_from_slice(sealed::open("a cell", &key, &value)?);
        let id = std::str::from_utf8(&key[prefix.len()..]).map_err(|_| StoreError::corrupt("a cell"))?;
        cells.push(Cell { id: id.to_owned(), body });
    }
    Ok(cells)
}

/// Index rows that are not gone.
pub(super) fn scan(data: &Keyspace, scan: &IndexScan) -> Result<Vec<IndexRow>, StoreError> {
    let bucket = keys::bucket(scan.table, scan.owner, &scan.bucket)?;
    let place = |position, id: &str| keys::index_in(bucket.clone(), position, id);
    let mut start = place(*scan.positions.start(), "")?;
    let mut end = match scan.positions.end().checked_add(1) {
        Some(position) => place(position, "")?,
        None => end_of(&bucket),
    };
    if let Some((position, id)) = &scan.after {
        let mut after = place(*position, id)?;
        match scan.order {
            Order::Ascending => {
                after.push(0);
                start = start.max(after);
            }
            Order::Descending => end = end.min(after),
        }
    }
    if start >= end {
        return Ok(Vec::new());
    }
    let entries = data.range(start..end);
    match scan.order {
        Order::Ascending => collect(entries, bucket.len(), scan.limit),
        Order::Descending => collect(entries.rev(), bucket.len(), scan.limit),
    }
}

fn collect(
    entries: impl Iterator<Item = fjall::Guard>,
    bucket_len: usize,
    limit: usize,
) -> Result<Vec<IndexRow>, StoreError> {
    let mut rows = Vec::new();
    for entry in entries {
        if rows.len() == limit {
            break;
        }
        let (key, value) = entry.into_inner().map_err(engine_error)?;
        let (_, body) = sealed::index_parts(sealed::open("an index row", &key, &value)?)?;
        if body.is_empty() {
            continue;
        }
        let (position, id) =
            keys::index_place(&key, bucket_len).ok_or(StoreError::corrupt("an index row"))?;
        rows.push(IndexRow { position, id, body: Bytes::copy_from_slice(body) });
    }
    Ok(rows)
}

/// The first key after all that begin with `prefix`.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_just_past_it() {
        assert_eq!(end_of(b"ab"), b"ac");
        assert_eq!(end_of(&[1, 255]), [2]);
    }
}
