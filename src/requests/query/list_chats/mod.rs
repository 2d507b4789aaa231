//! `list_chats` (agents and customers, 3.6), and the chats that a login answers with.
//!
//! Ordered by the creation of the last thread. Agents' lists are walked month by month through the license's
//! index; each candidate is asked what it is now, so that filters and access never see something stale. What is walked, and
//! in which order, does not change while somebody walks it: see [`standing`].

mod as_shown;
mod earlier;
mod standing;
mod walk;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::standing::{MAX_MOVED, Standing};
use self::walk::{Place, Route, Walk};
use super::pages::{Edge, Spot, Walked, Way};
use crate::actors::ChatKey;
use crate::actors::catching_up::SKEW;
use crate::actors::chat::{ChatEntry, Snapshot};
use crate::domain::access::Access;
use crate::domain::chat::Chat;
use crate::domain::command::{can_see, can_see_earlier};
use crate::domain::id::ChatId;
use crate::domain::properties::{self, Properties};
use crate::domain::time::Timestamp;
use crate::protocol::error::WireError;
use crate::protocol::request::{ChatFilters, ListChats, PropertyFilter, PropertyTest, SortOrder};
use crate::protocol::version::Surface;
use crate::requests::error::{of_ask, of_store};
use crate::requests::pipeline::{Call, Requests};
use crate::store::IndexRow;

/// Where a page begins and what it shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    #[serde(flatten)]
    spot: Spot<Place>,
    descending: bool,
    limit: usize,
    filters: ChatFilters,
    /// Where the chats stand. Page ids of earlier builds do not say.
    #[serde(default = "Standing::by_last_thread")]
    standing: Standing,
}

/// A page of chats.
#[derive(Default)]
struct Page {
    chats: Vec<(IndexRow, Arc<Snapshot>)>,
    /// The last row that was looked at, if the list goes on behind it.
    edge: Option<Place>,
}

/// Chats in an agent's login answer, their own active ones apart.
const CHATS_AT_LOGIN: usize = 10;
/// Index rows fetched at once for a page.
const BATCH: usize = 100;
/// Index rows fetched at once to be counted.
const COUNT_BATCH: usize = 1_000;
/// Chats that one call looks at: bounds the work of a filter that matches little. The next page goes on from there.
const MAX_LOOKED_AT: usize = 2_000;
/// Index rows that one call reads for its page, and as many to count: most of them may be places where chats stood once.
const MAX_ROWS: usize = 20_000;
/// Found chats are counted up to here; the number is an estimate by the protocol.
const MAX_COUNTED: usize = 1_000;

impl Requests {
    pub(in crate::requests) async fn list_chats(
        &self,
        call: &Call<'_>,
        list: ListChats,
    ) -> Result<String, WireError> {
        let who = call.who;
        let reader = match &who.identity {
            crate::requests::Identity::Agent { id, .. } => format!("a/{id}"),
            crate::requests::Identity::Customer { id, .. } => format!("c/{id}"),
        };
        let scope = format!("list_chats/{}/{reader}", who.license_id());
        let now = self.parts.actors.clock().now();
        let cursor = match &list.page_id {
            Some(page) => self.parts.pages.open(&scope, page, now)?,
            None => Cursor {
                spot: Spot::first(),
                descending: list.sort_order == SortOrder::Desc,
                limit: list.limit as usize,
                filters: list.filters,
                standing: self.standing(call, now).await?,
            },
        };
        let page = self.chats_page(call, &cursor).await?;
        let mut json = String::from("{\"chats_summary\":[");
        let mut shown = Vec::with_capacity(page.chats.len());
        for (_, snapshot) in &page.chats {
            shown.push(self.as_shown(call, snapshot).await?);
        }
        self.write_summaries(call, shown.iter().map(|chat| &**chat), &mut json).await;
        let total = self.count(call, &cursor).await?;
        let key = if who.surface() == Surface::Agent { "found_chats" } else { "total_chats" };
        json.push_str(&format!("],\"{key}\":{total}"));
        let walked = Walked {
            shown: page.chats.iter().map(|(row, _)| walk::place(row)).collect(),
            stopped_at: page.edge,
            settled: Edge::At((now.before(SKEW).0, String::new())),
        };
        for (name, spot) in cursor.spot.beside(cursor.descending, list.page_id.is_none(), walked) {
            let page = self.parts.pages.seal(&scope, &Cursor { spot, ..cursor.clone() }, now);
            json.push_str(&format!(",\"{name}_page_id\":\"{page}\""));
        }
        json.push('}');
        Ok(json)
    }

