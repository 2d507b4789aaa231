//! When a transcript is asked for, promised and owed, and what is said of it.

use super::super::testing::*;
use super::super::{CloseBanned, Command, LeaveCause, NewThread};
use super::*;
use crate::domain::change::Target;
use crate::domain::properties::{Properties, PropertyValue};
use crate::domain::push::PushBody;
use crate::domain::retelling::{After, retell};

const ADDRESS: &str = "kate@mail.example";

fn to(address: &str) -> Properties {
    property("routing", "transcript_email", PropertyValue::String(address.to_owned()))
}

/// Kate's chat with smith, on a server that has a relay.
fn with_relay() -> Story {
    let mut story = Story::new();
    story.rules.mails_transcripts = true;
    story.router_assigns("smith").customer().starts().done();
    story
}

fn asks(story: &mut Story, address: &str) -> Outcome {
    let thread = Target::Thread(story.thread_id());
    story.customer().sets(thread, to(address))
}

/// As [`with_relay`], and kate wants a transcript.
fn asked() -> Story {
    let mut story = with_relay();
    asks(&mut story, ADDRESS).done();
    story
}

fn said(story: &Story) -> Vec<(&str, &str)> {
    let mut said = story.system_messages();
    said.retain(|(kind, _)| kind.starts_with("transcript_"));
    said
}

fn owes(story: &Story) -> Vec<(ThreadId, String)> {
    transcript::owed(&story.chat).map(|owed| (owed.thread, owed.address)).collect()
}

const REQUESTED: (&str, &str) =
    ("transcript_requested", "Kate requested the chat transcript to be sent to kate@mail.example");
const SENT: (&str, &str) = ("transcript_sent", "Kate sent the chat transcript to kate@mail.example");

#[test]
fn asking_is_said_in_the_thread_once_for_each_address() {
    let mut story = with_relay();
    let asked = asks(&mut story, ADDRESS);
    assert_eq!(asked.told("kate"), ["thread_properties_updated", "incoming_event"]);
    assert_eq!(asked.told("smith"), ["thread_properties_updated", "incoming_event"]);
    assert_eq!(said(&story), [REQUESTED]);
    asks(&mut story, ADDRESS).done();
    assert_eq!(said(&story).len(), 1, "nothing new");
    asks(&mut story, "").done();
    assert_eq!(said(&story).len(), 1, "not any more");
    asks(&mut story, ADDRESS).done();
    asks(&mut story, "else@mail.example").done();
    assert_eq!(said(&story).len(), 3);
    assert_eq!(story.reloaded(), story.chat);
}

#[test]
fn who_asks_again_and_again_is_not_told_so_for_ever() {
    let mut story = with_relay();
    for number in 0..20 {
        asks(&mut story, &format!("kate{number}@mail.example")).done();
    }
    assert_eq!(said(&story).len(), 5);
    story.customer().closes().done();
    assert_eq!(owes(&story), [(story.thread_id(), "kate19@mail.example".to_owned())], "one mail a thread");
}

#[test]
fn what_is_no_address_is_refused_wherever_it_is_set() {
    let mut story = with_relay();
    for bad in ["kate", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example"] {
        assert_eq!(asks(&mut story, bad).wrong_field(), "properties");
        let mut other = Story::new();
        let thread = NewThread { thread_properties: to(bad), ..plain() };
        assert_eq!(other.customer().starts_with(thread).wrong_field(), "properties");
    }
    assert!(said(&story).is_empty());
}

#[test]
fn a_thread_may_begin_with_it() {
    let mut story = Story::new();
    story.rules.mails_transcripts = true;
    let thread = || NewThread { thread_properties: to(ADDRESS), ..plain() };
    story.router_assigns("smith").customer().starts_with(thread()).done();
    assert_eq!(said(&story), [REQUESTED]);
    story.customer().closes().done();
    story.router_assigns("smith").customer().resumes_with(thread()).done();
    assert_eq!(said(&story), [REQUESTED, SENT, REQUESTED]);
    assert_eq!(owes(&story).len(), 1, "the earlier thread's goes along");
    story.customer().closes().done();
    assert_eq!(owes(&story).len(), 2);
    assert_eq!(story.reloaded(), story.chat);
}

