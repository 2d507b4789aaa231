//! A fixture that reads like a sentence: `story.agent("smith").sends("hello")`.
//!
//! A [`Story`] holds one chat of a demo license and a manual clock. Each step decides a command, applies its changes
//! as the chat actor does, keeps the rows and gives an [`Outcome`] to ask about. Agents are called by their first
//! name: smith (groups 0 and 1), brown (0 and 2), bot (0). The customer is `kate`; `pete` is somebody else's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::domain::access::Access;
use crate::domain::change::{Change, Target};
use crate::domain::customer::Customer;
use crate::domain::event::{EventBody, EventLimits, Json, NewEvent, Visibility};
use crate::domain::id::{AccountId, LicenseId, OrganizationId};
use crate::domain::license::{AgentKind, Group, InactiveSend, LoginStatus, Priority, Role, Settings};
use crate::domain::properties::{self, Properties, PropertyValue};
use crate::domain::push::{Audience, PushBody};

/// Ids that are the same in every run.
#[derive(Debug, Default)]
pub(crate) struct SeededIds(AtomicU64);

impl IdSource for SeededIds {
    fn bits(&self) -> u128 {
        let count = u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        count.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
    }
}

/// A chat, its license, a clock, and everything that was stored.
pub(crate) struct Story {
    pub(crate) chat: Chat,
    pub(crate) license: License,
    pub(crate) rules: ChatRules,
    pub(crate) now: Timestamp,
    /// What would be stored: rows with the thread whose log takes them.
    pub(crate) rows: Vec<(ThreadId, Vec<Change>)>,
    /// Every event so far, in order.
    pub(crate) events: Vec<Arc<Event>>,
    route: Option<Route>,
    ids: SeededIds,
    operations: RecentOperations,
}

/// The next step of somebody.
pub(crate) struct Step<'a> {
    story: &'a mut Story,
    caller: Caller,
}

/// What a step led to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<Decision, Rejection>,
    license: License,
}

pub(crate) fn agent_id(name: &str) -> AgentId {
    AgentId::new(format!("{name}@example.com"))
}

pub(crate) fn customer_id(name: &str) -> CustomerId {
    let number = if name == "kate" { 1 } else { 2 };
    CustomerId::new(Uuid::from_u128(number).to_string())
}

pub(crate) fn is_customer(name: &str) -> bool {
    matches!(name, "kate" | "pete")
}

pub(crate) fn user_id(name: &str) -> UserId {
    if is_customer(name) { UserId::Customer(customer_id(name)) } else { UserId::Agent(agent_id(name)) }
}

pub(crate) fn customer_named(name: &str) -> Customer {
    let profile = CustomerProfile { name: Some(capitalised(name)), ..CustomerProfile::default() };
    Customer { id: customer_id(name), profile }
}

pub(crate) fn customer(name: &str) -> NewUser {
    NewUser::Customer(Box::new(customer_named(name)))
}

