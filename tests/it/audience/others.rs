//! Pushes that come in the router's own time, or of a customer's coming and going; and whether any push is forgotten.

use std::path::Path;

use serde_json::{Value, json};
use switchboard::protocol::version::Surface;
use switchboard::protocol::view::PUSHES;

use super::cases::CASES;
use super::{GROUP, Stage};
use crate::support::{Plan, Session, TestNode, shared};

/// Served pushes that stand in no row of the table, and the test that shows whom they reach.
const ELSEWHERE: &[(Surface, &str, &str)] = &[
    (Surface::Agent, "queue_positions_updated", "below"),
    (Surface::Customer, "queue_position_updated", "below"),
    (Surface::Agent, "groups_status_updated", "below"),
    (Surface::Customer, "groups_status_updated", "below"),
    (Surface::Agent, "incoming_customer", "below"),
    (Surface::Agent, "customer_left", "below"),
    (Surface::Agent, "incoming_customers", "chats::visitors: the connection that has logged in"),
    (Surface::Agent, "customer_transferred", "chats::visitors: who loses sight of them"),
    (
        Surface::Agent,
        "subscribed_customers_totals_updated",
        "chats::visitors: the connection that subscribed",
    ),
    (Surface::Agent, "agent_disconnected", "sessions::ends: the connection that ends"),
    (Surface::Agent, "agent_created", "protocol_tables::license_news: no operator does it yet"),
    (Surface::Agent, "agent_approved", "audience::operators"),
    (Surface::Agent, "agent_suspended", "audience::operators"),
    (Surface::Agent, "agent_unsuspended", "audience::operators"),
    (Surface::Agent, "agent_deleted", "audience::operators"),
    (Surface::Agent, "agent_updated", "audience::operators"),
    (Surface::Agent, "auto_accesses_updated", "audience::operators"),
    (Surface::Agent, "bot_created", "protocol_tables::license_news: no operator does it yet"),
    (Surface::Agent, "bot_updated", "protocol_tables::license_news: no operator does it yet"),
    (Surface::Agent, "bot_deleted", "protocol_tables::license_news: no operator does it yet"),
    (Surface::Agent, "group_created", "audience::operators"),
    (Surface::Agent, "group_updated", "audience::operators"),
    (Surface::Agent, "group_deleted", "audience::operators"),
    (Surface::Agent, "license_properties_updated", "audience::operators"),
    (Surface::Agent, "group_properties_updated", "audience::operators"),
    (Surface::Customer, "incoming_multicast", "no recipients of 3.6 are customers"),
    (Surface::Customer, "incoming_welcome_message", "chats::greetings: the connection that asked"),
    (Surface::Customer, "incoming_greeting", "chats::greetings: the customer's connections"),
    (Surface::Customer, "greeting_accepted", "chats::greetings: the customer's connections"),
    (Surface::Customer, "greeting_canceled", "chats::greetings: the customer's connections"),
];

/// What `audience.md` names and nothing here can bring about.
const ABSENT: &[(&str, &str)] = &[
    ("event_updated", "no method changes an event, but for what has a push of its own"),
    ("thread_summary_set", "request_thread_summary is absent"),
    ("incoming_error", "request_thread_summary is absent, and nothing else is asynchronous"),
    ("tag_*", "tags are free texts"),
];

#[tokio::test]
async fn places_in_the_queue_are_told_to_who_sees_the_chats_and_to_each_customer_their_own() {
    let on = Stage::set(shared().await).await;
    let first = on.other_customer.starts_chat_in(GROUP, "first").await;
    let waiting = on.license.customer().await.logs_in().await;
    let chat = waiting.starts_chat_in(GROUP, "second").await;
    on.forgets_pushes().await;
    waiting.forget_pushes().await;
    on.agents[0].joins(&first).await;
    let moved = |place: &Value| place["chat_id"] == *chat.id && place["queue"]["position"] == 1;
    for session in on.told("RMFA") {
        let has_moved = |push: &Value| push.as_array().is_some_and(|places| places.iter().any(moved));
        session.expect_push("queue_positions_updated", has_moved).await;
    }
    waiting.expect_push("queue_position_updated", moved).await;
    for (letter, session) in on.sessions() {
        if "WX".contains(letter) {
            session.expect_no_push("queue_positions_updated").await;
        } else if "CcD".contains(letter) {
            session.expect_no_push_that("queue_position_updated", |push| push["chat_id"] == *chat.id).await;
        }
    }
}

