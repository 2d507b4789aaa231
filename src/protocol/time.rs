//! Times on the wire: RFC 3339, UTC, microseconds, `Z`. Requests may use any offset.

use serde::{Serialize, Serializer};

use crate::domain::time::Timestamp;

/// Writes a moment as `2017-10-12T15:19:21.010200Z`.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(pub Timestamp);

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;
/// 0000-01-01T00:00:00Z and the last microsecond of 9999: what four digits of a year can say.
const FIRST: i64 = -62_167_219_200_000_000;
const LAST: i64 = 253_402_300_799_999_999;

impl Rfc3339 {
    /// The text, by hand: an event has one or two of these, and a push goes out for every event.
    pub fn encode(self) -> [u8; 27] {
        let micros = self.0.0.clamp(FIRST, LAST);
        let (year, month, day) = civil(micros.div_euclid(MICROSECONDS_A_DAY));
        let in_day = micros.rem_euclid(MICROSECONDS_A_DAY);
        let seconds = in_day / 1_000_000;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], seconds / 3_600);
        digits(&mut text[14..16], seconds / 60 % 60);
        digits(&mut text[17..19], seconds % 60);
        digits(&mut text[20..26], in_day % 1_000_000);
        text
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.encode();
        serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

/// Reads a moment with any offset; none for what is no RFC 3339 date-time of the years 0 to 9999.
pub fn parse(text: &str) -> Option<Timestamp> {
    // jiff also reads other ISO 8601 spellings and time zone names in brackets.
    let looks_right =
        text.is_ascii() && text.len() >= 20 && text.as_bytes()[4] == b'-' && !text.contains('[');
    let micros = looks_right.then(|| text.parse::<jiff::Timestamp>().ok())??.as_microsecond();
    (FIRST..=LAST).contains(&micros).then_some(Timestamp(micros))
}

fn digits(slot: &mut [u8], mut number: i64) {
    for digit in slot.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of the proleptic Gregorian calendar, from days since 1970. Years are counted from
/// March, so that the leap day is the last of its year, in eras of 400 years, which repeat exactly.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(micros: i64) -> String {
        String::from_utf8(Rfc3339(Timestamp(micros)).encode().to_vec()).expect("ASCII")
    }

    #[test]
    fn times_are_written_as_jiff_writes_them() {
        let mut micros = FIRST;
        while micros < LAST {
            let expected = jiff::Timestamp::from_microsecond(micros).expect("in range");
            assert_eq!(written(micros), format!("{expected:.6}"));
            // A step of some 97 days, odd down to the microsecond, meets every month and leap years.
            micros += 8_388_607_654_321;
        }
        assert_eq!(written(1_507_821_561_010_200), "2017-10-12T15:19:21.010200Z");
        assert_eq!(written(i64::MAX), "9999-12-31T23:59:59.999999Z");
        assert_eq!(written(i64::MIN), "0000-01-01T00:00:00.000000Z");
    }

    #[test]
    fn any_offset_is_read() {
        let expected = Some(Timestamp(1_507_821_561_010_200));
        for text in [
            "2017-10-12T15:19:21.010200Z",
            "2017-10-12T15:19:21.0102Z",
            "2017-10-12T17:19:21.010200+02:00",
            "2017-10-12T08:19:21.010200-07:00",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_time_is_refused() {
        for text in [
            "",
            "now",
            "2017-10-12",
            "2017-10-12T15:19:21.010200",
            "2017-13-12T15:19:21Z",
            "20171012T151921.0102Z",
            "2017-10-12T15:19:21+02:00[Europe/Warsaw]",
            "-002017-10-12T15:19:21Z",
            "2017-10-12T15:19:21é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
