//! What stored changes would have told: for those who missed it. Who asked, and for which reason, is not stored; nobody
//! is told these.

mod handing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::change::{Change, Target};
use super::chat::Chat;
use super::event::{Event, Visibility};
use super::id::{EventId, UserId};
use super::properties::Properties;
use super::property_definitions::{Location, Side, is_readable};
use super::push::{Audience, Pressed, Push, PushBody, ThreadEvents, TransferReason, TransferTarget};
use super::transcript::is_private;
use super::user::ChatUser;
use super::whole_chat::{to_assigned, to_gaining, to_newcomer};
use handing::Handing;

/// How a chat stands after a row.
#[derive(Clone, Copy, Debug)]
pub struct After<'a> {
    /// The chat.
    pub chat: &'a Chat,
    /// All events of its last thread.
    pub events: &'a [Arc<Event>],
    /// How many of them, of the last ones, go with the chat to those who gain it.
    pub shown: usize,
}

/// The pushes for the changes of one row: `before` is the chat without them, `after` the chat with them.
pub fn retell(before: &Chat, changes: &[Change], after: After<'_>) -> Vec<Push> {
    let handing = Handing::of(changes);
    let mut retelling = Retelling { before, chat: before.clone(), after, handing, pushes: Vec::new() };
    if matches!(changes.first(), Some(Change::ThreadOpened(_))) {
        retelling.opening(changes);
    } else {
        // Whoever says something has seen the chat by that, and it is not told.
        let speaks = changes.iter().any(|change| matches!(change, Change::EventAdded(_)));
        let is_told = |change: &&Change| match change {
            Change::Seen { .. } => !speaks,
            change => !is_private(change),
        };
        for change in changes {
            if is_told(&change) { retelling.change(change) } else { retelling.chat.apply(change) }
        }
    }
    retelling.pushes
}

struct Retelling<'a> {
    before: &'a Chat,
    /// As of the change that is looked at.
    chat: Chat,
    after: After<'a>,
    handing: Option<Handing<'a>>,
    pushes: Vec<Push>,
}

