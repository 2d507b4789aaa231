//! A wall clock that a test moves.

use std::sync::atomic::{AtomicI64, Ordering};

use switchboard::clock::SystemClock;
use switchboard::domain::time::{Clock, Timestamp};

/// The system's clock, so many microseconds ahead.
#[derive(Default)]
pub(crate) struct Shifted(AtomicI64);

impl Shifted {
    pub(crate) fn minutes_pass(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000_000, Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}
