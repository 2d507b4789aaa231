//! Reservations, late and lost reports, and a router that starts anew.

use super::super::*;
use super::office::{Office, agent_id, chat_id};

fn asked(effects: &[Effect]) -> Vec<&str> {
    let chats = effects.iter().filter_map(|effect| match effect {
        Effect::AskChat { chat, .. } => Some(chat.as_str()),
        _ => None,
    });
    chats.collect()
}

#[test]
fn a_reservation_takes_the_slot_before_the_log_says_so() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    let first = office.router.request(&ChatRequest::new(chat_id("a")), office.now);
    let second = office.router.request(&ChatRequest::new(chat_id("b")), office.now);
    assert_eq!(first.decision, Decision::Assign(agent_id("ann")));
    assert!(matches!(second.decision, Decision::Queue(_)));
}

#[test]
fn asked_twice_the_router_says_the_same() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    for chat in ["a", "b"] {
        let first = office.router.request(&ChatRequest::new(chat_id(chat)), office.now);
        let again = office.router.request(&ChatRequest::new(chat_id(chat)), office.now);
        assert_eq!((first.id, first.decision), (again.id, again.decision));
    }
    assert_eq!(office.router.load(&agent_id("ann")), 1);
}

#[test]
fn a_cancelled_start_gives_its_slot_to_the_head_of_the_queue() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.router.request(&ChatRequest::new(chat_id("a")), office.now);
    office.start("b");
    let effects = office.router.cancel(&chat_id("a"), office.now);
    office.carry_out(effects);
    assert_eq!(office.serving("b"), Some("ann"));
}

#[test]
fn a_cancelled_start_leaves_its_place_in_the_queue() {
    let mut office = Office::new(RouterSettings::default());
    office.router.request(&ChatRequest::new(chat_id("a")), office.now);
    office.start("b");
    let effects = office.router.cancel(&chat_id("a"), office.now);
    office.carry_out(effects);
    assert_eq!(office.position("b"), Some(1));
}

#[test]
fn an_unsettled_reservation_is_asked_about_after_ten_seconds_and_never_assumed() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    let routed = office.router.request(&ChatRequest::new(chat_id("a")), office.now);
    assert_eq!(office.router.next_deadline(), Some(office.now.after(ASK_AFTER)));
    for _ in 0..3 {
        office.later(10);
        assert_eq!(asked(&office.router.tick(office.now)), ["a"]);
        assert_eq!(office.router.load(&agent_id("ann")), 1);
    }
    let mut log = ChatState::new(chat_id("a"), 1);
    (log.settled, log.members) = (routed.id, vec![agent_id("ann")]);
    office.router.chat_state(&log, office.now);
    assert_eq!(office.router.next_deadline(), None);
    assert_eq!(office.router.load(&agent_id("ann")), 1);
}

#[test]
fn an_answer_that_the_chat_never_started_frees_the_slot() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.router.request(&ChatRequest::new(chat_id("a")), office.now);
    office.start("b");
    office.later(10);
    office.tick();
    assert_eq!(office.serving("b"), Some("ann"));
}

#[test]
fn a_reopened_chat_whose_start_failed_is_settled_by_the_answer_too() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.start("a");
    office.close("a");
    office.router.request(&ChatRequest::new(chat_id("a")), office.now);
    assert_eq!(office.router.load(&agent_id("ann")), 1);
    office.later(10);
    office.tick();
    assert_eq!(office.router.load(&agent_id("ann")), 0);
}

#[test]
fn a_request_may_overtake_the_report_of_the_close_before() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.start("a");
    office.start("b");
    let request = ChatRequest { version: 2, ..ChatRequest::new(chat_id("a")) };
    let routed = office.router.request(&request, office.now);
    assert!(matches!(routed.decision, Decision::Queue(_)), "the chat that waited comes first");
    office.carry_out(routed.effects);
    assert_eq!(office.serving("b"), Some("ann"));
    let mut late = ChatState::new(chat_id("a"), 2);
    late.active = false;
    office.router.chat_state(&late, office.now);
    assert_eq!(office.position("a"), Some(1));
}

#[test]
fn a_report_that_does_not_know_the_decision_leaves_the_slot_reserved() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.start("busy");
    office.start("a");
    let freed = {
        let log = office.logs.get_mut(&chat_id("busy")).expect("started");
        (log.active, log.version) = (false, log.version + 1);
        log.members.clear();
        log.clone()
    };
    let effects = office.router.chat_state(&freed, office.now);
    office.send(effects);
    // The customer wrote at the same moment: the chat reports without having seen the assignment.
    let effects =
        office.router.chat_state(&ChatState { version: 7, ..office.logs[&chat_id("a")].clone() }, office.now);
    assert!(effects.is_empty());
    assert_eq!((office.router.load(&agent_id("ann")), office.position("a")), (1, None));
}

#[test]
fn stale_reports_are_ignored_even_after_the_chat_was_closed() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    office.start("a");
    let old = office.logs[&chat_id("a")].clone();
    office.close("a");
    office.router.chat_state(&old, office.now);
    assert_eq!(office.router.load(&agent_id("ann")), 0);
    office.later(59);
    office.router.chat_state(&old, office.now);
    assert_eq!(office.router.load(&agent_id("ann")), 0);
}

#[test]
fn a_repeated_report_changes_nothing() {
    let mut office = Office::new(RouterSettings::default());
    office.hire("ann", 1);
    for chat in ["a", "b", "c"] {
        office.start(chat);
    }
    let before = office.router.snapshot();
    for chat in ["a", "b", "c", "a"] {
        office.report(chat);
    }
    assert_eq!(office.router.snapshot(), before);
    assert_eq!((office.position("b"), office.position("c")), (Some(1), Some(2)));
}