    /// The chats that an agent's login answers with: the newest that they may see, as on the first page.
    pub async fn first_chats(&self, who: &crate::requests::Requester) -> Result<String, WireError> {
        let call = Call { who, origin: None };
        let cursor = Cursor {
            spot: Spot::first(),
            descending: true,
            limit: CHATS_AT_LOGIN,
            filters: ChatFilters::default(),
            standing: Standing::by_last_thread(),
        };
        let page = self.chats_page(&call, &cursor).await?;
        let mut chats: Vec<Chat> = page.chats.iter().map(|(_, snapshot)| snapshot.chat.clone()).collect();
        self.add_own_chats(&call, &mut chats).await?;
        let mut json = String::from("[");
        self.write_summaries(&call, chats.iter(), &mut json).await;
        json.push(']');
        Ok(json)
    }

    /// An agent must learn of every active chat they are in, however old.
    async fn add_own_chats(&self, call: &Call<'_>, chats: &mut Vec<Chat>) -> Result<(), WireError> {
        let Some(agent) = call.who.agent() else { return Ok(()) };
        let own = self.parts.actors.router(call.who.license_id()).chats_of(agent).await;
        for chat in own.map_err(|error| of_ask(error, call.who.surface()))? {
            if chats.iter().any(|known| known.id == chat) {
                continue;
            }
            if let Some(snapshot) = self.look_at(call, &chat).await? {
                chats.push(snapshot.chat.clone());
            }
        }
        Ok(())
    }

