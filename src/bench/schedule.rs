//! When the messages of an open loop are due.

use std::time::Duration;

/// When messages are due: a rate, or rates for a time each.
#[derive(Clone, Debug)]
pub(super) struct Schedule(Vec<(Duration, f64)>);

impl Schedule {
    /// One rate, without an end.
    pub(super) fn constant(rate: f64) -> Self {
        Self(vec![(Duration::MAX, rate)])
    }

    /// When message number `message` is due, from 0; none after the end.
    pub(super) fn due(&self, message: usize) -> Option<Duration> {
        let (mut begin, mut left) = (Duration::ZERO, message as f64);
        for (time, rate) in &self.0 {
            let due = seconds(left / rate);
            if due < *time {
                return Some(begin + due);
            }
            left -= time.as_secs_f64() * rate;
            begin += *time;
        }
        None
    }
}

impl std::str::FromStr for Schedule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HELP: &str = "must be a rate, as 1000, or a schedule, as 10s:500,20s:2000";
        let rate =
            |text: &str| text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0).ok_or(HELP);
        if !text.contains(':') {
            return Ok(Self::constant(rate(text)?));
        }
        let piece = |piece: &str| {
            let (time, of) = piece.split_once(':').ok_or(HELP)?;
            let length: f64 = time.trim_end_matches('s').parse().map_err(|_| HELP)?;
            Ok((seconds(length), rate(of)?))
        };
        text.split(',').map(piece).collect::<Result<_, _>>().map(Self)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_says_when_each_message_is_due() {
        let schedule: Schedule = "2s:10,1s:100".parse().expect("a schedule");
        assert_eq!(schedule.due(0), Some(Duration::ZERO));
        assert_eq!(schedule.due(5), Some(Duration::from_millis(500)));
        assert_eq!(schedule.due(20), Some(Duration::from_secs(2)));
        assert_eq!(schedule.due(70), Some(Duration::from_millis(2_500)));
        assert_eq!(schedule.due(120), None);
        assert!("0".parse::<Schedule>().is_err() && "1s:x".parse::<Schedule>().is_err());
    }
}
