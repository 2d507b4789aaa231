//! The database away: at the start, later, frozen, killed under load. A server of our own, since it is ended here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use switchboard::domain::id::LicenseId;
use switchboard::store::cql::{CqlOptions, CqlStore, OpenError};
use switchboard::store::{
    Append, AppendError, Cas, CasTables, CellKey, CellTable, EventLog, Health, LogKey, StoreError,
};
use switchboard_cluster::{Epoch, Shard};
use tokio::time::Instant;

use super::{open, options};
use crate::cassandra::Node;

const EPOCH: Epoch = Epoch(1_000);
/// What fails in time fails long before this, even on a machine that does much else; what is waited for without a limit
/// does not, since the database is away for as long as the test wants.
const IN_TIME: Duration = Duration::from_secs(30);

fn append(thread: &str, first_seq: u64, body: &str) -> Append {
    let log = LogKey { license: LicenseId(1001), thread: thread.into() };
    let rows = vec![Bytes::copy_from_slice(body.as_bytes())];
    Append { shard: Shard(0), epoch: EPOCH, log, first_seq, rows, index: Vec::new() }
}

async fn bodies(store: &CqlStore, thread: &str) -> Vec<String> {
    let log = LogKey { license: LicenseId(1001), thread: thread.into() };
    let rows = store.read(&log, 1, None, 1_000_000).await.expect("a read");
    rows.into_iter().map(|row| String::from_utf8_lossy(&row.body).into_owned()).collect()
}

