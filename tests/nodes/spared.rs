//! What only names users of one node is not told to others, and nobody misses anything by that.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use switchboard::domain::id::EventId;

use crate::world::World;

#[actix_rt::test]
async fn a_node_without_those_whom_it_is_for_is_not_told() {
    let world = World::with_agent_there().await;
    let chat = world.start_chat().await;
    // The first message of a thread changes what all agents with access see.
    let first = world.send(&chat, 1..=1).await;
    let sent = world.send(&chat, 2..=20).await;
    // All agents with access are told of a thread that begins; whatever was sent before that has arrived by then.
    world.next_thread(&chat).await;
    world.there.wait_for_chats(2).await;
    world.here.wait_for(&sent).await;
    let told = world.there.events();
    assert_eq!(told.iter().filter(|event| sent.contains(event)).count(), 0, "{told:?}");
    assert!(told.contains(&first[0]), "{told:?}");
}

#[actix_rt::test]
async fn who_logs_in_is_told_from_then_on_without_the_log() {
    let world = World::with_agent_there().await;
    let chat = world.start_chat().await;
    world.send(&chat, 1..=3).await;
    world.there.log_in(world.customer()).await;
    // What was spared before, and not said yet, is read.
    world.there.wait_for(&world.send(&chat, 4..=4).await).await;
    world.store.take_reads();
    let sent = world.send(&chat, 5..=7).await;
    world.there.wait_for(&sent).await;
    let told = world.there.events();
    assert_eq!(told[told.len() - 3..], sent);
    assert_eq!(world.store.take_reads(), 0, "a node that was spared something knows that nothing is missing");
}

#[actix_rt::test]
async fn who_is_registered_misses_nothing_before_others_know_it() {
    let world = World::with_agent_there().await;
    let chat = world.start_chat().await;
    let coming = world.there.registers(world.customer());
    let mut sent = world.send(&chat, 1..=3).await;
    world.there.nodes.user_came(coming).await;
    sent.extend(world.send(&chat, 4..=6).await);
    world.there.wait_for(&sent).await;
    assert_eq!(world.there.events(), sent, "each event once, in order");
}

#[actix_rt::test]
async fn who_came_and_could_not_be_made_known_misses_nothing() {
    let world = World::with_agent_there().await;
    let chat = world.start_chat().await;
    world.there.log_in_unheard(world.customer()).await;
    let sent = world.send(&chat, 1..=3).await;
    world.there.wait_for(&sent).await;
    let after = world.send(&chat, 4..=6).await;
    world.there.wait_for(&after).await;
    assert_eq!(world.there.events(), world.here.events(), "each event once, in order");
}

/// What happens between messages.
#[derive(Clone, Copy, Debug)]
enum Turn {
    LogIn,
    LogInUnheard,
    /// Something is sent between the two steps of a login.
    LogInSlowly,
    LogOut,
    Cut,
    Mend,
}

/// Whatever happens: who is connected is told what is sent meanwhile, each event once and in order.
#[test]
fn whoever_comes_and_goes_is_told_all_while_they_are_there() {
    let turn = prop_oneof![
        Just(Turn::LogIn),
        Just(Turn::LogInUnheard),
        Just(Turn::LogInSlowly),
        Just(Turn::LogOut),
        Just(Turn::Cut),
        Just(Turn::Mend)
    ];
    let turns = proptest::collection::vec(turn, 1..12);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));
    let outcome = runner.run(&turns, |turns| {
        actix_rt::System::new().block_on(play(&turns));
        Ok(())
    });
    outcome.expect("nobody misses anything");
}

async fn play(turns: &[Turn]) {
    let world = World::with_agent_there().await;
    let chat = world.start_chat().await;
    let mut must: Vec<EventId> = Vec::new();
    let (mut is_there, mut number) = (false, 0);
    for turn in turns {
        match turn {
            Turn::LogIn => world.there.log_in(world.customer()).await,
            Turn::LogInUnheard => world.there.log_in_unheard(world.customer()).await,
            Turn::LogInSlowly => {
                let coming = world.there.registers(world.customer());
                must.extend(world.send(&chat, number + 1..=number + 2).await);
                number += 2;
                world.there.nodes.user_came(coming).await;
            }
            Turn::LogOut => {
                // What was sent to who goes is theirs only if it had reached them.
                if let Some(last) = must.last().filter(|_| is_there) {
                    world.mend();
                    world.there.wait_for(std::slice::from_ref(last)).await;
                }
                world.there.log_out(world.customer());
            }
            Turn::Cut => world.cut(),
            Turn::Mend => world.mend(),
        }
        is_there = match turn {
            Turn::LogIn | Turn::LogInUnheard | Turn::LogInSlowly => true,
            Turn::LogOut => false,
            Turn::Cut | Turn::Mend => is_there,
        };
        let sent = world.send(&chat, number + 1..=number + 2).await;
        number += 2;
        if is_there {
            must.extend(sent);
        }
    }
    world.mend();
    world.there.log_in(world.customer()).await;
    must.extend(world.send(&chat, number + 1..=number + 1).await);
    world.there.wait_for(&must).await;
    let told = world.there.events();
    let unique: HashSet<&EventId> = told.iter().collect();
    assert_eq!(unique.len(), told.len(), "none twice: {told:?}");
    assert!(told.is_sorted_by_key(|event| event.number), "in order: {told:?}");
    assert!(must.iter().all(|event| unique.contains(event)), "none missing: {must:?}, {told:?}");
}
