//! `switchboard torture` on a real cluster: three servers on a real Cassandra, clients through a real HAProxy, every fault.
//!
//! For as long as `SWITCHBOARD_TEST_TORTURE_SECONDS` says, else for a minute and a half, in which each fault comes about once.

#[path = "../cassandra/mod.rs"]
mod cassandra;

use std::process::{Command, Output, Stdio};

/// `switchboard torture` with more options, on the Cassandra of this test binary. Ends the nodes' folders with it.
fn torture(options: &[&str]) -> Output {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut torture = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    torture.arg("torture").args(["--contact-points", cassandra::contact_point()]).args(options);
    let done = torture.arg("--scratch").arg(scratch.path()).output().expect("the program");
    println!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    done
}

#[test]
fn nothing_acknowledged_is_lost_doubled_or_reordered_whatever_dies() {
    let haproxy = Command::new("haproxy").arg("-v").stdout(Stdio::null()).status();
    assert!(haproxy.is_ok_and(|status| status.success()), "HAProxy is missing: apt-get install haproxy");
    let seconds = std::env::var("SWITCHBOARD_TEST_TORTURE_SECONDS").unwrap_or_else(|_| "90".to_owned());
    cassandra::contact_point();
    // A server that is somebody else's is not frozen.
    let store = cassandra::process_id().map(|process| process.to_string());
    let mut options = vec!["--haproxy", "--seconds", &seconds];
    options.extend(store.iter().flat_map(|process| ["--store-pids", process]));
    let done = torture(&options);
    assert!(done.status.success(), "the ledger is above");
}

#[test]
#[ignore = "for a build that loses messages: cargo test --features switchboard-cluster/unsound-skip-validation"]
fn a_server_that_does_not_validate_is_caught() {
    // Whether a zombie answers before it hears of its end is a race, which each freeze of a node begins for some ten chats.
    const ATTEMPTS: usize = 5;
    let is_caught = || {
        let done = torture(&["--faults", "freeze", "--chats", "40", "--seconds", "30"]);
        let ledger = String::from_utf8_lossy(&done.stdout).into_owned();
        !done.status.success() && ledger.contains("\nlost ") && !ledger.contains("\nlost 0,")
    };
    assert!((0..ATTEMPTS).any(|_| is_caught()), "nothing was lost, which the ledgers above must not say");
}
