//! Steps that are taken again until they are done: what they need may be on its way from a node that died, or the database away.

use std::time::Duration;

/// How often a step is tried: for a quarter of an hour.
const ATTEMPTS: usize = 30;
/// The pause after the first try, twice as long after each of the next, up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Between the tries of a step.
pub fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(PAUSE), |pause| Some((2 * *pause).min(LONGEST_PAUSE))).take(ATTEMPTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_tried_for_a_quarter_of_an_hour() {
        let whole: Duration = pauses().sum();
        assert!((780..900).contains(&whole.as_secs()), "{whole:?}");
        assert!(pauses().is_sorted() && pauses().last() == Some(LONGEST_PAUSE));
    }
}
