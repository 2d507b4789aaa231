mod deeds;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::command::testing::*;
use crate::domain::command::{Command, Decision, TransferTo, UpdateCustomer};
use deeds::deeds;

/// Whoever may be told something: brown is of another group than smith, jones of none, and pete is somebody else's customer.
const PEOPLE: [&str; 6] = ["smith", "brown", "jones", "bot", "kate", "pete"];

/// What a push tells somebody, as far as a retelling can know it; none if they would not get it.
fn gist(push: &Push, reader: &str, story: &Story) -> Option<String> {
    if push.body.is_fleeting() || !reaches(&push.to, reader, &story.license) {
        return None;
    }
    let side = if is_customer(reader) { Side::Customer } else { Side::Agent };
    let readable = |properties: &Properties, location| {
        let all = properties
            .iter()
            .flat_map(|(namespace, values)| values.iter().map(move |value| (namespace, value)));
        let readable = all.filter(|(namespace, (name, _))| is_readable(namespace, name, location, side));
        let told: Vec<_> = readable.map(|(namespace, value)| format!("{namespace} {value:?}")).collect();
        (!told.is_empty()).then(|| told.join(" "))
    };
    let said = match &push.body {
        PushBody::IncomingChat { .. } => String::new(),
        PushBody::IncomingEvent { event, .. } => event.id.to_string(),
        PushBody::UserAddedToChat { user, .. } => format!("{} {:?}", user.id.as_str(), user.visibility),
        PushBody::UserRemovedFromChat { user, .. } => user.as_str().to_owned(),
        PushBody::ChatTransferred { reason, to, .. } => format!("{reason:?} {:?}", to.agent_ids),
        PushBody::ChatAccessUpdated { access, .. } => format!("{access:?}"),
        PushBody::ChatDeactivated { thread, .. } => thread.as_str().to_owned(),
        PushBody::ChatPropertiesUpdated { properties, .. } => readable(properties, Location::Chat)?,
        PushBody::ThreadPropertiesUpdated { properties, .. } => readable(properties, Location::Thread)?,
        PushBody::EventPropertiesUpdated { event, properties, .. } => {
            format!("{event} {}", readable(properties, Location::Event)?)
        }
        PushBody::EventsMarkedAsSeen { user, seen_up_to, .. } => format!("{} {seen_up_to:?}", user.as_str()),
        PushBody::ThreadTagged { tag, .. } | PushBody::ThreadUntagged { tag, .. } => tag.clone(),
        PushBody::EventDeleted { event, .. } => event.to_string(),
        PushBody::IncomingRichMessagePostback { event, user, .. } => format!("{event} {}", user.as_str()),
        // A customer's own connections are told of their profile once, not once a chat, and by no row.
        PushBody::CustomerUpdated { .. } if is_customer(reader) => return None,
        other => format!("{other:?}"),
    };
    Some(format!("{} {said}", push_name(&push.body)))
}

/// What this row tells everybody, and what it would have told.
fn told_and_retold(
    before: &Chat,
    decision: &Decision,
    story: &Story,
) -> [BTreeMap<&'static str, Vec<String>>; 2] {
    let thread = story.chat.thread.as_ref().map(|thread| &thread.id);
    let events: Vec<_> =
        story.events.iter().filter(|event| Some(&event.id.thread) == thread).cloned().collect();
    let after = After { chat: &story.chat, events: &events, shown: 2 };
    let retold = retell(before, &decision.changes, after);
    [&decision.pushes, &retold].map(|pushes| {
        let told = |reader| pushes.iter().filter_map(|push| gist(push, reader, story)).collect();
        PEOPLE.into_iter().map(|reader| (reader, told(reader))).collect()
    })
}

/// Takes a step of a story and retells it: everybody is told the same, in the same order.
#[track_caller]
fn compare(story: &mut Story, step: impl FnOnce(&mut Story) -> Outcome) {
    let before = story.chat.clone();
    let outcome = step(story);
    let [told, retold] = told_and_retold(&before, outcome.done().decision(), story);
    assert_eq!(told, retold);
}

