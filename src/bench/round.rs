//! One measured stretch of time: samples on the way, costs at the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::nodes::{Nodes, Used};
use super::process::{self, Machine, Usage};
use super::record::Recorder;
use super::report::{MAX_STEAL, Round, Sample};
use super::target::Target;

/// How often a running round is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// Above this share of its threads' time the generator itself is the limit.
const GENERATOR_LIMIT: f64 = 0.85;

/// Watches one round of one system.
pub(super) struct Meter<'a> {
    pub(super) system: &'static str,
    /// The server's process, if it runs on this machine.
    pub(super) server: Option<u32>,
    /// Where the nodes tell what they use, if they do.
    pub(super) nodes: Option<&'a Target>,
    /// Threads that drive load.
    pub(super) threads: usize,
    /// Show a live line.
    pub(super) is_live: bool,
}

#[derive(Clone, Copy)]
struct Costs {
    at: Instant,
    server: Option<Usage>,
    own: Usage,
    machine: Machine,
}

impl Meter<'_> {
    fn costs(&self) -> Costs {
        Costs {
            at: Instant::now(),
            server: self.server.and_then(process::usage),
            own: process::usage(std::process::id()).unwrap_or_default(),
            machine: Machine::now(),
        }
    }

    /// A line that tells what is going on.
    pub(super) fn line(&self, what: &str) -> ProgressBar {
        if !self.is_live {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {prefix}: {msg}");
        let line = ProgressBar::new_spinner().with_prefix(self.system).with_message(what.to_owned());
        line.enable_steady_tick(Duration::from_millis(120));
        if let Ok(style) = style { line.with_style(style) } else { line }
    }

    /// Lets load run: some time that does not count, then the time that counts; then tells the drivers to stop.
    pub(super) async fn measure(&self, recorder: &Arc<Recorder>, warm_up: Duration, time: Duration) -> Round {
        let line = self.line("warming up");
        tokio::time::sleep(warm_up).await;
        line.finish_and_clear();
        self.measure_while(recorder, tokio::time::sleep(time)).await.0
    }

    /// Measures what happens while `work` goes on; then tells the drivers to stop.
    pub(super) async fn measure_while<W: Future>(
        &self,
        recorder: &Arc<Recorder>,
        work: W,
    ) -> (Round, W::Output) {
        let line = self.line("starting");
        let nodes_before = self.nodes().await;
        recorder.start();
        recorder.window();
        let begin = self.costs();
        let (mut last, mut seen) = (begin, 0);
        let mut samples = Vec::new();
        let mut work = std::pin::pin!(work);
        let mut every = tokio::time::interval(EVERY);
        every.tick().await;
        let output = loop {
            tokio::select! {
                output = &mut work => break output,
                _ = every.tick() => {
                    let (now, count) = (self.costs(), recorder.count());
                    let sample = self.sample(recorder, &begin, &last, &now, count - seen);
                    line.set_message(shown(&sample));
                    samples.push(sample);
                    (last, seen) = (now, count);
                }
            }
        };
        let end = self.costs();
        recorder.stop();
        line.finish_and_clear();
        let used = nodes_before.zip(self.nodes().await).and_then(|(before, now)| now.since(&before));
        let mut round = self.sum_up(recorder, &begin, &end, used);
        round.samples = samples;
        (round, output)
    }

    async fn nodes(&self) -> Option<Nodes> {
        Nodes::ask(self.nodes?).await
    }

    fn sample(&self, recorder: &Recorder, begin: &Costs, last: &Costs, now: &Costs, done: u64) -> Sample {
        let seconds = now.at.duration_since(last.at).as_secs_f64().max(1e-6);
        let (p50, p99) = recorder.window();
        let used = |now: Usage, last: Usage| now.cpu.saturating_sub(last.cpu).as_secs_f64() / seconds;
        Sample {
            at: now.at.duration_since(begin.at).as_secs_f64(),
            rate: done as f64 / seconds,
            p50,
            p99,
            server_cpu: now.server.zip(last.server).map_or(0.0, |(now, last)| used(now, last)),
            generator_cpu: used(now.own, last.own),
            server_resident: now.server.map_or(0, |usage| usage.resident),
        }
    }

    fn sum_up(&self, recorder: &Recorder, begin: &Costs, end: &Costs, used: Option<Used>) -> Round {
        let seconds = end.at.duration_since(begin.at).as_secs_f64();
        let count = recorder.count() as f64;
        let mut round = Round { system: self.system.to_owned(), seconds, ..Round::default() };
        round.latencies = recorder.latencies();
        round.errors = recorder.errors();
        let mut figure = |name: &str, value: f64| {
            round.figures.insert(name.to_owned(), value);
        };
        figure("rate", count / seconds);
        let per_1000 = |cpu_seconds: f64| cpu_seconds * 1000.0 / count.max(1.0);
        if let Some((now, then)) = end.server.zip(begin.server) {
            figure("cpu_per_1000", per_1000(now.cpu.saturating_sub(then.cpu).as_secs_f64()));
            figure("resident_mib", now.resident as f64 / f64::from(1 << 20));
        } else if let Some(used) = used {
            figure("cpu_per_1000", per_1000(used.cpu));
            figure("resident_mib", used.resident / f64::from(1 << 20));
        }
        if let Some(share) = used.and_then(|used| used.elsewhere) {
            figure("elsewhere", share);
        }
        let own = end.own.cpu.saturating_sub(begin.own.cpu);
        figure("generator_cpu_per_1000", per_1000(own.as_secs_f64()));
        let shares = end.machine.since(begin.machine);
        if shares.steal > MAX_STEAL {
            round.warnings.push(format!(
                "the host took {:.1} % of the time away: this round says little",
                shares.steal
            ));
        }
        let busy = own.as_secs_f64() / seconds / self.threads as f64;
        if busy > GENERATOR_LIMIT {
            round.warnings.push(format!(
                "the generator used {:.0} % of its threads: it is the limit, not the server (--threads)",
                busy * 100.0
            ));
        } else if self.server.is_some() && shares.idle < 5.0 {
            round.warnings.push(format!(
                "the machine had no idle time; the generator took {:.2} of its {} processors: \
                 the server alone could do more",
                own.as_secs_f64() / seconds,
                process::cores()
            ));
        }
        round
    }
}

/// The live line.
fn shown(sample: &Sample) -> String {
    format!(
        "{:.1} s  {:.0}/s  p50 {:.2} ms  p99 {:.2} ms  server {:.2} CPU {:.0} MiB  generator {:.2} CPU",
        sample.at,
        sample.rate,
        sample.p50 as f64 / 1e3,
        sample.p99 as f64 / 1e3,
        sample.server_cpu,
        sample.server_resident as f64 / f64::from(1 << 20),
        sample.generator_cpu,
    )
}
