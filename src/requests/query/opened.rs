//! Which rows of the list of a chat's threads stand for threads: an opening that was cut short left a row here as well, and the
//! thread that was opened in its stead has the same number.

use crate::actors::chat::is_seal;
use crate::domain::id::{LicenseId, ThreadId};
use crate::store::{IndexRow, LogKey, Store, StoreError};

/// Those of a chat's threads among the rows, up to its last one, in their order. All rows of one number have to be among them, or none.
///
/// # Errors
/// The store's.
pub(super) async fn threads_of(
    store: &dyn Store,
    license: LicenseId,
    rows: Vec<IndexRow>,
) -> Result<Vec<IndexRow>, StoreError> {
    let is_alone = |place: usize| {
        let other = |place: Option<usize>| place.and_then(|place| rows.get(place)).map(|row| row.position);
        let number = Some(rows[place].position);
        other(place.checked_sub(1)) != number && other(Some(place + 1)) != number
    };
    let alone: Vec<bool> = (0..rows.len()).map(is_alone).collect();
    let mut threads = Vec::with_capacity(rows.len());
    for (row, is_alone) in rows.into_iter().zip(alone) {
        // Every number has its thread: where there is nothing to choose from, the log need not be asked.
        if is_alone || was_opened(store, license, &row).await? {
            threads.push(row);
        }
    }
    Ok(threads)
}

/// Whether a row stands for a thread that was opened.
///
/// # Errors
/// The store's.
pub(super) async fn was_opened(
    store: &dyn Store,
    license: LicenseId,
    row: &IndexRow,
) -> Result<bool, StoreError> {
    let log = LogKey { license, thread: ThreadId::new(&row.id) };
    Ok(store.read(&log, 1, Some(1), 1).await?.first().is_some_and(|first| !is_seal(first)))
}