#[test]
fn one_that_is_opened_closed_owes_it_at_once() {
    let mut story = Story::new();
    story.rules.mails_transcripts = true;
    let thread = NewThread { thread_properties: to(ADDRESS), active: false, ..plain() };
    story.customer().starts_with(thread).done();
    assert_eq!(said(&story), [REQUESTED, SENT]);
    assert_eq!(owes(&story), [(story.thread_id(), ADDRESS.to_owned())]);
}

#[test]
fn whoever_ends_the_thread_it_is_owed() {
    let by_agent: fn(&mut Story) -> Outcome = |story| story.agent("smith").closes();
    let by_customer: fn(&mut Story) -> Outcome = |story| story.customer().closes();
    let by_time: fn(&mut Story) -> Outcome = |story| story.wait(3_600).server().closes_if_inactive();
    let by_ban: fn(&mut Story) -> Outcome =
        |story| story.agent("smith").gives(Command::CloseBanned(CloseBanned { days: 3 }));
    let by_loss: fn(&mut Story) -> Outcome =
        |story| story.server().archives_after("smith", LeaveCause::SignedOut);
    for ends in [by_agent, by_customer, by_time, by_ban, by_loss] {
        let mut story = asked();
        ends(&mut story).done();
        assert!(!story.thread().active);
        assert_eq!(said(&story), [REQUESTED, SENT]);
        assert_eq!(story.last_system_message(), SENT);
        assert_eq!(owes(&story), [(story.thread_id(), ADDRESS.to_owned())]);
        assert_eq!(story.reloaded(), story.chat);
    }
}

#[test]
fn nothing_is_promised_without_a_relay_or_by_who_does_not_want_it_any_more() {
    let mut silent = Story::with_smith();
    assert_eq!(asks(&mut silent, ADDRESS).names(), ["thread_properties_updated"]);
    silent.customer().closes().done();
    let mut taken_back = asked();
    let thread = Target::Thread(taken_back.thread_id());
    taken_back.customer().deletes(thread, "routing", "transcript_email").done();
    taken_back.customer().closes().done();
    let mut emptied = asked();
    asks(&mut emptied, "").done();
    emptied.customer().closes().done();
    let mut late = with_relay();
    late.customer().closes().done();
    asks(&mut late, ADDRESS).done();
    for story in [silent, taken_back, emptied, late] {
        assert!(owes(&story).is_empty());
        assert!(said(&story).iter().all(|said| *said == REQUESTED));
    }
}

#[test]
fn what_is_owed_is_settled_once_and_told_to_nobody() {
    let mut story = asked();
    let thread = story.thread_id();
    story.customer().closes().done();
    let before = story.chat.clone();
    let settle = || Command::SettleTranscript(SettleTranscript { thread: thread.clone() });
    let settled = story.server().gives(settle());
    assert!(settled.names().is_empty() && owes(&story).is_empty());
    assert!(
        story.chat.properties.keys().all(|namespace| ["routing", "source"].contains(&namespace.as_str())),
        "{:?}",
        story.chat.properties
    );
    assert!(story.server().gives(settle()).is_nothing());
    assert_eq!(story.reloaded(), story.chat);
    let (_, changes) = story.rows.last().expect("a row");
    let after = After { chat: &story.chat, events: &[], shown: 0 };
    assert!(retell(&before, changes, after).is_empty());
}

#[test]
fn who_missed_the_end_is_told_of_it_and_not_of_what_is_owed() {
    let mut story = asked();
    let before = story.chat.clone();
    story.customer().closes().done();
    let (_, changes) = story.rows.last().expect("a row");
    let after = After { chat: &story.chat, events: &[], shown: 0 };
    for push in retell(&before, changes, after) {
        assert!(!matches!(push.body, PushBody::ChatPropertiesUpdated { properties, .. }
            if properties.keys().any(|namespace| namespace != "routing")));
    }
}
