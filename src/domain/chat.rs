//! The state that one chat actor owns: the chat with its last thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::change::{Change, Target};
use super::event::{Event, EventKind, Visibility};
use super::id::{AgentId, ChatId, CustomerId, EventId, GroupId, LicenseId, ThreadId, UserId};
use super::license::Agent;
use super::properties::{self, Properties};
use super::push::Audience;
use super::thread::Thread;
use super::thread_limits;
use super::time::Timestamp;
use super::user::ChatUser;

/// A chat: a sequence of threads of which only the last may be active. A chat is never ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Which.
    pub id: ChatId,
    /// Whose.
    pub license: LicenseId,
    /// Users of the last thread, present or not; a customer, if any, is always among them.
    pub users: Vec<ChatUser>,
    /// Key-value store.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
    /// The groups that may see it.
    pub access: Access,
    /// Waits for its customer and its agents even when they are offline.
    #[serde(default)]
    pub continuous: bool,
    /// Agents who follow it without being in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<AgentId>,
    /// The last thread; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Thread>,
    /// The latest `created_at` that was given out here.
    pub last_at: Timestamp,
    /// When an agent said something last, whoever may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_last_event_at: Option<Timestamp>,
    /// When the customer did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_last_event_at: Option<Timestamp>,
    /// The last event of each kind that everybody may see.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last_public_events: BTreeMap<EventKind, LastEvent>,
    /// The last event of each kind that only agents may see.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last_agents_events: BTreeMap<EventKind, LastEvent>,
}

/// The last event of a kind, with the thread it stands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEvent {
    /// When its thread was opened.
    pub thread_created_at: Timestamp,
    /// The groups that its thread stayed open to, once another was opened; none: whoever sees the chat may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// The event.
    pub event: Arc<Event>,
}

impl Chat {
    /// A chat that has no thread yet.
    pub fn new(id: ChatId, license: LicenseId) -> Self {
        Self {
            id,
            license,
            users: Vec::new(),
            properties: Properties::new(),
            access: Access::default(),
            continuous: false,
            followers: Vec::new(),
            thread: None,
            last_at: Timestamp::default(),
            agent_last_event_at: None,
            customer_last_event_at: None,
            last_public_events: BTreeMap::new(),
            last_agents_events: BTreeMap::new(),
        }
    }

    /// The active thread, if the last one is active.
    pub fn active_thread(&self) -> Option<&Thread> {
        self.thread.as_ref().filter(|thread| thread.active)
    }

    /// A user of the chat, present or not.
    pub fn user(&self, id: &UserId) -> Option<&ChatUser> {
        self.users.iter().find(|user| user.id == *id)
    }

    /// A user who is in the chat now.
    pub fn present_user(&self, id: &UserId) -> Option<&ChatUser> {
        self.user(id).filter(|user| user.present)
    }

    /// Whether somebody is in the chat and the customer must not know.
    pub fn has_hidden(&self, id: &UserId) -> bool {
        self.present_user(id).is_some_and(|user| user.visibility == Visibility::Agents)
    }

    /// The customer of the chat with their entry.
    pub fn customer(&self) -> Option<(&CustomerId, &ChatUser)> {
        self.users.iter().find_map(|user| Some((user.id.customer()?, user)))
    }

    /// The customer's name in system messages.
    pub fn customer_name(&self) -> &str {
        let profile = self.customer().and_then(|(_, user)| user.profile.as_ref());
        profile.map_or("Customer", |profile| profile.display_name())
    }

    /// The agents who serve the chat: in it, and visible to its customer.
    pub fn serving_agents(&self) -> impl Iterator<Item = &AgentId> {
        self.present_agents().filter(|(_, user)| user.visibility == Visibility::All).map(|(id, _)| id)
    }

    /// The agents who are in the chat, with their entries.
    pub fn present_agents(&self) -> impl Iterator<Item = (&AgentId, &ChatUser)> {
        self.users.iter().filter(|user| user.present).filter_map(|user| Some((user.id.agent()?, user)))
    }

