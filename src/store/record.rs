//! Changing a record that stands in a cell.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::unknown::{self, Unknown};
use super::{Cas, CasTables, CellKey, StoreError};

/// Tries before a cell that others keep changing is given up.
const ATTEMPTS: usize = 16;

/// Reads, changes and writes the record of a cell until nobody comes between, and says what stands there. It is made once: one of which
/// nobody knows whether it will still be made is an error, since it might be a change that counts.
///
/// # Errors
/// The store's. `what` names the record if it cannot be read.
pub async fn change_record<T: Serialize + DeserializeOwned + PartialEq>(
    store: &(impl CasTables + ?Sized),
    key: &CellKey,
    what: &'static str,
    change: impl Fn(&Option<T>) -> T,
) -> Result<T, StoreError> {
    let corrupt = |error| StoreError::Corrupt { what, source: Some(Arc::new(error)) };
    let mut current = store.read_cell(key).await?;
    for _ in 0..ATTEMPTS {
        let (found, unknown) = match &current {
            Some(cell) => {
                let (found, unknown) = unknown::decode::<T>(cell).map_err(corrupt)?;
                (Some(found), unknown)
            }
            None => (None, Unknown::default()),
        };
        let wanted = change(&found);
        if found.as_ref() == Some(&wanted) {
            return Ok(wanted);
        }
        let bytes = Bytes::from(unknown.with(&wanted).expect("a cell has a JSON form"));
        match store.swap(key, current, Some(bytes)).await? {
            Cas::Applied => return Ok(wanted),
            Cas::Conflict(now) => current = now,
        }
    }
    Err(StoreError::Unavailable(Arc::new(std::io::Error::other("a cell is changed by too many at once"))))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use parking_lot::Mutex;

    use super::*;
    use crate::domain::id::LicenseId;
    use crate::store::{Cell, CellTable};

    /// What stands in a cell after a change to this.
    type Fate = fn(Bytes) -> Option<Bytes>;

    /// A cell whose first change has no answer: what becomes of it is up to the test.
    struct Doubtful {
        cell: Mutex<Option<Bytes>>,
        fate: Mutex<Option<Fate>>,
    }

    #[async_trait]
    impl CasTables for Doubtful {
        async fn read_cell(&self, _: &CellKey) -> Result<Option<Bytes>, StoreError> {
            Ok(self.cell.lock().clone())
        }

        async fn cas(
            &self,
            _: &CellKey,
            expected: Option<Bytes>,
            new: Option<Bytes>,
        ) -> Result<Cas, StoreError> {
            let mut cell = self.cell.lock();
            if *cell != expected {
                return Ok(Cas::Conflict(cell.clone()));
            }
            if let Some((fate, new)) = self.fate.lock().take().zip(new.clone()) {
                *cell = fate(new);
                return Err(StoreError::OutcomeUnknown(Arc::new(std::io::Error::other("no answer"))));
            }
            *cell = new;
            Ok(Cas::Applied)
        }

        async fn list_cells(
            &self,
            _: CellTable,
            _: LicenseId,
            _: Option<&str>,
            _: usize,
        ) -> Result<Vec<Cell>, StoreError> {
            Ok(Vec::new())
        }
    }

    /// Counts one more; what came of it, and what stands there.
    async fn count(fate: Fate) -> (Result<u32, StoreError>, Option<Bytes>) {
        let store = Doubtful { cell: Mutex::new(None), fate: Mutex::new(Some(fate)) };
        let key = CellKey::new(CellTable::CustomerProfiles, LicenseId(1_001), "x");
        let counted = change_record(&store, &key, "a number", |found| found.unwrap_or(0) + 1).await;
        (counted, store.cell.into_inner())
    }

    #[tokio::test]
    async fn a_change_without_an_answer_that_is_there_was_made() {
        let (counted, stands) = count(Some).await;
        assert_eq!((counted.ok(), stands.as_deref()), (Some(1), Some(&b"1"[..])));
    }

    #[tokio::test]
    async fn a_change_that_may_have_been_made_is_not_made_once_more() {
        // It may still come; or it came, and somebody has counted one more since.
        let fates: [Fate; 2] = [|_| None, |_| Some(Bytes::from_static(b"2"))];
        for fate in fates {
            let (counted, stands) = count(fate).await;
            assert!(matches!(counted, Err(StoreError::OutcomeUnknown(_))), "{counted:?}");
            assert_eq!(stands, fate(Bytes::new()));
        }
    }
}
