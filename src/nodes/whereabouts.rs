//! Which users are connected to which nodes.
//!
//! What is only for users whom it names does not go to a node that has none of them ([`deliver`](super::deliver)). Each node tells
//! the others of all its users, and then of every change; a node that has not told all is spared nothing. A login waits until the others
//! have noted it, but not for ever, and from the moment at which its session is registered it gets what comes here for others,
//! too. So what a node is spared it is told of soon afterwards, and whom that was for; where one of them is [`Late`], it reads it
//! from the log ([`incoming`](super::incoming)).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use switchboard_cluster::Incarnation;
use tokio::sync::watch;
use tokio::time::Instant;

use super::message::{Answer, CallRef, Spared};
use super::peers::Peer;
use super::{Nodes, Sessions};
use crate::domain::id::{AgentId, CustomerId, LicenseId, UserId};
use crate::domain::push::{Audience, Push};

/// How long a login waits for nodes that do not answer.
const LOGIN_WAITS: Duration = Duration::from_millis(200);
/// How long a node may take to note an update.
const LIMIT: Duration = Duration::from_secs(2);
/// Before an update that was not noted is told again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the first change of an update waits for others.
const GATHER: Duration = Duration::from_millis(2);
/// Changes that are remembered; a node that is further behind is told everything.
const CHANGES: usize = 16_384;
/// How long it takes at most until a node has told what it spared us before it noted a version: many times what it does take.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// Users of one message.
const USERS: usize = 8_192;
/// A node of a version that knows nothing of this has noted all there will be.
const NEVER: u64 = u64::MAX;

/// The users who are connected to a node, as a change from one version of that list to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UsersUpdate {
    /// The version that is changed; 0 = all that was before is void.
    pub(super) since: u64,
    pub(super) version: u64,
    /// Nothing is missing after this one.
    pub(super) is_whole: bool,
    pub(super) here: Vec<(LicenseId, UserId)>,
    pub(super) gone: Vec<(LicenseId, UserId)>,
}

/// The users of this node, as far as others have to be told: who they are stands in the sessions.
pub(super) struct OurUsers {
    changes: Mutex<BTreeMap<u64, (LicenseId, UserId)>>,
    version: watch::Sender<u64>,
}

impl Default for OurUsers {
    fn default() -> Self {
        Self { changes: Mutex::default(), version: watch::Sender::new(1) }
    }
}

impl OurUsers {
    /// A user came, or went. Gives the version that knows of it.
    fn changed(&self, license: LicenseId, user: UserId) -> u64 {
        let mut changes = self.changes.lock();
        let version = *self.version.borrow() + 1;
        changes.insert(version, (license, user));
        if changes.len() > CHANGES {
            changes.pop_first();
        }
        self.version.send_replace(version);
        version
    }

    /// What a node has to be told that has noted a version (0 for none), message by message.
    fn updates(&self, noted: u64, sessions: &dyn Sessions) -> Vec<UsersUpdate> {
        let (version, changed) = {
            let changes = self.changes.lock();
            let version = *self.version.borrow();
            let first = changes.keys().next().copied().unwrap_or(version + 1);
            let is_behind = noted == 0 || noted + 1 < first;
            let changed: HashSet<_> = match is_behind {
                true => HashSet::new(),
                false => changes.range(noted + 1..).map(|(_, changed)| changed.clone()).collect(),
            };
            (version, (!is_behind).then_some(changed))
        };
        if let Some(changed) = changed {
            let (here, gone) =
                changed.into_iter().partition(|(license, user)| sessions.has_user(*license, user));
            return vec![UsersUpdate { since: noted, version, is_whole: true, here, gone }];
        }
        let users = sessions.users();
        let mut updates: Vec<UsersUpdate> = users
            .chunks(USERS)
            .map(|users| UsersUpdate {
                since: version,
                version,
                is_whole: false,
                here: users.to_vec(),
                gone: Vec::new(),
            })
            .collect();
        if updates.is_empty() {
            updates.push(UsersUpdate { version, ..UsersUpdate::default() });
        }
        updates.first_mut().expect("one at least").since = 0;
        updates.last_mut().expect("one at least").is_whole = true;
        updates
    }
}

/// Those whom pushes name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) agents: Vec<AgentId>,
    pub(super) customers: Vec<CustomerId>,
}

impl Named {
    /// Whom the pushes are for; none where they are for others, too.
    pub(super) fn by(pushes: &[Push]) -> Option<Self> {
        let mut named = Self::default();
        for push in pushes {
            let Audience { agents, groups, except: _, customers, all_customers, watchers } = &push.to;
            if !groups.is_empty() || *all_customers || watchers.is_some() {
                return None;
            }
            named.add_users(agents, customers);
        }
        Some(named)
    }