fn waiting() -> Story {
    let mut story = Story::new();
    story.hires(&["jones"]);
    story.router_queues().customer().starts().done();
    story
}

#[test]
fn a_retelling_says_what_was_told() {
    let mut story = Story::new();
    story.router_assigns("smith");
    compare(&mut story, |story| story.customer().starts());
    compare(&mut story, |story| story.customer().sends("Hello"));
    compare(&mut story, |story| story.agent("smith").whispers("the customer must not see it"));
    let seen = story.last_event().created_at;
    compare(&mut story, |story| story.customer().has_seen(seen));
    compare(&mut story, |story| story.agent("brown").joins());
    compare(&mut story, |story| story.agent("brown").removes("smith"));
    compare(&mut story, |story| story.customer().closes());
    compare(&mut story, |story| story.customer().resumes());
}

#[test]
fn a_waiting_chat_that_the_router_gives_to_an_agent_is_told_them_as_a_whole_once_more() {
    let mut story = waiting();
    story.customer().sends("Is anybody there?").done();
    let before = story.chat.clone();
    let outcome = story.server().assigns("smith");
    assert!(outcome.told("smith").contains(&"incoming_chat"));
    let [told, retold] = told_and_retold(&before, outcome.decision(), &story);
    assert_eq!(told, retold);
    let whole = |people: &BTreeMap<&str, Vec<String>>, who: &str| {
        people[who].iter().filter(|said| said.starts_with("incoming_chat ")).count()
    };
    assert_eq!((whole(&retold, "smith"), whole(&retold, "jones")), (1, 0));
}

#[test]
fn the_customer_is_not_retold_what_an_agent_who_hides_has_seen() {
    let mut story = Story::asked();
    story.agent("brown").supervises().done();
    let seen = story.last_event().created_at;
    compare(&mut story, |story| story.agent("brown").has_seen(seen));
}

#[test]
fn to_the_customer_an_agent_who_hides_has_left_in_the_retelling_too() {
    let mut story = Story::with_smith();
    compare(&mut story, |story| story.agent("smith").supervises());
}

#[test]
fn whoever_loses_a_chat_by_a_transfer_is_retold_so() {
    let mut story = Story::with_smith();
    story.hires(&["jones"]);
    story.router_queues();
    let to = TransferTo::Groups(groups(&[2]).group_ids);
    compare(&mut story, |story| story.agent("smith").transfers(to));
}

#[test]
fn a_transfer_by_hand_is_retold_with_its_events() {
    let mut story = Story::with_smith();
    story.hires(&["jones"]);
    story.router_assigns("jones");
    let to = TransferTo::Agents(vec![agent_id("jones")]);
    compare(&mut story, |story| story.agent("smith").transfers(to));
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
    let retold = retell(&before, &changes, After { chat: &story.chat, events: &[], shown: 0 });
    let [Push { body: PushBody::CustomerUpdated { profile, before, .. }, .. }] = retold.as_slice() else {
        panic!("{retold:?}");
    };
    assert_eq!(profile.name.as_deref(), Some("Catherine"));
    assert!(before.as_ref().is_some_and(|before| before.looks_like(&was)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever is done to a chat, and by whom: who missed it is told the same as who did not. What is done to an earlier thread
    /// is left out, as whom it was told is stored with it.
    #[test]
    fn whatever_is_told_is_retold_to_the_same_people(deeds in deeds()) {
        let mut story = waiting();
        for deed in &deeds {
            let before = story.chat.clone();
            let outcome = deed.take_place(&mut story);
            let Ok(decision) = &outcome.result else { continue };
            if decision.changes.is_empty() || decision.older_thread.is_some() {
                continue;
            }
            let [told, retold] = told_and_retold(&before, decision, &story);
            prop_assert_eq!(told, retold, "{:?} {:#?}", deed, decision.changes);
        }
    }
}
