//! Where an event goes, who may send it, who hears of it, and that a repeated send is one send.

use super::super::testing::*;
use super::super::*;
use crate::domain::change::Change;
use crate::domain::event::{EventBody, EventKind, NewEvent, SystemMessage, Visibility};
use crate::domain::license::InactiveSend;
use crate::domain::properties::{self, PropertyValue};
use crate::domain::push::{PushBody, ThreadEvents};
use crate::domain::visit::{CustomerVisit, Provenance, StartPages};

fn system(text: &str) -> NewEvent {
    event(EventBody::SystemMessage(SystemMessage {
        system_message_type: "own".to_owned(),
        text: Some(text.to_owned()),
        text_vars: None,
    }))
}

#[test]
fn an_event_goes_to_the_end_of_the_active_thread() {
    let mut story = Story::with_smith();
    let before = story.thread().events;
    let sent = story.customer().sends("hello");
    assert_eq!(sent.event_id(), EventId { thread: story.thread_id(), number: before + 1 });
    assert_eq!(story.last_event().author, Some(user_id("kate")));
    assert_eq!(story.last_event().body, message("hello").body);
    assert_eq!(story.thread().events, before + 1);
}

#[test]
fn an_event_is_pushed_to_members_and_followers_and_to_nobody_else() {
    let mut story = Story::asked();
    let sent = story.customer().sends("hello");
    assert_eq!(sent.told("smith"), ["incoming_event"]);
    assert_eq!(sent.told("kate"), ["incoming_event"]);
    assert!(sent.told("brown").is_empty(), "brown has access, but is not in the chat");
    story.agent("brown").follows().done();
    let answered = story.agent("smith").sends("hi");
    assert_eq!(
        answered.told("brown"),
        ["incoming_event", "thread_properties_updated"],
        "it is replied to now"
    );
    let PushBody::IncomingEvent { event, thread, .. } = sent.push("incoming_event") else { unreachable!() };
    assert_eq!((event.id.number, thread), (story.thread().events - 1, &story.thread_id()));
}

#[test]
fn an_event_without_an_active_thread_opens_the_next_thread_of_the_same_chat() {
    let mut story = Story::closed();
    let (chat, first) = (story.chat.id.clone(), story.thread_id());
    let sent = story.router_assigns("brown").customer().sends("me again");
    assert_eq!(story.chat.id, chat);
    assert!(story.thread().active);
    assert_eq!(story.thread().number, 2);
    assert_eq!(story.thread().previous_thread_id, Some(first));
    assert_eq!(sent.event_id(), EventId { thread: story.thread_id(), number: 1 });
    assert_eq!(sent.names(), ["incoming_chat"], "the new thread is announced with its event");
    let PushBody::IncomingChat { events: ThreadEvents::Given(events), .. } = sent.push("incoming_chat")
    else {
        panic!("the events are given");
    };
    assert_eq!(events[0].body, message("me again").body);
    assert_eq!(story.serving(), [agent_id("brown")], "routed like a resumed chat");
}

#[test]
fn a_thread_that_an_event_opens_keeps_from_where_its_customer_came() {
    let visit =
        CustomerVisit { ip: "203.0.113.7".to_owned(), user_agent: "a browser".to_owned(), geolocation: None };
    let pages = StartPages {
        start_url: Some("https://shop.example/cart".to_owned()),
        referrer: Some("https://shop.example/".to_owned()),
    };
    let came = Some((customer_id("kate"), Provenance { visit: Some(visit.clone()), pages, client: None }));
    let mut story = Story::closed();
    story.visit.clone_from(&came);
    story.customer().sends("me again").done();
    assert_eq!(story.thread().customer_visit.as_deref(), Some(&visit));
    let page = |name: &str| properties::get(&story.thread().properties, "routing", name).cloned();
    let text = |url: &str| Some(PropertyValue::String(url.to_owned()));
    assert_eq!(page("start_url"), text("https://shop.example/cart"));
    assert_eq!(page("referrer"), text("https://shop.example/"));
    let mut story = Story::closed();
    story.visit.clone_from(&came);
    story.agent("brown").sends("one more thing").done();
    assert_eq!(story.thread().customer_visit.as_deref(), Some(&visit), "whoever sends it");
    // An event that opens no thread changes nothing of it.
    story.visit = None;
    story.customer().sends("yes?").done();
    assert_eq!(story.thread().customer_visit.as_deref(), Some(&visit));
    let mut story = Story::closed();
    story.customer().sends("from nowhere").done();
    assert_eq!(story.thread().customer_visit, None);
}

