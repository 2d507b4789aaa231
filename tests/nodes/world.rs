//! Two nodes, and what their sessions are told.

use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::actors::ahead::{ComingCall, ComingChat};
use switchboard::actors::chat::{Head, Snapshot};
use switchboard::actors::router::Leave;
use switchboard::actors::{ActorSettings, AskError, ChatKey, SessionId};
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
use switchboard::domain::time::Clock as _;
use switchboard::domain::visit::Arrival;
use switchboard::files::Files;
use switchboard::id_source::OsIds;
use switchboard::nodes::{Cut, Whose};
use switchboard::outgoing::Fetcher;
use switchboard::protocol::error::WireError;
use switchboard::protocol::method;
use switchboard::protocol::version::Surface;
use switchboard::requests::{Customers, Identity, PageKey, Requester, Requests, RequestsParts};
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};
use switchboard::store::{
    CasTables as _, CellTable, EventLog as _, IndexScan, IndexTable, Indexes as _, LogKey, Order, Store,
    StoreError,
};
use switchboard::tenants::{LicensePlan, Revoked, ScopeSet, Tenants, UpdateError, make_license};
use switchboard_cluster::link::memory::Network;
use switchboard_cluster::placement::{Seat, owner_of};
use switchboard_cluster::{NodeName, OwnershipTables as _, Shard};

use crate::node::{Ground, Node};
use crate::reluctant::Reluctant;

/// The license's agent.
const AGENT: &str = "agent1@example.com";

