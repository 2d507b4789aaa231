//! The figures of `/metrics`. Counting is an atomic or a short lock; nothing is gathered before somebody asks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::cluster::{ClusterCollector, ClusterFigures};
use super::process::Process;
use super::routing::{LicenseRouting, RoutingFigures};
use crate::protocol::version::Surface;
use crate::store::{CommitTimes, Pulse};

/// The type of what [`Metrics::render`] gives.
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds; from an answer out of memory to the request timeout.
const LATENCY_BOUNDS: [f64; 15] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SurfaceLabel {
    surface: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    surface: &'static str,
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabel {
    queue: &'static str,
}

/// One counter or gauge for each surface, at hand without a look-up.
struct BySurface<M> {
    agent: M,
    customer: M,
}

impl<M: Clone + Default> BySurface<M> {
    fn of(family: &Family<SurfaceLabel, M>) -> Self {
        let one = |surface: Surface| family.get_or_create_owned(&SurfaceLabel { surface: surface.as_str() });
        Self { agent: one(Surface::Agent), customer: one(Surface::Customer) }
    }

    fn get(&self, surface: Surface) -> &M {
        match surface {
            Surface::Agent => &self.agent,
            Surface::Customer => &self.customer,
        }
    }
}

/// Counters of a node.
pub struct Metrics {
    registry: Registry,
    sessions: BySurface<Gauge>,
    logins: BySurface<Counter>,
    requests: Family<RequestLabel, Histogram, fn() -> Histogram>,
    sessions_cut: Counter,
    pushes: Counter,
    events: Counter,
    chats_resident: Gauge,
    chats_active: Gauge,
    chats_queued: Gauge,
    queues: Family<QueueLabel, Gauge>,
    pulse: Arc<Mutex<Pulse>>,
    routing: Arc<Mutex<Vec<LicenseRouting>>>,
    cluster: ClusterCollector,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        // Dashboards know the figures of a process by their common names.
        registry.register_collector(Box::new(ProcessFigures));
        let ours = registry.sub_registry_with_prefix("switchboard");
        let sessions = Family::<SurfaceLabel, Gauge>::default();
        let logins = Family::<SurfaceLabel, Counter>::default();
        let requests = Family::new_with_constructor(latency_histogram as fn() -> Histogram);
        let (sessions_cut, pushes, events) = (Counter::default(), Counter::default(), Counter::default());
        let (chats_resident, chats_active, chats_queued) =
            (Gauge::default(), Gauge::default(), Gauge::default());
        let queues = Family::default();
        let pulse = Arc::new(Mutex::new(Pulse::default()));
        let routing = Arc::new(Mutex::new(Vec::new()));

        ours.register("sessions", "Websocket sessions that are open", sessions.clone());
        ours.register("logins", "Logins of websocket sessions", logins.clone());
        ours.register("sessions_cut", "Sessions cut because they did not read", sessions_cut.clone());
        ours.register("pushes", "Pushes handed to sessions", pushes.clone());
        ours.register("events", "Events stored", events.clone());
        ours.register("chats_resident", "Chats in memory", chats_resident.clone());
        ours.register("chats_active", "Chats with an active thread in memory", chats_active.clone());
        ours.register("chats_queued", "Chats that wait for an agent", chats_queued.clone());
        ours.register("queue_length", "What waits in a queue of the server", queues.clone());
        let help = "From a request's arrival to its answer";
        ours.register_with_unit("request_duration", help, Unit::Seconds, requests.clone());
        ours.register_collector(Box::new(StoreFigures(pulse.clone())));
        ours.register_collector(Box::new(RoutingFigures(routing.clone())));
        let cluster = ClusterCollector::default();
        ours.register_collector(Box::new(cluster.clone()));
        Self {
            registry,
            sessions: BySurface::of(&sessions),
            logins: BySurface::of(&logins),
            requests,
            sessions_cut,
            pushes,
            events,
            chats_resident,
            chats_active,
            chats_queued,
            queues,
            pulse,
            routing,
            cluster,
        }
    }
}

impl Metrics {
    /// A session was opened.
    pub fn session_opened(&self, surface: Surface) {
        self.sessions.get(surface).inc();
    }

