//! One websocket: what comes by it and goes out by it, its beginning and its end.

mod flushing;
mod inactivity;
mod logins;
mod requests;
mod telling;

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Handler, SpawnHandle, StreamHandler};
use actix_rt::Arbiter;
use actix_web_actors::ws;
use bytes::BytesMut;

use super::cut::{ConnectionSocket, Cut};
use super::handle::{SessionHandle, SessionUser, Wake};
use super::login::{Connection, session_id};
use super::outbox::{Outbox, OutboxLimits};
use super::registry::Registry;
use super::{presence, watching};
use crate::actors::again::pauses;
use crate::actors::router::Leave;
use crate::domain::id::{CustomerId, LicenseId};
use crate::nodes::Nodes;
use crate::observe::Metrics;
use crate::places::Places;
use crate::protocol::envelope::{self, RtmRequest};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method;
use crate::protocol::version::{ApiVersion, Surface};
use crate::requests::limits::{Limits, SessionLimiter};
use crate::requests::{Gate, Requester, Requests};

use flushing::Flushing;
use requests::Asked;

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
    /// Where addresses are.
    pub places: Places,
    /// Bounds.
    pub settings: SessionSettings,
}

/// Bounds of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// Requests without an answer yet; one more is refused (`rtm.pending_requests`).
    pub pending_requests: usize,
    /// After this long, or a second more, a request is answered with `request_timeout` (`rtm.request_timeout`).
    pub request_timeout: Duration,
    /// Bytes of a message, over all its frames.
    pub max_message: usize,
    /// Bounds of what waits to be written.
    pub outbox: OutboxLimits,
    /// A customer without a connection for so long has left (`rtm.customer_left_after`).
    pub customer_left_after: Duration,
    /// A customer who comes back sooner goes on with their visit (`rtm.visit_ends_after`).
    pub visit_ends_after: Duration,
    /// A customer who neither chats nor opens a page for so long is disconnected (`rtm.customer_inactivity_timeout`).
    pub customer_inactivity_timeout: Duration,
    /// How often full subscriptions are told of (`rtm.watch_totals_every`).
    pub watch_totals_every: Duration,
}

/// One websocket.
pub struct Session<K> {
    shared: Arc<SessionContext>,
    pub(super) handle: Arc<SessionHandle>,
    /// It has begun, and counts as a session until it is dropped.
    is_open: bool,
    alive: Arc<AtomicBool>,
    by: Connection,
    limiter: SessionLimiter,
    login: Login,
    /// Requests that are carried out, oldest first.
    asked: VecDeque<Asked>,
    /// The number of the next request.
    next: u64,
    /// Logins and changes of the token under way.
    logins: usize,
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

/// How far the login has come.
enum Login {
    None,
    Running,
    Done { who: Arc<Requester> },
}

impl<K: Kind> Session<K> {
    /// A session on a socket that was just upgraded.
    pub(super) fn new(shared: Arc<SessionContext>, socket: Option<ConnectionSocket>, by: Connection) -> Self {
        let limiter = shared.limits.session();
        let alive = Arc::new(AtomicBool::new(true));
        let handle = SessionHandle::new(
            shared.registry.next_id(),
            K::SURFACE,
            Outbox::new(shared.settings.outbox),
            Cut::new(socket, Arbiter::current(), alive.clone()),
            shared.registry.now_ms(),
        );
        let handle = Arc::new(handle.of_client(by.client));
        Self {
            shared,
            handle,
            is_open: false,
            alive,
            by,
            limiter,
            login: Login::None,
            asked: VecDeque::new(),
            next: 0,
            logins: 0,
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
        self.handle.heard_at.store(self.shared.registry.now_ms(), Ordering::Release);
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

    fn flush(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        if !matches!(self.login, Login::Done { .. }) {
            return;
        }
        for frame in self.handle.outbox.drain() {
            ctx.text(frame);
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
        self.handle.begins(ctx.address().recipient());
        ctx.spawn(Flushing);
        self.is_open = true;
        self.shared.registry.opened(self.handle.clone());
        self.shared.metrics.session_opened(K::SURFACE);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.handle.is_stopped();
    }
}

impl<K> Drop for Session<K> {
    /// Whatever ended it: its place is given back, on the thread that closes the socket.
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Release);
        if !self.is_open {
            return;
        }
        let handle = &self.handle;
        handle.ends();
        self.shared.metrics.session_closed(handle.surface);
        // Of a login that was still running, too: the others know of it already.
        let user = self.shared.registry.closed(handle);
        if let Some(user) = &user {
            self.shared.nodes.user_left(user.license(), user.id());
        }
        match user {
            Some(SessionUser::Agent(license, agent)) => {
                let router = self.shared.requests.actors().router(license);
                router.agent_left(&agent, session_id(&self.shared, handle), self.leave);
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
    let Some(known) = shared.requests.actors().licenses().known_license(license) else { return };
    for pause in pauses() {
        let told = match watching::is_connected(&shared, license, &customer).await {
            Ok(true) => return,
            Ok(false) => shared.requests.customer_left(&known, &customer).await,
            Err(error) => Err(error),
        };
        let Err(error) = told else { return };
        tracing::debug!(customer.id = %customer, error = error.message, "that a customer left is told later");
        tokio::time::sleep(pause).await;
    }
    tracing::warn!(customer.id = %customer, "nobody was told that a customer left");
}

impl<K: Kind> Handler<Wake> for Session<K> {
    type Result = ();

    fn handle(&mut self, wake: Wake, ctx: &mut Self::Context) {
        // Whatever was pushed before comes first.
        self.flush(ctx);
        match wake {
            Wake::Ping => ctx.ping(b""),
            Wake::Overdue => self.answer_overdue(ctx),
            Wake::Inactive => self.disconnect_if_inactive(ctx),
            Wake::Disconnect(reason) => self.disconnect(reason, ctx),
            Wake::Leave(reason) => {
                self.leaving = Some(reason);
                self.handle.finishing.store(true, Ordering::Release);
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
