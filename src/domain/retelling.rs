//! What stored changes would have told: for those who missed it. Who asked, and for which reason, is not stored; nobody
//! is told these.

use std::sync::Arc;

use super::change::{Change, Target};
use super::chat::Chat;
use super::event::{Event, Visibility};
use super::id::{EventId, UserId};
use super::properties::Properties;
use super::property_definitions::{Location, Side, is_readable};
use super::push::{Audience, Pressed, Push, PushBody, ThreadEvents, TransferReason, TransferTarget};
use super::transcript::is_private;

/// The pushes for the changes of one row: `before` is the chat without them, `after` the chat with them, `shown` are the
/// events that go with the chat to those who gain it.
pub fn retell(before: &Chat, changes: &[Change], after: &Chat, shown: &[Arc<Event>]) -> Vec<Push> {
    let mut retelling = Retelling { chat: before.clone(), after, shown, pushes: Vec::new() };
    if matches!(changes.first(), Some(Change::ThreadOpened(_))) {
        retelling.opening(changes);
    } else {
        changes.iter().filter(|change| !is_private(change)).for_each(|change| retelling.change(change));
    }
    retelling.pushes
}

struct Retelling<'a> {
    /// As of the change that is looked at.
    chat: Chat,
    after: &'a Chat,
    shown: &'a [Arc<Event>],
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
        let body = PushBody::IncomingChat {
            requester: None,
            chat: Box::new(self.after.clone()),
            events: ThreadEvents::Given(self.shown.to_vec()),
            queue: None,
            transferred_from: None,
        };
        self.push(body, to);
    }

    fn change(&mut self, change: &Change) {
        let to_all = self.chat.everybody();
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
            Change::UserAdded(user) => {
                let saw_it = Audience {
                    agents: to_all.agents,
                    customers: to_all.customers.clone(),
                    groups: to_all.groups,
                    ..Audience::default()
                };
                let mut to = self.chat.everybody();
                if user.visibility == Visibility::Agents {
                    to.customers.clear();
                }
                let body = PushBody::UserAddedToChat {
                    chat,
                    thread,
                    user: Box::new(user.clone()),
                    reason: "other",
                    requester: None,
                };
                self.push(body, to);
                self.newcomer(&user.id, saw_it);
            }
            Change::UserRemoved(user) => {
                let was_hidden =
                    self.chat.user(user).is_some_and(|user| user.visibility == Visibility::Agents);
                let mut to = to_all;
                if was_hidden {
                    to.customers.clear();
                }
                let user = user.clone();
                let body =
                    PushBody::UserRemovedFromChat { chat, thread, user, reason: "other", requester: None };
                self.push(body, to);
            }
            Change::Assigned(agent) => {
                let body = PushBody::ChatTransferred {
                    chat,
                    thread,
                    requester: None,
                    reason: TransferReason::Assigned,
                    to: TransferTarget { group_ids: Vec::new(), agent_ids: vec![agent.clone()] },
                    queue: None,
                };
                self.push(body, to_all);
            }
            Change::AccessSet(access) => {
                let body = PushBody::ChatAccessUpdated { chat, access: access.clone() };
                self.push(body, self.chat.everybody());
                // Those who gained the chat by it know nothing of it yet.
                let to = Audience { except: Some(Box::new(to_all)), ..self.chat.everybody() };
                self.whole_chat(Audience { customers: Vec::new(), ..to });
            }
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
                let body = PushBody::EventsMarkedAsSeen { user: user.clone(), chat, seen_up_to: *up_to };
                self.push(body, self.chat.members(Visibility::All));
            }
            Change::Followed(agent) => {
                self.whole_chat(Audience { agents: vec![agent.clone()], ..Audience::default() });
            }
            Change::Unfollowed(agent) => {
                let to = Audience { agents: vec![agent.clone()], ..Audience::default() };
                self.push(PushBody::ChatUnfollowed { chat }, to);
            }
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
                let postback = Pressed {
                    id: button.clone(),
                    toggled: *on,
                    button_type: None,
                    button_value: None,
                    ecommerce: None,
                };
                let to = self.chat.members(self.seen_by(&Target::Event(event.clone())));
                let (event, user) = (event.clone(), user.clone());
                self.push(PushBody::IncomingRichMessagePostback { chat, event, user, postback }, to);
            }
            Change::EventDeleted(event) => {
                let to = self.chat.members(self.seen_by(&Target::Event(event.clone())));
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

    /// Whoever could not see the chat before gets all of it.
    fn newcomer(&mut self, user: &UserId, saw_it: Audience) {
        match user {
            UserId::Agent(agent) => {
                let except = Some(Box::new(saw_it));
                self.whole_chat(Audience { agents: vec![agent.clone()], except, ..Audience::default() });
            }
            UserId::Customer(customer) if !saw_it.customers.contains(customer) => {
                self.whole_chat(Audience { customers: vec![customer.clone()], ..Audience::default() });
            }
            UserId::Customer(_) => {}
        }
    }

    fn agents(&self) -> Audience {
        Audience { groups: self.chat.access.group_ids.clone(), ..self.chat.members(Visibility::Agents) }
    }

    /// Properties of chats and threads are for everybody, each as far as they may read them.
    fn of_target(&self, target: &Target) -> Audience {
        match target {
            Target::Event(_) => self.chat.members(self.seen_by(target)),
            Target::Chat | Target::Thread(_) => self.chat.everybody(),
        }
    }

    /// Properties of an event that customers do not see are not for them either.
    fn seen_by(&self, target: &Target) -> Visibility {
        let is_shown = |id: &EventId| {
            self.shown.iter().any(|event| event.id == *id && event.visibility == Visibility::All)
        };
        match target {
            Target::Event(id) if !is_shown(id) => Visibility::Agents,
            _ => Visibility::All,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::testing::*;
    use crate::domain::command::{Command, TransferTo, UpdateCustomer};

    /// What a push is about and whom it reaches, as far as a retelling can know.
    fn gist(push: &Push) -> String {
        let body = serde_json::to_value(&push.body).expect("a push has a form");
        let kind = match body.as_object().and_then(|body| body.keys().next()) {
            Some(kind) => kind.clone(),
            None => body.to_string(),
        };
        let event = match &push.body {
            PushBody::IncomingEvent { event, .. } => event.id.to_string(),
            _ => String::new(),
        };
        format!("{kind} {event} to {:?} {:?} {:?}", push.to.agents, push.to.groups, push.to.customers)
    }

    /// Tells each step of a story and retells it from its changes; both must agree but for what `left_out` names.
    fn compare(story: &mut Story, step: impl FnOnce(&mut Story) -> Outcome, left_out: &[&str]) {
        let before = story.chat.clone();
        let outcome = step(story);
        let decision = outcome.decision();
        let is_stored = |push: &&Push| !left_out.iter().any(|kind| gist(push).starts_with(kind));
        let told: Vec<String> = decision.pushes.iter().filter(is_stored).map(gist).collect();
        let retold = retell(&before, &decision.changes, &story.chat, &story.events.clone());
        let retold: Vec<String> = retold.iter().filter(is_stored).map(gist).collect();
        assert_eq!(told, retold);
    }

    #[test]
    fn a_retelling_says_what_was_told() {
        let mut story = Story::new();
        story.router_assigns("smith");
        compare(&mut story, |story| story.customer().starts(), &[]);
        compare(&mut story, |story| story.customer().sends("Hello"), &[]);
        compare(&mut story, |story| story.agent("smith").whispers("the customer must not see it"), &[]);
        let seen = story.last_event().created_at;
        compare(&mut story, |story| story.agent("smith").has_seen(seen), &[]);
        // Who was added and removed is told; the texts of the chat's transfer come from its reason, which is not stored.
        compare(&mut story, |story| story.agent("brown").joins(), &["chat_transferred"]);
        compare(&mut story, |story| story.agent("brown").removes("smith"), &[]);
        compare(&mut story, |story| story.customer().closes(), &[]);
        compare(&mut story, |story| story.customer().resumes(), &[]);
    }

    #[test]
    fn a_changed_profile_is_retold_with_what_was_shown_before() {
        let mut story = Story::with_smith();
        let before = story.chat.clone();
        let mut customer = customer_named("kate");
        let was = customer.profile.clone();
        customer.profile.name = Some("Catherine".to_owned());
        let command = Command::UpdateCustomer(UpdateCustomer { customer, by: None });
        let changes = story.customer().gives(command).decision().changes.clone();
        let retold = retell(&before, &changes, &story.chat, &[]);
        let [Push { body: PushBody::CustomerUpdated { profile, before, .. }, .. }] = retold.as_slice() else {
            panic!("{retold:?}");
        };
        assert_eq!(profile.name.as_deref(), Some("Catherine"));
        assert!(before.as_ref().is_some_and(|before| before.looks_like(&was)));
    }

    #[test]
    fn a_transfer_by_hand_is_retold_with_its_events() {
        let mut story = Story::with_smith();
        story.hires(&["jones"]);
        story.router_assigns("jones");
        let to = TransferTo::Agents(vec![agent_id("jones")]);
        // The order of these depends on who moved first, which the changes do not say; a transfer notes more in the
        // thread's properties than it tells.
        let moved = [
            "chat_transferred",
            "user_added_to_chat",
            "user_removed_from_chat",
            "incoming_chat",
            "thread_properties_updated",
        ];
        compare(&mut story, |story| story.agent("smith").transfers(to), &moved);
    }
}