    /// A session is over.
    pub fn session_closed(&self, surface: Surface) {
        self.sessions.get(surface).dec();
    }

    /// A session was cut because it did not read.
    pub fn session_cut(&self) {
        self.sessions_cut.inc();
    }

    /// Somebody logged in.
    pub fn login(&self, surface: Surface) {
        self.logins.get(surface).inc();
    }

    /// A push was handed to a session.
    pub fn push_sent(&self) {
        self.pushes.inc();
    }

    /// A request was answered. `action` is one of the method table, never what a client sent.
    pub fn request(&self, surface: Surface, action: &'static str, took: Duration) {
        let label = RequestLabel { surface: surface.as_str(), action };
        self.requests.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// Events were stored.
    pub fn events_stored(&self, count: usize) {
        self.events.inc_by(count as u64);
    }

    /// How many chats are in memory.
    pub fn set_resident_chats(&self, count: usize) {
        set(&self.chats_resident, count);
    }

    /// How many of the chats in memory have an active thread.
    pub fn set_active_chats(&self, count: usize) {
        set(&self.chats_active, count);
    }

    /// How many chats wait for an agent.
    pub fn set_queued_chats(&self, count: usize) {
        set(&self.chats_queued, count);
    }

    /// What waits in one of the server's queues. The store's own is known by [`observe_store`](Self::observe_store).
    pub fn set_queue_length(&self, queue: &'static str, count: usize) {
        set(&self.queues.get_or_create(&QueueLabel { queue }), count);
    }

    /// How things stand in the licenses whose routers run here.
    pub fn observe_routing(&self, licenses: Vec<LicenseRouting>) {
        *self.routing.lock() = licenses;
    }

    /// Who tells how the node stands in its cluster. The first one counts.
    pub fn follow_cluster(&self, source: impl Fn() -> ClusterFigures + Send + Sync + 'static) {
        let _first = self.cluster.0.set(Box::new(source));
    }

    /// What the store says of itself.
    pub fn observe_store(&self, pulse: &Pulse) {
        self.set_queue_length("store", usize::try_from(pulse.waiting).unwrap_or(usize::MAX));
        *self.pulse.lock() = pulse.clone();
    }

    /// Everything, in the text form that Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a text does not fail; half of the figures would mislead.
            Err(fmt::Error) => String::new(),
        }
    }
}

fn latency_histogram() -> Histogram {
    Histogram::new(LATENCY_BOUNDS)
}

fn set(gauge: &Gauge, count: usize) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}

/// The store's figures, as last told.
#[derive(Debug)]
struct StoreFigures(Arc<Mutex<Pulse>>);

impl Collector for StoreFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Pulse { commits, operations, rows, .. } = self.0.lock().clone();
        counter(&mut encoder, "store_operations", "Durable writes that were asked for", operations)?;
        counter(&mut encoder, "store_rows", "Rows of chats that were stored", rows)?;
        let bounds = CommitTimes::bounds().map(|bound| bound.as_secs_f64()).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(commits.counts).collect();
        let count = commits.counts.iter().sum();
        let mut commits_encoder = encoder.encode_descriptor(
            "store_commit",
            "From the start of a durable write to its end",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        commits_encoder.encode_histogram::<NoLabelSet>(commits.total.as_secs_f64(), count, &buckets, None)
    }
}

/// The figures of this process.
#[derive(Debug)]
struct ProcessFigures;

impl Collector for ProcessFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let process = Process::read();
        if let Some(seconds) = process.cpu_seconds {
            let cpu = ConstCounter::new(seconds);
            let help = "Processor time of this process";
            let unit = Some(&Unit::Seconds);
            let metric = encoder.encode_descriptor("process_cpu", help, unit, cpu.metric_type())?;
            cpu.encode(metric)?;
        }
        let gauges = [
            ("process_resident_memory", "Memory of this process", Some(Unit::Bytes), process.resident_bytes),
            ("process_open_files", "Open files and sockets", None, process.open_files),
            ("process_threads", "Threads", None, process.threads),
        ];
        for (name, help, unit, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::<i64>::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let counter = ConstCounter::new(value);
    let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
    counter.encode(metric)
}