    /// Does the agent share a group with the chat?
    pub fn admits(&self, agent: &Agent) -> bool {
        self.access.admits(agent.group_ids())
    }

    /// Does the agent follow the chat without being in it?
    pub fn is_followed_by(&self, agent: &AgentId) -> bool {
        self.followers.contains(agent)
    }

    /// Members and followers; the customer too if the visibility allows.
    pub fn members(&self, visibility: Visibility) -> Audience {
        let mut agents: Vec<AgentId> = self.present_agents().map(|(id, _)| id.clone()).collect();
        // Nobody follows twice, so that only the few who are in the chat have to be looked for.
        let present = agents.len();
        for follower in &self.followers {
            if !agents[..present].contains(follower) {
                agents.push(follower.clone());
            }
        }
        let customers = match visibility {
            Visibility::All => self.customer().map(|(id, _)| id.clone()).into_iter().collect(),
            Visibility::Agents => Vec::new(),
        };
        Audience { agents, customers, ..Audience::default() }
    }

    /// Whoever is told of what happens to an event: customers do not hear of what they do not see.
    pub fn audience_of(&self, event: &Event) -> Audience {
        self.members(if event.deleted { Visibility::Agents } else { event.visibility })
    }

    /// Members, followers and every agent with access.
    pub fn everybody(&self) -> Audience {
        Audience { groups: self.access.group_ids.clone(), ..self.members(Visibility::All) }
    }

    /// The id that the next event of the last thread gets.
    pub fn next_event_id(&self) -> Option<EventId> {
        let thread = self.thread.as_ref()?;
        Some(EventId { thread: thread.id.clone(), number: thread.events + 1 })
    }

    /// The moment of the next change: never before, nor equal to, an earlier one.
    pub fn next_time(&self, now: Timestamp) -> Timestamp {
        now.not_before(self.last_at)
    }

    /// Lets a change happen. The only place where a chat changes; replaying a log gives the same state.
    pub fn apply(&mut self, change: &Change) {
        self.take_in(change);
        if let Some(thread) = &mut self.thread {
            thread.bytes += thread_limits::bytes_of(change);
        }
    }

    fn take_in(&mut self, change: &Change) {
        match change {
            Change::ThreadOpened(chat) => self.clone_from(chat),
            Change::EventAdded(event) => self.add_event(event),
            Change::UserAdded(user) => {
                if let Some(thread) = &mut self.thread {
                    thread.took_part(&user.id);
                }
                self.followers.retain(|follower| user.id.agent() != Some(follower));
                match self.users.iter_mut().find(|existing| existing.id == user.id) {
                    Some(existing) => {
                        let seen_up_to = existing.seen_up_to.max(user.seen_up_to);
                        existing.clone_from(user);
                        existing.seen_up_to = seen_up_to;
                    }
                    None => self.users.push(user.clone()),
                }
            }
            Change::UserRemoved(id) => {
                if let Some(user) = self.users.iter_mut().find(|user| user.id == *id) {
                    user.present = false;
                }
            }
            Change::Assigned(agent) => {
                if let Some(thread) = &mut self.thread
                    && thread.assigned.last() != Some(agent)
                {
                    thread.assigned.push(agent.clone());
                }
            }
            Change::Queued(at) => {
                if let Some(thread) = &mut self.thread {
                    thread.queued_at = Some(*at);
                }
            }
            Change::Dequeued(at) => {
                if let Some(thread) = &mut self.thread {
                    thread.leave_queue(*at);
                }
            }
            Change::Attended(at) => {
                if let Some(thread) = &mut self.thread
                    && thread.unanswered_since.is_some()
                {
                    thread.unanswered_since = Some(*at);
                }
            }
            Change::CustomerLeft(at) => {
                if let Some(thread) = &mut self.thread {
                    thread.customer_left_at = Some(*at);
                }
            }
            Change::CustomerCame => {
                if let Some(thread) = &mut self.thread {
                    thread.customer_left_at = None;
                }
            }
            Change::AccessSet(access) => {
                self.access.clone_from(access);
                if let Some(thread) = &mut self.thread {
                    thread.access.clone_from(access);
                }
            }
            Change::PropertiesSet { target, properties } => {
                self.change_properties(target, |slot| properties::merge(slot, properties));
            }
            Change::PropertiesDeleted { target, names } => {
                self.change_properties(target, |slot| properties::remove(slot, names));
            }
            Change::Seen { user, up_to } => {
                if let Some(user) = self.users.iter_mut().find(|existing| existing.id == *user) {
                    user.seen_up_to = user.seen_up_to.max(Some(*up_to));
                }
            }
            Change::Followed(agent) => {
                if !self.followers.contains(agent) {
                    self.followers.push(agent.clone());
                }
            }
            Change::Unfollowed(agent) => self.followers.retain(|follower| follower != agent),
            Change::CustomerUpdated { id, profile } => {
                if let Some(user) = self.users.iter_mut().find(|user| user.id.customer() == Some(id)) {
                    user.profile = Some(profile.clone());
                }
            }
            Change::ThreadClosed(at) => self.close_thread(*at),
            Change::Tagged { thread, tag } => {
                if let Some(thread) = self.thread.as_mut().filter(|last| last.id == *thread) {
                    thread.add_tag(tag);
                }
            }
            Change::Untagged { thread, tag } => {
                if let Some(thread) = self.thread.as_mut().filter(|last| last.id == *thread) {
                    thread.tags.retain(|existing| existing != tag);
                }
            }
            Change::PostbackToggled { event, button, user, on } => {
                // As with properties: what stands in an older thread is logged there.
                if self.thread.as_ref().is_some_and(|thread| thread.id == event.thread) {
                    self.change_last_event(event, |event| {
                        event.body.buttons_mut(button).for_each(|button| button.toggle(user.as_str(), *on));
                    });
                }
            }
            // Of an earlier thread, too: it is logged in the last one as well.
            Change::EventDeleted(id) => self.change_last_event(id, |event| event.deleted = true),
        }
    }