    /// And these.
    pub(super) fn add(&mut self, others: &Self) {
        self.add_users(&others.agents, &others.customers);
    }

    fn add_users(&mut self, agents: &[AgentId], customers: &[CustomerId]) {
        add_new(&mut self.agents, agents);
        add_new(&mut self.customers, customers);
    }

    fn users(&self) -> impl Iterator<Item = UserId> {
        let agents = self.agents.iter().cloned().map(UserId::Agent);
        agents.chain(self.customers.iter().cloned().map(UserId::Customer))
    }
}

/// A list of members and followers is short.
fn add_new<T: Clone + PartialEq>(known: &mut Vec<T>, others: &[T]) {
    for other in others {
        if !known.contains(other) {
            known.push(other.clone());
        }
    }
}

/// The users of the other nodes.
#[derive(Default)]
pub(super) struct Whereabouts(RwLock<HashMap<Incarnation, Known>>);

/// What a node has told of its users.
#[derive(Default)]
struct Known {
    version: u64,
    is_whole: bool,
    licenses: HashMap<LicenseId, UsersOf>,
}

#[derive(Default)]
struct UsersOf {
    agents: HashSet<AgentId>,
    customers: HashSet<CustomerId>,
}

impl Known {
    fn add(&mut self, license: LicenseId, user: &UserId) {
        let of = self.licenses.entry(license).or_default();
        match user {
            UserId::Agent(agent) => of.agents.insert(agent.clone()),
            UserId::Customer(customer) => of.customers.insert(customer.clone()),
        };
    }

    fn remove(&mut self, license: LicenseId, user: &UserId) {
        let Some(of) = self.licenses.get_mut(&license) else { return };
        match user {
            UserId::Agent(agent) => of.agents.remove(agent),
            UserId::Customer(customer) => of.customers.remove(customer),
        };
        if of.agents.is_empty() && of.customers.is_empty() {
            self.licenses.remove(&license);
        }
    }
}

impl Whereabouts {
    /// By which version a node has none of these; none if it may have.
    pub(super) fn lacks(&self, node: Incarnation, license: LicenseId, named: &Named) -> Option<u64> {
        let nodes = self.0.read();
        let known = nodes.get(&node).filter(|known| known.is_whole)?;
        let lacks = known.licenses.get(&license).is_none_or(|of| {
            !named.agents.iter().any(|agent| of.agents.contains(agent))
                && !named.customers.iter().any(|customer| of.customers.contains(customer))
        });
        lacks.then_some(known.version)
    }

    /// Notes an update; false if one before it was missed.
    pub(super) fn note(&self, node: Incarnation, update: &UsersUpdate) -> bool {
        let mut nodes = self.0.write();
        let known = nodes.entry(node).or_default();
        if update.since == 0 {
            // It may come twice, and late.
            if known.is_whole && update.version <= known.version {
                return true;
            }
            *known = Known::default();
        } else if update.since != known.version {
            return update.version <= known.version;
        }
        (known.version, known.is_whole) = (update.version, update.is_whole);
        update.gone.iter().for_each(|(license, user)| known.remove(*license, user));
        update.here.iter().for_each(|(license, user)| known.add(*license, user));
        true
    }

    /// A node is no more.
    pub(super) fn forget(&self, node: Incarnation) {
        self.0.write().remove(&node);
    }
}

/// Users with the versions that know of them.
type Versions = HashMap<(LicenseId, UserId), u64>;

/// Users of this node whom others may not know of yet: nothing may be spared them from the moment at which their session is
/// registered, since from then on they get what is told here.
#[derive(Default)]
pub(super) struct Late(Mutex<LateUsers>);

#[derive(Default)]
struct LateUsers {
    /// Sessions that are about to be registered, or are so new that no version knows of them.
    coming: HashMap<(LicenseId, UserId), usize>,
    /// The version that a node has to note.
    nodes: HashMap<Incarnation, Versions>,
}

impl Late {
    fn comes(&self, user: (LicenseId, UserId)) {
        *self.0.lock().coming.entry(user).or_default() += 1;
    }

    fn came(&self, user: &(LicenseId, UserId)) {
        let coming = &mut self.0.lock().coming;
        if let Some(sessions) = coming.get_mut(user) {
            *sessions -= 1;
            if *sessions == 0 {
                coming.remove(user);
            }
        }
    }

    fn add(&self, node: Incarnation, user: (LicenseId, UserId), version: u64) {
        self.0.lock().nodes.entry(node).or_default().insert(user, version);
    }