impl Retelling<'_> {
    fn push(&mut self, body: PushBody, to: Audience) {
        self.pushes.push(Push { body, to });
    }

    /// A new thread is told as a whole; its closing in the same row takes the agents out, but they are told.
    fn opening(&mut self, changes: &[Change]) {
        for change in changes.iter().filter(|change| !matches!(change, Change::ThreadClosed(_))) {
            self.chat.apply(change);
        }
        let to = self.chat.everybody();
        self.whole_chat(to);
    }

    fn whole_chat(&mut self, to: Audience) {
        let events = self.after.events;
        let shown = &events[events.len().saturating_sub(self.after.shown)..];
        let body = PushBody::IncomingChat {
            requester: None,
            chat: Box::new(self.after.chat.clone()),
            events: ThreadEvents::Given(shown.to_vec()),
            queue: None,
            transferred_from: self.handing.as_ref().map(|handing| handing.from(self.before)),
        };
        self.push(body, to);
    }

    fn change(&mut self, change: &Change) {
        let to_all = self.chat.everybody();
        let was_serving = |user: &UserId| self.chat.serving_agents().any(|id| user.agent() == Some(id));
        let hides = matches!(change, Change::UserAdded(user) if user.visibility == Visibility::Agents && was_serving(&user.id));
        let gets_it_whole = match change {
            Change::UserAdded(user) => to_newcomer(&user.id, &self.chat),
            _ => None,
        };
        let profile_before = match change {
            Change::CustomerUpdated { .. } => self.chat.customer().and_then(|(_, user)| user.profile.clone()),
            _ => None,
        };
        self.chat.apply(change);
        let chat = self.chat.id.clone();
        let thread = self.chat.thread.as_ref().map(|thread| thread.id.clone());
        match change {
            Change::EventAdded(event) => {
                let to = self.chat.members(event.visibility);
                let (thread, event) = (event.id.thread.clone(), event.clone());
                self.push(PushBody::IncomingEvent { chat, thread, event }, to);
            }
            Change::UserAdded(user) => self.user_added(user, hides, gets_it_whole),
            Change::UserRemoved(user) => {
                let was_hidden =
                    self.chat.user(user).is_some_and(|user| user.visibility == Visibility::Agents);
                let mut to = to_all;
                if was_hidden {
                    to.customers.clear();
                }
                self.user_removed(user, to);
            }
            Change::Assigned(agent) => {
                if let Some(Handing::ByRouter { reason, .. }) = self.handing {
                    let to = TransferTarget { group_ids: Vec::new(), agent_ids: vec![agent.clone()] };
                    self.transferred(reason, to, to_all);
                    self.whole_chat(to_assigned(agent, self.before));
                }
            }
            Change::Queued(_) if self.handing.is_none() => {
                let group_ids = self.chat.access.group_ids.clone();
                let to = TransferTarget { group_ids, agent_ids: Vec::new() };
                self.transferred(TransferReason::Unassigned, to, to_all);
            }
            Change::AccessSet(access) => {
                // Those who gained the chat by it are told all of it.
                let body = PushBody::ChatAccessUpdated { chat, access: access.clone() };
                self.push(body, self.before.everybody());
            }
            Change::PropertiesSet { properties, .. } if handing::is_stamp(properties) => self.handed_on(),
            Change::PropertiesSet { target, properties } => {
                let said = properties.clone();
                let body = match target {
                    Target::Chat => PushBody::ChatPropertiesUpdated { chat, properties: said },
                    Target::Thread(thread) => {
                        PushBody::ThreadPropertiesUpdated { chat, thread: thread.clone(), properties: said }
                    }
                    Target::Event(event) => {
                        PushBody::EventPropertiesUpdated { chat, event: event.clone(), properties: said }
                    }
                };
                let mut to = self.of_target(target);
                if !shows_customers(target, properties) {
                    to.customers.clear();
                }
                self.push(body, to);
            }
            Change::PropertiesDeleted { target, names } => {
                let names = names.clone();
                let body = match target {
                    Target::Chat => PushBody::ChatPropertiesDeleted { chat, names },
                    Target::Thread(thread) => {
                        PushBody::ThreadPropertiesDeleted { chat, thread: thread.clone(), names }
                    }
                    Target::Event(event) => {
                        PushBody::EventPropertiesDeleted { chat, event: event.clone(), names }
                    }
                };
                self.push(body, self.of_target(target));
            }
            Change::Seen { user, up_to } => {
                // Customers do not learn of members who hide from them.
                let visibility = self.chat.user(user).map_or(Visibility::Agents, |user| user.visibility);
                let body = PushBody::EventsMarkedAsSeen { user: user.clone(), chat, seen_up_to: *up_to };
                self.push(body, self.chat.members(visibility));
            }
            Change::Followed(agent) => {
                self.whole_chat(Audience { agents: vec![agent.clone()], ..Audience::default() });
            }
            Change::Unfollowed(agent) => {
                let to = Audience { agents: vec![agent.clone()], ..Audience::default() };
                self.push(PushBody::ChatUnfollowed { chat }, to);
            }
            // Their own connections were told once, by whoever changed the profile; of that there is no row.
            Change::CustomerUpdated { id, profile } => {
                let (id, profile) = (id.clone(), profile.clone());
                let body = PushBody::CustomerUpdated { id, profile, before: profile_before.map(Box::new) };
                self.push(body, self.chat.members(Visibility::All));
            }
            Change::ThreadClosed(_) => {
                if let Some(thread) = thread {
                    self.push(PushBody::ChatDeactivated { chat, thread, user: None }, to_all);
                }
            }
            Change::Tagged { thread, tag } => {
                let (thread, tag) = (thread.clone(), tag.clone());
                self.push(PushBody::ThreadTagged { chat, thread, tag }, self.agents());
            }
            Change::Untagged { thread, tag } => {
                let (thread, tag) = (thread.clone(), tag.clone());
                self.push(PushBody::ThreadUntagged { chat, thread, tag }, self.agents());
            }
            Change::PostbackToggled { event, button, user, on } => {
                // Told of the active thread only, by the protocol.
                if self.chat.active_thread().is_none_or(|active| active.id != event.thread) {
                    return;
                }
                let postback = Pressed {
                    id: button.clone(),
                    toggled: *on,
                    button_type: None,
                    button_value: None,
                    ecommerce: None,
                };
                let to = self.of_event(event);
                let (event, user) = (event.clone(), user.clone());
                self.push(PushBody::IncomingRichMessagePostback { chat, event, user, postback }, to);
            }
            Change::EventDeleted(event) => {
                // Whoever could see it.
                let visibility = self.event(event).map_or(Visibility::Agents, |event| event.visibility);
                let to = self.chat.members(visibility);
                self.push(PushBody::EventDeleted { chat, event: event.clone() }, to);
            }
            // Places in the queue are told by the router, again and again; clocks of silence are not told at all.
            Change::ThreadOpened(_)
            | Change::Queued(_)
            | Change::Dequeued(_)
            | Change::Attended(_)
            | Change::CustomerLeft(_)
            | Change::CustomerCame => {}
        }
    }

    fn user_added(&mut self, user: &ChatUser, hides: bool, gets_it_whole: Option<Audience>) {
        let is_by_hand = matches!(self.handing, Some(Handing::ByHand { .. }));
        let mut to = if is_by_hand { self.before.everybody() } else { self.chat.everybody() };
        if user.visibility == Visibility::Agents {
            to.customers.clear();
        }
        let body = PushBody::UserAddedToChat {
            chat: self.chat.id.clone(),
            thread: self.chat.thread.as_ref().map(|thread| thread.id.clone()),
            user: Box::new(user.clone()),
            reason: "other",
            requester: None,
        };
        self.push(body, to);
        if hides {
            // To the customer an agent who hides from now on has left.
            let customers = self.chat.members(Visibility::All).customers;
            self.user_removed(&user.id, Audience { customers, ..Audience::default() });
        }
        // Where the chat is handed to somebody, that tells it.
        if let Some(to) = gets_it_whole.filter(|_| self.handing.is_none()) {
            self.whole_chat(to);
        }
    }

    fn user_removed(&mut self, user: &UserId, to: Audience) {
        let (chat, thread) =
            (self.chat.id.clone(), self.chat.thread.as_ref().map(|thread| thread.id.clone()));
        let user = user.clone();
        let body = PushBody::UserRemovedFromChat { chat, thread, user, reason: "other", requester: None };
        self.push(body, to);
    }

    fn transferred(&mut self, reason: TransferReason, target: TransferTarget, to: Audience) {
        let body = PushBody::ChatTransferred {
            chat: self.chat.id.clone(),
            thread: self.chat.thread.as_ref().map(|thread| thread.id.clone()),
            requester: None,
            reason,
            to: target,
            queue: None,
        };
        self.push(body, to);
    }

    /// An agent transferred the chat.
    fn handed_on(&mut self) {
        let Some(Handing::ByHand { access, agent }) = self.handing else { return };
        let group_ids = match (access, agent) {
            (Some(access), _) => access.group_ids.clone(),
            (None, Some(_)) => Vec::new(),
            // Which groups it was that have it already is not stored.
            (None, None) => self.chat.access.group_ids.clone(),
        };
        let to = TransferTarget { group_ids, agent_ids: agent.cloned().into_iter().collect() };
        self.transferred(TransferReason::Manual, to, self.before.everybody());
        self.whole_chat(to_gaining(self.before, &self.chat));
    }

    fn agents(&self) -> Audience {
        Audience { groups: self.chat.access.group_ids.clone(), ..self.chat.members(Visibility::Agents) }
    }

    fn event(&self, id: &EventId) -> Option<&Event> {
        let found = self.after.events.binary_search_by_key(&id.number, |event| event.id.number).ok()?;
        self.after.events.get(found).map(|event| &**event).filter(|event| event.id == *id)
    }

    /// Whoever is told of what happens to an event; what cannot be looked at is kept from customers.
    fn of_event(&self, id: &EventId) -> Audience {
        let unknown = || self.chat.members(Visibility::Agents);
        self.event(id).map_or_else(unknown, |event| self.chat.audience_of(event))
    }

    /// Properties of chats and threads are for everybody, each as far as they may read them.
    fn of_target(&self, target: &Target) -> Audience {
        match target {
            Target::Event(event) => self.of_event(event),
            Target::Chat | Target::Thread(_) => self.chat.everybody(),
        }
    }
}

/// Whether customers may read any of these.
fn shows_customers(target: &Target, properties: &Properties) -> bool {
    let location = match target {
        Target::Chat => Location::Chat,
        Target::Thread(_) => Location::Thread,
        Target::Event(_) => Location::Event,
    };
    properties.iter().any(|(namespace, values)| {
        values.keys().any(|name| is_readable(namespace, name, location, Side::Customer))
    })
}
