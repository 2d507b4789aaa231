//! The licenses of this server: looked up, made, changed, followed.
//!
//! A license is changed by compare-and-set on its whole versioned value ([`Licenses::update`]); whoever runs by a
//! license's settings listens to [`Licenses::changed`]. On the embedded store this process is the only writer. On
//! CQL other nodes write too, and [`Licenses::refresh`] has to be called again and again (see `follow`); until
//! then this node works with what it read before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dashmap::DashMap;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::cells::{Cells, SERVER};
use super::changes::{Changes, LicenseChange};
use super::license_record;
use crate::domain::id::{AgentId, ClientId, IdSource, LicenseId, OrganizationId};
use crate::domain::license::{Agent, Client, License, Settings};
use crate::domain::time::Timestamp;
use crate::store::{CasTables, CellKey, CellTable, StoreError};

/// The first license of a server has this number.
const FIRST_LICENSE: i64 = 1_001;

/// How often a change is tried again because another node changed the license too.
const UPDATE_TRIES: usize = 32;

/// How many licenses are looked at at the same time.
const LOOKS_AT_ONCE: usize = 16;

/// What a new license begins with.
#[derive(Clone, Debug, Default)]
pub struct NewLicense {
    /// People and bots who answer.
    pub agents: BTreeMap<AgentId, Agent>,
    /// Applications that may ask for customer tokens.
    pub clients: BTreeMap<ClientId, Client>,
    /// Settings that differ from the server's.
    pub settings: Settings,
    /// Made by the first start of an empty server.
    pub demo: bool,
}

/// Why a license was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E> {
    /// There is none of that number.
    #[error("there is no license {0}")]
    NoLicense(LicenseId),
    /// The change itself says no.
    #[error(transparent)]
    Refused(E),
    /// Others changed it all the time.
    #[error("the license is being changed by others; try again")]
    Contended,
    /// The store could not.
    #[error("the license could not be read or written")]
    Store(#[source] StoreError),
}

/// What the directory and the look-ups say of a license.
#[derive(Serialize, Deserialize)]
struct Pointer {
    license: LicenseId,
}

/// The licenses of this server.
pub struct Licenses {
    cells: Cells,
    ids: Arc<dyn IdSource>,
    known: DashMap<LicenseId, Arc<License>>,
    organizations: DashMap<OrganizationId, LicenseId>,
    changes: Changes,
    /// Changes of this process go one after another; only other nodes make them conflict.
    changing: Mutex<()>,
}

impl Licenses {
    /// Over a store.
    pub fn new(store: Arc<dyn CasTables>, ids: Arc<dyn IdSource>) -> Self {
        Self {
            cells: Cells(store),
            ids,
            known: DashMap::new(),
            organizations: DashMap::new(),
            changes: Changes::default(),
            changing: Mutex::new(()),
        }
    }

