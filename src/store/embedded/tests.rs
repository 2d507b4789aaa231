//! What only the embedded store promises; what every store promises is in `tests/store/conformance`.

use std::path::Path;

use switchboard_cluster::{Claim, ClaimOutcome, Incarnation, OwnershipTables, Shard, ShardRow};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::store::{IndexKey, Version};

const ME: Incarnation = Incarnation(Uuid::from_u128(1));
const EPOCH: Epoch = Epoch(10);

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open(&EmbeddedOptions::new(folder)).expect("a store")
}

async fn own(store: &EmbeddedStore, shard: Shard, epoch: Epoch) {
    let expected =
        store.shards().await.expect("shards").into_iter().find(|row| row.0 == shard).map(|row| row.1);
    let claim = Claim { shard, expected, wanted: ShardRow { owner: ME, epoch } };
    assert_eq!(store.claim(&[claim]).await.expect("an answer"), [ClaimOutcome::Won]);
}

fn log(thread: &str) -> LogKey {
    LogKey { license: LicenseId(1), thread: thread.into() }
}

fn append(thread: &str, first_seq: u64, bodies: &[&'static str]) -> Append {
    Append {
        shard: Shard(3),
        epoch: EPOCH,
        log: log(thread),
        first_seq,
        rows: bodies.iter().map(|body| Bytes::from_static(body.as_bytes())).collect(),
        index: Vec::new(),
    }
}

#[tokio::test]
async fn nobody_else_on_the_machine_looks_into_a_store_that_the_server_made() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = scratch();
    let data_dir = folder.path().join("data");
    std::fs::create_dir(&data_dir).expect("a folder of somebody else's");
    let store = open(&data_dir.join("store"));
    let mode = std::fs::metadata(data_dir.join("store")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    drop(store);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let folder = scratch();
    {
        let store = open(folder.path());
        own(&store, Shard(3), EPOCH).await;
        store.append(append("T", 1, &["a", "b"])).await.expect("an append");
    }
    let rows = open(folder.path()).read(&log("T"), 1, None, 10).await.expect("a read");
    assert_eq!(
        rows.iter().map(|row| (row.seq, &row.body[..])).collect::<Vec<_>>(),
        [(1, &b"a"[..]), (2, b"b")]
    );
}

#[tokio::test]
async fn an_append_under_an_old_epoch_is_fenced() {
    let folder = scratch();
    let store = open(folder.path());
    assert!(matches!(store.append(append("T", 1, &["a"])).await, Err(AppendError::Fenced)), "nobody owns it");
    own(&store, Shard(3), EPOCH).await;
    own(&store, Shard(3), Epoch(11)).await;
    assert!(matches!(store.append(append("T", 1, &["a"])).await, Err(AppendError::Fenced)));
    assert!(store.read(&log("T"), 1, None, 10).await.expect("a read").is_empty());
}

#[tokio::test]
async fn an_append_that_leaves_a_hole_is_refused() {
    let folder = scratch();
    let store = open(folder.path());
    own(&store, Shard(3), EPOCH).await;
    let refused = store.append(append("T", 2, &["b"])).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Hole { first_seq: 2 }))), "{refused:?}");
}

#[tokio::test]
async fn a_refused_append_leaves_no_index_row_and_no_row() {
    let folder = scratch();
    let store = open(folder.path());
    own(&store, Shard(3), EPOCH).await;
    let mut bad = append("T", 1, &["a"]);
    let key = |id: String| IndexKey { table: IndexTable::Due, owner: 3, bucket: "m".into(), position: 1, id };
    bad.index = ["short".to_owned(), "x".repeat(5000)]
        .map(|id| IndexWrite { key: key(id), version: Version::default(), body: Bytes::from_static(b"x") })
        .to_vec();
    assert!(matches!(store.append(bad).await, Err(AppendError::Store(StoreError::TooLarge { .. }))));
    assert!(store.read(&log("T"), 1, None, 10).await.expect("a read").is_empty());
    let scan = IndexScan::bucket(IndexTable::Due, 3, "m", crate::store::Order::Ascending, 10);
    assert!(store.scan_index(scan).await.expect("a scan").is_empty());
}

#[tokio::test]
async fn many_waiting_appends_share_commits() {
    let folder = scratch();
    let store = Arc::new(open(folder.path()));
    own(&store, Shard(3), EPOCH).await;
    let before = store.pulse();
    let appends = (0..500).map(|n| {
        let store = store.clone();
        async move { store.append(append(&format!("T{n}"), 1, &["a"])).await }
    });
    for result in futures_util::future::join_all(appends).await {
        result.expect("an append");
    }
    let after = store.pulse();
    let commits: u64 = after.commits.counts.iter().sum::<u64>() - before.commits.counts.iter().sum::<u64>();
    assert_eq!((after.operations - before.operations, after.rows - before.rows), (500, 500));
    assert!(commits < 250, "{commits} commits for 500 appends");
}

#[tokio::test]
async fn a_store_in_use_cannot_be_opened_twice() {
    let folder = scratch();
    let _open = open(folder.path());
    let second = EmbeddedStore::open(&EmbeddedOptions::new(folder.path()));
    assert!(matches!(second, Err(OpenError::Locked(_))), "{second:?}");
}

#[tokio::test]
async fn an_unknown_schema_is_refused_and_named() {
    let folder = scratch();
    {
        let store = open(folder.path());
        let newer = 2_u32.to_be_bytes().to_vec();
        let put = move |transaction: &mut Transaction<'_>| {
            transaction.put(keys::SCHEMA.to_vec(), newer);
            Ok::<(), StoreError>(())
        };
        store.submit(true, put).await.expect("a write");
    }
    let refused = EmbeddedStore::open(&EmbeddedOptions::new(folder.path())).expect_err("a refusal");
    assert!(matches!(refused, OpenError::Schema { found: 2, .. }), "{refused}");
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_appends_and_goes_on_reading() {
    let folder = scratch();
    {
        let store = open(folder.path());
        own(&store, Shard(3), EPOCH).await;
        store.append(append("T", 1, &["a"])).await.expect("an append");
    }
    let options = EmbeddedOptions { reserve_bytes: u64::MAX, ..EmbeddedOptions::new(folder.path()) };
    let store = EmbeddedStore::open(&options).expect("a store");
    let refused = store.append(append("T", 2, &["b"])).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Full { .. }))), "{refused:?}");
    assert!(matches!(store.check().await, Err(StoreError::Full { .. })));
    assert_eq!(store.read(&log("T"), 1, None, 10).await.expect("a read").len(), 1);
    own(&store, Shard(3), Epoch(11)).await;
}
