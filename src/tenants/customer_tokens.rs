//! Tokens of customers: signed by this server, good for 8 hours, stored nowhere.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::cells::{Cells, SERVER};
use super::licenses::Licenses;
use super::revocations::{Revocations, Revoked};
use super::secret::random_256;
use crate::domain::id::{ClientId, CustomerId, IdSource, LicenseId, OrganizationId};
use crate::domain::license::License;
use crate::domain::time::Timestamp;
use crate::store::{CellKey, CellTable, StoreError};

/// How long a customer's token is good.
pub const CUSTOMER_TOKEN_LIFETIME: Duration = Duration::from_secs(28_800);

/// Longer texts are no tokens of ours.
const MAX_TOKEN: usize = 2_048;

/// What the token is for; one that this server signs for another purpose will say something else.
const PURPOSE: &str = "customer";

/// A customer who has shown a good token.
#[derive(Clone, Debug)]
pub struct CustomerIdentity {
    /// The tenant, as of now; follow [`Licenses::changed`](super::Licenses::changed).
    pub license: Arc<License>,
    /// Who.
    pub customer: CustomerId,
    /// The application that asked for the token.
    pub client: ClientId,
    /// Which token; follow [`Tokens::revoked`](super::Tokens::revoked).
    pub token_id: Uuid,
    /// The token's end.
    pub expires_at: Timestamp,
}

/// Why a customer's token is not accepted. All but the last two are `authentication` on the wire.
#[derive(Debug, thiserror::Error)]
pub enum CustomerAuthError {
    /// Not signed by this server, or not for customers.
    #[error("the access token is not known")]
    Forged,
    /// It was good until lately.
    #[error("the access token has expired")]
    Expired,
    /// It was taken back.
    #[error("the access token was revoked")]
    Revoked,
    /// It is another organization's.
    #[error("the access token is of another organization")]
    OtherOrganization,
    /// The license or the application it was made for is gone.
    #[error("the license or the client of the access token is gone")]
    Gone,
    /// The customer is banned. `customer_banned` on the wire.
    #[error("the customer is banned")]
    Banned,
    /// The store could not; nobody knows whether the token is good.
    #[error("the access token could not be checked")]
    Store(#[from] StoreError),
}

/// A token that was just made.
#[derive(Debug)]
pub struct CustomerToken {
    /// The text.
    pub token: String,
    /// Seconds it is good.
    pub expires_in: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    purpose: String,
    license: LicenseId,
    organization: OrganizationId,
    client: ClientId,
    sub: CustomerId,
    jti: Uuid,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
}

/// The server's key, as it stands in the store.
#[derive(Serialize, Deserialize)]
struct SigningKey {
    form: u8,
    hs256: String,
}

struct Keys {
    sign: EncodingKey,
    check: DecodingKey,
}

/// Customers' tokens of all licenses.
pub struct CustomerTokens {
    cells: Cells,
    pub(super) licenses: Arc<Licenses>,
    pub(super) ids: Arc<dyn IdSource>,
    revocations: Arc<Revocations>,
    keys: OnceCell<Keys>,
}

impl CustomerTokens {
    pub(super) fn new(
        cells: Cells,
        licenses: Arc<Licenses>,
        ids: Arc<dyn IdSource>,
        revocations: Arc<Revocations>,
    ) -> Self {
        Self { cells, licenses, ids, revocations, keys: OnceCell::new() }
    }

    /// Makes a token for a customer, good for at most [`CUSTOMER_TOKEN_LIFETIME`].
    ///
    /// # Errors
    /// The store's, where the server's key has to be read first.
    pub async fn issue(
        &self,
        license: &License,
        client: &ClientId,
        customer: &CustomerId,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<CustomerToken, StoreError> {
        let lifetime = lifetime.min(CUSTOMER_TOKEN_LIFETIME);
        let claims = Claims {
            purpose: PURPOSE.to_owned(),
            license: license.id,
            organization: license.organization_id,
            client: client.clone(),
            sub: customer.clone(),
            jti: self.ids.uuid(),
            iat: now.unix_seconds(),
            exp: now.after(lifetime).unix_seconds(),
        };
        let keys = self.keys().await?;
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &keys.sign)
            .expect("claims of plain texts and numbers can be signed");
        Ok(CustomerToken { token, expires_in: lifetime.as_secs() })
    }

