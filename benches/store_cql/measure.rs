//! What is measured of a turn, and what is shown of many.

use std::time::{Duration, Instant};

use crate::cassandra;

/// One turn.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// CPU time for each event, of this process or of the server.
    pub(crate) cpu: Duration,
    /// CPU time of the database for each event, where it runs on this machine as our child.
    pub(crate) database_cpu: Option<Duration>,
}

/// A turn that is under way.
#[derive(Clone, Copy)]
pub(crate) struct Writing {
    began: Instant,
    cpu: Duration,
    database_cpu: Option<Duration>,
}

impl Writing {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), cpu: cpu_time("self"), database_cpu: database_cpu_time() }
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(crate) fn end(self, mut latencies: Vec<Duration>) -> Measured {
        let took = self.began.elapsed();
        let cpu = cpu_time("self").saturating_sub(self.cpu);
        let events = latencies.len() as u32;
        latencies.sort_unstable();
        Measured {
            per_second: f64::from(events) / took.as_secs_f64(),
            p50: latencies[latencies.len() / 2],
            p99: latencies[latencies.len() * 99 / 100],
            cpu: cpu / events,
            database_cpu: used_by_database(self.database_cpu).map(|cpu| cpu / events),
        }
    }
}

/// The database's CPU time up to now.
pub(crate) fn database_cpu_time() -> Option<Duration> {
    cassandra::process_id().map(|pid| cpu_time(&pid.to_string()))
}

/// The database's CPU time since then.
pub(crate) fn used_by_database(since: Option<Duration>) -> Option<Duration> {
    database_cpu_time().zip(since).map(|(now, then)| now.saturating_sub(then))
}

/// CPU time of a process up to now.
pub(crate) fn cpu_time(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the state of a process");
    // User and system time, in hundredths of a second, are the 12th and 13th field behind the name in brackets.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap_or_default()).sum();
    Duration::from_millis(ticks * 10)
}

/// Many turns of one way.
#[derive(Default)]
pub(crate) struct Rounds {
    turns: Vec<Measured>,
    ratios: Vec<f64>,
}

impl Rounds {
    /// What [`Rounds::line`] shows.
    pub(crate) const HEAD: &str =
        "way              events/s   of bare (quartiles)      p50      p99   CPU an event: own, database";

    /// Adds a turn; `bare` is what the bare driver did around it.
    pub(crate) fn push(&mut self, turn: Measured, bare: Option<f64>) {
        self.turns.push(turn);
        self.ratios.extend(bare.map(|bare| 100.0 * turn.per_second / bare));
    }

    /// The median turn, and the median ratio with its quartiles.
    pub(crate) fn line(&self, name: &str) -> String {
        let mut turns = self.turns.clone();
        turns.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let Some(turn) = turns.get(turns.len() / 2) else { return format!("{name}: nothing was measured") };
        let mut ratios = self.ratios.clone();
        ratios.sort_by(f64::total_cmp);
        let quartile = |number: usize| ratios.get(ratios.len() * number / 4);
        let ratio = match (quartile(1), quartile(2), quartile(3)) {
            (Some(low), Some(middle), Some(high)) => format!("{middle:.0} % ({low:.0} to {high:.0})"),
            _ => "100 %".to_owned(),
        };
        format!(
            "{name:16} {:8.0} {ratio:>20} {:>8.2?} {:>8.2?} {:>8.0?} {:>8.0?}",
            turn.per_second,
            turn.p50,
            turn.p99,
            turn.cpu,
            turn.database_cpu.unwrap_or_default()
        )
    }
}

/// Time that other machines on the same hardware took.
pub(crate) struct Stolen {
    ticks: u64,
    began: Instant,
}

impl Stolen {
    pub(crate) fn begin() -> Self {
        Self { ticks: stolen(), began: Instant::now() }
    }
}

impl std::fmt::Display for Stolen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = (stolen() - self.ticks) as f64 / 100.0;
        write!(f, "steal: {seconds:.1} s of CPU time in {:.0?}", self.began.elapsed())
    }
}

fn stolen() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.split_whitespace().nth(8).and_then(|ticks| ticks.parse().ok()).unwrap_or_default()
}
