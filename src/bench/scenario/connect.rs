//! `connect` and `idle`: how quickly customers get in, and what it costs to keep them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::chat::OPENING;
use super::{Stage, System};
use crate::bench::client::{Client, Watcher};
use crate::bench::error::BenchError;
use crate::bench::options::{ConnectOptions, IdleOptions};
use crate::bench::process;
use crate::bench::record::Recorder;
use crate::bench::report::Round;
use crate::bench::target::Customer;

/// Memory that was freed is given back with some delay.
const SETTLE: Duration = Duration::from_secs(3);

/// Counts sessions that the server ends, and its pings.
struct Counter {
    recorder: Arc<Recorder>,
    pings: Arc<AtomicU64>,
}

const CUT: &str = "the server ended a connection";

impl Watcher for Counter {
    fn push(&mut self, _: &str, _: &str, _: Instant) {}

    fn pinged(&mut self) {
        self.pings.fetch_add(1, Ordering::Relaxed);
    }

    fn closed(&mut self) {
        if !self.recorder.is_stopped() {
            self.recorder.failed(CUT);
        }
    }
}

/// Who is to log in; the baseline knows nobody.
async fn customers(system: &System, count: usize) -> Result<Vec<Option<Customer>>, BenchError> {
    if !system.has_store {
        return Ok(vec![None; count]);
    }
    let made =
        stream::iter(0..count).map(|index| async move { system.target.new_customer(index).await.map(Some) });
    made.buffer_unordered(OPENING).try_collect().await
}

/// One socket, logged in where there is somebody to log in.
async fn enter(
    system: &System,
    customer: Option<&Customer>,
    recorder: &Arc<Recorder>,
    pings: &Arc<AtomicU64>,
) -> Result<Client, BenchError> {
    let watcher = Counter { recorder: recorder.clone(), pings: pings.clone() };
    match customer {
        Some(customer) => system.target.customer(customer, &["incoming_event"], watcher).await,
        None => {
            let url = system.target.ws_url(&format!("/relay?room=I{}", system.next_room()));
            Client::connect(&url, system.target.sources.next(), watcher).await
        }
    }
}

/// All get in, so many at a time.
async fn storm(
    system: &System,
    customers: &[Option<Customer>],
    in_flight: usize,
    recorder: &Arc<Recorder>,
    pings: &Arc<AtomicU64>,
) -> Result<Vec<Client>, BenchError> {
    let all = stream::iter(customers).map(|customer| async move {
        let begin = Instant::now();
        let client = enter(system, customer.as_ref(), recorder, pings).await?;
        recorder.took(0, begin.elapsed());
        recorder.done();
        Ok::<_, BenchError>(client)
    });
    all.buffer_unordered(in_flight).try_collect().await
}

/// `connect`: a storm of first logins, which make customers' profiles, then one of customers who come back.
pub(in crate::bench) async fn connect(
    stage: &Stage<'_>,
    options: &ConnectOptions,
) -> Result<Round, BenchError> {
    let line = stage.meter().line("making tokens");
    let customers = customers(stage.system, options.sessions).await?;
    line.finish_and_clear();
    let pings = Arc::default();
    if stage.system.has_store && !options.first {
        let recorder = Arc::new(Recorder::new(&["login"]));
        let first = storm(stage.system, &customers, options.in_flight, &recorder, &pings).await?;
        recorder.stop();
        drop(first);
        tokio::time::sleep(SETTLE).await;
    }
    let recorder = Arc::new(Recorder::new(&["login"]));
    let work = storm(stage.system, &customers, options.in_flight, &recorder, &pings);
    let (round, clients) = stage.meter().measure_while(&recorder, work).await;
    drop(clients?);
    tokio::time::sleep(SETTLE).await;
    Ok(round)
}

/// `idle`: memory of a session by the slope between two counts; then all are held, pinged, and none may be cut.
pub(in crate::bench) async fn idle(stage: &Stage<'_>, options: &IdleOptions) -> Result<Round, BenchError> {
    if options.to <= options.from {
        return Err(BenchError::Usage("idle: --to must be larger than --from"));
    }
    let system = stage.system;
    let resident = || system.pid.and_then(process::usage).map(|usage| usage.resident);
    let line = stage.meter().line("making tokens");
    let customers = customers(system, options.to).await?;
    line.finish_and_clear();
    let recorder = Arc::new(Recorder::new(&["login"]));
    let pings = Arc::<AtomicU64>::default();
    let meter = stage.meter();
    let work = async {
        let (few, more) = customers.split_at(options.from);
        let mut clients = storm(system, few, options.in_flight, &recorder, &pings).await?;
        tokio::time::sleep(SETTLE).await;
        let before = resident();
        clients.extend(storm(system, more, options.in_flight, &recorder, &pings).await?);
        tokio::time::sleep(SETTLE).await;
        let after = resident();
        tokio::time::sleep(Duration::from_secs(options.hold)).await;
        Ok::<_, BenchError>((before, after, clients))
    };
    let (mut round, done) = meter.measure_while(&recorder, work).await;
    let (before, after, clients) = done?;
    round.figures.remove("rate");
    round.figures.insert("sessions".to_owned(), clients.len() as f64);
    let cut = recorder.errors().get(CUT).copied().unwrap_or_default();
    round.figures.insert("cut".to_owned(), cut as f64);
    round.figures.insert("pings".to_owned(), pings.load(Ordering::Relaxed) as f64);
    if let Some((before, after)) = before.zip(after) {
        let slope = (after as f64 - before as f64) / (options.to - options.from) as f64;
        round.figures.insert("kib_per_session".to_owned(), slope / 1024.0);
    }
    drop(clients);
    tokio::time::sleep(SETTLE).await;
    Ok(round)
}
