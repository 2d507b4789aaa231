//! Opening a thread: shared by `start_chat`, `resume_chat` and an event that finds no active thread.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::draft::{Draft, server_event};
use super::{Caller, Context, Reach, Route, RouteRequest, Subject, SubjectRequest, standing, transcript};
use crate::domain::access::Access;
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::customer::{Customer, CustomerProfile};
use crate::domain::event::{Event, NewEvent, Visibility};
use crate::domain::id::{AgentId, ClientId, CustomerId, EventId, UserId};
use crate::domain::properties::{self, Properties, PropertyValue, is_on};
use crate::domain::property_definitions::{Location, check_set};
use crate::domain::push::{PushBody, QueuePlace, ThreadEvents};
use crate::domain::rejection::Rejection;
use crate::domain::said_before::SaidBefore;
use crate::domain::system_message::ServerMessage;
use crate::domain::thread::Thread;
use crate::domain::user::ChatUser;
use crate::domain::visit::{CustomerVisit, StartPages};

/// What the opener of a thread asks for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NewThread {
    /// Set on the chat, others stay.
    pub chat_properties: Properties,
    /// Groups; none leaves it to the rule (all agents).
    pub access: Option<Access>,
    /// Users besides the requester.
    pub users: Vec<NewUser>,
    /// What the customer was told before; the thread begins with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said_before: Vec<SaidBefore>,
    /// Initial events.
    pub events: Vec<NewEvent>,
    /// Initial properties of the thread.
    pub thread_properties: Properties,
    /// False opens the thread already closed.
    pub active: bool,
    /// None keeps the chat's mode.
    pub continuous: Option<bool>,
    /// From where the customer came, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_visit: Option<Box<CustomerVisit>>,
    /// The pages that led the customer here, as far as they are known.
    #[serde(default)]
    pub pages: StartPages,
    /// The application that the customer came by last, if that is known; for a customer who opens it, theirs counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_client: Option<ClientId>,
}

/// A user whom the opener of a thread brings along; exists in the license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewUser {
    /// An agent.
    Agent(AgentId),
    /// A customer with their profile.
    Customer(Box<Customer>),
}

const MAX_EXTRA_AGENTS: usize = 4;
const MAX_INITIAL_EVENTS: usize = 100;

impl NewThread {
    /// Customers' threads are routed; a thread that an agent opens is that agent's, if the license has room for it.
    pub fn route_request(&self, chat: &Chat, caller: &Caller) -> Option<RouteRequest> {
        let by_agent = match caller {
            Caller::Agent { id, .. } => Some(id.clone()),
            Caller::Customer { .. } => None,
            Caller::Server => return None,
        };
        let has_customer =
            by_agent.is_none() || chat.customer().is_some() || self.customers().next().is_some();
        self.active.then(|| RouteRequest::Open {
            groups: self.access.clone().unwrap_or_default().group_ids,
            recent_agent: chat.thread.as_ref().and_then(|thread| thread.assigned.last().cloned()),
            continuous: self.continuous.unwrap_or(chat.continuous),
            by_agent,
            has_customer,
            ignore_agents_routing: is_on(&self.chat_properties, "routing", "ignore_agents_routing")
                || is_on(&chat.properties, "routing", "ignore_agents_routing"),
            ignore_bots: is_on(&self.thread_properties, "routing", "ignore_bots"),
        })
    }

    /// From where the customer came is asked of whoever knows, unless the opener said it.
    pub(super) fn subject_request(&self, chat: &Chat) -> Option<SubjectRequest> {
        if self.customer_visit.is_some() { None } else { visit_of_customer(chat) }
    }

    fn check(&self, chat: &Chat, context: &Context<'_>) -> Result<(), Rejection> {
        let caller = context.caller.user();
        let extra: BTreeSet<&AgentId> = self.agents().filter(|id| caller_is_not(&caller, id)).collect();
        if extra.len() > MAX_EXTRA_AGENTS {
            return Err(Rejection::validation("chat.users", "at most 4 agents besides the requester"));
        }
        let known = chat.customer().map(|(id, _)| id);
        let customers: BTreeSet<&CustomerId> = self.customers().chain(known).collect();
        if customers.len() > 1 {
            return Err(Rejection::validation("chat.users", "at most 1 customer in a chat"));
        }
        if let Caller::Customer { id, .. } = context.caller {
            let only_self =
                |user: &NewUser| matches!(user, NewUser::Customer(customer) if customer.id == *id);
            if !self.users.iter().all(only_self) {
                return Err(Rejection::validation("chat.users", "a customer can only name themselves"));
            }
        }
        if self.agents().any(|id| context.license.agent(id).is_none()) {
            return Err(Rejection::NotFound("user"));
        }
        if self.events.len() > MAX_INITIAL_EVENTS {
            return Err(Rejection::validation("chat.thread.events", "at most 100 events"));
        }
        self.check_access(context)?;
        let side = context.side();
        check_set(&self.chat_properties, Location::Chat, side)?;
        check_set(&self.thread_properties, Location::Thread, side)?;
        self.events.iter().try_for_each(|event| event.check(context.rules.events, side))
    }

    fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.users.iter().filter_map(|user| match user {
            NewUser::Agent(id) => Some(id),
            NewUser::Customer(_) => None,
        })
    }

    fn customers(&self) -> impl Iterator<Item = &CustomerId> {
        self.users.iter().filter_map(|user| match user {
            NewUser::Agent(_) => None,
            NewUser::Customer(customer) => Some(&customer.id),
        })
    }

    fn check_access(&self, context: &Context<'_>) -> Result<(), Rejection> {
        let Some(access) = &self.access else { return Ok(()) };
        if access.group_ids.is_empty() {
            return Err(Rejection::validation("chat.access.group_ids", "must not be empty"));
        }
        if let Some(unknown) = access.group_ids.iter().find(|group| !context.license.has_group(**group)) {
            return Err(Rejection::GroupNotFound(unknown.0));
        }
        if let (Caller::Agent { reach, .. }, Some(agent)) = (context.caller, context.calling_agent())
            && *reach < Reach::All
            && !access.admits(agent.group_ids())
        {
            return Err(Rejection::MissingAccess("requester is in none of the groups"));
        }
        Ok(())
    }
}

/// From where the customer of a chat came.
pub(super) fn visit_of_customer(chat: &Chat) -> Option<SubjectRequest> {
    chat.customer().map(|(id, _)| SubjectRequest::Visit(id.clone()))
}

fn caller_is_not(caller: &Option<UserId>, agent: &AgentId) -> bool {
    caller.as_ref().and_then(UserId::agent) != Some(agent)
}

/// As [`open_thread`], for a start or resume: its initial events are for everybody.
pub(super) fn open_for_all(draft: &mut Draft<'_>, mut new: NewThread) -> Result<Vec<EventId>, Rejection> {
    new.events.iter_mut().for_each(|event| event.visibility = Visibility::All);
    open_thread(draft, new)
}

/// Opens the next thread of the chat and tells everybody. Answers with the ids of the given events.
pub(super) fn open_thread(draft: &mut Draft<'_>, new: NewThread) -> Result<Vec<EventId>, Rejection> {
    let context = draft.context;
    new.check(&draft.chat, context)?;
    let access = new.access.clone().unwrap_or_default();
    let users = users_of_new_thread(&draft.chat, &new, context);
    let authors: Vec<UserId> = users.iter().map(|user| user.id.clone()).collect();
    let assigned = assigned_agent(context, &users, &new)?;

    let mut chat = draft.chat.clone();
    chat.leave_thread();
    chat.users = users;
    chat.access = access;
    let was_continuous = chat.continuous;
    chat.continuous = new.continuous.unwrap_or(was_continuous);
    chat.followers.clear();
    properties::merge(&mut chat.properties, &new.chat_properties);
    chat.thread = Some(head_of_new_thread(draft, &chat, &new));
    name_clients(draft, &mut chat, &new);
    list_greeters(&mut chat, &new, context);
    chat.last_at = draft.time();
    if chat.continuous || was_continuous {
        let value = || PropertyValue::Bool(chat.continuous);
        properties::set(&mut chat.properties, "routing", "continuous", value());
        if let Some(thread) = &mut chat.thread {
            properties::set(&mut thread.properties, "routing", "continuous", value());
        }
    }
    draft.change(Change::ThreadOpened(Box::new(chat)));
    let queue = route(draft, &assigned, new.active);

    let mut given = Vec::new();
    let mut all: Vec<Arc<Event>> = Vec::new();
    for said in new.said_before {
        all.push(draft.add_event(said.event, Some(UserId::Agent(said.agent)))?);
    }
    for event in new.events {
        let author = author_of(&event, &authors, context)?;
        let event = draft.add_event(event, author)?;
        given.push(event.id.clone());
        all.push(event);
    }
    let message = match &assigned {
        Some(Assigned::ByRouter(agent)) => Some(ServerMessage::assigned(context.license.agent_name(agent))),
        Some(Assigned::Waits(_)) => Some(ServerMessage::unassigned()),
        Some(Assigned::Opener) | None => None,
    };
    let requested = transcript::request(draft, None);
    let ended = if new.active { None } else { transcript::at_end(draft) };
    for said in message.map(ServerMessage::into_body).into_iter().chain(requested).chain(ended) {
        all.push(draft.add_event(server_event(said), None)?);
    }
    mark_all_seen_by_opener(draft);
    if new.active {
        standing::of_new_thread(draft);
    }
    // The closing takes the agents out, but they are told.
    let to = draft.chat.everybody();
    if !new.active {
        let at = draft.time();
        draft.change(Change::ThreadClosed(at));
    }
    let body = PushBody::IncomingChat {
        requester: context.caller.user(),
        chat: Box::new(draft.chat.clone()),
        events: ThreadEvents::Given(all),
        queue,
        transferred_from: None,
    };
    draft.push(body, to);
    Ok(given)
}

