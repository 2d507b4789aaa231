//! The scenarios, and the stage on which a round of one is played.

mod chat;
mod connect;
mod fanout;
mod mixed;
mod open;
mod route;
mod web;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::child::Server;
use super::error::BenchError;
use super::options::{Scenario, Timing};
use super::record::Recorder;
use super::report::Round;
use super::round::Meter;
use super::target::Target;

/// Something that is measured: the server under test, or the baseline.
pub(super) struct System {
    pub(super) name: &'static str,
    pub(super) target: Target,
    /// Its process, if it runs on this machine.
    pub(super) pid: Option<u32>,
    /// Speaks the whole protocol and stores what it acknowledges; the baseline does neither.
    pub(super) has_store: bool,
    pub(super) rooms: AtomicU64,
    /// Lives as long as this does.
    pub(super) _child: Option<Server>,
}

impl System {
    /// A number for a room of the baseline that nobody had before.
    fn next_room(&self) -> u64 {
        self.rooms.fetch_add(1, Ordering::Relaxed)
    }
}

/// Where one round is played.
pub(super) struct Stage<'a> {
    pub(super) system: &'a System,
    pub(super) timing: Timing,
    pub(super) threads: usize,
    pub(super) is_live: bool,
}

impl Stage<'_> {
    fn meter(&self) -> Meter<'_> {
        Meter {
            system: self.system.name,
            server: self.system.pid,
            nodes: self.system.has_store.then_some(&self.system.target),
            threads: self.threads,
            is_live: self.is_live,
        }
    }

    async fn measure(&self, recorder: &Arc<Recorder>) -> Round {
        self.meter().measure(recorder, self.timing.warm_up(), self.timing.time()).await
    }
}

/// Plays one round of a scenario.
pub(super) async fn play(stage: &Stage<'_>, scenario: &Scenario) -> Result<Round, BenchError> {
    match scenario {
        Scenario::Chat(options) => chat::round(stage, options).await,
        Scenario::Open(options) => open::round(stage, options).await,
        Scenario::FindKnee(options) => open::find_knee(stage, options).await,
        Scenario::Connect(options) => connect::connect(stage, options).await,
        Scenario::Idle(options) => connect::idle(stage, options).await,
        Scenario::Fanout(options) => fanout::round(stage, options).await,
        Scenario::Route(options) => route::round(stage, options).await,
        Scenario::Web(options) => web::round(stage, options).await,
        Scenario::Mixed(options) => mixed::round(stage, options).await,
    }
}
