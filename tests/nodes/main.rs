//! Two nodes in one process over one store: what one node's chats tell reaches the sessions of the other, once and in
//! order, whatever happens to the link between them.

mod chosen;
mod cut_short;
mod hesitant;
mod leaving;
mod lists;
mod node;
mod openings;
mod quiet;
mod reluctant;
mod shifted;
mod spared;
mod superseded;
mod unfinished;
mod world;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;
use switchboard::actors::AskError;
use switchboard::actors::catching_up::Known;
use switchboard::actors::chat::Head;
use switchboard::clock::SystemClock;
use switchboard::domain::command::Reply;
use switchboard::domain::id::{ChatId, EventId};
use switchboard::domain::license_news::LicenseNews;
use switchboard::domain::time::Clock as _;
use switchboard::store::{CellTable, StoreError};
use world::World;

/// Who talk in one chat at the same time.
const SENDERS: usize = 8;
/// How long work waits for an owner.
const PARKED_FOR: Duration = Duration::from_secs(3);
/// How often a chat tries to store something of which nobody knows whether it was stored.
const ATTEMPTS: usize = 4;

#[actix_rt::test]
async fn what_a_chat_tells_reaches_the_sessions_of_another_node_in_order() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let sent = world.send(&chat, 1..=20).await;
    world.there.wait_for(&sent).await;
    assert_eq!(world.there.events(), world.here.events(), "both nodes' sessions are told the same");
}

#[actix_rt::test]
async fn what_was_lost_on_the_way_is_read_from_the_log() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let before = world.send(&chat, 1..=3).await;
    world.there.wait_for(&before).await;
    world.cut();
    let lost = world.send(&chat, 4..=9).await;
    world.here.wait_for(&lost).await;
    world.mend();
    // Nothing else happens in the chat: the loss is noticed by itself.
    world.there.wait_for(&lost).await;
    let after = world.send(&chat, 10..=12).await;
    world.there.wait_for(&after).await;
    assert_eq!(world.there.events(), world.here.events(), "each event once, in order");
}

#[actix_rt::test]
async fn what_was_lost_and_cannot_be_read_holds_up_nothing_that_comes_after() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let before = world.send(&chat, 1..=3).await;
    world.there.wait_for(&before).await;
    world.cut();
    let lost = world.send(&chat, 4..=6).await;
    world.store.spoil_log(lost[0].thread.clone());
    world.mend();
    // What is sent before the stream is there again is lost with the rest, so somebody goes on speaking.
    let last_lost = lost.last().expect("an event").number;
    let is_told = || world.there.events().iter().any(|event| event.number > last_lost);
    for number in 7.. {
        world.send(&chat, number..=number).await;
        if is_told() {
            break;
        }
        assert!(number < 5_000, "nothing that came after is told");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(lost.iter().all(|event| !world.there.events().contains(event)));
}

#[actix_rt::test]
async fn a_chat_that_was_started_and_told_while_the_link_was_cut_is_found() {
    let world = World::new().await;
    world.cut();
    let chat = world.start_chat().await;
    let lost = world.send(&chat, 1..=3).await;
    world.here.wait_for(&lost).await;
    assert!(world.there.events().is_empty(), "the link is cut");
    world.mend();
    world.there.wait_for(&lost).await;
    assert!(world.there.chats().contains(&chat), "the chat itself was told as well");
}

#[actix_rt::test]
async fn what_was_told_before_a_node_heard_of_the_others_sessions_is_found() {
    let world = World::cut_off().await;
    let chat = world.start_chat().await;
    let lost = world.send(&chat, 1..=3).await;
    world.here.wait_for(&lost).await;
    world.mend();
    world.there.wait_for(&lost).await;
    assert!(world.there.chats().contains(&chat), "the chat itself was told as well");
}

#[actix_rt::test]
async fn a_stream_that_breaks_all_the_time_loses_and_doubles_nothing() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    for round in 0..10 {
        let first = round * 10 + 1;
        world.send(&chat, first..=first + 4).await;
        world.cut();
        world.send(&chat, first + 5..=first + 9).await;
        world.mend();
        // Different moments of the repair: while the heads are on their way, while the log is read, after it.
        tokio::time::sleep(Duration::from_millis(17 * round)).await;
    }
    let last = world.send(&chat, 101..=101).await;
    world.there.wait_for(&last).await;
    assert_eq!(world.there.events(), world.here.events());
}

