//! What an agent's connection watches of the visitors: by the level of its login, and by `subscribe_customers`.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::value::RawValue;

use super::actor::SessionContext;
use super::handle::SessionHandle;
use crate::domain::id::{AgentId, CustomerId, GroupId, LicenseId};
use crate::domain::license::License;
use crate::domain::visit::Visitor;
use crate::domain::watch::{
    MAX_BY_LEVEL, MAX_SUBSCRIPTIONS, MonitoringLevel, Subscription, Watched, Watching,
};
use crate::nodes::VisitorsCall;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method::Method;
use crate::protocol::request::{Request, decode};
use crate::protocol::view::View;
use crate::requests::Requester;

/// The groups that an agent is in, group 0 left out.
fn groups_of(license: &License, agent: &AgentId) -> Vec<GroupId> {
    license.agent(agent).map(|agent| agent.groups.keys().copied().collect()).unwrap_or_default()
}

/// With group 0, in which everybody is.
fn with_all(mut own: Vec<GroupId>) -> Vec<GroupId> {
    own.push(GroupId::ALL);
    own
}

/// Sets the level of a connection that logs in: as it says, else as the agent's other connections have it.
pub(super) fn begin(
    shared: &SessionContext,
    handle: &SessionHandle,
    license: LicenseId,
    agent: &AgentId,
    level: Option<MonitoringLevel>,
) {
    let level = level.or_else(|| shared.registry.monitoring_level(license, agent, handle.id));
    handle.watching(|watching| *watching = Watching::new(level.unwrap_or_default()));
}

/// The payload of `incoming_customers`, which follows a login; none for who does not want or may not have it.
pub(super) async fn first(
    shared: &SessionContext,
    handle: &SessionHandle,
    who: &Requester,
) -> Result<Option<String>, WireError> {
    let Some(agent) = who.agent().filter(|_| handle.wants("incoming_customers")) else { return Ok(None) };
    let license = &who.license;
    let level = handle.watching(|watching| watching.level());
    let own = groups_of(license, agent);
    let ids = if level == MonitoringLevel::My {
        connected(shared, license.id, shared.requests.own_customers(who).await?).await
    } else {
        let any_group = matches!(level, MonitoringLevel::Chatting | MonitoringLevel::Invited);
        let groups = (!any_group).then(|| with_all(own.clone()));
        let call = VisitorsCall { license: license.id, groups, customer: None, limit: MAX_BY_LEVEL };
        shared.nodes.visitors(&call).await.customers
    };
    let mut visitors = shared.requests.visitors(license, ids).await?;
    if level != MonitoringLevel::My {
        let hears = |watched: &Watched| handle.watching(|watching| watching.hears(watched, &own));
        visitors.retain(|(_, watched)| hears(watched));
    }
    let visitors: Vec<Visitor> = visitors.into_iter().map(|(visitor, _)| visitor).collect();
    Ok(Some(View::of_agent(license, agent).incoming_customers(level, &visitors)))
}

