//! A node of these tests: it has what a server has behind its door, and sessions that write down what they are told.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use parking_lot::Mutex;
use switchboard::actors::barrier::RebuildCall;
use switchboard::actors::catching_up::{Among, Known};
use switchboard::actors::delivery::{Mark, Place};
use switchboard::actors::router::Status;
use switchboard::actors::{ActorSettings, Actors, ActorsParts, AskError, recovery, roll, timers};
use switchboard::clock::SystemClock;
use switchboard::domain::id::{AgentId, ChatId, CustomerId, EventId, IdSource as _, LicenseId, UserId};
use switchboard::domain::license::License;
use switchboard::domain::license_news::LicenseNews;
use switchboard::domain::push::{Push, PushBody};
use switchboard::domain::time::Clock as _;
use switchboard::id_source::OsIds;
use switchboard::node::Rules;
use switchboard::nodes::{
    Asker, Coming, Cut, Nodes, NodesParts, Sessions, VisitorsCall, VisitorsFound, Whose,
};
use switchboard::store::Store;
use switchboard::tenants::{NewLicense, Tenants};
use switchboard_cluster::link::memory::Network;
use switchboard_cluster::link::{Link, Peer};
use switchboard_cluster::steward::Times;
use switchboard_cluster::{
    Epoch, Incarnation, Node as Member, NodeName, NodeOptions, Ownership, OwnershipOptions, ShardCount,
};

use crate::hesitant::Hesitant;
use crate::shifted::Shifted;

/// How long something may take; only a failing test, or one on a starved machine, ever waits that long.
const LIMIT: Duration = Duration::from_secs(120);

/// Parts of the work.
const SHARDS: u32 = 256;

/// Sessions that an agent may have.
const AGENT_SESSIONS: usize = 2;

/// What all nodes of a world share.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) network: Network,
    pub(crate) license: LicenseId,
    pub(crate) clock: Arc<Shifted>,
    pub(crate) passivate_after: Duration,
}

/// A node, as far as these tests need one.
pub(crate) struct Node {
    pub(crate) incarnation: Incarnation,
    /// Its loop, where it follows the cluster.
    pub(crate) member: Option<Member>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) actors: Arc<Actors>,
    pub(crate) tenants: Tenants,
    pub(crate) told: Arc<Heard>,
    pub(crate) link: Arc<Hesitant>,
    pub(crate) license: LicenseId,
    /// The thread on which it follows the others.
    room: ArbiterHandle,
}

/// A thread that does nothing until this goes on.
pub(crate) struct StandsStill(std::sync::mpsc::Sender<()>);

impl StandsStill {
    pub(crate) fn goes_on(self) {
        self.0.send(()).expect("it waits");
    }
}

/// Sessions of some users, which write down what their node is told, whoever it is for.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) users: Mutex<HashSet<(LicenseId, UserId)>>,
    pub(crate) customers: Mutex<Vec<CustomerId>>,
    pub(crate) pushes: Mutex<Vec<Push>>,
    pub(crate) cuts: Mutex<Vec<Cut>>,
}

impl Sessions for Heard {
    fn deliver(&self, _: &License, pushes: &[Push], _: Option<&Mark>, _: Option<Asker<'_>>) {
        self.pushes.lock().extend_from_slice(pushes);
    }

    fn wake(&self, _: u64) {}

    fn has(&self, _: LicenseId) -> bool {
        true
    }

    fn has_user(&self, license: LicenseId, user: &UserId) -> bool {
        self.users.lock().contains(&(license, user.clone()))
    }

    fn users(&self) -> Vec<(LicenseId, UserId)> {
        self.users.lock().iter().cloned().collect()
    }

    fn visitors(&self, call: &VisitorsCall) -> VisitorsFound {
        let customers = self.customers.lock();
        let here = customers.iter().filter(|one| call.customer.as_ref().is_none_or(|wanted| wanted == *one));
        let customers: Vec<CustomerId> = here.cloned().collect();
        VisitorsFound { total: customers.len() as u64, customers }
    }

    fn orphaned(&self, _: Vec<LicenseId>) {}

    fn cut(&self, cut: &Cut) {
        self.cuts.lock().push(cut.clone());
    }
}

impl Node {
    /// A session of a user begins here, and the others know it.
    pub(crate) async fn log_in(&self, user: UserId) {
        let coming = self.registers(user);
        self.nodes.user_came(coming).await;
    }

    /// A session of a user begins here, and the others do not know it yet.
    pub(crate) fn registers(&self, user: UserId) -> Coming {
        let coming = self.nodes.user_comes(self.license, user.clone());
        self.told.users.lock().insert((self.license, user));
        coming
    }