#[actix_rt::test]
async fn any_node_tells_what_somebody_missed() {
    let world = World::new().await;
    let began = Known { since: SystemClock.now(), chats: HashMap::new() };
    let (one, other) = (world.start_chat().await, world.start_chat().await);
    let mut sent = world.send(&one, 1..=3).await;
    sent.extend(world.send(&other, 4..=6).await);
    sent.extend(world.send(&one, 7..=9).await);
    let of = |missed: &[(EventId, _)]| missed.iter().map(|(event, _)| event.clone()).collect::<Vec<_>>();
    let missed = world.there.missed(&began).await;
    assert_eq!(of(&missed), sent, "in the order in which they were sent");
    assert_eq!(world.here.missed(&began).await, missed, "whichever node is asked");
    // Who was told the first of each chat misses the others.
    let chats = HashMap::from([(one.clone(), missed[0].1), (other, missed[3].1)]);
    let known = Known { since: began.since, chats };
    let expected: Vec<EventId> = [1, 2, 4, 5, 6, 7, 8].map(|place: usize| sent[place].clone()).to_vec();
    assert_eq!(of(&world.there.missed(&known).await), expected);
    // Who came later knows the rest by the moment.
    let late = Known { since: SystemClock.now(), chats: HashMap::new() };
    assert!(world.there.missed(&late).await.is_empty());
    let after = world.send(&one, 10..=10).await;
    assert_eq!(of(&world.there.missed(&late).await), after);
}

#[actix_rt::test]
async fn sessions_are_cut_on_every_node() {
    let world = World::new().await;
    world.here.nodes.cut(world.cut_of_agent());
    world.here.wait_for_cuts(1).await;
    world.there.wait_for_cuts(1).await;
}

#[actix_rt::test]
async fn a_license_that_changed_on_one_node_is_new_on_the_other() {
    let world = World::new().await;
    let version = world.rename_agent("Neo").await;
    world.there.wait_for_license(version).await;
    world.there.wait_for_license_news(1).await;
    world.rename_agent("Trinity").await;
    for node in [&world.here, &world.there] {
        let told = node.wait_for_license_news(2).await;
        let name = |news: &LicenseNews| match news {
            LicenseNews::AgentUpdated(change) => change.name.clone(),
            other => panic!("{other:?}"),
        };
        let names: Vec<_> = told.iter().filter_map(name).collect();
        assert_eq!(names, ["Neo", "Trinity"], "each node tells its own sessions, once");
    }
}

#[actix_rt::test]
async fn a_node_that_is_late_to_hear_of_changes_misses_none() {
    let world = World::new().await;
    let still = world.there.stands_still().await;
    world.there.suspend_agent().await;
    world.there.change_another_license(1_100).await;
    still.goes_on();
    world.there.wait_for_cuts(1).await;
    let told = world.there.wait_for_license_news(2).await;
    let is_told = told.iter().any(|news| matches!(news, LicenseNews::AgentSuspended(_)));
    assert!(is_told, "agents are told who was suspended: {told:?}");
}

#[actix_rt::test]
async fn a_customer_is_found_on_whichever_node_they_are_connected_to() {
    let world = World::new().await;
    // A node that wants nothing of the license is not asked; from here on both do.
    let chat = world.start_chat().await;
    let sent = world.send(&chat, 1..=1).await;
    world.there.wait_for(&sent).await;
    assert_eq!(world.here.connections(&world.customer).await, 0);
    world.there.has_customer(&world.customer, true);
    assert_eq!(world.here.connections(&world.customer).await, 1);
    world.here.has_customer(&world.customer, true);
    assert_eq!(world.here.connections(&world.customer).await, 2);
    world.cut();
    assert_eq!(world.here.connections(&world.customer).await, 1, "who does not answer has nobody");
}

