//! The index rows that follow from a change: what is there is written with the row that causes it, what has gone once that is
//! confirmed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use switchboard_cluster::Shard;

use super::super::{ChatKey, period};
use crate::domain::chat::Chat;
use crate::domain::id::ThreadId;
use crate::domain::thread::Thread;
use crate::domain::time::Timestamp;
use crate::domain::transcript;
use crate::store::{IndexKey, IndexScan, IndexTable, IndexWrite, Order, Store, StoreError, Version};

/// How many days back a start looks for chats that were left open.
pub const OPEN_CHATS_DAYS: i64 = 14;

/// What the list of a chat's threads says of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadEntry {
    /// When it was opened.
    pub created_at: Timestamp,
}

/// What lists of chats say of a place where a chat stands or stood. Rows of earlier builds say neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatEntry {
    /// Number of the thread that stands for the chat here.
    pub number: Option<u32>,
    /// When the chat's next thread was opened, which stands for it elsewhere; none while this one is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

impl ChatEntry {
    /// From the body of an index row.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The body of an index row.
    pub fn body(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).expect("a chat entry has a JSON form"))
    }
}

/// Rows of one number that are looked at: a thread and those that were cut short before it.
const ATTEMPTS: usize = 1_000;
/// A body that says "it is there".
const PRESENT: &[u8] = b"1";

fn row(table: IndexTable, owner: i64, bucket: String, position: i64, id: &str) -> IndexKey {
    IndexKey { table, owner, bucket, position, id: id.to_owned() }
}

fn write(key: IndexKey, version: Version, body: impl Into<Bytes>) -> IndexWrite {
    IndexWrite { key, version, body: body.into() }
}

/// The state that index rows of the chat show.
pub(super) fn version(chat: &Chat, seq: u64) -> Version {
    Version { thread_no: chat.thread.as_ref().map_or(0, |thread| thread.number), seq }
}

/// A thread was opened: the chat as it is now is there.
pub(super) fn opened(key: &ChatKey, shard: Shard, after: &Chat, seq: u64) -> Vec<IndexWrite> {
    let Some(thread) = &after.thread else { return Vec::new() };
    let version = version(after, seq);
    let entry = ThreadEntry { created_at: thread.created_at };
    let entry = serde_json::to_vec(&entry).expect("a thread entry has a JSON form");
    let [by_chat, by_day] = places(key, thread.number, &thread.id, thread.created_at);
    let mut writes = vec![write(by_chat, version, entry), write(by_day, version, PRESENT)];
    writes.extend(stands(key, after, thread, version));
    if thread.active || transcript::owed(after).next().is_some() {
        writes.push(open_chat(key, shard, thread.created_at, version, true));
    }
    writes
}

/// The rows by which a thread is found.
fn places(key: &ChatKey, number: u32, thread: &ThreadId, at: Timestamp) -> [IndexKey; 2] {
    let (license, chat) = (key.license.0, key.chat.to_string());
    [
        row(IndexTable::ThreadsByChat, license, chat, i64::from(number), thread.as_str()),
        row(IndexTable::ThreadsByDay, license, period::day(at), at.0, thread.as_str()),
    ]
}

/// A thread was opened: the chat as it was has left its place. Whoever walks through a list goes on to find it where it stood when
/// they began.
pub(super) fn left(key: &ChatKey, before: &Chat, after: &Chat, seq: u64) -> Vec<IndexWrite> {
    let (Some(previous), Some(thread)) = (&before.thread, &after.thread) else { return Vec::new() };
    let entry = ChatEntry { number: Some(previous.number), next_at: Some(thread.created_at) }.body();
    let left = |place| write(place, version(after, seq), entry.clone());
    lists(key, before, previous.created_at).into_iter().map(left).collect()
}

/// What lists say of a thread that was never opened, after `chat` as it is: that it is gone.
///
/// # Errors
/// The store's.
pub(super) async fn never_opened(
    store: &dyn Store,
    key: &ChatKey,
    chat: &Chat,
    thread: &ThreadId,
) -> Result<Vec<IndexWrite>, StoreError> {
    let number = chat.thread.as_ref().map_or(0, |last| last.number) + 1;
    let (license, position) = (key.license.0, i64::from(number));
    let mut scan =
        IndexScan::bucket(IndexTable::ThreadsByChat, license, key.chat.as_str(), Order::Ascending, ATTEMPTS);
    scan.positions = position..=position;
    let rows = store.scan_index(scan).await?;
    let Some(found) = rows.iter().find(|row| row.id == thread.as_str()) else { return Ok(Vec::new()) };
    let Ok(ThreadEntry { created_at }) = serde_json::from_slice(&found.body) else { return Ok(Vec::new()) };
    let mut keys = places(key, number, thread, created_at).to_vec();
    keys.extend(lists(key, chat, created_at));
    // Later than what the opening itself wrote.
    let version = Version { thread_no: number, seq: 2 };
    Ok(keys.into_iter().map(|key| write(key, version, Bytes::new())).collect())
}

/// A customer came into the chat: their list shows it, too.
pub(super) fn customer_came(key: &ChatKey, chat: &Chat, seq: u64) -> Vec<IndexWrite> {
    let Some(thread) = &chat.thread else { return Vec::new() };
    stands(key, chat, thread, version(chat, seq)).collect()
}

/// The chat stands in its lists by this thread, its last one.
fn stands(
    key: &ChatKey,
    chat: &Chat,
    thread: &Thread,
    version: Version,
) -> impl Iterator<Item = IndexWrite> + use<> {
    let entry = ChatEntry { number: Some(thread.number), next_at: None }.body();
    lists(key, chat, thread.created_at).into_iter().map(move |key| write(key, version, entry.clone()))
}

/// The rows by which lists of chats find a chat whose last thread began then.
fn lists(key: &ChatKey, chat: &Chat, at: Timestamp) -> Vec<IndexKey> {
    let (license, id) = (key.license.0, key.chat.as_str());
    let mut keys = vec![row(IndexTable::ChatsByLicense, license, period::month(at), at.0, id)];
    if let Some((customer, _)) = chat.customer() {
        keys.push(row(IndexTable::ChatsByCustomer, license, customer.as_str().to_owned(), at.0, id));
    }
    keys
}

/// Whether the chat is open, in the bucket of the day on which this is written.
pub(super) fn open_chat(
    key: &ChatKey,
    shard: Shard,
    at: Timestamp,
    version: Version,
    open: bool,
) -> IndexWrite {
    let id =
        row(IndexTable::OpenChats, i64::from(shard.0), period::day(at), key.license.0, key.chat.as_str());
    write(id, version, if open { Bytes::from_static(PRESENT) } else { Bytes::new() })
}

/// The timer of a chat that leaves memory.
pub(super) fn due(key: &ChatKey, shard: Shard, deadline: Timestamp, version: Version) -> IndexWrite {
    let id = format!("{}/{}", key.license, key.chat);
    let key = row(IndexTable::Due, i64::from(shard.0), period::minute(deadline), deadline.0, &id);
    write(key, version, PRESENT)
}

/// The previous thread of a chat, for readers that walk back.
pub(super) fn previous(chat: &Chat) -> Option<ThreadId> {
    chat.thread.as_ref()?.previous_thread_id.clone()
}
