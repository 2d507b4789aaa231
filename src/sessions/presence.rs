//! Chats hear whether their customer is connected, to this node or to another.

use super::actor::SessionContext;
use super::watching::is_connected;
use crate::domain::id::{CustomerId, LicenseId};

/// Tells a customer's chats how it is, where their license misses customers, and again until that is still so when they
/// know it: whoever is told of by a connection that comes and by one that goes at the same time may be told of in the
/// wrong order.
pub(super) async fn tell_chats(shared: &SessionContext, license: LicenseId, customer: &CustomerId) {
    if !shared.requests.misses_customers(license) {
        return;
    }
    let mut told = None;
    loop {
        let is_connected = is_connected(shared, license, customer).await;
        if told == Some(is_connected) {
            return;
        }
        shared.requests.customer_presence(license, customer, is_connected).await;
        told = Some(is_connected);
    }
}