/// Whoever spoke before the thread is listed, so that readers find their name, and takes no part in it.
fn list_greeters(chat: &mut Chat, new: &NewThread, context: &Context<'_>) {
    for said in new.said_before.iter().filter(|said| context.license.agent(&said.agent).is_some()) {
        let agent = ChatUser::agent(said.agent.clone(), Visibility::All);
        if chat.user(&agent.id).is_none() {
            chat.users.push(ChatUser { present: false, ..agent });
        }
    }
}

fn mark_all_seen_by_opener(draft: &mut Draft<'_>) {
    let Some(user) = draft.context.caller.user() else { return };
    let up_to = draft.chat.last_at;
    if draft.chat.user(&user).is_some_and(|entry| entry.seen_up_to < Some(up_to)) {
        draft.change(Change::Seen { user, up_to });
    }
}

enum Assigned {
    Opener,
    ByRouter(AgentId),
    Waits(Option<QueuePlace>),
}

/// The opener if it is an agent; else whom the router reserved.
fn assigned_agent(
    context: &Context<'_>,
    users: &[ChatUser],
    new: &NewThread,
) -> Result<Option<Assigned>, Rejection> {
    if new.active && context.route == Some(Route::LicenseFull) {
        return Err(Rejection::LimitReached("the license has as many chats as it may"));
    }
    if users.iter().any(|user| user.id.agent().is_some()) {
        return Ok(Some(Assigned::Opener));
    }
    if !new.active {
        return Ok(None);
    }
    match &context.route {
        Some(Route::Assign(agent)) => Ok(Some(Assigned::ByRouter(agent.clone()))),
        Some(Route::Queue(place)) => Ok(Some(Assigned::Waits(*place))),
        Some(Route::Unrouted | Route::LicenseFull) | None => Ok(None),
        Some(Route::GroupsOffline) => Err(Rejection::GroupsOffline),
        Some(Route::AgentOffline) => Err(Rejection::AgentOffline),
    }
}

/// The customer stays; agents of earlier threads are gone unless they open this one.
fn users_of_new_thread(chat: &Chat, new: &NewThread, context: &Context<'_>) -> Vec<ChatUser> {
    let mut users: Vec<ChatUser> = Vec::new();
    let mut add = |user: ChatUser| {
        if !users.iter().any(|existing| existing.id == user.id) {
            users.push(user);
        }
    };
    let now = chat.next_time(context.now);
    match context.caller {
        Caller::Agent { id, .. } => {
            let mut agent = ChatUser::agent(id.clone(), Visibility::All);
            agent.seen_up_to = Some(now);
            add(agent);
        }
        Caller::Customer { id, profile, .. } => {
            let known = chat.customer().and_then(|(_, user)| user.profile.clone());
            let profile = profile.as_deref().cloned().or(known).unwrap_or_default();
            let mut customer = ChatUser::customer(id.clone(), counted(chat, profile));
            customer.seen_up_to = Some(now);
            add(customer);
        }
        Caller::Server => {}
    }
    for user in &new.users {
        match user {
            NewUser::Agent(id) => add(ChatUser::agent(id.clone(), Visibility::All)),
            NewUser::Customer(customer) => {
                let profile = counted(chat, customer.profile.clone());
                let mut entry = ChatUser::customer(customer.id.clone(), profile);
                entry.seen_up_to = chat.user(&entry.id).and_then(|known| known.seen_up_to);
                add(entry);
            }
        }
    }
    if let Some((_, customer)) = chat.customer()
        && !users.iter().any(|user| user.id.customer().is_some())
    {
        let profile = customer.profile.clone().map(|profile| counted(chat, profile));
        users.push(ChatUser { present: true, profile, ..customer.clone() });
    }
    users
}

