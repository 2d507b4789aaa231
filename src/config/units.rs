//! Units of settings: durations such as `30m` or `1500ms`, sizes such as `16KiB`.

use std::time::Duration;

/// Longest first, so that a duration is shown in the largest unit that fits it exactly.
const TIME_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads `30m`, `1500ms`, `8h`, `7d`, or a bare `0`. A bare number other than 0 says nothing and is refused.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    parse(text, &TIME_UNITS).map(Duration::from_millis)
}

/// The shortest text that [`parse_duration`] reads as this.
pub(super) fn show_duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 { "0".to_owned() } else { show(ms, &TIME_UNITS) }
}

/// Reads `16KiB`, `1 MiB`, `512B`, or a bare number of bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    parse(text, &SIZE_UNITS)
}

/// The shortest text that [`parse_size`] reads as this.
pub(super) fn show_size(size: u64) -> String {
    show(size, &SIZE_UNITS)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let fitting = units.iter().find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor));
    let (name, factor) = fitting.unwrap_or(&units[units.len() - 1]);
    format!("{}{name}", number / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, ms) in [("30m", 1_800_000), ("1500ms", 1_500), ("8h", 28_800_000), ("7d", 604_800_000)] {
            let duration = Duration::from_millis(ms);
            assert_eq!(parse_duration(text), Some(duration), "{text}");
            assert_eq!(show_duration(duration), text);
        }
        assert_eq!(parse_duration("0"), Some(Duration::ZERO));
        for text in ["", "5", "m", "5 minutes", "1.5s", "-1s", "99999999999999999d", "5M"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes) in [("16KiB", 16_384), ("1MiB", 1 << 20), ("1000B", 1_000), ("2GiB", 2 << 30)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert_eq!(show_size(bytes), text);
        }
        assert_eq!(parse_size("1 MiB"), Some(1 << 20));
        assert_eq!(parse_size("512"), Some(512));
        for text in ["", "KiB", "16kb", "-1", "1.5MiB", "99999999999999999999"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
