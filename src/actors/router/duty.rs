//! Working hours: whether an agent is on duty at a moment, and when that changes next.

use jiff::civil::{Date, Time, Weekday as Day};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::domain::license::{Weekday, WorkPeriod, WorkSchedule};
use crate::domain::time::Timestamp;

/// Days looked ahead for the next change: a week and the days that time zones may add.
const AHEAD: i64 = 9;

/// Whether somebody with these hours is on duty, and until when that stays so (none: for good, as far as one sees).
/// Hours that cannot be understood are as if there were none.
pub(super) fn duty(schedule: &WorkSchedule, now: Timestamp) -> (bool, Option<Timestamp>) {
    let Some(zone) = zone(schedule) else { return (true, None) };
    let Ok(moment) = jiff::Timestamp::from_microsecond(now.0) else { return (true, None) };
    let today = moment.to_zoned(zone.clone()).date();
    let mut on_duty = false;
    let mut next: Option<Timestamp> = None;
    for day in -1..AHEAD {
        let Ok(date) = today.checked_add(day.days()) else { continue };
        for period in schedule.schedule.iter().filter(|period| period.enabled && falls_on(period.day, date)) {
            let Some((start, end)) = moments(period, date, &zone) else { continue };
            on_duty |= start <= now && now < end;
            next = [start, end].into_iter().filter(|at| *at > now).chain(next).min();
        }
    }
    (on_duty, next)
}

/// What is wrong with a schedule, for whoever sets it.
pub(crate) fn fault(schedule: &WorkSchedule) -> Option<String> {
    if zone(schedule).is_none() {
        return Some(format!("`{}` is no time zone; write one such as Europe/Warsaw", schedule.timezone));
    }
    let texts = schedule.schedule.iter().flat_map(|period| [&period.start, &period.end]);
    texts
        .into_iter()
        .find(|text| hour(text).is_none())
        .map(|text| format!("`{text}` is no hour; write one such as 08:00, at most 24:00"))
}

fn zone(schedule: &WorkSchedule) -> Option<TimeZone> {
    TimeZone::get(&schedule.timezone).ok()
}

/// When a period that begins on a date starts and ends. An hour that a change of the clocks skips is the moment of the
/// change; one that comes twice is meant the first time.
fn moments(period: &WorkPeriod, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let (start, end) = (hour(&period.start)?, hour(&period.end)?);
    let last = if end > start { date } else { date.tomorrow().ok()? };
    Some((at(date, start, zone)?, at(last, end, zone)?))
}

fn at(date: Date, minutes: i16, zone: &TimeZone) -> Option<Timestamp> {
    let (date, minutes) = if minutes == 24 * 60 { (date.tomorrow().ok()?, 0) } else { (date, minutes) };
    let time = Time::new((minutes / 60) as i8, (minutes % 60) as i8, 0, 0).ok()?;
    let zoned: Zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
    Some(Timestamp(zoned.timestamp().as_microsecond()))
}

/// `08:30` as minutes of the day.
fn hour(text: &str) -> Option<i16> {
    let (hours, minutes) = text.split_once(':')?;
    let both = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (both && hours >= 0 && (0..60).contains(&minutes) && total <= 24 * 60).then_some(total)
}