#[test]
fn an_agent_who_joins_a_waiting_chat_takes_it_out_of_the_queue() {
    let mut office = Office::new(RouterSettings::default());
    office.put(&AgentRouting::human(agent_id("ann")));
    office.start("a");
    office.change("a", |log| (log.members, log.queued_since) = (vec![agent_id("ann")], None));
    assert_eq!((office.position("a"), office.router.load(&agent_id("ann"))), (None, 1));
}

#[test]
fn a_rebuilding_router_queues_everything_until_all_chats_were_reported() {
    let mut old = Office::new(RouterSettings::default());
    old.hire("ann", 2);
    for chat in ["a", "b", "c"] {
        old.start(chat);
    }
    let mut new = Office::with(Router::rebuilding(2, RouterSettings::default()));
    new.hire("ann", 2);
    new.later(100);
    assert!(matches!(new.start("d"), Decision::Queue(_)));
    assert_eq!(new.last_record().rule, Rule::Rebuilding);
    new.logs.extend(old.logs);
    for chat in ["c", "b", "a"] {
        new.report(chat);
    }
    assert!(new.effects.is_empty());
    // The limit was reached before the failover, and the queue has kept its order.
    let effects = new.router.rebuilt(new.now);
    new.carry_out(effects);
    assert_eq!((new.position("c"), new.position("d")), (Some(1), Some(2)));
    assert_eq!(new.router.load(&agent_id("ann")), 2);
    new.close("a");
    assert_eq!(new.serving("c"), Some("ann"));
}

#[test]
fn a_decision_of_the_old_router_is_older_than_any_of_the_new() {
    let old = DecisionId { epoch: 1, number: 900 };
    assert!(old < DecisionId { epoch: 2, number: 1 });
}

#[test]
fn an_agent_missing_after_a_rebuild_keeps_chats_for_the_startup_grace() {
    let mut office = Office::with(Router::rebuilding(2, RouterSettings::default()));
    office.put(&AgentRouting::human(agent_id("ann")));
    office.hire("bob", 6);
    let mut log = ChatState::new(chat_id("a"), 4);
    log.members = vec![agent_id("ann")];
    office.logs.insert(log.chat.clone(), log);
    office.report("a");
    let effects = office.router.rebuilt(office.now);
    office.carry_out(effects);
    office.later(59);
    office.tick();
    assert_eq!(office.serving("a"), Some("ann"));
    office.later(1);
    office.tick();
    assert_eq!(office.serving("a"), Some("bob"));
    assert_eq!(office.last_message(), Some("routing.assigned_disconnected"));
}

#[test]
fn an_agent_of_whom_nothing_was_heard_keeps_a_chat_that_they_join_before_another_is_given_it() {
    let mut office = Office::with(Router::rebuilding(2, RouterSettings::default()));
    office.put(&AgentRouting::human(agent_id("ann")));
    let effects = office.router.rebuilt(office.now);
    office.carry_out(effects);
    office.start("a");
    // Ann is connected to a node that has not said so yet. Bob is given the chat while she joins it.
    let effects = {
        office.router.put_agent(&AgentRouting::human(agent_id("bob")), office.now);
        let (status, reason) = (AgentStatus::AcceptingChats, LeaveReason::Other);
        office.router.agent_status(&agent_id("bob"), status, reason, office.now)
    };
    let Some(Effect::Assign { decision, .. }) =
        effects.iter().find(|effect| matches!(effect, Effect::Assign { .. })).cloned()
    else {
        panic!("{effects:?}");
    };
    let joined = |log: &mut ChatState| {
        (log.members, log.queued_since, log.settled) = (vec![agent_id("ann")], None, decision);
    };
    office.change("a", joined);
    assert_eq!(office.serving("a"), Some("ann"));
    office.later(59);
    office.tick();
    assert_eq!(office.serving("a"), Some("ann"));
    office.later(1);
    office.tick();
    assert_eq!(
        (office.serving("a"), office.last_message()),
        (Some("bob"), Some("routing.assigned_disconnected"))
    );
}

#[test]
fn who_signed_out_during_a_rebuild_is_replaced_when_it_ends() {
    let mut office = Office::with(Router::rebuilding(2, RouterSettings::default()));
    office.hire("ann", 6);
    office.hire("bob", 6);
    let mut log = ChatState::new(chat_id("a"), 4);
    log.members = vec![agent_id("ann")];
    office.logs.insert(log.chat.clone(), log);
    office.report("a");
    office.sign_out("ann", LeaveReason::SignedOut);
    assert_eq!(office.serving("a"), Some("ann"));
    let effects = office.router.rebuilt(office.now);
    office.carry_out(effects);
    assert_eq!(office.serving("a"), Some("bob"));
}

#[test]
fn chats_that_wait_for_their_customers_are_known_once_all_were_reported() {
    let mut office = Office::new(RouterSettings::default());
    let with_customer = |chat| ChatRequest { has_customer: true, ..ChatRequest::new(chat_id(chat)) };
    office.start_as(with_customer("queued"));
    office.hire("ann", 5);
    office.start_as(with_customer("served"));
    office.start_as(with_customer("closed"));
    office.close("closed");
    office.start_as(ChatRequest { has_customer: false, ..ChatRequest::new(chat_id("agents'")) });
    office.start_as(ChatRequest { continuous: true, ..with_customer("continuous") });
    let mut chats = office.router.chats_awaiting_customers().expect("all are known");
    chats.sort_unstable();
    assert_eq!(chats, [chat_id("queued"), chat_id("served")]);

    let next = Router::rebuilding(2, RouterSettings::default());
    assert_eq!(next.chats_awaiting_customers(), None);
}
