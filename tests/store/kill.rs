//! SIGKILL of a writing process, many times, on either store: every acknowledged row is there, once and in order.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc;
use std::time::Duration;

use switchboard::store::EventLog;

use crate::child::{LOGS, Role, command, lines};
use crate::embedded::{log, open};

/// What was acknowledged, by thread and sequence number.
pub(crate) type Acknowledged = BTreeMap<(String, u64), String>;

#[test]
fn every_acknowledged_row_survives_sigkill_once_and_in_order() {
    let kills: u64 = match std::env::var("SWITCHBOARD_TEST_KILLS") {
        Ok(text) => text.parse().expect("SWITCHBOARD_TEST_KILLS is a number"),
        Err(_) => 20,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut acknowledged = Acknowledged::new();
    for kill in 0..kills {
        let before = acknowledged.len();
        let mut load = Load::start(Role::Load, folder.path());
        load.hear(200 + (kill * 613) % 1900, &mut acknowledged);
        load.kill(&mut acknowledged);
        assert!(acknowledged.len() > before, "round {kill} acknowledged nothing");
        runtime.block_on(check(&open(folder.path()), &acknowledged, kill));
    }
    println!("{kills} kills, {} acknowledged rows, all there", acknowledged.len());
}

/// A child that writes, and what it says.
pub(crate) struct Load {
    child: Child,
    heard: mpsc::Receiver<String>,
}

impl Load {
    pub(crate) fn start(role: Role, folder: &Path) -> Self {
        let mut child = command(&[], role, folder).spawn().expect("a child");
        let (sender, heard) = mpsc::channel();
        let output = lines(&mut child);
        std::thread::spawn(move || {
            // The test may have failed and gone meanwhile.
            output.map_while(|line| sender.send(line).ok()).count()
        });
        Self { child, heard }
    }

    /// Listens until the child has acknowledged so many rows more.
    pub(crate) fn hear(&mut self, rows: u64, acknowledged: &mut Acknowledged) {
        let mut count = 0;
        while count < rows {
            let line = self.heard.recv_timeout(Duration::from_secs(120)).expect("a line within two minutes");
            count += u64::from(note(&line, acknowledged));
        }
    }

    /// SIGKILL in the middle of its work; takes down the rest of what it said.
    pub(crate) fn kill(mut self, acknowledged: &mut Acknowledged) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("the child's end");
        for line in self.heard {
            note(&line, acknowledged);
        }
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

/// Compares what is stored with what was acknowledged.
pub(crate) async fn check(store: &dyn EventLog, acknowledged: &Acknowledged, round: u64) {
    let mut found = Acknowledged::new();
    for number in 0..LOGS {
        let thread = format!("T{number}");
        let rows = store.read(&log(&thread), 1, None, 1_000_000).await.expect("a read");
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
