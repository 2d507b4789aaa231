//! The threads of a chat before its last one, as far as a walk asks for them.

use super::super::opened::was_opened;
use super::standing::Standing;
use crate::actors::chat::ThreadEntry;
use crate::domain::id::{ChatId, LicenseId};
use crate::store::{IndexScan, IndexTable, Order, Store, StoreError};

/// Rows fetched at once: few threads begin while somebody pages.
const BATCH: usize = 10;

/// When the threads before `last` began, the last one first, down to the first that settles the chat's place.
///
/// # Errors
/// The store's.
pub(super) async fn threads(
    store: &dyn Store,
    license: LicenseId,
    chat: &ChatId,
    last: u32,
    standing: &Standing,
) -> Result<Vec<i64>, StoreError> {
    let mut scan =
        IndexScan::bucket(IndexTable::ThreadsByChat, license.0, chat.as_str(), Order::Descending, BATCH);
    scan.positions = 1..=i64::from(last) - 1;
    let mut begun = Vec::new();
    loop {
        let rows = store.scan_index(scan.clone()).await?;
        for row in &rows {
            let entry: ThreadEntry = serde_json::from_slice(&row.body).map_err(|source| {
                StoreError::Corrupt { what: "an index row", source: Some(std::sync::Arc::new(source)) }
            })?;
            if !was_opened(store, license, row).await? {
                continue;
            }
            begun.push(entry.created_at.0);
            let number = u32::try_from(row.position).unwrap_or_default();
            if !standing.asks_before(chat, number, entry.created_at.0) {
                return Ok(begun);
            }
        }
        if rows.len() < BATCH {
            return Ok(begun);
        }
        scan.after = rows.last().map(|row| (row.position, row.id.clone()));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use switchboard_cluster::{Claim, Epoch, Incarnation, OwnershipTables as _, Shard, ShardRow};

    use super::*;
    use crate::domain::id::ThreadId;
    use crate::domain::time::Timestamp;
    use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
    use crate::store::{Append, EventLog as _, IndexKey, IndexWrite, Indexes as _, LogKey, Version};

    const LICENSE: LicenseId = LicenseId(1_001);
    const EPOCH: Epoch = Epoch(1);

    async fn owned(folder: &std::path::Path) -> EmbeddedStore {
        let options = EmbeddedOptions { reserve_bytes: 0, ..EmbeddedOptions::new(folder.join("store")) };
        let store = EmbeddedStore::open(&options).expect("a store");
        let wanted = ShardRow { owner: Incarnation(uuid::Uuid::from_u128(1)), epoch: EPOCH };
        store.claim(&[Claim { shard: Shard(0), expected: None, wanted }]).await.expect("a claim");
        store
    }

    /// Enters a thread of the chat, and its log if it was opened.
    async fn enter(store: &EmbeddedStore, number: u32, begun: i64, is_opened: bool) {
        let thread = format!("T{number}-{begun}");
        let entry = ThreadEntry { created_at: Timestamp(begun), customer: None };
        let key = IndexKey {
            table: IndexTable::ThreadsByChat,
            owner: LICENSE.0,
            bucket: "C".to_owned(),
            position: i64::from(number),
            id: thread.clone(),
        };
        let body = Bytes::from(serde_json::to_vec(&entry).expect("JSON"));
        let write = IndexWrite { key, version: Version { thread_no: number, seq: 1 }, body };
        if !is_opened {
            return store.write_index(EPOCH, vec![write]).await.expect("written");
        }
        let log = LogKey { license: LICENSE, thread: ThreadId::new(thread) };
        let rows = vec![Bytes::from_static(b"row")];
        let append = Append { shard: Shard(0), epoch: EPOCH, log, first_seq: 1, rows, index: vec![write] };
        store.append(append).await.expect("an append");
    }

    async fn place(store: &EmbeddedStore, as_of: i64, last: (u32, i64)) -> i64 {
        let standing = Standing::since(as_of, Vec::new());
        let chat = ChatId::new("C");
        let earlier = threads(store, LICENSE, &chat, last.0, &standing).await.expect("threads");
        standing.place(&chat, std::iter::once(last.1).chain(earlier)).expect("a place")
    }

    #[tokio::test]
    async fn a_chat_stands_by_the_last_thread_of_the_time_that_was_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = owned(folder.path()).await;
        enter(&store, 1, 10, true).await;
        enter(&store, 2, 20, true).await;
        // Cut short, and opened by the next try.
        enter(&store, 3, 30, false).await;
        enter(&store, 3, 40, true).await;
        enter(&store, 4, 50, true).await;
        for (as_of, wanted) in [(5, 10), (10, 10), (29, 20), (35, 20), (40, 40), (45, 40)] {
            assert_eq!(place(&store, as_of, (4, 50)).await, wanted, "as of {as_of}");
        }
    }

    #[tokio::test]
    async fn many_threads_are_read_by_and_by() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = owned(folder.path()).await;
        for number in 1..=35 {
            enter(&store, number, i64::from(number) * 10, true).await;
        }
        for (as_of, wanted) in [(0, 10), (15, 10), (150, 150), (255, 250), (340, 340)] {
            assert_eq!(place(&store, as_of, (35, 350)).await, wanted, "as of {as_of}");
        }
    }
}
