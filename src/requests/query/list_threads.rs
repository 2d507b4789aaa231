//! `list_threads` (agents and customers, 3.6): the threads of a chat with their events.

use crate::actors::chat::history::History;
use crate::actors::chat::{Snapshot, ThreadEntry};
use crate::domain::chat::Chat;
use crate::domain::id::ThreadId;
use crate::domain::push::QueuePlace;
use crate::domain::thread::Thread;
use crate::protocol::error::WireError;
use crate::protocol::request::{ListThreads, PageSize, SortOrder};
use crate::protocol::view::ThreadParts;
use crate::requests::error::of_store;
use crate::requests::pipeline::{Call, Requests};
use crate::store::{IndexRow, IndexScan, IndexTable, Order};

use super::opened::threads_of;
use super::pages::{Edge, Spot, Walked};
use super::{MAX_PAGE_BYTES, check_sees, check_sees_thread, sees_every_thread};

use serde::{Deserialize, Serialize};

/// Where a page begins, by threads' numbers, and what it shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    #[serde(flatten)]
    spot: Spot<i64>,
    descending: bool,
    limit: usize,
    min_events: Option<u64>,
    from: Option<i64>,
    to: Option<i64>,
    /// The threads of a page in the order of their age, though the pages lead to older ones.
    #[serde(default)]
    oldest_first: bool,
}

/// A thread for the answer.
struct Item {
    number: i64,
    json: String,
}

/// Thread numbers looked at in one call: bounds the work of a filter that matches nothing.
const MAX_SCAN: usize = 10_000;
/// Threads that one page of `min_events_count` may have: each holds at least the event that it was opened for.
const MAX_THREADS: usize = 100;
/// Threads that one call reads and does not show, because the requester may not see them. The next page goes on behind them.
const MAX_HIDDEN: usize = 100;