    /// Whether a node that knew better would not have spared us this.
    pub(super) fn concerns(&self, node: Incarnation, license: LicenseId, spared: &Spared) -> bool {
        let late = self.0.lock();
        let versions = late.nodes.get(&node);
        spared.named.users().any(|user| {
            let user = (license, user);
            let version = || versions.and_then(|versions| versions.get(&user));
            late.coming.contains_key(&user) || version().is_some_and(|version| spared.version < *version)
        })
    }

    /// A node has told of all that it spared us before it had noted a version.
    fn is_over(&self, node: Incarnation, noted: u64) {
        if let Some(versions) = self.0.lock().nodes.get_mut(&node) {
            versions.retain(|_, version| *version > noted);
        }
    }

    /// A node is no more.
    pub(super) fn forget(&self, node: Incarnation) {
        self.0.lock().nodes.remove(&node);
    }
}

/// A session that is about to be registered. Dropped, it comes no more.
#[must_use]
pub struct Coming {
    nodes: Arc<Nodes>,
    user: (LicenseId, UserId),
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.nodes.late.came(&self.user);
    }
}

impl Nodes {
    /// A session of the user is about to be registered here: from now on nothing that names the user is passed over.
    pub fn user_comes(self: &Arc<Self>, license: LicenseId, user: UserId) -> Coming {
        self.late.comes((license, user.clone()));
        Coming { nodes: self.clone(), user: (license, user) }
    }

    /// It is registered: returns once every node that can be reached knows it, and tells this one of its license.
    pub async fn user_came(&self, coming: Coming) {
        let (license, user) = coming.user.clone();
        let version = self.user_changed(license, user.clone());
        let peers: Vec<Arc<Peer>> = self.peers.iter().map(|entry| entry.value().clone()).collect();
        if let Some(version) = version {
            for peer in &peers {
                self.late.add(peer.node, (license, user.clone()), version);
            }
        }
        drop(coming);
        let known = async {
            let Some(version) = version else { return };
            let until = Instant::now() + LOGIN_WAITS;
            for peer in peers {
                let (mut noted, mut lives) = (peer.users_noted.subscribe(), peer.lives.subscribe());
                tokio::select! {
                    _ = noted.wait_for(|noted| *noted >= version) => {}
                    _ = lives.wait_for(|lives| !lives) => {}
                    () = tokio::time::sleep_until(until) => {}
                }
            }
        };
        tokio::join!(self.interested(license), known);
    }

    /// A session of the user is registered here no more.
    pub fn user_left(&self, license: LicenseId, user: UserId) {
        self.user_changed(license, user);
    }

    /// Of what changes before there is another node, that one is told as a whole.
    fn user_changed(&self, license: LicenseId, user: UserId) -> Option<u64> {
        self.has_peers().then(|| self.our_users.changed(license, user))
    }

    /// Notes who is connected to another node.
    pub(super) fn note_users(&self, node: Incarnation, update: &UsersUpdate) -> Answer {
        if self.whereabouts.note(node, update) { Answer::Noted } else { Answer::TellAll }
    }
}

/// Tells a node of our users, and every change of them, for as long as it lives.
pub(super) async fn tell(nodes: Arc<Nodes>, peer: Arc<Peer>) {
    let (mut version, mut lives) = (nodes.our_users.version.subscribe(), peer.lives.subscribe());
    loop {
        let noted = *peer.users_noted.borrow();
        tokio::select! {
            _ = version.wait_for(|version| *version > noted) => {}
            _ = lives.wait_for(|lives| !lives) => return,
        }
        tokio::time::sleep(GATHER).await;
        for update in nodes.our_users.updates(noted, &*nodes.parts.sessions) {
            match nodes.call(peer.node, CallRef::Users(&update), LIMIT).await {
                Ok(Answer::Noted) if update.is_whole => drop(peer.users_noted.send_replace(update.version)),
                Ok(Answer::Noted) => {}
                Ok(Answer::TellAll) => {
                    peer.users_noted.send_replace(0);
                    break;
                }
                Ok(Answer::NotUnderstood) => {
                    peer.users_noted.send_replace(NEVER);
                    return;
                }
                _ => {
                    tokio::time::sleep(PAUSE).await;
                    break;
                }
            }
        }
    }
}

/// Forgets, for ever, who came, a while after a node noted it.
pub(super) async fn sweep(nodes: Arc<Nodes>) {
    loop {
        let noted: Vec<(Incarnation, u64)> =
            nodes.peers.iter().map(|peer| (peer.node, *peer.users_noted.borrow())).collect();
        tokio::time::sleep(SWEEP_EVERY).await;
        noted.into_iter().for_each(|(node, noted)| nodes.late.is_over(node, noted));
    }
}

#[cfg(test)]
mod tests;
