//! Group commit of the embedded store: durable events a second, by how many appends are in flight.
//!
//! Each append is one row of 300 bytes to a log of its own writer; "validated" adds what comes before an answer. Run
//! with `cargo bench --bench store_append`; set `SWITCHBOARD_TEST_BENCH_FOLDER` to measure another disk than that of the
//! scratch folder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use switchboard::domain::id::LicenseId;
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};
use switchboard::store::{Append, EventLog, Health, LogKey};
use switchboard_cluster::{Incarnation, NodeName, Ownership, OwnershipOptions, ShardCount};
use tokio::runtime::Runtime;
use uuid::Uuid;

const LICENSE: LicenseId = LicenseId(1001);

struct Bench {
    store: Arc<EmbeddedStore>,
    ownership: Ownership,
    /// Makes the threads of every measurement new ones.
    round: u64,
}

impl Bench {
    async fn open(folder: &std::path::Path) -> Self {
        let store = Arc::new(EmbeddedStore::open(&EmbeddedOptions::new(folder)).expect("a store"));
        let options = OwnershipOptions {
            node: NodeName::new("bench"),
            address: String::new(),
            certificate: None,
            incarnation: Incarnation(Uuid::new_v4()),
            shards: ShardCount::DEFAULT,
            clock: Arc::new(|| 1),
        };
        let ownership = Ownership::start(store.clone(), options).await.expect("a start");
        Self { store, ownership, round: 0 }
    }

    /// Appends `events` rows with `in_flight` writers.
    async fn append(&mut self, events: u64, in_flight: u64, validate: bool) -> Duration {
        self.round += 1;
        let body = Bytes::from(vec![b'x'; 300]);
        let began = Instant::now();
        let writers = (0..in_flight).map(|writer| {
            let (store, ownership, body) = (self.store.clone(), self.ownership.clone(), body.clone());
            let thread = format!("T{}-{writer}", self.round);
            let share = events / in_flight + u64::from(writer < events % in_flight);
            tokio::spawn(async move {
                let shard = ownership.shard_of(LICENSE.0, &thread);
                let epoch = ownership.epoch(shard).expect("the only node owns every shard");
                let log = LogKey { license: LICENSE, thread: thread.as_str().into() };
                for first_seq in 1..=share {
                    let rows = vec![body.clone()];
                    let append =
                        Append { shard, epoch, log: log.clone(), first_seq, rows, index: Vec::new() };
                    store.append(append).await.expect("an append");
                    if validate {
                        ownership.validate(shard, epoch).await.expect("valid");
                    }
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("a writer");
        }
        began.elapsed()
    }
}

fn appends(criterion: &mut Criterion) {
    let folder = match std::env::var_os("SWITCHBOARD_TEST_BENCH_FOLDER") {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.expect("a scratch folder");
    let runtime = Runtime::new().expect("a runtime");
    let mut bench = runtime.block_on(Bench::open(folder.path()));
    let mut group = criterion.benchmark_group("embedded");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(4));
    for (name, validate) in [("append", false), ("append_validated", true)] {
        for in_flight in [1, 16, 64, 256, 1024] {
            let before = bench.store.pulse();
            group.bench_function(BenchmarkId::new(name, in_flight), |bencher| {
                bencher.iter_custom(|events| runtime.block_on(bench.append(events, in_flight, validate)));
            });
            let after = bench.store.pulse();
            let commits =
                after.commits.counts.iter().sum::<u64>() - before.commits.counts.iter().sum::<u64>();
            let rows = after.rows - before.rows;
            println!("{name}/{in_flight}: {:.1} rows a sync", rows as f64 / commits.max(1) as f64);
        }
    }
    group.finish();
}

criterion_group!(benches, appends);
criterion_main!(benches);
