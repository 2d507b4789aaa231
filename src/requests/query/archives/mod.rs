//! `list_archives` (agents, 3.6): threads of all chats, by what happened in them.
//!
//! The index names the threads of each day; what they are is read from their logs, so that filters never see something
//! stale. One call reads at most [`MAX_READ`] logs; where filters match little its page is short, or empty, and the next
//! page goes on behind it.

mod matches;
mod walk;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use self::matches::{Matcher, needs_logs};
use self::walk::{Place, Walk};
use crate::actors::catching_up::SKEW;
use crate::actors::chat::Snapshot;
use crate::actors::chat::history::Found;
use crate::actors::reading::Whole;
use crate::domain::chat::Chat;
use crate::domain::command::can_see;
use crate::domain::id::ThreadId;
use crate::domain::thread::Thread;
use crate::protocol::error::WireError;
use crate::protocol::request::{ArchiveFilters, ListArchives, SortOrder};
use crate::protocol::view::ThreadParts;
use crate::requests::error::{of_ask, of_store};
use crate::requests::pipeline::{Call, Requests};

use super::pages::{Edge, Spot, Walked, Way};
use super::{MAX_PAGE_BYTES, check_sees_thread, sees_every_thread};

/// Logs that one call reads, those of its answer apart.
const MAX_READ: usize = 500;
/// Logs read at the same time.
const AT_ONCE: usize = 8;
/// Found threads are counted up to here, where no log must be read for it.
const MAX_COUNTED: usize = 1_000;
/// Threads beside one of the answer that are looked at for the nearest one that the reader may see.
const MAX_STEPS: usize = 10;

/// Where a page begins and what it shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    #[serde(flatten)]
    spot: Spot<Place>,
    descending: bool,
    limit: usize,
    filters: ArchiveFilters,
    /// What the first page counted.
    found: Option<usize>,
}

/// A thread for the answer.
struct Item {
    place: Place,
    json: String,
}

/// What one call saw.
#[derive(Default)]
struct Page {
    items: Vec<Item>,
    /// Where the walk goes on; none if it came to the end.
    next: Option<Place>,
    /// Threads that the filters let through.
    found: usize,
}

impl Requests {
    pub(in crate::requests) async fn list_archives(
        &self,
        call: &Call<'_>,
        list: ListArchives,
    ) -> Result<String, WireError> {
        if list.filters.query.is_some() {
            return Err(WireError::validation(
                "`filters.query`: this server has no full-text search; use the other filters",
            ));
        }
        if let Some(threads) = &list.filters.thread_ids {
            return self.named_threads(call, threads, list.sort_order).await;
        }
        let reader = call.who.agent().map_or("", |agent| agent.as_str());
        let scope = format!("list_archives/{}/{reader}", call.who.license_id());
        let now = self.parts.actors.clock().now();
        let mut cursor = match &list.page_id {
            Some(page) => self.parts.pages.open(&scope, page, now)?,
            None => Cursor {
                spot: Spot::first(),
                descending: list.sort_order == SortOrder::Desc,
                limit: list.limit as usize,
                filters: list.filters,
                found: None,
            },
        };
        let page = self.archives_page(call, &cursor).await?;
        let found = match cursor.found {
            Some(found) => found,
            None if needs_logs(&cursor.filters) => page.found,
            None => self.count_archives(call, &cursor).await?,
        };
        cursor.found = Some(found);
        let mut json = answer(&page.items, found);
        let settled = Place { created_at: now.before(SKEW).0, thread: ThreadId::new("") };
        let walked = Walked {
            shown: page.items.into_iter().map(|item| item.place).collect(),
            stopped_at: page.next,
            settled: Edge::At(settled),
        };
        for (name, spot) in cursor.spot.beside(cursor.descending, list.page_id.is_none(), walked) {
            let page = self.parts.pages.seal(&scope, &Cursor { spot, ..cursor.clone() }, now);
            json.push_str(&format!(",\"{name}_page_id\":\"{page}\""));
        }
        json.push('}');
        Ok(json)
    }

