//! One websocket.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Handler, SpawnHandle, StreamHandler, WrapFuture,
};
use actix_rt::Arbiter;
use actix_web_actors::ws;
use bytes::BytesMut;
use serde_json::value::RawValue;

use super::cut::{ConnectionSocket, Cut};
use super::handle::{SessionHandle, SessionUser, Wake};
use super::login::{Connection, LoggedIn, log_in, session_id, swap_token};
use super::outbox::{Outbox, OutboxLimits};
use super::registry::Registry;
use super::{presence, watching};
use crate::actors::router::Leave;
use crate::domain::id::{CustomerId, LicenseId};
use crate::nodes::Nodes;
use crate::observe::Metrics;
use crate::protocol::envelope::{self, RtmRequest};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method;
use crate::protocol::version::{ApiVersion, Surface};
use crate::requests::limits::{Limits, SessionLimiter};
use crate::requests::{Gate, Requester, Requests};

/// A session of an agent.
pub type AgentSession = Session<AgentKind>;
/// A session of a customer.
pub type CustomerSession = Session<CustomerKind>;

/// Which API a session speaks.
pub trait Kind: Unpin + 'static {
    /// The API.
    const SURFACE: Surface;
    /// The push that says why a session ends.
    const DISCONNECTED: &'static str;
}

/// Agent Chat API.
pub struct AgentKind;
/// Customer Chat API.
pub struct CustomerKind;

impl Kind for AgentKind {
    const SURFACE: Surface = Surface::Agent;
    const DISCONNECTED: &'static str = "agent_disconnected";
}

impl Kind for CustomerKind {
    const SURFACE: Surface = Surface::Customer;
    const DISCONNECTED: &'static str = "customer_disconnected";
}

/// What all sessions of a node share.
pub struct SessionContext {
    /// Where sessions are found.
    pub registry: Arc<Registry>,
    /// Where requests go.
    pub requests: Arc<Requests>,
    /// The other nodes.
    pub nodes: Arc<Nodes>,
    /// Tokens.
    pub gate: Gate,
    /// Rates.
    pub limits: Arc<Limits>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Bounds.
    pub settings: SessionSettings,
}

/// Bounds of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// Requests without an answer yet; one more is refused (`rtm.pending_requests`).
    pub pending_requests: usize,
    /// After this long a request is answered with `request_timeout` (`rtm.request_timeout`).
    pub request_timeout: Duration,
    /// Bytes of a message, over all its frames.
    pub max_message: usize,
    /// Bounds of what waits to be written.
    pub outbox: OutboxLimits,
    /// A customer without a connection for so long has left (`rtm.customer_left_after`).
    pub customer_left_after: Duration,
    /// How often full subscriptions are told of (`rtm.watch_totals_every`).
    pub watch_totals_every: Duration,
}

/// One websocket.
pub struct Session<K> {
    shared: Arc<SessionContext>,
    handle: Option<Arc<SessionHandle>>,
    alive: Arc<AtomicBool>,
    socket: Option<ConnectionSocket>,
    by: Connection,
    limiter: SessionLimiter,
    login: Login,
    /// Requests that are carried out, oldest first.
    asked: VecDeque<Asked>,
    /// The number of the next request.
    next: u64,
    /// Logins and changes of the token under way.
    logins: usize,
    /// Looks for requests that have taken too long; none if nothing was asked for a while.
    overdue: Option<SpawnHandle>,
    partial: BytesMut,
    leave: Leave,
    /// The end of its token.
    expiry: Option<SpawnHandle>,
    /// Tells how many customers there are, once it has subscribed to any.
    totals: Option<SpawnHandle>,
    /// Looks whether time has brought a greeting.
    greeting: Option<SpawnHandle>,
    /// Why it ends as soon as nothing is pending.
    leaving: Option<&'static str>,
    kind: PhantomData<K>,
}

/// What a customer says that may make a greeting due.
const LEADS_TO_GREETINGS: &[&str] =
    &["update_customer_page", "set_customer_session_fields", "update_customer"];

/// A request that is being carried out.
struct Asked {
    number: u64,
    request_id: Option<Arc<str>>,
    action: &'static str,
    since: Instant,
    work: SpawnHandle,
}

/// How far the login has come.
enum Login {
    None,
    Running,
    Done { who: Arc<Requester> },
}