/// Waits until a condition holds; says what was last seen when it never does.
async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(began.elapsed() < Duration::from_secs(120), "{what} never came: {seen}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Short limits, so that the tests need not wait long for what does not come.
fn hasty(node: &Node) -> CqlOptions {
    CqlOptions {
        request_timeout: Duration::from_millis(1_500),
        reconnect_every: Duration::from_millis(300),
        ..options(vec![node.contact_point()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_may_be_away_at_the_start_and_later() {
    let mut node = Node::start_alone();
    let options = hasty(&node);
    drop(open(&options).await);

    // Away at the start: it waits, says why, and opens when the database is back.
    node.kill();
    let refused = CqlStore::open(&options).await.expect_err("nobody is there");
    assert!(matches!(refused, OpenError::Unreachable { .. }) && refused.may_pass(), "{refused:?}");
    let waited = Arc::new(AtomicU64::new(0));
    let opening = tokio::spawn({
        let (options, waited) = (options.clone(), waited.clone());
        async move {
            CqlStore::open_when_reachable(&options, |_| {
                waited.fetch_add(1, Ordering::Relaxed);
            })
            .await
        }
    });
    until("a second attempt", || async {
        let waited = waited.load(Ordering::Relaxed);
        if waited >= 2 { Ok(()) } else { Err(format!("{waited} attempts")) }
    })
    .await;
    node = tokio::task::spawn_blocking(move || {
        node.start();
        node
    })
    .await
    .expect("a started node");
    let store = opening.await.expect("a task").expect("a store");
    store.check().await.expect("health");
    store.append(append("T", 1, "before")).await.expect("an append");

    // Away later: writes and reads fail in time, nothing is acknowledged.
    node.kill();
    for attempt in 0..3 {
        let began = Instant::now();
        let failed = store.append(append("T", 2, "while it is away")).await;
        assert!(
            matches!(
                failed,
                Err(AppendError::Store(StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)))
            ),
            "attempt {attempt}: {failed:?}"
        );
        assert!(began.elapsed() < IN_TIME, "attempt {attempt} took {:?}", began.elapsed());
    }
    let log = LogKey { license: LicenseId(1001), thread: "T".into() };
    let read = store.read(&log, 1, None, 10).await;
    assert!(
        matches!(read, Err(StoreError::Unavailable(_))),
        "a read that fails is not an empty log: {read:?}"
    );
    assert!(store.check().await.is_err());

    // Back: the store recovers by itself.
    node = tokio::task::spawn_blocking(move || {
        node.start();
        node
    })
    .await
    .expect("a started node");
    until("recovery", || async { store.check().await.map_err(|error| error.to_string()) }).await;
    assert_eq!(bodies(&store, "T").await[0], "before");
    store.append(append("T", 2, "after")).await.expect("an append");
    assert_eq!(bodies(&store, "T").await, ["before", "after"]);
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_database_leaves_outcomes_unknown_and_repeating_makes_them_known() {
    let node = Node::start_alone();
    let store = open(&hasty(&node)).await;
    store.append(append("T", 1, "one")).await.expect("an append");
    let key = CellKey::new(CellTable::Chats, LicenseId(1001), "C");
    node.freeze();
    let began = Instant::now();
    let failed = store.append(append("T", 2, "two")).await;
    assert!(matches!(failed, Err(AppendError::Store(StoreError::OutcomeUnknown(_)))), "{failed:?}");
    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
    // A conditional write is looked after until the database answers again.
    let cas = {
        let (store, key) = (Arc::new(store), key.clone());
        let writer = store.clone();
        let cas = tokio::spawn(async move { writer.cas(&key, None, Some(Bytes::from_static(b"x"))).await });
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!cas.is_finished(), "it was given up early");
        node.thaw();
        (store, cas)
    };
    let (store, cas) = cas;
    let outcome = cas.await.expect("a task");
    let stands =
        until("an answer", || async { store.read_cell(&key).await.map_err(|error| error.to_string()) }).await;
    match outcome {
        Ok(Cas::Applied) => assert_eq!(stands.as_deref(), Some(&b"x"[..])),
        // Its first attempt was done after all, which nobody can tell from another writer's.
        Err(StoreError::OutcomeUnknown(_)) => assert_eq!(stands.as_deref(), Some(&b"x"[..])),
        other => panic!("{other:?}"),
    }
    store.append(append("T", 2, "two")).await.expect("the same append again");
    assert_eq!(bodies(&store, "T").await, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_the_database_killed_under_load() {
    let mut node = Node::start_alone();
    let store = Arc::new(open(&hasty(&node)).await);
    let mut acknowledged = vec![0_u64; 32];
    for round in 0..2 {
        let stop = Arc::new(AtomicBool::new(false));
        let writers = acknowledged.iter().copied().enumerate().map(|(number, before)| {
            let (store, stop) = (store.clone(), stop.clone());
            tokio::spawn(async move {
                let mut acknowledged = before;
                while !stop.load(Ordering::Relaxed) {
                    let thread = format!("T{number}");
                    let seq = acknowledged + 1;
                    // The same row again until it is acknowledged.
                    match store.append(append(&thread, seq, &format!("{thread}:{seq}"))).await {
                        Ok(()) => acknowledged = seq,
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                acknowledged
            })
        });
        let writers: Vec<_> = writers.collect();
        let wanted = store.pulse().rows + 2_000;
        until("load", || async {
            let rows = store.pulse().rows;
            if rows >= wanted { Ok(()) } else { Err(format!("{rows} rows of {wanted}")) }
        })
        .await;
        node.kill();
        stop.store(true, Ordering::Relaxed);
        acknowledged = join_all(writers).await.into_iter().map(|writer| writer.expect("a writer")).collect();
        node = tokio::task::spawn_blocking(move || {
            node.start();
            node
        })
        .await
        .expect("a started node");
        until("recovery", || async { store.check().await.map_err(|error| error.to_string()) }).await;
        for (number, count) in acknowledged.iter().enumerate() {
            let thread = format!("T{number}");
            let found = bodies(&store, &thread).await;
            let wanted: Vec<String> = (1..=*count).map(|seq| format!("{thread}:{seq}")).collect();
            assert!(found.len() as u64 >= *count, "round {round}: {thread} has {} of {count}", found.len());
            assert_eq!(found[..*count as usize], wanted, "round {round}");
        }
        println!("round {round}: {} acknowledged rows, all there", acknowledged.iter().sum::<u64>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database_refuses_early_instead_of_queueing_without_end() {
    let node = Node::start_alone();
    let options = CqlOptions { max_in_flight: 8, ..hasty(&node) };
    let store = Arc::new(open(&options).await);
    node.freeze();
    let began = Instant::now();
    let appends = (0..200).map(|number| {
        let store = store.clone();
        async move { store.append(append(&format!("T{number}"), 1, "x")).await }
    });
    let outcomes = join_all(appends).await;
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(AppendError::Store(error)) if error.is_retryable()))
        .count();
    assert!(refused >= 180, "{refused} of 200 were refused early");
    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
    assert_eq!(store.pulse().waiting, 0);
    node.thaw();
}
