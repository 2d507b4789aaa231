//! What a thread takes, and what it takes no more.

use std::time::Duration;

use super::super::change::Target;
use super::super::command::testing::*;
use super::super::command::*;
use super::super::event::{Button, Element, EventBody, EventKind, SystemMessage};
use super::super::properties::{Properties, PropertyValue};
use super::super::push::Pressed;
use super::super::time::Timestamp;
use super::*;

const LIMITS: ThreadLimits = ThreadLimits { events: 20, bytes: 16 << 10 };

/// Kate's chat, which smith serves, where threads are small.
fn small() -> Story {
    let mut story = Story::with_smith();
    story.rules.thread = LIMITS;
    story
}

/// The same, and the thread takes no event more.
fn full() -> Story {
    let mut story = small();
    until_refused(|| story.customer().sends("and one more"));
    story
}

/// Carries out what is asked again and again until there is no room for it; gives how often there was.
fn until_refused(mut ask: impl FnMut() -> Outcome) -> usize {
    for count in 0..10_000 {
        if let Err(rejection) = ask().result {
            assert!(matches!(rejection, Rejection::LimitReached(_)), "{rejection:?}");
            return count;
        }
    }
    panic!("it is never refused");
}

fn extent(story: &Story) -> Extent {
    Extent::of(story.thread())
}

fn string(text: String) -> Properties {
    property("test", "string_property", PropertyValue::String(text))
}

#[test]
fn a_thread_takes_as_many_events_as_it_may_and_refuses_the_next() {
    let mut story = small();
    until_refused(|| story.customer().sends("hello"));
    assert_eq!(extent(&story).events, LIMITS.events);
    assert!(matches!(story.agent("smith").sends("hello").refused(), Rejection::LimitReached(_)));
    assert!(matches!(story.agent("smith").whispers("hello").refused(), Rejection::LimitReached(_)));
    let own = SystemMessage { system_message_type: "own".to_owned(), text: None, text_vars: None };
    let own = event(EventBody::SystemMessage(own));
    assert!(matches!(story.agent("smith").sends_event(own).refused(), Rejection::LimitReached(_)));
    assert!(matches!(story.customer().sends_event(annotation("5")).refused(), Rejection::LimitReached(_)));
    assert_eq!(story.thread().events, LIMITS.events);
}

#[test]
fn a_thread_takes_as_many_bytes_as_it_may_however_they_are_written() {
    for text in ["x".repeat(1_000), "\u{1}".repeat(200)] {
        let mut story = small();
        let count = until_refused(|| story.customer().sends(&text));
        let Extent { events, bytes } = extent(&story);
        assert!(events < LIMITS.events && bytes <= LIMITS.bytes, "{events} events, {bytes} bytes");
        assert!(count > 5 && bytes > LIMITS.bytes / 2, "there was room for more: {bytes}");
        let stored: usize =
            story.rows.iter().skip(1).map(|(_, row)| serde_json::to_vec(row).expect("a row").len()).sum();
        assert!(stored as u64 <= bytes, "{stored} bytes were stored, and {bytes} counted");
    }
}

#[test]
fn what_a_full_thread_has_taken_already_is_answered_as_before() {
    let mut story = small();
    let first = story.customer().sends_event(named("once", message("hello"))).event_id();
    until_refused(|| story.customer().sends("hello"));
    assert_eq!(story.customer().sends_event(named("once", message("hello"))).event_id(), first);
}

#[test]
fn a_full_thread_is_handed_on_read_and_closed_and_the_next_takes_messages_again() {
    let mut story = full();
    story.rules.customer_gone_after = Duration::from_secs(3_600);
    story.agent("smith").has_seen(Timestamp(i64::MAX)).done();
    story.agent("brown").follows().done();
    story
        .router_assigns("brown")
        .agent("smith")
        .transfers(TransferTo::Agents(vec![agent_id("brown")]))
        .done();
    assert_eq!(story.serving(), [agent_id("brown")]);
    story.server().unassigns("brown", LeaveCause::SignedOut).done();
    story.server().assigns("smith").done();
    story.server().customer_is_connected(false).done();
    story.customer().closes().done();
    assert!(story.chat.active_thread().is_none());
    assert_eq!(story.reloaded(), story.chat);
    assert!(matches!(story.customer().attaches("to the last").refused(), Rejection::LimitReached(_)));
    story.router_assigns("smith").customer().resumes().done();
    story.customer().sends("to the next").done();
    assert!(extent(&story).events < 5);
}

#[test]
fn a_message_opens_the_next_thread_where_a_full_one_is_closed() {
    let mut story = full();
    story.wait(3_600).server().closes_if_inactive().done();
    let full = story.thread_id();
    story.router_assigns("smith").customer().sends("hello again").done();
    assert_ne!(story.thread_id(), full);
}

