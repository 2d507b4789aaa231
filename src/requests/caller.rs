//! Who asks, as the token says.

use std::sync::Arc;

use crate::actors::LicenseSource;
use crate::domain::command::Caller;
use crate::domain::id::{AgentId, ClientId, CustomerId, LicenseId};
use crate::domain::license::{License, Withdrawn};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method::{Method, Scopes};
use crate::protocol::version::Surface;
use crate::tenants::ScopeSet;

/// The sender of a request.
#[derive(Clone, Debug)]
pub struct Requester {
    /// The tenant, as of the start of the request.
    pub license: Arc<License>,
    /// Who.
    pub identity: Identity,
    /// The websocket session it came by; none over HTTP.
    pub session: Option<u64>,
}

/// What a token proves.
#[derive(Clone, Debug)]
pub enum Identity {
    /// An agent or bot, with the token's scopes.
    Agent {
        /// Who.
        id: AgentId,
        /// What the token allows.
        scopes: ScopeSet,
    },
    /// A customer.
    Customer {
        /// Who.
        id: CustomerId,
        /// The application that their token was made for.
        client: ClientId,
    },
}

impl Requester {
    /// Which API they use.
    pub fn surface(&self) -> Surface {
        match self.identity {
            Identity::Agent { .. } => Surface::Agent,
            Identity::Customer { .. } => Surface::Customer,
        }
    }

    /// The tenant's id.
    pub fn license_id(&self) -> LicenseId {
        self.license.id
    }

    /// Refuses agents whose rights were withdrawn since their token was proven.
    ///
    /// # Errors
    /// `requester_suspended`, `requester_awaiting_approval`, or `authentication` for one who is no more.
    pub fn check_standing(&self) -> Result<(), WireError> {
        let Some(id) = self.agent() else { return Ok(()) };
        let agent = self.license.agent(id).ok_or_else(|| WireError::of(ErrorType::Authentication))?;
        match agent.withdrawn() {
            Some(Withdrawn::Suspended) => Err(WireError::of(ErrorType::RequesterSuspended)),
            Some(Withdrawn::AwaitingApproval) => Err(WireError::of(ErrorType::RequesterAwaitingApproval)),
            None => Ok(()),
        }
    }

    /// The same requester with the tenant as it is now; sessions live long, licenses change rarely.
    pub async fn latest(self: Arc<Self>, licenses: &Arc<dyn LicenseSource>) -> Arc<Self> {
        let license = match licenses.known_license(self.license.id) {
            Some(license) => license,
            None => match licenses.license(self.license.id).await {
                Ok(Some(license)) => license,
                _ => return self,
            },
        };
        if Arc::ptr_eq(&license, &self.license) {
            return self;
        }
        Arc::new(Self { license, ..(*self).clone() })
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<&AgentId> {
        match &self.identity {
            Identity::Agent { id, .. } => Some(id),
            Identity::Customer { .. } => None,
        }
    }

    /// The scopes of an agent's token. Customers have none and need none.
    pub fn scopes(&self) -> Option<&ScopeSet> {
        match &self.identity {
            Identity::Agent { scopes, .. } => Some(scopes),
            Identity::Customer { .. } => None,
        }
    }

    /// As the caller of a command that reads.
    pub fn reader(&self) -> Caller {
        self.caller(|scopes| scopes.reach_read())
    }

    /// As the caller of a command that alters.
    pub fn writer(&self) -> Caller {
        self.caller(|scopes| scopes.reach_write())
    }

    fn caller(&self, reach: impl FnOnce(&ScopeSet) -> crate::domain::command::Reach) -> Caller {
        match &self.identity {
            Identity::Agent { id, scopes } => Caller::Agent { id: id.clone(), reach: reach(scopes) },
            Identity::Customer { id, client } => {
                Caller::Customer { id: id.clone(), profile: None, client: Some(client.clone()) }
            }
        }
    }

    /// Refuses agents whose rights were withdrawn since their token was proven, and methods that its scopes do not allow.
    ///
    /// # Errors
    /// `authorization`, and those of [`Self::check_standing`].
    pub fn check(&self, method: &Method) -> Result<(), WireError> {
        self.check_standing()?;
        let Some(scopes) = self.scopes() else { return Ok(()) };
        let fine = match method.scopes {
            Scopes::None | Scopes::PerPushFamily(_) => true,
            Scopes::Any(names) => names.iter().any(|name| scopes.allows(name)),
            Scopes::All(names) => names.iter().all(|name| scopes.allows(name)),
        };
        if fine {
            return Ok(());
        }
        Err(WireError::new(ErrorType::Authorization, "the token lacks the scope for this method"))
    }
}
