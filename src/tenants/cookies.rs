//! Who a returning customer is: the cookies `__lc_cid` and `__lc_cst`, and what is kept of them.

use serde::{Deserialize, Serialize};

use super::cells::Cells;
use super::secret::{Secret, SecretHash};
use crate::domain::id::{CustomerId, IdSource, LicenseId};
use crate::domain::time::Timestamp;
use crate::store::{CellKey, CellTable, StoreError};

/// Names the customer.
pub const CUSTOMER_COOKIE: &str = "__lc_cid";
/// Proves that it is them.
pub const SECRET_COOKIE: &str = "__lc_cst";

/// Two years, counted anew with every grant.
const COOKIE_SECONDS: u64 = 63_072_000;

/// The pair of cookies that a request brings.
#[derive(Clone, Debug, Default)]
pub struct CustomerCookies {
    /// `__lc_cid`
    pub customer: Option<String>,
    /// `__lc_cst`
    pub secret: Option<String>,
}

/// The pair of cookies that an answer sets.
pub struct GrantedCookies {
    pub(super) customer: CustomerId,
    pub(super) secret: String,
}

impl GrantedCookies {
    /// The two values of `Set-Cookie`. `path` is the front of the customer endpoints' path (`/v2/customer`).
    ///
    /// A page of another site gets them with `SameSite=None`, which browsers take together with `Secure` only;
    /// where the connection is neither TLS nor loopback (`is_secure` is false) they would take neither, so the
    /// cookies then serve pages of the same site.
    pub fn set_cookie_headers(&self, path: &str, is_secure: bool) -> [String; 2] {
        let site = if is_secure { "Secure; SameSite=None" } else { "SameSite=Lax" };
        let attributes = format!("Path={path}; Max-Age={COOKIE_SECONDS}; HttpOnly; {site}");
        [
            format!("{CUSTOMER_COOKIE}={}; {attributes}", self.customer),
            format!("{SECRET_COOKIE}={}; {attributes}", self.secret),
        ]
    }
}

impl std::fmt::Debug for GrantedCookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrantedCookies").field("customer", &self.customer).finish_non_exhaustive()
    }
}

/// What is kept of a customer's identity.
#[derive(Serialize, Deserialize)]
struct Identity {
    form: u8,
    created_at: Timestamp,
    /// Of the secret cookie; none for customers who were made by an agent's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<SecretHash>,
}

/// Makes a customer without cookies.
pub(super) async fn new_customer(
    cells: &Cells,
    ids: &dyn IdSource,
    license: LicenseId,
    now: Timestamp,
) -> Result<CustomerId, StoreError> {
    let customer = CustomerId::new(ids.uuid().to_string());
    let identity = Identity { form: 1, created_at: now, secret: None };
    cells.create(&identity_key(license, &customer), &identity).await?;
    Ok(customer)
}

/// Whether the license has such a customer.
pub(super) async fn exists(
    cells: &Cells,
    license: LicenseId,
    customer: &CustomerId,
) -> Result<bool, StoreError> {
    Ok(cells.read::<Identity>(&identity_key(license, customer)).await?.is_some())
}

/// The customer of the cookies; a new one where there are none, or they prove nothing.
pub(super) async fn recognise(
    cells: &Cells,
    ids: &dyn IdSource,
    license: LicenseId,
    cookies: &CustomerCookies,
    now: Timestamp,
) -> Result<GrantedCookies, StoreError> {
    if let (Some(customer), Some(secret)) = (&cookies.customer, &cookies.secret)
        && let Ok(uuid) = customer.parse::<uuid::Uuid>()
    {
        let customer = CustomerId::new(uuid.to_string());
        let identity = cells.read::<Identity>(&identity_key(license, &customer)).await?;
        let kept = identity.and_then(|identity| identity.value.secret);
        if kept.is_some_and(|kept| kept.is(&SecretHash::of(secret))) {
            return Ok(GrantedCookies { customer, secret: secret.clone() });
        }
    }
    let customer = CustomerId::new(ids.uuid().to_string());
    let secret = Secret::draw(ids);
    let identity = Identity { form: 1, created_at: now, secret: Some(secret.hash()) };
    cells.create(&identity_key(license, &customer), &identity).await?;
    Ok(GrantedCookies { customer, secret: secret.reveal().to_owned() })
}

fn identity_key(license: LicenseId, customer: &CustomerId) -> CellKey {
    CellKey::new(CellTable::Secrets, license, format!("customer/{customer}"))
}
