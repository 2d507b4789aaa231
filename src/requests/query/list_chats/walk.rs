//! The walk through a list of chats, by the license's index or the customer's.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::super::pages::Way;
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
    pub(super) positions: RangeInclusive<i64>,
    pub(super) way: Way,
    /// Rows fetched at once.
    pub(super) batch: usize,
}

impl Route {
    /// From a place on; all rows if there is none.
    pub(super) fn from(start: Option<&Place>, way: Way, batch: usize) -> Self {
        let positions = match (start, way) {
            (None, _) => i64::MIN..=i64::MAX,
            (Some((position, _)), Way::Younger) => *position..=i64::MAX,
            (Some((position, _)), Way::Older) => i64::MIN..=*position,
        };
        Self { positions, way, batch }
    }
}

/// A walk through the requester's list of chats, bucket by bucket.
pub(super) struct Walk {
    table: IndexTable,
    owner: i64,
    order: Order,
    positions: RangeInclusive<i64>,
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
        let Route { positions, way, batch } = route;
        let (table, mut buckets) = match call.who.surface() {
            Surface::Customer => (IndexTable::ChatsByCustomer, vec![customer_id(call.who)?.to_string()]),
            Surface::Agent => {
                let (created, now) = (call.who.license.created_at, requests.parts.actors.clock().now());
                let (from, to) = (Timestamp(*positions.start()), Timestamp(*positions.end()));
                let mut months = months(created, now);
                months.retain(|month| {
                    (from <= created || *month >= period::month(from))
                        && (to >= now || *month <= period::month(to))
                });
                (IndexTable::ChatsByLicense, months)
            }
        };
        let order = match way {
            Way::Older => Order::Descending,
            Way::Younger => Order::Ascending,
        };
        // The next one is the last of them.
        if order == Order::Ascending {
            buckets.reverse();
        }
        Ok(Self {
            table,
            owner: call.who.license_id().0,
            order,
            positions,
            batch,
            after: None,
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
            scan.positions = self.positions.clone();
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
