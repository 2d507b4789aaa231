//! Two nodes, and what their sessions are told.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use parking_lot::Mutex;
use serde_json::{Value, json};
use switchboard::actors::ahead::{ComingCall, ComingChat};
use switchboard::actors::barrier::RebuildCall;
use switchboard::actors::catching_up::{Among, Known};
use switchboard::actors::chat::history::History;
use switchboard::actors::chat::{Head, Snapshot};
use switchboard::actors::delivery::{Mark, Place};
use switchboard::actors::router::Status;
use switchboard::actors::{
    ActorSettings, Actors, ActorsParts, AskError, ChatKey, SessionId, recovery, timers,
};
use switchboard::clock::SystemClock;
use switchboard::domain::change::Target;
use switchboard::domain::command::{
    Caller, Command, DeactivateChat, DeleteEvent, NewThread, Reply, ResumeChat, SendEvent, StartChat,
    UpdateProperties,
};
use switchboard::domain::customer::{CustomerProfile, CustomerUpdate};
use switchboard::domain::event::{Event, EventBody, NewEvent, Visibility};
use switchboard::domain::id::{
    AgentId, ChatId, ClientId, CustomerId, EventId, IdSource as _, LicenseId, ThreadId, UserId,
};
use switchboard::domain::license::{Client, License, Role, Settings};
use switchboard::domain::license_news::LicenseNews;
use switchboard::domain::push::{Push, PushBody};
use switchboard::domain::time::Clock as _;
use switchboard::domain::visit::Arrival;
use switchboard::files::Files;
use switchboard::id_source::OsIds;
use switchboard::node::Rules;
use switchboard::nodes::{Asker, Cut, Nodes, NodesParts, Sessions, VisitorsCall, VisitorsFound, Whose};
use switchboard::outgoing::Fetcher;
use switchboard::protocol::method;
use switchboard::protocol::version::Surface;
use switchboard::requests::{Customers, Identity, PageKey, Requester, Requests, RequestsParts};
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};
use switchboard::store::{EventLog as _, IndexScan, IndexTable, Indexes as _, LogKey, Order, Store};
use switchboard::tenants::{LicensePlan, ScopeSet, Tenants, make_license};
use switchboard_cluster::link::memory::Network;
use switchboard_cluster::link::{Link, Peer};
use switchboard_cluster::steward::Times;
use switchboard_cluster::{
    Epoch, Incarnation, Node as Member, NodeName, NodeOptions, Ownership, OwnershipOptions,
    OwnershipTables as _, ShardCount,
};

use crate::hesitant::Hesitant;
use crate::reluctant::Reluctant;
use crate::shifted::Shifted;

/// How long something may take; only a failing test, or one on a starved machine, ever waits that long.
const LIMIT: Duration = Duration::from_secs(120);

/// Parts of the work.
const SHARDS: u32 = 256;

/// The license's agent.
const AGENT: &str = "agent1@example.com";

/// How long threads may be silent.
const A_YEAR_MS: u64 = 365 * 24 * 3600 * 1000;

/// Sessions that an agent may have.
const AGENT_SESSIONS: usize = 2;

/// What all nodes of a world share.
#[derive(Clone)]
struct Ground {
    store: Arc<dyn Store>,
    network: Network,
    license: LicenseId,
    clock: Arc<Shifted>,
    passivate_after: Duration,
}

pub(crate) struct World {
    /// Owns every shard.
    pub(crate) here: Node,
    /// Has sessions only.
    pub(crate) there: Node,
    ground: Ground,
    pub(crate) store: Arc<Reluctant>,
    license: LicenseId,
    pub(crate) customer: CustomerId,
    /// By what the customer comes.
    pub(crate) client: ClientId,
    folder: tempfile::TempDir,
}

/// A node, as far as these tests need one.
pub(crate) struct Node {
    incarnation: Incarnation,
    /// Its loop, where it follows the cluster.
    member: Option<Member>,
    pub(crate) nodes: Arc<Nodes>,
    actors: Arc<Actors>,
    tenants: Tenants,
    told: Arc<Heard>,
    link: Arc<Hesitant>,
    license: LicenseId,
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
struct Heard {
    users: Mutex<HashSet<(LicenseId, UserId)>>,
    customers: Mutex<Vec<CustomerId>>,
    pushes: Mutex<Vec<Push>>,
    cuts: Mutex<Vec<Cut>>,
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

impl World {
    /// Two nodes that know of each other's sessions.
    pub(crate) async fn new() -> Self {
        let world = Self::without_sessions().await;
        world.log_in().await;
        world
    }

