//! Pushes about customers who visit, and the answers that list them. Agents alone see them.

use serde::Serialize;

use super::Rendered;
use crate::domain::id::{CustomerId, GroupId};
use crate::domain::time::Timestamp;
use crate::domain::visit::{VisitPage, Visitor};
use crate::domain::watch::MonitoringLevel;
use crate::protocol::time::Rfc3339;
use crate::protocol::view::user::{CustomerView, PageView, Statistics};
use crate::protocol::view::{View, json};

#[derive(Serialize)]
struct PageUpdated<'a> {
    customer_id: &'a CustomerId,
    visit_id: u32,
    #[serde(flatten)]
    page: PageView<'a>,
}

#[derive(Serialize)]
struct StatisticsUpdated<'a> {
    customer_id: &'a CustomerId,
    statistics: Statistics,
}

#[derive(Serialize)]
struct Transferred<'a> {
    id: &'a CustomerId,
    transferred_to: To,
    followed: bool,
}

#[derive(Serialize)]
struct To {
    group_ids: [GroupId; 1],
}

#[derive(Serialize)]
struct Left<'a> {
    id: &'a CustomerId,
    left_at: Rfc3339,
}

#[derive(Serialize)]
struct Incoming<'a> {
    customer_monitoring_level: MonitoringLevel,
    customers: Vec<CustomerView<'a>>,
}

#[derive(Serialize)]
struct Subscribed<'a> {
    subscription_id: &'a str,
    customers: Vec<CustomerView<'a>>,
}

impl View<'_> {
    pub(super) fn incoming_customer(&self, visitor: &Visitor) -> Rendered {
        self.for_agents("incoming_customer", &self.visitor(visitor))
    }

    pub(super) fn customer_page_updated(&self, id: &CustomerId, visit: u32, page: &VisitPage) -> Rendered {
        let payload = PageUpdated { customer_id: id, visit_id: visit, page: PageView::new(page) };
        self.for_agents("customer_page_updated", &payload)
    }

    pub(super) fn customer_statistics_updated(&self, visitor: &Visitor) -> Rendered {
        let payload = StatisticsUpdated { customer_id: &visitor.id, statistics: Statistics::told(visitor) };
        self.for_agents("customer_statistics_updated", &payload)
    }

    /// Agents cannot follow single customers, so nobody who loses sight of one follows them still.
    pub(super) fn customer_transferred(&self, id: &CustomerId, to: GroupId) -> Rendered {
        let payload = Transferred { id, transferred_to: To { group_ids: [to] }, followed: false };
        self.for_agents("customer_transferred", &payload)
    }

    pub(super) fn customer_left(&self, id: &CustomerId, at: Timestamp) -> Rendered {
        self.for_agents("customer_left", &Left { id, left_at: Rfc3339(at) })
    }

    /// The payload of the push `incoming_customers`, which follows a login.
    pub fn incoming_customers(&self, level: MonitoringLevel, visitors: &[Visitor]) -> String {
        let customers = visitors.iter().map(|visitor| self.visitor(visitor)).collect();
        json(&Incoming { customer_monitoring_level: level, customers })
    }

    /// The answer of `subscribe_customers`.
    pub fn subscription(&self, id: &str, visitors: &[Visitor]) -> String {
        let customers = visitors.iter().map(|visitor| self.visitor(visitor)).collect();
        json(&Subscribed { subscription_id: id, customers })
    }
}
