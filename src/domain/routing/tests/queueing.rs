//! Who waits, in which order, and who may not.

use super::super::*;
use super::office::{Office, agent_id, chat_id};
use crate::domain::id::GroupId;

fn is_queued(decision: &Decision) -> bool {
    matches!(decision, Decision::Queue(_))
}

#[test]
fn the_queue_is_first_in_first_out_and_positions_count_from_one() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.start("a");
    for (chat, position) in [("b", 1), ("c", 2), ("d", 3)] {
        office.start(chat);
        assert_eq!(office.position(chat), Some(position));
    }
    office.close("a");
    assert_eq!(office.serving("b"), Some("ann"));
    assert_eq!((office.position("c"), office.position("d")), (Some(1), Some(2)));
    assert_eq!(office.last_message(), Some("routing.assigned"));
}

#[test]
fn the_group_with_the_higher_routing_priority_is_served_first_then_time_decides() {
    let mut settings = RouterSettings::default();
    settings.groups.insert(GroupId(2), GroupSettings { routing_priority: 5, ..GroupSettings::default() });
    let mut office = Office::new(settings);
    let groups = vec![(GroupId(1), Priority::Normal), (GroupId(2), Priority::Normal)];
    office.hire_as(AgentRouting { groups, max_chats: 1, ..AgentRouting::human(agent_id("ann")) });
    office.start_in("busy", &[1]);
    office.start_in("plain", &[1]);
    office.start_in("urgent", &[2]);
    office.start_in("both", &[1, 2]);
    assert_eq!((office.position("plain"), office.position("both")), (Some(2), Some(1)));
    let mut served = "busy";
    for next in ["urgent", "both", "plain"] {
        office.close(served);
        assert_eq!(office.serving(next), Some("ann"));
        served = next;
    }
}

#[test]
fn a_later_chat_is_served_first_only_if_the_earlier_could_not_have_been() {
    let mut office = Office::new(RouterSettings::default());
    let in_group = |name: &str, group| AgentRouting {
        groups: vec![(GroupId(group), Priority::Normal)],
        max_chats: 1,
        ..AgentRouting::human(agent_id(name))
    };
    office.hire_as(in_group("ann", 1));
    office.hire_as(in_group("bob", 2));
    office.start_in("a", &[1]);
    office.start_in("b", &[2]);
    office.start_in("early", &[1]);
    office.start_in("late", &[2]);
    office.close("b");
    assert_eq!((office.serving("late"), office.position("early")), (Some("bob"), Some(1)));
}

#[test]
fn with_the_queue_off_a_start_is_refused_when_nobody_has_a_slot() {
    let mut office = Office::new(RouterSettings { queue_enabled: false, ..RouterSettings::default() });
    office.hire("ann", 1);
    office.start("a");
    assert_eq!(office.start("b"), Decision::Refuse(Refusal::QueueOff));
    assert_eq!(office.router.snapshot().refused_starts[&Refusal::QueueOff], 1);
}

#[test]
fn a_group_can_have_its_own_queue_switch() {
    let mut settings = RouterSettings { queue_enabled: false, ..RouterSettings::default() };
    settings
        .groups
        .insert(GroupId(1), GroupSettings { queue_enabled: Some(true), ..GroupSettings::default() });
    let mut office = Office::new(settings);
    let groups = vec![(GroupId(1), Priority::Normal)];
    office.hire_as(AgentRouting { groups, max_chats: 0, ..AgentRouting::human(agent_id("ann")) });
    assert!(is_queued(&office.start_in("a", &[1])));
    assert_eq!(office.start_in("b", &[0]), Decision::Refuse(Refusal::QueueOff));
}

#[test]
fn a_full_queue_opens_again_at_its_threshold_and_not_before() {
    let settings =
        RouterSettings { queue_limit: Some(3), queue_reopen_threshold: 1, ..RouterSettings::default() };
    let mut office = Office::new(settings);
    office.hire("ann", 0);
    for chat in ["a", "b", "c"] {
        assert!(is_queued(&office.start(chat)));
    }
    assert_eq!(office.start("d"), Decision::Refuse(Refusal::QueueFull));
    office.close("a");
    assert_eq!(office.start("e"), Decision::Refuse(Refusal::QueueFull));
    assert_eq!(office.router.customer_group_status(GroupId::ALL), CustomerGroupStatus::Offline);
    office.close("b");
    assert_eq!(office.router.customer_group_status(GroupId::ALL), CustomerGroupStatus::OnlineForQueue);
    assert!(is_queued(&office.start("f")));
}

#[test]
fn the_plan_can_make_the_queue_shorter_than_the_setting() {
    let mut office = Office::new(RouterSettings { limit_queue: Some(1), ..RouterSettings::default() });
    office.hire("ann", 0);
    assert!(is_queued(&office.start("a")));
    assert_eq!(office.start("b"), Decision::Refuse(Refusal::QueueFull));
}

