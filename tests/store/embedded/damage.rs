//! Files flipped and truncated at many places, on copies: reported, or read in full; never shorter, never empty.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};
use switchboard::store::{
    Append, Cas, CasTables, CellKey, CellTable, EventLog, IndexKey, IndexScan, IndexTable, IndexWrite,
    Indexes, Order, Version,
};
use switchboard_cluster::OwnershipTables;

use super::{LICENSE, append, log, own};
use crate::child::{Role, chain, command};

const THREADS: u64 = 12;
const ROWS: u64 = 40;

/// Small memtables, so that a little data has been through flushes, and some is in journals only.
fn options(folder: &Path) -> EmbeddedOptions {
    EmbeddedOptions { reserve_bytes: 1 << 20, memtable_bytes: 64 << 10, ..EmbeddedOptions::new(folder) }
}

fn body(thread: u64, seq: u64) -> Bytes {
    Bytes::from(format!("{thread}:{seq}:{}", "text ".repeat(60)))
}

async fn fill(folder: &Path) {
    let store = Arc::new(EmbeddedStore::open(&options(folder)).expect("a store"));
    let ownership = own(store.clone()).await;
    for seq in 1..=ROWS {
        for thread in 0..THREADS {
            let key = IndexKey {
                table: IndexTable::ThreadsByDay,
                owner: LICENSE.0,
                bucket: "day".to_owned(),
                position: thread as i64,
                id: thread.to_string(),
            };
            let version = Version { thread_no: 1, seq };
            let rows = vec![body(thread, seq)];
            let index = vec![IndexWrite { key, version, body: body(thread, seq) }];
            let append = append(&ownership, &format!("T{thread}"), seq, rows);
            store.append(Append { index, ..append }).await.expect("an append");
        }
        let key = CellKey::new(CellTable::Licenses, LICENSE, format!("part{seq}"));
        assert_eq!(store.cas(&key, None, Some(body(0, seq))).await.expect("an answer"), Cas::Applied);
    }
}

/// Reads everything. An error is a report; anything that is not what was written is a failure of the test.
async fn read_all(store: &EmbeddedStore) -> Result<(), String> {
    let told = |error: switchboard::store::StoreError| chain(&error);
    for thread in 0..THREADS {
        let rows = store.read(&log(&format!("T{thread}")), 1, None, usize::MAX).await.map_err(told)?;
        assert_eq!(rows.len() as u64, ROWS, "log {thread} is shorter");
        assert!(rows.iter().all(|row| row.body == body(thread, row.seq)), "log {thread} differs");
        let tail = store.tail(&log(&format!("T{thread}")), 3).await.map_err(told)?;
        assert_eq!(tail, rows[ROWS as usize - 3..], "the tail of log {thread} differs");
    }
    let cells = store.list_cells(CellTable::Licenses, LICENSE, None, 1000).await.map_err(told)?;
    assert_eq!(cells.len() as u64, ROWS, "cells are missing");
    for seq in 1..=ROWS {
        let key = CellKey::new(CellTable::Licenses, LICENSE, format!("part{seq}"));
        assert_eq!(store.read_cell(&key).await.map_err(told)?, Some(body(0, seq)), "cell {seq} differs");
    }
    let scan = IndexScan::bucket(IndexTable::ThreadsByDay, LICENSE.0, "day", Order::Ascending, 1000);
    let rows = store.scan_index(scan).await.map_err(told)?;
    assert_eq!(rows.len() as u64, THREADS, "index rows are missing");
    assert!(rows.iter().all(|row| row.body == body(row.position as u64, ROWS)), "index rows differ");
    let shards = store.shards().await.map_err(|error| chain(&error))?;
    assert_eq!(shards.len(), 256, "shards are missing");
    Ok(())
}

/// Every file below a folder, smallest path first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The length of a file without the zeros at its end: journals are made long in advance.
fn used_length(path: &Path) -> u64 {
    let bytes = fs::read(path).expect("a file");
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// Copies a folder, leaving the holes at the ends of files as holes.
fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).expect("a path inside"));
        fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
        let bytes = fs::read(&path).expect("a file");
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let mut file = File::create(&target).expect("a file");
        file.write_all(&bytes[..used]).expect("a write");
        file.set_len(bytes.len() as u64).expect("a length");
    }
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip { at: u64, bit: u8 },
    Truncate { to: u64 },
}