impl<K: Kind> Session<K> {
    /// A session on a socket that was just upgraded.
    pub fn new(shared: Arc<SessionContext>, socket: Option<ConnectionSocket>, by: Connection) -> Self {
        let limiter = shared.limits.session();
        Self {
            shared,
            handle: None,
            alive: Arc::new(AtomicBool::new(true)),
            socket,
            by,
            limiter,
            login: Login::None,
            asked: VecDeque::new(),
            next: 0,
            logins: 0,
            overdue: None,
            partial: BytesMut::new(),
            leave: Leave::Disconnected,
            expiry: None,
            totals: None,
            greeting: None,
            leaving: None,
            kind: PhantomData,
        }
    }

    fn heard(&self) {
        if let Some(handle) = &self.handle {
            handle.heard_at.store(self.shared.registry.now_ms(), Ordering::Release);
        }
    }

    fn text(&mut self, text: &str, ctx: &mut ws::WebsocketContext<Self>) {
        if !self.limiter.admits() {
            let (id, action) = envelope::echo(text);
            let error = WireError::of(ErrorType::TooManyRequests);
            ctx.text(envelope::error_response(id.as_deref(), &action, &error));
            return;
        }
        match envelope::parse(text) {
            Ok(request) => self.request(&request, ctx),
            Err(failed) => {
                let id = failed.request_id.as_deref();
                ctx.text(envelope::error_response(id, &failed.action, &failed.error));
            }
        }
    }

    fn request(&mut self, request: &RtmRequest<'_>, ctx: &mut ws::WebsocketContext<Self>) {
        let id = request.request_id.as_deref();
        let refuse = |error: WireError| envelope::error_response(id, &request.action, &error);
        if &*request.action == "ping" {
            // Whatever was pushed before the ping came stands before its answer, also if the wake for it was not seen yet.
            self.flush(ctx);
            ctx.text(envelope::response(id, "ping", "{}"));
            return;
        }
        if let Some(version) = &request.version
            && ApiVersion::parse(version) != Some(ApiVersion::V3_6)
        {
            ctx.text(refuse(WireError::of(ErrorType::UnsupportedVersion)));
            return;
        }
        if self.leaving.is_some() {
            ctx.text(refuse(WireError::of(ErrorType::ServiceUnavailable)));
            return;
        }
        if self.pending() >= self.shared.settings.pending_requests {
            ctx.text(refuse(WireError::of(ErrorType::PendingRequestsLimitReached)));
            return;
        }
        let Some(method) = method::find(K::SURFACE, &request.action).filter(|method| method.rtm) else {
            ctx.text(refuse(WireError::validation("`action` is unknown")));
            return;
        };
        match (&self.login, method.action) {
            (Login::None, "login") => self.log_in(method, request, ctx),
            (Login::None, _) => {
                ctx.text(refuse(WireError::new(ErrorType::Authentication, "log in first")));
            }
            (Login::Running, _) => {
                ctx.text(refuse(WireError::new(ErrorType::Authentication, "the login is not finished")));
            }
            (Login::Done { .. }, "login") => {
                ctx.text(refuse(WireError::validation("the connection is logged in already")));
            }
            (Login::Done { .. }, "logout") => {
                ctx.text(envelope::response(id, "logout", "{}"));
                self.leave = Leave::SignedOut;
                ctx.close(Some(ws::CloseCode::Normal.into()));
                ctx.stop();
            }
            (Login::Done { who }, "update_session") => {
                let who = who.clone();
                self.update_session(who, method, request, ctx);
            }
            (Login::Done { who }, _) => {
                let who = who.clone();
                self.carry_out(who, method, request, ctx);
            }
        }
    }

