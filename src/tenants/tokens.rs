//! Tokens of agents and bots: made once, shown once, kept as a hash.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dashmap::DashMap;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::cells::{Cells, SERVER, encode_with};
use super::licenses::Licenses;
use super::revocations::{Revocations, Revoked};
use super::scopes::{ScopeSet, UnknownScope};
use super::secret::{Secret, SecretHash};
use crate::domain::id::{AccountId, AgentId, IdSource, LicenseId};
use crate::domain::license::License;
use crate::domain::time::Timestamp;
use crate::store::{CellKey, CellTable, StoreError};

/// Names a token: the hash of its secret.
pub type TokenId = SecretHash;

/// Tokens that are read or written at the same time: some, so that they share the embedded store's syncs; no more, since
/// the names of a license's tokens are one partition of a CQL store, whose conditional writes hold each other up.
const AT_ONCE: usize = 16;

/// Records that are kept in memory; more, and they are read again.
const CACHED: usize = 65_536;

/// How a token is presented, and what it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Personal access token: `Basic base64(account_id:secret)`; the Web API.
    Pat,
    /// Access token: `Bearer secret`; Web API and RTM.
    Bearer,
    /// Access token of a program: `Bearer secret`; the Web API.
    Bot,
}

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Version of this form.
    form: u8,
    /// The tenant.
    pub license: LicenseId,
    /// Whom it speaks for.
    pub agent: AgentId,
    /// How it is presented.
    pub kind: TokenKind,
    /// What it was given; none for all that the agent's role may hold. What the role has lost does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its end; none for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Taken back.
    #[serde(default)]
    pub revoked: bool,
    /// What the operator calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// What a token is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The tenant.
    pub license: LicenseId,
    /// Whom it speaks for.
    pub agent: AgentId,
    /// How it is presented.
    pub kind: TokenKind,
    /// What it allows; none for all that the agent's role may hold.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// How long it is good; none for ever.
    #[serde(default)]
    pub lifetime: Option<Duration>,
    /// What the operator calls it.
    #[serde(default)]
    pub label: String,
}

/// A token that was just made. The secret is nowhere else and never shown again.
#[derive(Debug)]
pub struct MadeToken {
    /// Its name.
    pub id: TokenId,
    /// What is kept of it.
    pub record: TokenRecord,
    /// The secret itself.
    pub secret: Secret,
    /// The account of the agent.
    pub account: AccountId,
}

impl MadeToken {
    /// The text that stands after `Basic ` or `Bearer `.
    pub fn credentials(&self) -> String {
        match self.record.kind {
            TokenKind::Pat => STANDARD.encode(format!("{}:{}", self.account, self.secret.reveal())),
            TokenKind::Bearer | TokenKind::Bot => self.secret.reveal().to_owned(),
        }
    }
}

