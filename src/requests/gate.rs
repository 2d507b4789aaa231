//! Who is let in: tokens proven, refusals in the protocol's words.

use std::sync::Arc;

use crate::domain::id::{LicenseId, OrganizationId};
use crate::domain::license::License;
use crate::domain::time::Timestamp;
use crate::protocol::error::{ErrorType, WireError};
use crate::store::StoreError;
use crate::tenants::{
    AgentIdentity, AuthError, CustomerAuthError, CustomerIdentity, CustomerTokens, Licenses, Tokens,
};

use super::error::of_store;

/// Proves tokens.
#[derive(Clone)]
pub struct Gate {
    /// Tenants.
    pub licenses: Arc<Licenses>,
    /// Agents' tokens.
    pub tokens: Arc<Tokens>,
    /// Customers' tokens.
    pub customer_tokens: Arc<CustomerTokens>,
}

impl Gate {
    /// The agent or bot behind an `Authorization` header or a login's `token`.
    ///
    /// # Errors
    /// `authentication`, `requester_suspended`, `requester_awaiting_approval`, or the store's.
    pub async fn agent(&self, token: &str, now: Timestamp) -> Result<AgentIdentity, WireError> {
        self.tokens.authenticate(token, now).await.map_err(|error| match error {
            AuthError::Suspended => WireError::of(ErrorType::RequesterSuspended),
            AuthError::AwaitingApproval => WireError::of(ErrorType::RequesterAwaitingApproval),
            AuthError::Store(error) => of_store(&error),
            refused => WireError::new(ErrorType::Authentication, refused.to_string()),
        })
    }

    /// The customer behind a token, in the organization that the request names.
    ///
    /// # Errors
    /// `authentication`, or the store's.
    pub async fn customer(
        &self,
        organization: Option<OrganizationId>,
        token: &str,
        now: Timestamp,
    ) -> Result<CustomerIdentity, WireError> {
        self.customer_tokens.verify(organization, token, now).await.map_err(|error| match error {
            CustomerAuthError::Banned => WireError::of(ErrorType::CustomerBanned),
            CustomerAuthError::Store(error) => of_store(&error),
            refused => WireError::new(ErrorType::Authentication, refused.to_string()),
        })
    }

    /// The license of an organization.
    ///
    /// # Errors
    /// `license_not_found`, or the store's.
    pub async fn license_of(&self, organization: OrganizationId) -> Result<Arc<License>, WireError> {
        found(self.licenses.get_by_organization(organization).await)
    }

    /// The license of a number.
    ///
    /// # Errors
    /// `license_not_found`, or the store's.
    pub async fn license(&self, id: LicenseId) -> Result<Arc<License>, WireError> {
        found(self.licenses.get(id).await)
    }
}

fn found(read: Result<Option<Arc<License>>, StoreError>) -> Result<Arc<License>, WireError> {
    read.map_err(|error| of_store(&error))?.ok_or_else(|| WireError::of(ErrorType::LicenseNotFound))
}
