//! The whole server on the same database: `switchboard bench chat` against `switchboard serve`, in turns with the bare driver.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::measure::{Measured, Rounds, Stolen, database_cpu_time, used_by_database};
use crate::{Bench, Way, paxos_writes, since};

const CHATS: usize = 512;
const TURN: Duration = Duration::from_secs(5);
const TURNS: usize = 5;

/// A server; killed in the end.
struct Server {
    process: Child,
    base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn command(bench: &Bench, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command
        .current_dir(folder)
        .env("SWITCHBOARD_STORE", "cql")
        .env("SWITCHBOARD_CQL_CONTACT_POINTS", &bench.contact_point)
        .env("SWITCHBOARD_CQL_KEYSPACE", &bench.keyspace)
        .env("SWITCHBOARD_LIMITS_SESSION_RATE", "off")
        .env("SWITCHBOARD_LOG_LEVEL", "warn")
        .stdin(Stdio::null());
    command
}

fn start(bench: &Bench, folder: &Path) -> Server {
    let mut process = command(bench, folder)
        .args(["serve", "--listen", "127.0.0.1:0", "--no-demo"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
    let base = lines.find_map(|line| Some(line.ok()?.strip_prefix("listening on ")?.to_owned()));
    Server { process, base: base.expect("the server listens") }
}

/// One turn of the load generator: messages from sender to receiver and their acknowledgements.
fn turn(bench: &Bench, folder: &Path, server: &Server) -> Measured {
    let database = database_cpu_time();
    let output = command(bench, folder)
        .args(["bench", "chat", "--credentials", "credentials.json", "--json", "--quiet", "--warm-up", "2"])
        .args(["--target", &server.base, "--chats", &CHATS.to_string(), "--size", "100"])
        .args(["--seconds", &TURN.as_secs().to_string(), "--server-pid", &server.process.id().to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("the load generator runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "the audit failed: {text}");
    let report: Value = serde_json::from_str(&text).expect("a report");
    let round = &report["rounds"][0];
    let figure = |name: &str| round["figures"][name].as_f64().unwrap_or_default();
    let latency = |name: &str| {
        let lane = round["latencies"].as_object().and_then(|lanes| lanes.values().next());
        Duration::from_micros(lane.and_then(|lane| lane[name].as_u64()).unwrap_or_default())
    };
    // The database works for the warm-up, the chats' opening and the audit, too: its share is told by whole turns only.
    let events = figure("rate") * (TURN.as_secs_f64() + 2.0);
    Measured {
        per_second: figure("rate"),
        p50: latency("p50"),
        p99: latency("p99"),
        cpu: Duration::from_secs_f64(figure("cpu_per_1000") / 1_000.0),
        database_cpu: used_by_database(database).map(|cpu| cpu.div_f64(events.max(1.0))),
    }
}

pub(crate) async fn measure(bench: &Arc<Bench>) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let made = command(bench, folder.path())
        .args(["license", "create", "--agents", &CHATS.to_string(), "--credentials-file", "credentials.json"])
        .stdout(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "a license is made");
    // The shards are the server's from here on.
    bench.ownership.step_down().await.expect("the end of this owner");
    let server = tokio::task::block_in_place(|| start(bench, folder.path()));
    let (stolen, paxos) = (Stolen::begin(), paxos_writes(&bench.session).await);
    let (mut bare, mut whole) = (Rounds::default(), Rounds::default());
    bench.turn(Way::BareDriver, CHATS, TURN).await;
    let mut before = bench.turn(Way::BareDriver, CHATS, TURN).await;
    for _ in 0..TURNS {
        let measured = tokio::task::block_in_place(|| turn(bench, folder.path(), &server));
        let after = bench.turn(Way::BareDriver, CHATS, TURN).await;
        whole.push(measured, Some((before.per_second + after.per_second) / 2.0));
        bare.push(after, None);
        before = after;
    }
    println!("\nthe whole server, {CHATS} chats; CPU is the server's and the database's");
    println!("           {}", Rounds::HEAD);
    println!("           {}", bare.line("bare driver"));
    println!("           {}", whole.line("server"));
    println!("           {stolen}");
    let paxos = since(paxos, paxos_writes(&bench.session).await);
    println!("rows of system.paxos written meanwhile, by {} openings of chats: {paxos}", TURNS * CHATS);
}
