//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::HttpResponse;
use parking_lot::Mutex;
use switchboard_cluster::Incarnation;

use super::reports::figures;
use super::server::Context;
use crate::actors::Actors;

/// Whether a load balancer should send new clients here, and what is still being answered.
#[derive(Debug, Default)]
pub struct Readiness {
    draining: AtomicBool,
    /// The run of this node that found an owner for every shard.
    settled: Mutex<Option<Incarnation>>,
    in_flight: Arc<AtomicUsize>,
}

/// An HTTP request that is being answered.
pub(super) struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Readiness {
    /// From now on no new clients.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// A request is being answered for as long as the guard lives.
    pub(super) fn begin(&self) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(self.in_flight.clone())
    }

    /// HTTP requests that are being answered.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Whether this run of the node has once seen every shard with a living owner. That one of them dies later is no reason
    /// to send clients elsewhere: the others see the same.
    fn has_settled(&self, actors: &Actors) -> bool {
        let run = actors.shards().incarnation();
        let mut settled = self.settled.lock();
        if *settled != Some(run) && actors.is_settled() {
            *settled = Some(run);
        }
        *settled == Some(run)
    }

    /// True once the end has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// The process lives.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

/// The node can serve: the store answers, every shard had a living owner, the node is not fenced, not draining.
///
/// One that drains says so by a status of its own: load balancers that close the connections of a node that cannot serve can be
/// told by it to leave those alone, which the node ends by and by (`http-check disable-on-404` of HAProxy).
pub(super) async fn readyz(context: Context) -> HttpResponse {
    if context.readiness.is_draining() {
        return HttpResponse::NotFound().body("draining\n");
    }
    let actors = context.requests.actors();
    if actors.shards().is_fenced() {
        return HttpResponse::ServiceUnavailable().body("this node was fenced by its peers\n");
    }
    match actors.store().check().await {
        Ok(()) if !context.readiness.has_settled(actors) => {
            HttpResponse::ServiceUnavailable().body("not every shard has a living owner yet\n")
        }
        Ok(()) => HttpResponse::Ok().body("ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            HttpResponse::ServiceUnavailable().body("the store does not answer\n")
        }
    }
}

/// Counters for Prometheus.
pub(super) async fn metrics(context: Context) -> HttpResponse {
    let actors = context.requests.actors();
    context.metrics.set_resident_chats(actors.resident_chats());
    context.metrics.events_stored(actors.take_stored_events());
    let (active, queued) = actors.routed_chats().await;
    let snapshots = actors.router_snapshots().await;
    let figures = snapshots.iter().map(|(license, snapshot)| figures(license.0, snapshot));
    context.metrics.observe_routing(figures.collect());
    context.metrics.set_active_chats(active);
    context.metrics.set_queued_chats(queued);
    context.metrics.observe_store(&actors.store().pulse());
    HttpResponse::Ok().content_type(crate::observe::METRICS_CONTENT_TYPE).body(context.metrics.render())
}
