//! Chats hear whether their customer is connected, to this node or to another.

use super::actor::SessionContext;
use super::watching::is_connected;
use crate::domain::id::{CustomerId, LicenseId};
use crate::protocol::error::WireError;

/// Tells a customer's chats how it is. One that cannot be told now is told by the customer's next connection or its end.
pub(super) async fn tell_chats(shared: &SessionContext, license: LicenseId, customer: &CustomerId) {
    if let Err(error) = try_tell_chats(shared, license, customer).await {
        let error = error.message;
        tracing::warn!(customer.id = %customer, error, "a customer's chats do not know whether they are there");
    }
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
        let is_connected = is_connected(shared, license, customer).await;
        if told == Some(is_connected) {
            return Ok(());
        }
        shared.requests.customer_presence(license, customer, is_connected).await?;
        told = Some(is_connected);
    }
}
