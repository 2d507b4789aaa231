//! Changes of licenses until they are heard of.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::id::LicenseId;
use crate::domain::license::License;

/// A license that this process works with is another one now.
#[derive(Clone, Debug)]
pub struct LicenseChange {
    /// As the listener knew it until then.
    pub before: Arc<License>,
    /// As this process knows it now.
    pub after: Arc<License>,
}

/// What nobody has heard of yet. All changes of a license are one until then, so that however late somebody listens they miss
/// nothing, and no more waits than there are licenses.
#[derive(Default)]
pub(super) struct Changes {
    unheard: Mutex<HashMap<LicenseId, LicenseChange>>,
    came: Notify,
}

impl Changes {
    pub(super) fn note(&self, before: Arc<License>, after: Arc<License>) {
        let mut unheard = self.unheard.lock();
        let change =
            unheard.entry(after.id).or_insert_with(|| LicenseChange { before, after: after.clone() });
        change.after = after;
        drop(unheard);
        self.came.notify_one();
    }

    /// Waits for changes, and takes them.
    pub(super) async fn take(&self) -> Vec<LicenseChange> {
        loop {
            let changes = mem::take(&mut *self.unheard.lock());
            if !changes.is_empty() {
                return changes.into_values().collect();
            }
            self.came.notified().await;
        }
    }
}