    /// Two nodes with sessions that neither could tell the other of.
    pub(crate) async fn cut_off() -> Self {
        let world = Self::without_sessions().await;
        world.cut();
        world.log_in().await;
        world
    }

    /// Two nodes that follow the cluster, and may give each other shards.
    pub(crate) async fn of_members() -> Self {
        let world = Self::make(true, ActorSettings::default().passivate_after).await;
        let mut peers = world.here.actors.shards().peers();
        peers.wait_for(|peers| !peers.is_empty()).await.expect("the other is seen");
        world.log_in().await;
        world
    }

    /// Two nodes that know of each other's sessions; the customer has none on the one without chats.
    pub(crate) async fn with_agent_there() -> Self {
        let world = Self::without_sessions().await;
        world.here.log_in(world.customer()).await;
        world.there.log_in(UserId::Agent(AgentId::new(AGENT))).await;
        world
    }

    async fn log_in(&self) {
        self.here.log_in(self.customer()).await;
        self.there.log_in(self.customer()).await;
    }

    pub(crate) fn customer(&self) -> UserId {
        UserId::Customer(self.customer.clone())
    }

    /// Two nodes that know of each other's sessions, and keep quiet chats in memory for a moment only.
    pub(crate) async fn forgetful() -> Self {
        let world = Self::make(false, Duration::from_millis(100)).await;
        world.log_in().await;
        world
    }

    async fn without_sessions() -> Self {
        Self::make(false, ActorSettings::default().passivate_after).await
    }

    async fn make(are_members: bool, passivate_after: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let options = EmbeddedOptions::new(folder.path().join("store"));
        let embedded = EmbeddedStore::open(&options).expect("the store opens");
        let reluctant = Arc::new(Reluctant::new(Arc::new(embedded)));
        let store: Arc<dyn Store> = reluctant.clone();
        let network = Network::default();
        let tenants = Tenants::new(store.clone(), Arc::new(SystemClock), Arc::new(OsIds));
        let client = Client { origins: Vec::new(), loopback: false };
        let settings = Settings { thread_inactivity_timeout_ms: Some(A_YEAR_MS), ..Settings::default() };
        let plan = LicensePlan::with_agents(1, client, settings);
        let license = make_license(&tenants, &plan, "test").await.expect("a license").license_id;
        let ground = Ground { store, network, license, clock: Arc::default(), passivate_after };
        let start = async |name: &str| match are_members {
            true => Node::start_member(name, &ground).await,
            false => Node::start(name, &ground).await,
        };
        let here = start("here").await;
        let there = start("there").await;
        Self {
            customer: CustomerId::new(OsIds.uuid().to_string()),
            client: ClientId::new(OsIds.uuid().simple().to_string()),
            here,
            there,
            ground,
            store: reluctant,
            license,
            folder,
        }
    }

    pub(crate) fn cut(&self) {
        self.ground.network.cut(self.here.incarnation, self.there.incarnation);
    }

    pub(crate) fn mend(&self) {
        self.ground.network.mend(self.here.incarnation, self.there.incarnation);
    }

    pub(crate) async fn start_chat(&self) -> ChatId {
        let chat = OsIds.chat();
        let thread = NewThread { active: true, ..NewThread::default() };
        let profile = Some(Box::new(CustomerProfile::default()));
        let caller = self.caller(profile);
        self.ask(&chat, Command::StartChat(StartChat { thread }), caller).await;
        chat
    }

    fn caller(&self, profile: Option<Box<CustomerProfile>>) -> Caller {
        Caller::Customer { id: self.customer.clone(), profile, client: Some(self.client.clone()) }
    }

    /// Sends messages of these numbers, one after the other.
    pub(crate) async fn send(&self, chat: &ChatId, numbers: RangeInclusive<u64>) -> Vec<EventId> {
        let mut sent = Vec::new();
        for number in numbers {
            let reply = self.try_send(chat, number).await.expect("the chat answers");
            let Reply::Event(id) = reply else { panic!("not an event") };
            sent.push(id);
        }
        sent
    }

