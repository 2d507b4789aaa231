//! Which agent gets a chat.

use super::super::*;
use super::office::{Office, agent_id, chat_id};
use crate::domain::id::GroupId;

fn assigned(name: &str) -> Decision {
    Decision::Assign(agent_id(name))
}

fn in_group(name: &str, group: i64, priority: Priority) -> AgentRouting {
    AgentRouting { groups: vec![(GroupId(group), priority)], ..AgentRouting::human(agent_id(name)) }
}

#[test]
fn everybody_gets_a_chat_before_anybody_gets_a_second() {
    let mut office = Office::new(RouterSettings::default());
    for name in ["ann", "bob", "cid"] {
        office.hire(name, 6);
    }
    for chat in 0..6 {
        office.start(&format!("chat{chat}"));
    }
    for name in ["ann", "bob", "cid"] {
        assert_eq!(office.router.load(&agent_id(name)), 2);
    }
}

#[test]
fn among_equals_the_one_who_waited_longest_since_the_last_chat_is_next() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    office.hire("bob", 6);
    office.start("a");
    office.start("b");
    office.close("b");
    office.close("a");
    assert_eq!(office.start("c"), assigned("ann"));
    assert_eq!(office.last_record().rule, Rule::LongestWithoutChat);
}

#[test]
fn a_lower_class_is_used_only_when_no_higher_one_has_a_slot() {
    let mut office = Office::new(RouterSettings::default());
    for (name, priority) in
        [("last", Priority::Last), ("normal", Priority::Normal), ("first", Priority::First)]
    {
        office.hire_as(AgentRouting { max_chats: 1, ..in_group(name, 7, priority) });
    }
    for (chat, agent) in [("a", "first"), ("b", "normal"), ("c", "last")] {
        assert_eq!(office.start_in(chat, &[7]), assigned(agent));
    }
    assert!(matches!(office.start_in("d", &[7]), Decision::Queue(_)));
}

#[test]
fn a_supervisor_never_gets_chats() {
    let mut office = Office::new(RouterSettings::default());
    office.hire_as(in_group("boss", 7, Priority::Supervisor));
    assert!(matches!(office.start_in("a", &[7]), Decision::Queue(_)));
    assert_eq!(office.last_record().considered[0].verdict, Verdict::Supervisor);
}

#[test]
fn only_members_of_the_chats_groups_are_candidates_and_everybody_is_in_group_zero() {
    let mut office = Office::new(RouterSettings::default());
    office.hire_as(in_group("ann", 1, Priority::Normal));
    assert!(matches!(office.start_in("a", &[2]), Decision::Queue(_)));
    assert_eq!(office.start_in("b", &[1, 2]), assigned("ann"));
    assert_eq!(office.start_in("c", &[0]), assigned("ann"));
}

#[test]
fn the_default_priority_of_an_agent_is_that_in_group_zero() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    let default_group_priority = Priority::Last;
    office.hire_as(AgentRouting { default_group_priority, ..AgentRouting::human(agent_id("bob")) });
    for chat in ["a", "b", "c"] {
        assert_eq!(office.start(chat), assigned("ann"));
    }
}

#[test]
fn the_agent_of_the_last_thread_goes_first_if_accepting_with_a_free_slot() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 2);
    office.hire("bob", 6);
    let returning =
        |chat: &str| ChatRequest { recent_agent: Some(agent_id("ann")), ..ChatRequest::new(chat_id(chat)) };
    assert_eq!(office.start_as(returning("a")), assigned("ann"));
    assert_eq!(office.start_as(returning("b")), assigned("ann"));
    assert_eq!(office.last_record().rule, Rule::RecentAgent);
    assert_eq!(office.start_as(returning("c")), assigned("bob"));
    assert_eq!(office.last_record().considered[0].verdict, Verdict::NoSlot);
}

#[test]
fn the_recent_agent_beats_the_priority_classes() {
    let mut office = Office::new(RouterSettings::default());
    office.hire_as(in_group("first", 7, Priority::First));
    office.hire_as(in_group("last", 7, Priority::Last));
    let mut request = ChatRequest { recent_agent: Some(agent_id("last")), ..ChatRequest::new(chat_id("a")) };
    request.groups = vec![GroupId(7)];
    assert_eq!(office.start_as(request), assigned("last"));
}

