//! The sync lies between append and acknowledgement, and when it fails nothing is acknowledged any more.

use std::process::Command;

use switchboard::store::EventLog;

use super::{log, open};
use crate::child::{FEW, Role, command, lines};

/// The sync of this number fails.
const FAILING: u64 = 25;

fn need_strace() {
    let found = Command::new("strace").arg("-V").output();
    assert!(found.is_ok(), "this test needs strace: apt-get install strace");
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_the_store_stops() {
    need_strace();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let inject = format!("inject=fdatasync:error=EIO:when={FAILING}");
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject];
    let mut child = command(&strace, Role::UntilFailure, folder.path()).spawn().expect("a child");
    let said: Vec<String> = lines(&mut child).collect();
    assert!(child.wait().expect("its end").success(), "{said:#?}");

    let with = |word: &str| said.iter().filter(|line| line.starts_with(word)).collect::<Vec<_>>();
    let (acks, failed, stopped) = (with("ack "), with("failed "), with("stopped "));
    assert!(!acks.is_empty() && acks.len() < FAILING as usize, "{said:#?}");
    assert_eq!(failed.len(), 1, "{said:#?}");
    assert!(failed[0].starts_with(&format!("failed {} ", acks.len() + 1)), "{said:#?}");
    assert_eq!(stopped.len(), 1, "{said:#?}");
    assert!(stopped[0].contains("check the disk") && stopped[0].contains("os error 5"), "{said:#?}");
    assert_eq!(with("refused ").len(), 5, "{said:#?}");
    assert_eq!(with("rows ").len(), 1, "{said:#?}");
    let last = said.iter().rposition(|line| line.starts_with("ack ")).expect("an ack");
    let failure = said.iter().position(|line| line.starts_with("failed ")).expect("a failure");
    assert!(last < failure, "{said:#?}");

    let store = open(folder.path());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let rows = runtime.block_on(store.read(&log("T"), 1, None, 10_000)).expect("a read");
    assert!(rows.len() >= acks.len(), "{} rows for {} acknowledgements", rows.len(), acks.len());
}

#[test]
fn a_sync_lies_between_every_append_and_its_acknowledgement() {
    need_strace();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let trace = folder.path().join("trace");
    let trace_text = trace.to_str().expect("a plain path");
    let calls = "trace=fsync,fdatasync,write,writev,pwrite64";
    let strace = ["strace", "-f", "-qq", "-y", "-s", "16", "-o", trace_text, "-e", calls];
    let mut child = command(&strace, Role::Few, &folder.path().join("store")).spawn().expect("a child");
    let acks = lines(&mut child).filter(|line| line.starts_with("ack ")).count();
    assert!(child.wait().expect("its end").success());
    assert_eq!(acks as u64, FEW);
    let trace = std::fs::read_to_string(trace).expect("the trace");
    let order = Order::read(&trace);
    assert_eq!(order.acks as u64, FEW, "{order:?}");
}

/// What the system calls say, in the order in which they ended.
#[derive(Debug, Default)]
struct Order {
    acks: usize,
    /// Journal writes since the last sync.
    unsynced: usize,
    /// Syncs since the last acknowledgement.
    syncs: usize,
}

impl Order {
    fn read(trace: &str) -> Self {
        let mut order = Self::default();
        for line in trace.lines() {
            let journal = line.contains(".jnl>");
            let done = line.ends_with("= 0");
            if line.contains("\"ack ") {
                order.acks += 1;
                assert!(
                    order.syncs > 0 && order.unsynced == 0,
                    "acknowledged before its sync: {order:?} {line}"
                );
                order.syncs = 0;
            } else if line.contains("commit.mark>") && line.contains("pwrite64(") {
                assert_eq!(order.unsynced, 0, "the side mark was written before the sync: {line}");
            } else if line.contains("sync") && done && (journal || line.contains("resumed")) {
                order.unsynced = 0;
                order.syncs += 1;
            } else if line.contains("write") && journal {
                order.unsynced += 1;
            }
        }
        order
    }
}