/// Those who are known to be connected.
async fn connected(
    shared: &SessionContext,
    license: LicenseId,
    customers: Vec<CustomerId>,
) -> Vec<CustomerId> {
    let asked = customers.into_iter().map(async |customer| {
        let is_connected = is_connected(shared, license, &customer).await.unwrap_or(false);
        is_connected.then_some(customer)
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Whether a customer has a connection to any node.
///
/// # Errors
/// `service_unavailable` where a node does not answer: they may be there.
pub(super) async fn is_connected(
    shared: &SessionContext,
    license: LicenseId,
    customer: &CustomerId,
) -> Result<bool, WireError> {
    if shared.registry.has_customer(license, customer) {
        return Ok(true);
    }
    let call = VisitorsCall { license, groups: None, customer: Some(customer.clone()), limit: 1 };
    let (found, all_answered) = shared.nodes.visitors_everywhere(&call).await;
    if found.total == 0 && !all_answered {
        return Err(WireError::of(ErrorType::ServiceUnavailable));
    }
    Ok(found.total > 0)
}

/// `subscribe_customers` and `unsubscribe_customers` (agents, 3.6).
pub(super) async fn carry_out(
    shared: &SessionContext,
    handle: &SessionHandle,
    who: &Requester,
    method: &'static Method,
    payload: Option<&RawValue>,
) -> Result<String, WireError> {
    who.check(method)?;
    let agent = who.agent().ok_or_else(|| WireError::of(ErrorType::Authorization))?;
    match decode(method, payload)? {
        Request::SubscribeCustomers { groups, limit } => {
            subscribe(shared, handle, &who.license, agent, groups, limit).await
        }
        Request::UnsubscribeCustomers { subscription } => {
            if handle.watching(|watching| watching.unsubscribe(&subscription)) {
                return Ok("{}".to_owned());
            }
            Err(WireError::new(ErrorType::NotFound, "subscription not found"))
        }
        _ => Err(WireError::of(ErrorType::Validation)),
    }
}

/// The subscription stands before the list is made, so that nobody who comes in between is missed.
async fn subscribe(
    shared: &SessionContext,
    handle: &SessionHandle,
    license: &Arc<License>,
    agent: &AgentId,
    groups: Option<Vec<GroupId>>,
    limit: usize,
) -> Result<String, WireError> {
    if groups.iter().flatten().any(|group| !license.has_group(*group)) {
        return Err(WireError::new(ErrorType::NotFound, "group not found"));
    }
    let own = groups_of(license, agent);
    let id = shared.requests.actors().ids().uuid().simple().to_string();
    let subscription = Subscription::new(groups.clone(), limit);
    if !handle.watching(|watching| watching.subscribe(id.clone(), subscription)) {
        let message = format!("at most {MAX_SUBSCRIPTIONS} subscriptions of a connection");
        return Err(WireError::new(ErrorType::LimitReached, message));
    }
    let wanted = groups.unwrap_or_else(|| with_all(own.clone()));
    let call = VisitorsCall { license: license.id, groups: Some(wanted), customer: None, limit };
    let found = shared.nodes.visitors(&call).await.customers;
    let visitors = shared.requests.visitors(license, found).await.inspect_err(|_| {
        handle.watching(|watching| watching.unsubscribe(&id));
    })?;
    let listed = |watched: &Watched| handle.watching(|watching| watching.lists(&id, watched, &own));
    let visitors: Vec<Visitor> =
        visitors.into_iter().filter(|(_, watched)| listed(watched)).map(|(visitor, _)| visitor).collect();
    Ok(View::of_agent(license, agent).subscription(&id, &visitors))
}

/// How many customers there are for each subscription that is full; the payload of
/// `subscribed_customers_totals_updated`. None if none is full.
pub(super) async fn totals(
    shared: &SessionContext,
    handle: &SessionHandle,
    who: &Requester,
) -> Option<String> {
    let own = who.agent().map(|agent| with_all(groups_of(&who.license, agent)))?;
    let full: Vec<(String, Vec<GroupId>)> = handle.watching(|watching| {
        let full = watching.subscriptions().filter(|(_, subscription)| subscription.is_full());
        let named = |groups: Option<&[GroupId]>| groups.map_or_else(|| own.clone(), <[GroupId]>::to_vec);
        full.map(|(id, subscription)| (id.clone(), named(subscription.groups()))).collect()
    });
    let asked = full.into_iter().map(|(id, groups)| async move {
        let license = who.license_id();
        let call = VisitorsCall { license, groups: Some(groups), customer: None, limit: 0 };
        (id, shared.nodes.visitors(&call).await.total.into())
    });
    let totals: serde_json::Map<String, serde_json::Value> = join_all(asked).await.into_iter().collect();
    (!totals.is_empty()).then(|| serde_json::Value::Object(totals).to_string())
}
