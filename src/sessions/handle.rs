//! One session as the rest of the node sees it: who it is, what it wants, and what waits to be written to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::time::Instant;

use actix::Recipient;
use bytestring::ByteString;
use parking_lot::Mutex;

use super::cut::Cut;
use super::outbox::{Offered, Outbox};
use super::trail::Trail;
use crate::domain::id::{AgentId, CustomerId, GroupId, LicenseId};
use crate::domain::watch::Watching;
use crate::observe::Metrics;
use crate::protocol::request::PushSelection;
use crate::protocol::version::Surface;

/// Tells a session that its outbox holds something, or that it is to do something else.
#[derive(Clone, Debug, PartialEq, Eq, actix::Message)]
#[rtype(result = "()")]
pub enum Wake {
    /// Write what the outbox holds.
    Flush,
    /// Write a control ping.
    Ping,
    /// Say why, then close.
    Disconnect(&'static str),
    /// The same once everything that was asked is answered; nothing new is begun.
    Leave(&'static str),
}

/// Who is behind a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SessionUser {
    /// An agent.
    Agent(LicenseId, AgentId),
    /// A customer.
    Customer(LicenseId, CustomerId),
}

/// One session as others see it.
pub struct SessionHandle {
    /// Unique on this node, for its lifetime.
    pub id: u64,
    /// Which API it speaks.
    pub surface: Surface,
    /// What waits to be written.
    pub outbox: Outbox,
    /// Milliseconds (of the registry's clock) at which the client was last heard of.
    pub heard_at: AtomicI64,
    /// Milliseconds at which the last ping was asked for.
    pub pinged_at: AtomicI64,
    /// Milliseconds at which the socket was opened.
    pub opened_at: i64,
    /// Logged in.
    pub logged_in: AtomicBool,
    /// Told to leave, and reads, but still waits for answers.
    pub finishing: AtomicBool,
    /// Asked to close, and how often it was looked at since.
    pub closing: AtomicU8,
    wake: Recipient<Wake>,
    cut: Cut,
    filter: Mutex<Option<Arc<PushFilter>>>,
    /// Of agents: which customers they watch.
    watching: Mutex<Watching>,
    /// Of customers: the group whose widget they use.
    group: AtomicI64,
    token: Mutex<Option<String>>,
    /// Of one that may be resumed: how far it was told.
    trail: Mutex<Option<Arc<Trail>>>,
    /// From the moment it gets pushes, which is before its login is answered.
    user: Mutex<Option<SessionUser>>,
}

/// Which pushes a session wants and may have; none means all.
#[derive(Clone, Debug, Default)]
pub struct PushFilter {
    /// From `login.pushes`; none = all.
    pub wanted: Option<PushSelection>,
    /// May get pushes about chats (scope `chats--access:ro` and above).
    pub chats: bool,
    /// May get pushes about agents (scope `agents--all:ro`).
    pub agents: bool,
    /// May get pushes about customers (scope `customers:ro`).
    pub customers: bool,
    /// May get multicasts (scope `multicast:ro`).
    pub multicast: bool,
}

impl PushFilter {
    fn lets_through(&self, action: &str) -> bool {
        let family = match action {
            "routing_status_set" | "groups_status_updated" | "agent_disconnected" => self.agents,
            "incoming_customers" | "subscribed_customers_totals_updated" => self.customers,
            "customer_updated"
            | "customer_banned"
            | "incoming_customer"
            | "customer_page_updated"
            | "customer_statistics_updated"
            | "customer_transferred"
            | "customer_left" => self.customers || self.chats,
            "incoming_multicast" => self.multicast,
            _ => self.chats,
        };
        family && self.wanted.as_ref().is_none_or(|wanted| wanted.wants(action))
    }
}

impl SessionHandle {
    /// A session that has just connected.
    pub fn new(
        id: u64,
        surface: Surface,
        outbox: Outbox,
        wake: Recipient<Wake>,
        cut: Cut,
        now_ms: i64,
    ) -> Self {
        Self {
            id,
            surface,
            outbox,
            heard_at: AtomicI64::new(now_ms),
            pinged_at: AtomicI64::new(now_ms),
            opened_at: now_ms,
            logged_in: AtomicBool::new(false),
            finishing: AtomicBool::new(false),
            closing: AtomicU8::new(0),
            wake,
            cut,
            filter: Mutex::new(None),
            watching: Mutex::new(Watching::default()),
            group: AtomicI64::new(0),
            token: Mutex::new(None),
            trail: Mutex::new(None),
            user: Mutex::new(None),
        }
    }

