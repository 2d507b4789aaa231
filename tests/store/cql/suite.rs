//! The suite of all stores, on a real CQL server.

use std::sync::Arc;

use switchboard::store::Store;
use switchboard::store::cql::{CqlStore, MIGRATIONS, migrate};
use uuid::Uuid;

use super::migrations::{run, session};
use super::shared;
use crate::conformance::{CASES, Setting};

/// All cases in one keyspace: each has a license and a shard of its own. The schema is that of a newer build, with a column more in
/// each table, as nodes of two versions work next to each other.
#[tokio::test(flavor = "multi_thread")]
async fn the_suite_of_all_stores_passes() {
    let options = shared();
    migrate(&options, Uuid::new_v4()).await.expect("a migrated keyspace");
    let (session, newest) = (session().await, MIGRATIONS.last().expect("a migration").number());
    for migration in MIGRATIONS {
        run(
            &session,
            &options,
            &format!("ALTER TABLE {{}}.{} ADD of_a_later_build blob", &migration.name[5..]),
        )
        .await;
    }
    let later = newest + 1;
    let may_go_on =
        format!("INSERT INTO {{}}.schema_older_builds (number, oldest) VALUES ({later}, {newest})");
    run(&session, &options, &may_go_on).await;
    let newer = "schema_migrations (number, name, checksum)";
    run(&session, &options, &format!("INSERT INTO {{}}.{newer} VALUES ({later}, 'later', 'x')")).await;
    let store: Arc<dyn Store> = Arc::new(CqlStore::open(&options).await.expect("a store"));
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
