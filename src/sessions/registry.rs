//! Every session of this node, and the fan-out of pushes to them.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use actix::Recipient;
use bytestring::ByteString;
use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::cut::Cut;
use super::outbox::{Offered, Outbox};
use super::trail::{Frame, Trail, print};
use crate::actors::delivery::Mark;
use crate::domain::id::{AgentId, CustomerId, GroupId, LicenseId};
use crate::domain::license::License;
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::watch::{MonitoringLevel, Watching};
use crate::nodes::{self, Asker, VisitorsCall, VisitorsFound, Whose};
use crate::observe::Metrics;
use crate::protocol::envelope;
use crate::protocol::request::PushSelection;
use crate::protocol::version::{ApiVersion, Surface};
use crate::protocol::view::View;

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

    /// Offers a frame: one that the session will find [without being woken](Asker::before_answer), or any other.
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

    /// True if it asked for pushes of this name, and may have them.
    pub fn wants(&self, action: &str) -> bool {
        self.filter.lock().as_ref().is_none_or(|filter| filter.lets_through(action))
    }
}

/// In the order of their logins.
type Sessions = Vec<Arc<SessionHandle>>;

/// How many sessions there may be (`limits.*_sessions`).
#[derive(Clone, Copy, Debug)]
pub struct SessionCounts {
    /// Of one agent; one more ends the oldest. Over all nodes the router sees to it.
    pub agent: usize,
    /// Of one customer; one more is refused.
    pub customer: usize,
    /// Without login; one more is refused.
    pub unauthorized: usize,
}

/// The logged-in sessions of one license.
#[derive(Default)]
struct Hub {
    agents: RwLock<HashMap<AgentId, Sessions>>,
    customers: RwLock<HashMap<CustomerId, Sessions>>,
}

/// Every session of this node.
pub struct Registry {
    started: Instant,
    next: AtomicU64,
    all: DashMap<u64, Arc<SessionHandle>>,
    hubs: DashMap<LicenseId, Arc<Hub>>,
    counts: SessionCounts,
    /// Sessions that have not logged in.
    unauthorized: AtomicUsize,
    /// Customers whose last session was closed a moment ago, with how many closings are looked after.
    lingering: DashMap<(LicenseId, CustomerId), usize>,
    /// Licenses that had sessions on a node that is no more, not looked after yet.
    orphaned: Mutex<BTreeSet<LicenseId>>,
    has_orphaned: Notify,
    metrics: Arc<Metrics>,
}

