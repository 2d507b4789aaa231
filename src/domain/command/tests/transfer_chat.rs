//! Handing a chat on: to a group, to an agent, to nobody in particular.

use super::super::testing::*;
use super::super::*;
use crate::domain::properties::{self, PropertyValue};
use crate::domain::push::{PushBody, TransferReason, TransferTarget};

fn to_groups(ids: &[i64]) -> TransferTo {
    TransferTo::Groups(groups(ids).group_ids)
}

fn to_agent(name: &str) -> TransferTo {
    TransferTo::Agents(vec![agent_id(name)])
}

/// Kate's chat in group 1, served by smith.
fn in_sales() -> Story {
    let mut story = Story::new();
    let thread = NewThread { access: Some(groups(&[1])), ..plain() };
    story.router_assigns("smith").customer().starts_with(thread).done();
    story
}

#[test]
fn a_transfer_to_a_group_gives_the_chat_and_the_access_to_that_group() {
    let mut story = in_sales();
    story.router_assigns("brown").agent("smith").transfers(to_groups(&[2])).done();
    assert_eq!(story.chat.access, groups(&[2]));
    assert_eq!(story.thread().access, groups(&[2]));
    assert_eq!(story.serving(), [agent_id("brown")]);
    assert!(!story.is_present("smith"));
    assert_eq!(story.thread().assigned, [agent_id("smith"), agent_id("brown")]);
    let refused = story.agent("smith").sends("hi");
    assert!(matches!(refused.refused(), Rejection::MissingAccess(_)));
}

#[test]
fn those_who_had_the_chat_hear_of_the_transfer_and_those_who_gain_it_get_the_chat() {
    let mut story = in_sales();
    let transferred = story.router_assigns("brown").agent("smith").transfers(to_groups(&[2]));
    let expected =
        ["user_removed_from_chat", "chat_access_updated", "user_added_to_chat", "chat_transferred"];
    assert_eq!(transferred.told("smith"), expected);
    assert_eq!(transferred.told("kate"), [&expected[..], &["incoming_event"]].concat());
    assert_eq!(transferred.told("brown"), ["incoming_chat", "incoming_event"]);
    assert!(transferred.told("bot").is_empty(), "neither before nor after");
    let from = TransferTarget { group_ids: vec![GroupId(1)], agent_ids: vec![agent_id("smith")] };
    let PushBody::IncomingChat { transferred_from, .. } = transferred.push("incoming_chat") else {
        unreachable!()
    };
    assert_eq!(transferred_from.as_ref(), Some(&from));
    let PushBody::ChatTransferred { reason, to, queue, requester, .. } = transferred.push("chat_transferred")
    else {
        unreachable!()
    };
    assert_eq!(*reason, TransferReason::Manual);
    assert_eq!(to, &TransferTarget { group_ids: vec![GroupId(2)], agent_ids: vec![agent_id("brown")] });
    assert_eq!(*queue, None);
    assert_eq!(*requester, Some(user_id("smith")));
}

#[test]
fn a_transfer_to_an_agent_keeps_the_access() {
    let mut story = Story::with_smith();
    let transferred = story.router_assigns("brown").agent("smith").transfers(to_agent("brown"));
    assert_eq!(story.chat.access, groups(&[0]));
    assert_eq!(story.serving(), [agent_id("brown")]);
    assert!(!transferred.names().contains(&"chat_access_updated"));
    assert_eq!(
        transferred.told("brown"),
        ["user_removed_from_chat", "user_added_to_chat", "chat_transferred", "incoming_event"],
        "brown had access before"
    );
    let message = ("chat_transferred", "Smith transferred the chat to Brown");
    assert_eq!(story.last_system_message(), message);
}

#[test]
fn a_transfer_to_nobody_stays_in_the_groups() {
    let mut story = in_sales();
    story.hires(&["jones"]);
    story.router_assigns("jones").agent("smith").transfers(TransferTo::Anybody).done();
    assert_eq!(story.chat.access, groups(&[1]));
    assert_eq!(story.serving(), [agent_id("jones")]);
}

#[test]
fn a_transfer_stamps_the_thread_with_its_second() {
    let mut story = Story::with_smith();
    story.wait(5).router_assigns("brown").agent("smith").transfers(to_agent("brown")).done();
    let stamp = properties::get(&story.thread().properties, "routing", "last_transfer_timestamp");
    assert_eq!(stamp, Some(&PropertyValue::Int(1_700_000_005)));
}

