//! Commit numbers: every commit writes its own number, so that a lost one leaves a gap.
//!
//! The numbers stand in a ring of slots, `number % SLOTS`; the ring is longer than all commits that can be in journals
//! only. Older numbers are overwritten, which needs no deletes.

use fjall::Keyspace;

use super::{engine_error, keys, sealed};
use crate::store::StoreError;

/// Length of the ring.
const SLOTS: u64 = 1 << 18;

/// After so many commits the writer has the engine begin a new memtable. At most five are not yet flushed (the engine
/// halts writes at four sealed ones), so the commits that only a journal holds always fit into the ring.
pub(super) const COMMITS_PER_MEMTABLE: u64 = 1 << 15;

const _: () = assert!(COMMITS_PER_MEMTABLE * 6 < SLOTS);

/// Key and value that record commit `number`.
pub(super) fn entry(number: u64) -> (Vec<u8>, Vec<u8>) {
    let key = keys::commit((number % SLOTS) as u32);
    let value = sealed::seal(&key, number.to_be_bytes().to_vec());
    (key, value)
}

/// What the ring shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All commits up to this one are there; 0 is a new store.
    Whole(u64),
    /// This commit is missing, and a later one is there.
    Gap(u64),
}

/// Reads the whole ring.
pub(super) fn inspect(data: &Keyspace) -> Result<Found, StoreError> {
    let mut numbers = Vec::new();
    for entry in data.prefix(keys::COMMITS) {
        let (key, value) = entry.into_inner().map_err(engine_error)?;
        let damaged = || StoreError::corrupt("a commit number");
        let record = sealed::open("a commit number", &key, &value)?;
        let number = u64::from_be_bytes(record.try_into().map_err(|_| damaged())?);
        if keys::commit_slot(&key).map(u64::from) != Some(number % SLOTS) {
            return Err(damaged());
        }
        numbers.push(number);
    }
    Ok(judge(numbers))
}

fn judge(mut numbers: Vec<u64>) -> Found {
    numbers.sort_unstable();
    let last = numbers.last().copied().unwrap_or(0);
    let first = last.saturating_sub(SLOTS) + 1;
    let missing = (first..=last).zip(&numbers).find(|(wanted, found)| wanted != *found);
    match missing {
        // A number below the ring's reach stands in a slot that a later commit should have overwritten.
        Some((wanted, found)) if *found < wanted => Found::Gap(found + SLOTS),
        Some((wanted, _)) => Found::Gap(wanted),
        None => Found::Whole(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_anywhere_is_found() {
        assert_eq!(judge(vec![]), Found::Whole(0));
        assert_eq!(judge((1..=9).collect()), Found::Whole(9));
        assert_eq!(judge(vec![2, 3]), Found::Gap(1));
        assert_eq!(judge(vec![1, 2, 4]), Found::Gap(3));
    }

    #[test]
    fn a_gap_in_a_ring_that_has_turned_is_found() {
        let whole: Vec<u64> = (11..SLOTS + 11).collect();
        assert_eq!(judge(whole.clone()), Found::Whole(SLOTS + 10));
        // Commit SLOTS + 5 was lost, so its slot still shows commit 5.
        let lost: Vec<u64> = whole.into_iter().map(|n| if n == SLOTS + 5 { 5 } else { n }).collect();
        assert_eq!(judge(lost), Found::Gap(SLOTS + 5));
    }
}