    fn change_last_event(&mut self, id: &EventId, change: impl Fn(&mut Event)) {
        for last in self.last_events_mut().filter(|last| last.event.id == *id) {
            change(Arc::make_mut(&mut last.event));
        }
    }

    fn last_events_mut(&mut self) -> impl Iterator<Item = &mut LastEvent> {
        self.last_public_events.values_mut().chain(self.last_agents_events.values_mut())
    }

    /// Another thread is about to be opened: what was said in the last one stays open to its groups alone.
    pub fn leave_thread(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if thread.access.group_ids.contains(&GroupId::ALL) {
            return;
        }
        for last in self.last_events_mut().filter(|last| last.event.id.thread == thread.id) {
            last.access = Some(thread.access.clone());
        }
    }

    fn add_event(&mut self, event: &Arc<Event>) {
        self.last_at = self.last_at.max(event.created_at);
        match event.author {
            Some(UserId::Agent(_)) => self.agent_last_event_at = Some(event.created_at),
            Some(UserId::Customer(_)) => self.customer_last_event_at = Some(event.created_at),
            None => {}
        }
        let Some(thread) = &mut self.thread else { return };
        thread.events = thread.events.max(event.id.number);
        let kind = event.body.kind();
        if kind.is_activity() {
            thread.heard(event);
        }
        let last = LastEvent { thread_created_at: thread.created_at, access: None, event: event.clone() };
        match event.visibility {
            Visibility::All => self.last_public_events.insert(kind, last),
            Visibility::Agents => self.last_agents_events.insert(kind, last),
        };
        // Whoever writes has seen what stands above.
        if let Some(author) = &event.author
            && let Some(user) = self.users.iter_mut().find(|user| user.id == *author)
        {
            user.seen_up_to = user.seen_up_to.max(Some(event.created_at));
        }
    }

    fn close_thread(&mut self, at: Timestamp) {
        self.last_at = self.last_at.max(at);
        if let Some(thread) = &mut self.thread {
            thread.active = false;
            thread.closed_at = Some(at);
            thread.leave_queue(at);
        }
        for user in &mut self.users {
            if user.id.agent().is_some() {
                user.present = false;
            }
        }
    }