impl Registry {
    /// A registry without sessions.
    pub fn new(counts: SessionCounts, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            counts,
            unauthorized: AtomicUsize::new(0),
            started: Instant::now(),
            next: AtomicU64::new(1),
            all: DashMap::new(),
            hubs: DashMap::new(),
            lingering: DashMap::new(),
            orphaned: Mutex::default(),
            has_orphaned: Notify::new(),
            metrics,
        })
    }

    /// Milliseconds since the registry was made; the clock of heartbeats.
    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The id of a new session.
    pub fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A socket was opened. One too many without login is told to go.
    pub fn opened(&self, session: Arc<SessionHandle>) {
        let before = self.unauthorized.fetch_add(1, Ordering::AcqRel);
        if before >= self.counts.unauthorized {
            session.wake(Wake::Disconnect("too_many_unauthorized_connections"));
        }
        self.all.insert(session.id, session);
    }

    /// Its user is known now; from here on it gets pushes. Says false, and changes nothing, if it is one too many.
    #[must_use]
    pub fn logged_in(&self, session: &Arc<SessionHandle>, user: &SessionUser) -> bool {
        match user {
            SessionUser::Agent(license, agent) => {
                let hub = self.hub(*license);
                let mut agents = hub.agents.write();
                let sessions = agents.entry(agent.clone()).or_default();
                if sessions.len() >= self.counts.agent {
                    sessions.remove(0).wake(Wake::Disconnect("connection_evicted"));
                }
                sessions.push(session.clone());
            }
            SessionUser::Customer(license, customer) => {
                let hub = self.hub(*license);
                let mut customers = hub.customers.write();
                let sessions = customers.entry(customer.clone()).or_default();
                if sessions.len() >= self.counts.customer {
                    return false;
                }
                sessions.push(session.clone());
            }
        }
        *session.user.lock() = Some(user.clone());
        session.logged_in.store(true, Ordering::Release);
        self.unauthorized.fetch_sub(1, Ordering::AcqRel);
        true
    }

    /// Its login failed after all, or it is over. Says whose it was.
    pub fn logged_out(&self, session: &SessionHandle) -> Option<SessionUser> {
        if session.logged_in.swap(false, Ordering::AcqRel) {
            self.unauthorized.fetch_add(1, Ordering::AcqRel);
        }
        let user = session.user.lock().take();
        match &user {
            Some(SessionUser::Agent(license, agent)) => {
                remove(&mut self.hub(*license).agents.write(), agent, session.id);
            }
            Some(SessionUser::Customer(license, customer)) => {
                remove(&mut self.hub(*license).customers.write(), customer, session.id);
            }
            None => {}
        }
        user
    }

    /// The session is over. Says whose it was, if its login had come far enough.
    pub fn closed(&self, session: &SessionHandle) -> Option<SessionUser> {
        session.outbox.close();
        self.all.remove(&session.id);
        let user = self.logged_out(session);
        self.unauthorized.fetch_sub(1, Ordering::AcqRel);
        user
    }

    /// Whether a customer has a session.
    pub fn has_customer(&self, license: LicenseId, customer: &CustomerId) -> bool {
        self.hub(license).customers.read().contains_key(customer)
    }

    /// A customer's last session is closed: they count as being there until [`Self::lingered`].
    pub fn lingers(&self, license: LicenseId, customer: &CustomerId) {
        *self.lingering.entry((license, customer.clone())).or_default() += 1;
    }

    /// The moment is over.
    pub fn lingered(&self, license: LicenseId, customer: &CustomerId) {
        let key = (license, customer.clone());
        self.lingering.entry(key.clone()).and_modify(|count| *count -= 1);
        self.lingering.remove_if(&key, |_, count| *count == 0);
    }

    /// Waits for a node that is no more, and says of which licenses it had sessions.
    pub(super) async fn take_orphaned(&self) -> BTreeSet<LicenseId> {
        loop {
            let licenses = std::mem::take(&mut *self.orphaned.lock());
            if !licenses.is_empty() {
                return licenses;
            }
            self.has_orphaned.notified().await;
        }
    }

    /// The agents of a license who are connected, and the customers whom they follow.
    pub(super) fn watchers(&self, license: LicenseId) -> (Vec<AgentId>, BTreeSet<CustomerId>) {
        let hub = self.hub(license);
        let agents = hub.agents.read();
        let mut followed = BTreeSet::new();
        for session in agents.values().flatten() {
            session.watching(|watching| followed.extend(watching.followed().cloned()));
        }
        (agents.keys().cloned().collect(), followed)
    }

    /// Whether a customer has another session than this, or had one a moment ago.
    pub fn has_another(&self, license: LicenseId, customer: &CustomerId, session: u64) -> bool {
        let others = |sessions: &Sessions| sessions.iter().any(|other| other.id != session);
        self.hub(license).customers.read().get(customer).is_some_and(others)
            || self.lingering.contains_key(&(license, customer.clone()))
    }

    /// The level of the agent's other sessions.
    pub fn monitoring_level(
        &self,
        license: LicenseId,
        agent: &AgentId,
        session: u64,
    ) -> Option<MonitoringLevel> {
        let hub = self.hub(license);
        let agents = hub.agents.read();
        let other = agents.get(agent)?.iter().rev().find(|other| other.id != session)?;
        Some(other.watching(|watching| watching.level()))
    }

    /// Every session, logged in or not.
    pub fn sessions(&self) -> Vec<Arc<SessionHandle>> {
        self.all.iter().map(|entry| entry.value().clone()).collect()
    }

    /// Sessions open now.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True if no session is open.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Ends the sessions that logged in with a token.
    pub fn disconnect_token(&self, token: &str, reason: &'static str) {
        for session in self.sessions() {
            if session.token.lock().as_deref() == Some(token) {
                session.wake(Wake::Disconnect(reason));
            }
        }
    }

    /// Ends a user's sessions.
    pub fn disconnect_user(&self, user: &SessionUser, reason: &'static str) {
        for session in self.handles_of(user) {
            session.wake(Wake::Disconnect(reason));
        }
    }

    fn handles_of(&self, user: &SessionUser) -> Sessions {
        let found = match user {
            SessionUser::Agent(license, agent) => self.hub(*license).agents.read().get(agent).cloned(),
            SessionUser::Customer(license, customer) => {
                self.hub(*license).customers.read().get(customer).cloned()
            }
        };
        found.unwrap_or_default()
    }

    fn hub(&self, license: LicenseId) -> Arc<Hub> {
        if let Some(hub) = self.hubs.get(&license) {
            return hub.clone();
        }
        self.hubs.entry(license).or_default().clone()
    }
}

fn remove<K: Hash + Eq>(sessions: &mut HashMap<K, Sessions>, user: &K, id: u64) {
    let Some(of_user) = sessions.get_mut(user) else { return };
    of_user.retain(|session| session.id != id);
    if of_user.is_empty() {
        sessions.remove(user);
    }
}

