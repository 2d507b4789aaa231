//! The walk through a list of chats, by the license's index or the customer's.

use std::sync::Arc;

use crate::actors::period;
use crate::domain::time::Timestamp;
use crate::protocol::error::WireError;
use crate::protocol::version::Surface;
use crate::requests::error::of_store;
use crate::requests::pipeline::{Call, Requests, customer_id};
use crate::store::{IndexRow, IndexScan, IndexTable, Order};

/// Where a row stands: position and chat.
pub(super) type Place = (i64, String);

/// The place of a row.
pub(super) fn place(row: &IndexRow) -> Place {
    (row.position, row.id.clone())
}

/// Which rows are walked, and how.
pub(super) struct Route {
    /// Those behind this one; from the beginning, if none.
    pub(super) after: Option<Place>,
    /// No earlier ones.
    pub(super) not_before: Timestamp,
    /// Newest first.
    pub(super) descending: bool,
    /// Rows fetched at once.
    pub(super) batch: usize,
}

/// A walk through the requester's list of chats, bucket by bucket.
pub(super) struct Walk {
    table: IndexTable,
    owner: i64,
    order: Order,
    not_before: i64,
    batch: usize,
    after: Option<Place>,
    /// Buckets still to come, the next one last.
    buckets: Vec<String>,
    /// Rows that were read, and how many of them were given.
    rows: Arc<Vec<IndexRow>>,
    given: usize,
    exhausted: bool,
}

impl Walk {
    pub(super) fn new(requests: &Requests, call: &Call<'_>, route: Route) -> Result<Self, WireError> {
        let Route { after, not_before, descending, batch } = route;
        let (table, mut buckets) = match call.who.surface() {
            Surface::Customer => (IndexTable::ChatsByCustomer, vec![customer_id(call.who)?.to_string()]),
            Surface::Agent => {
                let now = requests.parts.actors.clock().now();
                (IndexTable::ChatsByLicense, months(call.who.license.created_at.max(not_before), now))
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
            not_before: not_before.0,
            batch,
            after,
            buckets,
            rows: Arc::default(),
            given: 0,
            exhausted: false,
        })
    }

    /// The next row.
    pub(super) async fn next(&mut self, requests: &Requests) -> Result<Option<IndexRow>, WireError> {
        loop {
            if let Some(row) = self.rows.get(self.given) {
                self.given += 1;
                self.after = Some(place(row));
                return Ok(Some(row.clone()));
            }
            if self.exhausted {
                self.buckets.pop();
                self.exhausted = false;
            }
            let Some(bucket) = self.buckets.last() else { return Ok(None) };
            let mut scan = IndexScan::bucket(self.table, self.owner, bucket.clone(), self.order, self.batch);
            scan.positions = self.not_before..=i64::MAX;
            scan.after.clone_from(&self.after);
            let store = requests.parts.actors.store();
            let read = async || store.scan_index(scan.clone()).await.map(Arc::new);
            let rows = match self.table {
                IndexTable::ChatsByLicense => requests.scans.see(&scan, read).await,
                _ => read().await,
            };
            self.rows = rows.map_err(|error| of_store(&error))?;
            self.given = 0;
            self.exhausted = self.rows.len() < self.batch;
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
