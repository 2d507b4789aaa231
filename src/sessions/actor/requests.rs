//! Requests of a session: carried out beside each other, answered in time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, SpawnHandle, WrapFuture};
use actix_web_actors::ws;
use serde_json::value::RawValue;

use super::{Kind, Session};
use crate::protocol::envelope::{self, RtmRequest};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method;
use crate::requests::Requester;
use crate::sessions::handle::NOTHING_ASKED;
use crate::sessions::watching;

/// What a customer says that may make a greeting due.
const LEADS_TO_GREETINGS: &[&str] =
    &["update_customer_page", "set_customer_session_fields", "update_customer"];

/// A request that is being carried out.
pub(super) struct Asked {
    number: u64,
    request_id: Option<Arc<str>>,
    action: &'static str,
    since: Instant,
    work: SpawnHandle,
}

impl<K: Kind> Session<K> {
    pub(super) fn carry_out(
        &mut self,
        who: Arc<Requester>,
        method: &'static method::Method,
        request: &RtmRequest<'_>,
        ctx: &mut ws::WebsocketContext<Self>,
    ) {
        if !self.shared.limits.admits_license(who.license_id().0) {
            let error = WireError::of(ErrorType::TooManyRequests);
            ctx.text(envelope::error_response(request.request_id.as_deref(), method.action, &error));
            return;
        }
        let payload: Option<Box<RawValue>> = request.payload.map(ToOwned::to_owned);
        let request_id: Option<Arc<str>> = request.request_id.as_deref().map(Arc::from);
        let (shared, id) = (self.shared.clone(), request_id.clone());
        let watches = ["subscribe_customers", "unsubscribe_customers"].contains(&method.action);
        let handle = watches.then(|| self.handle.clone());
        // Boxed as it is: it is large, and would be moved twice on its way into the context.
        let work = Box::pin(async move {
            let who = who.latest(shared.requests.actors().licenses()).await;
            match handle {
                Some(handle) => {
                    let work = watching::carry_out(&shared, &handle, &who, method, payload.as_deref());
                    Box::pin(work).await
                }
                None => shared.requests.handle(&who, method, payload.as_deref(), id).await,
            }
        });
        self.next += 1;
        let number = self.next;
        let work = ctx.spawn(work.into_actor(self).map(move |result, session, ctx| {
            let place = session.asked.iter().position(|asked| asked.number == number);
            if let Some(asked) = place.and_then(|place| session.asked.remove(place)) {
                session.note_oldest();
                session.answer(&asked, result, ctx);
            }
        }));
        self.asked.push_back(Asked {
            number,
            request_id,
            action: method.action,
            since: Instant::now(),
            work,
        });
        if self.asked.len() == 1 {
            self.note_oldest();
        }
    }

    /// Requests without an answer.
    pub(super) fn pending(&self) -> usize {
        self.asked.len() + self.logins
    }

    fn answer(
        &mut self,
        asked: &Asked,
        result: Result<String, WireError>,
        ctx: &mut ws::WebsocketContext<Self>,
    ) {
        let took = asked.since.elapsed();
        self.shared.metrics.request(K::SURFACE, asked.action, took);
        tracing::debug!(
            session.id = self.handle.id,
            request.id = asked.request_id.as_deref(),
            action = asked.action,
            error = result.as_ref().err().map(|error| error.kind.as_str()),
            took_us = took.as_micros(),
            "request by websocket"
        );
        if asked.action == "subscribe_customers" && result.is_ok() {
            self.tell_totals(ctx);
        }
        let is_done = result.is_ok();
        let id = asked.request_id.as_deref();
        ctx.text(match result {
            Ok(payload) => envelope::response(id, asked.action, &payload),
            Err(error) => envelope::error_response(id, asked.action, &error),
        });
        // Its own copy of what it caused waits without a wake: see `Delivery::deliver_before_answer`.
        self.flush(ctx);
        if is_done && LEADS_TO_GREETINGS.contains(&asked.action) {
            self.greet(ctx);
        }
        self.leave_if_done(ctx);
    }

    /// Notes since when the oldest request waits, which [`heartbeat`](crate::sessions::heartbeat) looks at: a session has
    /// no timer for its requests, since it would be asked for the time whenever anything happens to the session.
    fn note_oldest(&self) {
        let oldest = self.asked.front().map(|asked| self.shared.registry.ms_at(asked.since));
        self.handle.asked_at.store(oldest.unwrap_or(NOTHING_ASKED), Ordering::Release);
    }

    /// Answers the requests that have taken too long, and gives them up.
    pub(super) fn answer_overdue(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let limit = self.shared.settings.request_timeout;
        while let Some(asked) = self.asked.pop_front_if(|asked| asked.since.elapsed() >= limit) {
            ctx.cancel_future(asked.work);
            self.answer(&asked, Err(WireError::of(ErrorType::RequestTimeout)), ctx);
        }
        self.note_oldest();
    }
}
