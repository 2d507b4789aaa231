//! Who may set and delete what, where; who hears of it.

use super::super::testing::*;
use super::*;

fn score(value: i32) -> Properties {
    property("rating", "score", PropertyValue::Int(value))
}

fn flag() -> Properties {
    property("test", "bool_property", PropertyValue::Bool(true))
}

fn last_thread(story: &Story) -> Target {
    Target::Thread(story.thread_id())
}

fn last_event(story: &Story) -> Target {
    Target::Event(story.last_event().id.clone())
}

#[test]
fn properties_stand_on_chats_threads_and_events() {
    let mut story = Story::with_smith();
    story.customer().sends("hello").done();
    let (thread, event) = (last_thread(&story), last_event(&story));
    let chat = story.agent("smith").sets(Target::Chat, flag());
    assert_eq!(story.chat.properties["test"], flag()["test"]);
    assert_eq!(chat.names(), ["chat_properties_updated"]);
    let thread = story.agent("smith").sets(thread, flag());
    assert_eq!(story.thread().properties["test"], flag()["test"]);
    assert_eq!(thread.names(), ["thread_properties_updated"]);
    let event = story.agent("smith").sets(event, flag());
    let last = &story.chat.last_public_events[&crate::domain::event::EventKind::Message];
    assert_eq!(last.event.properties, flag());
    assert_eq!(event.names(), ["event_properties_updated"]);
}

#[test]
fn setting_merges_and_deleting_takes_only_what_is_named() {
    let mut story = Story::with_smith();
    let number = property("test", "int_property", PropertyValue::Int(7));
    story.agent("smith").sets(Target::Chat, flag()).done();
    story.agent("smith").sets(Target::Chat, number.clone()).done();
    assert_eq!(story.chat.properties["test"].len(), 2);
    let deleted = story.agent("smith").deletes(Target::Chat, "test", "bool_property");
    assert_eq!(story.chat.properties["test"], number["test"]);
    assert_eq!(deleted.names(), ["chat_properties_deleted"]);
    story.agent("smith").deletes(Target::Chat, "test", "int_property").done();
    assert!(!story.chat.properties.contains_key("test"), "an empty namespace goes too");
}

#[test]
fn a_push_tells_only_what_was_removed() {
    let mut story = Story::with_smith();
    story.agent("smith").sets(Target::Chat, flag()).done();
    let both = vec!["bool_property".to_owned(), "int_property".to_owned()];
    let names = [("test".to_owned(), both), ("nobody".to_owned(), vec!["x".to_owned()])].into();
    assert_eq!(
        properties::among(&names, &story.chat.properties),
        [("test".to_owned(), vec!["bool_property".to_owned()])].into()
    );
    let again = |story: &mut Story| story.agent("smith").deletes(Target::Chat, "test", "bool_property");
    assert_eq!(again(&mut story).names(), ["chat_properties_deleted"]);
    assert_eq!(again(&mut story).names(), [""; 0], "nobody is told of nothing");
    story.customer().sends("hello").done();
    for target in [last_thread(&story), last_event(&story)] {
        assert_eq!(story.agent("smith").deletes(target, "test", "bool_property").names(), [""; 0]);
    }
}

#[test]
fn a_push_tells_only_what_was_set() {
    let mut story = Story::with_smith();
    story.agent("smith").sets(Target::Chat, flag()).done();
    let number = property("test", "int_property", PropertyValue::Int(7));
    let set = story.agent("smith").sets(Target::Chat, number.clone());
    let PushBody::ChatPropertiesUpdated { properties, .. } = set.push("chat_properties_updated") else {
        unreachable!()
    };
    assert_eq!(properties, &number);
}

#[test]
fn rights_depend_on_the_side() {
    let mut story = Story::with_smith();
    let refused = story.agent("smith").sets(Target::Chat, score(1));
    assert!(matches!(refused.refused(), Rejection::Authorization(_)), "customers rate");
    story.customer().sets(Target::Chat, score(1)).done();
    let pinned = || property("routing", "pinned", PropertyValue::Bool(true));
    let refused = story.customer().sets(Target::Chat, pinned());
    assert!(matches!(refused.refused(), Rejection::Authorization(_)), "agents pin");
    story.agent("smith").sets(Target::Chat, pinned()).done();
    let refused = story.customer().deletes(Target::Chat, "routing", "pinned");
    assert!(matches!(refused.refused(), Rejection::Authorization(_)));
}

#[test]
fn rights_depend_on_the_location() {
    let mut story = Story::with_smith();
    story.customer().sends("hello").done();
    let (thread, event) = (last_thread(&story), last_event(&story));
    let pinned = || property("routing", "pinned", PropertyValue::Bool(true));
    for target in [thread.clone(), event.clone()] {
        let refused = story.agent("smith").sets(target, pinned());
        assert!(matches!(refused.refused(), Rejection::Authorization(_)), "pinned is written on chats only");
    }
    let title = || property("url_details", "title", PropertyValue::String("Shop".to_owned()));
    story.agent("smith").sets(event, title()).done();
    assert!(matches!(story.agent("smith").sets(thread, title()).refused(), Rejection::Authorization(_)));
}

