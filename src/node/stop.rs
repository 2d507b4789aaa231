//! The end of a node: what starts it, and in which order things stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::NodeError;
use crate::config::Config;
use crate::edge::{EdgeContext, RunningServer};
use crate::protocol::version::Surface;
use crate::tenants::Tenants;

/// How long sockets have to close by themselves once they were told to.
const GOODBYE: Duration = Duration::from_secs(3);

/// Waits for a signal, or for a failure that must end the node; then drains.
pub(super) async fn wait_and_stop(
    config: &Config,
    server: RunningServer,
    context: &Arc<EdgeContext>,
    _tenants: &Tenants,
) -> Result<(), NodeError> {
    let actors = context.requests.actors();
    let mut failed = actors.store().failed();
    let mut fenced = actors.shards().fenced();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        found = failed.wait_for(Option::is_some) => match found.ok().and_then(|failure| failure.clone()) {
            Some(failure) => Err(NodeError::StoreFailed(failure)),
            None => Ok(()),
        },
        _ = fenced.wait_for(|fenced| *fenced) => Err(NodeError::Fenced),
    };
    tracing::info!("draining: no new clients, sessions are told to reconnect");
    drain(config, server, context).await;
    if outcome.is_ok()
        && let Err(error) = context.requests.actors().shards().step_down().await
    {
        tracing::warn!(%error, "peers will have to notice that this node has ended");
    }
    outcome
}

async fn drain(config: &Config, server: RunningServer, context: &Arc<EdgeContext>) {
    context.readiness.drain();
    let registry = &context.sessions.registry;
    for session in registry.sessions() {
        let reason = match session.surface {
            Surface::Agent => "internal_error",
            Surface::Customer => "service_temporarily_unavailable",
        };
        session.wake(crate::sessions::Wake::Disconnect(reason));
    }
    let patience = GOODBYE.min(config.server.drain_timeout);
    let all_gone = async {
        while !registry.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(patience, all_gone).await.is_err() {
        registry.sessions().iter().for_each(|session| session.cut());
    }
    server.handle.stop(true).await;
    drop(server.ended.await);
}
