//! Kinds of settings: how the text of one is read, shown, and what it may be.
//!
//! A kind knows nothing of files or variables; [`super::reader`] brings the text and reports the faults.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use super::units;

/// How the text of a setting is read.
pub(super) trait Kind {
    /// What it becomes.
    type Value;

    /// The value; none if the text is not allowed.
    fn parse(&self, text: &str) -> Option<Self::Value>;

    /// What is allowed, to follow "must be".
    fn allowed(&self) -> String;
}

/// A setting: its name, what it is without anybody's word, and how it is read.
pub(super) struct Key<K> {
    /// Dotted name, as in the file.
    pub(super) name: &'static str,
    /// The default, in the same words as an operator would write it.
    pub(super) default: &'static str,
    /// How it is read.
    pub(super) kind: K,
}

/// A shorthand for tables of keys.
pub(super) const fn key<K>(name: &'static str, default: &'static str, kind: K) -> Key<K> {
    Key { name, default, kind }
}

/// A stretch of time, both ends allowed.
#[derive(Clone, Copy)]
pub(super) struct Span {
    min: Duration,
    max: Duration,
    zero_is_off: bool,
}

/// A stretch of time from `min_ms` to `max_ms` milliseconds.
pub(super) const fn span(min_ms: u64, max_ms: u64) -> Span {
    Span { min: Duration::from_millis(min_ms), max: Duration::from_millis(max_ms), zero_is_off: false }
}

/// The same, or 0, which means off.
pub(super) const fn span_or_off(min_ms: u64, max_ms: u64) -> Span {
    Span { zero_is_off: true, ..span(min_ms, max_ms) }
}

impl Kind for Span {
    type Value = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        let duration = units::parse_duration(text)?;
        let fits = (self.min..=self.max).contains(&duration) || (self.zero_is_off && duration.is_zero());
        fits.then_some(duration)
    }

    fn allowed(&self) -> String {
        let off = if self.zero_is_off { "0 (off) or " } else { "" };
        let (min, max) = (units::show_duration(self.min), units::show_duration(self.max));
        format!("{off}a duration from {min} to {max}, such as 30m or 1500ms")
    }
}

/// A number of bytes, both ends allowed.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) min: u64,
    pub(super) max: u64,
}

impl Kind for Size {
    type Value = u64;

    fn parse(&self, text: &str) -> Option<u64> {
        units::parse_size(text).filter(|size| (self.min..=self.max).contains(size))
    }

    fn allowed(&self) -> String {
        let (min, max) = (units::show_size(self.min), units::show_size(self.max));
        format!("a size from {min} to {max}, such as 16KiB")
    }
}

/// A whole number, both ends allowed.
#[derive(Clone, Copy)]
pub(super) struct Whole<T> {
    pub(super) min: T,
    pub(super) max: T,
}

impl<T: FromStr + PartialOrd + Display> Kind for Whole<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        text.parse().ok().filter(|number| (&self.min..=&self.max).contains(&number))
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.min, self.max)
    }
}

/// A power of two, both ends allowed.
#[derive(Clone, Copy)]
pub(super) struct PowerOfTwo {
    pub(super) min: u32,
    pub(super) max: u32,
}

impl Kind for PowerOfTwo {
    type Value = u32;

    fn parse(&self, text: &str) -> Option<u32> {
        text.parse().ok().filter(|n: &u32| n.is_power_of_two() && (self.min..=self.max).contains(n))
    }

    fn allowed(&self) -> String {
        format!("a power of two from {} to {}", self.min, self.max)
    }
}

/// Yes or no.
#[derive(Clone, Copy)]
pub(super) struct Switch;

impl Kind for Switch {
    type Value = bool;

    fn parse(&self, text: &str) -> Option<bool> {
        text.parse().ok()
    }

    fn allowed(&self) -> String {
        "true or false".to_owned()
    }
}

/// One of a few words.
#[derive(Clone, Copy)]
pub(super) struct Choice<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Choice<T> {
    /// The word for a value.
    pub(super) fn show(&self, value: &T) -> String {
        self.0.iter().find(|(_, one)| one == value).map_or_else(String::new, |(word, _)| (*word).to_owned())
    }
}

impl<T: Copy> Kind for Choice<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        self.0.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn allowed(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(|(word, _)| *word).collect();
        format!("one of {}", words.join(", "))
    }
}

/// An address to listen on; `localhost` stands for 127.0.0.1, so that nothing has to be looked up.
#[derive(Clone, Copy)]
pub(super) struct Address;

impl Kind for Address {
    type Value = SocketAddr;

    fn parse(&self, text: &str) -> Option<SocketAddr> {
        match text.strip_prefix("localhost:") {
            Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
            None => text.parse().ok(),
        }
    }

    fn allowed(&self) -> String {
        "an IP address and a port, such as 127.0.0.1:8080 or [::]:8080".to_owned()
    }
}

