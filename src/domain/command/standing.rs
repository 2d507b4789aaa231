//! The properties by which agents find chats that nobody serves or has answered: `routing.unassigned`, `pinned`,
//! `was_pinned` and `unreplied` (routing rule 4).
//!
//! They follow from what a decision did, so they are put right where it is finished.

use super::Caller;
use super::draft::Draft;
use crate::domain::change::{Change, Target};
use crate::domain::chat::Chat;
use crate::domain::event::Event;
use crate::domain::properties::{self, Properties, PropertyValue};
use crate::domain::thread::Thread;
use crate::domain::time::Timestamp;

/// What stands wrong, by where it stands.
#[derive(Default)]
struct Wrong {
    of_thread: Properties,
    of_chat: Properties,
}

/// Puts the properties of a thread right that is being opened; they are shown with it.
pub(super) fn of_new_thread(draft: &mut Draft<'_>) {
    let Wrong { of_thread, of_chat } = wrong(&draft.chat);
    for (target, properties) in targets(&draft.chat, of_thread, of_chat) {
        draft.change(Change::PropertiesSet { target, properties });
    }
}

/// Puts them right after what the decision did, and tells those agents who see the chat.
pub(super) fn put_right(draft: &mut Draft<'_>) {
    let did = |is_it: fn(&Change) -> bool| draft.changes().iter().any(is_it);
    if draft.changes().is_empty() || did(|change| matches!(change, Change::ThreadOpened(_))) {
        return;
    }
    let closes = did(|change| matches!(change, Change::ThreadClosed(_)));
    let Wrong { of_thread, of_chat } = if closes { unpinned(draft) } else { wrong(&draft.chat) };
    for (target, properties) in targets(&draft.chat, of_thread, of_chat) {
        draft.set_properties(target, properties);
    }
}

/// What an event changes: whether the customer was answered, and a thread in which somebody speaks again is not idle: it
/// takes its agents' slots once more, even beyond their limits.
pub(super) fn after_event(thread: &Thread, event: &Event) -> Properties {
    let mut properties = Properties::new();
    if thread.is_idle() {
        put(&mut properties, "idle", false);
    }
    if let Some(is_unreplied) = unreplied(thread, thread.unanswered_after(event)) {
        put(&mut properties, "unreplied", is_unreplied);
    }
    properties
}

/// The value that `unreplied` has to take, if it has to change: set by the first question, taken away by the first answer
/// to one.
fn unreplied(thread: &Thread, unanswered_since: Option<Timestamp>) -> Option<bool> {
    match (unanswered_since, properties::get(&thread.properties, "routing", "unreplied")) {
        (Some(_), None) => Some(true),
        (None, Some(PropertyValue::Bool(true))) => Some(false),
        _ => None,
    }
}

fn targets(chat: &Chat, of_thread: Properties, of_chat: Properties) -> Vec<(Target, Properties)> {
    let thread = chat.thread.as_ref().map(|thread| (Target::Thread(thread.id.clone()), of_thread));
    let both = thread.into_iter().chain([(Target::Chat, of_chat)]);
    both.filter(|(_, properties)| !properties.is_empty()).collect()
}

fn put(into: &mut Properties, name: &str, value: bool) {
    properties::set(into, "routing", name, PropertyValue::Bool(value));
}

/// Of an active thread. Pinning goes with becoming unassigned, so that an agent who takes the pin away has done so.
fn wrong(chat: &Chat) -> Wrong {
    let mut wrong = Wrong::default();
    let Some(thread) = chat.active_thread() else { return wrong };
    let is_unassigned = chat.serving_agents().next().is_none();
    let on_thread = |name| properties::is_on(&thread.properties, "routing", name);
    let on_chat = |name| properties::is_on(&chat.properties, "routing", name);
    if on_thread("unassigned") != is_unassigned {
        put(&mut wrong.of_thread, "unassigned", is_unassigned);
        if is_unassigned && !on_thread("pinned") {
            put(&mut wrong.of_thread, "pinned", true);
        }
        if is_unassigned && !on_chat("pinned") {
            put(&mut wrong.of_chat, "pinned", true);
        }
    }
    if on_chat("unassigned") != is_unassigned {
        put(&mut wrong.of_chat, "unassigned", is_unassigned);
    }
    if let Some(is_unreplied) = unreplied(thread, thread.unanswered_since) {
        put(&mut wrong.of_thread, "unreplied", is_unreplied);
    }
    wrong
}