fn capitalised(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

pub(crate) fn an_agent(name: &str, groups: &[i64], kind: AgentKind) -> Agent {
    Agent {
        id: agent_id(name),
        account_id: AccountId(Uuid::nil()),
        name: capitalised(name),
        avatar: None,
        job_title: None,
        role: Role::Normal,
        kind,
        groups: groups.iter().map(|group| (GroupId(*group), Priority::Normal)).collect(),
        max_chats_count: None,
        suspended: false,
        login_status: LoginStatus::default(),
        work_scheduler: None,
        awaiting_approval: false,
    }
}

/// The license of every story: groups 1 (Sales) and 2 (Support).
pub(crate) fn demo_license() -> License {
    let agents = [
        an_agent("smith", &[1], AgentKind::Human),
        an_agent("brown", &[2], AgentKind::Human),
        an_agent("bot", &[], AgentKind::Bot),
    ];
    let group = |id, name: &str| {
        (
            GroupId(id),
            Group { name: name.to_owned(), routing: Default::default(), widget: Default::default() },
        )
    };
    License {
        id: LicenseId(1001),
        organization_id: OrganizationId(Uuid::nil()),
        version: 1,
        created_at: Timestamp(0),
        agents: agents.into_iter().map(|agent| (agent.id.clone(), agent)).collect(),
        groups: BTreeMap::from([group(1, "Sales"), group(2, "Support")]),
        clients: BTreeMap::new(),
        settings: Settings::default(),
        pseudonym_key: [0; 16],
        demo: true,
    }
}

pub(crate) fn event(body: EventBody) -> NewEvent {
    NewEvent {
        custom_id: None,
        visibility: Visibility::All,
        properties: Properties::new(),
        author: None,
        body,
    }
}

pub(crate) fn message(text: impl Into<String>) -> NewEvent {
    event(EventBody::Message { text: text.into(), postback: None })
}

pub(crate) fn annotation(text: &str) -> NewEvent {
    event(EventBody::Annotation { text: text.to_owned(), annotation_type: "rating".to_owned() })
}

pub(crate) fn named(custom_id: &str, event: NewEvent) -> NewEvent {
    NewEvent { custom_id: Some(custom_id.into()), ..event }
}

pub(crate) fn hidden(event: NewEvent) -> NewEvent {
    NewEvent { visibility: Visibility::Agents, ..event }
}

pub(crate) fn json(text: &str) -> Json {
    Json(serde_json::value::RawValue::from_string(text.to_owned()).expect("JSON"))
}

pub(crate) fn property(namespace: &str, name: &str, value: PropertyValue) -> Properties {
    let mut one = Properties::new();
    properties::set(&mut one, namespace, name, value);
    one
}

pub(crate) fn groups(ids: &[i64]) -> Access {
    Access { group_ids: ids.iter().map(|id| GroupId(*id)).collect() }
}

/// An active thread of the opener, with nothing else.
pub(crate) fn plain() -> NewThread {
    NewThread { active: true, ..NewThread::default() }
}

impl Story {
    /// A chat that has no thread yet.
    pub(crate) fn new() -> Self {
        let ids = SeededIds::default();
        Self {
            chat: Chat::new(ids.chat(), LicenseId(1001)),
            license: demo_license(),
            rules: ChatRules {
                thread_inactivity_timeout: Duration::from_secs(30 * 60),
                continuous_inactivity_timeout: Duration::from_secs(30 * 60),
                idle_after: Duration::ZERO,
                customer_gone_after: Duration::ZERO,
                unreplied_transfer_after: Duration::from_secs(5 * 60),
                inactive_send: InactiveSend::NewThread,
                manual_routing: false,
                events: EventLimits { max_size: 16 * 1024 },
            },
            now: Timestamp(1_700_000_000_000_000),
            rows: Vec::new(),
            events: Vec::new(),
            route: None,
            ids,
            operations: RecentOperations::default(),
        }
    }

    /// Kate's chat, which the router gave to smith.
    pub(crate) fn with_smith() -> Self {
        let mut story = Self::new();
        story.router_assigns("smith").customer().starts().done();
        story
    }

    /// As [`Story::with_smith`]; the customer asked something that nobody has answered.
    pub(crate) fn asked() -> Self {
        let mut story = Self::with_smith();
        story.customer().sends("may I ask something?").done();
        story
    }

    /// As [`Story::with_smith`], closed by the customer.
    pub(crate) fn closed() -> Self {
        let mut story = Self::with_smith();
        story.customer().closes().done();
        story
    }

    /// Adds agents of group 0 only.
    pub(crate) fn hires(&mut self, names: &[&str]) {
        for name in names {
            self.license.agents.insert(agent_id(name), an_agent(name, &[], AgentKind::Human));
        }
    }

    pub(crate) fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.after(Duration::from_secs(seconds));
        self
    }

    /// The clock of the machine is set back.
    pub(crate) fn clock_jumps_back(&mut self, seconds: i64) -> &mut Self {
        self.now = Timestamp(self.now.0 - seconds * 1_000_000);
        self
    }

    pub(crate) fn router_says(&mut self, route: Route) -> &mut Self {
        self.route = Some(route);
        self
    }

    pub(crate) fn router_assigns(&mut self, agent: &str) -> &mut Self {
        self.router_says(Route::Assign(agent_id(agent)))
    }

    pub(crate) fn router_queues(&mut self) -> &mut Self {
        self.router_says(Route::Queue(Some(QueuePlace { position: 1, wait_time: 60, queued_at: None })))
    }

    /// An agent whose token reaches the chats of their groups.
    pub(crate) fn agent(&mut self, name: &str) -> Step<'_> {
        self.agent_reaching(name, Reach::Access)
    }

    pub(crate) fn agent_reaching(&mut self, name: &str, reach: Reach) -> Step<'_> {
        let caller = Caller::Agent { id: agent_id(name), reach };
        Step { story: self, caller }
    }

    /// Kate.
    pub(crate) fn customer(&mut self) -> Step<'_> {
        self.customer_named("kate")
    }

    pub(crate) fn customer_named(&mut self, name: &str) -> Step<'_> {
        let Customer { id, profile } = customer_named(name);
        Step { story: self, caller: Caller::Customer { id, profile: Some(Box::new(profile)) } }
    }

    /// The router, or a timer.
    pub(crate) fn server(&mut self) -> Step<'_> {
        Step { story: self, caller: Caller::Server }
    }

    pub(crate) fn thread(&self) -> &Thread {
        self.chat.thread.as_ref().expect("a thread")
    }

    pub(crate) fn thread_id(&self) -> ThreadId {
        self.thread().id.clone()
    }

    pub(crate) fn last_event(&self) -> &Event {
        self.events.last().expect("an event")
    }

    /// Type and text of the last event, a system message.
    pub(crate) fn last_system_message(&self) -> (&str, &str) {
        self.system_messages().pop().expect("a system message")
    }

    /// Type and text of every system message.
    pub(crate) fn system_messages(&self) -> Vec<(&str, &str)> {
        self.events.iter().filter_map(|event| system_message(event)).collect()
    }

    pub(crate) fn is_present(&self, name: &str) -> bool {
        self.chat.present_user(&user_id(name)).is_some()
    }

    pub(crate) fn seen_up_to(&self, name: &str) -> Option<Timestamp> {
        self.chat.user(&user_id(name)).and_then(|user| user.seen_up_to)
    }

    pub(crate) fn serving(&self) -> Vec<AgentId> {
        self.chat.serving_agents().cloned().collect()
    }

    /// The chat as the rows of its last thread give it, each written and read back.
    pub(crate) fn reloaded(&self) -> Chat {
        let mut chat = Chat::new(self.chat.id.clone(), self.chat.license);
        for change in self.stored_changes() {
            chat.apply(&change);
        }
        chat
    }

    fn stored_changes(&self) -> Vec<Change> {
        let last = self.chat.thread.as_ref().map(|thread| &thread.id);
        let rows = self.rows.iter().filter(|(thread, _)| Some(thread) == last);
        rows.flat_map(|(_, changes)| {
            let row = serde_json::to_vec(changes).expect("a row");
            serde_json::from_slice::<Vec<Change>>(&row).expect("the row again")
        })
        .collect()
    }

    /// Forgets the recent sends and learns them again from the logs of this and the previous thread.
    pub(crate) fn restart(&mut self) {
        self.chat = self.reloaded();
        self.operations = RecentOperations::default();
        let thread = self.thread();
        let kept = [thread.previous_thread_id.clone(), Some(thread.id.clone())];
        for (_, changes) in self.rows.iter().filter(|(thread, _)| kept.contains(&Some(thread.clone()))) {
            for change in changes {
                if let Change::EventAdded(event) = change {
                    self.operations.remember(event);
                }
            }
        }
    }

    /// What the actor would read from the log for the command.
    fn subject(&self, request: SubjectRequest) -> Option<Subject> {
        match request {
            SubjectRequest::Event(id) => {
                let found = self.events.iter().find(|event| event.id == id)?;
                Some(Subject::Event(Box::new((**found).clone())))
            }
            SubjectRequest::Thread(id) => {
                let opened =
                    self.rows.iter().flat_map(|(_, changes)| changes).find_map(|change| match change {
                        Change::ThreadOpened(chat) => chat.thread.clone().filter(|thread| thread.id == id),
                        _ => None,
                    })?;
                Some(Subject::Thread(Box::new(opened)))
            }
        }
    }

    fn decide(&mut self, caller: Caller, command: Command) -> Outcome {
        let asks_router = command.route_request(&self.chat, &caller, &self.license).is_some();
        let subject = command.subject_request(&self.chat).and_then(|request| self.subject(request));
        let context = Context {
            now: self.now,
            license: &self.license,
            rules: &self.rules,
            ids: &self.ids,
            caller: &caller,
            operations: &self.operations,
            route: if asks_router { self.route.take() } else { None },
            subject,
        };
        let result = command.decide(&self.chat, &context);
        if let Ok(decision) = &result {
            self.store(decision);
        }
        Outcome { result, license: self.license.clone() }
    }

    fn store(&mut self, decision: &Decision) {
        for change in &decision.changes {
            self.chat.apply(change);
            if let Change::EventAdded(event) = change {
                self.operations.remember(event);
                self.events.push(event.clone());
            }
            if let Change::EventDeleted(id) = change {
                let deleted = self.events.iter_mut().find(|event| event.id == *id);
                deleted.into_iter().for_each(|event| Arc::make_mut(event).deleted = true);
            }
        }
        if !decision.changes.is_empty() {
            let thread = decision.older_thread.clone().unwrap_or_else(|| self.thread_id());
            self.rows.push((thread, decision.changes.clone()));
        }
    }
}

