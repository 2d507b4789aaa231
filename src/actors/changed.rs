//! Which chats of a license changed lately: listed in the store by day and by five minutes, so that it is known whatever
//! became of the nodes on which they changed.

use std::collections::BTreeSet;

use bytes::Bytes;
use dashmap::DashMap;

use super::{Actors, ChatKey, period};
use crate::domain::id::{ChatId, LicenseId};
use crate::domain::time::Timestamp;
use crate::store::{IndexKey, IndexScan, IndexTable, IndexWrite, Order, Store, StoreError, Version};

/// A chat is listed once in each, µs: so most changes cost no row.
const PERIOD_US: i64 = 5 * period::MINUTE_US;
/// Days that are looked through for lists that nobody reads any more. A server that stood still for longer keeps those of its
/// last day.
const DAYS: i64 = 31;
/// Rows of a scan.
const PAGE: usize = 1_000;
/// Rows that are read at most, whatever chats they name.
const ROWS: usize = 10_000;

/// The last day on which a chat of each license was listed.
#[derive(Default)]
pub(super) struct Changed {
    days: DashMap<LicenseId, String>,
}

/// The beginning of the period that a moment lies in, µs.
pub(super) fn period_of(at: Timestamp) -> i64 {
    at.0 - at.0.rem_euclid(PERIOD_US)
}

/// Says of a chat that it changes now.
pub(super) fn entry(key: &ChatKey, now: Timestamp) -> IndexWrite {
    let key = IndexKey {
        table: IndexTable::ChangedChats,
        owner: key.license.0,
        bucket: period::day(now),
        position: period_of(now),
        id: key.chat.to_string(),
    };
    IndexWrite { key, version: Version::default(), body: Bytes::from_static(b"1") }
}

/// A chat was listed: with the first of a day the lists of the days before yesterday go.
pub(super) fn listed(actors: &Actors, license: LicenseId, now: Timestamp) {
    let today = period::day(now);
    if actors.changed.days.get(&license).is_some_and(|day| *day == today) {
        return;
    }
    let is_first = actors.changed.days.insert(license, today).is_none();
    let store = actors.parts.store.clone();
    let oldest = if is_first { DAYS } else { 2 };
    actors.spawn(async move {
        for day in 2..=oldest {
            let bucket = period::day(period::days_before(now, day));
            if let Err(error) = store.retire_bucket(IndexTable::ChangedChats, license.0, &bucket).await {
                tracing::warn!(license.id = %license, %error, "a list of chats that changed is kept for longer");
                return;
            }
        }
    });
}

/// The chats of a license that may have changed since a moment; none if there are more than `most`.
///
/// # Errors
/// The store's.
pub(super) async fn since(
    store: &dyn Store,
    license: LicenseId,
    (from, to): (Timestamp, Timestamp),
    most: usize,
) -> Result<Option<BTreeSet<ChatId>>, StoreError> {
    let (mut chats, mut rows) = (BTreeSet::new(), 0);
    for day in period::days(from, to) {
        let mut scan = IndexScan::bucket(IndexTable::ChangedChats, license.0, day, Order::Ascending, PAGE);
        scan.positions = period_of(from)..=i64::MAX;
        loop {
            let page = store.scan_index(scan.clone()).await?;
            rows += page.len();
            scan.after = page.last().map(|row| (row.position, row.id.clone()));
            let is_full = page.len() == PAGE;
            chats.extend(page.into_iter().map(|row| ChatId::new(row.id)));
            if chats.len() > most || rows > ROWS {
                return Ok(None);
            }
            if !is_full {
                break;
            }
        }
    }
    Ok(Some(chats))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use switchboard_cluster::Epoch;

    use super::*;
    use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};

    const LICENSE: LicenseId = LicenseId(1_001);
    /// A minute before midnight.
    const AT: i64 = 1_795_305_540_000_000;

    async fn list(store: &dyn Store, license: LicenseId, chat: &str, minutes: i64) {
        let key = ChatKey { license, chat: ChatId::new(chat) };
        let entry = entry(&key, Timestamp(AT + minutes * period::MINUTE_US));
        store.write_index(Epoch(1), vec![entry]).await.expect("written");
    }

    async fn found(store: &dyn Store, minutes: i64, most: usize) -> Option<Vec<String>> {
        let from = Timestamp(AT + minutes * period::MINUTE_US);
        let to = Timestamp(AT + 60 * period::MINUTE_US);
        let chats = since(store, LICENSE, (from, to), most).await.expect("a list");
        chats.map(|chats| chats.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn chats_that_changed_since_a_moment_are_found_over_midnight() {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            EmbeddedOptions { reserve_bytes: 0, ..EmbeddedOptions::new(folder.path().join("store")) };
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&options).expect("a store"));
        list(&*store, LICENSE, "long_ago", -60).await;
        list(&*store, LICENSE, "before", 0).await;
        list(&*store, LICENSE, "before", 20).await;
        list(&*store, LICENSE, "after", 10).await;
        list(&*store, LicenseId(1_002), "another_tenants", 10).await;
        assert_eq!(found(&*store, 0, 9).await.expect("a few"), ["after", "before"]);
        assert_eq!(found(&*store, 15, 9).await.expect("one"), ["before"]);
        assert_eq!(found(&*store, -70, 9).await.expect("all").len(), 3);
        assert_eq!(found(&*store, -70, 2).await, None, "more than wanted");
        assert_eq!(found(&*store, 40, 9).await.expect("none"), Vec::<String>::new());
    }
}