/// A closing by an agent takes the pin away, one by a customer only if somebody served them.
fn unpinned(draft: &Draft<'_>) -> Wrong {
    let mut wrong = Wrong::default();
    let chat = &draft.chat;
    let loses = match draft.context.caller {
        Caller::Agent { .. } => true,
        Caller::Customer { .. } => !properties::is_on(&chat.properties, "routing", "unassigned"),
        Caller::Server => false,
    };
    if !loses {
        return wrong;
    }
    if chat.thread.as_ref().is_some_and(|thread| properties::is_on(&thread.properties, "routing", "pinned")) {
        put(&mut wrong.of_thread, "pinned", false);
    }
    if properties::is_on(&chat.properties, "routing", "pinned") {
        put(&mut wrong.of_chat, "pinned", false);
        put(&mut wrong.of_chat, "was_pinned", true);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::super::LeaveCause;
    use super::super::testing::*;
    use super::*;

    fn switches(story: &Story) -> (Vec<&str>, Vec<&str>) {
        let on = |all: &Properties| {
            ["unassigned", "pinned", "was_pinned", "unreplied"]
                .into_iter()
                .filter(|name| properties::is_on(all, "routing", name))
                .collect::<Vec<_>>()
        };
        (on(&story.thread().properties), on(&story.chat.properties))
    }

    #[test]
    fn a_chat_that_nobody_serves_is_unassigned_and_pinned_until_it_is_served_and_closed() {
        let mut story = Story::new();
        story.router_queues().customer().starts().done();
        assert_eq!(switches(&story), (vec!["unassigned", "pinned"], vec!["unassigned", "pinned"]));
        let assigned = story.server().assigns("smith");
        assert_eq!(switches(&story), (vec!["pinned"], vec!["pinned"]));
        assert!(assigned.told("brown").ends_with(&["thread_properties_updated", "chat_properties_updated"]));
        assert!(!assigned.told("kate").contains(&"chat_properties_updated"));
        story.customer().closes().done();
        assert_eq!(switches(&story), (vec![], vec!["was_pinned"]));
        assert_eq!(story.reloaded(), story.chat);
    }

    #[test]
    fn a_customer_who_closes_an_unassigned_chat_leaves_it_pinned_and_an_agent_does_not() {
        for (by_agent, expected) in
            [(false, vec!["unassigned", "pinned"]), (true, vec!["unassigned", "was_pinned"])]
        {
            let mut story = Story::new();
            story.router_queues().customer().starts().done();
            let closed = if by_agent {
                story.agent("smith").gives(super::super::Command::DeactivateChat(
                    super::super::DeactivateChat { ignore_requester_presence: true },
                ))
            } else {
                story.customer().closes()
            };
            closed.done();
            assert_eq!(switches(&story).1, expected);
        }
    }

    #[test]
    fn a_chat_that_was_served_at_once_has_none_of_them_until_its_agent_goes() {
        let mut story = Story::with_smith();
        assert_eq!(switches(&story), (vec![], vec![]));
        story.server().unassigns("smith", LeaveCause::SignedOut).done();
        assert_eq!(switches(&story).1, ["unassigned", "pinned"]);
        assert_eq!(story.reloaded(), story.chat);
    }

    #[test]
    fn an_agent_who_takes_the_pin_away_has_done_so() {
        let mut story = Story::new();
        story.router_queues().customer().starts().done();
        let off = [("routing".to_owned(), [("pinned".to_owned(), PropertyValue::Bool(false))].into())];
        story.agent("smith").sets(Target::Chat, off.into()).done();
        story.customer().sends("hello?").done();
        assert_eq!(switches(&story).1, ["unassigned"]);
    }

    #[test]
    fn a_thread_is_unreplied_from_the_first_question_to_the_first_answer() {
        let mut story = Story::with_smith();
        let unreplied =
            |story: &Story| properties::get(&story.thread().properties, "routing", "unreplied").cloned();
        story.agent("smith").sends("may I help you?").done();
        assert_eq!(unreplied(&story), None);
        let asked = story.customer().sends("yes");
        assert_eq!(asked.told("smith"), ["incoming_event", "thread_properties_updated"]);
        assert_eq!(asked.told("kate"), ["incoming_event"]);
        assert_eq!(unreplied(&story), Some(PropertyValue::Bool(true)));
        story.agent("smith").whispers("who is that?").done();
        assert_eq!(unreplied(&story), Some(PropertyValue::Bool(true)));
        story.agent("smith").sends("so").done();
        assert_eq!(unreplied(&story), Some(PropertyValue::Bool(false)));
        assert_eq!(story.customer().sends("and?").told("smith"), ["incoming_event"]);
        assert_eq!(story.reloaded(), story.chat);
    }
}