    /// A session of a user begins here, and the others cannot be told of it in time.
    pub(crate) async fn log_in_unheard(&self, user: UserId) {
        self.link.silence(true);
        self.log_in(user).await;
        self.link.silence(false);
    }

    /// The last session of a user here ends.
    pub(crate) fn log_out(&self, user: UserId) {
        self.told.users.lock().remove(&(self.license, user.clone()));
        self.nodes.user_left(self.license, user);
    }

    /// Whether the customer is connected to this node from now on.
    pub(crate) fn has_customer(&self, customer: &CustomerId, is_connected: bool) {
        let mut customers = self.told.customers.lock();
        customers.retain(|other| other != customer);
        customers.extend(is_connected.then(|| customer.clone()));
    }

    /// To how many nodes the customer is connected, as this one finds out.
    pub(crate) async fn connections(&self, customer: &CustomerId) -> u64 {
        let customer = Some(customer.clone());
        let call = VisitorsCall { license: self.license, groups: None, customer, limit: 1 };
        self.nodes.visitors(&call).await.total
    }

    pub(crate) async fn start(name: &str, ground: &Ground) -> Self {
        let node = Self::enter(name, ground).await;
        recovery::start(&node.actors).await.expect("the shards are recovered");
        node
    }

    /// One that gives shards away when it is told to.
    pub(crate) async fn start_member(name: &str, ground: &Ground) -> Self {
        let options = NodeOptions {
            node: NodeName::new(name),
            shards: ShardCount::new(SHARDS).expect("a power of two"),
            clock: Arc::new(|| SystemClock.now().0),
            fresh: Arc::new(|| Incarnation(OsIds.uuid())),
            times: Times::default(),
            vacate_within: LIMIT,
        };
        let transport = ground.network.transport();
        let member = Member::start(ground.store.clone(), transport, options).await.expect("a member");
        let (ownership, link) = (member.ownership().clone(), member.link());
        let node = Self { member: Some(member), ..Self::with(ground, (ownership, link)).await };
        let occupants = recovery::Occupants(node.actors.clone());
        node.actors.shards().occupied_by(Arc::new(occupants));
        recovery::start(&node.actors).await.expect("the shards are recovered");
        node
    }

    /// Gives all shards to the other, and goes on serving its sessions.
    pub(crate) async fn give_away(&self) {
        self.member.as_ref().expect("a member").give_away(LIMIT).await;
        assert!(self.actors.shards().owned().is_empty(), "it has none left");
    }

    /// Takes its shards, and does not work for them yet.
    pub(crate) async fn enter(name: &str, ground: &Ground) -> Self {
        let incarnation = Incarnation(OsIds.uuid());
        let node = NodeName::new(name);
        let options = OwnershipOptions {
            node: node.clone(),
            address: String::new(),
            incarnation,
            certificate: None,
            shards: ShardCount::new(SHARDS).expect("a power of two"),
            clock: Arc::new(|| SystemClock.now().0),
        };
        let ownership =
            Ownership::start(ground.store.clone(), options).await.expect("a place in the cluster");
        let link: Arc<dyn Link> = ground.network.join(Peer { incarnation, node, address: String::new() });
        Self::with(ground, (ownership, link)).await
    }

    pub(crate) async fn with(ground: &Ground, (ownership, link): (Ownership, Arc<dyn Link>)) -> Self {
        let Ground { store, license, clock, passivate_after, .. } = ground.clone();
        let incarnation = ownership.incarnation();
        let tenants = Tenants::new(store.clone(), Arc::new(SystemClock), Arc::new(OsIds));
        let told = Arc::new(Heard::default());
        let link = Hesitant::new(link);
        let nodes = Nodes::new(NodesParts {
            link: link.clone(),
            ownership: ownership.clone(),
            sessions: told.clone(),
            tenants: tenants.clone(),
            store: store.clone(),
            clock: clock.clone(),
        });
        let actors = Actors::new(ActorsParts {
            store,
            ownership,
            clock,
            ids: Arc::new(OsIds),
            licenses: Arc::new(Rules::new(Arc::default(), tenants.licenses.clone())),
            delivery: nodes.clone(),
            post: None,
            elsewhere: nodes.clone(),
            settings: ActorSettings {
                agent_sessions: AGENT_SESSIONS,
                passivate_after,
                ..ActorSettings::default()
            },
            arbiters: vec![Arbiter::new().handle()],
        });
        let room = Arbiter::new().handle();
        let (served, serves) = tokio::sync::oneshot::channel();
        let (following, asked) = (nodes.clone(), actors.clone());
        room.spawn(async move {
            following.serve(asked);
            served.send(()).expect("somebody waits");
        });
        serves.await.expect("the node serves");
        tenants.licenses.get(license).await.expect("the license is read");
        Self { incarnation, member: None, nodes, actors, tenants, told, link, license, room }
    }

