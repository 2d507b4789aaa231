//! Three database nodes that keep three copies: one is killed and brought back under load, one is frozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use switchboard::domain::id::LicenseId;
use switchboard::store::cql::{CqlOptions, CqlStore, Replication, migrate};
use switchboard::store::{Append, EventLog, LogKey};
use switchboard_cluster::{
    Epoch, Incarnation, NodeName, NotValid, Ownership, OwnershipOptions, ShardCount, StartError, TableError,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::options;
use crate::cassandra::Cluster;

const LICENSE: LicenseId = LicenseId(1001);
const WRITERS: usize = 48;
/// The longest time without an acknowledgement, on a machine that starts a database node at the same time.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the writers share.
struct Load {
    store: Arc<CqlStore>,
    ownership: Ownership,
    acknowledged: AtomicU64,
    /// When the last acknowledgement came, in milliseconds since the start.
    last_ms: AtomicU64,
    longest_gap_ms: AtomicU64,
    began: Instant,
    stop: AtomicBool,
}

impl Load {
    /// Appends to one thread as a chat's owner does, and gives the number of acknowledged rows.
    async fn write(self: Arc<Self>, number: usize) -> u64 {
        let thread = format!("T{number}");
        let shard = self.ownership.shard_of(LICENSE.0, &thread);
        let epoch: Epoch = self.ownership.epoch(shard).expect("the only node owns every shard");
        let mut done = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let log = LogKey { license: LICENSE, thread: thread.as_str().into() };
            let rows = vec![Bytes::from(format!("{thread}:{}", done + 1))];
            let append = Append { shard, epoch, log, first_seq: done + 1, rows, index: Vec::new() };
            // The same rows again until they are there and confirmed.
            if self.store.append(append).await.is_ok() && self.ownership.validate(shard, epoch).await.is_ok()
            {
                done += 1;
                self.note();
            }
        }
        done
    }

    fn note(&self) {
        let now = self.began.elapsed().as_millis() as u64;
        let last = self.last_ms.fetch_max(now, Ordering::Relaxed);
        self.longest_gap_ms.fetch_max(now.saturating_sub(last), Ordering::Relaxed);
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for so many further acknowledgements, and gives the longest time in which there was none.
    async fn advance(&self, rows: u64) -> Duration {
        self.longest_gap_ms.store(0, Ordering::Relaxed);
        let wanted = self.acknowledged.load(Ordering::Relaxed) + rows;
        let began = Instant::now();
        while self.acknowledged.load(Ordering::Relaxed) < wanted {
            let seen = self.acknowledged.load(Ordering::Relaxed);
            assert!(began.elapsed() < Duration::from_secs(120), "{seen} acknowledgements, {wanted} wanted");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Duration::from_millis(self.longest_gap_ms.load(Ordering::Relaxed))
    }
}

fn ownership_options(incarnation: Incarnation) -> OwnershipOptions {
    OwnershipOptions {
        node: NodeName::new("node"),
        address: String::new(),
        certificate: None,
        incarnation,
        shards: ShardCount::new(256).expect("a power of two"),
        clock: Arc::new(|| 1),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_lost_and_brought_back_under_load_loses_nothing_and_stops_nothing() {
    let mut cluster = tokio::task::spawn_blocking(Cluster::start_three).await.expect("three nodes");
    let options = CqlOptions {
        replication: Replication { factor: 3, datacenter: None },
        ..options(cluster.contact_points())
    };
    migrate(&options, Uuid::new_v4()).await.expect("a migrated keyspace");
    let store = Arc::new(CqlStore::open(&options).await.expect("a store"));
    let first = ownership_options(Incarnation(Uuid::new_v4()));
    let ownership = Ownership::start(store.clone(), first).await.expect("a start");
    let load = Arc::new(Load {
        store: store.clone(),
        ownership: ownership.clone(),
        acknowledged: AtomicU64::new(0),
        last_ms: AtomicU64::new(0),
        longest_gap_ms: AtomicU64::new(0),
        began: Instant::now(),
        stop: AtomicBool::new(false),
    });
    let writers: Vec<_> = (0..WRITERS).map(|number| tokio::spawn(load.clone().write(number))).collect();
    let calm = load.advance(1_000).await;

    cluster.nodes[1].kill();
    let killed = load.advance(2_000).await;
    let cluster = tokio::task::spawn_blocking(move || {
        cluster.nodes[1].start();
        cluster
    })
    .await
    .expect("the node is back");
    let back = load.advance(1_000).await;

    cluster.nodes[2].freeze();
    let frozen = load.advance(1_000).await;
    cluster.nodes[2].thaw();
    let thawed = load.advance(1_000).await;

    // A restart of the server takes every shard over while one database node is away.
    cluster.nodes[0].freeze();
    let successor = take_over(&store).await;
    assert_eq!(successor.owned().len(), 256);
    assert!(matches!(ownership.confirm().await, Err(NotValid::Fenced)), "the predecessor is over");
    cluster.nodes[0].thaw();

    load.stop.store(true, Ordering::Relaxed);
    let done: Vec<u64> =
        join_all(writers).await.into_iter().map(|writer| writer.expect("a writer")).collect();
    for (number, count) in done.iter().enumerate() {
        let thread = format!("T{number}");
        let log = LogKey { license: LICENSE, thread: thread.as_str().into() };
        let rows = store.read(&log, 1, None, 1_000_000).await.expect("a read");
        assert!(rows.len() as u64 >= *count, "{thread}: {} of {count} acknowledged rows", rows.len());
        for (row, seq) in rows.iter().zip(1..) {
            assert_eq!((row.seq, &row.body[..]), (seq, format!("{thread}:{seq}").as_bytes()));
        }
    }
    let total: u64 = done.iter().sum();
    println!(
        "{total} acknowledged rows, all there; longest pause: calm {calm:?}, one killed {killed:?}, back {back:?}, \
         one frozen {frozen:?}, thawed {thawed:?}"
    );
    for (what, pause) in [("killed", killed), ("back", back), ("frozen", frozen), ("thawed", thawed)] {
        assert!(pause < LONGEST_PAUSE, "no acknowledgement for {pause:?} with a node {what}");
    }
}

/// Starts the next run of the node. A start that the database leaves unanswered is repeated, as by whoever restarts
/// a server: on a busy machine two of three database nodes may take longer than a request's limit.
async fn take_over(store: &Arc<CqlStore>) -> Ownership {
    let began = Instant::now();
    loop {
        let next = ownership_options(Incarnation(Uuid::new_v4()));
        match Ownership::start(store.clone(), next).await {
            Ok(ownership) => return ownership,
            Err(StartError::Tables(TableError::Unavailable(error))) if began.elapsed() < TAKE_OVER_LIMIT => {
                eprintln!("the take-over is tried again: {error}");
            }
            Err(error) => panic!("a take-over: {error:?}"),
        }
    }
}

/// How long a take-over may be tried before the test gives up.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(120);