#[actix_rt::test]
async fn no_router_is_answered_for_a_shard_as_long_as_one_of_its_open_chats_is_not_loaded() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    world.store.keep(Some(chat.clone()));
    let next = world.next_run().await;
    let recover = async {
        next.recover().await;
        assert_eq!(next.answer_to_router(&chat).await.map(|known| known.contains(&chat)), Some(true));
    };
    let look = async {
        // The second time was after the first failed.
        world.store.refused(2).await;
        assert_eq!(next.answer_to_router(&chat).await, None, "the chat is not known yet");
        world.store.keep(None);
    };
    tokio::join!(recover, look);
}

#[actix_rt::test]
async fn what_a_node_acknowledged_is_shown_by_another_at_once() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    for number in 1..=50 {
        let sent = world.send(&chat, number..=number).await.remove(0);
        let shown = world.look(&world.there, &chat).await.expect("the other node asks");
        assert_eq!(shown.chat.thread.as_ref().map(|thread| thread.events), Some(sent.number));
    }
}

#[actix_rt::test]
async fn an_agent_may_have_so_many_sessions_over_all_nodes() {
    let world = World::new().await;
    world.agent_comes(&world.here, 1).await;
    world.agent_comes(&world.there, 2).await;
    assert_eq!((world.here.evicted(), world.there.evicted()), (vec![], vec![]));
    world.agent_comes(&world.here, 3).await;
    world.here.wait_for_cuts(1).await;
    world.agent_comes(&world.there, 4).await;
    world.there.wait_for_cuts(1).await;
    assert_eq!((world.here.evicted(), world.there.evicted()), (vec![1], vec![2]), "the oldest ended first");
}

#[actix_rt::test]
async fn a_crowd_that_logs_in_reads_the_chats_of_its_license_once() {
    let world = World::new().await;
    let chats = [world.start_chat().await, world.start_chat().await, world.start_chat().await];
    world.store.take_scans();
    world.log_in_at_once(1).await;
    let alone = world.store.take_scans();
    let crowd = world.log_in_at_once(200).await;
    let together = world.store.take_scans();
    let has_all = |answer: &String| chats.iter().all(|chat| answer.contains(chat.as_str()));
    assert!(crowd.iter().all(has_all), "{}", crowd[0]);
    // Whoever comes while a page is read waits for the next reading, and the first are a page ahead of the others.
    let alike = 200 * alone;
    assert!((1..=alike / 10).contains(&together), "{together} for a crowd, {alone} for one");
}

#[actix_rt::test]
async fn who_was_superseded_does_not_even_show_a_chat() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    world.send(&chat, 1..=3).await;
    world.look(&world.here, &chat).await.expect("it has the chat");
    world.supersede().await;
    // It has the chat in memory, and nobody told it. What it knows may be out of date.
    let shown = world.look(&world.here, &chat).await;
    assert!(matches!(shown, Err(AskError::Unconfirmed)), "{shown:?}");
}

#[actix_rt::test]
async fn who_was_superseded_neither_shows_nor_promises_what_its_router_knows() {
    let world = World::new().await;
    world.agent_comes(&world.here, 1).await;
    assert_eq!(world.here.statuses().await.ok(), Some(1));
    assert_eq!(world.here.set_status().await.ok(), Some(true));
    world.supersede().await;
    let shown = world.here.statuses().await;
    assert!(matches!(shown, Err(AskError::NotOwner)), "{shown:?}");
    let set = world.here.set_status().await;
    assert!(matches!(set, Err(AskError::NotOwner)), "{set:?}");
}

#[actix_rt::test]
async fn a_node_that_begins_anew_is_told_again_however_quickly_it_does() {
    let world = World::of_members().await;
    let chat = world.chat_of(&world.here).await;
    let sent = world.send(&chat, 1..=1).await;
    world.there.wait_for(&sent).await;
    // It never sees itself without the other: between two looks it was fenced and has met it again.
    let still = world.there.stands_still().await;
    world.supersede_other().await;
    world.there.wait_for_another_run().await;
    still.goes_on();
    let sent = world.send(&chat, 2..=4).await;
    world.there.wait_for(&sent).await;
}