#[test]
fn names_are_known_and_values_have_their_type() {
    let mut story = Story::with_smith();
    let mut set = |properties| story.agent("smith").sets(Target::Chat, properties).wrong_field();
    assert_eq!(set(property("test", "unknown", PropertyValue::Bool(true))), "properties");
    assert_eq!(set(property("unknown", "bool_property", PropertyValue::Bool(true))), "properties");
    assert_eq!(set(property("test", "bool_property", PropertyValue::Int(1))), "properties");
    assert_eq!(set(property("test", "int_property", PropertyValue::String("1".to_owned()))), "properties");
    let long = PropertyValue::String("x".repeat(16 * 1024 + 1));
    assert_eq!(set(property("test", "string_property", long)), "properties");
    assert_eq!(story.agent("smith").deletes(Target::Chat, "test", "unknown").wrong_field(), "properties");
}

#[test]
fn a_refused_value_leaves_the_others_unset_too() {
    let mut story = Story::with_smith();
    let mut both = flag();
    properties::set(&mut both, "test", "int_property", PropertyValue::Bool(true));
    let before = story.chat.clone();
    story.agent("smith").sets(Target::Chat, both).refused();
    assert_eq!(story.chat, before);
}

#[test]
fn what_does_not_exist_is_not_found() {
    let mut story = Story::with_smith();
    let thread = ThreadId::new("NOSUCHTHREAD");
    let event = crate::domain::id::EventId { thread: thread.clone(), number: 1 };
    let refused = story.agent("smith").sets(Target::Thread(thread), flag());
    assert_eq!(refused.refused(), &Rejection::NotFound("thread"));
    let refused = story.agent("smith").sets(Target::Event(event), flag());
    assert_eq!(refused.refused(), &Rejection::NotFound("event"));
}

#[test]
fn an_agents_only_event_is_not_found_by_the_customer() {
    let mut story = Story::with_smith();
    story.agent("smith").whispers("careful").done();
    let event = last_event(&story);
    assert_eq!(story.customer().sets(event.clone(), flag()).refused(), &Rejection::NotFound("event"));
    let set = story.agent("smith").sets(event, flag());
    assert!(set.told("kate").is_empty());
    assert_eq!(set.told("smith"), ["event_properties_updated"]);
}

#[test]
fn chat_and_thread_properties_are_told_to_all_with_access_and_event_properties_to_members() {
    let mut story = Story::with_smith();
    story.customer().sends("hello").done();
    let (thread, event) = (last_thread(&story), last_event(&story));
    assert_eq!(story.agent("smith").sets(Target::Chat, flag()).told("brown"), ["chat_properties_updated"]);
    assert_eq!(story.agent("smith").sets(thread, flag()).told("brown"), ["thread_properties_updated"]);
    let set = story.agent("smith").sets(event, flag());
    assert!(set.told("brown").is_empty());
    assert_eq!(set.told("kate"), ["event_properties_updated"]);
}

#[test]
fn properties_of_an_older_thread_are_stored_with_it_and_a_reload_agrees() {
    let mut story = Story::with_smith();
    story.customer().sends("hello").done();
    let (thread, event) = (story.thread_id(), last_event(&story));
    story.customer().closes().done();
    story.customer().resumes().done();
    for target in [Target::Thread(thread.clone()), event] {
        let set = story.agent("smith").sets(target, flag());
        assert_eq!(set.decision().older_thread, Some(thread.clone()));
        assert_eq!(story.reloaded(), story.chat, "the last thread's log knows nothing of it");
    }
    assert_eq!(story.thread().properties.get("test"), None);
}

#[test]
fn a_customer_s_rating_is_told_in_the_chat_even_after_it_was_closed() {
    let mut story = Story::closed();
    let thread = last_thread(&story);
    let rated = story.customer().sets(thread.clone(), score(1));
    assert_eq!(story.last_system_message(), ("rating.chat_rated", "Kate rated the chat as good"));
    assert_eq!(rated.told("kate"), ["thread_properties_updated", "incoming_event"]);
    assert!(!story.thread().active);
    story.customer().sets(thread.clone(), score(0)).done();
    assert_eq!(story.last_system_message(), ("rating.chat_rated", "Kate rated the chat as bad"));
    let comment = property("rating", "comment", PropertyValue::String("slow".to_owned()));
    story.customer().sets(thread.clone(), comment).done();
    let expected = ("rating.chat_commented", "Kate left the following comment: slow");
    assert_eq!(story.last_system_message(), expected);
    story.customer().deletes(thread.clone(), "rating", "score").done();
    assert_eq!(story.last_system_message(), ("rating.chat_rating_canceled", "Kate canceled the chat rating"));
    let messages = story.system_messages().len();
    assert_eq!(story.customer().deletes(thread, "rating", "score").names(), [""; 0]);
    assert_eq!(story.system_messages().len(), messages, "there was none any more");
    assert_eq!(story.reloaded(), story.chat);
}