    async fn write_summaries<'a>(
        &self,
        call: &Call<'_>,
        chats: impl Iterator<Item = &'a Chat>,
        json: &mut String,
    ) {
        let view = self.view(call);
        let reader = call.who.reader();
        let sees = |access: &Access| can_see_earlier(access, &reader, &call.who.license);
        let mut first = true;
        for chat in chats {
            if !std::mem::take(&mut first) {
                json.push(',');
            }
            let queue = self.queue_place(call, chat).await;
            json.push_str(&view.chat_summary(chat, call.who.agent(), queue, sees));
        }
    }

    /// The order of a walk that begins now.
    async fn standing(&self, call: &Call<'_>, now: Timestamp) -> Result<Standing, WireError> {
        let settled = now.before(SKEW);
        let route = Route { positions: settled.0..=i64::MAX, way: Way::Older, batch: BATCH };
        let mut walk = Walk::new(self, call, route)?;
        let mut moved = Vec::new();
        while moved.len() <= MAX_MOVED
            && let Some(row) = walk.next(self).await?
        {
            let entry = ChatEntry::read(&row.body);
            if entry.number == Some(1) || entry.next_at.is_some() {
                continue;
            }
            let chat = ChatId::new(&row.id);
            let Some(snapshot) = self.look_at(call, &chat).await? else { continue };
            let thread = snapshot.chat.thread.as_ref();
            if thread.is_some_and(|thread| thread.number > 1 && thread.created_at.0 == row.position) {
                moved.push((chat, row.position));
            }
        }
        Ok(Standing::since(settled.0, moved))
    }

    async fn chats_page(&self, call: &Call<'_>, cursor: &Cursor) -> Result<Page, WireError> {
        let ahead = cursor.spot.ahead(cursor.descending);
        let mut walk = Walk::new(self, call, Route::from(ahead.start(), ahead.way, BATCH))?;
        let mut page = Page::default();
        let (mut rows, mut looked_at, mut last) = (0, 0, None);
        while let Some(row) = walk.next(self).await? {
            if !ahead.has(&walk::place(&row)) {
                continue;
            }
            let chat = ChatId::new(&row.id);
            let counts = cursor.standing.may_stand(&chat, row.position, ChatEntry::read(&row.body));
            let is_done = page.chats.len() == cursor.limit || looked_at == MAX_LOOKED_AT;
            if rows == MAX_ROWS || (counts && is_done) {
                page.edge = last;
                break;
            }
            rows += 1;
            last = Some(walk::place(&row));
            if !counts {
                continue;
            }
            looked_at += 1;
            let Some(snapshot) = self.look_at(call, &chat).await? else { continue };
            if matches(&cursor.filters, &snapshot.chat)
                && self.place(call, &cursor.standing, &snapshot).await? == Some(row.position)
            {
                page.chats.push((row, snapshot));
            }
        }
        if cursor.spot.is_backwards() {
            page.chats.reverse();
        }
        Ok(page)
    }

    /// Where the chat stands in a walk.
    async fn place(
        &self,
        call: &Call<'_>,
        standing: &Standing,
        snapshot: &Snapshot,
    ) -> Result<Option<i64>, WireError> {
        let Some(last) = &snapshot.chat.thread else { return Ok(None) };
        let (chat, begun) = (&snapshot.chat.id, last.created_at.0);
        let mut all = vec![begun];
        if standing.asks_before(chat, last.number, begun) {
            let store = self.parts.actors.store();
            let earlier = earlier::threads(&**store, call.who.license_id(), chat, last.number, standing);
            all.extend(earlier.await.map_err(|error| of_store(&error))?);
        }
        Ok(standing.place(chat, all))
    }

    /// A chat as it is now, if it was started and the requester may see it.
    async fn look_at(&self, call: &Call<'_>, chat: &ChatId) -> Result<Option<Arc<Snapshot>>, WireError> {
        let key = ChatKey { license: call.who.license_id(), chat: chat.clone() };
        let look = async || self.parts.actors.inspect(&key).await;
        let snapshot = match call.who.surface() {
            // Agents of a license see the same chats, and come in crowds when a node has ended.
            Surface::Agent => self.looks.see(&key, look).await,
            Surface::Customer => look().await,
        };
        let snapshot = snapshot.map_err(|error| of_ask(error, call.who.surface()))?;
        let visible = snapshot.chat.thread.is_some()
            && can_see(&snapshot.chat, &call.who.reader(), &call.who.license).is_ok();
        Ok(visible.then_some(snapshot))
    }

    /// How many chats there are, up to a bound; what filters and access take away is not counted out.
    async fn count(&self, call: &Call<'_>, cursor: &Cursor) -> Result<usize, WireError> {
        let way = Way::of(cursor.descending, false);
        let mut walk = Walk::new(self, call, Route::from(None, way, COUNT_BATCH))?;
        let (mut count, mut rows) = (0, 0);
        while count < MAX_COUNTED
            && rows < MAX_ROWS
            && let Some(row) = walk.next(self).await?
        {
            rows += 1;
            let entry = ChatEntry::read(&row.body);
            count += usize::from(cursor.standing.may_stand(&ChatId::new(&row.id), row.position, entry));
        }
        Ok(count)
    }
}

fn matches(filters: &ChatFilters, chat: &Chat) -> bool {
    let active = chat.active_thread().is_some();
    filters.active.is_none_or(|wanted| wanted == active)
        && filters
            .group_ids
            .as_ref()
            .is_none_or(|groups| groups.iter().any(|group| chat.access.group_ids.contains(group)))
        && filters.properties.iter().all(|filter| holds(filter, &chat.properties))
}

fn holds(filter: &PropertyFilter, properties: &Properties) -> bool {
    let value = properties::get(properties, &filter.namespace, &filter.name);
    match &filter.test {
        PropertyTest::Exists(wanted) => value.is_some() == *wanted,
        PropertyTest::Values(values) => value.is_some_and(|value| values.contains(value)),
        PropertyTest::ExcludeValues(values) => value.is_none_or(|value| !values.contains(value)),
    }
}
