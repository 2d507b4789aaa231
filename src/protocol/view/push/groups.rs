//! The push about statuses of groups, which look different to agents and to customers.

use serde::Serialize;

use super::Rendered;
use crate::domain::id::GroupId;
use crate::domain::routing::{CustomerGroupStatus, GroupStatus};
use crate::protocol::view::{View, json};

#[derive(Serialize)]
struct Groups<T> {
    groups: Vec<Standing<T>>,
}

#[derive(Serialize)]
struct Standing<T> {
    id: GroupId,
    status: T,
}

fn rendered<T: Copy + Serialize>(groups: &[(GroupId, T)]) -> Rendered {
    let groups: Vec<_> = groups.iter().map(|(id, status)| Standing { id: *id, status: *status }).collect();
    (!groups.is_empty()).then(|| ("groups_status_updated", json(&Groups { groups })))
}

impl View<'_> {
    /// Only the groups whose status changed for the reader's side.
    pub(super) fn groups_status_updated(
        &self,
        for_agents: &[(GroupId, GroupStatus)],
        for_customers: &[(GroupId, CustomerGroupStatus)],
    ) -> Rendered {
        if self.is_for_customers() { rendered(for_customers) } else { rendered(for_agents) }
    }
}
