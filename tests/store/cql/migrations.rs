//! The migrator: twice, two at once, and every way in which a schema can be one that this build must not touch.

use std::collections::BTreeSet;

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use switchboard::store::cql::{CqlOptions, CqlStore, MIGRATIONS, OpenError, migrate};
use uuid::Uuid;

use super::{open, shared};

pub(super) async fn session() -> Session {
    SessionBuilder::new().known_node(crate::cassandra::contact_point()).build().await.expect("a session")
}

pub(super) async fn run(session: &Session, options: &CqlOptions, text: &str) {
    let text = text.replace("{}", &options.keyspace);
    session.query_unpaged(text, ()).await.expect("a statement");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_migrations_together_give_what_the_statements_need() {
    let options = shared();
    let first = migrate(&options, Uuid::new_v4()).await.expect("a first run");
    assert_eq!(first.applied, MIGRATIONS.iter().map(|migration| migration.name).collect::<Vec<_>>());
    let second = migrate(&options, Uuid::new_v4()).await.expect("a second run");
    assert_eq!((second.applied.len(), second.present), (0, MIGRATIONS.len()));
    // Opening prepares every statement of the store.
    CqlStore::open(&options).await.expect("a store");
    let session = session().await;
    let tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let rows = session.query_unpaged(tables, (&options.keyspace,)).await.expect("an answer");
    let rows = rows.into_rows_result().expect("rows");
    let found: BTreeSet<String> =
        rows.rows::<(String,)>().expect("texts").map(|row| row.expect("a text").0).collect();
    let wanted = MIGRATIONS.iter().map(|migration| migration.name[5..].to_owned());
    let own = ["schema_lease", "schema_migrations", "schema_older_builds"].map(str::to_owned);
    assert_eq!(found, wanted.chain(own).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_may_migrate_at_once() {
    let options = shared();
    let runs = (0..3).map(|_| {
        let options = options.clone();
        tokio::spawn(async move { migrate(&options, Uuid::new_v4()).await.expect("a run") })
    });
    let mut applied = 0;
    for run in runs.collect::<Vec<_>>() {
        applied += run.await.expect("a task").applied.len();
    }
    assert_eq!(applied, MIGRATIONS.len(), "each was applied by exactly one of them");
    CqlStore::open(&options).await.expect("a store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_not_there_or_behind_is_named() {
    let options = shared();
    let refused = CqlStore::open(&options).await.expect_err("no keyspace");
    assert!(matches!(refused, OpenError::SchemaBehind { missing: "0001_events", .. }), "{refused:?}");
    assert!(refused.to_string().contains("switchboard migrate"));
    open(&options).await;
    let session = session().await;
    let newest = MIGRATIONS.last().expect("a migration");
    let forget = format!("DELETE FROM {{}}.schema_migrations WHERE number = {}", newest.number());
    run(&session, &options, &forget).await;
    let refused = CqlStore::open(&options).await.expect_err("one is missing");
    assert!(
        matches!(refused, OpenError::SchemaBehind { missing, .. } if missing == newest.name),
        "{refused:?}"
    );
    // The statement had been run: the node died before it was recorded. Running it again does no harm.
    let again = migrate(&options, Uuid::new_v4()).await.expect("a run");
    assert_eq!(again.applied, [newest.name]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_or_changed_schema_is_refused() {
    let options = shared();
    open(&options).await;
    let session = session().await;
    let newer = "INSERT INTO {}.schema_migrations (number, name, checksum) VALUES (9999, '9999_later', 'x')";
    run(&session, &options, newer).await;
    for refused in [
        CqlStore::open(&options).await.expect_err("newer"),
        migrate(&options, Uuid::new_v4()).await.expect_err("newer"),
    ] {
        assert!(
            matches!(&refused, OpenError::SchemaNewer { found, .. } if found == "9999_later"),
            "{refused:?}"
        );
    }
    run(&session, &options, "DELETE FROM {}.schema_migrations WHERE number = 9999").await;

    run(&session, &options, "UPDATE {}.schema_migrations SET checksum = 'other' WHERE number = 3").await;
    for refused in [
        CqlStore::open(&options).await.expect_err("changed"),
        migrate(&options, Uuid::new_v4()).await.expect_err("changed"),
    ] {
        assert!(matches!(refused, OpenError::SchemaChanged { name: "0003_shards", .. }), "{refused:?}");
    }
    // A gap: an old migration is missing while later ones were applied.
    run(&session, &options, "DELETE FROM {}.schema_migrations WHERE number = 3").await;
    let refused = migrate(&options, Uuid::new_v4()).await.expect_err("a gap");
    assert!(matches!(refused, OpenError::SchemaChanged { name: "0004_cluster_layout", .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_that_says_so_is_worked_on() {
    let options = shared();
    open(&options).await;
    let session = session().await;
    let newest = MIGRATIONS.last().expect("a migration");
    let newer = "INSERT INTO {}.schema_migrations (number, name, checksum) VALUES (9999, '9999_later', 'x')";
    run(&session, &options, newer).await;
    let lets = async |oldest: i32| {
        let text = format!("INSERT INTO {{}}.schema_older_builds (number, oldest) VALUES (9999, {oldest})");
        run(&session, &options, &text).await;
    };
    let is_refused = async || {
        let opened = CqlStore::open(&options).await.map(drop);
        let migrated = migrate(&options, Uuid::new_v4()).await.map(|migrated| migrated.applied);
        let newer = |refused: &OpenError| matches!(refused, OpenError::SchemaNewer { found, .. } if found == "9999_later");
        match (opened, migrated) {
            (Ok(()), Ok(applied)) if applied.is_empty() => false,
            (Err(opened), Err(migrated)) if newer(&opened) && newer(&migrated) => true,
            other => panic!("{other:?}"),
        }
    };
    lets(newest.number()).await;
    assert!(!is_refused().await, "this build is the oldest that may go on");
    lets(newest.number() + 1).await;
    assert!(is_refused().await, "one that knows the next migration is the oldest");
    lets(1).await;
    // What this build needs was never there: the newer migration stands on something else.
    run(
        &session,
        &options,
        &format!("DELETE FROM {{}}.schema_migrations WHERE number = {}", newest.number()),
    )
    .await;
    assert!(is_refused().await, "there is a gap");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_lease_is_waited_for_and_runs_out() {
    let options = shared();
    open(&options).await;
    let session = session().await;
    let abandoned =
        "INSERT INTO {}.schema_lease (name, holder) VALUES ('migrate', uuid()) IF NOT EXISTS USING TTL 3";
    run(&session, &options, abandoned).await;
    let began = std::time::Instant::now();
    migrate(&options, Uuid::new_v4()).await.expect("a run after the lease");
    assert!(began.elapsed().as_millis() > 1_500, "it did not wait for the lease");
}
