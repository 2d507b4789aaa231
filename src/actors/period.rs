//! Names of periods of time: the buckets that keep index partitions bounded.

use crate::domain::time::Timestamp;

/// Microseconds of a minute.
pub const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 24 * 60 * MINUTE_US;

/// `2026-11-21`: the day of a moment, UTC.
pub fn day(at: Timestamp) -> String {
    let (year, month, day) = civil(at);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The days from one moment to another, oldest first; none if the second lies before the first.
pub fn days(from: Timestamp, to: Timestamp) -> Vec<String> {
    (from.0.div_euclid(DAY_US)..=to.0.div_euclid(DAY_US))
        .map(|number| day(Timestamp(number * DAY_US)))
        .collect()
}

/// `2026-11`: the month of a moment, UTC.
pub fn month(at: Timestamp) -> String {
    let (year, month, _) = civil(at);
    format!("{year:04}-{month:02}")
}

/// Hours since 1970, as text.
pub fn hour(at: Timestamp) -> String {
    at.0.div_euclid(60 * MINUTE_US).to_string()
}

/// Minutes since 1970, as text.
pub fn minute(at: Timestamp) -> String {
    at.0.div_euclid(MINUTE_US).to_string()
}

/// The first moment of the month before the one that `at` lies in.
pub fn month_before(at: Timestamp) -> Timestamp {
    let (_, _, day) = civil(at);
    let last_of_previous = Timestamp(at.0 - i64::from(day) * DAY_US);
    let (_, _, days) = civil(last_of_previous);
    Timestamp((last_of_previous.0.div_euclid(DAY_US) - i64::from(days) + 1) * DAY_US)
}

/// The moment `days` days earlier.
pub fn days_before(at: Timestamp, days: i64) -> Timestamp {
    Timestamp(at.0 - days * DAY_US)
}

fn civil(at: Timestamp) -> (i16, i8, i8) {
    let moment = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let date = jiff::tz::Offset::UTC.to_datetime(moment).date();
    (date.year(), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_795_235_696_123_456);

    #[test]
    fn periods_have_their_usual_names() {
        assert_eq!((day(AT).as_str(), month(AT).as_str()), ("2026-11-21", "2026-11"));
        assert_eq!(minute(Timestamp(61_000_000)), "1");
    }

    #[test]
    fn days_are_walked_over_the_ends_of_months() {
        let later = Timestamp(AT.0 + 10 * DAY_US);
        let found = days(AT, later);
        assert_eq!((found.len(), found[0].as_str(), found[10].as_str()), (11, "2026-11-21", "2026-12-01"));
        assert_eq!(days(AT, AT), ["2026-11-21"]);
        assert!(days(later, AT).is_empty());
    }

    #[test]
    fn months_are_walked_back_one_by_one() {
        let mut at = AT;
        let mut names = Vec::new();
        for _ in 0..12 {
            at = month_before(at);
            names.push(month(at));
        }
        assert_eq!(
            (names[0].as_str(), names[10].as_str(), names[11].as_str()),
            ("2026-10", "2025-12", "2025-11")
        );
    }
}
