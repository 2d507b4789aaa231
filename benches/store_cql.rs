//! The CQL store against the bare driver: the same bytes, the same consistency, the same run.
//!
//! Each writer inserts rows of 300 bytes, one at a time: by the bare driver (a prepared insert), by the store's append, and
//! by append and validation, which is what comes before an answer. The three take turns, three rounds each, and the median of
//! the rounds is shown, since a shared machine is noisy: read the ratios. Run with `cargo bench --bench store_cql`; it starts a
//! Cassandra of its own, or uses that of `SWITCHBOARD_TEST_CQL`.

#[path = "../tests/cassandra/mod.rs"]
mod cassandra;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use switchboard::domain::id::LicenseId;
use switchboard::store::cql::{CqlOptions, CqlStore, Replication, migrate};
use switchboard::store::{Append, EventLog, LogKey};
use switchboard_cluster::{Incarnation, NodeName, Ownership, OwnershipOptions, ShardCount};
use uuid::Uuid;

const LICENSE: LicenseId = LicenseId(1001);
const ROUND: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    BareDriver,
    Append,
    AppendValidated,
}

const WAYS: [Way; 3] = [Way::BareDriver, Way::Append, Way::AppendValidated];

struct Bench {
    store: CqlStore,
    ownership: Ownership,
    session: Session,
    insert: PreparedStatement,
}

/// One round of one way.
#[derive(Clone, Copy)]
struct Measured {
    per_second: f64,
    p50: Duration,
    p99: Duration,
    /// CPU time of this process for each event.
    cpu: Duration,
    /// CPU time of the database for each event, where it runs on this machine as our child.
    database_cpu: Option<Duration>,
}

impl Bench {
    async fn open() -> Self {
        let keyspace = format!("bench_{}", &Uuid::new_v4().simple().to_string()[..12]);
        let contact_point = tokio::task::spawn_blocking(cassandra::contact_point).await.expect("a server");
        let options = CqlOptions {
            replication: Replication { factor: 1, datacenter: None },
            ..CqlOptions::new(vec![contact_point.to_owned()], &keyspace)
        };
        migrate(&options, Uuid::new_v4()).await.expect("a schema");
        let store = CqlStore::open(&options).await.expect("a store");
        let tables = Arc::new(CqlStore::open(&options).await.expect("a store"));
        let began = Instant::now();
        let ownership = OwnershipOptions {
            node: NodeName::new("bench"),
            address: String::new(),
            incarnation: Incarnation(Uuid::new_v4()),
            shards: ShardCount::DEFAULT,
            clock: Arc::new(|| 1),
        };
        let ownership = Ownership::start(tables, ownership).await.expect("a start");
        println!(
            "{} shards claimed in {:?}, one conditional write each",
            ownership.owned().len(),
            began.elapsed()
        );
        let session = SessionBuilder::new().known_node(contact_point).build().await.expect("a session");
        let insert = format!(
            "INSERT INTO {keyspace}.events (license, thread, bucket, seq, epoch, body) VALUES (?, ?, ?, ?, ?, ?)"
        );
        let mut insert = session.prepare(insert).await.expect("a statement");
        insert.set_consistency(Consistency::Quorum);
        insert.set_is_idempotent(true);
        Self { store, ownership, session, insert }
    }

    async fn one(&self, way: Way, thread: &str, seq: u64, body: &Bytes) {
        if way == Way::BareDriver {
            let values = (LICENSE.0, thread, 0, seq as i64, 1_i64, &body[..]);
            self.session.execute_unpaged(&self.insert, values).await.expect("an insert");
            return;
        }
        let shard = self.ownership.shard_of(LICENSE.0, thread);
        let epoch = self.ownership.epoch(shard).expect("the only node owns every shard");
        let log = LogKey { license: LICENSE, thread: thread.into() };
        let rows = vec![body.clone()];
        let append = Append { shard, epoch, log, first_seq: seq, rows, index: Vec::new() };
        self.store.append(append).await.expect("an append");
        if way == Way::AppendValidated {
            self.ownership.validate(shard, epoch).await.expect("valid");
        }
    }

    async fn round(self: &Arc<Self>, way: Way, in_flight: usize) -> Measured {
        let body = Bytes::from(vec![b'x'; 300]);
        let (began, cpu, database_cpu) = (Instant::now(), cpu_time("self"), database_cpu_time());
        let writers = (0..in_flight).map(|_| {
            let (bench, body) = (self.clone(), body.clone());
            let thread = Uuid::new_v4().simple().to_string();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                for seq in 1.. {
                    let sent = Instant::now();
                    bench.one(way, &thread, seq, &body).await;
                    latencies.push(sent.elapsed());
                    if began.elapsed() > ROUND {
                        break;
                    }
                }
                latencies
            })
        });
        let mut latencies = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            latencies.extend(writer.await.expect("a writer"));
        }
        let (took, cpu) = (began.elapsed(), cpu_time("self").saturating_sub(cpu));
        let database_cpu = database_cpu_time().zip(database_cpu).map(|(now, then)| now.saturating_sub(then));
        latencies.sort_unstable();
        Measured {
            per_second: latencies.len() as f64 / took.as_secs_f64(),
            p50: latencies[latencies.len() / 2],
            p99: latencies[latencies.len() * 99 / 100],
            cpu: cpu / latencies.len() as u32,
            database_cpu: database_cpu.map(|cpu| cpu / latencies.len() as u32),
        }
    }
}

fn database_cpu_time() -> Option<Duration> {
    cassandra::process_id().map(|pid| cpu_time(&pid.to_string()))
}

/// Share of the machine's time that other machines on the same hardware took, up to now, in hundredths of a second.
fn stolen() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.split_whitespace().nth(8).and_then(|ticks| ticks.parse().ok()).unwrap_or_default()
}

/// CPU time of a process up to now.
fn cpu_time(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the state of a process");
    // User and system time, in hundredths of a second, are the 12th and 13th field behind the name in brackets.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap_or_default()).sum();
    Duration::from_millis(ticks * 10)
}

fn median(mut rounds: Vec<Measured>) -> Measured {
    rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    rounds[rounds.len() / 2]
}

#[tokio::main]
async fn main() {
    let bench = Arc::new(Bench::open().await);
    for way in WAYS {
        bench.round(way, 64).await;
    }
    println!("in flight  way              events/s  of bare      p50      p99   CPU an event: own, database");
    for in_flight in [1, 64, 256, 512] {
        let (mut rounds, stolen_before, began) = (WAYS.map(|_| Vec::new()), stolen(), Instant::now());
        for _ in 0..ROUNDS {
            for (way, rounds) in WAYS.into_iter().zip(&mut rounds) {
                rounds.push(bench.round(way, in_flight).await);
            }
        }
        let medians = rounds.map(median);
        for (way, measured) in WAYS.into_iter().zip(medians) {
            println!(
                "{in_flight:9}  {:15} {:9.0} {:7.0}% {:8.2?} {:8.2?} {:8.0?} {:8.0?}",
                format!("{way:?}"),
                measured.per_second,
                100.0 * measured.per_second / medians[0].per_second,
                measured.p50,
                measured.p99,
                measured.cpu,
                measured.database_cpu.unwrap_or_default()
            );
        }
        let stolen = (stolen() - stolen_before) as f64 / 100.0;
        println!("           {stolen:.1} s of CPU time stolen in {:.0?}", began.elapsed());
    }
}
