//! What happens to the chats of an agent who goes away, or does not answer.

use super::super::*;
use super::office::{Office, agent_id, chat_id};
use crate::domain::id::GroupId;

const REASONS: [(LeaveReason, &str); 6] = [
    (LeaveReason::SignedOut, "signed_out"),
    (LeaveReason::RemotelySignedOut, "remotely_signed_out"),
    (LeaveReason::Disconnected, "disconnected"),
    (LeaveReason::Deleted, "deleted"),
    (LeaveReason::Suspended, "other"),
    (LeaveReason::Other, "other"),
];

fn leave(office: &mut Office, name: &str, reason: LeaveReason) {
    office.sign_out(name, reason);
    office.later(15);
    office.tick();
}

#[test]
fn the_chats_of_who_leaves_go_to_another_agent_with_the_reason() {
    for (reason, suffix) in REASONS {
        let mut office = Office::new(RouterSettings::default());
        office.hire("ann", 6);
        office.start("a");
        office.hire("bob", 6);
        leave(&mut office, "ann", reason);
        assert_eq!(office.serving("a"), Some("bob"));
        assert_eq!(office.last_message(), Some(&*format!("routing.assigned_{suffix}")));
    }
}

#[test]
fn with_no_other_agent_they_go_to_the_queue_with_the_reason() {
    for (reason, suffix) in REASONS {
        let mut office = Office::new(RouterSettings::default());
        office.hire("ann", 6);
        office.start("a");
        leave(&mut office, "ann", reason);
        assert_eq!((office.serving("a"), office.position("a")), (None, Some(1)));
        assert_eq!(office.last_message(), Some(&*format!("routing.unassigned_{suffix}")));
    }
}

#[test]
fn with_the_queue_off_they_are_archived_with_the_reason() {
    for (reason, suffix) in REASONS {
        let mut office = Office::new(RouterSettings { queue_enabled: false, ..RouterSettings::default() });
        office.hire("ann", 6);
        office.start("a");
        leave(&mut office, "ann", reason);
        assert!(!office.logs[&chat_id("a")].active);
        assert_eq!(office.last_message(), Some(&*format!("routing.archived_{suffix}")));
    }
}

#[test]
fn chats_of_who_leaves_move_in_the_order_in_which_they_came() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    for chat in ["d", "b", "c", "a"] {
        office.start(chat);
    }
    office.hire("bob", 2);
    office.sign_out("ann", LeaveReason::SignedOut);
    assert_eq!((office.serving("d"), office.serving("b")), (Some("bob"), Some("bob")));
    assert_eq!((office.position("c"), office.position("a")), (Some(1), Some(2)));
}

#[test]
fn a_vanished_agent_keeps_chats_and_gets_none_during_the_grace() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    office.start("a");
    office.sign_out("ann", LeaveReason::Disconnected);
    assert_eq!(office.router.next_deadline(), Some(office.now.after(std::time::Duration::from_secs(15))));
    assert_eq!(office.router.group_status(GroupId::ALL), GroupStatus::NotAcceptingChats);
    office.start("b");
    assert_eq!((office.serving("a"), office.position("b")), (Some("ann"), Some(1)));
    assert_eq!(office.last_record().considered[0].verdict, Verdict::Vanished);
    office.later(14);
    office.tick();
    office.status("ann", AgentStatus::AcceptingChats);
    assert_eq!((office.serving("a"), office.serving("b")), (Some("ann"), Some("ann")));
    assert_eq!(office.router.next_deadline(), None);
}

#[test]
fn signing_out_ends_the_grace_at_once() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    office.start("a");
    office.sign_out("ann", LeaveReason::Disconnected);
    office.sign_out("ann", LeaveReason::SignedOut);
    assert_eq!(office.position("a"), Some(1));
    assert_eq!(office.router.next_deadline(), None);
}

#[test]
fn an_agent_who_removes_themselves_does_not_get_the_chat_back_by_itself() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    office.start("a");
    office.change("a", |log| log.members.clear());
    assert_eq!((office.serving("a"), office.position("a")), (None, Some(1)));
    assert_eq!(office.last_message(), Some("routing.unassigned_other"));
    assert_eq!(office.start("b"), Decision::Assign(agent_id("ann")));
    office.hire("bob", 6);
    assert_eq!(office.serving("a"), Some("bob"));
}

#[test]
fn an_agent_who_removes_themselves_is_replaced_by_the_next_free_one() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    office.start("a");
    office.hire("bob", 6);
    office.change("a", |log| log.members.clear());
    assert_eq!(office.serving("a"), Some("bob"));
    assert_eq!(office.last_message(), Some("routing.assigned_other"));
}

#[test]
fn a_chat_that_another_agent_serves_too_stays_with_them() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    office.hire("bob", 6);
    office.start("a");
    office.change("a", |log| log.members = vec![agent_id("ann"), agent_id("bob")]);
    office.sign_out("ann", LeaveReason::SignedOut);
    assert!(office.effects.is_empty());
    office.hire("cid", 6);
    office.sign_out("bob", LeaveReason::SignedOut);
    assert_eq!(office.serving("a"), Some("cid"));
}