/// An IP address, or a network of them.
#[derive(Clone, Copy)]
pub(super) struct Network;

impl Kind for Network {
    type Value = IpNet;

    fn parse(&self, text: &str) -> Option<IpNet> {
        text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| IpNet::from(address)))
    }

    fn allowed(&self) -> String {
        "an IP address or a network, such as 10.0.0.0/8".to_owned()
    }
}

/// A file or folder, taken as it is written.
#[derive(Clone, Copy)]
pub(super) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn parse(&self, text: &str) -> Option<PathBuf> {
        (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
    }

    fn allowed(&self) -> String {
        "a path".to_owned()
    }
}

/// A text that a rule of its own accepts.
#[derive(Clone, Copy)]
pub(super) struct Text {
    /// Says yes to good ones.
    pub(super) accepts: fn(&str) -> bool,
    /// What good ones are.
    pub(super) allowed: &'static str,
}

impl Kind for Text {
    type Value = String;

    fn parse(&self, text: &str) -> Option<String> {
        (self.accepts)(text).then(|| text.to_owned())
    }

    fn allowed(&self) -> String {
        self.allowed.to_owned()
    }
}

/// One or several, parted by commas (in the file also an array).
#[derive(Clone, Copy)]
pub(super) struct ListOf<K>(pub(super) K);

impl<K: Kind> Kind for ListOf<K> {
    type Value = Vec<K::Value>;

    fn parse(&self, text: &str) -> Option<Vec<K::Value>> {
        text.split(',').map(|part| self.0.parse(part.trim())).collect()
    }

    fn allowed(&self) -> String {
        format!("{}; several are parted by commas", self.0.allowed())
    }
}

/// A value, or the empty text for none.
#[derive(Clone, Copy)]
pub(super) struct Maybe<K>(pub(super) K);

impl<K: Kind> Kind for Maybe<K> {
    type Value = Option<K::Value>;

    fn parse(&self, text: &str) -> Option<Option<K::Value>> {
        if text.is_empty() { Some(None) } else { self.0.parse(text).map(Some) }
    }

    fn allowed(&self) -> String {
        format!("{} (or empty for none)", self.0.allowed())
    }
}

/// How many a second, and how many at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sustained.
    pub per_second: u32,
    /// Saved up while nothing happens.
    pub burst: u32,
}

/// A rate such as `50/s burst 100`, or `off`.
#[derive(Clone, Copy)]
pub(super) struct RateOrOff;

impl Kind for RateOrOff {
    type Value = Option<Rate>;

    fn parse(&self, text: &str) -> Option<Option<Rate>> {
        if text == "off" {
            return Some(None);
        }
        let (rate, burst) = match text.split_once(" burst ") {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let number = |text: &str| text.trim().parse().ok().filter(|n| (1..=10_000_000).contains(n));
        let per_second: u32 = number(rate.trim().strip_suffix("/s")?)?;
        let burst = burst.map_or(Some(per_second), number)?;
        (burst >= per_second).then_some(Some(Rate { per_second, burst }))
    }

    fn allowed(&self) -> String {
        "off, or a rate such as \"50/s burst 100\" with a burst no smaller than the rate, each from 1 to 10000000"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_keep_to_their_ends() {
        let kind = span_or_off(1_000, 60_000);
        for (text, expected) in [
            ("1s", Some(1_000)),
            ("1m", Some(60_000)),
            ("0", Some(0)),
            ("999ms", None),
            ("61s", None),
            ("soon", None),
            ("-1s", None),
        ] {
            assert_eq!(kind.parse(text), expected.map(Duration::from_millis), "{text}");
        }
        assert_eq!(span(1, 2).parse("0"), None);
    }

    #[test]
    fn rates_have_a_pace_and_a_burst() {
        let rate = |per_second, burst| Some(Some(Rate { per_second, burst }));
        for (text, expected) in [
            ("50/s burst 100", rate(50, 100)),
            ("7/s", rate(7, 7)),
            ("off", Some(None)),
            ("50", None),
            ("0/s", None),
            ("50/s burst 10", None),
            ("50/m", None),
            ("-1/s", None),
        ] {
            assert_eq!(RateOrOff.parse(text), expected, "{text}");
        }
    }

    #[test]
    fn addresses_need_no_look_up() {
        assert_eq!(Address.parse("localhost:80"), Some(SocketAddr::from(([127, 0, 0, 1], 80))));
        assert!(Address.parse("[::1]:80").is_some());
        for text in ["example.com:80", "127.0.0.1", "127.0.0.1:99999", "localhost:", ""] {
            assert_eq!(Address.parse(text), None, "{text}");
        }
    }

    #[test]
    fn powers_of_two_only() {
        let kind = PowerOfTwo { min: 256, max: 4096 };
        assert_eq!(kind.parse("1024"), Some(1024));
        for text in ["128", "8192", "1000", "-4"] {
            assert_eq!(kind.parse(text), None, "{text}");
        }
    }
}