    /// The events that somebody missed who knows this much, as this node finds out, each with the row that tells it.
    pub(crate) async fn missed(&self, known: &Known) -> Vec<(EventId, Place)> {
        let missed = self.actors.missed(self.license, known, Among::All).await.expect("the logs are read");
        let rows = missed.expect("not too much").into_iter();
        let events = rows.flat_map(|row| {
            let place = row.mark.to;
            row.pushes.into_iter().map(move |push| (push.body, place))
        });
        let events = events.filter_map(|(body, place)| match body {
            PushBody::IncomingEvent { event, .. } => Some((event.id.clone(), place)),
            _ => None,
        });
        events.collect()
    }

    /// Begins to work; ends once all open chats are known.
    pub(crate) async fn recover(&self) {
        recovery::start(&self.actors).await.expect("the shards are recovered");
    }

    /// The open chats that this node can tell a router of, if it answers for the shard of a chat.
    pub(crate) async fn answer_to_router(&self, chat: &ChatId) -> Option<Vec<ChatId>> {
        let shard = self.actors.shards().shard_of(self.license.0, chat.as_str());
        let call = RebuildCall { license: self.license, term: Epoch(1) };
        let answer = self.actors.serve_rebuild(&call).await.expect("the node may speak");
        let is_answered = answer.shards.iter().any(|(answered, _)| *answered == shard);
        is_answered.then(|| answer.reports.into_iter().map(|report| report.chat).collect())
    }

    /// The events that its sessions were told, in order: by themselves, or with a chat that they gained.
    pub(crate) fn events(&self) -> Vec<EventId> {
        let pushes = self.told.pushes.lock();
        let told = pushes.iter().filter_map(|push| match &push.body {
            PushBody::IncomingEvent { event, .. } => Some(event.id.clone()),
            _ => None,
        });
        told.collect()
    }

    /// The chats that they were told of as a whole.
    pub(crate) fn chats(&self) -> Vec<ChatId> {
        let pushes = self.told.pushes.lock();
        let told = pushes.iter().filter_map(|push| match &push.body {
            PushBody::IncomingChat { chat, .. } => Some(chat.id.clone()),
            _ => None,
        });
        told.collect()
    }

    /// Waits until so many chats, or threads of them, were told as a whole.
    pub(crate) async fn wait_for_chats(&self, count: usize) {
        self.wait(|| self.chats().len() >= count, "the sessions were not told of the chats").await;
    }

    pub(crate) async fn wait_for(&self, events: &[EventId]) {
        let last = events.last().expect("an event");
        self.wait(|| self.events().contains(last), "the sessions were not told").await;
    }

    /// Waits until no chat is in its memory.
    pub(crate) async fn wait_until_forgotten(&self) {
        self.wait(|| self.actors.resident_chats() == 0, "chats stay in memory").await;
    }

    /// Follows the timers of chats that are out of memory.
    pub(crate) fn runs_timers(&self) -> actix_rt::task::JoinHandle<()> {
        actix_rt::spawn(timers::run(self.actors.clone()))
    }

    /// The chats of which its sessions were told that their threads ended.
    pub(crate) fn ended_chats(&self) -> Vec<ChatId> {
        let pushes = self.told.pushes.lock();
        let ended = pushes.iter().filter_map(|push| match &push.body {
            PushBody::ChatDeactivated { chat, .. } => Some(chat.clone()),
            _ => None,
        });
        ended.collect()
    }

    pub(crate) async fn wait_until_ended(&self, chat: &ChatId) {
        self.wait(|| self.ended_chats().contains(chat), "the thread did not end").await;
    }

    /// Waits until it is a member as another run, and sees another node.
    pub(crate) async fn wait_for_another_run(&self) {
        let shards = self.actors.shards();
        let is_another = || shards.incarnation() != self.incarnation && !shards.peers().borrow().is_empty();
        self.wait(is_another, "it did not begin anew").await;
    }

    /// From now on it does not notice what becomes of the others.
    pub(crate) async fn stands_still(&self) -> StandsStill {
        let (goes_on, waits) = std::sync::mpsc::channel();
        let (stops, stopped) = tokio::sync::oneshot::channel();
        self.room.spawn_fn(move || {
            stops.send(()).expect("somebody waits");
            waits.recv().expect("it is told to go on");
        });
        stopped.await.expect("it stands still");
        StandsStill(goes_on)
    }

    /// The statuses of agents as its router knows them, if it says so.
    pub(crate) async fn statuses(&self) -> Result<usize, AskError> {
        self.actors.router(self.license).statuses().await.map(|statuses| statuses.len())
    }

    /// How often it was told here that an agent has another status.
    pub(crate) fn told_statuses(&self) -> usize {
        let pushes = self.told.pushes.lock();
        pushes.iter().filter(|push| matches!(push.body, PushBody::RoutingStatusSet { .. })).count()
    }

