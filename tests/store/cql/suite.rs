//! The suite of all stores, on a real CQL server.

use std::sync::Arc;

use switchboard::store::Store;

use super::{open, shared};
use crate::conformance::{CASES, Setting};

/// All cases in one keyspace: each has a license and a shard of its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_suite_of_all_stores_passes() {
    let store: Arc<dyn Store> = Arc::new(open(&shared()).await);
    let mut failed = Vec::new();
    for ((name, case), number) in CASES.iter().zip(0..) {
        let began = std::time::Instant::now();
        let outcome = tokio::spawn(case(Setting::new(store.clone(), number))).await;
        println!("{name}: {} in {:?}", if outcome.is_ok() { "ok" } else { "FAILED" }, began.elapsed());
        if outcome.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