#[actix_rt::test]
async fn what_may_have_been_stored_is_stored_before_anything_else() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let first = world.send(&chat, 1..=1).await.remove(0);
    let before = world.rows(&first.thread).await;
    // Every attempt of one event and one of another are lost, and may still arrive.
    world.store.lose_appends(5);
    let unknown = world.try_send(&chat, 2).await;
    assert!(matches!(unknown, Err(AskError::Store(StoreError::OutcomeUnknown(_)))), "{unknown:?}");
    let third = world.send(&chat, 3..=3).await.remove(0);
    assert_eq!(world.rows(&first.thread).await, before + 2);
    assert_eq!(third.number, first.number + 2, "no other event was stored in its place");
}

#[actix_rt::test]
async fn what_may_have_been_stored_is_stored_though_it_was_refused_when_it_was_sent_again() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let first = world.send(&chat, 1..=1).await.remove(0);
    world.store.lose_appends(1);
    world.store.refuse_appends(1);
    let unknown = world.try_send(&chat, 2).await;
    assert!(matches!(unknown, Err(AskError::Store(StoreError::OutcomeUnknown(_)))), "{unknown:?}");
    let third = world.send(&chat, 3..=3).await.remove(0);
    assert_eq!(third.number, first.number + 2, "no other event was stored in its place");
}

#[actix_rt::test]
async fn what_reaches_a_chat_that_is_just_ending_is_done_once() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let thread = world.send(&chat, 0..=0).await.remove(0).thread;
    let (is_over, failed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let undone = Mutex::new(Vec::new());
    let talk = async |sender: u64| {
        let mut sent = Vec::new();
        for number in 100_000 * sender.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            match world.try_send(&chat, number).await {
                Ok(Reply::Event(id)) => sent.push((id, format!("message {number}"))),
                // It was begun, in a turn that failed.
                Err(AskError::Store(StoreError::OutcomeUnknown(_))) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                // Turns failed for longer than work is put to the chat again: it was never begun.
                Err(AskError::NotOwner) => undone.lock().push(format!("message {number}")),
                answered => panic!("{answered:?}"),
            }
        }
        sent
    };
    // Time and again a turn fails, since every attempt to store it is lost, while others are on their way to the chat.
    let disturb = async {
        for _ in 0..8 {
            let before = failed.load(Ordering::Relaxed);
            world.store.lose_appends(ATTEMPTS);
            while failed.load(Ordering::Relaxed) == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        // Several of one turn are told one after the other, so the last round may have been over before its turn failed.
        world.store.lose_appends(0);
        is_over.store(true, Ordering::Relaxed);
    };
    let talks = futures_util::future::join_all((1..=SENDERS as u64).map(talk));
    let (sent, ()) = tokio::join!(talks, disturb);
    world.send(&chat, 1..=1).await;
    let said = world.said(&thread).await;
    let texts: BTreeSet<&String> = said.iter().map(|(_, text)| text).collect();
    assert_eq!(texts.len(), said.len(), "nothing was done twice");
    for sent in sent.iter().flatten() {
        assert!(said.contains(sent), "{sent:?} was acknowledged");
    }
    assert!(undone.lock().iter().all(|text| !texts.contains(text)), "what was given back was done");
}

#[actix_rt::test]
async fn a_change_of_an_earlier_thread_that_was_cut_short_is_finished_by_who_loads_the_chat() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let event = world.send(&chat, 1..=1).await.remove(0);
    world.next_thread(&chat).await;
    let before = world.rows(&event.thread).await;
    world.store.close_log(Some(event.thread.clone()));
    let unknown = world.try_delete(&chat, &event).await;
    assert!(matches!(unknown, Err(AskError::Store(_))), "{unknown:?}");
    assert!(!world.is_deleted(&event).await);
    world.store.close_log(None);
    for _ in 0..2 {
        world.send(&chat, 2..=2).await;
        assert!(world.is_deleted(&event).await);
        assert_eq!(world.rows(&event.thread).await, before + 1, "once");
    }
}

