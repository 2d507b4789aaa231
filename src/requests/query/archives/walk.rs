//! The walk through the threads of a license, by the time of their opening.

use std::collections::{BTreeSet, VecDeque};

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::super::pages::Way;
use crate::actors::chat::ThreadEntry;
use crate::actors::period;
use crate::domain::id::{ChatId, LicenseId, ThreadId};
use crate::domain::time::Timestamp;
use crate::protocol::error::WireError;
use crate::protocol::request::ArchiveFilters;
use crate::requests::error::of_store;
use crate::requests::pipeline::{Call, Requests};
use crate::store::{IndexRow, IndexScan, IndexTable, Order, StoreError};

/// Index rows fetched at once from a day.
const BATCH: usize = 100;
/// Days looked into at the same time, where many of them are empty; lists of chats read at the same time.
const AT_ONCE: usize = 32;
/// Threads that the chats of a filter may have in all.
const MAX_OF_CHATS: usize = 20_000;

/// Where a thread stands in the order of all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    /// Microseconds since 1970.
    pub(super) created_at: i64,
    /// Which.
    pub(super) thread: ThreadId,
}

/// Goes from thread to thread, in either order.
pub(super) struct Walk {
    license: LicenseId,
    order: Order,
    positions: (i64, i64),
    after: Option<Place>,
    /// Days still to be looked into, the next one last. None where the chats are known.
    days: Vec<String>,
    ready: VecDeque<Place>,
    /// Days to look into next time: more while they are empty.
    ahead: usize,
}

impl Walk {
    pub(super) async fn new(
        requests: &Requests,
        call: &Call<'_>,
        filters: &ArchiveFilters,
        way: Way,
        start: Option<&Place>,
    ) -> Result<Self, WireError> {
        let mut from = filters.from.map_or(i64::MIN, |at| at.0);
        let mut to = filters.to.map_or(i64::MAX, |at| at.0);
        let order = match way {
            Way::Older => Order::Descending,
            Way::Younger => Order::Ascending,
        };
        match (start, way) {
            (None, _) => {}
            (Some(start), Way::Older) => to = to.min(start.created_at),
            (Some(start), Way::Younger) => from = from.max(start.created_at),
        }
        let mut walk = Self {
            license: call.who.license_id(),
            order,
            positions: (from, to),
            after: None,
            days: Vec::new(),
            ready: VecDeque::new(),
            ahead: 1,
        };
        match chats(requests, call, filters).await? {
            Some(chats) => walk.gather(requests, &chats).await?,
            None => walk.days = walk.days_of(call, requests.parts.actors.clock().now()),
        }
        Ok(walk)
    }

    /// The next threads, at most so many; none at the end.
    pub(super) async fn take(&mut self, requests: &Requests, most: usize) -> Result<Vec<Place>, WireError> {
        while self.ready.is_empty() && !self.days.is_empty() {
            self.look(requests).await.map_err(|error| of_store(&error))?;
        }
        Ok(self.ready.drain(..most.min(self.ready.len())).collect())
    }

    /// Looks into the next day, or into several.
    async fn look(&mut self, requests: &Requests) -> Result<(), StoreError> {
        let store = requests.parts.actors.store();
        let scans = self.days.iter().rev().take(self.ahead).map(|day| {
            let mut scan =
                IndexScan::bucket(IndexTable::ThreadsByDay, self.license.0, day.clone(), self.order, BATCH);
            scan.positions = self.positions.0..=self.positions.1;
            scan.after = self.after.as_ref().map(|at| (at.created_at, at.thread.as_str().to_owned()));
            store.scan_index(scan)
        });
        let mut done = 0;
        for rows in try_join_all(scans).await? {
            let has_more = rows.len() == BATCH;
            self.ready.extend(rows.into_iter().map(place));
            // What stands behind a day that has more would come too early.
            if has_more {
                break;
            }
            done += 1;
        }
        self.days.truncate(self.days.len() - done);
        if let Some(last) = self.ready.back() {
            self.after = Some(last.clone());
        }
        self.ahead = if self.ready.is_empty() { AT_ONCE.min(self.ahead * 2) } else { 1 };
        Ok(())
    }

    /// The days that count, the first one last. A clock that was set back must not hide a thread.
    fn days_of(&self, call: &Call<'_>, now: Timestamp) -> Vec<String> {
        let (from, to) = self.positions;
        let first = period::days_before(call.who.license.created_at, 1).0.max(from);
        let last = period::days_before(now, -1).0.min(to);
        let mut days = period::days(Timestamp(first), Timestamp(last));
        if self.order == Order::Ascending {
            days.reverse();
        }
        days
    }

    /// Every thread of these chats.
    async fn gather(&mut self, requests: &Requests, chats: &[ChatId]) -> Result<(), WireError> {
        let store = requests.parts.actors.store();
        let mut places: Vec<Place> = Vec::new();
        for chats in chats.chunks(AT_ONCE) {
            let scans = chats.iter().map(|chat| {
                let (owner, chat) = (self.license.0, chat.as_str());
                let limit = MAX_OF_CHATS + 1;
                store.scan_index(IndexScan::bucket(IndexTable::ThreadsByChat, owner, chat, self.order, limit))
            });
            for row in try_join_all(scans).await.map_err(|error| of_store(&error))?.into_iter().flatten() {
                let entry: ThreadEntry = serde_json::from_slice(&row.body)
                    .map_err(|_| of_store(&StoreError::Corrupt { what: "an index row", source: None }))?;
                places.push(Place { created_at: entry.created_at.0, thread: ThreadId::new(&row.id) });
            }
            if places.len() > MAX_OF_CHATS {
                let message = format!("the named chats have more than {MAX_OF_CHATS} threads; name fewer");
                return Err(WireError::validation(message));
            }
        }
        let (from, to) = self.positions;
        places.retain(|place| (from..=to).contains(&place.created_at));
        places.sort();
        places.dedup();
        if self.order == Order::Descending {
            places.reverse();
        }
        self.ready = places.into();
        Ok(())
    }
}

fn place(row: IndexRow) -> Place {
    Place { created_at: row.position, thread: ThreadId::new(&row.id) }
}

/// The only chats that can count, where the filters tell.
async fn chats(
    requests: &Requests,
    call: &Call<'_>,
    filters: &ArchiveFilters,
) -> Result<Option<Vec<ChatId>>, WireError> {
    let named = filters.chat_ids.as_ref();
    let Some(customer) = &filters.customer_id else { return Ok(named.cloned()) };
    let license = call.who.license_id();
    let scan = IndexScan::bucket(
        IndexTable::ChatsByCustomer,
        license.0,
        customer.as_str(),
        Order::Descending,
        MAX_OF_CHATS,
    );
    let rows = requests.parts.actors.store().scan_index(scan).await.map_err(|error| of_store(&error))?;
    // A chat has a row for each place where it stood.
    let chats: BTreeSet<ChatId> = rows.into_iter().map(|row| ChatId::new(row.id)).collect();
    let counts = |chat: &ChatId| named.is_none_or(|named| named.contains(chat));
    Ok(Some(chats.into_iter().filter(counts).collect()))
}
