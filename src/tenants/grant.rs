//! `POST /v2/customer/token`: a customer's token for cookies, or for an agent's token.
//!
//! The handler of the edge reads the body ([`GrantRequest::parse`]), brings the headers ([`GrantCall`]) and
//! writes the answer; every rule of the grant is here. The grant type `identity_token` is not there yet and is
//! answered with `unsupported_grant_type`.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::authenticate::AuthError;
use super::cells::Cells;
use super::cookies::{self, CustomerCookies, GrantedCookies};
use super::customer_tokens::{CUSTOMER_TOKEN_LIFETIME, CustomerTokens};
use super::origin::Origin;
use super::tokens::{TokenKind, Tokens};
use crate::domain::id::{ClientId, CustomerId, LicenseId, OrganizationId};
use crate::domain::license::{Client, License};
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// The scope with which an agent's token may make customers' tokens.
const MINTING_SCOPE: &str = "customers:own";

/// The body of the request. Fields that we do not know are ignored, as OAuth wants it.
#[derive(Clone, Debug, Default, Deserialize)]
#[expect(missing_docs, reason = "the names and meanings are the protocol's")]
pub struct GrantRequest {
    #[serde(default)]
    pub grant_type: Option<String>,
    #[serde(default)]
    pub client_id: Option<String>,
    #[serde(default)]
    pub response_type: Option<String>,
    #[serde(default)]
    pub organization_id: Option<String>,
    /// The older spelling of `organization_id`, version 1 of the endpoint.
    #[serde(default)]
    pub license_id: Option<i64>,
    #[serde(default)]
    pub redirect_uri: Option<String>,
    #[serde(default)]
    pub entity_id: Option<String>,
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// What comes with the body.
#[derive(Clone, Copy, Debug)]
pub struct GrantCall<'a> {
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// The customer's cookies.
    pub cookies: &'a CustomerCookies,
    /// The header `Origin`.
    pub origin: Option<&'a str>,
    /// The origin under which the server itself is reached.
    pub own_origin: &'a Origin,
    /// The moment.
    pub now: Timestamp,
}

/// The body of the answer, and the cookies that go with it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names and meanings are the protocol's")]
pub struct Grant {
    pub access_token: String,
    pub client_id: ClientId,
    pub entity_id: CustomerId,
    pub expires_in: u64,
    pub token_type: &'static str,
    pub organization_id: OrganizationId,
    /// To be set; only the cookie grant has them.
    #[serde(skip)]
    pub cookies: Option<GrantedCookies>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The body is no JSON object, or a field has the wrong type.
    #[error("the body is not a JSON object with the fields of this grant")]
    NotUnderstood,
    /// A field is missing or wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The grant type is not one of this server's.
    #[error("grant_type: must be cookie or agent_token")]
    UnsupportedGrantType,
    /// No such license or client. Which of them is not told, so that nobody learns what there is.
    #[error("there is no such client in that organization")]
    UnknownClient,
    /// The page may not use the client.
    #[error("the client may not be used from this origin")]
    OriginNotAllowed,
    /// The agent's token is not good.
    #[error("the access token is missing, malformed, unknown, expired or revoked")]
    AgentToken(#[source] Option<AuthError>),
    /// The agent's token may not do that.
    #[error("the access token lacks the scope customers:own")]
    MissingScope,
    /// There is no customer of that id.
    #[error("entity_id: there is no such customer")]
    UnknownCustomer,
    /// The store could not.
    #[error("the server cannot reach its store now; try again")]
    Store(#[from] StoreError),
}

/// The error's shape on the wire.
#[derive(Debug, Serialize)]
struct GrantErrorBody {
    oauth_exception: &'static str,
    exception_description: String,
}

impl GrantRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`GrantError::NotUnderstood`]
    pub fn parse(body: &[u8]) -> Result<Self, GrantError> {
        // An array would be taken for the fields in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(GrantError::NotUnderstood);
        }
        serde_json::from_slice(body).map_err(|_| GrantError::NotUnderstood)
    }
}

impl GrantError {
    /// The status of the answer.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::NotUnderstood | Self::Invalid { .. } | Self::UnsupportedGrantType => 400,
            Self::UnknownClient | Self::AgentToken(_) => 401,
            Self::OriginNotAllowed | Self::MissingScope => 403,
            Self::UnknownCustomer => 404,
            Self::Store(_) => 503,
        }
    }

    /// The word for it on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUnderstood => "bad_request",
            Self::Invalid { .. } => "invalid_request",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnknownClient => "unauthorized_client",
            Self::OriginNotAllowed | Self::MissingScope => "access_denied",
            Self::AgentToken(_) => "invalid_grant",
            Self::UnknownCustomer => "resource_not_found",
            Self::Store(_) => "temporarily_unavailable",
        }
    }

    /// The body of the answer.
    pub fn body(&self) -> impl Serialize + use<> {
        GrantErrorBody { oauth_exception: self.code(), exception_description: self.to_string() }
    }
}

/// Grants customers' tokens.
pub struct Grants {
    cells: Cells,
    tokens: Arc<Tokens>,
    customers: Arc<CustomerTokens>,
}

impl Grants {
    pub(super) fn new(cells: Cells, tokens: Arc<Tokens>, customers: Arc<CustomerTokens>) -> Self {
        Self { cells, tokens, customers }
    }

