//! By which application somebody opened a chat or a thread and wrote: the properties `source`.

use super::super::testing::*;
use super::super::*;
use crate::domain::change::Target;
use crate::domain::event::NewEvent;
use crate::domain::properties::{self, Properties, PropertyValue};
use crate::domain::visit::Provenance;

/// `client_id` and `customer_client_id`.
fn source(of: &Properties) -> [Option<&str>; 2] {
    ["client_id", "customer_client_id"].map(|name| match properties::get(of, "source", name)? {
        PropertyValue::String(client) => Some(client.as_str()),
        other => panic!("no text: {other:?}"),
    })
}

/// Of the chat, and of its last thread.
fn sources(story: &Story) -> [[Option<&str>; 2]; 2] {
    [source(&story.chat.properties), source(&story.thread().properties)]
}

fn client(event: &Event) -> Option<&str> {
    event.client.as_ref().map(ClientId::as_str)
}

#[test]
fn a_customer_s_chat_and_events_name_their_application() {
    let mut story = Story::with_smith();
    let web = Some("kate-web");
    assert_eq!(sources(&story), [[web; 2]; 2]);
    story.customer().sends("hello").event_id();
    assert_eq!(client(story.last_event()), web);
    story.customer().by(Some("kate-app")).attaches("and from there").event_id();
    assert_eq!(client(story.last_event()), Some("kate-app"));
    story.agent("smith").sends("hi").event_id();
    assert_eq!(client(story.last_event()), None, "agents' tokens name none");
    let of_server = story.events.iter().filter(|event| event.author.is_none());
    assert!(of_server.clone().count() > 0 && of_server.into_iter().all(|event| client(event).is_none()));
    assert_eq!(sources(&story), [[web; 2]; 2], "whoever writes later");
    assert_eq!(story.reloaded(), story.chat);
}

#[test]
fn initial_events_name_who_sent_them_and_not_whose_they_are_said_to_be() {
    let mut story = Story::new();
    let thread = || NewThread { events: vec![message("first")], ..plain() };
    story.customer().starts_with(thread()).done();
    assert_eq!(story.events.iter().find_map(|event| client(event)), Some("kate-web"));
    let mut story = Story::new();
    let said = NewEvent { author: Some(customer_id("kate").as_str().into()), ..message("first") };
    let thread = NewThread { events: vec![said], users: vec![customer("kate")], ..plain() };
    story.agent("smith").starts_with(thread).done();
    assert!(story.events.iter().any(|event| event.author == Some(user_id("kate"))));
    assert!(story.events.iter().all(|event| client(event).is_none()));
}

#[test]
fn who_opens_a_later_thread_has_not_started_the_chat() {
    let (web, app) = (Some("kate-web"), Some("kate-app"));
    let mut story = Story::closed();
    story.customer().by(app).resumes().done();
    assert_eq!(sources(&story), [[web, app], [app, app]]);
    story.customer().closes().done();
    story.customer().sends("me again").done();
    assert_eq!(sources(&story), [[web, web], [web, web]], "by an event");
    assert_eq!(story.reloaded(), story.chat);
}

#[test]
fn an_agent_s_chat_names_by_what_its_customer_comes_if_that_is_known() {
    let app = Some("kate-app");
    for known in [None, app] {
        let mut story = Story::new();
        let customer_client = known.map(ClientId::new);
        let thread = NewThread { users: vec![customer("kate")], customer_client, ..plain() };
        story.agent("smith").starts_with(thread).done();
        assert_eq!(sources(&story), [[None, known]; 2]);
    }
    // Without a customer there is none to name.
    let mut story = Story::new();
    let thread = NewThread { customer_client: app.map(ClientId::new), ..plain() };
    story.agent("smith").starts_with(thread).done();
    assert_eq!(sources(&story), [[None; 2]; 2]);
}

#[test]
fn an_agent_s_thread_names_by_what_its_customer_came_last() {
    let (web, app) = (Some("kate-web"), Some("kate-app"));
    let mut story = Story::closed();
    story.agent("brown").sends("one more thing").done();
    assert_eq!(sources(&story), [[web, web], [None, web]], "nothing newer is known");
    story.agent("brown").closes().done();
    let came = Provenance { client: app.map(ClientId::new), ..Provenance::default() };
    story.visit = Some((customer_id("kate"), came));
    story.agent("brown").sends("and another").done();
    assert_eq!(sources(&story), [[web, app], [None, app]]);
}

#[test]
fn where_an_earlier_version_did_not_pass_it_on_none_is_named() {
    let mut story = Story::new();
    story.customer().by(None).starts().done();
    story.customer().by(None).sends("hello").event_id();
    assert_eq!((client(story.last_event()), sources(&story)), (None, [[None; 2]; 2]));
    let text = serde_json::to_string(story.last_event()).expect("JSON");
    assert!(!text.contains("client"), "{text}");
    let read: Event = serde_json::from_str(&text).expect("what an earlier version stored");
    assert_eq!(&read, story.last_event());
    let caller = serde_json::json!({ "customer": { "id": "k", "profile": null } });
    let caller: Caller = serde_json::from_value(caller).expect("what an earlier version passed on");
    assert_eq!(caller.client(), None);
}

#[test]
fn nobody_writes_it_themselves() {
    let mut story = Story::with_smith();
    let thread = story.thread().id.clone();
    let event = story.customer().sends("hello").event_id();
    let set = || property("source", "client_id", PropertyValue::String("mine".to_owned()));
    for target in [Target::Chat, Target::Thread(thread), Target::Event(event)] {
        let refused = story.customer().sets(target.clone(), set());
        assert!(matches!(refused.refused(), Rejection::Authorization(_)), "{target:?}");
        let refused = story.agent("smith").sets(target.clone(), set());
        assert!(matches!(refused.refused(), Rejection::Authorization(_)), "{target:?}");
        let refused = story.customer().deletes(target.clone(), "source", "client_id");
        assert!(matches!(refused.refused(), Rejection::Authorization(_)), "{target:?}");
    }
    let event = NewEvent { properties: set(), ..message("by another") };
    assert!(matches!(story.customer().sends_event(event).refused(), Rejection::Authorization(_)));
}