#[test]
fn an_agent_who_writes_into_a_closed_chat_has_the_new_thread() {
    let mut story = Story::closed();
    story.agent("brown").sends("one more thing").done();
    assert_eq!(story.serving(), [agent_id("brown")]);
    assert_eq!(story.thread().assigned, [agent_id("brown")]);
}

#[test]
fn an_event_without_an_active_thread_is_refused_if_the_setting_says_so() {
    let mut story = Story::closed();
    story.rules.inactive_send = InactiveSend::Refuse;
    let before = story.chat.clone();
    assert_eq!(story.customer().sends("me again").refused(), &Rejection::ChatInactive);
    assert_eq!(story.chat, before);
}

#[test]
fn an_event_that_may_be_attached_goes_to_the_end_of_the_closed_thread() {
    let mut story = Story::closed();
    for setting in [InactiveSend::NewThread, InactiveSend::Refuse] {
        story.rules.inactive_send = setting;
        let (thread, events) = (story.thread_id(), story.thread().events);
        let sent = story.customer().attaches("p.s.");
        assert_eq!(sent.event_id(), EventId { thread, number: events + 1 });
        assert!(!story.thread().active);
        assert_eq!(sent.names(), ["incoming_event"]);
    }
}

#[test]
fn attaching_makes_no_difference_in_an_active_chat() {
    let mut story = Story::with_smith();
    let sent = story.customer().attaches("hello");
    assert_eq!(sent.event_id().thread, story.thread_id());
    assert!(story.thread().active);
}

#[test]
fn an_annotation_never_opens_a_thread_and_goes_to_the_end_of_the_last() {
    let mut story = Story::closed();
    for setting in [InactiveSend::NewThread, InactiveSend::Refuse] {
        story.rules.inactive_send = setting;
        let (thread, events) = (story.thread_id(), story.thread().events);
        let sent = story.customer().sends_event(annotation("5 of 5"));
        assert_eq!(sent.event_id(), EventId { thread, number: events + 1 });
        assert!(!story.thread().active);
        assert_eq!(story.thread().number, 1);
    }
}

#[test]
fn an_annotation_goes_to_the_end_of_an_active_thread_too() {
    let mut story = Story::with_smith();
    let sent = story.customer().sends_event(annotation("5 of 5"));
    assert_eq!(sent.event_id().thread, story.thread_id());
    assert_eq!(story.last_event().body.kind(), EventKind::Annotation);
}

#[test]
fn an_agent_outside_the_chat_cannot_send() {
    let mut story = Story::with_smith();
    assert!(matches!(story.agent("brown").sends("hi").refused(), Rejection::MissingAccess(_)));
    assert!(matches!(story.agent("brown").whispers("hi").refused(), Rejection::MissingAccess(_)));
    story.agent("brown").follows().done();
    assert!(matches!(story.agent("brown").sends("hi").refused(), Rejection::MissingAccess(_)));
    story.agent("brown").joins().done();
    story.agent("brown").sends("hi").done();
}

#[test]
fn an_agent_who_left_cannot_send() {
    let mut story = Story::with_smith();
    story.agent("smith").removes("smith").done();
    assert!(matches!(story.agent("smith").sends("hi").refused(), Rejection::MissingAccess(_)));
}

#[test]
fn nobody_writes_in_somebody_else_s_name() {
    let mut story = Story::with_smith();
    let forged = |author: &str| NewEvent { author: Some(author.into()), ..message("hi") };
    assert_eq!(story.customer().sends_event(forged("smith@example.com")).wrong_field(), "event.author_id");
    story.agent("smith").sends_event(forged("smith@example.com")).done();
}