    /// Sends the message of a number.
    pub(crate) async fn try_send(&self, chat: &ChatId, number: u64) -> Result<Reply, AskError> {
        let event = NewEvent {
            custom_id: None,
            visibility: Visibility::All,
            properties: Default::default(),
            author: None,
            body: EventBody::Message { text: format!("message {number}"), postback: None },
        };
        let send = Command::SendEvent(SendEvent { event, attach_to_last_thread: false });
        let caller = self.caller(None);
        self.here.actors.ask(&self.key(chat), send, caller, None).await
    }

    /// The customer ends the chat's thread and opens the next one.
    pub(crate) async fn next_thread(&self, chat: &ChatId) {
        self.end_thread(chat).await;
        self.try_resume(chat).await.expect("the chat answers");
    }

    /// The customer ends the chat's thread.
    pub(crate) async fn end_thread(&self, chat: &ChatId) {
        let end = DeactivateChat { ignore_requester_presence: false };
        self.ask(chat, Command::DeactivateChat(end), self.caller(None)).await;
    }

    /// The customer opens the chat's next thread.
    pub(crate) async fn try_resume(&self, chat: &ChatId) -> Result<Reply, AskError> {
        let thread = NewThread { active: true, ..NewThread::default() };
        let resume = Command::ResumeChat(ResumeChat { thread });
        self.here.actors.ask(&self.key(chat), resume, self.caller(None), None).await
    }

    /// The customer marks the chat, on a node; nothing else is changed by that.
    pub(crate) async fn mark_on(&self, node: &Node, chat: &ChatId) {
        let properties = serde_json::from_value(json!({ "test": { "bool_property": true } }));
        let properties = properties.expect("properties");
        let mark = Command::UpdateProperties(UpdateProperties { target: Target::Chat, properties });
        let marked = node.actors.ask(&self.key(chat), mark, self.caller(None), None).await;
        marked.expect("it is acknowledged");
    }

    /// The customer takes an event back.
    pub(crate) async fn try_delete(&self, chat: &ChatId, event: &EventId) -> Result<Reply, AskError> {
        let delete = Command::DeleteEvent(DeleteEvent { event: event.clone() });
        let caller = self.caller(None);
        self.here.actors.ask(&self.key(chat), delete, caller, None).await
    }

    /// Whether the log of an event's thread says that it was taken back.
    pub(crate) async fn is_deleted(&self, event: &EventId) -> bool {
        let history = History::read(&self.here.actors, self.license, &event.thread, None).await;
        let events = history.expect("the log is read").expect("there is a log").events;
        events.iter().any(|known| known.id == *event && known.deleted)
    }

    /// The messages of a thread, with their ids.
    pub(crate) async fn said(&self, thread: &ThreadId) -> Vec<(EventId, String)> {
        let history = History::read(&self.here.actors, self.license, thread, None).await;
        let events = history.expect("the log is read").expect("there is a log").events;
        let message = |event: &Arc<Event>| match &event.body {
            EventBody::Message { text, .. } => Some((event.id.clone(), text.clone())),
            _ => None,
        };
        events.iter().filter_map(message).collect()
    }

    /// The rows of a thread's log.
    pub(crate) async fn rows(&self, thread: &ThreadId) -> usize {
        let log = LogKey { license: self.license, thread: thread.clone() };
        self.store.read(&log, 1, None, usize::MAX).await.expect("the log is read").len()
    }

    /// From now on the node that has the chats is superseded, and does not know it.
    pub(crate) async fn supersede(&self) {
        self.store.fence(self.here.incarnation).await.expect("fenced");
    }

    /// Moves the wall clock of all nodes.
    pub(crate) fn minutes_pass(&self, minutes: i64) {
        self.ground.clock.minutes_pass(minutes);
    }

    /// How long threads may be silent from now on.
    pub(crate) async fn threads_end_after(&self, silence: Duration) {
        let changed = self.here.tenants.licenses.update(self.license, |license| {
            license.settings.thread_inactivity_timeout_ms = u64::try_from(silence.as_millis()).ok();
            Ok::<(), std::convert::Infallible>(())
        });
        changed.await.expect("the license changes");
    }

