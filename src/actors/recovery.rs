//! Shards come and go. Of one that came, the open chats are found and loaded, so that their timers run and the routers know
//! them; the chats of one that went leave memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use switchboard_cluster::{Epoch, Incarnation, Occupant, Shard, ShardEvent};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use super::chat::OPEN_CHATS_DAYS;
use super::{Actors, AskError, ChatKey, period};
use crate::domain::id::{ChatId, LicenseId};
use crate::store::{IndexTable, StoreError};

/// Chats of one shard that are loaded, or wait to be, at once.
const AT_ONCE: usize = 64;
/// Shards whose open chats are listed at once.
const SHARDS_AT_ONCE: usize = 16;
/// Changes of shards that come together are seen together.
const GATHER: Duration = Duration::from_millis(1);
/// Before a step that the store refused is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// Before a chat that cannot be loaded is tried again, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Enters the shards that this node has now, follows those that come and go from then on until the node ends, loads the
/// open chats of the first ones, and says how many there were.
///
/// # Errors
/// The store's, if waiting does not mend it. What it cannot do now is tried again.
pub async fn start(actors: &Arc<Actors>) -> Result<usize, StoreError> {
    let owned = actors.shards().owned();
    until_entered(actors, &owned).await;
    actix_rt::spawn(follow(actors.clone(), owned.iter().copied().collect()));
    loop {
        match recover_shards(actors, &owned).await {
            Err(error) if is_passing(&error) => {
                tracing::warn!(%error, "open chats are not loaded yet");
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Follows what shards come and go after those that were held, until the node ends.
async fn follow(actors: Arc<Actors>, held: HashMap<Shard, Epoch>) {
    let mut events = actors.shards().events();
    let mut held = held;
    let mut owners: HashMap<Shard, Epoch> = HashMap::new();
    // One at a time: what comes meanwhile shares the next reading of the table.
    let mut entering: Option<JoinHandle<()>> = None;
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    actix_rt::spawn(bring_back(actors.clone()));
    loop {
        let now: HashMap<Shard, Epoch> = actors.shards().owned().into_iter().collect();
        // One that is being given away is not lost before what is under way in it has ended.
        let lost = held.extract_if(|shard, term| !actors.shards().holds(*shard, *term));
        lost.for_each(|(shard, term)| leave(&actors, shard, term));
        let of = |is_wanted: &dyn Fn(&Shard, &Epoch) -> bool| -> Vec<(Shard, Epoch)> {
            let wanted = now.iter().filter(|(shard, term)| is_wanted(shard, term));
            wanted.map(|(shard, term)| (*shard, *term)).collect()
        };
        let gained = of(&|shard, term| held.get(shard) != Some(term));
        let unentered = of(&|shard, term| !actors.shards.is_entered(*shard, *term));
        held.extend(now);
        if !gained.is_empty() {
            let actors = actors.clone();
            actix_rt::spawn(async move { until_recovered(&actors, &gained).await });
        }
        if entering.is_none() && !unentered.is_empty() {
            let actors = actors.clone();
            entering = Some(actix_rt::spawn(async move { until_entered(&actors, &unentered).await }));
        }
        tell_routers(&actors, &mut owners);
        tokio::select! {
            event = events.recv() => match event {
                // They come in hundreds: the others are seen with this one.
                Ok(ShardEvent::Gained(..) | ShardEvent::Lost(..)) | Err(RecvError::Lagged(_)) => {
                    tokio::time::sleep(GATHER).await;
                    while events.try_recv().is_ok() {}
                }
                Err(RecvError::Closed) => return,
            },
            () = ended(&mut entering) => entering = None,
            _ = look.tick() => actors.ahead.forget_old(),
        }
    }
}

/// Waits for the end of a task; for ever if there is none.
async fn ended(task: &mut Option<JoinHandle<()>>) {
    match task {
        // One that panicked left its shards unentered: they are tried again.
        Some(task) => drop(task.await),
        None => std::future::pending().await,
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

/// Routers of this node ask the chats of shards that have another owner now, and those that have one themselves begin there.
fn tell_routers(actors: &Arc<Actors>, owners: &mut HashMap<Shard, Epoch>) {
    let mut moved = HashSet::new();
    for shard in actors.shards().shards().all() {
        let Some(row) = actors.shards().known_owner(shard) else { continue };
        let before = owners.insert(shard, row.epoch);
        if before.is_some_and(|before| before != row.epoch) {
            actors.shard_moved(shard);
            moved.insert(shard);
        }
    }
    if !moved.is_empty() {
        actors.begin_routers(&moved);
    }
}

/// Shards that were entered are recovered, however often the store has to be asked.
async fn until_recovered(actors: &Arc<Actors>, gained: &[(Shard, Epoch)]) {
    loop {
        match recover_shards(actors, gained).await {
            Ok(chats) => {
                tracing::info!(shards = gained.len(), chats, "shards were taken over");
                return;
            }
            Err(error) => tracing::warn!(%error, "open chats of shards that were gained are not loaded yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn until_entered(actors: &Arc<Actors>, shards: &[(Shard, Epoch)]) {
    while let Err(error) = enter(actors, shards).await {
        tracing::warn!(%error, "routers are not obeyed yet in shards of this node");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Reads the terms of the routers, after the claim and before any router is obeyed in the shards.
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

/// A term of ours is over. The shard may be ours again, under another.
fn leave(actors: &Arc<Actors>, shard: Shard, term: Epoch) {
    actors.retire(shard, term);
    actors.stop_routers(shard, term);
    actors.reports.forget(shard, term);
    actors.unsettled.forget(shard, term);
}

/// Loads the open chats of shards, as far as they are still ours and that was not done.
async fn recover_shards(actors: &Arc<Actors>, shards: &[(Shard, Epoch)]) -> Result<usize, StoreError> {
    let now = actors.clock().now();
    let days: Vec<String> =
        (0..=OPEN_CHATS_DAYS).map(|day| period::day(period::days_before(now, day))).collect();
    let left = shards.iter().filter(|(shard, term)| {
        actors.shards().epoch(*shard) == Some(*term) && !actors.shards.is_recovered(*shard, *term)
    });
    let mut found = 0;
    let each = left.map(|(shard, term)| recover_shard(actors, *shard, *term, &days));
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
    let ahead = actors.read_ahead_of(shard);
    let known: HashSet<ChatKey> = ahead.iter().cloned().collect();
    let load_all = async |chats: Vec<ChatKey>| {
        stream::iter(chats).for_each_concurrent(AT_ONCE, |key| load(actors, key, (shard, term))).await;
    };
    // Those that were at work a moment ago are there while the others are looked for.
    let listed = actors.store().scan_buckets(IndexTable::OpenChats, i64::from(shard.0), days);
    let ((), rows) = tokio::join!(load_all(ahead), listed);
    // A chat that stays open for long is entered again on a later day.
    let chats: HashSet<ChatKey> = rows?
        .into_iter()
        .map(|row| ChatKey { license: LicenseId(row.position), chat: ChatId::new(row.id) })
        .collect();
    let found = chats.len();
    load_all(chats.into_iter().filter(|key| !known.contains(key)).collect()).await;
    // One that went meanwhile is not missed: its next owner recovers it, under another term.
    actors.shards.recovered(shard, term);
    Ok(found)
}

/// Loads a chat, which reports itself to its router's book, for as long as its shard is ours under this term. Trying goes on
/// until it is there: a router that did not hear of an open chat would give its agents more than they may have.
async fn load(actors: &Arc<Actors>, key: ChatKey, (shard, term): (Shard, Epoch)) {
    let mut pause = PAUSE;
    loop {
        let turn = actors.loads.acquire().await;
        if actors.shards().epoch(shard) != Some(term) {
            return;
        }
        match actors.inspect(&key).await {
            Ok(_) => return,
            Err(error) if is_lost(&error) => {
                tracing::error!(license.id = %key.license, chat.id = %key.chat, %error, "an open chat is left out");
                return;
            }
            Err(error) => {
                tracing::warn!(license.id = %key.license, chat.id = %key.chat, %error, "an open chat is not loaded yet");
            }
        }
        drop(turn);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether nobody can ever work in a chat, so that it takes no agent's time.
fn is_lost(error: &AskError) -> bool {
    matches!(error, AskError::NoLicense | AskError::Store(StoreError::Corrupt { .. }))
}

/// Whether what the store did not do may be done later.
fn is_passing(error: &StoreError) -> bool {
    error.is_retryable() || matches!(error, StoreError::OutcomeUnknown(_))
}

/// The actors as those who work for shards.
pub struct Occupants(pub Arc<Actors>);

#[async_trait]
impl Occupant for Occupants {
    async fn announce(&self, shard: Shard, to: Incarnation) {
        self.0.announce(shard, to).await;
    }

    fn leave_last(&self) -> Vec<Shard> {
        self.0.shards_with_routers()
    }

    async fn vacate(&self, shard: Shard, epoch: Epoch) {
        self.0.vacate(shard, epoch).await;
    }
}
