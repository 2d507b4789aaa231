//! Customers whose node died: nobody closed their connections, so whoever watches them finds out that they are gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};

use super::actor::SessionContext;
use super::presence;
use crate::domain::id::CustomerId;
use crate::domain::license::License;
use crate::nodes::VisitorsCall;
use crate::protocol::error::{ErrorType, WireError};
use crate::requests::{Identity, Requester};
use crate::tenants::ScopeSet;

/// Customers who are looked for at the same time.
const AT_ONCE: usize = 16;
/// How often it is tried to find out what became of a customer, and the pause in between.
const ATTEMPTS: usize = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// Looks after the customers of nodes that are no more, for ever. Each node does it for those whom its own agents watch or chat
/// with, and that of a license's router for all whom its chats wait for; that they left is told once.
pub async fn follow(shared: Arc<SessionContext>) {
    loop {
        let licenses = shared.registry.take_orphaned().await;
        // As long as after any connection that is closed: they come back to another node.
        tokio::time::sleep(shared.settings.customer_left_after).await;
        for license in licenses {
            if let Some(license) = shared.requests.actors().licenses().known_license(license) {
                look_after(&shared, &license).await;
            }
        }
    }
}

async fn look_after(shared: &SessionContext, license: &Arc<License>) {
    let watched = watched(shared, license).await;
    settle_all(shared, license, &watched).await;
    if shared.requests.misses_customers(license.id) {
        let awaited = awaited(shared, license).await;
        settle_all(shared, license, awaited.difference(&watched)).await;
    }
}

async fn settle_all(
    shared: &SessionContext,
    license: &Arc<License>,
    customers: impl IntoIterator<Item = &CustomerId>,
) {
    let looks = stream::iter(customers).map(|customer| async move {
        for _ in 0..ATTEMPTS {
            match settle(shared, license, customer).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(customer.id = %customer, error = error.message, "looked for later")
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        tracing::warn!(customer.id = %customer, "nobody was told whether a customer left with their node");
    });
    looks.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Those whom the agents of this node follow, and those in their chats.
async fn watched(shared: &SessionContext, license: &Arc<License>) -> BTreeSet<CustomerId> {
    let (agents, mut customers) = shared.registry.watchers(license.id);
    for id in agents {
        let identity = Identity::Agent { id, scopes: ScopeSet::default() };
        let who = Requester { license: license.clone(), identity, session: None };
        match shared.requests.own_customers(&who).await {
            Ok(own) => customers.extend(own),
            Err(error) => tracing::warn!(
                license.id = %license.id, error = error.message, "an agent may not be told that a customer left"
            ),
        }
    }
    customers
}

/// Those whom chats wait for that no agent here is in: nobody may have them yet. The router, and its chats, may be on their way
/// from the node that died.
async fn awaited(shared: &SessionContext, license: &Arc<License>) -> BTreeSet<CustomerId> {
    for _ in 0..ATTEMPTS {
        match shared.requests.awaited_customers(license.id).await {
            Ok(customers) => return customers.into_iter().collect(),
            Err(error) => tracing::debug!(license.id = %license.id, error = error.message, "asked later"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::warn!(license.id = %license.id, "chats may wait for customers who left with their node");
    BTreeSet::new()
}

/// Has it told if a customer is connected to no node. As long as one does not answer, they may be there; and the chats of the
/// node that died may be on their way to another.
async fn settle(
    shared: &SessionContext,
    license: &Arc<License>,
    customer: &CustomerId,
) -> Result<(), WireError> {
    let call = VisitorsCall { license: license.id, groups: None, customer: Some(customer.clone()), limit: 1 };
    let (found, all_answered) = shared.nodes.visitors_everywhere(&call).await;
    if found.total > 0 {
        return Ok(());
    }
    if !all_answered {
        return Err(WireError::of(ErrorType::ServiceUnavailable));
    }
    presence::tell_chats(shared, license.id, customer).await;
    shared.requests.customer_left(license, customer).await
}