    /// Offers a frame; a reader who is too slow is cut. Never waits.
    pub fn offer(&self, frame: ByteString, metrics: &Metrics) {
        match self.outbox.offer(frame, Instant::now()) {
            // A full mailbox holds a wake already, and the session flushes at every wake.
            Offered::Wake => drop(self.wake.try_send(Wake::Flush)),
            Offered::Taken | Offered::Closed => {}
            Offered::Overflow => self.overflowed(metrics),
        }
    }

    fn overflowed(&self, metrics: &Metrics) {
        metrics.session_cut();
        tracing::info!(session.id = self.id, "a reader that is too slow is cut");
        self.cut.cut();
    }

    /// Offers a frame that the session will find without being woken; a reader who is too slow is cut.
    fn hold(&self, frame: ByteString, metrics: &Metrics) {
        if self.outbox.offer(frame, Instant::now()) == Offered::Overflow {
            self.overflowed(metrics);
        }
    }

    /// Offers a frame: one that the session will find [without being woken](crate::nodes::Asker::before_answer), or any other.
    pub(super) fn put(&self, frame: ByteString, before_answer: bool, metrics: &Metrics) {
        metrics.push_sent();
        if before_answer {
            self.hold(frame, metrics);
        } else {
            self.offer(frame, metrics);
        }
    }

    /// Asks the session to do something; a session that cannot even be asked is left to [`super::heartbeat`].
    pub fn wake(&self, wake: Wake) {
        drop(self.wake.try_send(wake));
    }

    /// True once it was told to leave and began to.
    pub fn is_finishing(&self) -> bool {
        self.finishing.load(Ordering::Acquire)
    }

    /// Takes the socket away.
    pub fn cut(&self) {
        self.outbox.close();
        self.cut.cut();
    }

    /// What it wants and may have, from its login.
    pub fn set_filter(&self, filter: PushFilter) {
        *self.filter.lock() = Some(Arc::new(filter));
    }

    /// Which pushes it asked for at its login; none means all.
    pub fn wanted(&self) -> Option<PushSelection> {
        self.filter.lock().as_ref().and_then(|filter| filter.wanted.clone())
    }

    /// Whether it logged in with a token.
    pub(super) fn has_token(&self, token: &str) -> bool {
        self.token.lock().as_deref() == Some(token)
    }

    /// The token it logged in with.
    pub fn set_token(&self, token: String) {
        *self.token.lock() = Some(token);
    }

    /// Has it keep account of how far it was told, or not.
    pub(super) fn set_trail(&self, trail: Option<Arc<Trail>>) {
        *self.trail.lock() = trail;
    }

    pub(super) fn trail(&self) -> Option<Arc<Trail>> {
        self.trail.lock().clone()
    }

    /// Looks at what it watches, or changes it.
    pub fn watching<T>(&self, look: impl FnOnce(&mut Watching) -> T) -> T {
        look(&mut self.watching.lock())
    }

    /// The group whose widget the customer uses.
    pub fn set_group(&self, group: GroupId) {
        self.group.store(group.0, Ordering::Release);
    }

    pub(super) fn group(&self) -> GroupId {
        GroupId(self.group.load(Ordering::Acquire))
    }

    /// Whose it is from now on.
    pub(super) fn is_of(&self, user: SessionUser) {
        *self.user.lock() = Some(user);
    }

    /// It is nobody's any more. Says whose it was.
    pub(super) fn take_user(&self) -> Option<SessionUser> {
        self.user.lock().take()
    }

    /// True if it asked for pushes of this name, and may have them.
    pub fn wants(&self, action: &str) -> bool {
        self.filter.lock().as_ref().is_none_or(|filter| filter.lets_through(action))
    }
}