/// How long threads may be silent.
const A_YEAR_MS: u64 = 365 * 24 * 3600 * 1000;

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

    /// Both nodes have their share of the work from now on; they are members.
    pub(crate) async fn share(&self) {
        self.here.member.as_ref().expect("a member").rebalance().await.expect("an order");
        let seat = |node: &Node, name| Seat::new(node.incarnation, &NodeName::new(name));
        let seats = [seat(&self.here, "here"), seat(&self.there, "there")];
        let has_its_share = |node: &Node| {
            let owned: HashSet<Shard> =
                node.actors.shards().owned().into_iter().map(|(shard, _)| shard).collect();
            let is_of = |shard: &Shard| owner_of(*shard, &seats) == Some(node.incarnation);
            let share: HashSet<Shard> = node.actors.shards().shards().all().filter(is_of).collect();
            !share.is_empty() && owned == share
        };
        self.here.wait(|| has_its_share(&self.here) && has_its_share(&self.there), "shares are uneven").await;
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
        self.try_start_on(&self.here, &chat).await.expect("the chat answers");
        chat
    }

    /// The customer starts a chat, of which nobody knows whether it was stored.
    pub(crate) async fn start_chat_in_vain(&self) -> ChatId {
        let chat = OsIds.chat();
        let unknown = self.try_start_on(&self.here, &chat).await;
        assert!(matches!(unknown, Err(AskError::Store(StoreError::OutcomeUnknown(_)))), "{unknown:?}");
        chat
    }

    /// The customer starts a chat on a node.
    pub(crate) async fn try_start_on(&self, node: &Node, chat: &ChatId) -> Result<Reply, AskError> {
        let thread = NewThread { active: true, ..NewThread::default() };
        let start = Command::StartChat(StartChat { thread });
        let caller = self.caller(Some(Box::new(CustomerProfile::default())));
        node.actors.ask(&self.key(chat), start, caller, None).await
    }

    /// The agent starts a chat without a customer.
    pub(crate) async fn agent_starts(&self, active: bool) -> ChatId {
        let started = self.agent_calls("start_chat", json!({ "active": active })).await;
        ChatId::new(started["chat_id"].as_str().expect("a chat"))
    }

    /// The chats of the customer, as the store has them.
    pub(crate) async fn chats_of_customer(&self) -> Vec<ChatId> {
        let chats = self.customers().chats(self.license, &self.customer).await;
        chats.expect("read").chats
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
        self.try_end(chat).await.expect("the chat answers");
    }

    /// The same, whatever comes of it.
    pub(crate) async fn try_end(&self, chat: &ChatId) -> Result<Reply, AskError> {
        let end = Command::DeactivateChat(DeactivateChat { ignore_requester_presence: false });
        self.here.actors.ask(&self.key(chat), end, self.caller(None), None).await
    }

    /// The customer opens the chat's next thread.
    pub(crate) async fn try_resume(&self, chat: &ChatId) -> Result<Reply, AskError> {
        self.try_resume_on(&self.here, chat).await
    }

    /// The same, on a node.
    pub(crate) async fn try_resume_on(&self, node: &Node, chat: &ChatId) -> Result<Reply, AskError> {
        let thread = NewThread { active: true, ..NewThread::default() };
        let resume = Command::ResumeChat(ResumeChat { thread });
        node.actors.ask(&self.key(chat), resume, self.caller(None), None).await
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
        let whole = self.here.actors.read_thread(self.license, &event.thread).await;
        let events = whole.expect("the log is read").expect("there is a log").history.events;
        events.iter().any(|known| known.id == *event && known.deleted)
    }

    /// The messages of a thread, with their ids.
    pub(crate) async fn said(&self, thread: &ThreadId) -> Vec<(EventId, String)> {
        let whole = self.here.actors.read_thread(self.license, thread).await;
        let events = whole.expect("the log is read").expect("there is a log").history.events;
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
            Ok::<(), Infallible>(())
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
        self.customer_calls_on(&self.here, action, payload).await
    }

    /// The same, on a node.
    pub(crate) async fn customer_calls_on(&self, node: &Node, action: &str, payload: Value) -> Value {
        let identity = Identity::Customer { id: self.customer.clone(), client: self.client.clone() };
        let who = Requester { license: self.known_license().await, identity, session: None };
        self.call(node, &who, Surface::Customer, action, payload).await
    }

    /// The agent calls a method.
    pub(crate) async fn agent_calls(&self, action: &str, payload: Value) -> Value {
        self.call(&self.here, &self.agent().await, Surface::Agent, action, payload).await
    }

    /// The same, whatever comes of it.
    pub(crate) async fn try_agent_calls(&self, action: &str, payload: Value) -> Result<Value, WireError> {
        self.try_call(&self.here, &self.agent().await, Surface::Agent, action, payload).await
    }

    async fn call(
        &self,
        node: &Node,
        who: &Requester,
        surface: Surface,
        action: &str,
        payload: Value,
    ) -> Value {
        self.try_call(node, who, surface, action, payload).await.expect("it goes well")
    }

    async fn try_call(
        &self,
        node: &Node,
        who: &Requester,
        surface: Surface,
        action: &str,
        payload: Value,
    ) -> Result<Value, WireError> {
        let payload = serde_json::value::to_raw_value(&payload).expect("JSON");
        let method = method::find(surface, action).expect("a method");
        let answer = self.requests_of(node).await.handle(who, method, Some(&payload), None).await?;
        Ok(serde_json::from_str(&answer).expect("JSON"))
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
        self.requests_of(&self.here).await
    }

    async fn requests_of(&self, node: &Node) -> Arc<Requests> {
        // The client for pages asks for one, though none is fetched here; another test may have installed it.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let store: Arc<dyn Store> = self.store.clone();
        let files = self.folder.path().join("files");
        Requests::new(RequestsParts {
            actors: node.actors.clone(),
            customers: self.customers(),
            pages: PageKey::load(&*store, &OsIds).await.expect("a key"),
            files: Files::in_folder(&files, Arc::new(OsIds)).expect("a folder"),
            fetcher: Fetcher::new(false).expect("a client"),
            mailer: None,
            base_url: String::new(),
            customer_tokens: node.tenants.customer_tokens.clone(),
        })
    }

    fn customers(&self) -> Customers {
        Customers::new(self.store.clone())
    }

    /// A thread of the customer's is counted, whatever comes of it.
    pub(crate) async fn try_count_thread(&self) -> Result<(), StoreError> {
        self.customers().count_start(self.license, &self.customer, false).await
    }

    /// How many threads the customer has, as they are counted.
    pub(crate) async fn counted_threads(&self) -> u32 {
        let profile = self.customers().profile(self.license, &self.customer).await;
        profile.expect("read").map_or(0, |profile| profile.threads_count)
    }

    /// Another session of the license's agent, on a node.
    pub(crate) async fn agent_comes(&self, node: &Node, number: u64) {
        let agent = AgentId::new(AGENT);
        let session = SessionId { node: node.incarnation, number };
        let came = node.actors.router(self.license).agent_came(&agent, session, false, false).await;
        came.expect("the router answers");
    }

    /// A session of the license's agent ends, on a node.
    pub(crate) fn agent_leaves(&self, node: &Node, number: u64) {
        let session = SessionId { node: node.incarnation, number };
        node.actors.router(self.license).agent_left(&AgentId::new(AGENT), session, Leave::Disconnected);
    }

    fn key(&self, chat: &ChatId) -> ChatKey {
        ChatKey { license: self.license, chat: chat.clone() }
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
        self.try_rename(name).await.expect("the license changes").version
    }

    /// The same, whatever comes of it.
    pub(crate) async fn try_rename(&self, name: &str) -> Result<Arc<License>, UpdateError<Infallible>> {
        let rename = |license: &mut License| {
            license.agents.values_mut().for_each(|agent| agent.name = name.to_owned());
            Ok(())
        };
        self.here.tenants.licenses.update(self.license, rename).await
    }

    /// The customer is banned for a day.
    pub(crate) async fn try_ban(&self) -> Result<(), StoreError> {
        let now = self.ground.clock.now();
        let until = now.after(Duration::from_secs(24 * 3600));
        self.here.tenants.customer_tokens.ban(self.license, &self.customer, until, now).await
    }

    /// Whether the customer is banned, as far as the node knows that bans.
    pub(crate) async fn is_banned(&self) -> bool {
        let customer = self.customer.as_str().parse().expect("a UUID");
        let ban = Revoked::Banned(self.license, customer);
        self.here.tenants.is_revoked(self.license, ban).await.expect("read")
    }

    /// The names of the license's agents, and how many bans there are, as the store has them.
    pub(crate) async fn stored_names_and_bans(&self) -> (Vec<String>, usize) {
        let store: Arc<dyn Store> = self.store.clone();
        let tenants = Tenants::new(store, Arc::new(SystemClock), Arc::new(OsIds));
        let license = tenants.licenses.get(self.license).await.expect("read").expect("a license");
        let bans = self.store.list_cells(CellTable::Revocations, self.license, None, 10).await;
        let names = license.agents.values().map(|agent| agent.name.clone());
        (names.collect(), bans.expect("a list").len())
    }
}