/// Why a token was not made or taken back.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The license has nobody of that id.
    #[error("license {license} has no agent {agent}")]
    NoAgent {
        /// The tenant.
        license: LicenseId,
        /// Who was named.
        agent: AgentId,
    },
    /// There is none of that number.
    #[error("there is no license {0}")]
    NoLicense(LicenseId),
    /// There is none of that name.
    #[error("there is no such token")]
    NoToken,
    /// A name that is no scope.
    #[error(transparent)]
    UnknownScope(#[from] UnknownScope),
    /// A scope that the agent's role may not hold.
    #[error("the role of {agent} may not hold the scope {scope}")]
    TooStrong {
        /// Whom the token would speak for.
        agent: AgentId,
        /// The scope.
        scope: String,
    },
    /// The store could not.
    #[error("the token could not be read or written")]
    Store(#[from] StoreError),
}

/// Tokens of all licenses.
pub struct Tokens {
    pub(super) cells: Cells,
    pub(super) licenses: Arc<Licenses>,
    ids: Arc<dyn IdSource>,
    revocations: Arc<Revocations>,
    cached: DashMap<TokenId, Arc<TokenRecord>>,
}

impl Tokens {
    pub(super) fn new(
        cells: Cells,
        licenses: Arc<Licenses>,
        ids: Arc<dyn IdSource>,
        revocations: Arc<Revocations>,
    ) -> Self {
        Self { cells, licenses, ids, revocations, cached: DashMap::new() }
    }

    /// Makes a token.
    ///
    /// # Errors
    /// An unknown license, agent or scope, a scope beyond the agent's role, or the store's.
    pub async fn create(&self, new: NewToken, now: Timestamp) -> Result<MadeToken, TokenError> {
        let license = self.licenses.get(new.license).await?.ok_or(TokenError::NoLicense(new.license))?;
        self.create_in(&license, new, now).await
    }

    /// Makes many tokens of one license, all at the same time, so that they share the store's commits.
    pub(super) async fn create_many(
        &self,
        license: &License,
        new: impl IntoIterator<Item = NewToken>,
        now: Timestamp,
    ) -> Result<Vec<MadeToken>, TokenError> {
        let making: Vec<_> = new.into_iter().map(|new| self.create_in(license, new, now)).collect();
        stream::iter(making).buffered(AT_ONCE).try_collect().await
    }

    async fn create_in(
        &self,
        license: &License,
        new: NewToken,
        now: Timestamp,
    ) -> Result<MadeToken, TokenError> {
        let NewToken { agent, kind, scopes, lifetime, label, .. } = new;
        let Some(holder) = license.agent(&agent) else {
            return Err(TokenError::NoAgent { license: license.id, agent });
        };
        let held = ScopeSet::of_role(holder.role);
        for scope in scopes.iter().flatten() {
            if !held.contains(ScopeSet::parse([scope])?) {
                return Err(TokenError::TooStrong { agent, scope: scope.clone() });
            }
        }
        let secret = Secret::draw(&*self.ids);
        let id = secret.hash();
        let record = TokenRecord {
            form: 1,
            license: license.id,
            agent,
            kind,
            scopes: scopes.map(BTreeSet::from_iter),
            created_at: now,
            expires_at: lifetime.map(|lifetime| now.after(lifetime)),
            revoked: false,
            label,
        };
        // The list first: a token that works and stands in no list could not be taken back.
        self.cells.create(&listed_key(license.id, id), &()).await?;
        self.cells.create(&token_key(id), &record).await?;
        Ok(MadeToken { id, record, secret, account: holder.account_id })
    }

    /// The tokens of a license, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, license: LicenseId) -> Result<Vec<(TokenId, TokenRecord)>, StoreError> {
        let listed = self.cells.list(CellTable::LicenseTokens, license, None).await?;
        let ids = listed.into_iter().filter_map(|cell| TokenId::parse(&cell.id));
        let reads: Vec<_> = ids.map(|id| self.read(id)).collect();
        let read: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let mut tokens: Vec<_> = read.into_iter().flatten().collect();
        tokens.sort_by_key(|(id, record)| (record.created_at, *id));
        Ok(tokens)
    }

    /// Takes a token back. Once this returns it is refused everywhere on this node, and its live sessions are
    /// told; other nodes follow within `license.poll_every`.
    ///
    /// # Errors
    /// [`TokenError::NoToken`] if the license has none of that name, or the store's.
    pub async fn revoke(&self, license: LicenseId, id: TokenId, now: Timestamp) -> Result<(), TokenError> {
        let mut is_told = false;
        loop {
            let stored = self.cells.read::<TokenRecord>(&token_key(id)).await?.ok_or(TokenError::NoToken)?;
            if stored.value.license != license {
                return Err(TokenError::NoToken);
            }
            if !is_told {
                // First, so that nodes which have the record in memory learn of it even if we die here.
                let (token, expires_at) = (Revoked::Agent(id), stored.value.expires_at);
                self.revocations.revoke(license, token, expires_at, now).await?;
                is_told = true;
            }
            let unknown = stored.unknown();
            let revoked = encode_with(&TokenRecord { revoked: true, ..stored.value }, &unknown);
            if self.cells.swap(&token_key(id), Some(stored.bytes), Some(revoked)).await? {
                self.cached.remove(&id);
                return Ok(());
            }
        }
    }

    /// Every revocation that this node makes or learns of, of agents' and of customers' tokens. A receiver that
    /// lagged behind has to ask again for each of its sessions.
    pub fn revoked(&self) -> broadcast::Receiver<Revoked> {
        self.revocations.listen()
    }

    async fn read(&self, id: TokenId) -> Result<Option<(TokenId, TokenRecord)>, StoreError> {
        let stored = self.cells.read::<TokenRecord>(&token_key(id)).await?;
        Ok(stored.map(|stored| (id, stored.value)))
    }

    /// The record of a token, from memory where it was read before.
    pub(super) async fn find(&self, id: TokenId) -> Result<Option<Arc<TokenRecord>>, StoreError> {
        if let Some(record) = self.cached.get(&id) {
            return Ok(Some(record.clone()));
        }
        let Some(stored) = self.cells.read::<TokenRecord>(&token_key(id)).await? else { return Ok(None) };
        let record = Arc::new(stored.value);
        if !record.revoked {
            if self.cached.len() >= CACHED {
                self.cached.clear();
            }
            self.cached.insert(id, record.clone());
        }
        Ok(Some(record))
    }

    /// Whether the record of a token is in memory.
    pub(super) fn is_in_memory(&self, id: TokenId) -> bool {
        self.cached.contains_key(&id)
    }

    /// Whether a token was taken back since its record was read.
    pub(super) async fn is_revoked(
        &self,
        license: LicenseId,
        id: TokenId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.revocations.is_revoked(license, Revoked::Agent(id), now).await
    }
}

fn token_key(id: TokenId) -> CellKey {
    CellKey::new(CellTable::Tokens, SERVER, id.to_string())
}

fn listed_key(license: LicenseId, id: TokenId) -> CellKey {
    CellKey::new(CellTable::LicenseTokens, license, id.to_string())
}