#[test]
fn a_transferred_chat_may_wait_if_the_requester_allows() {
    let mut story = Story::with_smith();
    let transferred = story.router_queues().agent("smith").transfers(to_groups(&[2]));
    assert!(story.serving().is_empty());
    assert!(story.thread().queued_at.is_some());
    let PushBody::ChatTransferred { queue: Some(place), .. } = transferred.push("chat_transferred") else {
        panic!("a place in the queue");
    };
    assert_eq!(place.queued_at, story.thread().queued_at);
    assert_eq!(story.last_system_message(), ("chat_transferred", "Smith transferred the chat to Support"));
}

#[test]
fn a_transfer_that_nobody_can_take_at_once_is_refused_unless_the_requester_allows_waiting() {
    let command = TransferChat {
        to: to_groups(&[2]),
        ignore_agents_availability: false,
        ignore_requester_presence: false,
    };
    let routes = [
        (Route::Queue(None), Rejection::GroupsOffline),
        (Route::GroupsOffline, Rejection::GroupsOffline),
        (Route::AgentOffline, Rejection::AgentOffline),
    ];
    for (route, expected) in routes {
        let mut story = Story::with_smith();
        let before = story.chat.clone();
        let refused = story.router_says(route).agent("smith").gives(Command::TransferChat(command.clone()));
        assert_eq!(refused.refused(), &expected);
        assert_eq!(story.chat, before);
    }
}

#[test]
fn a_closed_chat_is_not_transferred() {
    let mut story = Story::closed();
    assert_eq!(story.agent("smith").transfers(to_agent("brown")).refused(), &Rejection::ChatInactive);
}

#[test]
fn whoever_transfers_is_in_the_chat_unless_that_does_not_matter() {
    let mut story = Story::with_smith();
    let refused = story.router_assigns("brown").agent("brown").transfers(to_agent("brown"));
    assert!(matches!(refused.refused(), Rejection::MissingAccess(_)));
    let command = TransferChat {
        to: to_agent("brown"),
        ignore_agents_availability: false,
        ignore_requester_presence: true,
    };
    story.router_assigns("brown").agent("brown").gives(Command::TransferChat(command)).done();
    assert_eq!(story.serving(), [agent_id("brown")]);
}

#[test]
fn the_target_exists_and_has_access() {
    let mut story = in_sales();
    let mut transfer = |to| story.router_assigns("brown").agent("smith").transfers(to).refused().clone();
    assert_eq!(transfer(to_groups(&[77])), Rejection::GroupNotFound(77));
    assert!(matches!(transfer(to_groups(&[])), Rejection::Validation { field: "target.ids", .. }));
    assert!(matches!(
        transfer(TransferTo::Agents(Vec::new())),
        Rejection::Validation { field: "target.ids", .. }
    ));
    assert_eq!(transfer(to_agent("nobody")), Rejection::NotFound("agent"));
    assert!(matches!(transfer(to_agent("brown")), Rejection::MissingAccess(_)));
}

#[test]
fn a_hidden_member_stays_when_the_chat_is_handed_on() {
    let mut story = Story::with_smith();
    story.hires(&["jones"]);
    story.agent("jones").supervises().done();
    story.router_assigns("brown").agent("smith").transfers(to_agent("brown")).done();
    assert!(story.is_present("jones"));
    assert_eq!(story.serving(), [agent_id("brown")]);
}

#[test]
fn the_customer_is_not_told_that_a_hidden_member_handed_the_chat_on() {
    let mut story = Story::with_smith();
    story.hires(&["jones"]);
    story.agent("jones").supervises().done();
    let handed_on = story.router_assigns("brown").agent("jones").transfers(to_agent("brown"));
    assert!(!handed_on.told("kate").contains(&"incoming_event"));
    for push in ["user_removed_from_chat", "user_added_to_chat", "chat_transferred"] {
        assert_eq!(handed_on.requesters_told("kate", push), [None], "{push}");
        assert_eq!(handed_on.requesters_told("smith", push), [Some(user_id("jones"))], "{push}");
    }
}

#[test]
fn taking_a_waiting_chat_ends_its_waiting() {
    let mut story = Story::new();
    story.router_queues().customer().starts().done();
    story.wait(43);
    let command = TransferChat {
        to: to_agent("smith"),
        ignore_agents_availability: false,
        ignore_requester_presence: true,
    };
    story.router_assigns("smith").agent("smith").gives(Command::TransferChat(command)).done();
    assert_eq!(story.thread().queued_at, None);
    assert_eq!(story.thread().queues_duration, Some(42), "whole seconds");
}