    /// Minutes from now on in which the store wakes the chat.
    pub(crate) async fn wakes_in(&self, chat: &ChatId, minutes: RangeInclusive<i64>) -> bool {
        let shard = self.here.actors.shards().shard_of(self.license.0, chat.as_str());
        let now = self.ground.clock.now().0.div_euclid(60_000_000);
        for minute in minutes {
            let bucket = (now + minute).to_string();
            let scan = IndexScan::bucket(IndexTable::Due, i64::from(shard.0), bucket, Order::Ascending, 100);
            let rows = self.store.scan_index(scan).await.expect("a list");
            if rows.iter().any(|row| row.id.ends_with(chat.as_str())) {
                return true;
            }
        }
        false
    }

    /// A chat that a node has.
    pub(crate) async fn chat_of(&self, node: &Node) -> ChatId {
        loop {
            let chat = self.start_chat().await;
            let shard = node.actors.shards().shard_of(self.license.0, chat.as_str());
            if node.actors.shards().owned().iter().any(|(owned, _)| *owned == shard) {
                return chat;
            }
        }
    }

    /// The other node was fenced, and is about to find out.
    pub(crate) async fn supersede_other(&self) {
        self.store.fence(self.there.incarnation).await.expect("fenced");
    }

    /// The chat as a node shows it.
    pub(crate) async fn look(&self, node: &Node, chat: &ChatId) -> Result<Arc<Snapshot>, AskError> {
        node.actors.inspect(&self.key(chat)).await
    }

    /// Tells a node that the chat is about to come.
    pub(crate) async fn announce(&self, chat: &ChatId, to: &Node) {
        let shard = self.here.actors.shards().shard_of(self.license.0, chat.as_str());
        self.here.actors.announce(shard, to.incarnation).await;
    }

    /// Tells a node that the chat is about to come, and stands at least at a row.
    pub(crate) async fn read_ahead(&self, chat: &ChatId, head: Head, node: &Node) {
        let shard = node.actors.shards().shard_of(self.license.0, chat.as_str());
        let chats = vec![ComingChat { key: self.key(chat), head }];
        node.actors.read_ahead(ComingCall { shard, chats }).await;
    }

    /// So many sessions of an agent log in at the same time, each with what it finds of the chats.
    pub(crate) async fn log_in_at_once(&self, sessions: usize) -> Vec<String> {
        let (requests, who) = (self.requests().await, self.agent().await);
        let logins = (0..sessions).map(|_| requests.first_chats(&who));
        let found = futures_util::future::join_all(logins).await;
        found.into_iter().map(|chats| chats.expect("the chats")).collect()
    }

    /// The customer comes, or is here with another connection. Gives the number of their visit.
    pub(crate) async fn customer_comes(&self, is_another: bool) -> (CustomerProfile, u32) {
        let arrival = Arrival { is_another, ..Arrival::default() };
        let (license, update) = (self.known_license().await, CustomerUpdate::default());
        let requests = self.requests().await;
        let arrived = requests.customer_arrived(&license, &self.customer, &update, &arrival).await;
        let (profile, visits) = arrived.expect("they are let in");
        (profile, visits.visits_count)
    }

    /// The customer's visit ends.
    pub(crate) async fn customer_leaves(&self) {
        let license = self.known_license().await;
        self.requests().await.customer_left(&license, &self.customer).await.expect("they are let go");
    }

    /// The customer calls a method.
    pub(crate) async fn customer_calls(&self, action: &str, payload: Value) -> Value {
        let identity = Identity::Customer { id: self.customer.clone(), client: self.client.clone() };
        let who = Requester { license: self.known_license().await, identity, session: None };
        self.call(&who, Surface::Customer, action, payload).await
    }

    /// The agent calls a method.
    pub(crate) async fn agent_calls(&self, action: &str, payload: Value) -> Value {
        self.call(&self.agent().await, Surface::Agent, action, payload).await
    }

    async fn call(&self, who: &Requester, surface: Surface, action: &str, payload: Value) -> Value {
        let payload = serde_json::value::to_raw_value(&payload).expect("JSON");
        let method = method::find(surface, action).expect("a method");
        let answer = self.requests().await.handle(who, method, Some(&payload), None).await;
        serde_json::from_str(&answer.expect("it goes well")).expect("JSON")
    }

