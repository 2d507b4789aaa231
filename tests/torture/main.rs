//! `switchboard torture` on a real cluster: three servers on a real Cassandra, clients through a real HAProxy, every fault.
//!
//! For as long as `SWITCHBOARD_TEST_TORTURE_SECONDS` says, else for a minute and a half, in which each fault comes about once.

#[path = "../cassandra/mod.rs"]
mod cassandra;

use std::process::{Command, Stdio};

#[test]
fn nothing_acknowledged_is_lost_doubled_or_reordered_whatever_dies() {
    let haproxy = Command::new("haproxy").arg("-v").stdout(Stdio::null()).status();
    assert!(haproxy.is_ok_and(|status| status.success()), "HAProxy is missing: apt-get install haproxy");
    let contact_point = cassandra::contact_point();
    let seconds = std::env::var("SWITCHBOARD_TEST_TORTURE_SECONDS").unwrap_or_else(|_| "90".to_owned());
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut torture = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    torture.arg("torture").arg("--haproxy").args(["--contact-points", contact_point, "--seconds", &seconds]);
    torture.arg("--scratch").arg(scratch.path());
    // A server that is somebody else's is not frozen.
    if let Some(process) = cassandra::process_id() {
        torture.args(["--store-pids", &process.to_string()]);
    }
    let done = torture.output().expect("the program");
    let (ledger, fault) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    println!("{ledger}");
    assert!(done.status.success(), "{ledger}\n{fault}");
}