    /// The threads of a page, in the order asked for.
    async fn archives_page(&self, call: &Call<'_>, cursor: &Cursor) -> Result<Page, WireError> {
        let ahead = cursor.spot.ahead(cursor.descending);
        let mut page = Page::default();
        if cursor.filters.wants_unrecorded {
            return Ok(page);
        }
        let counts = cursor.found.is_none() && needs_logs(&cursor.filters);
        let matcher = Matcher { filters: &cursor.filters, license: &call.who.license };
        let mut walk = Walk::new(self, call, &cursor.filters, ahead.way, ahead.start()).await?;
        let (mut read, mut bytes, mut last) = (0, 0, None);
        'walk: loop {
            let wanted = if counts { AT_ONCE } else { AT_ONCE.min(cursor.limit + 1 - page.items.len()) };
            let mut places = walk.take(self, wanted).await?;
            if places.is_empty() {
                break;
            }
            places.retain(|place| ahead.has(place));
            let threads = places.iter().map(|place| &place.thread);
            let found = self.parts.actors.read_small_threads(call.who.license_id(), threads).await;
            let found = found.map_err(|error| of_ask(error, call.who.surface()))?;
            for (place, found) in places.iter().zip(found) {
                let is_full = page.items.len() == cursor.limit || bytes >= MAX_PAGE_BYTES;
                if is_full && page.next.is_none() {
                    page.next.clone_from(&last);
                }
                if (is_full && !counts) || read == MAX_READ {
                    page.next = page.next.or(last);
                    break 'walk;
                }
                read += 1;
                if !is_full {
                    last = Some(place.clone());
                }
                let whole = match found {
                    Found::Nothing => None,
                    Found::Whole(history) => Some(Whole::from(*history)),
                    Found::Larger => self.archived(call, &place.thread).await?,
                };
                let Some(whole) = whole.filter(|whole| matcher.holds(&whole.history)) else { continue };
                if is_full {
                    let visible = can_see(&whole.history.chat, &call.who.reader(), &call.who.license).is_ok();
                    page.found += usize::from(visible);
                } else if let Some(json) = self.archive_item(call, whole, &matcher).await? {
                    bytes += json.len();
                    page.found += 1;
                    page.items.push(Item { place: place.clone(), json });
                }
            }
        }
        if cursor.spot.is_backwards() {
            page.items.reverse();
        }
        Ok(page)
    }

    /// How many threads there are, up to a bound, by the index alone; what access takes away is not counted out.
    async fn count_archives(&self, call: &Call<'_>, cursor: &Cursor) -> Result<usize, WireError> {
        let way = Way::of(cursor.descending, false);
        let mut walk = Walk::new(self, call, &cursor.filters, way, None).await?;
        let mut count = 0;
        while count < MAX_COUNTED {
            let places = walk.take(self, MAX_COUNTED - count).await?.len();
            if places == 0 {
                break;
            }
            count += places;
        }
        Ok(count)
    }

    /// The threads that a request names, as far as there are such and the requester may see them.
    async fn named_threads(
        &self,
        call: &Call<'_>,
        threads: &[ThreadId],
        order: SortOrder,
    ) -> Result<String, WireError> {
        let filters = ArchiveFilters::default();
        let matcher = Matcher { filters: &filters, license: &call.who.license };
        let mut items: Vec<Item> = Vec::new();
        for id in threads {
            if items.iter().any(|item| item.place.thread == *id) {
                continue;
            }
            let Some(whole) = self.archived(call, id).await? else { continue };
            let created_at = whole.history.chat.thread.as_ref().map_or(0, |thread| thread.created_at.0);
            if let Some(json) = self.archive_item(call, whole, &matcher).await? {
                items.push(Item { place: Place { created_at, thread: id.clone() }, json });
            }
        }
        items.sort_by(|one, other| one.place.cmp(&other.place));
        if order == SortOrder::Desc {
            items.reverse();
        }
        Ok(answer(&items, items.len()) + "}")
    }

    /// A thread of the license by its log alone.
    async fn archived(&self, call: &Call<'_>, thread: &ThreadId) -> Result<Option<Whole>, WireError> {
        let whole = self.parts.actors.read_thread(call.who.license_id(), thread).await;
        whole.map_err(|error| of_ask(error, call.who.surface()))
    }

    /// The chat with the thread, if the requester may see it.
    async fn archive_item(
        &self,
        call: &Call<'_>,
        whole: Whole,
        matcher: &Matcher<'_>,
    ) -> Result<Option<String>, WireError> {
        let snapshot = self.chat_now(call, &whole.history.chat.id).await?;
        let Some(thread) = &whole.history.chat.thread else { return Ok(None) };
        if check_sees_thread(call, &snapshot.chat, thread).is_err() {
            return Ok(None);
        }
        let is_last = snapshot.chat.thread.as_ref().is_some_and(|last| last.id == thread.id);
        // The end of the last log may not be confirmed yet; the snapshot's is.
        let whole = match is_last {
            true => {
                let thread = thread.id.clone();
                // Its room with it, before there is some for the other.
                drop(whole);
                self.thread(call, &snapshot, &thread).await?
            }
            false => whole,
        };
        let history = &whole.history;
        let Some(thread) = history.chat.thread.as_ref().filter(|_| matcher.holds(history)) else {
            return Ok(None);
        };
        let queue = if is_last { self.queue_place(call, &snapshot.chat).await } else { None };
        let next = self.next_thread(call, &snapshot, thread).await?;
        let parts = ThreadParts { thread, events: &history.events, next_thread_id: next.as_ref(), queue };
        let before = self.accessible(call, &snapshot, thread, Side::Before).await?;
        let after = self.accessible(call, &snapshot, thread, Side::After).await?;
        let chat = with_users_of(&snapshot.chat, &history.chat);
        let accessible = (before.as_ref(), after.as_ref());
        Ok(Some(self.view(call).archived_chat(&chat, parts, accessible, call.who.agent())))
    }

    /// The nearest thread on one side of another that the requester may see; none if there is none, or only far away.
    async fn accessible(
        &self,
        call: &Call<'_>,
        snapshot: &Snapshot,
        from: &Thread,
        side: Side,
    ) -> Result<Option<ThreadId>, WireError> {
        let mut from = Cow::Borrowed(from);
        for _ in 0..MAX_STEPS {
            let beside = match side {
                Side::Before => from.previous_thread_id.clone(),
                Side::After => self.next_thread(call, snapshot, &from).await?,
            };
            let Some(id) = beside else { return Ok(None) };
            if sees_every_thread(call) {
                return Ok(Some(id));
            }
            let head = self.parts.actors.read_head(call.who.license_id(), &id).await;
            let head = head.map_err(|error| of_store(&error))?.filter(|chat| chat.id == snapshot.chat.id);
            let Some(thread) = head.and_then(|chat| chat.thread) else { return Ok(None) };
            if check_sees_thread(call, &snapshot.chat, &thread).is_ok() {
                return Ok(Some(id));
            }
            from = Cow::Owned(thread);
        }
        Ok(None)
    }
}

/// A side of a thread.
#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

/// The chat as it is now, and with everybody who was in it then: the thread's events name them.
fn with_users_of(now: &Chat, then: &Chat) -> Chat {
    let mut chat = now.clone();
    for user in &then.users {
        if chat.user(&user.id).is_none() {
            let mut user = user.clone();
            user.present = false;
            chat.users.push(user);
        }
    }
    chat
}

/// The answer, but for its page ids and its end.
fn answer(items: &[Item], found: usize) -> String {
    let mut json = String::from("{\"chats\":[");
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            json.push(',');
        }
        json.push_str(&item.json);
    }
    json.push_str(&format!("],\"found_chats\":{found}"));
    json
}
