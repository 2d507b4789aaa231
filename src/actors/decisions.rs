//! The records of routers' decisions, in the store: any node can tell them, and so can a command without a server.
//!
//! They are written beside the work: no router waits for them, and a crash may cost those of the last moment. The store keeps
//! them by the hour, so that what is too old goes hour by hour: the bucket `hours` lists the hours of a license, the bucket of
//! an hour the chats that were decided about in it, and the bucket of an hour and a chat holds the records.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix_rt::ArbiterHandle;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use switchboard_cluster::Epoch;
use tokio::sync::{mpsc, oneshot};

use super::period;
use crate::domain::id::{ChatId, LicenseId};
use crate::domain::routing::DecisionRecord;
use crate::domain::time::Timestamp;
use crate::store::{IndexKey, IndexScan, IndexTable, IndexWrite, Order, Store, StoreError, Version};

/// Records that may wait to be written; more are lost, which the log tells.
const QUEUE: usize = 65_536;
/// Records written at once.
const AT_ONCE: usize = 512;
/// Hours of a chat that are read at once.
const HOURS_AT_ONCE: usize = 32;
/// Rows of a scan. A chat has a handful of decisions in an hour.
const PAGE: usize = 1_000;
/// The bucket that lists the hours.
const HOURS: &str = "hours";

/// A decision that was made.
struct Made {
    license: LicenseId,
    term: Epoch,
    keep: Duration,
    record: DecisionRecord,
}

enum Note {
    Made(Box<Made>),
    Flush(oneshot::Sender<()>),
}

/// Takes decisions to the store.
pub(super) struct Decisions {
    notes: mpsc::Sender<Note>,
}

impl Decisions {
    pub(super) fn start(store: Arc<dyn Store>, thread: &ArbiterHandle) -> Self {
        let (notes, to_write) = mpsc::channel(QUEUE);
        // A thread that takes nothing any more means that the node ends.
        let _ = thread.spawn(Writer { store, hours: HashMap::new() }.run(to_write));
        Self { notes }
    }

    /// Has a record written, if the license keeps any. Never waits.
    pub(super) fn add(&self, license: LicenseId, term: Epoch, keep: Duration, record: DecisionRecord) {
        if keep.is_zero() {
            return;
        }
        let made = Made { license, term, keep, record };
        if self.notes.try_send(Note::Made(Box::new(made))).is_err() {
            tracing::warn!(license.id = %license, "a decision cannot be explained later: too many wait to be written");
        }
    }