    /// Answers the request.
    ///
    /// # Errors
    /// Every way to say no; [`GrantError::http_status`] and [`GrantError::body`] are the answer then.
    pub async fn grant(&self, request: GrantRequest, call: GrantCall<'_>) -> Result<Grant, GrantError> {
        if request.response_type.as_deref().is_some_and(|kind| kind != "token") {
            return Err(GrantError::Invalid { field: "response_type", problem: "must be token" });
        }
        match request.grant_type.as_deref() {
            None => Err(GrantError::Invalid { field: "grant_type", problem: "is required" }),
            Some("cookie") => self.by_cookie(request, call).await,
            Some("agent_token") => self.by_agent_token(request, call).await,
            Some(_) => Err(GrantError::UnsupportedGrantType),
        }
    }

    async fn by_cookie(&self, request: GrantRequest, call: GrantCall<'_>) -> Result<Grant, GrantError> {
        let client_id = client_id(&request)?;
        let license = self.named_license(&request).await?;
        let license = license.ok_or(match (&request.organization_id, request.license_id) {
            (None, None) => GrantError::Invalid { field: "organization_id", problem: "is required" },
            _ => GrantError::UnknownClient,
        })?;
        let client = license.clients.get(&client_id).ok_or(GrantError::UnknownClient)?;
        check_origin(client, &request, call)?;
        let cookies =
            cookies::recognise(&self.cells, &*self.customers.ids, license.id, call.cookies, call.now).await?;
        let customer = cookies.customer.clone();
        let grant = self.issue(&license, client_id, customer, &request, call.now).await?;
        Ok(Grant { cookies: Some(cookies), ..grant })
    }

    async fn by_agent_token(&self, request: GrantRequest, call: GrantCall<'_>) -> Result<Grant, GrantError> {
        let client_id = client_id(&request)?;
        let header = call.authorization.ok_or(GrantError::AgentToken(None))?;
        let agent = match self.tokens.authenticate(header, call.now).await {
            Err(AuthError::Store(error)) => return Err(GrantError::Store(error)),
            Err(error) => return Err(GrantError::AgentToken(Some(error))),
            Ok(agent) if agent.kind == TokenKind::Pat => return Err(GrantError::AgentToken(None)),
            Ok(agent) => agent,
        };
        if !agent.scopes.allows(MINTING_SCOPE) {
            return Err(GrantError::MissingScope);
        }
        let license = agent.license;
        let is_named = request.organization_id.is_some() || request.license_id.is_some();
        let named = self.named_license(&request).await?.map(|license| license.id);
        if is_named && named != Some(license.id) {
            return Err(GrantError::UnknownClient);
        }
        let client = license.clients.get(&client_id).ok_or(GrantError::UnknownClient)?;
        check_origin(client, &request, call)?;
        let customer = match &request.entity_id {
            None => cookies::new_customer(&self.cells, &*self.customers.ids, license.id, call.now).await?,
            Some(id) => {
                let problem = GrantError::Invalid { field: "entity_id", problem: "must be a UUID" };
                let id = CustomerId::new(id.parse::<Uuid>().map_err(|_| problem)?.to_string());
                if !cookies::exists(&self.cells, license.id, &id).await? {
                    return Err(GrantError::UnknownCustomer);
                }
                id
            }
        };
        self.issue(&license, client_id, customer, &request, call.now).await
    }

    async fn issue(
        &self,
        license: &License,
        client_id: ClientId,
        customer: CustomerId,
        request: &GrantRequest,
        now: Timestamp,
    ) -> Result<Grant, GrantError> {
        let lifetime = match request.expires_in {
            Some(0) => return Err(GrantError::Invalid { field: "expires_in", problem: "must be above 0" }),
            Some(seconds) => Duration::from_secs(seconds),
            None => CUSTOMER_TOKEN_LIFETIME,
        };
        let made = self.customers.issue(license, &client_id, &customer, lifetime, now).await?;
        Ok(Grant {
            access_token: made.token,
            client_id,
            entity_id: customer,
            expires_in: made.expires_in,
            token_type: "Bearer",
            organization_id: license.organization_id,
            cookies: None,
        })
    }

    /// The license that the request names by its organization or, in the older spelling, by its number.
    async fn named_license(&self, request: &GrantRequest) -> Result<Option<Arc<License>>, GrantError> {
        let licenses = &self.customers.licenses;
        if let Some(organization) = &request.organization_id {
            let problem = GrantError::Invalid { field: "organization_id", problem: "must be a UUID" };
            let organization = OrganizationId(organization.parse().map_err(|_| problem)?);
            return Ok(licenses.get_by_organization(organization).await?);
        }
        match request.license_id {
            Some(id) => Ok(licenses.get(LicenseId(id)).await?),
            None => Ok(None),
        }
    }
}

fn client_id(request: &GrantRequest) -> Result<ClientId, GrantError> {
    let id = request.client_id.as_deref();
    id.map(ClientId::new).ok_or(GrantError::Invalid { field: "client_id", problem: "is required" })
}

/// A browser always says from where a page asks; who sends no `Origin` is no browser and could say anything, so
/// nothing is won by refusing it. A redirect URI has to be the client's in any case.
fn check_origin(client: &Client, request: &GrantRequest, call: GrantCall<'_>) -> Result<(), GrantError> {
    let is_allowed = |origin: Option<Origin>| origin.is_some_and(|o| o.is_allowed(client, call.own_origin));
    if call.origin.is_some_and(|origin| !is_allowed(Origin::parse(origin))) {
        return Err(GrantError::OriginNotAllowed);
    }
    if let Some(uri) = &request.redirect_uri
        && !is_allowed(Origin::of_redirect_uri(uri))
    {
        let problem = "must be at an origin that is registered with the client";
        return Err(GrantError::Invalid { field: "redirect_uri", problem });
    }
    Ok(())
}
