//! The end of a customer's session that nothing comes of: a page that was left open.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, WrapFuture};
use actix_web_actors::ws;

use super::{Kind, Login, Session};
use crate::protocol::version::Surface;

impl<K: Kind> Session<K> {
    /// A customer is here: from now on [`heartbeat`](crate::sessions::heartbeat) asks after them.
    pub(super) fn is_active(&self) {
        if K::SURFACE == Surface::Customer {
            self.was_active(Duration::ZERO);
        }
    }

    /// The customer was last known to be active so long ago.
    fn was_active(&self, ago: Duration) {
        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        self.handle.active_at.store(self.shared.registry.now_ms().saturating_sub(ago), Ordering::Release);
    }

    /// Ends the session if its customer neither chats nor has opened a page for long enough, on whatever connection.
    pub(super) fn disconnect_if_inactive(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let Login::Done { who } = &self.login else { return };
        let (shared, who) = (self.shared.clone(), who.clone());
        let work = Box::pin(async move { shared.requests.inactive_for(&who).await });
        ctx.spawn(work.into_actor(self).map(|inactive, session, ctx| match inactive {
            Ok(Some(since)) if since >= session.shared.settings.customer_inactivity_timeout => {
                // Whoever asks something just now is not inactive.
                if session.pending() == 0 {
                    session.disconnect("inactivity_timeout", ctx);
                }
            }
            Ok(since) => session.was_active(since.unwrap_or_default()),
            Err(error) => {
                tracing::warn!(error = error.message, "nobody knows whether a customer is still there");
            }
        }));
    }
}