#[test]
fn continuous_chats_wait_beside_the_queue_with_a_bound_of_their_own() {
    let settings = RouterSettings {
        limit_queue_continuous: Some(1),
        queue_enabled: false,
        offline_start: OfflineStart::Refuse,
        ..RouterSettings::default()
    };
    let mut office = Office::new(settings);
    let continuous = |chat| ChatRequest { continuous: true, ..ChatRequest::new(chat_id(chat)) };
    assert!(is_queued(&office.start_as(continuous("a"))));
    assert_eq!(office.start_as(continuous("b")), Decision::Refuse(Refusal::QueueFull));
    assert_eq!(office.start("c"), Decision::Refuse(Refusal::NobodyAccepting));
    office.hire("ann", 1);
    assert_eq!(office.serving("a"), Some("ann"));
}

#[test]
fn a_start_when_nobody_accepts_waits_by_default() {
    let mut office = Office::new(RouterSettings { queue_enabled: false, ..RouterSettings::default() });
    assert!(is_queued(&office.start("a")));
    assert_eq!(office.last_record().rule, Rule::NobodyAccepting);
    office.hire("ann", 1);
    assert_eq!(office.serving("a"), Some("ann"));
}

#[test]
fn a_closed_chat_leaves_its_place() {
    let mut office = Office::new(RouterSettings::default());
    for chat in ["a", "b", "c"] {
        office.start(chat);
    }
    office.close("a");
    assert_eq!((office.position("a"), office.position("b"), office.position("c")), (None, Some(1), Some(2)));
}

#[test]
fn in_manual_mode_every_chat_waits_and_the_first_who_takes_it_has_it() {
    let mut office = Office::new(RouterSettings { manual: true, ..RouterSettings::default() });
    office.hire("ann", 6);
    office.hire("bob", 6);
    assert!(is_queued(&office.start("a")));
    assert_eq!(office.last_record().rule, Rule::ManualMode);
    assert_eq!(office.take("bob", "a"), Decision::Assign(agent_id("bob")));
    assert_eq!(office.take("ann", "a"), Decision::Refuse(Refusal::AlreadyTaken));
    assert_eq!(office.serving("a"), Some("bob"));
}

#[test]
fn a_chat_is_taken_before_its_log_says_so() {
    let mut office = Office::new(RouterSettings { manual: true, ..RouterSettings::default() });
    office.hire("ann", 6);
    office.hire("bob", 6);
    office.start("a");
    let first = office.router.take(&agent_id("bob"), &chat_id("a"), office.now);
    let second = office.router.take(&agent_id("ann"), &chat_id("a"), office.now);
    assert_eq!(first.decision, Decision::Assign(agent_id("bob")));
    assert_eq!(second.decision, Decision::Refuse(Refusal::AlreadyTaken));
}

#[test]
fn a_group_can_be_manual_in_an_automatic_license_and_the_other_way_round() {
    let own = |manual| GroupSettings { manual: Some(manual), ..GroupSettings::default() };
    for (license, decision_in_group) in [(false, true), (true, false)] {
        let mut settings = RouterSettings { manual: license, ..RouterSettings::default() };
        settings.groups.insert(GroupId(1), own(!license));
        let mut office = Office::new(settings);
        let groups = vec![(GroupId(1), Priority::Normal)];
        office.hire_as(AgentRouting { groups, ..AgentRouting::human(agent_id("ann")) });
        assert_eq!(is_queued(&office.start_in("a", &[1])), decision_in_group);
        assert_eq!(is_queued(&office.start_in("b", &[0])), !decision_in_group);
    }
}

#[test]
fn turning_manual_mode_off_drains_the_queue() {
    let mut office = Office::new(RouterSettings { manual: true, ..RouterSettings::default() });
    office.hire("ann", 6);
    office.start("a");
    office.configure(RouterSettings::default());
    assert_eq!(office.serving("a"), Some("ann"));
}

#[test]
fn changed_positions_are_told_once_however_many_chats_left() {
    let mut office = Office::new(RouterSettings::default());
    for chat in ["a", "b", "c", "d", "e"] {
        office.start(chat);
    }
    assert!(office.router.take_queue_changes(100).is_empty());
    office.close("a");
    office.close("c");
    let told: Vec<(String, u32)> = office
        .router
        .take_queue_changes(100)
        .into_iter()
        .map(|change| (change.chat.to_string(), change.place.position))
        .collect();
    assert_eq!(told, [("b".into(), 1), ("d".into(), 2), ("e".into(), 3)]);
    assert!(office.router.take_queue_changes(100).is_empty());
}

#[test]
fn changed_positions_can_be_told_in_portions_and_nobody_is_forgotten() {
    let mut office = Office::new(RouterSettings { queue_limit: None, ..RouterSettings::default() });
    for chat in 0..100 {
        office.start(&format!("{chat:03}"));
    }
    office.close("000");
    let mut told = Vec::new();
    for closing in 1..20 {
        told.extend(office.router.take_queue_changes(7));
        office.close(&format!("{closing:03}"));
    }
    while let changes = office.router.take_queue_changes(7)
        && !changes.is_empty()
    {
        told.extend(changes);
    }
    for chat in 20..100 {
        let name = chat_id(format!("{chat:03}"));
        let last = told.iter().rev().find(|change| change.chat == name).map(|change| change.place.position);
        assert_eq!(last, Some(chat - 19));
    }
}