    fn change_properties(&mut self, target: &Target, change: impl Fn(&mut Properties)) {
        match target {
            Target::Chat => change(&mut self.properties),
            Target::Thread(id) => {
                if let Some(thread) = self.thread.as_mut().filter(|thread| thread.id == *id) {
                    change(&mut thread.properties);
                }
            }
            Target::Event(id) => {
                // What stands in an older thread is logged there, so a reload would not find it here.
                if self.thread.as_ref().is_none_or(|thread| thread.id != id.thread) {
                    return;
                }
                self.change_last_event(id, |event| change(&mut event.properties));
            }
        }
    }

    /// The last event of each kind that this kind of reader may see.
    pub fn last_events(&self, visibility: Visibility) -> BTreeMap<EventKind, &LastEvent> {
        let mut last: BTreeMap<_, _> =
            self.last_public_events.iter().map(|(kind, last)| (*kind, last)).collect();
        if visibility == Visibility::Agents {
            for (kind, candidate) in &self.last_agents_events {
                let newer =
                    last.get(kind).is_none_or(|last| last.event.created_at < candidate.event.created_at);
                if newer {
                    last.insert(*kind, candidate);
                }
            }
        }
        last
    }

    /// Has the user something to read that somebody else wrote after they last looked?
    pub fn has_unread_events(&self, reader: &UserId) -> bool {
        let seen = self.user(reader).and_then(|user| user.seen_up_to);
        let for_agents = self.last_agents_events.values().filter(|_| reader.agent().is_some());
        self.last_public_events.values().chain(for_agents).any(|last| {
            !last.event.deleted
                && last.event.author.as_ref().is_some_and(|author| author != reader)
                && seen.is_none_or(|seen| seen < last.event.created_at)
        })
    }
}

/// When each side of a customer's chats said something last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// An agent.
    pub by_agent: Option<Timestamp>,
    /// The customer.
    pub by_customer: Option<Timestamp>,
}

impl Said {
    /// In one chat.
    pub fn of(chat: &Chat) -> Self {
        Self { by_agent: chat.agent_last_event_at, by_customer: chat.customer_last_event_at }
    }

    /// In these or in those.
    pub fn or_later(self, other: Self) -> Self {
        Self {
            by_agent: self.by_agent.max(other.by_agent),
            by_customer: self.by_customer.max(other.by_customer),
        }
    }
}

/// What the router needs to know of a chat; reported whenever it differs from before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingView {
    /// Has an active thread.
    pub active: bool,
    /// The active thread, if any.
    pub thread: Option<ThreadId>,
    /// The groups that it is open to.
    pub groups: Vec<GroupId>,
    /// The agents who serve it.
    pub agents: Vec<AgentId>,
    /// Waiting since.
    pub queued_at: Option<Timestamp>,
    /// Silent for so long that it takes no slot (`routing.idle` of the thread).
    pub idle: bool,
    /// Its customer, if it has one.
    pub customer: Option<CustomerId>,
    /// Waits for absent agents.
    pub continuous: bool,
    /// `routing.ignore_agents_routing` of the chat: the router leaves it alone.
    pub ignore_agents_routing: bool,
    /// `routing.ignore_bots` of the thread: bots are skipped.
    pub ignore_bots: bool,
}

impl Chat {
    /// The chat as the router sees it.
    pub fn routing_view(&self) -> RoutingView {
        let thread = self.active_thread();
        RoutingView {
            active: thread.is_some(),
            thread: thread.map(|thread| thread.id.clone()),
            groups: self.access.group_ids.clone(),
            agents: if thread.is_some() { self.serving_agents().cloned().collect() } else { Vec::new() },
            queued_at: thread.and_then(|thread| thread.queued_at),
            idle: thread.is_some_and(Thread::is_idle),
            customer: self.customer().map(|(id, _)| id.clone()),
            continuous: self.continuous,
            ignore_agents_routing: properties::is_on(&self.properties, "routing", "ignore_agents_routing"),
            ignore_bots: thread
                .is_some_and(|thread| properties::is_on(&thread.properties, "routing", "ignore_bots")),
        }
    }
}
