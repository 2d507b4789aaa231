//! What is stored of a customer's visits.

use std::sync::Arc;

use crate::domain::id::{CustomerId, LicenseId};
use crate::domain::visit::CustomerVisits;
use crate::store::{CellKey, CellTable, Store, StoreError};

/// The cell of a customer's visits.
pub fn key(license: LicenseId, customer: &CustomerId) -> CellKey {
    CellKey::new(CellTable::CustomerVisits, license, customer.as_str())
}

/// A customer's visits.
///
/// # Errors
/// The store's.
pub async fn read(
    store: &dyn Store,
    license: LicenseId,
    customer: &CustomerId,
) -> Result<CustomerVisits, StoreError> {
    let Some(cell) = store.read_cell(&key(license, customer)).await? else {
        return Ok(CustomerVisits::default());
    };
    serde_json::from_slice(&cell)
        .map_err(|error| StoreError::Corrupt { what: "a customer's visits", source: Some(Arc::new(error)) })
}