#[test]
fn whatever_is_set_again_and_again_has_a_bound() {
    let big = || "x".repeat(500);
    let mut story = small();
    let (chat, thread) = (Target::Chat, Target::Thread(story.thread_id()));
    let event = Target::Event(story.customer().sends("hello").event_id());
    for target in [chat, thread, event] {
        let mut story = small();
        if matches!(target, Target::Event(_)) {
            story.customer().sends("hello").done();
        }
        until_refused(|| story.customer().sets(target.clone(), string(big())));
        assert!(extent(&story).bytes <= LIMITS.bytes);
    }
    let mut on = false;
    let thread = story.thread_id();
    let tag = || "x".repeat(200);
    until_refused(|| {
        on = !on;
        story.agent("smith").gives(match on {
            true => Command::TagThread(TagThread { thread: thread.clone(), tag: tag() }),
            false => Command::UntagThread(UntagThread { thread: thread.clone(), tag: tag() }),
        })
    });
    let mut story = small();
    until_refused(|| {
        on = !on;
        if on { story.agent("brown").follows() } else { story.agent("brown").unfollows() }
    });
    assert!(extent(&story).bytes <= LIMITS.with_reserve().bytes);
    story.agent("smith").closes().done();
}

#[test]
fn buttons_are_not_pressed_for_ever() {
    let mut story = small();
    let button = Button {
        text: "Yes".to_owned(),
        kind: None,
        value: None,
        webview_height: None,
        postback_id: "yes".to_owned(),
        user_ids: Vec::new(),
        target: None,
    };
    let elements = vec![Element { buttons: Some(vec![button]), ..Element::default() }];
    let body = EventBody::RichMessage { template_id: "cards".to_owned(), elements };
    let asked = story.agent("smith").sends_event(event(body)).event_id();
    let mut toggled = false;
    until_refused(|| {
        toggled = !toggled;
        let postback =
            Pressed { id: "yes".to_owned(), toggled, button_type: None, button_value: None, ecommerce: None };
        story.customer().gives(Command::SendRichMessagePostback(SendRichMessagePostback {
            event: asked.clone(),
            postback,
        }))
    });
    assert!(extent(&story).bytes <= LIMITS.bytes);
}

#[test]
fn what_is_set_in_an_earlier_thread_fills_that_one_and_the_last() {
    let mut story = small();
    let earlier = story.thread_id();
    story.customer().closes().done();
    story.router_assigns("smith").customer().resumes().done();
    let set =
        |story: &mut Story| story.customer().sets(Target::Thread(earlier.clone()), string("x".repeat(500)));
    until_refused(|| set(&mut story));
    assert!(extent(&story).bytes <= LIMITS.bytes, "the last thread tells of it");
    assert_eq!(story.reloaded(), story.chat);
    // There is room in another thread, and none in the earlier one.
    story.customer().closes().done();
    story.router_assigns("smith").customer().resumes().done();
    let more = until_refused(|| set(&mut story));
    assert!(more < 5, "the earlier thread took {more} more");
}

#[test]
fn a_thread_that_begins_with_more_than_it_may_hold_is_not_opened() {
    let mut story = Story::new();
    story.rules.thread = LIMITS;
    let many = |count| NewThread { events: vec![message("hello"); count], ..plain() };
    let refused = story.router_queues().customer().starts_with(many(21));
    assert!(matches!(refused.refused(), Rejection::LimitReached(_)));
    assert!(story.chat.thread.is_none());
    story.router_queues().customer().starts_with(many(10)).done();
}

#[test]
fn a_customer_who_changes_for_ever_does_not_fill_the_thread_and_agents_are_told() {
    let mut story = small();
    let renamed = |story: &mut Story, name: String| {
        let mut customer = customer_named("kate");
        customer.profile.name = Some(name);
        story
            .server()
            .gives(Command::UpdateCustomer(UpdateCustomer { customer, by: Some(agent_id("brown")) }))
    };
    for number in 0..100 {
        let told = renamed(&mut story, format!("{number} {}", "x".repeat(400)));
        assert!(told.told("smith").starts_with(&["customer_updated"]), "{:?}", told.told("smith"));
    }
    assert!(extent(&story).bytes <= LIMITS.bytes && extent(&story).events <= LIMITS.events);
    assert_eq!(story.reloaded(), story.chat);
    let told = renamed(&mut story, "Catherine".to_owned());
    assert_eq!(told.told("smith"), ["customer_updated"], "and no event that is nowhere");
}

#[test]
fn events_are_taken_back_from_a_full_thread() {
    let mut story = small();
    let oops = story.customer().sends("oops").event_id();
    until_refused(|| story.customer().sends("hello"));
    story.customer().gives(Command::DeleteEvent(DeleteEvent { event: oops })).done();
    assert_eq!(story.reloaded(), story.chat);
    assert_eq!(story.chat.last_public_events[&EventKind::Message].event.id.number, LIMITS.events);
}

#[test]
fn a_log_of_an_earlier_version_is_counted_as_it_is_read() {
    let story = full();
    let row = serde_json::to_string(&story.rows[0].1).expect("a row").replace(",\"bytes\":0", "");
    assert!(!row.contains("\"bytes\""), "{row}");
    let opened: Vec<Change> = serde_json::from_str(&row).expect("a row of an earlier version");
    let mut chat = Chat::new(story.chat.id.clone(), story.chat.license);
    let rest = story.rows[1..].iter().flat_map(|(_, changes)| changes);
    opened.iter().chain(rest).for_each(|change| chat.apply(change));
    assert_eq!(chat, story.chat);
}