#[tokio::test]
async fn statuses_of_groups_are_told_to_the_whole_license_and_to_nobody_else() {
    let on = Stage::set(shared().await).await;
    on.forgets_pushes().await;
    on.session('M').call("set_routing_status", json!({ "status": "accepting_chats" })).await;
    let says = |status: &'static str| {
        move |push: &Value| {
            let groups = push["groups"].as_array().expect("groups");
            groups.contains(&json!({ "id": GROUP, "status": status }))
        }
    };
    for session in on.told("RMFAW") {
        session.expect_push("groups_status_updated", says("accepting_chats")).await;
    }
    for session in on.told("CcD") {
        session.expect_push("groups_status_updated", says("online")).await;
    }
    // Of their own license they are told as well, a while after somebody logs in there; but nobody accepts chats in it.
    on.session('X').expect_no_push_that("groups_status_updated", says("accepting_chats")).await;
}

#[tokio::test]
async fn a_customer_s_coming_and_going_is_told_to_who_watches_and_to_who_chats_with_them() {
    let settings = [("rtm.customer_left_after", "50ms")];
    let node = TestNode::with(&settings, Plan { licenses: 2, ..Plan::default() }).await;
    let on = Stage::set(&node).await;
    for letter in ['W', 'X'] {
        on.session(letter).call("subscribe_customers", json!({ "group_ids": [0] })).await;
    }
    on.forgets_pushes().await;
    let Stage { agents, twins, customer, device, other_customer, stranger, .. } = on;
    let who = customer.who.clone();
    drop((customer, device));
    let members = agents[..3].iter().chain(twins.iter().map(|(_, twin)| twin));
    let told: Vec<&Session> = members.chain([&agents[4]]).map(|agent| &agent.session).collect();
    let others = [&agents[3].session, &other_customer.session, &stranger.session];
    for session in &told {
        session.expect_push("customer_left", |push| push["id"] == *who.id).await;
    }
    let back = who.logs_in().await;
    for session in &told {
        session.expect_push("incoming_customer", |push| push["id"] == *who.id).await;
    }
    back.settle().await;
    for session in others {
        session.expect_no_push("customer_left").await;
        session.expect_no_push("incoming_customer").await;
    }
}

impl Stage {
    /// The connections of these letters, with the second ones of who has two.
    pub(super) fn told(&self, letters: &str) -> Vec<&Session> {
        let twins = self.twins.iter().filter(|(of, _)| letters.contains(*of)).map(|(_, twin)| &twin.session);
        let sessions = self.sessions().into_iter().filter(|(letter, _)| letters.contains(*letter));
        sessions.map(|(_, session)| session).chain(twins).collect()
    }
}

#[test]
fn every_push_that_is_served_has_a_row_or_a_test_of_its_own() {
    for (surface, push) in PUSHES {
        let letters = if *surface == Surface::Agent { "RMFAW" } else { "CcD" };
        let is_heard =
            |(name, heard): &(&str, &str)| name == push && heard.contains(|one| letters.contains(one));
        let has_row = CASES.iter().flat_map(|case| case.expected).any(is_heard);
        let is_elsewhere = ELSEWHERE.iter().any(|(on, name, _)| (on, name) == (surface, push));
        assert!(
            has_row != is_elsewhere,
            "{surface:?} {push}: in the table {has_row}, elsewhere {is_elsewhere}"
        );
    }
}

#[test]
fn every_push_that_the_page_names_is_served_or_said_to_be_absent() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol/audience.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let pushes = row.split('|').nth(1).expect("a column");
        for name in pushes.split('`').skip(1).step_by(2) {
            named += 1;
            let names: Vec<&str> = match name {
                "incoming_customer(s)" => vec!["incoming_customer", "incoming_customers"],
                name => vec![name],
            };
            for name in names {
                let fits = |push: &str| match name.strip_suffix('*') {
                    Some(prefix) => push.starts_with(prefix),
                    None => push == name,
                };
                let is_served = PUSHES.iter().any(|(_, push)| fits(push));
                let is_absent = ABSENT.iter().any(|(absent, _)| *absent == name);
                assert!(is_served != is_absent, "{name}");
            }
        }
    }
    assert!(named > 30, "only {named} names");
}
