//! What the operating system says of this process, read when somebody asks.

use std::fs;

/// Linux counts processor time for user programs in hundredths of a second, whatever its own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// Figures of this process; those that cannot be read are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// Processor time since the start, user and system.
    pub(super) cpu_seconds: Option<f64>,
    /// Memory that is in RAM.
    pub(super) resident_bytes: Option<u64>,
    /// Open files and sockets.
    pub(super) open_files: Option<u64>,
    /// Threads.
    pub(super) threads: Option<u64>,
}

impl Process {
    /// As of now.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let open_files = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
        Self {
            cpu_seconds: cpu_seconds(&stat),
            resident_bytes: status_number(&status, "VmRSS:").map(|kib| kib * 1_024),
            open_files,
            threads: status_number(&status, "Threads:"),
        }
    }
}

/// Fields 14 and 15; the name in field 2 may hold blanks and brackets, so counting starts after its end.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn status_number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_figures() {
        let process = Process::read();
        assert!(process.cpu_seconds.is_some());
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(process.open_files.is_some_and(|files| files >= 3));
        assert!(process.threads.is_some_and(|threads| threads >= 1));
    }

    #[test]
    fn names_with_brackets_do_not_confuse() {
        let stat = "7 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds(""), None);
    }
}
