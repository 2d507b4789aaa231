//! Tests of the CQL store on a real server: the common suite, the migrator, and what happens when the database is away.

mod away;
mod disagreement;
mod killed;
mod migrations;
mod suite;
mod three_nodes;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use switchboard::store::cql::{CqlOptions, CqlStore, Replication, migrate};
use uuid::Uuid;

use crate::cassandra;

/// Opens the store that a file in this folder names, for a child process.
pub(crate) async fn open_at(folder: &Path) -> CqlStore {
    let place = std::fs::read_to_string(folder.join("place")).expect("the file that names the store");
    let (contact_point, keyspace) = place.split_once(' ').expect("contact point and keyspace");
    let options = CqlOptions::new(vec![contact_point.to_owned()], keyspace);
    CqlStore::open_when_reachable(&options, |_| {}).await.expect("a store")
}

/// Options for a keyspace of its own.
pub(crate) fn options(contact_points: Vec<String>) -> CqlOptions {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let run = Uuid::new_v4().simple().to_string();
    let keyspace = format!("t{}_{}", &run[..12], NUMBER.fetch_add(1, Ordering::Relaxed));
    let replication = Replication { factor: 1, datacenter: None };
    CqlOptions { replication, ..CqlOptions::new(contact_points, keyspace) }
}

/// Options for a keyspace of its own on the shared server.
fn shared() -> CqlOptions {
    options(vec![cassandra::contact_point().to_owned()])
}

/// Makes the schema and opens the store.
pub(crate) async fn open(options: &CqlOptions) -> CqlStore {
    migrate(options, Uuid::new_v4()).await.expect("a migrated keyspace");
    CqlStore::open(options).await.expect("a store")
}