fn system_message(event: &Event) -> Option<(&str, &str)> {
    match &event.body {
        EventBody::SystemMessage(message) => {
            Some((&message.system_message_type, message.text.as_deref().unwrap_or_default()))
        }
        _ => None,
    }
}

impl Step<'_> {
    pub(crate) fn gives(self, command: Command) -> Outcome {
        self.story.decide(self.caller, command)
    }

    pub(crate) fn starts(self) -> Outcome {
        self.starts_with(plain())
    }

    pub(crate) fn starts_with(self, thread: NewThread) -> Outcome {
        self.gives(Command::StartChat(StartChat { thread }))
    }

    pub(crate) fn resumes(self) -> Outcome {
        self.resumes_with(plain())
    }

    pub(crate) fn resumes_with(self, thread: NewThread) -> Outcome {
        self.gives(Command::ResumeChat(ResumeChat { thread }))
    }

    pub(crate) fn sends(self, text: &str) -> Outcome {
        self.sends_event(message(text))
    }

    pub(crate) fn sends_event(self, event: NewEvent) -> Outcome {
        self.gives(Command::SendEvent(SendEvent { event, attach_to_last_thread: false }))
    }

    pub(crate) fn attaches(self, text: &str) -> Outcome {
        self.gives(Command::SendEvent(SendEvent { event: message(text), attach_to_last_thread: true }))
    }

    /// To agents only.
    pub(crate) fn whispers(self, text: &str) -> Outcome {
        self.sends_event(hidden(message(text)))
    }

    pub(crate) fn closes(self) -> Outcome {
        self.gives(Command::DeactivateChat(DeactivateChat { ignore_requester_presence: false }))
    }

    /// Comes into the chat; seen by everybody.
    pub(crate) fn joins(self) -> Outcome {
        self.joins_as(Visibility::All)
    }

    /// Comes into the chat; the customer does not learn of it.
    pub(crate) fn supervises(self) -> Outcome {
        self.joins_as(Visibility::Agents)
    }

    fn joins_as(self, visibility: Visibility) -> Outcome {
        let Caller::Agent { id, .. } = &self.caller else { panic!("only agents join") };
        let user = NewUser::Agent(id.clone());
        self.gives(Command::AddUserToChat(AddUserToChat {
            user,
            visibility,
            ignore_requester_presence: false,
        }))
    }

    pub(crate) fn adds(self, user: NewUser) -> Outcome {
        let visibility = Visibility::All;
        self.gives(Command::AddUserToChat(AddUserToChat {
            user,
            visibility,
            ignore_requester_presence: false,
        }))
    }

    pub(crate) fn removes(self, agent: &str) -> Outcome {
        let agent = agent_id(agent);
        self.gives(Command::RemoveUserFromChat(RemoveUserFromChat {
            agent,
            ignore_requester_presence: false,
        }))
    }

    pub(crate) fn follows(self) -> Outcome {
        self.gives(Command::FollowChat(FollowChat))
    }

    pub(crate) fn unfollows(self) -> Outcome {
        self.gives(Command::UnfollowChat(UnfollowChat))
    }

    pub(crate) fn transfers(self, to: TransferTo) -> Outcome {
        self.gives(Command::TransferChat(TransferChat {
            to,
            ignore_agents_availability: true,
            ignore_requester_presence: false,
        }))
    }

    pub(crate) fn has_seen(self, seen_up_to: Timestamp) -> Outcome {
        self.gives(Command::MarkEventsAsSeen(MarkEventsAsSeen { seen_up_to }))
    }

    pub(crate) fn types(self, visibility: Visibility) -> Outcome {
        self.gives(Command::SendTypingIndicator(SendTypingIndicator { visibility, is_typing: true }))
    }

    pub(crate) fn sets(self, target: Target, properties: Properties) -> Outcome {
        self.gives(Command::UpdateProperties(UpdateProperties { target, properties }))
    }

    pub(crate) fn deletes(self, target: Target, namespace: &str, name: &str) -> Outcome {
        let names = BTreeMap::from([(namespace.to_owned(), vec![name.to_owned()])]);
        self.gives(Command::DeleteProperties(DeleteProperties { target, names }))
    }

    /// The chat waited, or is new.
    pub(crate) fn assigns(self, agent: &str) -> Outcome {
        let command = AssignAgent { agent: agent_id(agent), replaces: Vec::new(), cause: None };
        self.gives(Command::AssignAgent(command))
    }

    /// Another agent had the chat.
    pub(crate) fn assigns_instead_of(self, agent: &str, earlier: &str, cause: LeaveCause) -> Outcome {
        let replaces = vec![agent_id(earlier)];
        let command = AssignAgent { agent: agent_id(agent), replaces, cause: Some(cause) };
        self.gives(Command::AssignAgent(command))
    }

    pub(crate) fn unassigns(self, agent: &str, cause: LeaveCause) -> Outcome {
        self.gives(Command::UnassignAgent(UnassignAgent {
            agents: vec![agent_id(agent)],
            cause,
            archive: false,
            place: None,
        }))
    }

    pub(crate) fn archives_after(self, agent: &str, cause: LeaveCause) -> Outcome {
        self.gives(Command::UnassignAgent(UnassignAgent {
            agents: vec![agent_id(agent)],
            cause,
            archive: true,
            place: None,
        }))
    }

    pub(crate) fn customer_is_connected(self, is_connected: bool) -> Outcome {
        self.gives(Command::CustomerPresence(CustomerPresence { is_connected }))
    }

    pub(crate) fn closes_if_inactive(self) -> Outcome {
        self.gives(Command::HeedSilence(HeedSilence))
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn decision(&self) -> &Decision {
        match &self.result {
            Ok(decision) => decision,
            Err(rejection) => panic!("refused: {rejection}"),
        }
    }

    /// It went well and something happened.
    #[track_caller]
    pub(crate) fn done(&self) -> &Self {
        let decision = self.decision();
        assert!(!(decision.changes.is_empty() && decision.pushes.is_empty()), "nothing happened");
        self
    }

    #[track_caller]
    pub(crate) fn refused(&self) -> &Rejection {
        self.result.as_ref().expect_err("a rejection")
    }

    /// The parameter that was found wrong.
    #[track_caller]
    pub(crate) fn wrong_field(&self) -> &'static str {
        match self.refused() {
            Rejection::Validation { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    /// It went well and changed nothing.
    #[track_caller]
    pub(crate) fn is_nothing(&self) -> bool {
        self.decision().changes.is_empty() && self.decision().pushes.is_empty()
    }

    #[track_caller]
    pub(crate) fn event_id(&self) -> EventId {
        match &self.decision().reply {
            Reply::Event(id) => id.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn pushes(&self) -> &[Push] {
        &self.decision().pushes
    }

    /// The first push of that name.
    #[track_caller]
    pub(crate) fn push(&self, name: &str) -> &PushBody {
        let found = self.pushes().iter().find(|push| push_name(&push.body) == name);
        &found.unwrap_or_else(|| panic!("no {name} among {:?}", self.names())).body
    }

    /// The names of all pushes, in order.
    #[track_caller]
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.pushes().iter().map(|push| push_name(&push.body)).collect()
    }

    /// The names of the pushes that this user gets, in order.
    #[track_caller]
    pub(crate) fn told(&self, name: &str) -> Vec<&'static str> {
        let reached = self.pushes().iter().filter(|push| reaches(&push.to, name, &self.license));
        reached.map(|push| push_name(&push.body)).collect()
    }
}

/// Does the audience hold this user?
pub(crate) fn reaches(audience: &Audience, name: &str, license: &License) -> bool {
    if is_customer(name) {
        return audience.customers.contains(&customer_id(name));
    }
    let id = agent_id(name);
    let groups: Vec<GroupId> =
        license.agent(&id).map(|agent| agent.group_ids().collect()).unwrap_or_default();
    audience.reaches_agent(&id, groups)
}

/// The protocol's name of a push.
pub(crate) fn push_name(body: &PushBody) -> &'static str {
    match body {
        PushBody::IncomingChat { .. } => "incoming_chat",
        PushBody::ChatDeactivated { .. } => "chat_deactivated",
        PushBody::ChatAccessUpdated { .. } => "chat_access_updated",
        PushBody::ChatTransferred { .. } => "chat_transferred",
        PushBody::UserAddedToChat { .. } => "user_added_to_chat",
        PushBody::UserRemovedFromChat { .. } => "user_removed_from_chat",
        PushBody::IncomingEvent { .. } => "incoming_event",
        PushBody::ChatPropertiesUpdated { .. } => "chat_properties_updated",
        PushBody::ChatPropertiesDeleted { .. } => "chat_properties_deleted",
        PushBody::ThreadPropertiesUpdated { .. } => "thread_properties_updated",
        PushBody::ThreadPropertiesDeleted { .. } => "thread_properties_deleted",
        PushBody::EventPropertiesUpdated { .. } => "event_properties_updated",
        PushBody::EventPropertiesDeleted { .. } => "event_properties_deleted",
        PushBody::EventsMarkedAsSeen { .. } => "events_marked_as_seen",
        PushBody::IncomingTypingIndicator { .. } => "incoming_typing_indicator",
        PushBody::IncomingSneakPeek { .. } => "incoming_sneak_peek",
        PushBody::ChatUnfollowed { .. } => "chat_unfollowed",
        PushBody::CustomerUpdated { .. } => "customer_updated",
        PushBody::RoutingStatusSet { .. } => "routing_status_set",
        PushBody::GroupsStatusUpdated { .. } => "groups_status_updated",
        PushBody::QueuePositionsUpdated(_) => "queue_positions_updated",
        PushBody::QueuePositionUpdated { .. } => "queue_position_updated",
        PushBody::ThreadTagged { .. } => "thread_tagged",
        PushBody::ThreadUntagged { .. } => "thread_untagged",
        PushBody::EventDeleted { .. } => "event_deleted",
        PushBody::IncomingRichMessagePostback { .. } => "incoming_rich_message_postback",
        PushBody::IncomingThinkingIndicator { .. } => "incoming_thinking_indicator",
        PushBody::IncomingEventPreview { .. } => "incoming_event_preview",
        PushBody::IncomingMulticast { .. } => "incoming_multicast",
        PushBody::CustomerBanned { .. } => "customer_banned",
        PushBody::IncomingWelcomeMessage { .. } => "incoming_welcome_message",
        PushBody::IncomingCustomer(_) => "incoming_customer",
        PushBody::CustomerPageUpdated { .. } => "customer_page_updated",
        PushBody::CustomerStatisticsUpdated(_) => "customer_statistics_updated",
        PushBody::CustomerTransferred { .. } => "customer_transferred",
        PushBody::CustomerLeft { .. } => "customer_left",
    }
}