#[cfg(test)]
mod tests {
    use super::super::GroupRouting;
    use super::*;

    fn has(metrics: &Metrics, line: &str) -> bool {
        metrics.render().lines().any(|one| one == line)
    }

    #[test]
    fn sessions_are_counted_by_surface() {
        let metrics = Metrics::default();
        metrics.session_opened(Surface::Agent);
        metrics.session_opened(Surface::Agent);
        metrics.session_opened(Surface::Customer);
        metrics.session_closed(Surface::Agent);
        metrics.login(Surface::Customer);
        for line in [
            "switchboard_sessions{surface=\"agent\"} 1",
            "switchboard_sessions{surface=\"customer\"} 1",
            "switchboard_logins_total{surface=\"customer\"} 1",
            "switchboard_logins_total{surface=\"agent\"} 0",
        ] {
            assert!(has(&metrics, line), "{line} in {}", metrics.render());
        }
    }

    #[test]
    fn requests_have_their_latency_by_action() {
        let metrics = Metrics::default();
        metrics.request(Surface::Agent, "send_event", Duration::from_millis(2));
        let name = "switchboard_request_duration_seconds";
        for line in [
            format!("{name}_count{{surface=\"agent\",action=\"send_event\"}} 1"),
            format!("{name}_bucket{{le=\"0.001\",surface=\"agent\",action=\"send_event\"}} 0"),
            format!("{name}_bucket{{le=\"0.0025\",surface=\"agent\",action=\"send_event\"}} 1"),
        ] {
            assert!(has(&metrics, &line), "{line} in {}", metrics.render());
        }
    }

    #[test]
    fn routers_are_shown_by_license_group_and_agent() {
        let metrics = Metrics::default();
        let group = GroupRouting {
            group: 5,
            waiting: 3,
            answered: 2,
            waited_s: 9,
            waits: vec![(5.0, 1), (10.0, 1), (f64::INFINITY, 0)],
            refused: 4,
        };
        metrics.observe_routing(vec![LicenseRouting {
            license: 1001,
            served: 7,
            slots: 12,
            slots_taken: 6,
            agents: [(6, 2)].into(),
            refused: vec![("queue_full".to_owned(), 4)],
            groups: vec![group],
        }]);
        for line in [
            "switchboard_routing_chats_served{license=\"1001\"} 7",
            "switchboard_routing_slots{license=\"1001\"} 12",
            "switchboard_routing_slots_taken{license=\"1001\"} 6",
            "switchboard_routing_agents{license=\"1001\",chats=\"6\"} 2",
            "switchboard_routing_waiting{license=\"1001\",group=\"5\"} 3",
            "switchboard_routing_refused_starts_total{license=\"1001\",reason=\"queue_full\"} 4",
            "switchboard_routing_group_refused_starts_total{license=\"1001\",group=\"5\"} 4",
            "switchboard_routing_wait_seconds_bucket{le=\"10.0\",license=\"1001\",group=\"5\"} 2",
            "switchboard_routing_wait_seconds_count{license=\"1001\",group=\"5\"} 2",
        ] {
            assert!(has(&metrics, line), "{line} in {}", metrics.render());
        }
    }

    #[test]
    fn the_store_and_the_process_are_shown() {
        let metrics = Metrics::default();
        let mut pulse = Pulse { operations: 9, rows: 4, waiting: 3, ..Pulse::default() };
        pulse.commits.record(Duration::from_micros(200));
        pulse.commits.record(Duration::from_secs(5));
        metrics.observe_store(&pulse);
        for line in [
            "switchboard_store_operations_total 9",
            "switchboard_store_rows_total 4",
            "switchboard_queue_length{queue=\"store\"} 3",
            "switchboard_store_commit_seconds_count 2",
            "switchboard_store_commit_seconds_bucket{le=\"0.00025\"} 1",
            "switchboard_store_commit_seconds_bucket{le=\"+Inf\"} 2",
        ] {
            assert!(has(&metrics, line), "{line} in {}", metrics.render());
        }
        let text = metrics.render();
        for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_files"] {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
        }
    }
}