fn damage(path: &Path, damage: Damage) {
    let file = File::options().read(true).write(true).open(path).expect("a file");
    match damage {
        Damage::Flip { at, bit } => {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).expect("a byte");
            file.write_all_at(&[byte[0] ^ (1 << bit)], at).expect("a byte");
        }
        Damage::Truncate { to } => file.set_len(to).expect("a length"),
    }
}

/// Up to `count` places of a file: its beginning, its end, and the rest spread over it.
fn places(length: u64, count: u64) -> Vec<u64> {
    let spread = (0..count).map(|n| n * length / count.max(1) + n % 7);
    let mut places: Vec<u64> =
        spread.chain([0, 1, 8, length / 2, length.saturating_sub(9), length - 1]).collect();
    places.retain(|place| *place < length);
    places.sort_unstable();
    places.dedup();
    places
}

#[derive(Debug, Default)]
struct Tally {
    /// Not opened, with advice.
    refused: u32,
    /// Opened; a read was refused.
    reported: u32,
    /// Opened and read in full.
    harmless: u32,
    /// The engine ended the process; the next start gave advice.
    aborted: u32,
}

#[test]
fn damage_is_reported_or_harmless_but_never_read_as_less() {
    let density: u64 = match std::env::var("SWITCHBOARD_TEST_DAMAGE_DENSITY") {
        Ok(text) => text.parse().expect("SWITCHBOARD_TEST_DAMAGE_DENSITY is a number"),
        Err(_) => 3,
    };
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let whole = scratch.path().join("whole");
    // A runtime of its own, whose end ends the node's tasks and with them the hold on the store.
    tokio::runtime::Runtime::new().expect("a runtime").block_on(fill(&whole));
    assert_eq!(judge(&whole), "whole");
    let all = files(&whole);
    assert!(
        all.iter().any(|path| path.to_string_lossy().contains("tables")),
        "something was flushed: {all:?}"
    );
    let mut tally = Tally::default();
    let mut journals = 0;
    for path in all {
        let name = path.strip_prefix(&whole).expect("a path inside").to_owned();
        let length = used_length(&path);
        if length == 0 || name.ends_with("LOCK") || name.ends_with("lock") {
            continue;
        }
        let is_journal = name.extension().is_some_and(|extension| extension == "jnl");
        journals += u32::from(is_journal);
        let count = density * if is_journal { 60 } else { 9 };
        let flips = places(length, count).into_iter().map(|at| Damage::Flip { at, bit: (at % 8) as u8 });
        let cuts = places(length, count / 3).into_iter().map(|to| Damage::Truncate { to });
        for kind in flips.chain(cuts) {
            let broken = scratch.path().join("broken");
            copy(&whole, &broken);
            damage(&broken.join(&name), kind);
            let mut verdict = judge(&broken);
            if verdict.starts_with("aborted") {
                // What the engine did to the process is said at the next start.
                verdict = judge(&broken);
            }
            match verdict.split(' ').next() {
                Some("whole") => tally.harmless += 1,
                Some("reported") => tally.reported += 1,
                Some("refused") => tally.refused += 1,
                Some("aborted") => tally.aborted += 1,
                _ => panic!("{name:?} {kind:?}: read as something else than was written: {verdict}"),
            }
            let helps = ["restore", "remove that file", "check that", "use the version"];
            let helps = helps.iter().any(|help| verdict.to_lowercase().contains(help));
            assert!(helps || verdict == "whole", "{name:?} {kind:?} does not say what to do: {verdict}");
            fs::remove_dir_all(&broken).expect("the copy is removed");
        }
    }
    println!("{tally:?}");
    assert!(journals > 0 && tally.refused > 50, "{tally:?}");
}

/// Has a process of its own open and read a store, since damage can end the process.
fn judge(folder: &Path) -> String {
    let output = command(&[], Role::Judge, folder).stderr(Stdio::piped()).output().expect("a child");
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict = said.lines().find_map(|line| line.strip_prefix("verdict "));
    let errors = String::from_utf8_lossy(&output.stderr);
    match (verdict, output.status.signal()) {
        (Some(verdict), None) => verdict.to_owned(),
        (None, Some(signal)) if signal == libc::SIGABRT => format!("aborted {errors}"),
        _ => format!("{:?} {said} {errors}", output.status),
    }
}

/// The child's part.
pub(crate) async fn open_and_read(folder: &Path) {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let verdict = match EmbeddedStore::open(&options(folder)) {
        Err(error) => format!("refused {error}"),
        Ok(store) => match read_all(&store).await {
            Ok(()) => "whole".to_owned(),
            Err(error) => format!("reported {error}"),
        },
    };
    println!("verdict {verdict}");
}
