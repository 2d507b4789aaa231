//! Tests over an embedded store in a scratch folder.

mod customers;
mod licenses;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::*;
use crate::domain::time::Timestamp;
use crate::id_source::OsIds;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};

/// A clock that tests move.
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

struct TestTenants {
    tenants: Tenants,
    clock: Arc<TestClock>,
    store: Arc<EmbeddedStore>,
    folder: tempfile::TempDir,
}

impl TestTenants {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            EmbeddedOptions { reserve_bytes: 0, ..EmbeddedOptions::new(folder.path().join("store")) };
        let store = Arc::new(EmbeddedStore::open(&options).expect("a store"));
        let clock = Arc::new(TestClock(AtomicI64::new(1_700_000_000_000_000)));
        let tenants = Tenants::new(store.clone(), clock.clone(), Arc::new(OsIds));
        Self { tenants, clock, store, folder }
    }

    /// Another node on the same store.
    fn other_node(&self) -> Tenants {
        Tenants::new(self.store.clone(), self.clock.clone(), Arc::new(OsIds))
    }

    async fn demo(&self) -> Credentials {
        let file = self.folder.path().join("demo.json");
        let made = make_demo_license(&self.tenants, "http://127.0.0.1:8080", &file).await;
        made.expect("made").expect("a first license")
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_micros()).expect("short"), Ordering::Relaxed);
    }
}
