//! What a benchmark found, as it is shown, stored and compared.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::audit::Findings;
use super::error::BenchError;
use super::process;
use super::record::Latency;

/// Everything that a run of the load generator found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The scenario.
    pub scenario: String,
    /// The version of the generator.
    pub version: String,
    /// What was asked for, for whoever reads the file later.
    pub options: String,
    /// Where it ran.
    pub machine: MachineFacts,
    /// The rounds, in the order in which they were run.
    pub rounds: Vec<Round>,
}

/// The machine of the generator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MachineFacts {
    /// Processors.
    pub cores: usize,
    /// Their model.
    pub processor: String,
    /// The server ran on the same machine.
    pub shared_with_server: bool,
}

/// One round of one system.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    /// `switchboard`, or `relay` for the baseline.
    pub system: String,
    /// Measured time.
    pub seconds: f64,
    /// Figures by name; see [`FIGURES`].
    pub figures: BTreeMap<String, f64>,
    /// Latencies by what they are of.
    pub latencies: BTreeMap<String, Latency>,
    /// How it went over time.
    pub samples: Vec<Sample>,
    /// What the audit found; none where nothing is to be audited.
    pub audit: Option<Findings>,
    /// What went wrong, and how often.
    pub errors: BTreeMap<String, u64>,
    /// What the reader should know before believing the figures.
    pub warnings: Vec<String>,
}

/// One look at a running round.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the measured time began.
    pub at: f64,
    /// Units of work a second.
    pub rate: f64,
    /// Median latency of the scenario's first lane, microseconds.
    pub p50: u64,
    /// 99th percentile of the same.
    pub p99: u64,
    /// Processors that the server used.
    pub server_cpu: f64,
    /// Processors that the generator used.
    pub generator_cpu: f64,
    /// Resident memory of the server, bytes.
    pub server_resident: u64,
}

/// A figure that rounds may have: its name, how it is shown, whether more is better.
pub struct Figure {
    /// In [`Round::figures`].
    pub name: &'static str,
    /// With its unit.
    pub title: &'static str,
    /// More is better.
    pub more_is_better: bool,
}

const fn figure(name: &'static str, title: &'static str, more_is_better: bool) -> Figure {
    Figure { name, title, more_is_better }
}

/// Every figure, in the order in which they are shown.
pub const FIGURES: &[Figure] = &[
    figure("rate", "per second", true),
    figure("cpu_per_1000", "server CPU s / 1,000", false),
    figure("elsewhere", "% done on another node", false),
    figure("generator_cpu_per_1000", "generator CPU s / 1,000", false),
    figure("kib_per_session", "KiB / session", false),
    figure("resident_mib", "server MiB", false),
    figure("sessions", "sessions", true),
    figure("cut", "sessions cut", false),
    figure("pings", "pings answered", true),
    figure("chats", "chats started", true),
    figure("transfers", "chats handed over", true),
    figure("closed", "chats closed", true),
    figure("waiting", "chats without an agent at the end", false),
    figure("assigned", "chats that an agent got", true),
    figure("unexplained", "chats given twice, or from nowhere", false),
    figure("over_capacity", "over an agent's limit", false),
    figure("knee", "highest rate that holds", true),
];

/// Rounds in which the host took more than this share of the time (percent) say nothing.
pub(super) const MAX_STEAL: f64 = 5.0;

impl Report {
    /// An empty report.
    pub(super) fn new(scenario: &str, options: String, shared_with_server: bool) -> Self {
        Self {
            scenario: scenario.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            options,
            machine: MachineFacts {
                cores: process::cores(),
                processor: process::processor(),
                shared_with_server,
            },
            rounds: Vec::new(),
        }
    }

    /// Whether every audit was clean and nothing that has to work failed.
    pub fn is_clean(&self) -> bool {
        let none = |round: &Round, name| round.figures.get(name).is_none_or(|count| *count == 0.0);
        self.rounds.iter().filter_map(|round| round.audit.as_ref()).all(Findings::is_clean)
            && self.rounds.iter().all(|round| none(round, "over_capacity") && none(round, "unexplained"))
    }

    /// The systems that were measured, in order of appearance.
    pub fn systems(&self) -> Vec<&str> {
        let mut systems: Vec<&str> = Vec::new();
        for round in &self.rounds {
            if !systems.contains(&round.system.as_str()) {
                systems.push(&round.system);
            }
        }
        systems
    }

    /// What a figure or latency was in the rounds of one system, smallest first.
    pub fn values(&self, system: &str, value: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
        let mut found: Vec<f64> =
            self.rounds.iter().filter(|round| round.system == system).filter_map(value).collect();
        found.sort_by(f64::total_cmp);
        let (min, max) = (*found.first()?, *found.last()?);
        let half = found.len() / 2;
        let median = if found.len().is_multiple_of(2) {
            f64::midpoint(found[half - 1], found[half])
        } else {
            found[half]
        };
        Some(Spread { min, median, max })
    }

    /// Writes the report as JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), BenchError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| BenchError::Json { path: path.to_owned(), source })?;
        std::fs::write(path, text).map_err(BenchError::file(path))
    }

    /// Reads a report.
    ///
    /// # Errors
    /// If there is none.
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        let text = std::fs::read(path).map_err(BenchError::file(path))?;
        serde_json::from_slice(&text).map_err(|source| BenchError::Json { path: path.to_owned(), source })
    }
}

/// A value over several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// In the middle.
    pub median: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// How far equal runs lie apart: largest by smallest.
    pub fn noise(&self) -> f64 {
        if self.min > 0.0 { self.max / self.min } else { 1.0 }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.min == self.max {
            return f.write_str(&number(self.median));
        }
        write!(f, "{} / {} / {}", number(self.min), number(self.median), number(self.max))
    }
}

/// A number with as many digits as it deserves.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        ..0.1 => format!("{value:.4}"),
        ..10.0 => format!("{value:.2}"),
        ..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_summed_up_by_smallest_median_and_largest() {
        let mut report = Report::new("chat", String::new(), true);
        for rate in [3.0, 1.0, 2.0, 5.0] {
            let figures = [("rate".to_owned(), rate)].into_iter().collect();
            report.rounds.push(Round { system: "relay".to_owned(), figures, ..Round::default() });
        }
        let spread = report.values("relay", |round| round.figures.get("rate").copied());
        assert_eq!(spread, Some(Spread { min: 1.0, median: 2.5, max: 5.0 }));
        assert_eq!(report.values("switchboard", |round| Some(round.seconds)), None);
    }
}
