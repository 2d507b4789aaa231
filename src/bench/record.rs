//! What is measured while a round runs: latencies by histogram, counts, errors.
//!
//! A latency runs from the moment at which something was *meant* to be done, so that a stall of the server (or of the
//! generator) is not hidden by the requests that were not sent meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Longest latency that is told apart from longer ones, microseconds.
const LONGEST_US: u64 = 120_000_000;

/// One kind of latency.
pub(super) struct Lane {
    name: &'static str,
    all: Mutex<Histogram<u64>>,
    /// Since the sampler last looked.
    window: Mutex<Histogram<u64>>,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("constant bounds that the library accepts")
}

impl Lane {
    fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US).max(1);
        self.all.lock().saturating_record(micros);
        self.window.lock().saturating_record(micros);
    }
}

/// Everything that is recorded in a round.
pub(super) struct Recorder {
    lanes: Vec<Lane>,
    /// Only what is done while this is set counts.
    on: AtomicBool,
    stopped: AtomicBool,
    done: AtomicU64,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Recorder {
    /// A recorder with these kinds of latencies; the first is the one that the charts show.
    pub(super) fn new(lanes: &[&'static str]) -> Self {
        let lane = |name: &&'static str| Lane {
            name,
            all: Mutex::new(histogram()),
            window: Mutex::new(histogram()),
        };
        Self {
            lanes: lanes.iter().map(lane).collect(),
            on: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            done: AtomicU64::new(0),
            errors: Mutex::default(),
        }
    }

    /// From here on it counts.
    pub(super) fn start(&self) {
        self.on.store(true, Ordering::Release);
    }

    /// From here on nothing counts, and whoever drives load ends.
    pub(super) fn stop(&self) {
        self.on.store(false, Ordering::Release);
        self.stopped.store(true, Ordering::Release);
    }

    /// Is it time to end?
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Something took this long, counted from when it was meant to begin.
    pub(super) fn took(&self, lane: usize, took: Duration) {
        if self.on.load(Ordering::Acquire) {
            self.lanes[lane].record(took);
        }
    }

    /// One unit of work is done.
    pub(super) fn done(&self) {
        if self.on.load(Ordering::Acquire) {
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Units of work up to now.
    pub(super) fn count(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Something went wrong; counted also outside the measured time.
    pub(super) fn failed(&self, what: &str) {
        *self.errors.lock().entry(what.to_owned()).or_default() += 1;
    }

    /// What went wrong, and how often.
    pub(super) fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().clone()
    }

    /// Median and 99th percentile of the first lane since the last call, microseconds.
    pub(super) fn window(&self) -> (u64, u64) {
        let Some(lane) = self.lanes.first() else { return (0, 0) };
        let mut window = lane.window.lock();
        let found = (window.value_at_quantile(0.5), window.value_at_quantile(0.99));
        window.reset();
        found
    }

    /// What was recorded, by lane.
    pub(super) fn latencies(&self) -> BTreeMap<String, Latency> {
        let lanes = self.lanes.iter().map(|lane| (lane.name.to_owned(), Latency::of(&lane.all.lock())));
        lanes.filter(|(_, latency)| latency.count > 0).collect()
    }
}

/// A histogram in figures, microseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// Half took less.
    pub p50: u64,
    /// Nine of ten took less.
    pub p90: u64,
    /// 99 of 100 took less.
    pub p99: u64,
    /// 999 of 1,000 took less.
    pub p999: u64,
    /// The longest.
    pub max: u64,
    /// Pairs of quantile and latency, for charts.
    pub curve: Vec<(f64, u64)>,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        // Even steps of "nines", as percentile charts are drawn.
        let quantiles = (0..=80).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / 16.0));
        let curve = quantiles.map(|quantile| (quantile, at(quantile)));
        Self {
            count: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
            curve: if histogram.is_empty() { Vec::new() } else { curve.collect() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_done_in_the_measured_time_counts() {
        let recorder = Recorder::new(&["ack", "push"]);
        recorder.took(0, Duration::from_secs(1));
        recorder.start();
        for ms in 1..=100 {
            recorder.took(0, Duration::from_millis(ms));
            recorder.done();
        }
        recorder.stop();
        recorder.done();
        let latencies = recorder.latencies();
        let ack = &latencies["ack"];
        assert_eq!((ack.count, recorder.count(), latencies.len()), (100, 100, 1));
        assert!((49_900..=50_100).contains(&ack.p50), "{}", ack.p50);
        assert!(ack.max >= 100_000 && recorder.is_stopped());
    }
}
