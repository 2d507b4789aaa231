//! What a group's queue has seen: how long chats waited, and the pace at which they leave it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// Upper bounds in seconds of the buckets of [`WaitReport::buckets`]; the last bucket has none.
pub const WAIT_BOUNDS_S: [u32; 11] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800];

/// The guess before a queue has shown its pace.
const FIRST_GUESS: Duration = Duration::from_secs(60);

/// Waits of the chats that were queued in a group and then assigned. Quantiles and "answered within N seconds"
/// are read off the buckets, as for any histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitReport {
    /// Chats that left the queue for an agent.
    pub answered: u64,
    /// Sum of their waits.
    pub waited_s: u64,
    /// How many waited at most [`WAIT_BOUNDS_S`]`[n]` (and more than the bound before); the last: longer.
    pub buckets: [u64; WAIT_BOUNDS_S.len() + 1],
}

impl WaitReport {
    /// The bound in seconds below which this share (0 to 1) of the waits stayed: the upper end of its bucket. None if
    /// nobody was answered yet, or the wait was longer than the last bound.
    pub fn quantile(&self, share: f64) -> Option<u32> {
        let wanted = (share * self.answered as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let bucket = self.buckets.iter().position(|count| {
            below += count;
            below >= wanted
        })?;
        WAIT_BOUNDS_S.get(bucket).copied()
    }

    /// How many were answered within so many seconds, by whole buckets.
    pub fn answered_within(&self, seconds: u32) -> u64 {
        let buckets = WAIT_BOUNDS_S.iter().zip(&self.buckets);
        buckets.filter(|(bound, _)| **bound <= seconds).map(|(_, count)| count).sum()
    }
}

#[derive(Debug, Default)]
pub(super) struct Waits {
    pub(super) report: WaitReport,
    /// Exponentially weighted mean of the time between two departures while the queue was not empty.
    pace: Option<Duration>,
    last_departure: Timestamp,
}

impl Waits {
    /// A chat came into an empty queue: the time before does not tell how fast the queue moves.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.last_departure = self.last_departure.max(now);
    }

    /// A chat left for an agent.
    pub(super) fn answered(&mut self, waited: Duration, now: Timestamp) {
        let gap = now.since(self.last_departure);
        self.pace = Some(self.pace.map_or(gap, |pace| (pace * 7 + gap) / 8));
        self.last_departure = now;
        self.report.answered += 1;
        self.report.waited_s += waited.as_secs();
        let bucket = WAIT_BOUNDS_S.iter().position(|bound| waited <= Duration::from_secs((*bound).into()));
        self.report.buckets[bucket.unwrap_or(WAIT_BOUNDS_S.len())] += 1;
    }

    /// The estimate for a position, in seconds.
    pub(super) fn estimate(&self, position: u32) -> u32 {
        let wait = self.pace.unwrap_or(FIRST_GUESS).saturating_mul(position);
        u32::try_from(wait.as_secs()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_follows_the_pace_at_which_chats_leave() {
        let mut waits = Waits::default();
        assert_eq!(waits.estimate(2), 120);
        waits.begin(Timestamp(0));
        for departure in 1..=100 {
            waits.answered(Duration::from_secs(30), Timestamp(departure * 10_000_000));
        }
        assert_eq!(waits.estimate(3), 30);
    }

    #[test]
    fn waits_fall_into_the_bucket_whose_bound_they_do_not_pass() {
        let mut waits = Waits::default();
        for seconds in [0, 1, 2, 61, 4000] {
            waits.answered(Duration::from_secs(seconds), Timestamp(0));
        }
        assert_eq!(waits.report.buckets, [2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!((waits.report.answered, waits.report.waited_s), (5, 4064));
        let report = &waits.report;
        assert_eq!(
            (report.quantile(0.0), report.quantile(0.5), report.quantile(0.8)),
            (Some(1), Some(2), Some(120))
        );
        assert_eq!(report.quantile(1.0), None, "longer than any bound");
        assert_eq!(WaitReport::default().quantile(0.5), None);
        assert_eq!(
            (report.answered_within(1), report.answered_within(2), report.answered_within(1800)),
            (2, 3, 4)
        );
    }
}