/// One push on its way to the sessions of one surface: rendered when the first of them wants it.
struct Fanout<'a> {
    push: &'a Push,
    origin: Option<Asker<'a>>,
    /// For normal agents and customers, and for those who see deleted events whole.
    rendered: [Option<Option<Rendered>>; 2],
    metrics: &'a Metrics,
    tracked: &'a mut Tracked,
}

struct Rendered {
    action: &'static str,
    payload: ByteString,
    frame: ByteString,
}

/// What one call tells the sessions that may be resumed: each is told all of it at once, so that its tokens are right.
#[derive(Default)]
struct Tracked(Vec<(Arc<SessionHandle>, Arc<Trail>, Vec<Frame>)>);

impl Tracked {
    fn add(&mut self, session: &Arc<SessionHandle>, trail: Arc<Trail>, frame: Frame) {
        match self.0.iter_mut().find(|(known, ..)| known.id == session.id) {
            Some((_, _, frames)) => frames.push(frame),
            None => self.0.push((session.clone(), trail, vec![frame])),
        }
    }

    fn tell(self, mark: Option<&Mark>, metrics: &Metrics) {
        for (session, trail, frames) in self.0 {
            trail.tell(&session, mark, frames, metrics);
        }
    }
}

/// What a delivery is about.
struct Telling<'a> {
    license: &'a License,
    origin: Option<Asker<'a>>,
    tracked: Tracked,
}

impl<'a> Fanout<'a> {
    fn new(push: &'a Push, telling: &'a mut Telling<'_>, metrics: &'a Metrics) -> Self {
        let Telling { origin, tracked, .. } = telling;
        Self { push, origin: *origin, rendered: [None, None], metrics, tracked }
    }

    fn offer(&mut self, session: &Arc<SessionHandle>, view: View<'_>) {
        let rendered = self.rendered[usize::from(view.sees_deleted)].get_or_insert_with(|| {
            let (action, payload) = view.push(&self.push.body)?;
            let frame = envelope::push(ApiVersion::V3_6, action, &payload).into();
            Some(Rendered { action, payload: payload.into(), frame })
        });
        let Some(rendered) = rendered else { return };
        if !session.wants(rendered.action) {
            return;
        }
        // The connection whose request caused the push gets it with that request's id, all others without.
        let origin = self.origin.filter(|origin| origin.session == session.id);
        let request_id = origin.and_then(|origin| origin.request_id);
        let before_answer = origin.is_some_and(|origin| origin.before_answer);
        let Rendered { action, payload, frame } = rendered;
        if let Some(trail) = session.trail() {
            let print = print(action, &self.push.body);
            let (payload, request_id) = (payload.clone(), request_id.map(Into::into));
            self.tracked.add(session, trail, Frame { action, payload, request_id, before_answer, print });
            return;
        }
        let frame = match request_id {
            Some(_) => envelope::push_frame(ApiVersion::V3_6, request_id, None, action, payload).into(),
            None => frame.clone(),
        };
        session.put(frame, before_answer, self.metrics);
    }
}

impl nodes::Sessions for Registry {
    fn deliver(&self, license: &License, pushes: &[Push], mark: Option<&Mark>, origin: Option<Asker<'_>>) {
        let Some(hub) = self.hubs.get(&license.id).map(|hub| hub.clone()) else { return };
        let mut telling = Telling { license, origin, tracked: Tracked::default() };
        for push in pushes {
            self.to_agents(&hub, &mut telling, push);
            self.to_customers(&hub, &mut telling, push);
        }
        telling.tracked.tell(mark, &self.metrics);
    }

    fn wake(&self, session: u64) {
        if let Some(session) = self.all.get(&session) {
            session.wake(Wake::Flush);
        }
    }

    fn has(&self, license: LicenseId) -> bool {
        self.hubs
            .get(&license)
            .is_some_and(|hub| !hub.agents.read().is_empty() || !hub.customers.read().is_empty())
    }

    fn visitors(&self, call: &VisitorsCall) -> VisitorsFound {
        let Some(hub) = self.hubs.get(&call.license).map(|hub| hub.clone()) else {
            return VisitorsFound::default();
        };
        let customers = hub.customers.read();
        let fits = |sessions: &Sessions| {
            let Some(groups) = &call.groups else { return true };
            let group = |session: &Arc<SessionHandle>| GroupId(session.group.load(Ordering::Acquire));
            sessions.last().is_some_and(|session| groups.contains(&group(session)))
        };
        let mut found = VisitorsFound::default();
        let mut see = |customer: &CustomerId, sessions: &Sessions| {
            if fits(sessions) {
                found.total += 1;
                if found.customers.len() < call.limit {
                    found.customers.push(customer.clone());
                }
            }
        };
        match &call.customer {
            Some(customer) => {
                customers.get_key_value(customer).into_iter().for_each(|(id, all)| see(id, all))
            }
            None => customers.iter().for_each(|(id, all)| see(id, all)),
        }
        found
    }

