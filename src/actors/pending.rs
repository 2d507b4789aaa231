//! Licenses for which somebody has to do something.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::id::LicenseId;

/// Noted by many, taken by one; what is noted again before it is taken is taken once.
#[derive(Default)]
pub struct PendingLicenses {
    licenses: Mutex<BTreeSet<LicenseId>>,
    noted: Notify,
}

impl PendingLicenses {
    /// Notes them.
    pub fn note(&self, licenses: impl IntoIterator<Item = LicenseId>) {
        self.licenses.lock().extend(licenses);
        self.noted.notify_one();
    }

    /// Waits until there are some, and takes them.
    pub async fn take(&self) -> BTreeSet<LicenseId> {
        loop {
            let licenses = std::mem::take(&mut *self.licenses.lock());
            if !licenses.is_empty() {
                return licenses;
            }
            self.noted.notified().await;
        }
    }
}
