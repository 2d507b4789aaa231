//! The index rows that follow from a change: what is there is written with the row that causes it, what has gone once that is
//! confirmed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use switchboard_cluster::Shard;

use super::super::{ChatKey, period};
use crate::domain::chat::Chat;
use crate::domain::id::{CustomerId, ThreadId};
use crate::domain::thread::Thread;
use crate::domain::time::Timestamp;
use crate::domain::transcript;
use crate::store::{
    IndexKey, IndexRow, IndexScan, IndexTable, IndexWrite, Order, Store, StoreError, Version,
};

/// How many days back a start looks for chats that were left open.
pub const OPEN_CHATS_DAYS: i64 = 14;

/// What the list of a chat's threads says of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadEntry {
    /// When it was opened.
    pub created_at: Timestamp,
    /// In whose list of chats it was entered. Rows of earlier builds do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
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

/// Rows of one position that are looked at: a thread and those that were cut short before it, or chats of the same moment.
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
    let customer = customer_of(after).cloned();
    let entry = ThreadEntry { created_at: thread.created_at, customer };
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
    lists(key, customer_of(before), previous.created_at).into_iter().map(left).collect()
}

/// The same of a chat of whose last thread nothing but the opening is stored: whoever stored that may not have come to say it.
///
/// # Errors
/// The store's.
pub(super) async fn not_left(
    store: &dyn Store,
    key: &ChatKey,
    chat: &Chat,
) -> Result<Vec<IndexWrite>, StoreError> {
    let Some(thread) = &chat.thread else { return Ok(Vec::new()) };
    let Some(previous) = &thread.previous_thread_id else { return Ok(Vec::new()) };
    let number = thread.number.saturating_sub(1);
    let Some(found) = entry_of(store, key, number, previous).await? else { return Ok(Vec::new()) };
    let left = ChatEntry { number: Some(number), next_at: Some(thread.created_at) }.body();
    let mut writes = Vec::new();
    for place in lists(key, customer_of(chat), found.created_at) {
        let rows = at_position(store, place.table, place.owner, &place.bucket, place.position).await?;
        // It does not stand in the list of a customer who came with this thread.
        let stands = |row: &IndexRow| row.id == place.id && ChatEntry::read(&row.body).next_at.is_none();
        if rows.iter().any(stands) {
            writes.push(write(place, version(chat, 1), left.clone()));
        }
    }
    Ok(writes)
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
    let Some(found) = entry_of(store, key, number, thread).await? else { return Ok(Vec::new()) };
    // A chat that was never opened does not know its customer.
    let customer = found.customer.as_ref().or(customer_of(chat));
    let mut keys = places(key, number, thread, found.created_at).to_vec();
    keys.extend(lists(key, customer, found.created_at));
    // Later than what the opening itself wrote.
    let version = Version { thread_no: number, seq: 2 };
    Ok(keys.into_iter().map(|key| write(key, version, Bytes::new())).collect())
}

/// What the list of the chat's threads says of one.
async fn entry_of(
    store: &dyn Store,
    key: &ChatKey,
    number: u32,
    thread: &ThreadId,
) -> Result<Option<ThreadEntry>, StoreError> {
    let (license, chat) = (key.license.0, key.chat.as_str());
    let rows = at_position(store, IndexTable::ThreadsByChat, license, chat, i64::from(number)).await?;
    let found = rows.iter().find(|row| row.id == thread.as_str());
    Ok(found.and_then(|row| serde_json::from_slice(&row.body).ok()))
}

/// The rows of one position.
async fn at_position(
    store: &dyn Store,
    table: IndexTable,
    owner: i64,
    bucket: &str,
    position: i64,
) -> Result<Vec<IndexRow>, StoreError> {
    let mut scan = IndexScan::bucket(table, owner, bucket, Order::Ascending, ATTEMPTS);
    scan.positions = position..=position;
    store.scan_index(scan).await
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
    lists(key, customer_of(chat), thread.created_at)
        .into_iter()
        .map(move |key| write(key, version, entry.clone()))
}

fn customer_of(chat: &Chat) -> Option<&CustomerId> {
    chat.customer().map(|(customer, _)| customer)
}

/// The rows by which lists of chats find a chat whose last thread began then.
fn lists(key: &ChatKey, customer: Option<&CustomerId>, at: Timestamp) -> Vec<IndexKey> {
    let (license, id) = (key.license.0, key.chat.as_str());
    let mut keys = vec![row(IndexTable::ChatsByLicense, license, period::month(at), at.0, id)];
    if let Some(customer) = customer {
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
