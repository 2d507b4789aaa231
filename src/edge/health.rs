//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpResponse;

use super::server::Context;

/// Whether a load balancer should send new clients here.
#[derive(Debug, Default)]
pub struct Readiness {
    draining: AtomicBool,
}

impl Readiness {
    /// From now on no new clients.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
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

/// The node can serve: the store answers, the node is not fenced, not draining.
pub(super) async fn readyz(context: Context) -> HttpResponse {
    if context.readiness.is_draining() {
        return HttpResponse::ServiceUnavailable().body("draining\n");
    }
    let actors = context.requests.actors();
    if actors.shards().is_fenced() {
        return HttpResponse::ServiceUnavailable().body("this node was fenced by its peers\n");
    }
    match actors.store().check().await {
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
    context.metrics.observe_store(&actors.store().pulse());
    HttpResponse::Ok().content_type(crate::observe::METRICS_CONTENT_TYPE).body(context.metrics.render())
}
