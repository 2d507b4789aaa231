//! Tenants: licenses, agents' tokens, customers' tokens. All of it lies in the store's cells.
//!
//! The cast:
//!
//! - [`Licenses`] looks licenses up, makes and changes them, and tells who listens of every change.
//! - [`Tokens`] makes, lists, takes back and checks agents' and bots' tokens; [`ScopeSet`] is what one allows.
//! - [`CustomerTokens`] signs and checks customers' tokens; [`Grants`] is the endpoint that gives them out.
//! - [`Tenants`] is all of them over one store; [`Tenants::follow`] keeps them up to date with other nodes.
//! - [`make_license()`] makes a license with agents and their tokens, as the demo and the operator want it.
//!
//! Secrets are shown once, when they are made. Only hashes are stored, and no secret has a `Debug` that shows it.

mod authenticate;
mod cells;
mod changes;
mod cookies;
mod credentials;
mod customer_tokens;
mod grant;
mod license_record;
mod licenses;
mod make_license;
mod origin;
mod revocations;
mod scope_table;
mod scopes;
mod secret;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::domain::id::{CustomerId, IdSource, LicenseId};
use crate::domain::time::Clock;
use crate::store::{CasTables, StoreError};

pub use authenticate::{AgentIdentity, AuthError};
pub use changes::LicenseChange;
pub use cookies::{CUSTOMER_COOKIE, CustomerCookies, GrantedCookies, SECRET_COOKIE};
pub use credentials::{AgentCredentials, Credentials};
pub use customer_tokens::{
    CUSTOMER_TOKEN_LIFETIME, CustomerAuthError, CustomerIdentity, CustomerToken, CustomerTokens,
};
pub use grant::{Grant, GrantCall, GrantError, GrantRequest, Grants};
pub use licenses::{Licenses, NewLicense, UpdateError};
pub use make_license::{DemoError, LicensePlan, MAX_NEW_AGENTS, make_demo_license, make_license};
pub use origin::Origin;
pub use revocations::Revoked;
pub use scopes::{ScopeSet, UnknownScope};
pub use secret::{Secret, SecretHash};
pub use tokens::{MadeToken, NewToken, TokenError, TokenId, TokenKind, TokenRecord, Tokens};

use cells::Cells;
use revocations::Revocations;

/// Everything about tenants over one store. Cheap to clone.
#[derive(Clone)]
pub struct Tenants {
    /// Licenses.
    pub licenses: Arc<Licenses>,
    /// Agents' and bots' tokens.
    pub tokens: Arc<Tokens>,
    /// Customers' tokens.
    pub customer_tokens: Arc<CustomerTokens>,
    /// The endpoint that gives customers' tokens out.
    pub grants: Arc<Grants>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where new ids and secrets come from.
    pub ids: Arc<dyn IdSource>,
    revocations: Arc<Revocations>,
}

impl Tenants {
    /// Over a store. Reads nothing yet.
    pub fn new(store: Arc<dyn CasTables>, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        let cells = Cells(store.clone());
        let licenses = Arc::new(Licenses::new(store, ids.clone()));
        let revocations = Arc::new(Revocations::new(cells.clone()));
        let tokens = Arc::new(Tokens::new(cells.clone(), licenses.clone(), ids.clone(), revocations.clone()));
        let customer_tokens =
            Arc::new(CustomerTokens::new(cells.clone(), licenses.clone(), ids.clone(), revocations.clone()));
        let grants = Arc::new(Grants::new(cells, tokens.clone(), customer_tokens.clone()));
        Self { licenses, tokens, customer_tokens, grants, clock, ids, revocations }
    }

    /// Looks once for what other nodes changed.
    ///
    /// # Errors
    /// The store's; what was looked at before stands.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.licenses.refresh().await?;
        for license in self.licenses.in_use() {
            self.revocations.refresh(license, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Looks once for tokens of a license that other nodes took back.
    ///
    /// # Errors
    /// The store's.
    pub async fn refresh_revocations(&self, license: LicenseId) -> Result<(), StoreError> {
        self.revocations.refresh(license, self.clock.now()).await
    }

    /// Whether something is taken back, as far as this node knows: a token, or all of a customer who is banned.
    ///
    /// # Errors
    /// The store's.
    pub async fn is_revoked(&self, license: LicenseId, what: Revoked) -> Result<bool, StoreError> {
        let now = self.clock.now();
        match what {
            Revoked::Banned(_, customer) => {
                self.revocations.is_banned(license, &CustomerId::new(customer.to_string()), now).await
            }
            Revoked::Agent(_) | Revoked::Customer(_) => self.revocations.is_revoked(license, what, now).await,
        }
    }

    /// The licenses of which this node takes tokens back, each time.
    pub fn revoked_here(&self) -> broadcast::Receiver<LicenseId> {
        self.revocations.made()
    }

    /// Looks again and again, for ever. Needed where several processes write to one store (CQL); on the embedded
    /// store this process is the only writer and knows of every change at once.
    pub async fn follow(&self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "cannot look for changes of licenses now");
            }
        }
    }
}

#[cfg(test)]
mod tests;
