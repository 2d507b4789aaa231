//! Shards come and go. Of one that came, the open chats are found and loaded, so that their timers run and the routers know
//! them; the chats of one that went leave memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use switchboard_cluster::{Epoch, Occupant, Shard, ShardEvent};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::chat::OPEN_CHATS_DAYS;
use super::{Actors, ChatKey, period};
use crate::domain::id::{ChatId, LicenseId};
use crate::store::{IndexScan, IndexTable, Order, StoreError};

/// Chats loaded at once.
const AT_ONCE: usize = 64;
/// Shards whose open chats are listed at once.
const SHARDS_AT_ONCE: usize = 16;
/// Index rows fetched at once.
const PAGE: usize = 1_000;
/// Before a step that the store refused is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// Chats that were asked for while their shard was given away have this long to finish.
const VACATE_LOOK: Duration = Duration::from_millis(5);

/// Enters the shards that this node has now, loads their open chats, and says how many there were.
///
/// # Errors
/// The store's, if the open chats could not even be listed. A chat that cannot be loaded is logged and left out; it
/// is loaded again when somebody asks for it.
pub async fn recover(actors: &Arc<Actors>) -> Result<usize, StoreError> {
    let owned = actors.shards().owned();
    enter(actors, &owned).await?;
    recover_shards(actors, &owned).await
}

/// Follows what shards come and go, until the node ends.
pub async fn follow(actors: Arc<Actors>) {
    let mut events = actors.shards().events();
    let mut held: HashMap<Shard, Epoch> = HashMap::new();
    let mut owners: HashMap<Shard, Epoch> = HashMap::new();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    actix_rt::spawn(bring_back(actors.clone()));
    loop {
        let now: HashMap<Shard, Epoch> = actors.shards().owned().into_iter().collect();
        let lost: Vec<Shard> = held
            .iter()
            .filter(|(shard, term)| now.get(*shard) != Some(*term))
            .map(|(shard, _)| *shard)
            .collect();
        lost.iter().for_each(|shard| leave(&actors, *shard));
        let is_new = |(shard, term): &(&Shard, &Epoch)| !actors.shards.is_entered(**shard, **term);
        let gained: Vec<(Shard, Epoch)> =
            now.iter().filter(is_new).map(|(shard, term)| (*shard, *term)).collect();
        held = now;
        if !gained.is_empty() {
            let actors = actors.clone();
            actix_rt::spawn(async move { take_over(&actors, gained).await });
        }
        tell_routers(&actors, &mut owners);
        tokio::select! {
            event = events.recv() => match event {
                // They come in hundreds: the others are seen with this one.
                Ok(ShardEvent::Gained(..) | ShardEvent::Lost(..)) | Err(RecvError::Lagged(_)) => {
                    tokio::time::sleep(VACATE_LOOK).await;
                    while events.try_recv().is_ok() {}
                }
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => {}
        }
    }
}

/// Chats that failed turns threw out of memory are loaded again, or tried again as long as the store does not answer.
async fn bring_back(actors: Arc<Actors>) {
    loop {
        tokio::time::sleep(BRING_BACK_EVERY).await;
        let chats = actors.take_thrown_out();
        let load = async |key: ChatKey| {
            // One that fails again is thrown out again.
            if let Err(error) = actors.inspect(&key).await {
                tracing::debug!(license.id = %key.license, chat.id = %key.chat, %error, "a chat is not back yet");
            }
        };
        stream::iter(chats).for_each_concurrent(AT_ONCE, load).await;
    }
}

/// How often chats that were thrown out are loaded again.
const BRING_BACK_EVERY: Duration = Duration::from_secs(2);
/// How often shards that moved between other nodes are noticed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Routers of this node ask the chats of shards that have another owner now.
fn tell_routers(actors: &Arc<Actors>, owners: &mut HashMap<Shard, Epoch>) {
    for shard in actors.shards().shards().all() {
        let Some(row) = actors.shards().known_owner(shard) else { continue };
        let before = owners.insert(shard, row.epoch);
        if before.is_some_and(|before| before != row.epoch) {
            actors.shard_moved(shard);
        }
    }
}

/// Shards that were gained: entered, then recovered, however often the store has to be asked.
async fn take_over(actors: &Arc<Actors>, gained: Vec<(Shard, Epoch)>) {
    let still = |gained: &[(Shard, Epoch)]| -> Vec<(Shard, Epoch)> {
        let ownership = actors.shards();
        gained.iter().copied().filter(|(shard, term)| ownership.epoch(*shard) == Some(*term)).collect()
    };
    while let Err(error) = enter(actors, &gained).await {
        tracing::warn!(%error, "shards that were gained are not worked for yet");
        tokio::time::sleep(PAUSE).await;
    }
    loop {
        let ours = still(&gained);
        match recover_shards(actors, &ours).await {
            Ok(chats) => {
                tracing::info!(shards = ours.len(), chats, "shards were taken over");
                return;
            }
            Err(error) => tracing::warn!(%error, "open chats of shards that were gained are not loaded yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Reads the terms of the routers, after the claim and before any work for the shards.
async fn enter(actors: &Arc<Actors>, shards: &[(Shard, Epoch)]) -> Result<(), StoreError> {
    let rows = actors.store().shards().await.map_err(|error| StoreError::Unavailable(Arc::new(error)))?;
    for (shard, row) in rows {
        actors.shards.raise_floor(shard, row.epoch);
    }
    for (shard, term) in shards {
        actors.shards.enter(*shard, *term);
    }
    Ok(())
}

/// A shard is another node's now.
fn leave(actors: &Arc<Actors>, shard: Shard) {
    actors.retire(shard);
    actors.stop_routers(shard);
    actors.reports.forget(shard);
}

async fn recover_shards(actors: &Arc<Actors>, shards: &[(Shard, Epoch)]) -> Result<usize, StoreError> {
    let now = actors.clock().now();
    let days: Vec<String> =
        (0..=OPEN_CHATS_DAYS).map(|day| period::day(period::days_before(now, day))).collect();
    let mut found = 0;
    let each = shards.iter().map(|(shard, term)| recover_shard(actors, *shard, *term, &days));
    let mut recovering = stream::iter(each).buffer_unordered(SHARDS_AT_ONCE);
    while let Some(chats) = recovering.next().await {
        found += chats?;
    }
    Ok(found)
}

async fn recover_shard(
    actors: &Arc<Actors>,
    shard: Shard,
    term: Epoch,
    days: &[String],
) -> Result<usize, StoreError> {
    let mut found = 0;
    for day in days {
        let chats = open_chats(actors, shard, day).await?;
        found += chats.len();
        stream::iter(chats).for_each_concurrent(AT_ONCE, |key| load(actors, key)).await;
    }
    actors.shards.recovered(shard, term);
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

/// Loads a chat, which reports itself to its router's book.
async fn load(actors: &Arc<Actors>, key: ChatKey) {
    if let Err(error) = actors.inspect(&key).await {
        tracing::error!(license.id = %key.license, chat.id = %key.chat, %error, "an open chat was not loaded");
    }
}

/// The actors as those who work for shards.
pub struct Occupants(pub Arc<Actors>);

#[async_trait]
impl Occupant for Occupants {
    /// New work waits already, since the shard is nobody's: what is under way ends by itself.
    async fn vacate(&self, shard: Shard, _: Epoch) {
        while !self.0.is_quiet(shard).await {
            tokio::time::sleep_until(Instant::now() + VACATE_LOOK).await;
        }
        self.0.retire(shard);
        self.0.stop_routers(shard);
    }
}
