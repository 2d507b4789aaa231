//! `list_chats` (agents and customers, 3.6), and the chats that a login answers with.
//!
//! Ordered by the creation of the last thread. Agents' lists are walked month by month through the license's
//! index; each candidate is asked what it is now, so that filters and access never see something stale.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actors::chat::Snapshot;
use crate::actors::{ChatKey, period};
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
use crate::requests::pipeline::{Call, Requests, customer_id};
use crate::store::{IndexRow, IndexScan, IndexTable, Order};

/// Where a page begins and what it shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    /// Position and id of the last item before the page; none at the beginning.
    after: Option<(i64, String)>,
    descending: bool,
    limit: usize,
    filters: ChatFilters,
    /// The page lies before `after`: the list is walked the other way round.
    backwards: bool,
}

/// A page of chats, and whether the list goes on.
struct Page {
    chats: Vec<(IndexRow, Arc<Snapshot>)>,
    more: bool,
}

/// Chats in an agent's login answer, their own active ones apart.
const CHATS_AT_LOGIN: usize = 10;
/// Index rows fetched at once.
const BATCH: usize = 100;
/// Chats that one call looks at: bounds the work of a filter that matches little. The next page goes on from there.
const MAX_LOOKED_AT: usize = 2_000;
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
            crate::requests::Identity::Customer { id } => format!("c/{id}"),
        };
        let scope = format!("list_chats/{}/{reader}", who.license_id());
        let now = self.parts.actors.clock().now();
        let cursor = match &list.page_id {
            Some(page) => self.parts.pages.open(&scope, page, now)?,
            None => Cursor {
                after: None,
                descending: list.sort_order == SortOrder::Desc,
                limit: list.limit as usize,
                filters: list.filters,
                backwards: false,
            },
        };
        let page = self.chats_page(call, &cursor).await?;
        let mut json = String::from("{\"chats_summary\":[");
        self.write_summaries(call, page.chats.iter().map(|(_, snapshot)| &snapshot.chat), &mut json).await;
        let total = self.count(call, &cursor).await?;
        let key = if who.surface() == Surface::Agent { "found_chats" } else { "total_chats" };
        json.push_str(&format!("],\"{key}\":{total}"));
        let has_next = cursor.backwards || page.more;
        let has_previous = if cursor.backwards { page.more } else { list.page_id.is_some() };
        let edge =
            |item: Option<&(IndexRow, Arc<Snapshot>)>| item.map(|(row, _)| (row.position, row.id.clone()));
        let seal = |after, backwards| {
            self.parts.pages.seal(&scope, &Cursor { after, backwards, ..cursor.clone() }, now)
        };
        if let (true, after @ Some(_)) = (has_next, edge(page.chats.last())) {
            json.push_str(&format!(",\"next_page_id\":\"{}\"", seal(after, false)));
        }
        if let (true, after @ Some(_)) = (has_previous, edge(page.chats.first())) {
            json.push_str(&format!(",\"previous_page_id\":\"{}\"", seal(after, true)));
        }
        json.push('}');
        Ok(json)
    }

    /// The chats that an agent's login answers with: the newest that they may see, as on the first page.
    pub async fn first_chats(&self, who: &crate::requests::Requester) -> Result<String, WireError> {
        let call = Call { who, origin: None };
        let cursor = Cursor {
            after: None,
            descending: true,
            limit: CHATS_AT_LOGIN,
            filters: ChatFilters::default(),
            backwards: false,
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

    async fn chats_page(&self, call: &Call<'_>, cursor: &Cursor) -> Result<Page, WireError> {
        let descending = cursor.descending != cursor.backwards;
        let mut walk = Walk::new(self, call, descending, cursor.after.clone())?;
        let mut page = Page { chats: Vec::new(), more: false };
        let mut looked_at = 0;
        while let Some(row) = walk.next(self).await? {
            if page.chats.len() == cursor.limit || looked_at == MAX_LOOKED_AT {
                page.more = true;
                break;
            }
            looked_at += 1;
            let Some(snapshot) = self.look_at(call, &ChatId::new(&row.id)).await? else { continue };
            // A chat that got another thread meanwhile stands elsewhere in the list now.
            let created = snapshot.chat.thread.as_ref().map(|thread| thread.created_at.0);
            if created == Some(row.position) && matches(&cursor.filters, &snapshot.chat) {
                page.chats.push((row, snapshot));
            }
        }
        if cursor.backwards {
            page.chats.reverse();
        }
        Ok(page)
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
        let mut walk = Walk::new(self, call, cursor.descending, None)?;
        let mut count = 0;
        while count < MAX_COUNTED && walk.next(self).await?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

/// A walk through the requester's list of chats, bucket by bucket.
struct Walk {
    table: IndexTable,
    owner: i64,
    order: Order,
    after: Option<(i64, String)>,
    /// Buckets still to come, the next one last.
    buckets: Vec<String>,
    /// Rows that were read, and how many of them were given.
    rows: Arc<Vec<IndexRow>>,
    given: usize,
    exhausted: bool,
}

impl Walk {
    fn new(
        requests: &Requests,
        call: &Call<'_>,
        descending: bool,
        after: Option<(i64, String)>,
    ) -> Result<Self, WireError> {
        let (table, mut buckets) = match call.who.surface() {
            Surface::Customer => (IndexTable::ChatsByCustomer, vec![customer_id(call.who)?.to_string()]),
            Surface::Agent => {
                let now = requests.parts.actors.clock().now();
                (IndexTable::ChatsByLicense, months(call.who.license.created_at, now))
            }
        };
        if descending {
            buckets.reverse();
        }
        if let Some((position, _)) = &after
            && table == IndexTable::ChatsByLicense
        {
            let month = period::month(Timestamp(*position));
            let skip = |bucket: &String| if descending { *bucket > month } else { *bucket < month };
            buckets.retain(|bucket| !skip(bucket));
        }
        buckets.reverse();
        Ok(Self {
            table,
            owner: call.who.license_id().0,
            order: if descending { Order::Descending } else { Order::Ascending },
            after,
            buckets,
            rows: Arc::default(),
            given: 0,
            exhausted: false,
        })
    }

    async fn next(&mut self, requests: &Requests) -> Result<Option<IndexRow>, WireError> {
        loop {
            if let Some(row) = self.rows.get(self.given) {
                self.given += 1;
                self.after = Some((row.position, row.id.clone()));
                return Ok(Some(row.clone()));
            }
            if self.exhausted {
                self.buckets.pop();
                self.exhausted = false;
            }
            let Some(bucket) = self.buckets.last() else { return Ok(None) };
            let mut scan = IndexScan::bucket(self.table, self.owner, bucket.clone(), self.order, BATCH);
            scan.after.clone_from(&self.after);
            let store = requests.parts.actors.store();
            let read = async || store.scan_index(scan.clone()).await.map(Arc::new);
            let rows = match self.table {
                IndexTable::ChatsByLicense => requests.scans.see(&scan, read).await,
                _ => read().await,
            };
            self.rows = rows.map_err(|error| of_store(&error))?;
            self.given = 0;
            self.exhausted = self.rows.len() < BATCH;
        }
    }
}

/// The months from one moment to another, oldest first. A clock that was set back must not hide a chat.
fn months(from: Timestamp, to: Timestamp) -> Vec<String> {
    let first = period::month(period::month_before(from));
    let mut months = Vec::new();
    let mut at = Timestamp(to.0 + 31 * 24 * 3600 * 1_000_000);
    loop {
        let month = period::month(at);
        let done = month <= first;
        months.push(month);
        if done {
            months.reverse();
            return months;
        }
        at = period::month_before(at);
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
