//! SIGKILL of a writing process, many times: every acknowledged row is there, once and in order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use switchboard::store::EventLog;

use super::child::{Role, command, lines};
use super::{log, open};

/// What was acknowledged, by thread and sequence number.
type Acknowledged = BTreeMap<(String, u64), String>;

#[test]
fn every_acknowledged_row_survives_sigkill_once_and_in_order() {
    let kills: u64 = match std::env::var("SWITCHBOARD_TEST_KILLS") {
        Ok(text) => text.parse().expect("SWITCHBOARD_TEST_KILLS is a number"),
        Err(_) => 20,
    };
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut acknowledged = Acknowledged::new();
    for kill in 0..kills {
        let before = acknowledged.len();
        load_and_kill(folder.path(), 200 + (kill * 613) % 1900, &mut acknowledged);
        assert!(acknowledged.len() > before, "round {kill} acknowledged nothing");
        check(folder.path(), &acknowledged, kill);
    }
    println!("{kills} kills, {} acknowledged rows, all there", acknowledged.len());
}

/// Runs a child until it has acknowledged `rows` more, kills it in the middle of its work, and takes down the rest of
/// what it said.
fn load_and_kill(folder: &Path, rows: u64, acknowledged: &mut Acknowledged) {
    let mut child = command(&[], Role::Load, folder).spawn().expect("a child");
    let (sender, heard) = mpsc::channel();
    let output = lines(&mut child);
    let reader = std::thread::spawn(move || {
        // A line without its end was cut by the kill; what it says may be cut too, so it does not count.
        output.for_each(|line| sender.send(line).expect("the test listens"));
    });
    let mut count = 0;
    while count < rows {
        let line = heard.recv_timeout(Duration::from_secs(60)).expect("a line within a minute");
        count += u64::from(note(&line, acknowledged));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("the child's end");
    reader.join().expect("the reader");
    for line in heard {
        note(&line, acknowledged);
    }
}

fn note(line: &str, acknowledged: &mut Acknowledged) -> bool {
    let mut words = line.split(' ');
    let (Some("ack"), Some(thread), Some(seq), Some(body)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    // The last line may have been cut anywhere; a whole body ends with the 36 characters of its incarnation.
    let whole = body.rsplit(':').next().is_some_and(|run| run.len() == 36);
    if let (true, Ok(seq)) = (whole, seq.parse()) {
        let first = acknowledged.insert((thread.to_owned(), seq), body.to_owned());
        assert_eq!(first, None, "{thread} {seq} was acknowledged twice");
    }
    whole
}

fn check(folder: &Path, acknowledged: &Acknowledged, round: u64) {
    let store = open(folder);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut found = Acknowledged::new();
    for number in 0..24 {
        let thread = format!("T{number}");
        let rows = runtime.block_on(store.read(&log(&thread), 1, None, usize::MAX)).expect("a read");
        for (row, seq) in rows.iter().zip(1..) {
            let body = String::from_utf8(row.body.to_vec()).expect("text");
            assert!(
                body.starts_with(&format!("{thread}:{seq}:")),
                "round {round}: {thread} {seq} holds {body}"
            );
            assert_eq!(row.seq, seq);
            found.insert((thread.clone(), seq), body);
        }
    }
    for (place, body) in acknowledged {
        assert_eq!(found.get(place), Some(body), "round {round}: {place:?} was acknowledged");
    }
}