/// The profile as the chat shows it from now on: this thread is the customer's as well.
fn counted(chat: &Chat, mut profile: CustomerProfile) -> CustomerProfile {
    profile.threads_count += 1;
    profile.chats_count += u32::from(chat.thread.is_none());
    profile
}

fn head_of_new_thread(draft: &Draft<'_>, chat: &Chat, new: &NewThread) -> Thread {
    let created_at = draft.time();
    let previous = draft.chat.thread.as_ref();
    let (customer_visit, pages) = match (&draft.context.subject, &new.customer_visit) {
        (Some(Subject::Visit(found)), None) => (found.visit.clone().map(Box::new), &found.pages),
        (_, given) => (given.clone(), &new.pages),
    };
    let mut properties = new.thread_properties.clone();
    for (name, url) in [("start_url", &pages.start_url), ("referrer", &pages.referrer)] {
        if let Some(url) = url {
            properties::set(&mut properties, "routing", name, PropertyValue::String(url.clone()));
        }
    }
    Thread {
        id: draft.context.ids.thread(),
        number: previous.map_or(1, |thread| thread.number + 1),
        created_at,
        active: true,
        user_ids: chat.users.iter().map(|user| user.id.clone()).collect(),
        properties,
        access: chat.access.clone(),
        tags: Vec::new(),
        queued_at: None,
        queues_duration: None,
        previous_thread_id: previous.map(|thread| thread.id.clone()),
        events: 0,
        bytes: 0,
        last_activity: created_at,
        unanswered_since: None,
        customer_left_at: None,
        assigned: Vec::new(),
        closed_at: None,
        customer_visit,
    }
}

/// `source` of the thread, and of the chat: who opens a later thread has not started the chat, and where it is not known by what
/// the customer comes now, they are taken to come as they did before.
fn name_clients(draft: &Draft<'_>, chat: &mut Chat, new: &NewThread) {
    let opener = draft.context.caller.client();
    let of_customer = match &draft.context.subject {
        _ if opener.is_some() => opener,
        Some(Subject::Visit(found)) => found.client.as_ref(),
        _ => new.customer_client.as_ref(),
    };
    let named = |client: &ClientId| PropertyValue::String(client.as_str().to_owned());
    let (is_first, has_customer) = (draft.chat.thread.is_none(), chat.customer().is_some());
    let Chat { properties: of_chat, thread: Some(thread), .. } = chat else { return };
    if let Some(client) = opener {
        if is_first {
            properties::set(of_chat, "source", "client_id", named(client));
        }
        properties::set(&mut thread.properties, "source", "client_id", named(client));
    }
    if let Some(client) = of_customer.filter(|_| has_customer) {
        properties::set(of_chat, "source", "customer_client_id", named(client));
    }
    if let Some(known) = properties::get(of_chat, "source", "customer_client_id").cloned() {
        properties::set(&mut thread.properties, "source", "customer_client_id", known);
    }
}

/// Puts the router's word into effect inside the row that opens the thread.
fn route(draft: &mut Draft<'_>, assigned: &Option<Assigned>, active: bool) -> Option<QueuePlace> {
    match assigned {
        Some(Assigned::Opener) => {
            let agents: Vec<AgentId> = draft.chat.serving_agents().cloned().collect();
            agents.into_iter().for_each(|agent| draft.assign(agent));
            None
        }
        Some(Assigned::ByRouter(agent)) => {
            draft.change(Change::UserAdded(ChatUser::agent(agent.clone(), Visibility::All)));
            draft.assign(agent.clone());
            None
        }
        Some(Assigned::Waits(place)) if active => draft.wait_from(*place),
        _ => None,
    }
}

/// The requester, or the user whom the event names: one who is there before the router adds somebody.
fn author_of(
    event: &NewEvent,
    authors: &[UserId],
    context: &Context<'_>,
) -> Result<Option<UserId>, Rejection> {
    if matches!(event.body, crate::domain::event::EventBody::SystemMessage(_)) {
        return Ok(None);
    }
    match &event.author {
        None => Ok(context.caller.user()),
        Some(author) => {
            authors.iter().find(|id| id.as_str() == &**author).cloned().map(Some).ok_or_else(|| {
                Rejection::validation("chat.thread.events.author_id", "must be listed in chat.users")
            })
        }
    }
}
