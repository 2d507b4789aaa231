//! Who stands behind an `Authorization` header of the agents' side.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq as _;

use super::scopes::ScopeSet;
use super::secret::SecretHash;
use super::tokens::{TokenId, TokenKind, TokenRecord, Tokens};
use crate::domain::id::AgentId;
use crate::domain::license::{License, Role, Withdrawn};
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// Longer headers are not looked at.
const MAX_HEADER: usize = 4_096;

/// Standard base64, with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An agent or bot who has shown a good token.
#[derive(Clone, Debug)]
pub struct AgentIdentity {
    /// The tenant, as of now; follow [`Licenses::changed`](super::Licenses::changed).
    pub license: Arc<License>,
    /// Who.
    pub agent: AgentId,
    /// What the token allows, and the agent's role still does.
    pub scopes: ScopeSet,
    /// Which token; follow [`Tokens::revoked`].
    pub token_id: TokenId,
    /// How it was presented. Personal access tokens and bots' tokens open the Web API only.
    pub kind: TokenKind,
    /// The token's end; none for never.
    pub expires_at: Option<Timestamp>,
}

/// Why somebody is not let in. All but the last three are `authentication` on the wire.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Not `Bearer <token>`, nor `Basic base64(<account_id>:<token>)`.
    #[error("the authorization is malformed")]
    Malformed,
    /// No such token, or one of the other scheme.
    #[error("the access token is not known")]
    Unknown,
    /// It was good until lately.
    #[error("the access token has expired")]
    Expired,
    /// It was taken back.
    #[error("the access token was revoked")]
    Revoked,
    /// The agent's rights are withdrawn: `requester_suspended`.
    #[error("the requester is suspended")]
    Suspended,
    /// The owner has not let the agent in yet: `requester_awaiting_approval`.
    #[error("the requester awaits approval")]
    AwaitingApproval,
    /// The store could not; nobody knows whether the token is good.
    #[error("the access token could not be checked")]
    Store(#[from] StoreError),
}

/// What a header presents.
enum Presented<'a> {
    Bearer(&'a str),
    Basic { account: String, secret: String },
}

impl Tokens {
    /// Whether it takes a look at the store to know who presents this header: nobody has shown that token here lately, or it is
    /// none.
    pub fn is_unseen(&self, header: &str) -> bool {
        Presented::parse(header).is_some_and(|presented| !self.is_in_memory(presented.token_id()))
    }

    /// Who presents this header, or this `token` of a login: `Bearer <token>`, `Basic base64(account:secret)`,
    /// or the bare token.
    ///
    /// # Errors
    /// Why not; see [`AuthError`] for what each means on the wire.
    pub async fn authenticate(&self, header: &str, now: Timestamp) -> Result<AgentIdentity, AuthError> {
        let presented = Presented::parse(header).ok_or(AuthError::Malformed)?;
        let token_id = presented.token_id();
        let record = self.find(token_id).await?.ok_or(AuthError::Unknown)?;
        let license = self.licenses.get(record.license).await?.ok_or(AuthError::Unknown)?;
        let agent = license.agent(&record.agent).ok_or(AuthError::Unknown)?;
        if !presented.fits(&record, &agent.account_id.to_string()) {
            return Err(AuthError::Unknown);
        }
        if record.revoked || self.is_revoked(record.license, token_id, now).await? {
            return Err(AuthError::Revoked);
        }
        if record.expires_at.is_some_and(|end| end <= now) {
            return Err(AuthError::Expired);
        }
        match agent.withdrawn() {
            Some(Withdrawn::Suspended) => return Err(AuthError::Suspended),
            Some(Withdrawn::AwaitingApproval) => return Err(AuthError::AwaitingApproval),
            None => {}
        }
        let scopes = record.scopes_under(agent.role);
        Ok(AgentIdentity {
            agent: record.agent.clone(),
            scopes,
            token_id,
            kind: record.kind,
            expires_at: record.expires_at,
            license,
        })
    }
}

impl TokenRecord {
    /// What the token allows while its agent has this role.
    fn scopes_under(&self, role: Role) -> ScopeSet {
        let held = ScopeSet::of_role(role);
        let Some(given) = &self.scopes else { return held };
        // A scope that this build does not know any more allows nothing.
        let given = given.iter().filter_map(|scope| ScopeSet::parse([scope]).ok());
        given.fold(ScopeSet::default(), ScopeSet::union).intersection(held)
    }
}

impl<'a> Presented<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        if header.is_empty() || header.len() > MAX_HEADER {
            return None;
        }
        let Some((scheme, rest)) = header.split_once(' ') else {
            return Some(Self::Bearer(header));
        };
        let rest = rest.trim_matches(' ');
        if rest.is_empty() || rest.contains(' ') {
            return None;
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Bearer(rest));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(BASE64.decode(rest).ok()?).ok()?;
        // The first colon parts them; a secret may hold more of them.
        let (account, secret) = text.split_once(':')?;
        Some(Self::Basic { account: account.to_owned(), secret: secret.to_owned() })
    }

    fn token_id(&self) -> TokenId {
        SecretHash::of(match self {
            Self::Bearer(secret) => secret,
            Self::Basic { secret, .. } => secret,
        })
    }

    /// Is the token of the kind that is presented so, and the account the right one?
    fn fits(&self, record: &TokenRecord, account_of_agent: &str) -> bool {
        match self {
            Self::Bearer(_) => matches!(record.kind, TokenKind::Bearer | TokenKind::Bot),
            Self::Basic { account, .. } => {
                let same_account = account.as_bytes().ct_eq(account_of_agent.as_bytes());
                record.kind == TokenKind::Pat && bool::from(same_account)
            }
        }
    }
}
