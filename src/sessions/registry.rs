//! Every session of this node: who is connected here, and how many.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use parking_lot::RwLock;
use smallvec::SmallVec;

use super::fanout::Telling;
use super::handle::{SessionHandle, SessionUser, Wake};
use crate::actors::delivery::Mark;
use crate::actors::pending::PendingLicenses;
use crate::domain::id::{AgentId, CustomerId, LicenseId, UserId};
use crate::domain::license::License;
use crate::domain::push::Push;
use crate::domain::watch::MonitoringLevel;
use crate::nodes::{self, Asker, VisitorsCall, VisitorsFound, Whose};
use crate::observe::Metrics;
use crate::requests::slots::Slots;

/// Of one user, in the order of their logins: mostly a single one, which stands beside its user then.
pub(super) type Sessions = SmallVec<[Arc<SessionHandle>; 1]>;

/// How many sessions there may be (`limits.*_sessions`).
#[derive(Clone, Copy, Debug)]
pub struct SessionCounts {
    /// Of one agent; one more ends the oldest. Over all nodes the router sees to it.
    pub agent: usize,
    /// Of one customer; one more is refused.
    pub customer: usize,
    /// Without login; one more is refused.
    pub unauthorized: usize,
    /// The same of one client; 0: any number.
    pub unauthorized_of_client: usize,
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
    /// Of sessions that have not logged in.
    unauthorized: Arc<Slots>,
    /// Customers whose last session was closed a moment ago, with how many closings are looked after.
    lingering: DashMap<(LicenseId, CustomerId), usize>,
    /// Licenses that had sessions on a node that is no more, not looked after yet.
    pub(super) orphaned: PendingLicenses,
    metrics: Arc<Metrics>,
}

impl Registry {
    /// A registry without sessions.
    pub fn new(counts: SessionCounts, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            unauthorized: Slots::new(counts.unauthorized, counts.unauthorized_of_client),
            counts,
            started: Instant::now(),
            next: AtomicU64::new(1),
            all: DashMap::new(),
            hubs: DashMap::new(),
            lingering: DashMap::new(),
            orphaned: PendingLicenses::default(),
            metrics,
        })
    }

    /// Milliseconds since the registry was made; the clock of heartbeats.
    pub fn now_ms(&self) -> i64 {
        self.ms_at(Instant::now())
    }

    /// A moment by the same clock.
    pub fn ms_at(&self, moment: Instant) -> i64 {
        i64::try_from(moment.saturating_duration_since(self.started).as_millis()).unwrap_or(i64::MAX)
    }

    /// The id of a new session.
    pub fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A socket was opened. One too many without login is told to go.
    pub fn opened(&self, session: Arc<SessionHandle>) {
        match self.unauthorized.take(session.client) {
            Some(slot) => session.holds(Some(slot)),
            None => session.wake(Wake::Disconnect("too_many_unauthorized_connections")),
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
        session.is_of(user.clone());
        session.logged_in.store(true, Ordering::Release);
        session.holds(None);
        true
    }

    /// Its login failed after all, or it is over. Says whose it was.
    pub fn logged_out(&self, session: &SessionHandle) -> Option<SessionUser> {
        if session.logged_in.swap(false, Ordering::AcqRel) {
            session.holds(Some(self.unauthorized.take_again(session.client)));
        }
        let user = session.take_user();
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
        session.holds(None);
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
        self.disconnect_tokens(&HashSet::from([token.to_owned()]), reason);
    }

    /// The same of many tokens.
    pub fn disconnect_tokens(&self, tokens: &HashSet<String>, reason: &'static str) {
        for session in self.sessions() {
            if session.token().is_some_and(|token| tokens.contains(&token)) {
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

impl nodes::Sessions for Registry {
    fn deliver(&self, license: &License, pushes: &[Push], mark: Option<&Mark>, origin: Option<Asker<'_>>) {
        let Some(hub) = self.hubs.get(&license.id).map(|hub| hub.clone()) else { return };
        let mut telling = Telling::new(license, origin, &self.metrics);
        for push in pushes {
            telling.tell_agents(&hub.agents.read(), push);
            telling.tell_customers(&hub.customers.read(), push);
        }
        telling.finish(mark);
    }

    fn wake(&self, session: u64) {
        if let Some(session) = self.all.get(&session) {
            session.outbox.wake();
        }
    }

    fn has(&self, license: LicenseId) -> bool {
        self.hubs
            .get(&license)
            .is_some_and(|hub| !hub.agents.read().is_empty() || !hub.customers.read().is_empty())
    }

    fn has_user(&self, license: LicenseId, user: &UserId) -> bool {
        self.hubs.get(&license).is_some_and(|hub| match user {
            UserId::Agent(agent) => hub.agents.read().contains_key(agent),
            UserId::Customer(customer) => hub.customers.read().contains_key(customer),
        })
    }

    fn users(&self) -> Vec<(LicenseId, UserId)> {
        let mut users = Vec::new();
        for hub in &self.hubs {
            let license = *hub.key();
            users.extend(hub.agents.read().keys().map(|agent| (license, UserId::Agent(agent.clone()))));
            let customers = hub.customers.read();
            users.extend(customers.keys().map(|customer| (license, UserId::Customer(customer.clone()))));
        }
        users
    }

    fn visitors(&self, call: &VisitorsCall) -> VisitorsFound {
        let Some(hub) = self.hubs.get(&call.license).map(|hub| hub.clone()) else {
            return VisitorsFound::default();
        };
        let customers = hub.customers.read();
        let fits = |sessions: &Sessions| {
            let Some(groups) = &call.groups else { return true };
            sessions.last().is_some_and(|session| groups.contains(&session.group()))
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
        self.orphaned.note(licenses);
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
