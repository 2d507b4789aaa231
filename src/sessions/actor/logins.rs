//! The login of a session, its change of the token, and the end of that.

use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, WrapFuture};
use actix_web_actors::ws;

use super::{Kind, Login, Session};
use crate::protocol::envelope::{self, RtmRequest};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method;
use crate::requests::Requester;
use crate::sessions::login::{LoggedIn, log_in, swap_token};

impl<K: Kind> Session<K> {
    pub(super) fn log_in(
        &mut self,
        method: &'static method::Method,
        request: &RtmRequest<'_>,
        ctx: &mut ws::WebsocketContext<Self>,
    ) {
        let handle = self.handle.clone();
        let request_id = request.request_id.as_deref().map(ToOwned::to_owned);
        let admitted = self.by.address.is_none_or(|address| self.shared.limits.admits_login(address));
        if !admitted {
            let error = WireError::of(ErrorType::TooManyRequests);
            ctx.text(envelope::error_response(request_id.as_deref(), "login", &error));
            return;
        }
        self.login = Login::Running;
        self.logins += 1;
        let payload = request.payload.map(ToOwned::to_owned);
        let shared = self.shared.clone();
        let by = self.by.clone();
        let work = async move { log_in(&shared, &handle, K::SURFACE, by, method, payload).await };
        ctx.spawn(work.into_actor(self).map(move |result, session, ctx| {
            session.logins -= 1;
            match result {
                Ok(logged_in) => session.logged_in(logged_in, request_id.as_deref(), ctx),
                Err(error) => {
                    session.login = Login::None;
                    ctx.text(envelope::error_response(request_id.as_deref(), "login", &error));
                }
            }
            session.leave_if_done(ctx);
        }));
    }

    fn logged_in(
        &mut self,
        logged_in: LoggedIn,
        request_id: Option<&str>,
        ctx: &mut ws::WebsocketContext<Self>,
    ) {
        let LoggedIn { who, payload, missed, expires_in } = logged_in;
        self.login = Login::Done { who: Arc::new(who) };
        self.shared.metrics.login(K::SURFACE);
        ctx.text(envelope::response(request_id, "login", &payload));
        missed.into_iter().for_each(|frame| ctx.text(frame));
        // What was pushed since the session was registered waits in the outbox until here.
        self.flush(ctx);
        self.expire_after(expires_in, ctx);
        self.tell_first_customers(ctx);
        self.greet(ctx);
        self.is_active();
    }

    pub(super) fn update_session(
        &mut self,
        who: Arc<Requester>,
        method: &'static method::Method,
        request: &RtmRequest<'_>,
        ctx: &mut ws::WebsocketContext<Self>,
    ) {
        let handle = self.handle.clone();
        let request_id = request.request_id.as_deref().map(ToOwned::to_owned);
        let payload = request.payload.map(ToOwned::to_owned);
        let shared = self.shared.clone();
        self.logins += 1;
        let work = async move { swap_token(&shared, &handle, &who, method, payload).await };
        ctx.spawn(work.into_actor(self).map(move |result, session, ctx| {
            session.logins -= 1;
            match result {
                Ok((who, expires_in)) => {
                    session.login = Login::Done { who: Arc::new(who) };
                    session.expire_after(expires_in, ctx);
                    ctx.text(envelope::response(request_id.as_deref(), "update_session", "{}"));
                }
                Err(error) => {
                    ctx.text(envelope::error_response(request_id.as_deref(), "update_session", &error));
                }
            }
            session.leave_if_done(ctx);
        }));
    }

    /// Ends the session with its token; what was set before no longer counts.
    pub(super) fn expire_after(
        &mut self,
        expires_in: Option<Duration>,
        ctx: &mut ws::WebsocketContext<Self>,
    ) {
        if let Some(earlier) = self.expiry.take() {
            ctx.cancel_future(earlier);
        }
        self.expiry = expires_in.map(|expires_in| {
            ctx.run_later(expires_in, |session, ctx| session.disconnect("access_token_expired", ctx))
        });
    }
}
