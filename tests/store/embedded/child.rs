//! The child process: this test binary once more, told by the environment what to do. Its lines on stdout are its
//! acknowledgements; each is written only after the store has answered.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};
use switchboard::store::{Append, AppendError, EventLog, Health, StoreError};

use super::{append, log, options, own};

const FOLDER: &str = "SWITCHBOARD_TEST_CHILD_FOLDER";
const ROLE: &str = "SWITCHBOARD_TEST_CHILD_ROLE";

/// Rows that [`Role::Few`] appends.
pub(super) const FEW: u64 = 60;

/// What a child does.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// Appends to many logs at once until it is killed; a line `ack <thread> <seq> <body>` a row.
    Load,
    /// Appends [`FEW`] rows to one log, one at a time; a line `ack <seq>` a row.
    Few,
    /// The same without end, until the store fails; then tries on.
    UntilFailure,
    /// Appends until the disk is full, reads, makes room, goes on.
    Fill,
    /// Opens a store that may be damaged, reads everything, says `verdict …`.
    Judge,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Few => "few",
            Self::UntilFailure => "until-failure",
            Self::Fill => "fill",
            Self::Judge => "judge",
        }
    }
}

/// A command that starts the child, behind the words of `wrapper` (strace and the like).
pub(super) fn command(wrapper: &[&str], role: Role, folder: &Path) -> Command {
    let this = std::env::current_exe().expect("the path of this test binary");
    let mut words = wrapper.iter().map(PathBuf::from).chain([this]);
    let mut command = Command::new(words.next().expect("at least this binary"));
    command
        .args(words)
        .args(["--exact", "embedded::child::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROLE, role.name())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

/// The lines of a child's stdout.
pub(super) fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let stdout: ChildStdout = child.stdout.take().expect("a piped stdout");
    BufReader::new(stdout).lines().map_while(Result::ok)
}

#[test]
#[ignore = "the child process of other tests, not a test"]
fn child() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a folder"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // The test harness has begun a line.
    println!();
    match std::env::var(ROLE).expect("a role").as_str() {
        "load" => runtime.block_on(load(&folder)),
        "few" => runtime.block_on(few(&folder)),
        "until-failure" => runtime.block_on(until_failure(&folder)),
        "fill" => runtime.block_on(fill(&folder)),
        "judge" => runtime.block_on(super::damage::open_and_read(&folder)),
        other => panic!("no such role: {other}"),
    }
}

async fn load(folder: &Path) {
    let store = Arc::new(EmbeddedStore::open(&options(folder)).expect("a store"));
    let ownership = own(&store).await;
    let run = ownership.incarnation();
    let writers = (0..24).map(|number: u64| {
        let (store, ownership) = (store.clone(), ownership.clone());
        async move {
            let thread = format!("T{number}");
            let mut next =
                store.tail(&log(&thread), 1).await.expect("a tail").last().map_or(1, |row| row.seq + 1);
            loop {
                let count = Append::room(next).min(1 + (next + number) as usize % 4) as u64;
                let bodies: Vec<String> =
                    (next..next + count).map(|seq| format!("{thread}:{seq}:{run}")).collect();
                let rows = bodies.iter().map(|body| Bytes::copy_from_slice(body.as_bytes())).collect();
                store.append(append(&ownership, &thread, next, rows)).await.expect("an append");
                ownership.validate().await.expect("valid");
                for (seq, body) in (next..).zip(bodies) {
                    println!("ack {thread} {seq} {body}");
                }
                next += count;
            }
        }
    });
    futures_util::future::join_all(writers).await;
}

async fn few(folder: &Path) {
    let store = Arc::new(EmbeddedStore::open(&options(folder)).expect("a store"));
    let ownership = own(&store).await;
    for seq in 1..=FEW {
        let append = append(&ownership, "T", seq, vec![Bytes::from(seq.to_string())]);
        store.append(append).await.expect("an append");
        println!("ack {seq}");
    }
}

async fn until_failure(folder: &Path) {
    let store = Arc::new(EmbeddedStore::open(&options(folder)).expect("a store"));
    let ownership = own(&store).await;
    println!("ready");
    for seq in 1..=1000 {
        match store.append(append(&ownership, "T", seq, vec![Bytes::from(seq.to_string())])).await {
            Ok(()) => println!("ack {seq}"),
            Err(error) => {
                println!("failed {seq} {}", chain(&error));
                break;
            }
        }
    }
    if let Some(failure) = store.failed().borrow().clone() {
        println!("stopped {}", chain(&failure));
    }
    for number in 0..5 {
        let refused = store.append(append(&ownership, &format!("N{number}"), 1, vec![Bytes::new()])).await;
        assert!(matches!(refused, Err(AppendError::Store(StoreError::Failed(_)))), "{refused:?}");
        println!("refused {number}");
    }
    assert!(matches!(store.check().await, Err(StoreError::Failed(_))));
    println!("rows {}", store.read(&log("T"), 1, None, 10_000).await.expect("reads go on").len());
}

async fn fill(folder: &Path) {
    const RESERVE: u64 = 32 << 20;
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 24 << 20]).expect("a ballast file");
    let options = EmbeddedOptions {
        reserve_bytes: RESERVE,
        memtable_bytes: 4 << 20,
        ..EmbeddedOptions::new(folder.join("store"))
    };
    let store = Arc::new(EmbeddedStore::open(&options).expect("a store"));
    let ownership = own(&store).await;
    let body = |seq: u64| noise(seq, 256 * 1024);
    let mut next = 1;
    let refused = loop {
        match store.append(append(&ownership, "T", next, vec![body(next)])).await {
            Ok(()) => next += 1,
            Err(error) => break error,
        }
        assert!(next < 10_000, "the disk never became full");
    };
    assert!(matches!(&refused, AppendError::Store(error) if error.is_retryable()), "{refused:?}");
    assert!(matches!(refused, AppendError::Store(StoreError::Full { .. })), "{refused:?}");
    println!("full {} {}", next - 1, chain(&refused));
    assert!(matches!(store.check().await, Err(StoreError::Full { .. })));
    let rows = store.read(&log("T"), 1, None, 10_000).await.expect("reads go on");
    assert_eq!(rows.len() as u64, next - 1);
    assert!(rows.iter().all(|row| row.body == body(row.seq)));
    println!("read {}", rows.len());
    std::fs::remove_file(ballast).expect("room");
    let again = store.append(append(&ownership, "T", next, vec![body(next)])).await;
    again.expect("it goes on by itself when there is room");
    assert!(store.failed().borrow().is_none());
    println!("again {next}");
}

/// Bytes that do not compress.
fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    Bytes::from(bytes)
}

/// An error with all its sources.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
