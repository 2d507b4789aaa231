//! Transfers to agents, to groups, and to nobody in particular.

use super::super::*;
use super::office::{Office, agent_id, chat_id};
use crate::domain::id::GroupId;

fn office() -> Office {
    let mut office = Office::new(RouterSettings::default());
    for (name, group) in [("ann", 1), ("bob", 1), ("cid", 2)] {
        let groups = vec![(GroupId(group), Priority::Normal)];
        office.hire_as(AgentRouting { groups, max_chats: 1, ..AgentRouting::human(agent_id(name)) });
    }
    office.start_in("a", &[1]);
    assert_eq!(office.serving("a"), Some("ann"));
    office
}

fn to_agent(name: &str) -> TransferTarget {
    TransferTarget::Agents(vec![agent_id(name)])
}

#[test]
fn a_transfer_to_a_group_makes_it_the_chats_group() {
    let mut office = office();
    let decision = office.transfer("a", TransferTarget::Groups(vec![GroupId(2)]), false);
    assert_eq!(decision, Decision::Assign(agent_id("cid")));
    assert_eq!(office.router.load(&agent_id("ann")), 0);
    assert!(office.effects.is_empty());
}

#[test]
fn a_transfer_to_nobody_in_particular_stays_inside_the_group() {
    let mut office = office();
    assert_eq!(office.transfer("a", TransferTarget::Anyone, false), Decision::Assign(agent_id("bob")));
}

#[test]
fn a_transfer_fails_if_nobody_can_take_it_at_once_unless_availability_is_ignored() {
    let mut office = office();
    office.start_in("busy", &[2]);
    let to_two = || TransferTarget::Groups(vec![GroupId(2)]);
    assert_eq!(office.transfer("a", to_two(), false), Decision::Refuse(Refusal::NobodyFree));
    assert_eq!(office.serving("a"), Some("ann"));
    assert!(matches!(office.transfer("a", to_two(), true), Decision::Queue(_)));
    assert_eq!(office.router.load(&agent_id("ann")), 0);
    office.close("busy");
    assert_eq!(office.serving("a"), Some("cid"));
}

#[test]
fn a_transfer_that_waits_does_not_come_back_to_who_gave_it_away() {
    let mut office = office();
    office.start_in("busy", &[1]);
    assert!(matches!(office.transfer("a", TransferTarget::Anyone, true), Decision::Queue(_)));
    assert_eq!(office.position("a"), Some(1));
    office.close("busy");
    assert_eq!(office.serving("a"), Some("bob"));
}

#[test]
fn a_direct_transfer_ignores_the_slot_limit_and_not_accepting() {
    let mut office = office();
    office.start_in("busy", &[1]);
    office.status("bob", AgentStatus::NotAcceptingChats);
    assert_eq!(office.transfer("a", to_agent("bob"), false), Decision::Assign(agent_id("bob")));
    assert_eq!(office.router.load(&agent_id("bob")), 2);
    assert_eq!(office.last_record().rule, Rule::NamedAgent);
}

#[test]
fn a_direct_transfer_to_an_offline_agent_is_refused_or_waits() {
    let mut office = office();
    office.start_in("busy", &[1]);
    office.sign_out("cid", LeaveReason::SignedOut);
    assert_eq!(office.transfer("a", to_agent("cid"), false), Decision::Refuse(Refusal::AgentOffline));
    assert!(matches!(office.transfer("a", to_agent("cid"), true), Decision::Queue(_)));
}

#[test]
fn a_direct_transfer_needs_an_agent_with_access() {
    let mut office = office();
    assert_eq!(office.transfer("a", to_agent("cid"), false), Decision::Refuse(Refusal::AgentOffline));
}

#[test]
fn a_waiting_chat_can_be_transferred_too_and_keeps_its_place_if_that_fails() {
    let mut office = office();
    office.start_in("busy", &[1]);
    office.start_in("first", &[1]);
    office.start_in("second", &[1]);
    office.start_in("full", &[2]);
    let to_two = || TransferTarget::Groups(vec![GroupId(2)]);
    assert_eq!(office.transfer("first", to_two(), false), Decision::Refuse(Refusal::NobodyFree));
    assert_eq!(office.position("first"), Some(1));
    office.close("full");
    assert_eq!(office.transfer("first", to_two(), false), Decision::Assign(agent_id("cid")));
    assert_eq!(office.position("second"), Some(1));
}

#[test]
fn a_transfer_to_a_manual_group_waits_there_for_a_taker() {
    let mut office = office();
    let mut settings = RouterSettings::default();
    settings.groups.insert(GroupId(2), GroupSettings { manual: Some(true), ..GroupSettings::default() });
    office.configure(settings);
    let decision = office.transfer("a", TransferTarget::Groups(vec![GroupId(2)]), false);
    assert!(matches!(decision, Decision::Queue(_)));
    assert_eq!(office.take("cid", "a"), Decision::Assign(agent_id("cid")));
}

#[test]
fn only_agents_who_are_there_are_offered_for_a_transfer_fewest_chats_first() {
    let mut office = office();
    office.hire_as(AgentRouting {
        groups: vec![(GroupId(1), Priority::Supervisor)],
        ..AgentRouting::human(agent_id("dan"))
    });
    office.start_in("busy", &[1]);
    office.put(&AgentRouting {
        groups: vec![(GroupId(1), Priority::Normal)],
        ..AgentRouting::human(agent_id("eve"))
    });
    let offered = office.router.agents_for_transfer(&chat_id("a"));
    assert_eq!(offered, [(agent_id("dan"), 0), (agent_id("bob"), 1)]);
}
