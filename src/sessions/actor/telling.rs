//! What a session is told by its own timers, and nobody else with it: greetings, and who visits.

use actix::{ActorFutureExt, AsyncContext, WrapFuture};
use actix_web_actors::ws;

use super::{Kind, Login, Session};
use crate::protocol::envelope;
use crate::protocol::version::{ApiVersion, Surface};
use crate::sessions::watching;

impl<K: Kind> Session<K> {
    /// Shows a customer the greeting that is due now, and looks again when time may have brought another.
    pub(super) fn greet(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let Login::Done { who } = &self.login else { return };
        if let Some(earlier) = self.greeting.take() {
            ctx.cancel_future(earlier);
        }
        if K::SURFACE == Surface::Agent || !self.shared.requests.greets(who.license_id()) {
            return;
        }
        let (shared, who) = (self.shared.clone(), who.clone());
        let work = Box::pin(async move {
            let who = who.latest(shared.requests.actors().licenses()).await;
            shared.requests.greet(&who).await
        });
        ctx.spawn(work.into_actor(self).map(|next, session, ctx| match next {
            Ok(Some(after)) => {
                let timer = ctx.run_later(after, |session, ctx| session.greet(ctx));
                if let Some(earlier) = session.greeting.replace(timer) {
                    ctx.cancel_future(earlier);
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error = error.message, "a customer was not greeted"),
        }));
    }

    /// What follows an agent's login: the customers whom they watch.
    pub(super) fn tell_first_customers(&self, ctx: &mut ws::WebsocketContext<Self>) {
        let Login::Done { who } = &self.login else { return };
        if K::SURFACE == Surface::Customer {
            return;
        }
        let (shared, handle, who) = (self.shared.clone(), self.handle.clone(), who.clone());
        let work = Box::pin(async move { watching::first(&shared, &handle, &who).await });
        ctx.spawn(work.into_actor(self).map(|first, session, ctx| match first {
            Ok(Some(payload)) => session.push("incoming_customers", &payload, ctx),
            Ok(None) => {}
            Err(error) => tracing::warn!(error = error.message, "an agent was not told who is there"),
        }));
    }

    /// From now on, how many customers there are is told as often as a subscription is found full.
    pub(super) fn tell_totals(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let every = self.shared.settings.watch_totals_every;
        self.totals.get_or_insert_with(|| {
            ctx.run_interval(every, |session, ctx| {
                let Login::Done { who } = &session.login else { return };
                let (shared, handle, who) = (session.shared.clone(), session.handle.clone(), who.clone());
                let work = Box::pin(async move { watching::totals(&shared, &handle, &who).await });
                ctx.spawn(work.into_actor(session).map(|totals, session, ctx| {
                    if let Some(payload) = totals {
                        session.push("subscribed_customers_totals_updated", &payload, ctx);
                    }
                }));
            })
        });
    }

    /// Something for this connection alone.
    fn push(&self, action: &str, payload: &str, ctx: &mut ws::WebsocketContext<Self>) {
        if self.handle.wants(action) {
            self.shared.metrics.push_sent();
            ctx.text(envelope::push(ApiVersion::V3_6, action, payload));
        }
    }
}
