//! Customers whose node died: nobody closed their connections, so others find out that they are gone.
//!
//! Each node looks for those whom its own agents watch or chat with, when another node has died. For those whom chats wait for
//! it is the license's router that has it looked, by the node that it is on: when a node has died, and when the router begins,
//! since the one before it may have died with them, whoever has known of that.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::actor::SessionContext;
use super::presence;
use super::watching::is_connected;
use crate::actors::again::pauses;
use crate::actors::pending::PendingLicenses;
use crate::domain::id::{CustomerId, LicenseId};
use crate::domain::license::License;
use crate::protocol::error::{ErrorType, WireError};
use crate::requests::{Identity, Requester};
use crate::tenants::ScopeSet;

/// Steps that are taken at the same time.
const AT_ONCE: usize = 16;

/// Looks after the customers of nodes that are no more, for ever; that they left is told once.
pub async fn follow(shared: Arc<SessionContext>) {
    let lookout = Arc::new(Lookout { shared: shared.clone(), places: Semaphore::new(AT_ONCE) });
    let watched = each(&shared.registry.orphaned, &lookout, Lookout::look_for_watched);
    let awaited = each(&shared.requests.actors().in_doubt, &lookout, Lookout::look_for_awaited);
    tokio::join!(watched, awaited);
}

/// Looks into each license that is pending, now and later.
async fn each(
    pending: &PendingLicenses,
    lookout: &Arc<Lookout>,
    look: impl AsyncFn(&Lookout, LicenseId) + Copy + 'static,
) {
    loop {
        let licenses = pending.take().await;
        let lookout = lookout.clone();
        actix_rt::spawn(async move {
            // As long as after any connection that is closed: they come back to another node.
            tokio::time::sleep(lookout.shared.settings.customer_left_after).await;
            join_all(licenses.into_iter().map(|license| look(&lookout, license))).await;
        });
    }
}

/// What it takes to look.
struct Lookout {
    shared: Arc<SessionContext>,
    places: Semaphore,
}

impl Lookout {
    /// Those whom the agents of this node follow, and those in their chats. No agent of a license that is not known here is here.
    async fn look_for_watched(&self, license: LicenseId) {
        let Some(license) = self.shared.requests.actors().licenses().known_license(license) else { return };
        let (agents, followed) = self.shared.registry.watchers(license.id);
        let own = agents.into_iter().map(async |id| {
            let identity = Identity::Agent { id, scopes: ScopeSet::default() };
            let who = Requester { license: license.clone(), identity, session: None };
            let ask = async || self.shared.requests.own_customers(&who).await;
            let customers = self.persist("an agent's chats", ask).await.unwrap_or_default();
            self.settle_all(&license, &customers).await;
        });
        tokio::join!(self.settle_all(&license, &followed), join_all(own));
    }

    /// Those whom chats of the license wait for, with whatever agent or none, if this node has the router.
    async fn look_for_awaited(&self, license: LicenseId) {
        let requests = &self.shared.requests;
        let read = async || {
            let found = requests.actors().licenses().license(license).await;
            found.map_err(|_| WireError::of(ErrorType::ServiceUnavailable))
        };
        let Some(Some(license)) = self.persist("a license", read).await else { return };
        if !requests.misses_customers(license.id) {
            return;
        }
        let ask = async || requests.awaiting_chats(license.id).await;
        let chats = self.persist("the chats that wait", ask).await.unwrap_or_default();
        // One that cannot be read keeps none of the others.
        let looks = chats.into_iter().map(async |chat| {
            let read = async || requests.customer_of(license.id, chat.clone()).await;
            let customer = self.persist("the customer of a chat", read).await.flatten();
            self.settle_all(&license, &customer).await;
        });
        join_all(looks).await;
    }

    /// Finds out of each whether they are there, whoever else does so.
    async fn settle_all<'a>(
        &self,
        license: &Arc<License>,
        customers: impl IntoIterator<Item = &'a CustomerId>,
    ) {
        let looks = customers.into_iter().map(async |customer| {
            self.persist("whether a customer is there", async || self.settle(license, customer).await).await;
        });
        join_all(looks).await;
    }

    /// Takes a step until it is done: the router, and its chats, may be on their way from the node that died.
    async fn persist<T>(&self, what: &str, step: impl AsyncFn() -> Result<T, WireError>) -> Option<T> {
        for pause in pauses() {
            let place = self.places.acquire().await;
            match step().await {
                Ok(done) => return Some(done),
                Err(error) => tracing::debug!(what, error = error.message, "looked for later"),
            }
            drop(place);
            tokio::time::sleep(pause).await;
        }
        tracing::warn!(what, "could not be found: chats may wait for customers who left with their node");
        None
    }

    /// Has it told if a customer is connected to no node. As long as one does not answer, they may be there.
    async fn settle(&self, license: &Arc<License>, customer: &CustomerId) -> Result<(), WireError> {
        let shared = &self.shared;
        if is_connected(shared, license.id, customer).await? {
            return Ok(());
        }
        if !shared.requests.has_visited(license.id, customer).await? {
            return Ok(());
        }
        presence::try_tell_chats(shared, license.id, customer).await?;
        shared.requests.customer_left(license, customer).await
    }
}
