//! When a node stops it tells its sessions to come back: not all at once, since the other nodes have to let them in again, each
//! with a login.
//!
//! They are told in a random order, at an even pace with some chance in it. Whoever has not been told yet is served as ever.

use std::time::Duration;

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use tokio::time::Instant;

/// What is told together: a timer for each would cost more than it spreads.
const SLICE: Duration = Duration::from_millis(20);

/// Tells each, so many in a second, or more where that would take longer than `within`.
pub(super) async fn stagger<T>(mut all: Vec<T>, a_second: u32, within: Duration, tell: impl Fn(T)) {
    let mut rng = rand::rng();
    all.shuffle(&mut rng);
    let moments = moments(all.len(), a_second, within, || rng.random_range(0.0..1.0));
    let began = Instant::now();
    let mut told_up_to = SLICE;
    for (one, moment) in all.into_iter().zip(moments) {
        if moment >= told_up_to {
            tokio::time::sleep_until(began + moment).await;
            told_up_to = moment + SLICE;
        }
        tell(one);
    }
}

/// The moments at which so many are told, in order: each has a stretch of the time for itself, and comes by chance in its first half.
fn moments(
    count: usize,
    a_second: u32,
    within: Duration,
    mut chance: impl FnMut() -> f64,
) -> impl Iterator<Item = Duration> {
    let pace = Duration::from_secs(1).div_f64(f64::from(a_second.max(1)));
    let stretch = pace.min(within.div_f64(count.max(1) as f64));
    (0..count).map(move |number| stretch.mul_f64(number as f64 + chance() / 2.0))
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn each_has_a_stretch_of_the_time_for_itself() {
        let chances = [0.0, 0.999, 0.0, 0.5];
        let mut chance = chances.into_iter();
        let within = Duration::from_secs(10);
        let told: Vec<_> = moments(4, 2, within, || chance.next().expect("one each")).collect();
        let ms = [0.0, 749.75, 1_000.0, 1_625.0].map(|ms: f64| Duration::from_secs_f64(ms / 1_000.0));
        assert_eq!(told, ms);
    }

    #[test]
    fn however_many_there_are_the_time_is_enough() {
        for (count, last) in [(0, None), (1, Some(0)), (30_000, Some(9_999))] {
            let told = moments(count, 500, Duration::from_secs(10), || 0.0).last();
            assert_eq!(told.map(|told| told.as_millis()), last, "{count}");
        }
        let none = moments(1_000, 500, Duration::ZERO, || 0.9).last();
        assert_eq!(none, Some(Duration::ZERO), "no time: at once");
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_told_once_and_not_before_its_time() {
        let began = Instant::now();
        let told = Mutex::new(Vec::new());
        stagger((0..100).collect(), 10, Duration::from_secs(60), |one: u32| {
            told.lock().push((one, began.elapsed()));
        })
        .await;
        let told = told.into_inner();
        let spread = |place: usize| told[place].1.as_millis() / 100;
        assert!((0..100).all(|place| spread(place) == place as u128), "{told:?}");
        let mut order: Vec<u32> = told.iter().map(|(one, _)| *one).collect();
        assert!(!order.is_sorted(), "in a random order");
        order.sort_unstable();
        assert!(order.into_iter().eq(0..100), "each once");
    }
}
