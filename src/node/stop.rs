//! The end of a node: what starts it, and in which order things stop.

use std::sync::Arc;
use std::time::Duration;

use switchboard_cluster::Node;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::{NodeError, goodbye};
use crate::config::Config;
use crate::edge::{EdgeContext, RunningServer};
use crate::protocol::version::Surface;
use crate::sessions::Wake;

/// How long sockets have to close by themselves once they were told to.
const GOODBYE: Duration = Duration::from_secs(3);
/// How long the last word to the cluster may take.
const LEAVE: Duration = Duration::from_secs(5);
/// How long what was cut may take to be gone when the whole time is over.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The signals that end a node in order.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    came: bool,
}

impl Signals {
    /// From now on they do not end the process by themselves. Must run inside a tokio runtime.
    pub(super) fn listen() -> std::io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, came: false })
    }

    /// Waits for one of them; comes back at once if there was one.
    pub(super) async fn come(&mut self) {
        if !self.came {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            self.came = true;
        }
    }
}

/// Waits for a signal, or for a failure that must end the node; then drains.
pub(super) async fn wait_and_stop(
    mut signals: Signals,
    config: &Config,
    server: RunningServer,
    context: &Arc<EdgeContext>,
    member: &Node,
) -> Result<(), NodeError> {
    let actors = context.requests.actors();
    let mut failed = actors.store().failed();
    let mut ended = member.ended();
    let outcome = tokio::select! {
        () = signals.come() => Ok(()),
        found = failed.wait_for(Option::is_some) => match found.ok().and_then(|failure| failure.clone()) {
            Some(failure) => Err(NodeError::StoreFailed(failure)),
            None => Ok(()),
        },
        end = ended.wait_for(Option::is_some) => match end.ok().and_then(|end| end.clone()) {
            Some(end) => Err(NodeError::Ended(end)),
            None => Ok(()),
        },
    };
    tracing::info!("draining: no new clients, sessions are told to reconnect");
    context.readiness.drain();
    if outcome.is_ok() {
        // Shards go first, so that what clients still ask is answered by those who have them then.
        member.give_away(config.server.drain_timeout / 3).await;
    }
    drain(config, server, context).await;
    if outcome.is_ok() {
        member.leave(LEAVE).await;
    }
    outcome
}

/// Tells sessions to come back, lets nobody in, lets everything that was asked be answered, and takes the sockets
/// of those away that do not read. Actors live on the server's threads, so these stop last.
///
/// The server listens until all have been told: load balancers close the connections of a node that they cannot reach.
async fn drain(config: &Config, server: RunningServer, context: &Arc<EdgeContext>) {
    let end = Instant::now() + config.server.drain_timeout;
    let registry = &context.sessions.registry;
    let (a_second, within) = (config.server.drain_rate, config.server.drain_timeout / 3);
    goodbye::stagger(registry.sessions(), a_second, within, |session| {
        let reason = match session.surface {
            Surface::Agent => "internal_error",
            Surface::Customer => "service_temporarily_unavailable",
        };
        session.wake(Wake::Leave(reason));
    })
    .await;
    server.stop_accepting().await;
    let quiet = || registry.is_empty() && context.readiness.in_flight() == 0;
    // A session that did not even begin to leave by then does not read.
    if !wait_until(end.min(Instant::now() + GOODBYE), quiet).await {
        registry
            .sessions()
            .iter()
            .filter(|session| !session.is_finishing())
            .for_each(|session| session.cut());
    }
    if !wait_until(end, quiet).await {
        registry.sessions().iter().for_each(|session| session.cut());
    }
    let written = context.requests.actors().flush_decisions();
    if tokio::time::timeout_at(end.max(Instant::now() + LAST_WORDS), written).await.is_err() {
        tracing::warn!("the last decisions of the routers cannot be explained later");
    }
    let stopped = async {
        server.handle.stop(true).await;
        drop(server.ended.await);
    };
    if tokio::time::timeout_at(end.max(Instant::now() + LAST_WORDS), stopped).await.is_err() {
        tracing::warn!("some connections did not end in time and are dropped");
    }
}

/// Waits until something is so, at most until a moment. Says whether it is.
async fn wait_until(end: Instant, is_so: impl Fn() -> bool) -> bool {
    while !is_so() {
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}