    /// Waits until all that was added before is written, or could not be.
    pub(super) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.notes.send(Note::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

struct Writer {
    store: Arc<dyn Store>,
    /// The last hour that was listed of each license.
    hours: HashMap<LicenseId, i64>,
}

impl Writer {
    async fn run(mut self, mut notes: mpsc::Receiver<Note>) {
        let mut batch = Vec::with_capacity(AT_ONCE);
        while notes.recv_many(&mut batch, AT_ONCE).await > 0 {
            let (mut made, mut flushed) = (Vec::new(), Vec::new());
            for note in batch.drain(..) {
                match note {
                    Note::Made(one) => made.push(*one),
                    Note::Flush(done) => flushed.push(done),
                }
            }
            self.write(&made).await;
            for done in flushed {
                let _ = done.send(());
            }
        }
    }

    async fn write(&mut self, made: &[Made]) {
        // Under each router's term, since one that was superseded may still speak.
        let mut by_term: HashMap<Epoch, Vec<IndexWrite>> = HashMap::new();
        let mut listed = HashSet::new();
        let mut begun: HashMap<LicenseId, (Epoch, Timestamp, Duration)> = HashMap::new();
        for Made { license, term, keep, record } in made {
            let (at, chat) = (record.at, &record.chat);
            let writes = by_term.entry(*term).or_default();
            let Ok(body) = serde_json::to_vec(record) else { continue };
            let id = record.id.to_string();
            writes.push(row(*license, of_chat(at, chat), at.0, id, body));
            if listed.insert((*license, period::hour(at), chat)) {
                writes.push(row(*license, period::hour(at), 0, chat.to_string(), b"1".to_vec()));
            }
            if self.hours.insert(*license, start_of_hour(at)) != Some(start_of_hour(at)) {
                writes.push(row(*license, HOURS.to_owned(), start_of_hour(at), String::new(), b"1".to_vec()));
                begun.insert(*license, (*term, at, *keep));
            }
        }
        for (term, writes) in by_term {
            if let Err(error) = self.store.write_index(term, writes).await {
                tracing::warn!(%error, "some decisions cannot be explained later");
            }
        }
        for (license, (term, at, keep)) in begun {
            if let Err(error) = forget(&*self.store, license, term, at.before(keep)).await {
                tracing::warn!(license.id = %license, %error, "old decisions are kept for another hour");
            }
        }
    }
}

/// Lets go of the hours that were over before a moment.
async fn forget(
    store: &dyn Store,
    license: LicenseId,
    term: Epoch,
    before: Timestamp,
) -> Result<(), StoreError> {
    let mut hours = IndexScan::bucket(IndexTable::Decisions, license.0, HOURS, Order::Ascending, PAGE);
    hours.positions = i64::MIN..=start_of_hour(before) - 1;
    for hour in store.scan_index(hours).await? {
        let bucket = period::hour(Timestamp(hour.position));
        let mut after = None;
        loop {
            let mut chats =
                IndexScan::bucket(IndexTable::Decisions, license.0, &*bucket, Order::Ascending, PAGE);
            chats.after = after;
            let rows = store.scan_index(chats).await?;
            for row in &rows {
                let records = format!("{bucket}/{}", row.id);
                store.retire_bucket(IndexTable::Decisions, license.0, &records).await?;
            }
            after = rows.last().map(|row| (row.position, row.id.clone()));
            if rows.len() < PAGE {
                break;
            }
        }
        store.retire_bucket(IndexTable::Decisions, license.0, &bucket).await?;
        let gone = row(license, HOURS.to_owned(), hour.position, String::new(), Vec::new());
        let gone = IndexWrite { version: Version { thread_no: 1, seq: 0 }, ..gone };
        store.write_index(term, vec![gone]).await?;
    }
    Ok(())
}

/// The decisions about a chat that are kept, oldest first.
///
/// # Errors
/// The store's.
pub async fn explain(
    store: &dyn Store,
    license: LicenseId,
    chat: &ChatId,
    keep: Duration,
    now: Timestamp,
) -> Result<Vec<DecisionRecord>, StoreError> {
    let from = now.before(keep);
    let hours = (start_of_hour(from)..=now.0).step_by(HOUR_US);
    let reads: Vec<_> = hours
        .map(|hour| {
            let bucket = of_chat(Timestamp(hour), chat);
            store.scan_index(IndexScan::bucket(
                IndexTable::Decisions,
                license.0,
                bucket,
                Order::Ascending,
                PAGE,
            ))
        })
        .collect();
    let rows: Vec<_> = stream::iter(reads).buffered(HOURS_AT_ONCE).try_collect().await?;
    let mut records: Vec<DecisionRecord> =
        rows.iter().flatten().filter_map(|row| serde_json::from_slice(&row.body).ok()).collect();
    records.retain(|record| record.at >= from);
    records.sort_by_key(|record| (record.at, record.id));
    Ok(records)
}

/// Microseconds of an hour.
const HOUR_US: usize = 60 * period::MINUTE_US as usize;

fn start_of_hour(at: Timestamp) -> i64 {
    at.0 - at.0.rem_euclid(HOUR_US as i64)
}

fn of_chat(at: Timestamp, chat: &ChatId) -> String {
    format!("{}/{chat}", period::hour(at))
}

fn row(license: LicenseId, bucket: String, position: i64, id: String, body: Vec<u8>) -> IndexWrite {
    let key = IndexKey { table: IndexTable::Decisions, owner: license.0, bucket, position, id };
    IndexWrite { key, version: Version::default(), body: Bytes::from(body) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::{DecisionId, Outcome, Question, Rule};
    use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};

    const LICENSE: LicenseId = LicenseId(1_001);
    const HOUR: i64 = HOUR_US as i64;
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    /// The middle of an hour.
    const AT: i64 = 1_795_235_400_000_000;

    fn made(chat: &str, at: i64, number: u64) -> Made {
        let record = DecisionRecord {
            id: DecisionId { epoch: 1, number },
            at: Timestamp(at),
            chat: ChatId::new(chat),
            groups: Vec::new(),
            question: Question::Start,
            considered: Vec::new(),
            rule: Rule::NobodyFree,
            outcome: Outcome::Queued(1),
        };
        Made { license: LICENSE, term: Epoch(1), keep: DAY, record }
    }

    fn store() -> (tempfile::TempDir, Arc<dyn Store>) {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            EmbeddedOptions { reserve_bytes: 0, ..EmbeddedOptions::new(folder.path().join("store")) };
        (folder, Arc::new(EmbeddedStore::open(&options).expect("a store")))
    }

    async fn numbers(store: &dyn Store, chat: &str, keep: Duration, now: i64) -> Vec<u64> {
        let chat = ChatId::new(chat);
        let records = explain(store, LICENSE, &chat, keep, Timestamp(now)).await.expect("records");
        records.iter().map(|record| record.id.number).collect()
    }

    #[tokio::test]
    async fn records_are_found_by_chat_as_long_as_they_are_kept() {
        let (_folder, store) = store();
        let mut writer = Writer { store: store.clone(), hours: HashMap::new() };
        let all = [made("a", AT, 1), made("b", AT + 1, 2), made("a", AT + 2, 3), made("a", AT + HOUR, 4)];
        writer.write(&all).await;
        assert_eq!(numbers(&*store, "a", DAY, AT + HOUR).await, [1, 3, 4]);
        assert_eq!(numbers(&*store, "b", DAY, AT + HOUR).await, [2]);
        assert_eq!(numbers(&*store, "a", Duration::from_secs(1_800), AT + HOUR).await, [4]);
        assert!(numbers(&*store, "a", Duration::ZERO, AT + HOUR + 1).await.is_empty());
        let other = explain(&*store, LicenseId(1_002), &ChatId::new("a"), DAY, Timestamp(AT)).await;
        assert!(other.expect("records").is_empty(), "another tenant's");
    }

    #[tokio::test]
    async fn hours_that_are_too_old_go_and_younger_ones_stay() {
        let (_folder, store) = store();
        let week = Duration::from_secs(7 * 24 * 3_600);
        Writer { store: store.clone(), hours: HashMap::new() }
            .write(&[made("a", AT, 1), made("b", AT, 2), made("a", AT + 2 * HOUR, 3)])
            .await;
        // Another run of the server, a day and an hour later.
        let later = AT + 25 * HOUR;
        Writer { store: store.clone(), hours: HashMap::new() }.write(&[made("c", later, 4)]).await;
        assert_eq!(numbers(&*store, "a", week, later).await, [3]);
        assert!(numbers(&*store, "b", week, later).await.is_empty());
        assert_eq!(numbers(&*store, "c", week, later).await, [4]);
        let hours = IndexScan::bucket(IndexTable::Decisions, LICENSE.0, HOURS, Order::Ascending, 10);
        assert_eq!(
            store.scan_index(hours).await.expect("hours").len(),
            2,
            "the first is not listed any more"
        );
    }
}
