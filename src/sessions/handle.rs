//! One session as the rest of the node sees it: who it is, what it wants, and what waits to be written to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::task;
use std::time::Instant;

use actix::Recipient;
use bytestring::ByteString;
use parking_lot::Mutex;

use super::cut::Cut;
use super::outbox::{Offered, Outbox};
use super::trail::Trail;
use crate::domain::id::{AgentId, CustomerId, GroupId, LicenseId, UserId};
use crate::domain::watch::Watching;
use crate::observe::Metrics;
use crate::protocol::request::PushSelection;
use crate::protocol::version::Surface;
use crate::protocol::view::PUSHES;
use crate::requests::Client;
use crate::requests::slots::Slot;

/// Tells a session what to do besides writing what its outbox holds, which it does before.
#[derive(Clone, Debug, PartialEq, Eq, actix::Message)]
#[rtype(result = "()")]
pub enum Wake {
    /// Write a control ping.
    Ping,
    /// Answer the requests that have taken too long.
    Overdue,
    /// Look whether the customer still does anything.
    Inactive,
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

impl SessionUser {
    /// Whose user it is.
    pub fn license(&self) -> LicenseId {
        match self {
            Self::Agent(license, _) | Self::Customer(license, _) => *license,
        }
    }

    /// The user, without the license.
    pub fn id(&self) -> UserId {
        match self {
            Self::Agent(_, agent) => UserId::Agent(agent.clone()),
            Self::Customer(_, customer) => UserId::Customer(customer.clone()),
        }
    }
}

/// Later than anything: no request waits for its answer.
pub(super) const NOTHING_ASKED: i64 = i64::MAX;

/// Later than anything: nobody asks whether its user is active.
const ALWAYS_ACTIVE: i64 = i64::MAX;

/// One session as others see it. What each push touches comes first, and lies together in 128 bytes: of a thousand sessions
/// that get an event hardly one is in the caches of the processor that pushes, since another has just written to its socket.
#[repr(C, align(64))]
pub struct SessionHandle {
    /// The pushes that pass the filter, a bit each ([`PushKind`]).
    passing: AtomicU64,
    /// Has a trail.
    is_tracked: AtomicBool,
    /// Something that the session waits for has happened since it was last asked for frames.
    has_news: AtomicBool,
    /// Has ended, and is still asked for its last frames.
    is_over: AtomicBool,
    /// Which API it speaks.
    pub surface: Surface,
    /// What waits to be written.
    pub outbox: Outbox,
    /// Unique on this node, for its lifetime.
    pub id: u64,
    /// Milliseconds (of the registry's clock) at which the client was last heard of.
    pub heard_at: AtomicI64,
    /// Milliseconds at which the last ping was asked for.
    pub pinged_at: AtomicI64,
    /// Milliseconds at which the oldest request came that has no answer yet; [`NOTHING_ASKED`] if there is none.
    pub asked_at: AtomicI64,
    /// Milliseconds at which a customer was last known to be active; for agents, and before the login, later than anything.
    pub active_at: AtomicI64,
    /// From whom it comes, where their sessions are counted.
    pub client: Option<Client>,
    /// As long as it has not logged in.
    slot: Mutex<Option<Slot>>,
    /// Milliseconds at which the socket was opened.
    pub opened_at: i64,
    /// Logged in.
    pub logged_in: AtomicBool,
    /// Told to leave, and reads, but still waits for answers.
    pub finishing: AtomicBool,
    /// Asked to close, and how often it was looked at since.
    pub closing: AtomicU8,
    /// Where it is asked for more than frames, from its beginning to its end.
    wake: Mutex<Option<Recipient<Wake>>>,
    cut: Cut,
    filter: Mutex<Option<PushFilter>>,
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

/// A push among those of its surface, as a bit: looked up once, then asked of many sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PushKind(u64);

/// The bit of what is no push of the protocol.
const NO_PUSH: u32 = u64::BITS - 1;

impl PushKind {
    pub(super) fn of(surface: Surface, action: &str) -> Self {
        let known = names(surface).zip(0..NO_PUSH).find(|(name, _)| *name == action);
        debug_assert!(known.is_some(), "`{action}` is not among the pushes");
        Self(1 << known.map_or(NO_PUSH, |(_, bit)| bit))
    }
}

fn names(surface: Surface) -> impl Iterator<Item = &'static str> {
    PUSHES.iter().filter(move |(of, _)| *of == surface).map(|(_, name)| *name)
}

/// Which pushes a session wants and may have; none means all.
#[derive(Clone, Debug, Default)]
pub struct PushFilter {
    /// From `login.pushes`; none = all.
    pub wanted: Option<PushSelection>,
    /// May get pushes about chats (scope `chats--access:ro` and above).
    pub chats: bool,
    /// May get pushes about agents, groups and the license (scope `agents--all:ro`).
    pub agents: bool,
    /// May get pushes about bots (scope `agents-bot--all:ro`).
    pub bots: bool,
    /// May get pushes about customers (scope `customers:ro`).
    pub customers: bool,
    /// May get multicasts (scope `multicast:ro`).
    pub multicast: bool,
}

impl PushFilter {
    /// The pushes that pass, a bit each.
    fn passing(&self, surface: Surface) -> u64 {
        let passing = names(surface).zip(0..NO_PUSH).filter(|(name, _)| self.lets_through(name));
        passing.fold(0, |bits, (_, bit)| bits | 1 << bit)
    }