    /// Waits until that was told.
    pub(crate) async fn wait_until_status_is_told(&self) {
        let until = tokio::time::Instant::now() + LIMIT;
        while self.told_statuses() == 0 {
            assert!(tokio::time::Instant::now() < until, "nobody is told of the status");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the router has so many agents who are not offline.
    pub(crate) async fn wait_for_statuses(&self, count: usize) {
        let until = tokio::time::Instant::now() + LIMIT;
        while self.statuses().await.ok() != Some(count) {
            assert!(tokio::time::Instant::now() < until, "the router takes others for present");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether the license's router is on this node.
    pub(crate) fn has_router(&self) -> bool {
        let shard = self.actors.shards().shard_of(self.license.0, "");
        self.actors.shards().owned().iter().any(|(owned, _)| *owned == shard)
    }

    /// Waits until the router, which is on this node, knows all that was before it.
    pub(crate) async fn wait_until_begun(&self) {
        let until = tokio::time::Instant::now() + LIMIT;
        let has_begun = async || {
            let snapshot = self.actors.router(self.license).snapshot().await;
            snapshot.is_ok_and(|snapshot| !snapshot.is_rebuilding)
        };
        while !has_begun().await {
            assert!(tokio::time::Instant::now() < until, "the router does not begin");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Tells the routers who is here, again and again.
    pub(crate) fn tells_who_is_there(&self) -> actix_rt::task::JoinHandle<()> {
        actix_rt::spawn(roll::tell(self.actors.clone()))
    }

    /// Waits until so many calls were lost in which something is named.
    pub(crate) async fn wait_until_lost(&self, name: &str, count: usize) {
        self.wait(|| self.link.lost(name) >= count, "nobody was asked").await;
    }

    /// Sets the agent's status.
    pub(crate) async fn set_status(&self) -> Result<bool, AskError> {
        let agent = AgentId::new("agent1@example.com");
        self.actors.router(self.license).set_status(&agent, Status::NotAccepting, None).await
    }

    pub(crate) async fn wait_for_cuts(&self, count: usize) {
        self.wait(|| self.told.cuts.lock().len() == count, "the sessions were not cut").await;
    }

    /// The sessions that were ended by their numbers.
    pub(crate) fn evicted(&self) -> Vec<u64> {
        let number = |cut: &Cut| match cut.whose {
            Whose::Session(number) => Some(number),
            _ => None,
        };
        self.told.cuts.lock().iter().filter_map(number).collect()
    }

    /// Waits until the sessions here were told of so many changes of their license. Gives all that they were told.
    pub(crate) async fn wait_for_license_news(&self, count: usize) -> Vec<LicenseNews> {
        let news = || {
            let pushes = self.told.pushes.lock();
            let news = pushes.iter().filter_map(|push| match &push.body {
                PushBody::LicenseNews(news) => Some(LicenseNews::clone(news)),
                _ => None,
            });
            news.collect::<Vec<_>>()
        };
        self.wait(|| news().len() >= count, "nobody was told of the license").await;
        news()
    }

    /// Suspends all agents of the license on this node.
    pub(crate) async fn suspend_agent(&self) {
        self.change(self.license, |license| {
            license.agents.values_mut().for_each(|agent| agent.suspended = true);
        })
        .await;
    }

    /// Renames an agent of another license on this node so many times.
    pub(crate) async fn change_another_license(&self, times: u32) {
        let now = SystemClock.now();
        let own = self.tenants.licenses.cached(self.license).expect("it is known");
        let mut new = NewLicense { agents: own.agents.clone(), ..NewLicense::default() };
        new.agents.values_mut().for_each(|agent| agent.suspended = false);
        let other = self.tenants.licenses.create(new, now).await.expect("a license").id;
        for time in 0..times {
            self.change(other, |license| {
                license.agents.values_mut().for_each(|agent| agent.name = format!("Name {time}"));
            })
            .await;
        }
    }

    async fn change(&self, license: LicenseId, change: impl Fn(&mut License)) {
        let changed = self.tenants.licenses.update(license, |license| {
            change(license);
            Ok::<(), std::convert::Infallible>(())
        });
        changed.await.expect("the license changes");
    }

    pub(crate) async fn wait_for_license(&self, version: u64) {
        let known = || self.tenants.licenses.cached(self.license).map(|license| license.version);
        self.wait(|| known() == Some(version), "the license was not followed").await;
    }

    pub(crate) async fn wait(&self, is_so: impl Fn() -> bool, otherwise: &str) {
        let until = tokio::time::Instant::now() + LIMIT;
        while !is_so() {
            assert!(tokio::time::Instant::now() < until, "{otherwise}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
