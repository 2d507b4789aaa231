//! What the system says of processes and of the machine: processor time, memory, and what the host took away.

use std::fs;
use std::time::Duration;

/// What a process has used up to now, and holds now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Processor time, of all its threads, user and system.
    pub(super) cpu: Duration,
    /// Resident memory, bytes.
    pub(super) resident: u64,
}

/// Reads a process of this machine; none if there is no such process, or the system has no `/proc`.
pub(super) fn usage(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&stat, rustix::param::clock_ticks_per_second(), rustix::param::page_size() as u64)
}

/// The name of the program stands in brackets and may hold anything, so the fields are counted from its end.
fn parse_stat(stat: &str, ticks_per_second: u64, page: u64) -> Option<Usage> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)?;
    let cpu = Duration::from_secs_f64(ticks as f64 / ticks_per_second as f64);
    Some(Usage { cpu, resident: number(21)? * page })
}

/// How the processors of the machine have spent their time, in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Machine {
    total: u64,
    idle: u64,
    steal: u64,
}

impl Machine {
    /// As of now; all zero where the system does not tell.
    pub(super) fn now() -> Self {
        fs::read_to_string("/proc/stat").ok().and_then(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find(|line| line.starts_with("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
        // Guests' time is counted in the first two already.
        let total = ticks.iter().take(8).sum();
        let (idle, waiting) = (ticks.get(3)?, ticks.get(4)?);
        Some(Self { total, idle: idle + waiting, steal: *ticks.get(7)? })
    }

    /// Shares of the time since `before`: taken by the host, and idle; in percent.
    pub(super) fn since(self, before: Self) -> Shares {
        let total = self.total.saturating_sub(before.total).max(1) as f64;
        let share = |now: u64, then: u64| 100.0 * now.saturating_sub(then) as f64 / total;
        Shares { steal: share(self.steal, before.steal), idle: share(self.idle, before.idle) }
    }
}

/// How a stretch of time was shared, in percent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// What the host gave to others.
    pub(super) steal: f64,
    /// What nobody used.
    pub(super) idle: f64,
}

/// Processors of this machine.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// The model of the processors, as the system names it.
pub(super) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 19 20 7 22";
        let usage = parse_stat(stat, 100, 4096).expect("a process");
        assert_eq!(usage.cpu, Duration::from_secs(2));
        assert_eq!(usage.resident, 7 * 4096);
    }

    #[test]
    fn what_the_host_took_is_a_share_of_all_time() {
        let before = Machine::parse("cpu  100 0 100 700 0 0 0 100 50 0\n").expect("a line");
        let after = Machine::parse("cpu  150 0 100 730 0 0 0 120 50 0\n").expect("a line");
        let shares = after.since(before);
        assert!((shares.steal - 20.0).abs() < 0.01 && (shares.idle - 30.0).abs() < 0.01);
    }
}