    fn lets_through(&self, action: &str) -> bool {
        let family = match action {
            "routing_status_set"
            | "groups_status_updated"
            | "agent_disconnected"
            | "agent_created"
            | "agent_approved"
            | "agent_updated"
            | "agent_suspended"
            | "agent_unsuspended"
            | "agent_deleted"
            | "auto_accesses_updated"
            | "group_created"
            | "group_updated"
            | "group_deleted"
            | "license_properties_updated"
            | "group_properties_updated" => self.agents,
            "bot_created" | "bot_updated" | "bot_deleted" => self.bots,
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
    /// A session that has just connected and is about to begin.
    pub fn new(id: u64, surface: Surface, outbox: Outbox, cut: Cut, now_ms: i64) -> Self {
        Self {
            id,
            passing: AtomicU64::new(u64::MAX),
            is_tracked: AtomicBool::new(false),
            has_news: AtomicBool::new(true),
            is_over: AtomicBool::new(false),
            surface,
            outbox,
            heard_at: AtomicI64::new(now_ms),
            pinged_at: AtomicI64::new(now_ms),
            asked_at: AtomicI64::new(NOTHING_ASKED),
            active_at: AtomicI64::new(ALWAYS_ACTIVE),
            client: None,
            slot: Mutex::new(None),
            opened_at: now_ms,
            logged_in: AtomicBool::new(false),
            finishing: AtomicBool::new(false),
            closing: AtomicU8::new(0),
            wake: Mutex::new(None),
            cut,
            filter: Mutex::new(None),
            watching: Mutex::new(Watching::default()),
            group: AtomicI64::new(0),
            token: Mutex::new(None),
            trail: Mutex::new(None),
            user: Mutex::new(None),
        }
    }

    /// The same from a client whose sessions are counted.
    pub(super) fn of_client(self, client: Option<Client>) -> Self {
        Self { client, ..self }
    }

    /// Gives it the slot of a session that has not logged in, or takes that away.
    pub(super) fn holds(&self, slot: Option<Slot>) {
        *self.slot.lock() = slot;
    }

    /// Offers a frame: one that the session will find [without being woken](crate::nodes::Asker::before_answer), or any other.
    /// A reader who is too slow is cut. Never waits.
    pub(super) fn put(&self, frame: ByteString, before_answer: bool, metrics: &Metrics) {
        metrics.push_sent();
        let offered = if before_answer {
            self.outbox.hold(frame, Instant::now)
        } else {
            self.outbox.offer(frame, Instant::now)
        };
        if offered == Offered::Overflow {
            metrics.session_cut();
            tracing::info!(session.id = self.id, "a reader that is too slow is cut");
            self.cut.cut();
        }
    }

    /// Where it can be asked to do something.
    pub(super) fn begins(&self, wake: Recipient<Wake>) {
        *self.wake.lock() = Some(wake);
    }

    /// It waits for nothing any more; its connection takes the last frames.
    pub(super) fn is_stopped(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Whether something has happened, since this was last asked, by which the session may have frames, or has ended.
    pub(super) fn take_news(&self) -> bool {
        let has_news = self.has_news.load(Ordering::Acquire) && self.has_news.swap(false, Ordering::AcqRel);
        has_news || self.outbox.is_due() || self.is_over.load(Ordering::Acquire)
    }

    /// It can be asked nothing more. Its mailbox holds its waker, which is this handle, so one has to let go of the other.
    pub(super) fn ends(&self) {
        let wake = self.wake.lock().take();
        drop(wake);
    }

    /// Asks the session to do something; a session that cannot even be asked is left to [`super::heartbeat`].
    pub fn wake(&self, wake: Wake) {
        if let Some(session) = &*self.wake.lock() {
            drop(session.try_send(wake));
        }
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
        let passing = filter.passing(self.surface);
        *self.filter.lock() = Some(filter);
        self.passing.store(passing, Ordering::Release);
    }

    /// Which pushes it asked for at its login; none means all.
    pub fn wanted(&self) -> Option<PushSelection> {
        self.filter.lock().as_ref().and_then(|filter| filter.wanted.clone())
    }

    /// The name of the token that it has.
    pub(super) fn token(&self) -> Option<String> {
        self.token.lock().clone()
    }

    /// Whose it is.
    pub(super) fn user(&self) -> Option<SessionUser> {
        self.user.lock().clone()
    }

    /// The token it logged in with.
    pub fn set_token(&self, token: String) {
        *self.token.lock() = Some(token);
    }

    /// Has it keep account of how far it was told, or not.
    pub(super) fn set_trail(&self, trail: Option<Arc<Trail>>) {
        self.is_tracked.store(trail.is_some(), Ordering::Release);
        *self.trail.lock() = trail;
    }

    pub(super) fn trail(&self) -> Option<Arc<Trail>> {
        if !self.is_tracked.load(Ordering::Acquire) {
            return None;
        }
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
        self.gets(PushKind::of(self.surface, action))
    }

    /// True if it asked for these pushes, and may have them.
    pub(super) fn gets(&self, kind: PushKind) -> bool {
        self.passing.load(Ordering::Acquire) & kind.0 != 0
    }
}

/// Whatever a session waits for tells it by its handle, which passes that on to the session's connection.
impl task::Wake for SessionHandle {
    fn wake(self: Arc<Self>) {
        task::Wake::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_news.store(true, Ordering::Release);
        self.outbox.wake_connection();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::outbox::OutboxLimits;

    #[test]
    fn what_a_push_touches_lies_together() {
        let limits = std::mem::size_of::<OutboxLimits>();
        let end = std::mem::offset_of!(SessionHandle, outbox) + std::mem::size_of::<Outbox>() - limits;
        assert!(end <= 128, "{end} bytes");
    }

    #[test]
    fn every_push_of_a_surface_is_a_bit_of_its_own() {
        for surface in [Surface::Agent, Surface::Customer] {
            let mut seen = 0;
            for name in names(surface) {
                let PushKind(bit) = PushKind::of(surface, name);
                assert_eq!((seen & bit, bit & (1 << NO_PUSH)), (0, 0), "{name}");
                seen |= bit;
            }
        }
    }

    #[test]
    fn what_passes_is_what_is_wanted_and_unlocked() {
        let passes = |filter: &PushFilter, name: &str| {
            filter.passing(Surface::Agent) & PushKind::of(Surface::Agent, name).0 != 0
        };
        let chats = PushFilter { chats: true, ..PushFilter::default() };
        assert!(passes(&chats, "incoming_event") && passes(&chats, "customer_left"));
        assert!(!passes(&chats, "routing_status_set") && !passes(&chats, "incoming_multicast"));
        let agents = PushFilter { agents: true, ..PushFilter::default() };
        assert!(passes(&agents, "group_created") && !passes(&agents, "bot_created"));
        let bots = PushFilter { bots: true, ..PushFilter::default() };
        assert!(passes(&bots, "bot_created") && !passes(&bots, "agent_created"));
        let names = vec!["incoming_event".to_owned(), "routing_status_set".to_owned(), "never".to_owned()];
        let named = PushFilter { wanted: Some(PushSelection::Named(names)), ..chats };
        assert!(passes(&named, "incoming_event"));
        assert!(!passes(&named, "incoming_chat") && !passes(&named, "routing_status_set"));
    }
}