    fn orphaned(&self, licenses: Vec<LicenseId>) {
        self.orphaned.lock().extend(licenses);
        self.has_orphaned.notify_one();
    }

    fn cut(&self, cut: &nodes::Cut) {
        match &cut.whose {
            Whose::Token(token) => self.disconnect_token(token, cut.reason),
            Whose::Agent(license, agent) => {
                self.disconnect_user(&SessionUser::Agent(*license, agent.clone()), cut.reason);
            }
            Whose::Customer(license, customer) => {
                self.disconnect_user(&SessionUser::Customer(*license, customer.clone()), cut.reason);
            }
            Whose::Session(number) => {
                if let Some(session) = self.all.get(number) {
                    session.wake(Wake::Disconnect(cut.reason));
                }
            }
        }
    }
}

impl Registry {
    fn to_agents(&self, hub: &Hub, telling: &mut Telling<'_>, push: &Push) {
        let Audience { agents, groups, watchers, .. } = &push.to;
        if agents.is_empty() && groups.is_empty() && watchers.is_none() {
            return;
        }
        let license = telling.license;
        let mut fanout = Fanout::new(push, telling, &self.metrics);
        let reaches = |agent: &AgentId| reaches_agent(license, agent, push);
        let view_of = |agent: &AgentId| view_of_agent(license, agent, push);
        let online = hub.agents.read();
        if let Some(watched) = watchers {
            for (agent, sessions) in &*online {
                let own: Vec<GroupId> = license
                    .agent(agent)
                    .map(|agent| agent.groups.keys().copied().collect())
                    .unwrap_or_default();
                let named = reaches(agent);
                let is_excepted =
                    push.to.except.as_ref().is_some_and(|but| but.reaches_agent(agent, own.iter().copied()));
                for session in sessions {
                    // Asked of all, so that each keeps account of whom it follows.
                    let hears = session.watching(|watching| watching.hears(watched, &own));
                    if named || (hears && !is_excepted) {
                        fanout.offer(session, view_of(agent));
                    }
                }
            }
            return;
        }
        if groups.is_empty() {
            for agent in agents {
                let sessions = online.get(agent).filter(|_| push.to.except.is_none() || reaches(agent));
                let view = view_of(agent);
                sessions.into_iter().flatten().for_each(|session| fanout.offer(session, view));
            }
            return;
        }
        for (agent, sessions) in online.iter().filter(|(agent, _)| reaches(agent)) {
            let view = view_of(agent);
            sessions.iter().for_each(|session| fanout.offer(session, view));
        }
    }

    fn to_customers(&self, hub: &Hub, telling: &mut Telling<'_>, push: &Push) {
        if push.to.customers.is_empty() && !push.to.all_customers {
            return;
        }
        let view = View::of_customers(telling.license);
        let mut fanout = Fanout::new(push, telling, &self.metrics);
        let online = hub.customers.read();
        if push.to.all_customers {
            online.values().flatten().for_each(|session| fanout.offer(session, view));
            return;
        }
        for sessions in push.to.customers.iter().filter_map(|customer| online.get(customer)) {
            sessions.iter().for_each(|session| fanout.offer(session, view));
        }
    }
}

fn reaches_agent(license: &License, agent: &AgentId, push: &Push) -> bool {
    let groups = license.agent(agent).map(|agent| agent.groups.keys().copied().collect::<Vec<_>>());
    push.to.reaches_agent(agent, groups.unwrap_or_default())
}

/// Only a whole chat may hold deleted events, which look different to those who see them whole.
fn view_of_agent<'a>(license: &'a License, agent: &AgentId, push: &Push) -> View<'a> {
    match push.body {
        PushBody::IncomingChat { .. } => View::of_agent(license, agent),
        _ => View { surface: Surface::Agent, license, sees_deleted: false },
    }
}

/// Whether a push is for a user, whom it may name or not; watchers are not looked at.
pub(super) fn reaches(license: &License, user: &SessionUser, push: &Push) -> bool {
    match user {
        SessionUser::Agent(_, agent) => reaches_agent(license, agent, push),
        SessionUser::Customer(_, customer) => push.to.all_customers || push.to.customers.contains(customer),
    }
}

/// How a user sees a push.
pub(super) fn view_for<'a>(license: &'a License, user: &SessionUser, push: &Push) -> View<'a> {
    match user {
        SessionUser::Agent(_, agent) => view_of_agent(license, agent, push),
        SessionUser::Customer(..) => View::of_customers(license),
    }
}