#[actix_rt::test]
async fn a_change_of_an_earlier_thread_is_stored_once_however_often_the_chat_is_loaded() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let event = world.send(&chat, 1..=1).await.remove(0);
    world.next_thread(&chat).await;
    let before = world.rows(&event.thread).await;
    world.try_delete(&chat, &event).await.expect("it is acknowledged");
    // It stays the last that is known of the chat.
    for _ in 0..2 {
        let next = world.next_run().await;
        world.look(&next, &chat).await.expect("the node has the chat");
        assert_eq!(world.rows(&event.thread).await, before + 1);
    }
}

#[actix_rt::test]
async fn what_was_read_ahead_of_a_chat_is_not_read_again() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    let sent = world.send(&chat, 1..=9).await;
    world.store.take_reads();
    world.announce(&chat, &world.there).await;
    assert!(world.store.take_reads() > 0, "the other node reads what stands of the chat");
    let last = world.look(&world.here, &chat).await.expect("it has the chat").seq;
    let next = world.next_run().await;
    // It was told of the chat before the last events were sent.
    let head = Head { thread: sent[0].thread.clone(), seq: last - 4, previous: None };
    world.read_ahead(&chat, head, &next).await;
    world.store.take_reads();
    let shown = world.look(&next, &chat).await.expect("it has the chat now");
    // Where the chat's last thread is, and what came after: asked at the same time.
    assert_eq!((shown.seq, world.store.take_reads()), (last, 2));
    let event = shown.chat.thread.as_ref().map(|thread| thread.events);
    assert_eq!(event, Some(sent[8].number), "nothing is missing");
}

#[actix_rt::test]
async fn a_node_that_gives_its_shards_away_refuses_nothing() {
    let world = World::of_members().await;
    let chats = futures_util::future::join_all((0..64).map(|_| world.start_chat())).await;
    // Something is under way in every chat, whenever its turn comes.
    world.store.slow_down(Duration::from_millis(20));
    let is_over = AtomicBool::new(false);
    let talk = async |chat: &ChatId| {
        while !is_over.load(Ordering::Relaxed) {
            let asked = Instant::now();
            match world.try_send(chat, 1).await {
                Ok(Reply::Event(_)) => {}
                // On a machine that stood still nobody had the chat for as long as work waits.
                Err(AskError::NotOwner) if asked.elapsed() >= PARKED_FOR => {}
                answered => panic!("{answered:?}"),
            }
        }
    };
    let give = async {
        world.here.give_away().await;
        is_over.store(true, Ordering::Relaxed);
    };
    // Several at once in each: while one is under way, others wait for their turn.
    let talks = chats.iter().flat_map(|chat| std::iter::repeat_n(chat, SENDERS)).map(talk);
    tokio::join!(futures_util::future::join_all(talks), give);
    for chat in &chats {
        let last = world.send(chat, 0..=0).await.remove(0);
        let shown = world.look(&world.there, chat).await.expect("the other node has it");
        assert_eq!(shown.chat.thread.as_ref().map(|thread| thread.events), Some(last.number));
    }
}

/// Which visit goes on is read before the fields are stored; between the two the customer may leave and come back.
#[actix_rt::test]
async fn session_fields_are_of_the_visit_that_began_while_they_were_stored() {
    let world = World::new().await;
    let (_, first) = world.customer_comes(false).await;
    world.store.hold_change(CellTable::CustomerProfiles);
    let gives =
        world.customer_calls("set_customer_session_fields", json!({ "session_fields": [{ "cart": "3" }] }));
    let comes_back = async {
        world.store.holds_something().await;
        world.customer_leaves().await;
        let (_, second) = world.customer_comes(false).await;
        assert!(second > first, "another visit");
        world.store.let_go();
        second
    };
    let (_, second) = tokio::join!(gives, comes_back);
    // A second tab of that visit: fields of an earlier one would lapse now.
    let (profile, visit) = world.customer_comes(true).await;
    assert_eq!(visit, second);
    assert_eq!(profile.session_fields, [("cart".to_owned(), "3".to_owned())]);
    world.customer_leaves().await;
    let (profile, _) = world.customer_comes(false).await;
    assert!(profile.session_fields.is_empty(), "they last for that visit alone");
}
