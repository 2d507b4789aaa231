//! `switchboard torture` on a real cluster: three servers on a real Cassandra, clients through a real HAProxy, every fault.
//!
//! For as long as `SWITCHBOARD_TEST_TORTURE_SECONDS` says, else for three minutes: half of it on one Cassandra with all that
//! the machine gives, half on three Cassandras with three copies, of which one is killed as well. In each half every fault
//! comes about once or more.

#[path = "../cassandra/mod.rs"]
mod cassandra;

use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

/// One torture has the machine for itself.
static MACHINE: Mutex<()> = Mutex::new(());

/// `switchboard torture` with more options, on a store. What came of it, and the nodes' logs.
fn torture(contact_points: &str, options: &[&str]) -> (Output, tempfile::TempDir) {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut torture = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    torture.args(["torture", "--keep", "--contact-points", contact_points]).args(options);
    let done = torture.arg("--scratch").arg(scratch.path()).output().expect("the program");
    println!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done, scratch)
}

/// Torture through HAProxy with all faults that can be inflicted, for half of the time.
fn torture_in_full(contact_points: &str, store: &[i32], options: &[&str]) {
    let haproxy = Command::new("haproxy").arg("-v").stdout(Stdio::null()).status();
    assert!(haproxy.is_ok_and(|status| status.success()), "HAProxy is missing: apt-get install haproxy");
    let seconds = std::env::var("SWITCHBOARD_TEST_TORTURE_SECONDS").unwrap_or_else(|_| "180".to_owned());
    let seconds: u64 = seconds.parse().expect("SWITCHBOARD_TEST_TORTURE_SECONDS is a number");
    let (half, processes) = ((seconds / 2).to_string(), store.iter().map(i32::to_string).collect::<Vec<_>>());
    let mut all = vec!["--haproxy", "--seconds", &half];
    all.extend(processes.iter().flat_map(|process| ["--store-pids", process]));
    let (done, logs) = torture(contact_points, &[&all, options].concat());
    if !done.status.success() {
        panic!("the ledger is above, the nodes' logs are in {}", logs.keep().display());
    }
}

#[test]
fn nothing_acknowledged_is_lost_doubled_or_reordered_whatever_dies() {
    let _alone = MACHINE.lock();
    let contact_point = cassandra::contact_point();
    // A server that is somebody else's is not frozen.
    let store: Vec<i32> = cassandra::process_id().into_iter().collect();
    let nft = Command::new("nft").args(["list", "tables"]).output();
    let nft = nft.expect("nft is missing: apt-get install nftables");
    // Only root may filter packets, and not on every kernel; else partitions are made by gates, as in the other half.
    let options: &[&str] = if nft.status.success() { &["--nftables"] } else { &[] };
    torture_in_full(contact_point, &store, options);
}

#[test]
fn nor_where_a_machine_of_the_database_dies_too() {
    let _alone = MACHINE.lock();
    let database = cassandra::Cluster::start_three();
    let store: Vec<i32> = database.nodes.iter().filter_map(cassandra::Node::process_id).collect();
    assert_eq!(store.len(), 3);
    // Three Cassandras beside three servers leave a small machine no room for people who talk without a pause.
    let calmer = ["--replication-factor", "3", "--chats", "40", "--think", "1000"];
    torture_in_full(&database.contact_points().join(","), &store, &calmer);
}

#[test]
#[ignore = "for a build that loses messages: cargo test --features switchboard-cluster/unsound-skip-validation"]
fn a_server_that_does_not_validate_is_caught() {
    // Whether a zombie answers before it hears of its end is a race, which each freeze of a node begins for some ten chats.
    const ATTEMPTS: usize = 5;
    let is_caught = || {
        let (done, _logs) =
            torture(cassandra::contact_point(), &["--faults", "freeze", "--chats", "40", "--seconds", "30"]);
        let ledger = String::from_utf8_lossy(&done.stdout).into_owned();
        !done.status.success() && ledger.contains("\nlost ") && !ledger.contains("\nlost 0,")
    };
    assert!((0..ATTEMPTS).any(|_| is_caught()), "nothing was lost, which the ledgers above must not say");
}