    async fn agent(&self) -> Requester {
        let license = self.known_license().await;
        let id = license.agents.keys().next().expect("an agent").clone();
        let identity = Identity::Agent { id, scopes: ScopeSet::of_role(Role::Owner) };
        Requester { license, identity, session: None }
    }

    async fn known_license(&self) -> Arc<License> {
        let license = self.here.tenants.licenses.get(self.license).await;
        license.expect("read").expect("a license")
    }

    /// The requests of the node that has the chats.
    async fn requests(&self) -> Arc<Requests> {
        // The client for pages asks for one, though none is fetched here; another test may have installed it.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let node = &self.here;
        let store: Arc<dyn Store> = self.store.clone();
        let files = self.folder.path().join("files");
        Requests::new(RequestsParts {
            actors: node.actors.clone(),
            customers: Customers::new(store.clone()),
            pages: PageKey::load(&*store, &OsIds).await.expect("a key"),
            files: Files::in_folder(&files, Arc::new(OsIds)).expect("a folder"),
            fetcher: Fetcher::new(false).expect("a client"),
            mailer: None,
            base_url: String::new(),
            customer_tokens: node.tenants.customer_tokens.clone(),
        })
    }

    /// Another session of the license's agent, on a node.
    pub(crate) async fn agent_comes(&self, node: &Node, number: u64) {
        let agent = AgentId::new(AGENT);
        let session = SessionId { node: node.incarnation, number };
        let came = node.actors.router(self.license).agent_came(&agent, session, false, false).await;
        came.expect("the router answers");
    }

    fn key(&self, chat: &ChatId) -> ChatKey {
        ChatKey { license: self.license, chat: chat.clone() }
    }

    async fn ask(&self, chat: &ChatId, command: Command, caller: Caller) -> Reply {
        self.here.actors.ask(&self.key(chat), command, caller, None).await.expect("the chat answers")
    }

    /// Another run of the node that has the chats, which does not work for them yet.
    pub(crate) async fn next_run(&self) -> Node {
        // Alone, or it would leave some of the shards to the other node, which claims nothing by itself here.
        self.store.fence(self.there.incarnation).await.expect("fenced");
        Node::enter("here", &self.ground).await
    }

    pub(crate) fn cut_of_agent(&self) -> Cut {
        Cut { whose: Whose::Customer(self.license, self.customer.clone()), reason: "logged_out_remotely" }
    }

    /// Changes the license on this node; its version afterwards.
    pub(crate) async fn rename_agent(&self, name: &str) -> u64 {
        let changed = self.here.tenants.licenses.update(self.license, |license| {
            license.agents.values_mut().for_each(|agent| agent.name = name.to_owned());
            Ok::<(), std::convert::Infallible>(())
        });
        changed.await.expect("the license changes").version
    }
}

impl Node {
    /// A session of a user begins here, and the others know it.
    pub(crate) async fn log_in(&self, user: UserId) {
        self.told.users.lock().insert((self.license, user.clone()));
        self.nodes.interested(self.license).await;
        self.nodes.user_came(self.license, user).await;
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

    async fn start(name: &str, ground: &Ground) -> Self {
        let node = Self::enter(name, ground).await;
        recovery::start(&node.actors).await.expect("the shards are recovered");
        node
    }

    /// One that gives shards away when it is told to.
    async fn start_member(name: &str, ground: &Ground) -> Self {
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
    async fn enter(name: &str, ground: &Ground) -> Self {
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

    async fn with(ground: &Ground, (ownership, link): (Ownership, Arc<dyn Link>)) -> Self {
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

    pub(crate) async fn wait_for_license(&self, version: u64) {
        let known = || self.tenants.licenses.cached(self.license).map(|license| license.version);
        self.wait(|| known() == Some(version), "the license was not followed").await;
    }

    async fn wait(&self, is_so: impl Fn() -> bool, otherwise: &str) {
        let until = tokio::time::Instant::now() + LIMIT;
        while !is_so() {
            assert!(tokio::time::Instant::now() < until, "{otherwise}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
