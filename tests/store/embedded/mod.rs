//! Proofs about the embedded store: crashes, damage, failing syncs, a full disk.
//!
//! What must survive the end of a process is written by a child: this test binary, started again (see [`crate::child`]).

pub(crate) mod damage;
mod disk_full;
mod sync;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use switchboard::domain::id::LicenseId;
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};
use switchboard::store::{Append, LogKey};
use switchboard_cluster::{Incarnation, NodeName, Ownership, OwnershipOptions, OwnershipTables, ShardCount};
use uuid::Uuid;

const LICENSE: LicenseId = LicenseId(1001);

/// Options for a scratch folder, with a reserve that it can afford.
pub(crate) fn options(folder: &Path) -> EmbeddedOptions {
    EmbeddedOptions { reserve_bytes: 1 << 20, ..EmbeddedOptions::new(folder) }
}

/// Opens a store of a scratch folder.
pub(crate) fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open(&options(folder)).expect("a store")
}

/// Takes the place of a node on the store, as the server does.
pub(crate) async fn own(tables: Arc<dyn OwnershipTables>) -> Ownership {
    let incarnation = Incarnation(Uuid::new_v4());
    let options = OwnershipOptions {
        node: NodeName::new("node"),
        address: String::new(),
        certificate: None,
        incarnation,
        shards: ShardCount::new(256).expect("a power of two"),
        clock: Arc::new(|| 1),
    };
    Ownership::start(tables, options).await.expect("a start")
}

pub(crate) fn log(thread: &str) -> LogKey {
    LogKey { license: LICENSE, thread: thread.into() }
}

/// An append by the present owner of the thread's shard.
pub(crate) fn append(ownership: &Ownership, thread: &str, first_seq: u64, rows: Vec<Bytes>) -> Append {
    let shard = ownership.shard_of(LICENSE.0, thread);
    let epoch = ownership.epoch(shard).expect("the only node owns every shard");
    Append { shard, epoch, log: log(thread), first_seq, rows, index: Vec::new() }
}
