//! The number of a shard's ownership term.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One term of ownership of one shard. It only ever grows, which is all that safety asks of it; wall time merely
/// keeps it readable and sane as a write timestamp (microseconds since 1970).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

impl Epoch {
    /// The term that follows this one when a claim is made at `now_us`: a clock that runs back cannot make it
    /// shrink.
    pub fn next(self, now_us: i64) -> Self {
        Self(now_us.max(self.0.saturating_add(1)))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_grows_even_when_the_clock_runs_back() {
        let first = Epoch::default().next(1_000);
        assert_eq!(first, Epoch(1_000));
        assert_eq!(first.next(5), Epoch(1_001));
        assert_eq!(first.next(2_000), Epoch(2_000));
    }
}