    /// Who presents this token, with or without `Bearer `. `organization` is the one that the request names.
    ///
    /// # Errors
    /// Why not; see [`CustomerAuthError`] for what each means on the wire.
    pub async fn verify(
        &self,
        organization: Option<OrganizationId>,
        token: &str,
        now: Timestamp,
    ) -> Result<CustomerIdentity, CustomerAuthError> {
        let claims = self.claims(token).await?;
        if organization.is_some_and(|named| named != claims.organization) {
            return Err(CustomerAuthError::OtherOrganization);
        }
        if claims.exp <= now.unix_seconds() {
            return Err(CustomerAuthError::Expired);
        }
        let license = self.licenses.get(claims.license).await?.ok_or(CustomerAuthError::Gone)?;
        let is_same = license.organization_id == claims.organization;
        if !is_same || !license.clients.contains_key(&claims.client) {
            return Err(CustomerAuthError::Gone);
        }
        if self.revocations.is_revoked(claims.license, Revoked::Customer(claims.jti), now).await? {
            return Err(CustomerAuthError::Revoked);
        }
        if self.revocations.is_banned(claims.license, &claims.sub, now).await? {
            return Err(CustomerAuthError::Banned);
        }
        Ok(CustomerIdentity {
            license,
            customer: claims.sub,
            client: claims.client,
            token_id: claims.jti,
            expires_at: Timestamp(claims.exp.saturating_mul(1_000_000)),
        })
    }

    /// Takes a customer's token back: it is refused from now on, and its live sessions are told.
    ///
    /// # Errors
    /// The store's.
    pub async fn revoke(&self, identity: &CustomerIdentity, now: Timestamp) -> Result<(), StoreError> {
        let token = Revoked::Customer(identity.token_id);
        self.revocations.revoke(identity.license.id, token, Some(identity.expires_at), now).await
    }

    /// Bans a customer: their tokens are refused until then, and their live sessions are told. A later ban takes the
    /// place of an earlier one.
    ///
    /// # Errors
    /// The store's.
    pub async fn ban(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.revocations.ban(license, customer, until, now).await
    }

    async fn claims(&self, token: &str) -> Result<Claims, CustomerAuthError> {
        let token = match token.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
            _ => token,
        };
        if token.len() > MAX_TOKEN {
            return Err(CustomerAuthError::Forged);
        }
        // The algorithm is ours, whatever the token's header says. The end is checked by our own clock.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let keys = self.keys().await?;
        let decoded = jsonwebtoken::decode::<Claims>(token, &keys.check, &validation);
        let claims = decoded.map_err(|_| CustomerAuthError::Forged)?.claims;
        if claims.purpose == PURPOSE { Ok(claims) } else { Err(CustomerAuthError::Forged) }
    }

    /// The server's key, made on first use: of two nodes that make one at the same time the first wins.
    async fn keys(&self) -> Result<&Keys, StoreError> {
        let load = || async {
            let key = CellKey::new(CellTable::Secrets, SERVER, "customer-tokens");
            loop {
                if let Some(stored) = self.cells.read::<SigningKey>(&key).await? {
                    let bytes = URL_SAFE_NO_PAD.decode(&stored.value.hs256).ok().filter(|b| b.len() == 32);
                    let bytes = bytes.ok_or_else(|| StoreError::corrupt("the key of customers' tokens"))?;
                    let sign = EncodingKey::from_secret(&bytes);
                    return Ok(Keys { sign, check: DecodingKey::from_secret(&bytes) });
                }
                let hs256 = URL_SAFE_NO_PAD.encode(random_256(&*self.ids));
                self.cells.create(&key, &SigningKey { form: 1, hs256 }).await?;
            }
        };
        self.keys.get_or_try_init(load).await
    }
}
