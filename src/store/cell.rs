//! Cells: single records that change rarely and by compare-and-set only.

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;
use crate::domain::id::LicenseId;

/// The tables of cells. Each is a table of its own on CQL; a record that no license can be named for (a token is
/// looked up by its hash alone) stands under license 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CellTable {
    /// By chat: its active and last thread. Changes when a thread opens or closes.
    Chats,
    /// By customer: which chats the customer has, and which of them are active.
    Customers,
    /// By customer: name, e-mail, session fields and the like.
    CustomerProfiles,
    /// By customer: the visits of the pages that the chat stands on.
    CustomerVisits,
    /// By customer, and by address: what was asked to prove that an e-mail address is somebody's, and the mails for it.
    EmailVerifications,
    /// By license: the routing statuses that its agents and bots chose.
    RoutingStatuses,
    /// By license and part: agents, groups, limits, settings, bans, webhooks. Listable.
    Licenses,
    /// Under license 0, by license number: which licenses there are. Listable.
    LicenseDirectory,
    /// Under license 0, by name of what leads to a license: an organization, a client id.
    LicenseLookups,
    /// Under license 0, by hash: what a token allows.
    Tokens,
    /// By license and hash: which tokens a license has. Listable.
    LicenseTokens,
    /// By license and name: keys that sign customer tokens and the like.
    Secrets,
    /// By license and token: customer tokens that are no longer good. Listable.
    Revocations,
}

impl CellTable {
    /// Every table.
    pub const ALL: [Self; 13] = [
        Self::Chats,
        Self::Customers,
        Self::CustomerProfiles,
        Self::CustomerVisits,
        Self::EmailVerifications,
        Self::RoutingStatuses,
        Self::Licenses,
        Self::LicenseDirectory,
        Self::LicenseLookups,
        Self::Tokens,
        Self::LicenseTokens,
        Self::Secrets,
        Self::Revocations,
    ];

    /// Whether [`CasTables::list_cells`] works on it. Listable tables keep a license in one partition on CQL, so only
    /// what is small in number per license is listable.
    pub fn is_listable(self) -> bool {
        matches!(self, Self::Licenses | Self::LicenseDirectory | Self::LicenseTokens | Self::Revocations)
    }
}

/// Names a cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CellKey {
    /// Its table.
    pub table: CellTable,
    /// The tenant, or 0.
    pub license: LicenseId,
    /// The record.
    pub id: String,
}

impl CellKey {
    /// The key of `id` in `table`.
    pub fn new(table: CellTable, license: LicenseId, id: impl Into<String>) -> Self {
        Self { table, license, id: id.into() }
    }
}

/// What became of a compare-and-set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cas {
    /// The new value stands.
    Applied,
    /// Something else stood there, and still does.
    Conflict(Option<Bytes>),
}

/// A cell of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The record.
    pub id: String,
    /// Its value.
    pub body: Bytes,
}

/// Single records with compare-and-set.
#[async_trait]
pub trait CasTables: Send + Sync {
    /// The cell's value; sees every compare-and-set that finished before.
    async fn read_cell(&self, key: &CellKey) -> Result<Option<Bytes>, StoreError>;

    /// Sets the cell to `new` (none: removes it) if it holds `expected` (none: if there is no such cell).
    ///
    /// After [`StoreError::OutcomeUnknown`] read the cell before anything else is decided.
    async fn cas(
        &self,
        key: &CellKey,
        expected: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<Cas, StoreError>;

    /// The same, where a change is looked for of which the store does not know what became: it was made if the cell is what it was to
    /// be, since no two writers ever write the same bytes (or it does not matter which of them did). Whatever else stands there is no
    /// answer: the change may still be made, or somebody has made another after it. So nothing that it needs may be taken away, it may not
    /// be made once more, and nobody may be told that it was made.
    async fn swap(
        &self,
        key: &CellKey,
        expected: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<Cas, StoreError> {
        match self.cas(key, expected, new.clone()).await {
            Err(StoreError::OutcomeUnknown(cause)) => match self.read_cell(key).await {
                Ok(stands) if stands == new => Ok(Cas::Applied),
                _ => Err(StoreError::OutcomeUnknown(cause)),
            },
            answer => answer,
        }
    }

    /// Cells of a listable table and license, ordered by the bytes of their ids, those after `after`, at most `limit`.
    ///
    /// # Panics
    ///
    /// In debug builds, if the table is not [listable](CellTable::is_listable).
    async fn list_cells(
        &self,
        table: CellTable,
        license: LicenseId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Cell>, StoreError>;
}