#[test]
fn a_reservation_for_an_agent_who_leaves_goes_to_another_and_the_old_slot_is_kept_until_settled() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.hire("bob", 1);
    let start = office.router.request(&ChatRequest::new(chat_id("a")), office.now);
    assert_eq!(start.decision, Decision::Assign(agent_id("ann")));
    let effects = office.router.agent_status(
        &agent_id("ann"),
        AgentStatus::Offline,
        LeaveReason::SignedOut,
        office.now,
    );
    assert!(matches!(&effects[0], Effect::Assign { agent, .. } if agent.as_str() == "bob"));
    office.status("ann", AgentStatus::AcceptingChats);
    // The log may still come to show Ann for a moment.
    assert_eq!(office.router.load(&agent_id("ann")), 1);
    let mut log = ChatState::new(chat_id("a"), 1);
    (log.members, log.settled) = (vec![agent_id("ann")], start.id);
    office.logs.insert(log.chat.clone(), log);
    office.report("a");
    office.carry_out(effects);
    assert_eq!(office.serving("a"), Some("bob"));
    assert_eq!(office.router.load(&agent_id("ann")), 0);
}

#[test]
fn queued_chats_are_archived_when_nobody_is_left_online_and_offline_starts_are_refused() {
    let mut office =
        Office::new(RouterSettings { offline_start: OfflineStart::Refuse, ..RouterSettings::default() });
    office.hire("ann", 0);
    office.start("a");
    office.start_as(ChatRequest { continuous: true, ..ChatRequest::new(chat_id("b")) });
    office.sign_out("ann", LeaveReason::SignedOut);
    assert!(!office.logs[&chat_id("a")].active);
    assert_eq!(office.last_message(), Some("routing.archived_offline"));
    assert_eq!(office.position("b"), Some(1));
}

#[test]
fn an_unreplied_chat_goes_on_but_never_back_to_who_had_the_thread() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 6);
    office.start("a");
    office.hire("bob", 6);
    let effects = office.router.unreplied(&chat_id("a"), &[], office.now);
    office.carry_out(effects);
    assert_eq!(office.serving("a"), Some("bob"));
    assert_eq!(office.last_message(), Some("routing.assigned_inactive"));
    let effects = office.router.unreplied(&chat_id("a"), &[agent_id("ann")], office.now);
    office.carry_out(effects);
    assert_eq!(office.serving("a"), Some("bob"));
    assert_eq!(office.last_record().outcome, Outcome::Stays);
}

#[test]
fn in_manual_mode_an_unreplied_chat_goes_back_to_the_queue() {
    let mut office = Office::new(RouterSettings { manual: true, ..RouterSettings::default() });
    office.hire("ann", 6);
    office.hire("bob", 6);
    office.start("a");
    office.take("ann", "a");
    let effects = office.router.unreplied(&chat_id("a"), &[], office.now);
    office.carry_out(effects);
    assert_eq!((office.serving("a"), office.position("a")), (None, Some(1)));
    assert_eq!(office.last_message(), Some("routing.unassigned"));
}

#[test]
fn bots_are_exempt_from_the_unreplied_clock() {
    let mut office = Office::new(RouterSettings::default());
    office.hire_as(AgentRouting { kind: AgentKind::Bot, ..AgentRouting::human(agent_id("bot")) });
    office.start("a");
    office.hire("ann", 6);
    let effects = office.router.unreplied(&chat_id("a"), &[], office.now);
    assert!(effects.is_empty());
}

#[test]
fn group_statuses_follow_their_members_and_only_changes_are_told() {
    let mut office = Office::new(RouterSettings::default());
    office.router.take_group_status_changes();
    let groups = vec![(GroupId(1), Priority::Normal)];
    office.hire_as(AgentRouting { groups, max_chats: 1, ..AgentRouting::human(agent_id("ann")) });
    let changes = office.router.take_group_status_changes();
    assert_eq!(changes.len(), 2);
    for change in changes {
        assert_eq!(change.for_agents, Some(GroupStatus::AcceptingChats));
        assert_eq!(change.for_customers, Some(CustomerGroupStatus::Online));
    }
    office.start_in("a", &[1]);
    for change in office.router.take_group_status_changes() {
        assert_eq!(change.for_agents, None);
        assert_eq!(change.for_customers, Some(CustomerGroupStatus::OnlineForQueue));
    }
    office.close("a");
    office.start_in("b", &[1]);
    assert!(office.router.take_group_status_changes().is_empty());
    office.status("ann", AgentStatus::NotAcceptingChats);
    assert_eq!(office.router.group_status(GroupId(1)), GroupStatus::NotAcceptingChats);
    assert_eq!(office.router.customer_group_status(GroupId(1)), CustomerGroupStatus::Offline);
    office.sign_out("ann", LeaveReason::SignedOut);
    assert_eq!(office.router.group_status(GroupId(1)), GroupStatus::Offline);
}

#[test]
fn who_is_suspended_for_a_while_is_given_chats_again_by_the_status_that_they_have() {
    let mut office = Office::new(RouterSettings::default());
    let bot = AgentRouting { kind: AgentKind::Bot, ..AgentRouting::human(agent_id("bot")) };
    office.hire_as(bot.clone());
    office.start("a");
    office.put(&AgentRouting { suspended: true, ..bot.clone() });
    assert_eq!((office.serving("a"), office.position("a")), (None, Some(1)));
    assert_eq!(office.last_message(), Some("routing.unassigned_other"));
    // Nobody logs a bot in again: its status is the one that was set.
    office.put(&bot);
    assert_eq!(office.serving("a"), Some("bot"));
}
