//! Chats that are out of memory: their timers run, and when they stay open for weeks whoever takes them over finds them.

use std::time::Duration;

use switchboard::domain::id::ChatId;

use crate::world::World;

/// Minutes.
const DAY: i64 = 24 * 60;
const WEEK: i64 = 7 * DAY;

/// Whether the next owner finds the chat by itself.
async fn is_found(world: &World, chat: &ChatId) -> bool {
    let next = world.next_run().await;
    next.recover().await;
    next.answer_to_router(chat).await.is_some_and(|known| known.contains(chat))
}

#[actix_rt::test]
async fn a_thread_closes_though_its_chat_is_out_of_memory() {
    let world = World::forgetful().await;
    world.threads_end_after(Duration::from_secs(120)).await;
    let _timers = world.here.runs_timers();
    let chat = world.start_chat().await;
    // From here on only the store knows of it.
    world.here.wait_until_forgotten().await;
    assert!(!world.here.ended_chats().contains(&chat));
    world.minutes_pass(3);
    world.here.wait_until_ended(&chat).await;
}

#[actix_rt::test]
async fn a_chat_that_is_spoken_in_now_and_then_is_found_weeks_later() {
    let world = World::forgetful().await;
    let chat = world.start_chat().await;
    for number in 1..=3 {
        world.here.wait_until_forgotten().await;
        world.minutes_pass(6 * DAY);
        world.send(&chat, number..=number).await;
    }
    world.here.wait_until_forgotten().await;
    assert!(is_found(&world, &chat).await);
}

#[actix_rt::test]
async fn a_chat_in_which_nobody_speaks_is_woken_each_week_and_found_weeks_later() {
    let world = World::forgetful().await;
    let chat = world.start_chat().await;
    for _ in 0..2 {
        world.here.wait_until_forgotten().await;
        assert!(world.wakes_in(&chat, WEEK - 3..=WEEK).await, "long before its time is over");
        world.minutes_pass(8 * DAY);
        // As the timer does.
        world.look(&world.here, &chat).await.expect("it has the chat");
    }
    world.here.wait_until_forgotten().await;
    assert!(is_found(&world, &chat).await);
}