fn falls_on(day: Weekday, date: Date) -> bool {
    let wanted = match day {
        Weekday::Monday => Day::Monday,
        Weekday::Tuesday => Day::Tuesday,
        Weekday::Wednesday => Day::Wednesday,
        Weekday::Thursday => Day::Thursday,
        Weekday::Friday => Day::Friday,
        Weekday::Saturday => Day::Saturday,
        Weekday::Sunday => Day::Sunday,
    };
    date.weekday() == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(day: Weekday, start: &str, end: &str) -> WorkPeriod {
        WorkPeriod { day, enabled: true, start: start.to_owned(), end: end.to_owned() }
    }

    fn warsaw(schedule: Vec<WorkPeriod>) -> WorkSchedule {
        WorkSchedule { timezone: "Europe/Warsaw".to_owned(), schedule }
    }

    fn moment(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().expect("a moment").as_microsecond())
    }

    fn is_on(schedule: &WorkSchedule, text: &str) -> bool {
        duty(schedule, moment(text)).0
    }

    #[test]
    fn a_day_may_have_several_periods_and_disabled_ones_do_not_count() {
        let mut schedule = warsaw(vec![
            period(Weekday::Monday, "08:00", "12:00"),
            period(Weekday::Monday, "13:00", "17:00"),
        ]);
        // 2026-11-23 is a Monday; Warsaw is one hour ahead of UTC in winter.
        for (at, expected) in [
            ("2026-11-23T06:59:59Z", false),
            ("2026-11-23T07:00:00Z", true),
            ("2026-11-23T10:59:59Z", true),
            ("2026-11-23T11:30:00Z", false),
            ("2026-11-23T12:00:00Z", true),
            ("2026-11-23T16:00:00Z", false),
            ("2026-11-24T08:00:00Z", false),
        ] {
            assert_eq!(is_on(&schedule, at), expected, "{at}");
        }
        schedule.schedule[1].enabled = false;
        assert!(!is_on(&schedule, "2026-11-23T12:00:00Z"));
    }

    #[test]
    fn the_next_change_is_known() {
        let schedule = warsaw(vec![period(Weekday::Monday, "08:00", "12:00")]);
        let next = |text| duty(&schedule, moment(text)).1;
        assert_eq!(next("2026-11-23T06:00:00Z"), Some(moment("2026-11-23T07:00:00Z")));
        assert_eq!(next("2026-11-23T07:00:00Z"), Some(moment("2026-11-23T11:00:00Z")));
        assert_eq!(next("2026-11-23T11:00:00Z"), Some(moment("2026-11-30T07:00:00Z")));
        assert_eq!(duty(&warsaw(Vec::new()), moment("2026-11-23T06:00:00Z")), (false, None));
    }

    #[test]
    fn a_period_may_pass_midnight_and_end_with_the_day() {
        let schedule = warsaw(vec![period(Weekday::Sunday, "22:00", "06:00")]);
        assert!(is_on(&schedule, "2026-11-22T23:30:00Z"));
        assert!(is_on(&schedule, "2026-11-23T04:59:00Z"));
        assert!(!is_on(&schedule, "2026-11-23T05:00:00Z"));
        let schedule = warsaw(vec![period(Weekday::Sunday, "00:00", "24:00")]);
        assert!(is_on(&schedule, "2026-11-22T22:59:59Z"));
        assert!(!is_on(&schedule, "2026-11-22T23:00:00Z"));
    }

    #[test]
    fn working_hours_follow_the_clocks_through_the_changes_of_summer_time() {
        let schedule = warsaw(vec![period(Weekday::Sunday, "02:30", "10:00")]);
        // 2026-03-29: at 02:00 the clocks go to 03:00, so that 02:30 is skipped and it is 03:30.
        assert!(!is_on(&schedule, "2026-03-29T01:29:00Z"));
        assert!(is_on(&schedule, "2026-03-29T01:30:00Z"));
        assert!(is_on(&schedule, "2026-03-29T07:59:00Z"));
        assert!(!is_on(&schedule, "2026-03-29T08:00:00Z"));
        // 2026-10-25: at 03:00 the clocks go back to 02:00; 02:30 comes twice, the first time counts.
        assert!(!is_on(&schedule, "2026-10-25T00:29:00Z"));
        assert!(is_on(&schedule, "2026-10-25T00:30:00Z"));
        assert!(is_on(&schedule, "2026-10-25T08:59:00Z"));
        assert!(!is_on(&schedule, "2026-10-25T09:00:00Z"));
    }

    #[test]
    fn what_cannot_be_a_schedule_is_named() {
        let fine = warsaw(vec![period(Weekday::Monday, "08:00", "24:00")]);
        assert_eq!(fault(&fine), None);
        let nowhere = WorkSchedule { timezone: "Europe/Atlantis".to_owned(), ..fine.clone() };
        assert!(fault(&nowhere).is_some_and(|fault| fault.contains("Atlantis")));
        for hour in ["8:00", "24:01", "08:60", "noon", "-1:00"] {
            let odd = warsaw(vec![period(Weekday::Monday, hour, "16:00")]);
            assert!(fault(&odd).is_some_and(|fault| fault.contains(hour)), "{hour}");
        }
    }
}