    /// The license, if there is one of that number.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, id: LicenseId) -> Result<Option<Arc<License>>, StoreError> {
        if let Some(license) = self.cached(id) {
            return Ok(Some(license));
        }
        let record = license_record::read(&self.cells, id).await?;
        Ok(record.map(|record| self.keep(Arc::new(record.license))))
    }

    /// The license, if it was looked up before; never waits.
    pub fn cached(&self, id: LicenseId) -> Option<Arc<License>> {
        self.known.get(&id).map(|license| license.clone())
    }

    /// The license of an organization, if there is one.
    ///
    /// # Errors
    /// The store's.
    pub async fn get_by_organization(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<Arc<License>>, StoreError> {
        let known = self.organizations.get(&organization).map(|id| *id);
        let id = match known {
            Some(id) => id,
            None => match self.cells.read::<Pointer>(&organization_key(organization)).await? {
                Some(pointer) => pointer.value.license,
                None => return Ok(None),
            },
        };
        // The head is written before the look-up, but the look-up of a license that was never finished may
        // name a number that another one got.
        let license = self.get(id).await?;
        Ok(license.filter(|license| license.organization_id == organization))
    }

    /// The numbers of all licenses, smallest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self) -> Result<BTreeSet<LicenseId>, StoreError> {
        let cells = self.cells.list(CellTable::LicenseDirectory, SERVER, None).await?;
        Ok(cells.iter().filter_map(|cell| cell.id.parse().ok().map(LicenseId)).collect())
    }

    /// Makes a license with the next free number.
    ///
    /// It exists for others from the moment that the directory names it, which is the last step.
    ///
    /// # Errors
    /// The store's.
    pub async fn create(&self, new: NewLicense, now: Timestamp) -> Result<Arc<License>, StoreError> {
        let license = self.reserve(new, now).await?;
        self.publish(&license).await?;
        Ok(license)
    }

    /// The first half of [`create`](Self::create): the license is there, but in no list yet.
    pub(super) async fn reserve(&self, new: NewLicense, now: Timestamp) -> Result<Arc<License>, StoreError> {
        let last = self.list().await?.last().map_or(FIRST_LICENSE - 1, |id| id.0);
        let mut license = License {
            id: LicenseId(last.max(FIRST_LICENSE - 1)),
            organization_id: OrganizationId(self.ids.uuid()),
            version: 1,
            created_at: now,
            agents: new.agents,
            groups: BTreeMap::new(),
            clients: new.clients,
            settings: new.settings,
            pseudonym_key: self.ids.bits().to_be_bytes(),
            demo: new.demo,
        };
        loop {
            license.id = LicenseId(license.id.0 + 1);
            let written = license_record::write(&self.cells, &*self.ids, None, license.clone()).await?;
            if let Some(license) = written {
                return Ok(Arc::new(license));
            }
        }
    }

    /// The second half of [`create`](Self::create).
    pub(super) async fn publish(&self, license: &Arc<License>) -> Result<(), StoreError> {
        let pointer = Pointer { license: license.id };
        self.cells.create(&organization_key(license.organization_id), &pointer).await?;
        let entry = CellKey::new(CellTable::LicenseDirectory, SERVER, license.id.to_string());
        self.cells.create(&entry, &pointer).await?;
        self.keep(license.clone());
        Ok(())
    }

    /// Changes a license. `change` may be called several times, each time with the newest state.
    ///
    /// # Errors
    /// What `change` says, or the store's.
    pub async fn update<E>(
        &self,
        id: LicenseId,
        change: impl Fn(&mut License) -> Result<(), E>,
    ) -> Result<Arc<License>, UpdateError<E>> {
        let _one_by_one = self.changing.lock().await;
        for _ in 0..UPDATE_TRIES {
            let read = license_record::read(&self.cells, id).await.map_err(UpdateError::Store)?;
            let old = read.ok_or(UpdateError::NoLicense(id))?;
            let mut license = old.license.clone();
            change(&mut license).map_err(UpdateError::Refused)?;
            if license == old.license {
                return Ok(self.keep(Arc::new(license)));
            }
            license.version = old.license.version + 1;
            let written = license_record::write(&self.cells, &*self.ids, Some(&old), license).await;
            if let Some(license) = written.map_err(UpdateError::Store)? {
                return Ok(self.keep(Arc::new(license)));
            }
        }
        Err(UpdateError::Contended)
    }

    /// Waits until this process has made or learnt of changes, and gives those that were not given before, one of a license.
    /// For one listener.
    pub async fn changed(&self) -> Vec<LicenseChange> {
        self.changes.take().await
    }

    /// The licenses that this process works with.
    pub fn in_use(&self) -> Vec<LicenseId> {
        self.known.iter().map(|known| *known.key()).collect()
    }

    /// Looks whether other nodes changed the licenses that this process works with.
    ///
    /// # Errors
    /// The store's; what was looked at before stands.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let looks: Vec<_> = self.in_use().into_iter().map(|id| self.look_at(id)).collect();
        stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).try_collect().await
    }

    /// Another node says that a license has this version now: looks at it if it is known here as an older one.
    ///
    /// # Errors
    /// The store's.
    pub async fn catch_up(&self, id: LicenseId, version: u64) -> Result<(), StoreError> {
        match self.cached(id) {
            Some(known) if known.version < version => self.look_at(id).await,
            _ => Ok(()),
        }
    }

    async fn look_at(&self, id: LicenseId) -> Result<(), StoreError> {
        let version = license_record::read_version(&self.cells, id).await?;
        let known = self.cached(id).map(|license| license.version);
        if version > known
            && let Some(record) = license_record::read(&self.cells, id).await?
        {
            self.keep(Arc::new(record.license));
        }
        Ok(())
    }

    /// Keeps the newer of this state and the one known, and tells of it if it is new. Gives what is kept.
    fn keep(&self, license: Arc<License>) -> Arc<License> {
        self.organizations.insert(license.organization_id, license.id);
        let mut known = self.known.entry(license.id).or_insert_with(|| license.clone());
        if known.version < license.version {
            let before = std::mem::replace(&mut *known, license);
            // Under the lock of what is known, so that changes are noted in their order.
            self.changes.note(before, known.clone());
        }
        known.clone()
    }
}

fn organization_key(organization: OrganizationId) -> CellKey {
    CellKey::new(CellTable::LicenseLookups, SERVER, format!("organization/{organization}"))
}