#[test]
fn prefer_recent_agent_can_be_switched_off() {
    let mut office = Office::new(RouterSettings { prefer_recent_agent: false, ..RouterSettings::default() });
    office.hire("ann", 6);
    office.hire("bob", 6);
    office.start("a");
    let request = ChatRequest { recent_agent: Some(agent_id("ann")), ..ChatRequest::new(chat_id("b")) };
    assert_eq!(office.start_as(request), assigned("bob"));
}

#[test]
fn bots_are_ordinary_candidates_unless_the_chat_ignores_them() {
    let mut office = Office::new(RouterSettings::default());
    office.hire_as(AgentRouting { kind: AgentKind::Bot, ..AgentRouting::human(agent_id("bot")) });
    assert_eq!(office.start("a"), assigned("bot"));
    let request = ChatRequest { ignore_bots: true, ..ChatRequest::new(chat_id("b")) };
    assert!(matches!(office.start_as(request), Decision::Queue(_)));
    assert_eq!(office.last_record().considered[0].verdict, Verdict::BotIgnored);
    office.hire("ann", 6);
    assert_eq!(office.serving("b"), Some("ann"));
}

#[test]
fn who_is_suspended_or_awaits_approval_or_is_off_duty_gets_nothing() {
    let ann = || AgentRouting::human(agent_id("ann"));
    for (routing, verdict) in [
        (AgentRouting { suspended: true, ..ann() }, Verdict::Suspended),
        (AgentRouting { awaiting_approval: true, ..ann() }, Verdict::AwaitingApproval),
        (AgentRouting { on_duty: false, ..ann() }, Verdict::OffDuty),
    ] {
        let mut office = Office::new(RouterSettings::default());
        office.hire_as(routing);
        assert!(matches!(office.start("a"), Decision::Queue(_)));
        assert_eq!(office.last_record().considered[0].verdict, verdict);
        office.hire_as(ann());
        assert_eq!(office.serving("a"), Some("ann"));
    }
}

#[test]
fn not_accepting_keeps_chats_and_gets_no_new_ones() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    office.start("a");
    office.status("ann", AgentStatus::NotAcceptingChats);
    assert!(matches!(office.start("b"), Decision::Queue(_)));
    assert_eq!(office.serving("a"), Some("ann"));
    office.status("ann", AgentStatus::AcceptingChats);
    assert_eq!(office.serving("b"), Some("ann"));
}

#[test]
fn a_chat_that_ignores_agents_routing_is_left_alone() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    let request = ChatRequest { ignore_agents_routing: true, ..ChatRequest::new(chat_id("a")) };
    assert_eq!(office.start_as(request), Decision::Unrouted);
    assert_eq!((office.serving("a"), office.position("a")), (None, None));
}

#[test]
fn asking_ahead_names_who_would_get_the_chat_and_changes_nothing() {
    let mut office = Office::new(RouterSettings::default());
    assert_eq!(office.router.predicted_agent(&[], None, false), Err(PredictionError::GroupOffline));
    office.hire("ann", 1);
    office.hire("bob", 1);
    let ahead = office.router.predicted_agent(&[], Some(&agent_id("bob")), false);
    assert_eq!(ahead, Ok(Prediction { agent: agent_id("bob"), queue: false }));
    office.start("a");
    office.start("b");
    let ahead = office.router.predicted_agent(&[], None, false);
    assert!(ahead.is_ok_and(|ahead| ahead.queue));
    office.configure(RouterSettings { queue_enabled: false, ..RouterSettings::default() });
    assert_eq!(office.router.predicted_agent(&[], None, false), Err(PredictionError::GroupUnavailable));
}

#[test]
fn a_first_assignment_is_told_with_the_plain_message() {
    assert_eq!(Cause::Started.assigned_message(), Some("routing.assigned"));
    assert_eq!(Cause::SlotFreed.assigned_message(), Some("routing.assigned"));
}
