//! What is no longer good before its time: agents' and customers' tokens.
//!
//! Each revocation is a cell of the license, named by its moment, so that a follower has to look at the newest
//! only. Live sessions listen ([`Revocations::listen`]); [`CustomerTokens`](super::CustomerTokens) also asks
//! before it accepts a token, since a customer's token proves itself and is stored nowhere.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use uuid::Uuid;

use super::cells::Cells;
use super::secret::SecretHash;
use crate::domain::id::{CustomerId, LicenseId};
use crate::domain::time::Timestamp;
use crate::store::{CellKey, CellTable, StoreError};

/// How far clocks of nodes, or the order of two writes, may differ from the order of the names.
const OVERLAP: Duration = Duration::from_secs(120);

/// Revocations that a slow listener may be behind.
const KEPT: usize = 4_096;

/// A token that is no longer good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// An agent's or bot's token.
    Agent(SecretHash),
    /// A customer's token, by its `jti`.
    Customer(Uuid),
    /// All tokens of a customer: they are banned until the revocation expires.
    Banned(LicenseId, Uuid),
}

#[derive(Serialize, Deserialize)]
struct Revocation {
    token: Revoked,
    /// From then on the token is refused anyway, and nobody has to remember. None for never.
    expires_at: Option<Timestamp>,
}

/// What this node knows of a license.
#[derive(Default)]
struct Known {
    /// The tokens that are revoked, with their ends.
    tokens: DashMap<Revoked, Option<Timestamp>>,
    /// When the store was last looked at with success, microseconds.
    looked_at: AtomicI64,
}

/// Revocations of all licenses.
pub(super) struct Revocations {
    cells: Cells,
    known: DashMap<LicenseId, Arc<Known>>,
    told: broadcast::Sender<Revoked>,
    made: broadcast::Sender<LicenseId>,
}

impl Revocations {
    pub(super) fn new(cells: Cells) -> Self {
        Self {
            cells,
            known: DashMap::new(),
            told: broadcast::Sender::new(KEPT),
            made: broadcast::Sender::new(KEPT),
        }
    }

    /// Every revocation from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<Revoked> {
        self.told.subscribe()
    }

    /// The license of every revocation that this node makes from now on.
    pub(super) fn made(&self) -> broadcast::Receiver<LicenseId> {
        self.made.subscribe()
    }

    /// Revokes a token for good; once this returns it is durable and live sessions of this node are told.
    pub(super) async fn revoke(
        &self,
        license: LicenseId,
        token: Revoked,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = self.of(license, now).await?;
        if known.tokens.contains_key(&token) {
            return Ok(());
        }
        self.make(license, &known, Revocation { token, expires_at }, now).await
    }

    /// Makes a revocation of which nothing is known, or that takes the place of another, which holds until then.
    async fn make(
        &self,
        license: LicenseId,
        known: &Known,
        revocation: Revocation,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = match revocation.token {
            Revoked::Agent(id) => format!("{}/agent/{id}", moment(now)),
            Revoked::Customer(id) => format!("{}/customer/{id}", moment(now)),
            Revoked::Banned(_, id) => format!("{}/banned/{id}", moment(now)),
        };
        let key = CellKey::new(CellTable::Revocations, license, name);
        self.cells.create(&key, &revocation).await?;
        self.tell(known, &revocation);
        // Nobody may be listening yet, which is no fault.
        let _ = self.made.send(license);
        Ok(())
    }

    /// Bans a customer until a moment; a later ban takes the place of an earlier one.
    pub(super) async fn ban(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Ok(id) = Uuid::try_parse(customer.as_str()) else { return Ok(()) };
        let token = Revoked::Banned(license, id);
        let known = self.of(license, now).await?;
        self.make(license, &known, Revocation { token, expires_at: Some(until) }, now).await
    }

    /// Whether a customer is banned, as far as this node knows.
    pub(super) async fn is_banned(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let known = self.of(license, now).await?;
        let Ok(id) = Uuid::try_parse(customer.as_str()) else { return Ok(false) };
        let until = known.tokens.get(&Revoked::Banned(license, id)).map(|until| *until);
        Ok(until.is_some_and(|until| until.is_none_or(|until| now < until)))
    }

    /// Whether a token is revoked, as far as this node knows.
    pub(super) async fn is_revoked(
        &self,
        license: LicenseId,
        token: Revoked,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.of(license, now).await?.tokens.contains_key(&token))
    }

    /// Looks for revocations that other nodes made, and forgets those that no longer matter.
    pub(super) async fn refresh(&self, license: LicenseId, now: Timestamp) -> Result<(), StoreError> {
        let Some(known) = self.known.get(&license).map(|known| known.clone()) else { return Ok(()) };
        known.tokens.retain(|_, expires_at| !is_past(*expires_at, now));
        let looked_at = known.looked_at.load(Ordering::Relaxed);
        let since = Timestamp(looked_at.saturating_sub(i64::try_from(OVERLAP.as_micros()).unwrap_or(0)));
        // The last word about a token counts: a customer who is banned again was banned before.
        let found = self.read(license, Some(moment(since)), now).await?;
        let newest: HashMap<Revoked, Option<Timestamp>> =
            found.into_iter().map(|revocation| (revocation.token, revocation.expires_at)).collect();
        for (token, expires_at) in newest {
            self.tell(&known, &Revocation { token, expires_at });
        }
        known.looked_at.store(now.0, Ordering::Relaxed);
        Ok(())
    }

    async fn of(&self, license: LicenseId, now: Timestamp) -> Result<Arc<Known>, StoreError> {
        if let Some(known) = self.known.get(&license) {
            return Ok(known.clone());
        }
        let known = Known { looked_at: AtomicI64::new(now.0), ..Known::default() };
        for revocation in self.read(license, None, now).await? {
            known.tokens.insert(revocation.token, revocation.expires_at);
        }
        // Of two that read at the same time the first stands; what the other learned it learns by `refresh`.
        Ok(self.known.entry(license).or_insert(Arc::new(known)).clone())
    }

    async fn read(
        &self,
        license: LicenseId,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<Vec<Revocation>, StoreError> {
        let mut found = Vec::new();
        for cell in self.cells.list(CellTable::Revocations, license, after).await? {
            let read = super::cells::decode::<Revocation>(CellTable::Revocations, cell.body)?;
            if is_past(read.value.expires_at, now) {
                let key = CellKey::new(CellTable::Revocations, license, cell.id);
                self.cells.swap(&key, Some(read.bytes), None).await?;
            } else {
                found.push(read.value);
            }
        }
        Ok(found)
    }

    fn tell(&self, known: &Known, revocation: &Revocation) {
        if known.tokens.insert(revocation.token, revocation.expires_at) != Some(revocation.expires_at) {
            // Nobody may be listening yet, which is no fault.
            let _ = self.told.send(revocation.token);
        }
    }
}

fn is_past(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_some_and(|end| end.after(OVERLAP) < now)
}

/// A name that sorts by time.
fn moment(at: Timestamp) -> String {
    format!("{:020}", at.0.max(0))
}
