//! Chats hear whether their customer is connected, to this node or to another.

use std::sync::Arc;

use super::actor::SessionContext;
use super::watching::is_connected;
use crate::actors::again::pauses;
use crate::domain::id::{CustomerId, LicenseId};
use crate::protocol::error::WireError;

/// Tells a customer's chats how it is. Those that cannot be told now are told later: one would wait for somebody who is gone, or
/// give up somebody who is there.
pub(super) async fn tell_chats(shared: &Arc<SessionContext>, license: LicenseId, customer: &CustomerId) {
    let Err(error) = try_tell_chats(shared, license, customer).await else { return };
    tracing::warn!(
        customer.id = %customer, error = error.message,
        "a customer's chats do not know yet whether they are there"
    );
    let (shared, customer) = (shared.clone(), customer.clone());
    tokio::spawn(async move {
        for pause in pauses() {
            tokio::time::sleep(pause).await;
            if try_tell_chats(&shared, license, &customer).await.is_ok() {
                return;
            }
        }
        tracing::warn!(customer.id = %customer, "chats do not get to know whether their customer is there");
    });
}

/// Tells a customer's chats how it is, where their license misses customers, and again until that is still so when they
/// know it: whoever is told of by a connection that comes and by one that goes at the same time may be told of in the
/// wrong order.
pub(super) async fn try_tell_chats(
    shared: &SessionContext,
    license: LicenseId,
    customer: &CustomerId,
) -> Result<(), WireError> {
    if !shared.requests.misses_customers(license) {
        return Ok(());
    }
    let mut told = None;
    loop {
        let is_connected = is_connected(shared, license, customer).await?;
        if told == Some(is_connected) {
            return Ok(());
        }
        shared.requests.customer_presence(license, customer, is_connected).await?;
        told = Some(is_connected);
    }
}
