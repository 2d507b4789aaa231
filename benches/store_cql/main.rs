//! The CQL store against the bare driver: the same bytes, the same consistency, the same run; then the whole server.
//!
//! Each writer inserts rows of 300 bytes, one at a time: by the bare driver (a prepared insert), by the store's append, and
//! by append and validation, which is what comes before an answer. The three take turns of a second; each turn is compared
//! with the bare driver's turns just before and after it, and the median of these ratios is shown, since a shared machine is
//! noisy: read the ratios. The whole server is compared in the same way with 512 writers of the bare driver.
//!
//! Run with `cargo bench --bench store_cql`; it starts a Cassandra of its own, or uses that of `SWITCHBOARD_TEST_CQL`. With
//! `-- store` or `-- server` it measures one of the two parts.

#[path = "../../tests/cassandra/mod.rs"]
mod cassandra;
mod measure;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use measure::{Measured, Rounds, Writing};
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
const TURN: Duration = Duration::from_secs(1);
const TURNS: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    BareDriver,
    Append,
    AppendValidated,
}

struct Bench {
    keyspace: String,
    contact_point: String,
    store: CqlStore,
    ownership: Ownership,
    session: Session,
    insert: PreparedStatement,
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
        let session = SessionBuilder::new().known_node(contact_point).build().await.expect("a session");
        let insert = format!(
            "INSERT INTO {keyspace}.events (license, thread, bucket, seq, epoch, body) VALUES (?, ?, ?, ?, ?, ?)"
        );
        let mut insert = session.prepare(insert).await.expect("a statement");
        insert.set_consistency(Consistency::Quorum);
        insert.set_is_idempotent(true);
        let (began, paxos) = (Instant::now(), paxos_writes(&session).await);
        let ownership = OwnershipOptions {
            node: NodeName::new("bench"),
            address: String::new(),
            certificate: None,
            incarnation: Incarnation(Uuid::new_v4()),
            shards: ShardCount::DEFAULT,
            clock: Arc::new(|| 1),
        };
        let ownership = Ownership::start(tables, ownership).await.expect("a start");
        println!(
            "{} shards claimed in {:.1?}; rows of system.paxos written meanwhile: {}",
            ownership.owned().len(),
            began.elapsed(),
            since(paxos, paxos_writes(&session).await)
        );
        Self { keyspace, contact_point: contact_point.to_owned(), store, ownership, session, insert }
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

    /// So many writers, each with a row in flight, for a while.
    async fn turn(self: &Arc<Self>, way: Way, in_flight: usize, time: Duration) -> Measured {
        let body = Bytes::from(vec![b'x'; 300]);
        let writing = Writing::begin();
        let writers = (0..in_flight).map(|_| {
            let (bench, body) = (self.clone(), body.clone());
            let thread = Uuid::new_v4().simple().to_string();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                for seq in 1.. {
                    let sent = Instant::now();
                    bench.one(way, &thread, seq, &body).await;
                    latencies.push(sent.elapsed());
                    if writing.began().elapsed() > time {
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
        writing.end(latencies)
    }

    async fn store_alone(self: &Arc<Self>) {
        for way in [Way::BareDriver, Way::Append, Way::AppendValidated] {
            self.turn(way, 64, TURN * 3).await;
        }
        let paxos = paxos_writes(&self.session).await;
        println!("\nin flight  {}", Rounds::HEAD);
        for in_flight in [1, 64, 256, 512] {
            let stolen = measure::Stolen::begin();
            let mut bare = Rounds::default();
            let mut others = [(Way::Append, Rounds::default()), (Way::AppendValidated, Rounds::default())];
            for _ in 0..TURNS {
                for (way, rounds) in &mut others {
                    let before = self.turn(Way::BareDriver, in_flight, TURN).await;
                    let measured = self.turn(*way, in_flight, TURN).await;
                    let after = self.turn(Way::BareDriver, in_flight, TURN).await;
                    rounds.push(measured, Some((before.per_second + after.per_second) / 2.0));
                    bare.push(before, None);
                    bare.push(after, None);
                }
            }
            println!("{in_flight:9}  {}", bare.line("bare driver"));
            for (way, rounds) in &others {
                println!("{in_flight:9}  {}", rounds.line(&format!("{way:?}")));
            }
            println!("           {stolen}");
        }
        println!(
            "rows of system.paxos written meanwhile: {}",
            since(paxos, paxos_writes(&self.session).await)
        );
    }
}

/// Rows that conditional writes have left in the database's own table, where it tells: none per event, some per claim.
async fn paxos_writes(session: &Session) -> Option<i64> {
    let text = "SELECT count FROM system_views.local_write_latency WHERE keyspace_name = 'system' AND table_name = 'paxos'";
    let rows = session.query_unpaged(text, ()).await.ok()?.into_rows_result().ok()?;
    Some(rows.first_row::<(i64,)>().ok()?.0)
}

fn since(before: Option<i64>, now: Option<i64>) -> String {
    before.zip(now).map_or_else(|| "not told".to_owned(), |(before, now)| (now - before).to_string())
}

#[tokio::main]
async fn main() {
    let wanted = |part: &str| {
        let mut named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
        named.peek().is_none() || named.any(|argument| argument == part)
    };
    let bench = Arc::new(Bench::open().await);
    if wanted("store") {
        bench.store_alone().await;
    }
    if wanted("server") {
        server::measure(&bench).await;
    }
}
