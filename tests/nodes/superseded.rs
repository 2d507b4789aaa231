//! What an owner wrote that was superseded meanwhile and does not know it: on a database its rows come to nothing beside those of
//! the next owner, and nobody tells it so. Lists have to say what the logs say.

use serde_json::json;

use crate::ATTEMPTS;
use crate::world::World;

#[actix_rt::test]
async fn a_chat_whose_closing_came_too_late_is_found_by_the_next_owners() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    world.store.hold_append();
    let taken_over = async {
        world.store.holds_something().await;
        let next = world.next_run().await;
        let shown = world.look(&next, &chat).await.expect("the node has the chat");
        assert!(shown.chat.active_thread().is_some(), "nothing of the closing has arrived");
        world.store.let_go();
    };
    let (ended, ()) = tokio::join!(world.try_end(&chat), taken_over);
    assert!(ended.is_err(), "{ended:?}");
    let last = world.next_run().await;
    last.recover().await;
    assert_eq!(last.actors.resident_chats(), 1, "its timers have to run, and its router has to know it");
}

#[actix_rt::test]
async fn a_chat_whose_next_thread_came_too_late_stays_in_the_lists() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    world.end_thread(&chat).await;
    world.store.hold_append();
    let (opened, next) = tokio::join!(world.try_resume(&chat), async {
        world.store.holds_something().await;
        let next = world.next_run().await;
        let shown = world.look(&next, &chat).await.expect("the node has the chat");
        assert!(shown.chat.active_thread().is_none(), "nothing of the opening has arrived");
        world.store.let_go();
        next
    });
    assert!(opened.is_err(), "{opened:?}");
    // Whoever begins to walk through a list sees what has moved lately as it stood before.
    world.minutes_pass(1);
    let list = world.customer_calls_on(&next, "list_chats", json!({})).await;
    assert_eq!(list["chats_summary"][0]["id"], json!(chat), "{list}");
    assert_eq!(list["total_chats"], 1, "{list}");
}

#[actix_rt::test]
async fn a_closing_that_was_stored_in_the_end_takes_its_chat_from_those_that_are_open() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    world.store.lose_appends(ATTEMPTS);
    world.try_end(&chat).await.expect_err("nobody knows whether it was stored");
    let shown = world.look(&world.here, &chat).await.expect("the node has the chat");
    assert!(shown.chat.active_thread().is_none(), "it was sent again");
    let next = world.next_run().await;
    next.recover().await;
    assert_eq!(next.actors.resident_chats(), 0);
}

#[actix_rt::test]
async fn a_router_that_was_superseded_tells_nothing() {
    let world = World::new().await;
    world.agent_comes(&world.here, 1).await;
    world.here.wait_until_status_is_told().await;
    world.supersede().await;
    world.agent_leaves(&world.here, 1);
    world.here.statuses().await.expect_err("what a superseded router says is not shown");
    // Whatever it has to tell is held back by the same confirmation, which has failed by now for good.
    assert_eq!(world.here.told_statuses(), 1);
}