#[test]
fn an_agents_only_event_never_reaches_the_customer() {
    let mut story = Story::with_smith();
    story.agent("brown").follows().done();
    let whispered = story.agent("smith").whispers("careful");
    assert_eq!(whispered.told("smith"), ["incoming_event"]);
    assert_eq!(whispered.told("brown"), ["incoming_event"]);
    assert!(whispered.told("kate").is_empty());
    assert!(
        !story
            .chat
            .last_events(Visibility::All)
            .values()
            .any(|last| last.event.body == message("careful").body)
    );
    assert_eq!(
        story.chat.last_events(Visibility::Agents)[&EventKind::Message].event.body,
        message("careful").body
    );
}

#[test]
fn an_agents_only_event_that_opens_a_thread_stays_agents_only() {
    let mut story = Story::closed();
    story.agent("smith").whispers("careful").done();
    assert_eq!(story.thread().number, 2);
    assert_eq!(story.last_event().visibility, Visibility::Agents);
    assert!(story.chat.last_public_events.values().all(|last| last.event.body != message("careful").body));
}

#[test]
fn a_hidden_member_writes_to_agents_only() {
    let mut story = Story::with_smith();
    story.agent("brown").supervises().done();
    assert_eq!(story.agent("brown").sends("hi").wrong_field(), "event.visibility");
    let whispered = story.agent("brown").whispers("ask for the number");
    assert_eq!(whispered.told("smith"), ["incoming_event"]);
    assert!(whispered.told("kate").is_empty());
}

#[test]
fn own_sends_count_as_seen() {
    let mut story = Story::with_smith();
    story.wait(1).customer().sends("hello").done();
    assert_eq!(story.seen_up_to("kate"), Some(story.last_event().created_at));
    assert!(story.seen_up_to("smith") < story.seen_up_to("kate"));
    story.wait(1).agent("smith").sends("hi").done();
    assert_eq!(story.seen_up_to("smith"), Some(story.last_event().created_at));
    story.wait(1).agent("smith").sends_event(system("own text")).done();
    assert_eq!(story.last_event().author, None);
    assert_eq!(story.seen_up_to("smith"), Some(story.last_event().created_at));
}

#[test]
fn what_others_wrote_is_unread_until_it_is_seen() {
    let mut story = Story::with_smith();
    assert!(!story.chat.has_unread_events(&user_id("kate")));
    story.wait(1).agent("smith").whispers("careful").done();
    assert!(!story.chat.has_unread_events(&user_id("kate")), "not for her eyes");
    story.wait(1).agent("smith").sends("hi").done();
    assert!(story.chat.has_unread_events(&user_id("kate")));
    story.wait(1).customer().sends("hello").done();
    assert!(!story.chat.has_unread_events(&user_id("kate")));
    assert!(story.chat.has_unread_events(&user_id("smith")));
}

#[test]
fn agents_only_events_are_unread_for_agents() {
    let mut story = Story::with_smith();
    story.agent("brown").joins().done();
    story.agent("smith").sends("hi").done();
    story.wait(1).agent("brown").whispers("careful").done();
    assert!(story.chat.has_unread_events(&user_id("smith")));
}

#[test]
fn a_client_s_system_message_has_no_author() {
    let mut story = Story::with_smith();
    story.agent("smith").sends_event(named("n", system("own text"))).done();
    assert_eq!(story.last_event().author, None);
    assert_eq!(story.last_event().custom_id.as_deref(), Some("n"));
}

