//! After a start: finds the chats that were left open and loads them, so that their timers run and the routers
//! know them.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use switchboard_cluster::Shard;

use super::chat::OPEN_CHATS_DAYS;
use super::{Actors, ChatKey, period};
use crate::domain::id::{ChatId, LicenseId};
use crate::store::{IndexScan, IndexTable, Order, StoreError};

/// Chats loaded at once.
const AT_ONCE: usize = 64;
/// Index rows fetched at once.
const PAGE: usize = 1_000;

/// Loads every open chat of the shards that this node owns, then lets the routers assign. Says how many there were.
///
/// # Errors
/// The store's, if the open chats could not even be listed. A chat that cannot be loaded is logged and left out; it
/// is loaded again when somebody asks for it.
pub async fn recover(actors: &Arc<Actors>) -> Result<usize, StoreError> {
    let now = actors.clock().now();
    let days: Vec<String> =
        (0..=OPEN_CHATS_DAYS).map(|day| period::day(period::days_before(now, day))).collect();
    let mut found = 0;
    for (shard, _) in actors.shards().owned() {
        for day in &days {
            let chats = open_chats(actors, shard, day).await?;
            found += chats.len();
            stream::iter(chats).for_each_concurrent(AT_ONCE, |key| load(actors, key)).await;
        }
    }
    actors.recovered();
    Ok(found)
}

async fn open_chats(actors: &Arc<Actors>, shard: Shard, day: &str) -> Result<Vec<ChatKey>, StoreError> {
    let mut chats = Vec::new();
    let mut after = None;
    loop {
        let owner = i64::from(shard.0);
        let mut scan = IndexScan::bucket(IndexTable::OpenChats, owner, day, Order::Ascending, PAGE);
        scan.after = after;
        let rows = actors.store().scan_index(scan).await?;
        let full = rows.len() == PAGE;
        after = rows.last().map(|row| (row.position, row.id.clone()));
        chats.extend(
            rows.into_iter()
                .map(|row| ChatKey { license: LicenseId(row.position), chat: ChatId::new(row.id) }),
        );
        if !full {
            return Ok(chats);
        }
    }
}

async fn load(actors: &Arc<Actors>, key: ChatKey) {
    if let Err(error) = actors.inspect(&key).await {
        tracing::error!(license.id = %key.license, chat.id = %key.chat, %error, "an open chat was not loaded");
    }
}
