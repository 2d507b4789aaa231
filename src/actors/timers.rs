//! Timers of chats that left memory: kept in the store by minute, looked at every few seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use switchboard_cluster::{Epoch, Shard};

use super::{Actors, ChatKey, period};
use crate::domain::command::{Caller, Command, HeedSilence};
use crate::domain::id::{ChatId, LicenseId};
use crate::domain::time::Timestamp;
use crate::store::{IndexScan, IndexTable, Order, StoreError};

/// How often the store is looked at: how late a timer may be. A chat leaves memory only if its timer is further away
/// than this.
const EVERY: Duration = Duration::from_secs(10);
const PAGE: usize = 1_000;

/// Fires timers until the server ends.
pub async fn run(actors: Arc<Actors>) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut done_up_to: HashMap<Shard, (Epoch, Timestamp)> = HashMap::new();
    loop {
        every.tick().await;
        let now = actors.clock().now();
        let owned = actors.shards().owned();
        let kept: HashMap<Shard, (Epoch, Timestamp)> = owned
            .into_iter()
            .map(|(shard, term)| {
                // The open chats of a shard that was just gained are loaded, and have their timers in memory.
                let known = done_up_to.get(&shard).filter(|(known, _)| *known == term);
                (shard, *known.unwrap_or(&(term, now)))
            })
            .collect();
        done_up_to = kept;
        for (shard, (_, from)) in &mut done_up_to {
            match fire(&actors, *shard, *from, now).await {
                Ok(()) => *from = now,
                Err(error) => tracing::warn!(%error, "timers are late: the store did not list them"),
            }
        }
    }
}

/// Wakes every chat of a shard whose deadline lies between two moments.
async fn fire(actors: &Arc<Actors>, shard: Shard, from: Timestamp, to: Timestamp) -> Result<(), StoreError> {
    let owner = i64::from(shard.0);
    let mut minute = from;
    loop {
        let bucket = period::minute(minute);
        fire_bucket(actors, owner, &bucket, from, to).await?;
        let next = Timestamp((minute.0.div_euclid(period::MINUTE_US) + 1) * period::MINUTE_US);
        if next > to {
            return Ok(());
        }
        actors.store().retire_bucket(IndexTable::Due, owner, &bucket).await?;
        minute = next;
    }
}

async fn fire_bucket(
    actors: &Arc<Actors>,
    owner: i64,
    bucket: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let mut scan = IndexScan::bucket(IndexTable::Due, owner, bucket, Order::Ascending, PAGE);
        scan.positions = from.0..=to.0;
        scan.after = after;
        let rows = actors.store().scan_index(scan).await?;
        let full = rows.len() == PAGE;
        after = rows.last().map(|row| (row.position, row.id.clone()));
        for row in rows {
            if let Some(key) = chat_key(&row.id) {
                wake(actors, &key).await;
            }
        }
        if !full {
            return Ok(());
        }
    }
}

/// `<license>/<chat>`, as chats write it when they leave memory.
fn chat_key(id: &str) -> Option<ChatKey> {
    let (license, chat) = id.split_once('/')?;
    Some(ChatKey { license: LicenseId(license.parse().ok()?), chat: ChatId::new(chat) })
}

/// A timer that is early, or of a chat that was closed meanwhile, does nothing; a chat that went on arms it anew.
async fn wake(actors: &Arc<Actors>, key: &ChatKey) {
    let command = Command::HeedSilence(HeedSilence);
    if let Err(error) = actors.ask(key, command, Caller::Server, None).await {
        tracing::warn!(license.id = %key.license, chat.id = %key.chat, %error, "a timer did not reach its chat");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_timer_names_its_chat() {
        let key = chat_key("1001/ABCDEFGHIJKLMNOP").expect("a chat");
        assert_eq!((key.license, key.chat.as_str()), (LicenseId(1001), "ABCDEFGHIJKLMNOP"));
        assert!(chat_key("nonsense").is_none() && chat_key("x/y").is_none());
    }
}
