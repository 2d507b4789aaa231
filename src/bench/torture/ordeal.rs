//! What a side went through that waited long for an acknowledgement, for whoever has to find out why.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A take-over is shorter.
const LONG: Duration = Duration::from_secs(8);
/// Steps that are remembered of one wait.
const STEPS: usize = 100;

/// A wait, and what ended when, from its beginning.
#[derive(Clone, Debug)]
pub(super) struct Ordeal {
    since: Instant,
    steps: Vec<(Duration, String)>,
}

impl Ordeal {
    /// Of somebody who begins to wait.
    pub(super) fn new(since: Instant) -> Self {
        Self { since, steps: Vec::new() }
    }

    /// Something ended just now.
    pub(super) fn note(&mut self, what: impl Into<String>) {
        if self.steps.len() < STEPS {
            self.steps.push((self.since.elapsed(), what.into()));
        }
    }

    /// Whether that is worth telling if it is over now.
    pub(super) fn is_long(&self) -> bool {
        self.since.elapsed() > LONG
    }

    /// As a line of the ledger, in seconds; `begin` is that of the run.
    pub(super) fn line(&self, begin: Instant) -> String {
        let since = self.since.saturating_duration_since(begin).as_secs_f64();
        let mut line = format!("waited long from {since:.2} on");
        for (at, what) in &self.steps {
            // A text takes everything.
            let _ = write!(line, "; {:.2} {what}", at.as_secs_f64());
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_ended_when() {
        let now = Instant::now();
        let begin = now.checked_sub(LONG + Duration::from_secs(2)).expect("the machine runs for some time");
        assert!(!Ordeal::new(now).is_long());
        let mut ordeal = Ordeal::new(begin + Duration::from_secs(1));
        ordeal.note("send_event: no answer");
        assert!(ordeal.is_long());
        assert_eq!(ordeal.line(begin), "waited long from 1.00 on; 9.00 send_event: no answer");
    }
}
