//! What the node wants to know of its store: is it usable, has it stopped, how is it doing.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Cause, StoreError};

/// The end of a store that cannot go on: after a failed sync nobody knows what is on disk, so nothing more may be
/// acknowledged and the server has to stop.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store has stopped ({what}); check the disk and the kernel log, then start the server again")]
pub struct Failure {
    /// What was being done.
    pub what: &'static str,
    /// Why it failed.
    #[source]
    pub source: Cause,
}

/// Upper bounds of the buckets of [`CommitTimes`], in microseconds.
const COMMIT_BOUNDS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// How long durable writes took, counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitTimes {
    /// Commits by duration: `counts[i]` took at most `bounds()[i]`; the last entry is everything above.
    pub counts: [u64; COMMIT_BOUNDS_US.len() + 1],
    /// Sum of all durations.
    pub total: Duration,
}

impl CommitTimes {
    /// Upper bounds of the buckets but the last, which has none.
    pub fn bounds() -> impl Iterator<Item = Duration> {
        COMMIT_BOUNDS_US.into_iter().map(Duration::from_micros)
    }

    /// Adds a commit.
    pub fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[COMMIT_BOUNDS_US.partition_point(|bound| *bound < micros)] += 1;
        self.total += took;
    }
}

/// Figures for `/metrics`, counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Durable writes: group commits on the embedded store, requests on CQL.
    pub commits: CommitTimes,
    /// Operations in those writes; divided by the number of commits, how many share one sync.
    pub operations: u64,
    /// Event rows among them.
    pub rows: u64,
    /// Operations that wait or are in flight now.
    pub waiting: u64,
}

/// The state of a store.
#[async_trait]
pub trait Health: Send + Sync {
    /// Whether the store can be read and written now; what it says is shown by `/readyz`.
    async fn check(&self) -> Result<(), StoreError>;

    /// Becomes `Some` once, when the store has stopped for good.
    fn failed(&self) -> watch::Receiver<Option<Failure>>;

    /// Figures for `/metrics`.
    fn pulse(&self) -> Pulse;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_times_fall_into_their_buckets() {
        let mut times = CommitTimes::default();
        for micros in [1, 100, 101, 2_000_000] {
            times.record(Duration::from_micros(micros));
        }
        assert_eq!((times.counts[0], times.counts[1], times.counts[12]), (2, 1, 1));
        assert_eq!(times.total, Duration::from_micros(2_000_202));
    }
}
