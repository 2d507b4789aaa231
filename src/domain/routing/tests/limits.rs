//! Limits of agents and of the license.

use super::super::*;
use super::office::{Office, agent_id, chat_id};

#[test]
fn a_thousand_chats_started_at_once_against_limits_that_hold_700() {
    let mut office = Office::new(RouterSettings { queue_limit: None, ..RouterSettings::default() });
    for agent in 0..100 {
        office.hire(&format!("agent{agent:03}"), 7);
    }
    // All ask before any of them reports.
    let routed: Vec<Routed> = (0..1000)
        .map(|chat| office.router.request(&ChatRequest::new(chat_id(format!("{chat:04}"))), office.now))
        .collect();
    let assigned = routed.iter().filter(|routed| matches!(routed.decision, Decision::Assign(_)));
    assert_eq!(assigned.count(), 700);
    for (at, routed) in routed.iter().enumerate().skip(700) {
        let Decision::Queue(place) = &routed.decision else { panic!("{at} does not wait") };
        assert_eq!(place.position as usize, at - 699);
    }
    for agent in 0..100 {
        assert_eq!(office.router.load(&agent_id(format!("agent{agent:03}"))), 7);
    }
    for (at, routed) in routed.into_iter().enumerate() {
        let mut log = ChatState::new(chat_id(format!("{at:04}")), 1);
        log.settled = routed.id;
        match routed.decision {
            Decision::Assign(agent) => log.members = vec![agent],
            Decision::Queue(place) => log.queued_since = Some(place.queued_at),
            other => panic!("{other:?}"),
        }
        office.logs.insert(log.chat.clone(), log);
        office.report(&format!("{at:04}"));
    }
    assert!(office.effects.is_empty());

    // Slots become free in an order that has nothing to do with that of the chats (611 is prime to 700).
    for freed in 0..300 {
        office.close(&format!("{:04}", freed * 611 % 700));
        let next = format!("{:04}", 700 + freed);
        assert!(office.serving(&next).is_some(), "{next} is not served");
        assert_eq!(office.position(&format!("{:04}", 701 + freed)), (freed < 299).then_some(1));
    }
    assert!(office.router.snapshot().agents.iter().all(|agent| agent.chats <= 7));
    assert_eq!(office.router.snapshot().served, 700);
}

#[test]
fn the_lower_of_the_agents_and_the_license_wide_limit_rules() {
    let settings = RouterSettings { max_agent_active_chats: Some(2), ..RouterSettings::default() };
    let mut office = Office::new(settings);
    office.hire("ann", 6);
    office.hire("bob", 1);
    for chat in ["a", "b", "c", "d"] {
        office.start(chat);
    }
    assert_eq!((office.router.load(&agent_id("ann")), office.router.load(&agent_id("bob"))), (2, 1));
    assert_eq!(office.position("d"), Some(1));
}

#[test]
fn limits_of_the_license_and_of_agents_that_change_together_are_one_change() {
    let only_one = RouterSettings { max_agent_active_chats: Some(1), ..RouterSettings::default() };
    let mut office = Office::new(only_one);
    office.hire("ann", 6);
    office.hire("bob", 6);
    for chat in ["a", "b", "c", "d", "e", "f"] {
        office.start(chat);
    }
    let five = RouterSettings { max_agent_active_chats: Some(5), ..RouterSettings::default() };
    let ann = AgentRouting { max_chats: 2, ..AgentRouting::human(agent_id("ann")) };
    let bob = AgentRouting { max_chats: 1, ..AgentRouting::human(agent_id("bob")) };
    office.configure_all(five, &[ann, bob]);
    assert_eq!((office.router.load(&agent_id("ann")), office.router.load(&agent_id("bob"))), (2, 1));
}

#[test]
fn the_license_wide_agent_limit_does_not_bind_bots() {
    let settings = RouterSettings { max_agent_active_chats: Some(1), ..RouterSettings::default() };
    let mut office = Office::new(settings);
    office.hire_as(AgentRouting { kind: AgentKind::Bot, ..AgentRouting::human(agent_id("bot")) });
    for chat in ["a", "b", "c"] {
        office.start(chat);
    }
    assert_eq!(office.router.load(&agent_id("bot")), 3);
}

#[test]
fn the_license_limit_holds_whoever_is_free() {
    let mut office = Office::new(RouterSettings { concurrent_chats: Some(1), ..RouterSettings::default() });
    office.hire("ann", 6);
    office.start("a");
    assert!(matches!(office.start("b"), Decision::Queue(_)));
    assert_eq!(office.last_record().rule, Rule::LicenseLimit);
    let by_hand = ChatRequest { by_agent: Some(agent_id("ann")), ..ChatRequest::new(chat_id("c")) };
    assert_eq!(office.start_as(by_hand), Decision::Refuse(Refusal::LicenseLimit));
    assert_eq!(office.take("ann", "b"), Decision::Refuse(Refusal::LicenseLimit));
    office.close("a");
    assert_eq!(office.serving("b"), Some("ann"));
}

#[test]
fn a_raised_limit_drains_the_queue_and_a_lowered_one_takes_no_chats_away() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    for chat in ["a", "b", "c"] {
        office.start(chat);
    }
    office.put(&AgentRouting { max_chats: 2, ..AgentRouting::human(agent_id("ann")) });
    assert_eq!((office.serving("b"), office.position("c")), (Some("ann"), Some(1)));
    office.put(&AgentRouting { max_chats: 1, ..AgentRouting::human(agent_id("ann")) });
    assert_eq!(office.router.load(&agent_id("ann")), 2);
    office.close("a");
    assert_eq!(office.position("c"), Some(1));
    office.configure(RouterSettings { max_agent_active_chats: Some(9), ..RouterSettings::default() });
    assert_eq!(office.position("c"), Some(1));
}

#[test]
fn idle_chats_do_not_count_so_an_agent_may_end_above_the_limit() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.start("a");
    office.start("b");
    office.change("a", |log| log.idle = true);
    assert_eq!(office.serving("b"), Some("ann"));
    office.change("a", |log| log.idle = false);
    assert_eq!(office.router.load(&agent_id("ann")), 2);
    assert!(matches!(office.start("c"), Decision::Queue(_)));
}

#[test]
fn an_agent_who_starts_a_chat_has_it_whatever_their_own_limit() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 0);
    let by_hand = ChatRequest { by_agent: Some(agent_id("ann")), ..ChatRequest::new(chat_id("a")) };
    assert_eq!(office.start_as(by_hand), Decision::Assign(agent_id("ann")));
}

#[test]
fn watchers_and_chats_without_customer_take_no_slot() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    let empty = ChatRequest { has_customer: false, ..ChatRequest::new(chat_id("a")) };
    assert_eq!(office.start_as(empty), Decision::Unrouted);
    office.change("a", |log| log.members = vec![agent_id("ann")]);
    assert_eq!(office.router.load(&agent_id("ann")), 0);
}

#[test]
fn every_agent_in_a_chat_has_a_slot_taken() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.hire("bob", 1);
    office.start("a");
    office.change("a", |log| log.members = vec![agent_id("ann"), agent_id("bob")]);
    assert!(matches!(office.start("b"), Decision::Queue(_)));
    office.change("a", |log| log.members = vec![agent_id("ann")]);
    assert_eq!(office.serving("b"), Some("bob"));
}
