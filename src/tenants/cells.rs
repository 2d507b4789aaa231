//! Cells as typed records: JSON in, JSON out, and compare-and-set whose outcome is always known.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::id::LicenseId;
use crate::store::unknown::Unknown;
use crate::store::{Cas, CasTables, Cell, CellKey, CellTable, StoreError};

/// The license number of what belongs to no license.
pub(super) const SERVER: LicenseId = LicenseId(0);

/// How many cells one look takes from a list.
const PAGE: usize = 1_000;

/// The store's cells.
#[derive(Clone)]
pub(super) struct Cells(pub(super) Arc<dyn CasTables>);

/// A record with the bytes that a compare-and-set has to name.
pub(super) struct Stored<T> {
    pub(super) value: T,
    pub(super) bytes: Bytes,
}

impl<T: Serialize> Stored<T> {
    /// What it says beyond what this build knows, to be kept by whoever writes it anew.
    pub(super) fn unknown(&self) -> Unknown {
        Unknown::of(&self.bytes, &self.value).unwrap_or_default()
    }
}

impl Cells {
    /// The record, if it is there.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        key: &CellKey,
    ) -> Result<Option<Stored<T>>, StoreError> {
        self.0.read_cell(key).await?.map(|bytes| decode(key.table, bytes)).transpose()
    }

    /// Writes the record if there is none. False if there is another one already.
    pub(super) async fn create<T: Serialize>(&self, key: &CellKey, value: &T) -> Result<bool, StoreError> {
        self.swap(key, None, Some(encode(value))).await
    }

    /// The same for a record that takes the place of another, of which something is unknown.
    pub(super) async fn create_with<T: Serialize>(
        &self,
        key: &CellKey,
        value: &T,
        unknown: &Unknown,
    ) -> Result<bool, StoreError> {
        self.swap(key, None, Some(encode_with(value, unknown))).await
    }

    /// Sets the cell from `expected` to `new`. False if something else stands there. What nobody knows the outcome of is an error, as
    /// [`CasTables::swap`] says.
    pub(super) async fn swap(
        &self,
        key: &CellKey,
        expected: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<bool, StoreError> {
        Ok(self.0.swap(key, expected, new).await? == Cas::Applied)
    }

    /// Every cell of a listable table and license after `after`.
    pub(super) async fn list(
        &self,
        table: CellTable,
        license: LicenseId,
        after: Option<String>,
    ) -> Result<Vec<Cell>, StoreError> {
        let (mut all, mut after) = (Vec::new(), after);
        loop {
            let page = self.0.list_cells(table, license, after.as_deref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|cell| cell.id.clone()).or(after);
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }
}

/// The bytes of a record of which nothing was stored before.
pub(super) fn encode<T: Serialize>(value: &T) -> Bytes {
    encode_with(value, &Unknown::default())
}

/// The bytes of a record that is written anew.
pub(super) fn encode_with<T: Serialize>(value: &T, unknown: &Unknown) -> Bytes {
    Bytes::from(unknown.with(value).expect("records of tenants are plain maps, lists and texts"))
}

/// The record of some bytes; what does not decode is damage.
pub(super) fn decode<T: DeserializeOwned>(table: CellTable, bytes: Bytes) -> Result<Stored<T>, StoreError> {
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(Stored { value, bytes }),
        Err(error) => {
            tracing::error!(?table, %error, "a record of a tenant cannot be read");
            Err(StoreError::corrupt("a record of a tenant"))
        }
    }
}