#[test]
fn created_at_grows_strictly_even_when_the_clock_goes_back() {
    let mut story = Story::with_smith();
    story.customer().sends("one").done();
    story.customer().sends("two").done();
    story.clock_jumps_back(3_600);
    story.agent("smith").sends("three").done();
    story.customer().closes().done();
    story.customer().sends("four").done();
    let times: Vec<_> = story.events.iter().map(|event| event.created_at).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[test]
fn the_same_custom_id_and_body_is_the_same_send() {
    let mut story = Story::with_smith();
    let first = story.customer().sends_event(named("a", message("hello"))).event_id();
    let events = story.events.len();
    let again = story.wait(60).customer().sends_event(named("a", message("hello")));
    assert_eq!(again.event_id(), first);
    assert!(again.is_nothing(), "nothing is stored and nobody is told again");
    assert_eq!(story.events.len(), events);
}

#[test]
fn the_same_custom_id_with_another_body_is_another_send() {
    let mut story = Story::with_smith();
    let first = story.customer().sends_event(named("a", message("hello"))).event_id();
    let other = story.customer().sends_event(named("a", message("hello?"))).event_id();
    assert_ne!(first, other);
    assert_eq!(story.customer().sends_event(named("a", message("hello"))).event_id(), first);
}

#[test]
fn the_same_custom_id_of_another_author_is_another_send() {
    let mut story = Story::with_smith();
    let first = story.customer().sends_event(named("a", message("hello"))).event_id();
    assert_ne!(story.agent("smith").sends_event(named("a", message("hello"))).event_id(), first);
}

#[test]
fn without_a_custom_id_every_send_is_a_send() {
    let mut story = Story::with_smith();
    let first = story.customer().sends("hello").event_id();
    assert_ne!(story.customer().sends("hello").event_id(), first);
}

#[test]
fn a_repeated_send_is_known_after_a_restart() {
    let mut story = Story::with_smith();
    let first = story.customer().sends_event(named("a", message("hello"))).event_id();
    story.restart();
    assert_eq!(story.customer().sends_event(named("a", message("hello"))).event_id(), first);
}

#[test]
fn a_repeated_system_message_is_one_too() {
    let mut story = Story::with_smith();
    let first = story.agent("smith").sends_event(named("a", system("text"))).event_id();
    assert_eq!(story.agent("smith").sends_event(named("a", system("text"))).event_id(), first);
}

#[test]
fn a_send_that_opened_a_thread_is_not_repeated_either() {
    let mut story = Story::closed();
    let first = story.customer().sends_event(named("a", message("hello"))).event_id();
    assert_eq!(story.customer().sends_event(named("a", message("hello"))).event_id(), first);
    assert_eq!(story.thread().number, 2);
}

#[test]
fn a_send_is_remembered_in_the_next_thread_but_not_in_the_one_after() {
    let mut story = Story::with_smith();
    let again = || named("a", message("hello"));
    let first = story.customer().sends_event(again()).event_id();
    story.customer().closes().done();
    story.customer().sends("next topic").done();
    assert_eq!(story.customer().sends_event(again()).event_id(), first);
    story.customer().closes().done();
    story.customer().sends("another topic").done();
    assert_ne!(story.customer().sends_event(again()).event_id(), first);
}

#[test]
fn a_send_is_remembered_for_the_next_9999_events() {
    let mut story = Story::with_smith();
    let again = || named("a", message("hello"));
    let first = story.customer().sends_event(again()).event_id();
    (0..9_999).for_each(|_| drop(story.customer().sends("x")));
    assert_eq!(story.customer().sends_event(again()).event_id(), first);
    story.customer().sends("x").done();
    assert_ne!(story.customer().sends_event(again()).event_id(), first);
}

#[test]
fn an_event_that_is_too_large_changes_nothing() {
    let mut story = Story::with_smith();
    let before = story.chat.clone();
    assert_eq!(story.customer().sends(&"x".repeat(16_385)).wrong_field(), "event.text");
    assert_eq!(story.chat, before);
}

#[test]
fn events_can_be_sent_to_a_chat_whose_agents_are_all_away() {
    let mut story = Story::new();
    story.router_queues().customer().starts().done();
    let sent = story.customer().sends("anybody there?");
    assert!(matches!(&sent.decision().changes[0], Change::EventAdded(_)));
    assert_eq!(sent.told("kate"), ["incoming_event"]);
}