    fn carry_out(
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
        let handle = self.handle.clone().filter(|_| watches);
        let work = async move {
            let who = who.latest(shared.requests.actors().licenses()).await;
            match handle {
                Some(handle) => {
                    let work = watching::carry_out(&shared, &handle, &who, method, payload.as_deref());
                    Box::pin(work).await
                }
                None => shared.requests.handle(&who, method, payload.as_deref(), id).await,
            }
        };
        self.next += 1;
        let number = self.next;
        let work = ctx.spawn(work.into_actor(self).map(move |result, session, ctx| {
            let place = session.asked.iter().position(|asked| asked.number == number);
            if let Some(asked) = place.and_then(|place| session.asked.remove(place)) {
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
        self.watch(ctx);
    }

    /// Requests without an answer.
    fn pending(&self) -> usize {
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
            session.id = self.handle.as_ref().map(|handle| handle.id),
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

    /// Sees to it that requests are answered in time. One timer serves them all: it looks when the oldest is due, so that
    /// a request costs none.
    fn watch(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let Some(oldest) = self.asked.front().filter(|_| self.overdue.is_none()) else { return };
        let limit = self.shared.settings.request_timeout;
        let left = limit.saturating_sub(oldest.since.elapsed());
        self.overdue = Some(ctx.run_later(left, move |session, ctx| {
            session.overdue = None;
            while let Some(asked) = session.asked.pop_front_if(|asked| asked.since.elapsed() >= limit) {
                ctx.cancel_future(asked.work);
                session.answer(&asked, Err(WireError::of(ErrorType::RequestTimeout)), ctx);
            }
            session.watch(ctx);
        }));
    }

    fn log_in(
        &mut self,
        method: &'static method::Method,
        request: &RtmRequest<'_>,
        ctx: &mut ws::WebsocketContext<Self>,
    ) {
        let Some(handle) = self.handle.clone() else { return };
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
    }

    /// Shows a customer the greeting that is due now, and looks again when time may have brought another.
    fn greet(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
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
    fn tell_first_customers(&self, ctx: &mut ws::WebsocketContext<Self>) {
        let (Login::Done { who }, Some(handle)) = (&self.login, self.handle.clone()) else { return };
        if K::SURFACE == Surface::Customer {
            return;
        }
        let (shared, who) = (self.shared.clone(), who.clone());
        let work = Box::pin(async move { watching::first(&shared, &handle, &who).await });
        ctx.spawn(work.into_actor(self).map(|first, session, ctx| match first {
            Ok(Some(payload)) => session.push("incoming_customers", &payload, ctx),
            Ok(None) => {}
            Err(error) => tracing::warn!(error = error.message, "an agent was not told who is there"),
        }));
    }

    /// From now on, how many customers there are is told as often as a subscription is found full.
    fn tell_totals(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        let every = self.shared.settings.watch_totals_every;
        self.totals.get_or_insert_with(|| {
            ctx.run_interval(every, |session, ctx| {
                let (Login::Done { who }, Some(handle)) = (&session.login, session.handle.clone()) else {
                    return;
                };
                let (shared, who) = (session.shared.clone(), who.clone());
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
        if self.handle.as_ref().is_some_and(|handle| handle.wants(action)) {
            self.shared.metrics.push_sent();
            ctx.text(envelope::push(ApiVersion::V3_6, action, payload));
        }
    }

    fn update_session(
        &mut self,
        who: Arc<Requester>,
        method: &'static method::Method,
        request: &RtmRequest<'_>,
        ctx: &mut ws::WebsocketContext<Self>,
    ) {
        let Some(handle) = self.handle.clone() else { return };
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
    fn expire_after(&mut self, expires_in: Option<Duration>, ctx: &mut ws::WebsocketContext<Self>) {
        if let Some(earlier) = self.expiry.take() {
            ctx.cancel_future(earlier);
        }
        self.expiry = expires_in.map(|expires_in| {
            ctx.run_later(expires_in, |session, ctx| session.disconnect("access_token_expired", ctx))
        });
    }

    fn flush(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        if !matches!(self.login, Login::Done { .. }) {
            return;
        }
        if let Some(handle) = &self.handle {
            for frame in handle.outbox.drain() {
                ctx.text(frame);
            }
        }
    }

    /// Ends a session that was told to leave, once everything that it asked is answered.
    fn leave_if_done(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        if self.pending() == 0
            && let Some(reason) = self.leaving
        {
            self.flush(ctx);
            self.disconnect(reason, ctx);
        }
    }

    /// Says why, then closes.
    fn disconnect(&mut self, reason: &'static str, ctx: &mut ws::WebsocketContext<Self>) {
        let payload = format!("{{\"reason\":\"{reason}\"}}");
        ctx.text(envelope::push(ApiVersion::V3_6, K::DISCONNECTED, &payload));
        // Whoever takes the token back signs the agent out: they cannot come back with it.
        if reason == "access_token_revoked" {
            self.leave = Leave::RemotelySignedOut;
        }
        ctx.close(Some(ws::CloseCode::Normal.into()));
        ctx.stop();
    }

    /// A message in several frames.
    fn partial(&mut self, part: actix_http::ws::Item, ctx: &mut ws::WebsocketContext<Self>) {
        use actix_http::ws::Item;
        let (bytes, last) = match part {
            Item::FirstText(bytes) => {
                self.partial.clear();
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
            Item::FirstBinary(_) => {
                self.refuse(ws::CloseCode::Unsupported, ctx);
                return;
            }
        };
        if self.partial.len() + bytes.len() > self.shared.settings.max_message {
            self.refuse(ws::CloseCode::Size, ctx);
            return;
        }
        self.partial.extend_from_slice(&bytes);
        if !last {
            return;
        }
        let whole = std::mem::take(&mut self.partial);
        match std::str::from_utf8(&whole) {
            Ok(text) => self.text(text, ctx),
            Err(_) => self.refuse(ws::CloseCode::Invalid, ctx),
        }
    }

    /// Closes over something that is not this protocol.
    fn refuse(&mut self, code: ws::CloseCode, ctx: &mut ws::WebsocketContext<Self>) {
        ctx.close(Some(code.into()));
        ctx.stop();
    }
}

impl<K: Kind> Actor for Session<K> {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(16);
        let registry = &self.shared.registry;
        let cut = Cut::new(self.socket.clone(), Arbiter::current(), self.alive.clone());
        let handle = Arc::new(SessionHandle::new(
            registry.next_id(),
            K::SURFACE,
            Outbox::new(self.shared.settings.outbox),
            ctx.address().recipient(),
            cut,
            registry.now_ms(),
        ));
        registry.opened(handle.clone());
        self.shared.metrics.session_opened(K::SURFACE);
        self.handle = Some(handle);
    }
}

impl<K> Drop for Session<K> {
    /// Whatever ended it: its place is given back, on the thread that closes the socket.
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Release);
        let Some(handle) = self.handle.take() else { return };
        self.shared.metrics.session_closed(handle.surface);
        // Of a login that was still running, too: the others know of it already.
        match self.shared.registry.closed(&handle) {
            Some(SessionUser::Agent(license, agent)) => {
                let router = self.shared.requests.actors().router(license);
                router.agent_left(&agent, session_id(&self.shared, &handle), self.leave);
            }
            Some(SessionUser::Customer(license, customer)) => {
                if !self.shared.registry.has_customer(license, &customer)
                    && let Ok(runtime) = tokio::runtime::Handle::try_current()
                {
                    self.shared.registry.lingers(license, &customer);
                    runtime.spawn(last_closed(self.shared.clone(), license, customer));
                }
            }
            None => {}
        }
    }
}

/// The last connection of a customer to this node was closed: their chats hear of it at once, agents who watch them after
/// a moment, unless the customer is back, here or elsewhere.
async fn last_closed(shared: Arc<SessionContext>, license: LicenseId, customer: CustomerId) {
    presence::tell_chats(&shared, license, &customer).await;
    tokio::time::sleep(shared.settings.customer_left_after).await;
    shared.registry.lingered(license, &customer);
    if watching::is_connected(&shared, license, &customer).await {
        return;
    }
    if let Some(known) = shared.requests.actors().licenses().known_license(license) {
        let told = shared.requests.customer_left(&known, &customer).await;
        if let Err(error) = told {
            let error = error.message;
            tracing::warn!(customer.id = %customer, error, "nobody was told that a customer left");
        }
    }
}

impl<K: Kind> Handler<Wake> for Session<K> {
    type Result = ();

    fn handle(&mut self, wake: Wake, ctx: &mut Self::Context) {
        // Whatever the wake is for: one to flush that found the mailbox full is not offered again.
        self.flush(ctx);
        match wake {
            Wake::Flush => {}
            Wake::Ping => ctx.ping(b""),
            Wake::Disconnect(reason) => self.disconnect(reason, ctx),
            Wake::Leave(reason) => {
                self.leaving = Some(reason);
                if let Some(handle) = &self.handle {
                    handle.finishing.store(true, Ordering::Release);
                }
                self.leave_if_done(ctx);
            }
        }
    }
}

impl<K: Kind> StreamHandler<Result<ws::Message, ws::ProtocolError>> for Session<K> {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        self.heard();
        match message {
            Ok(ws::Message::Text(text)) if text.len() > self.shared.settings.max_message => {
                self.refuse(ws::CloseCode::Size, ctx);
            }
            Ok(ws::Message::Text(text)) => self.text(&text, ctx),
            Ok(ws::Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            Ok(ws::Message::Continuation(part)) => self.partial(part, ctx),
            Ok(ws::Message::Binary(_)) => self.refuse(ws::CloseCode::Unsupported, ctx),
            Ok(ws::Message::Close(reason)) => {
                ctx.close(reason);
                ctx.stop();
            }
            Err(ws::ProtocolError::Overflow) => self.refuse(ws::CloseCode::Size, ctx),
            // Among them: a text that is no UTF-8.
            Err(ws::ProtocolError::Io(_)) => self.refuse(ws::CloseCode::Invalid, ctx),
            Err(_) => self.refuse(ws::CloseCode::Protocol, ctx),
        }
    }
}