impl Requests {
    /// With `min_events_count` the newest threads that hold so many events are the first page, and the pages behind it lead to
    /// older ones, whatever the order: `sort_order` is then that of the threads within a page.
    pub(in crate::requests) async fn list_threads(
        &self,
        call: &Call<'_>,
        list: ListThreads,
    ) -> Result<String, WireError> {
        let snapshot = self.partly_visible_chat(call, &list.chat).await?;
        let scope = format!("list_threads/{}/{}", call.who.license_id(), list.chat);
        let now = self.parts.actors.clock().now();
        let cursor = match &list.page_id {
            Some(page) => self.parts.pages.open(&scope, page, now)?,
            None => first_page(&list),
        };
        let entries = self.entries(call, &snapshot, &cursor).await?;
        let found = entries.len();
        let (mut page, edge) = self.page(call, &snapshot, &cursor, entries).await?;
        if cursor.oldest_first {
            page.reverse();
        }
        if page.is_empty() {
            // Of a chat without a thread that they may see nobody is told more.
            check_sees(call, &snapshot.chat)?;
        }
        let mut json = String::from("{\"threads\":[");
        for (number, item) in page.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            json.push_str(&item.json);
        }
        json.push_str("],\"found_threads\":");
        json.push_str(&found.to_string());
        // A chat's threads come one after the other: none becomes visible before another.
        let walked = Walked {
            shown: page.iter().map(|item| item.number).collect(),
            stopped_at: edge,
            settled: Edge::Youngest,
        };
        for (name, spot) in cursor.spot.beside(cursor.descending, list.page_id.is_none(), walked) {
            let page = self.parts.pages.seal(&scope, &Cursor { spot, ..cursor.clone() }, now);
            json.push_str(&format!(",\"{name}_page_id\":\"{page}\""));
        }
        json.push('}');
        Ok(json)
    }

    /// All threads of the chat that the filters let through, in the order asked for.
    async fn entries(
        &self,
        call: &Call<'_>,
        snapshot: &Snapshot,
        cursor: &Cursor,
    ) -> Result<Vec<IndexRow>, WireError> {
        let order = if cursor.descending { Order::Descending } else { Order::Ascending };
        let owner = call.who.license_id().0;
        let chat = snapshot.chat.id.as_str();
        let scan = IndexScan::bucket(IndexTable::ThreadsByChat, owner, chat, order, MAX_SCAN);
        let store = self.parts.actors.store();
        let rows = store.scan_index(scan).await.map_err(|error| of_store(&error))?;
        let last = snapshot.chat.thread.as_ref().map_or(0, |thread| i64::from(thread.number));
        // What is behind the chat's last thread is about to be opened, or never was.
        let rows = rows.into_iter().filter(|row| row.position <= last).collect();
        let rows = threads_of(&**store, call.who.license_id(), rows).await;
        let mut rows = rows.map_err(|error| of_store(&error))?;
        if cursor.from.is_some() || cursor.to.is_some() {
            rows.retain(|row| {
                let created =
                    serde_json::from_slice::<ThreadEntry>(&row.body).map(|entry| entry.created_at.0);
                created.is_ok_and(|at| {
                    cursor.from.is_none_or(|from| at >= from) && cursor.to.is_none_or(|to| at <= to)
                })
            });
        }
        Ok(rows)
    }

    /// The threads of one page that the requester may see. If there are more in the direction of the page, they lie behind the
    /// number that comes along. They are read one after the other, and of each only what is shown stays in memory.
    async fn page(
        &self,
        call: &Call<'_>,
        snapshot: &Snapshot,
        cursor: &Cursor,
        entries: Vec<IndexRow>,
    ) -> Result<(Vec<Item>, Option<i64>), WireError> {
        let ahead = cursor.spot.ahead(cursor.descending);
        let mut candidates: Vec<IndexRow> =
            entries.into_iter().filter(|row| ahead.has(&row.position)).collect();
        if cursor.spot.is_backwards() {
            candidates.reverse();
        }
        let sees_all = sees_every_thread(call);
        let queue = self.queue_place(call, &snapshot.chat).await;
        let mut page = Vec::new();
        let (mut events, mut hidden, mut bytes) = (0, 0, 0);
        let (mut looked_at, mut edge) = (None, None);
        for row in candidates {
            let is_full = page.len() >= cursor.limit
                || bytes >= MAX_PAGE_BYTES
                || cursor.min_events.is_some_and(|wanted| events >= wanted);
            if (is_full && sees_all) || hidden == MAX_HIDDEN {
                edge = looked_at;
                break;
            }
            let whole = self.thread(call, snapshot, &ThreadId::new(&row.id)).await?;
            let history = &whole.history;
            let Some(thread) = &history.chat.thread else { continue };
            if !sees_all && check_sees_thread(call, &snapshot.chat, thread).is_err() {
                hidden += 1;
            } else if is_full {
                edge = looked_at;
                break;
            } else {
                events += history.events.len() as u64;
                let json = self.thread_json(call, snapshot, thread, history, queue).await?;
                bytes += json.len();
                page.push(Item { number: i64::from(thread.number), json });
            }
            looked_at = Some(row.position);
        }
        if cursor.spot.is_backwards() {
            page.reverse();
        }
        Ok((page, edge))
    }

    async fn thread_json(
        &self,
        call: &Call<'_>,
        snapshot: &Snapshot,
        thread: &Thread,
        history: &History,
        queue: Option<QueuePlace>,
    ) -> Result<String, WireError> {
        let next = self.next_thread(call, snapshot, thread).await?;
        let is_last = snapshot.chat.thread.as_ref().is_some_and(|last| last.id == thread.id);
        Ok(self.view(call).thread(ThreadParts {
            thread,
            events: &history.events,
            next_thread_id: next.as_ref(),
            queue: queue.filter(|_| is_last),
        }))
    }

    /// The thread that follows one, if it is not the last.
    pub(super) async fn next_thread(
        &self,
        call: &Call<'_>,
        snapshot: &Snapshot,
        thread: &Thread,
    ) -> Result<Option<ThreadId>, WireError> {
        let last = snapshot.chat.thread.as_ref();
        if last.is_none_or(|last| last.number <= thread.number) {
            return Ok(None);
        }
        let number = i64::from(thread.number) + 1;
        let owner = call.who.license_id().0;
        let chat = snapshot.chat.id.as_str();
        let mut scan = IndexScan::bucket(IndexTable::ThreadsByChat, owner, chat, Order::Descending, MAX_SCAN);
        scan.positions = number..=number;
        let store = self.parts.actors.store();
        let next = async {
            let rows = store.scan_index(scan).await?;
            threads_of(&**store, call.who.license_id(), rows).await
        };
        let next = next.await.map_err(|error| of_store(&error))?;
        Ok(next.into_iter().next().map(|row| ThreadId::new(row.id)))
    }

    /// Where a waiting chat stands, as the router knows it.
    pub(super) async fn queue_place(&self, call: &Call<'_>, chat: &Chat) -> Option<QueuePlace> {
        let queued_at = chat.active_thread()?.queued_at?;
        let place = self.parts.actors.router(call.who.license_id()).queue_place(&chat.id).await?;
        Some(QueuePlace { queued_at: Some(queued_at), ..place })
    }
}

fn first_page(list: &ListThreads) -> Cursor {
    let is_desc = list.sort_order == SortOrder::Desc;
    let (limit, min_events) = match list.size {
        PageSize::Threads(limit) => (limit as usize, None),
        PageSize::MinEvents(events) => (MAX_THREADS, Some(u64::from(events))),
    };
    let descending = is_desc || min_events.is_some();
    Cursor {
        spot: Spot::first(),
        descending,
        limit,
        min_events,
        from: list.filters.from.map(|at| at.0),
        to: list.filters.to.map(|at| at.0),
        oldest_first: descending && !is_desc,
    }
}
