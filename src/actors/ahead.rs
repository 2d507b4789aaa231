//! What is read of chats before they come: a node that is about to give a shard away says so to whom it will be given, and
//! how far each of its chats stands. What stands for good is read there while the chats still work here, so that afterwards
//! only what was stored since has to be read.
//!
//! A hint like all that nodes tell each other, but for one thing: a row that was confirmed never changes, whoever owns the
//! chat next. So what was read ahead stays true, however the hand-over ends; where it begins to be true is the giver's word.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use switchboard_cluster::{Incarnation, Shard};
use tokio::time::Instant;

use super::chat::{AskHead, Head, Prefix};
use super::{Actors, ChatKey};
use crate::domain::id::LicenseId;

/// Chats that one shard is announced with; what more it has is read when it has come.
const ANNOUNCED: usize = 512;
/// Chats asked, and logs read, at once.
const AT_ONCE: usize = 32;
/// How long the next owner may take: the shard is worked for meanwhile.
const WITHIN: Duration = Duration::from_millis(500);
/// Bytes of rows that are kept for chats that have not come.
const BYTES: usize = 64 * 1024 * 1024;
/// How long they are kept.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// A shard is about to come, with these chats.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComingCall {
    /// Which.
    pub shard: Shard,
    /// Some or all that are in memory.
    pub chats: Vec<ComingChat>,
}

/// A chat of a shard that is about to come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComingChat {
    /// Which.
    pub key: ChatKey,
    /// How far it stands at least.
    pub head: Head,
}

/// What was read ahead.
#[derive(Default)]
pub(super) struct Ahead {
    chats: DashMap<ChatKey, Entry>,
    bytes: AtomicUsize,
}

struct Entry {
    shard: Shard,
    since: Instant,
    prefix: Prefix,
}

impl Ahead {
    /// Takes out what was read of a chat.
    pub(super) fn take(&self, key: &ChatKey) -> Option<Prefix> {
        let (_, entry) = self.chats.remove(key)?;
        self.bytes.fetch_sub(entry.prefix.bytes(), Ordering::Relaxed);
        Some(entry.prefix)
    }

    /// The chats of a shard.
    fn of(&self, shard: Shard) -> Vec<ChatKey> {
        let of_shard = self.chats.iter().filter(|entry| entry.shard == shard);
        of_shard.map(|entry| entry.key().clone()).collect()
    }

    /// Forgets the chats that did not come.
    pub(super) fn forget_old(&self) {
        let old = self.chats.iter().filter(|entry| entry.since.elapsed() >= KEPT_FOR);
        let old: Vec<ChatKey> = old.map(|entry| entry.key().clone()).collect();
        for key in old {
            drop(self.take(&key));
        }
    }

    fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < BYTES
    }

    fn put(&self, key: ChatKey, shard: Shard, prefix: Prefix) {
        drop(self.take(&key));
        self.bytes.fetch_add(prefix.bytes(), Ordering::Relaxed);
        self.chats.insert(key, Entry { shard, since: Instant::now(), prefix });
    }
}

impl Actors {
    /// Tells the next owner of a shard which chats will come, and waits for a moment until it has read what stands of them.
    pub async fn announce(self: &Arc<Self>, shard: Shard, to: Incarnation) {
        let asked = self.chats.in_shard(shard).into_iter().take(ANNOUNCED).map(async |(key, address)| {
            let head = address.send(AskHead).await.ok().flatten()?;
            Some(ComingChat { key, head })
        });
        let chats: Vec<ComingChat> =
            stream::iter(asked).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        if chats.is_empty() {
            return;
        }
        let call = ComingCall { shard, chats };
        if let Err(missed) = self.parts.elsewhere.announce(to, &call, WITHIN).await {
            tracing::debug!(%shard, ?missed, "the next owner of a shard did not read ahead");
        }
    }

    /// Reads what stands of chats that are about to come.
    pub async fn read_ahead(self: &Arc<Self>, call: ComingCall) {
        self.ahead.forget_old();
        let licenses: HashSet<LicenseId> = call.chats.iter().map(|chat| chat.key.license).collect();
        for license in licenses {
            // What it needs to know of its tenant it will find in memory then. One that cannot be read is read later.
            let _known = self.parts.licenses.license(license).await;
        }
        let shard = call.shard;
        let read = async |ComingChat { key, head }: ComingChat| {
            if !self.ahead.has_room() {
                return;
            }
            let previous = head.previous.as_ref();
            let _turn = self.loads.acquire().await;
            match Prefix::read(self, key.license, &head.thread, previous, Some(head.seq)).await {
                Ok(prefix) if prefix.seq() == head.seq => self.ahead.put(key, shard, prefix),
                Ok(_) => tracing::debug!(chat.id = %key.chat, "a chat does not stand where it was said to"),
                Err(error) => tracing::debug!(chat.id = %key.chat, %error, "a chat was not read ahead"),
            }
        };
        stream::iter(call.chats.into_iter().take(ANNOUNCED)).for_each_concurrent(AT_ONCE, read).await;
    }

    /// The chats of a shard of which something was read ahead.
    pub(super) fn read_ahead_of(&self, shard: Shard) -> Vec<ChatKey> {
        self.ahead.of(shard)
    }
}
