//! The child process: this test binary once more, told by the environment what to do. Its lines on stdout are its
//! acknowledgements; each is written only after the store has answered.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};
use switchboard::store::{Append, AppendError, EventLog, Health, Store, StoreError};
use switchboard_cluster::Ownership;

use super::embedded::{append, log, options, own};

const FOLDER: &str = "SWITCHBOARD_TEST_CHILD_FOLDER";
const ROLE: &str = "SWITCHBOARD_TEST_CHILD_ROLE";

/// Logs that [`Role::Load`] writes.
pub(crate) const LOGS: u64 = 24;
/// Rows that [`Role::Few`] appends.
pub(crate) const FEW: u64 = 60;

/// What a child does.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// Appends to many logs at once until it is killed; a line `ack <thread> <seq> <body>` a row.
    Load,
    /// The same on the CQL store whose contact point and keyspace a file in the folder names.
    LoadCql,
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
            Self::LoadCql => "load-cql",
            Self::Few => "few",
            Self::UntilFailure => "until-failure",
            Self::Fill => "fill",
            Self::Judge => "judge",
        }
    }
}

/// A command that starts the child, behind the words of `wrapper` (strace and the like).
pub(crate) fn command(wrapper: &[&str], role: Role, folder: &Path) -> Command {
    let this = std::env::current_exe().expect("the path of this test binary");
    let mut words = wrapper.iter().map(PathBuf::from).chain([this]);
    let mut command = Command::new(words.next().expect("at least this binary"));
    command
        .args(words)
        .args(["--exact", "child::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROLE, role.name())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

/// The lines of a child's stdout.
pub(crate) fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
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
        "load" => runtime.block_on(async { load(Arc::new(super::embedded::open(&folder))).await }),
        "load-cql" => runtime.block_on(async { load(Arc::new(super::cql::open_at(&folder).await)).await }),
        "few" => runtime.block_on(few(&folder)),
        "until-failure" => runtime.block_on(until_failure(&folder)),
        "fill" => runtime.block_on(fill(&folder)),
        "judge" => runtime.block_on(super::embedded::damage::open_and_read(&folder)),
        other => panic!("no such role: {other}"),
    }
}

/// Appends as chat owners do: adopt what is there, write it again under the own epoch, then go on.
async fn load(store: Arc<dyn Store>) {
    let ownership = own(store.clone()).await;
    let run = ownership.incarnation();
    let writers = (0..LOGS).map(|number| {
        let (store, ownership) = (store.clone(), ownership.clone());
        async move {
            let thread = format!("T{number}");
            let mut next = adopt(&*store, &ownership, &thread).await;
            loop {
                let count = Append::room(next).min(1 + (next + number) as usize % 4) as u64;
                let bodies: Vec<String> =
                    (next..next + count).map(|seq| format!("{thread}:{seq}:{run}")).collect();
                let rows: Vec<_> =
                    bodies.iter().map(|body| Bytes::copy_from_slice(body.as_bytes())).collect();
                // After an unknown outcome the same rows again, and nothing else.
                while store.append(append(&ownership, &thread, next, rows.clone())).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                while ownership.confirm().await.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                for (seq, body) in (next..).zip(bodies) {
                    println!("ack {thread} {seq} {body}");
                }
                next += count;
            }
        }
    });
    futures_util::future::join_all(writers).await;
}

/// Re-stamps the tail of a log and gives the number of the next row.
async fn adopt(store: &dyn Store, ownership: &Ownership, thread: &str) -> u64 {
    let mut tail = store.tail(&log(thread), Append::MAX_ROWS).await.expect("a tail");
    let Some(last) = tail.last().map(|row| row.seq) else { return 1 };
    tail.retain(|row| row.seq / Append::BUCKET_ROWS == last / Append::BUCKET_ROWS);
    let first = tail[0].seq;
    let rows = tail.into_iter().map(|row| row.body).collect();
    store.append(append(ownership, thread, first, rows)).await.expect("the re-stamp");
    ownership.confirm().await.expect("valid");
    last + 1
}

async fn few(folder: &Path) {
    let store = Arc::new(EmbeddedStore::open(&options(folder)).expect("a store"));
    let ownership = own(store.clone()).await;
    for seq in 1..=FEW {
        let append = append(&ownership, "T", seq, vec![Bytes::from(seq.to_string())]);
        store.append(append).await.expect("an append");
        println!("ack {seq}");
    }
}

async fn until_failure(folder: &Path) {
    let store = Arc::new(EmbeddedStore::open(&options(folder)).expect("a store"));
    let ownership = own(store.clone()).await;
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
    // As much as there is to merge: whatever the engine does at a start finds room.
    const RESERVE: u64 = 72 << 20;
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 144 << 20]).expect("a ballast file");
    let options = EmbeddedOptions {
        reserve_bytes: RESERVE,
        memtable_bytes: 4 << 20,
        ..EmbeddedOptions::new(folder.join("store"))
    };
    let store = Arc::new(EmbeddedStore::open(&options).expect("a store"));
    let ownership = own(store.clone()).await;
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
    // A restart on the full disk reads as well, and can take its shards.
    drop((ownership, store));
    let store = reopened(&options).await;
    let ownership = own(store.clone()).await;
    assert_eq!(store.read(&log("T"), 1, None, 10_000).await.expect("a read").len() as u64, next - 1);
    println!("reopened");
    std::fs::remove_file(ballast).expect("room");
    // Merges may need some of the room first.
    let began = std::time::Instant::now();
    while let Err(error) = store.append(append(&ownership, "T", next, vec![body(next)])).await {
        assert!(matches!(&error, AppendError::Store(StoreError::Full { .. })), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(60), "it does not go on though there is room: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(store.failed().borrow().is_none());
    println!("again {next}");
}

/// Opens a store again once the tasks of its former owner have let go of it.
async fn reopened(options: &EmbeddedOptions) -> Arc<EmbeddedStore> {
    let began = std::time::Instant::now();
    loop {
        match EmbeddedStore::open(options) {
            Ok(store) => return Arc::new(store),
            Err(error) => assert!(began.elapsed() < Duration::from_secs(60), "{}", chain(&error)),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
