//! An owner that was superseded while it opened a thread, and what its successor acknowledged meanwhile.

use serde_json::json;
use switchboard::actors::AskError;
use switchboard::domain::id::ChatId;
use switchboard::store::{CellTable, StoreError};

use crate::node::Node;
use crate::world::World;

/// How often a chat tries to store something of which nobody knows whether it was stored.
const ATTEMPTS: usize = 4;

/// Whether a chat is marked, as a node shows it.
async fn is_marked(world: &World, node: &Node, chat: &ChatId) -> bool {
    let shown = world.look(node, chat).await.expect("the node has the chat");
    let properties = serde_json::to_value(&shown.chat.properties).expect("JSON");
    properties["test"]["bool_property"] == json!(true)
}

#[actix_rt::test]
async fn an_opening_that_was_cut_short_and_arrives_late_hides_nothing_that_was_acknowledged_since() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    world.end_thread(&chat).await;
    // The chat's cell names the thread, whose first row is on its way for a long time.
    world.store.lose_appends(ATTEMPTS);
    let unknown = world.try_resume(&chat).await;
    assert!(matches!(unknown, Err(AskError::Store(StoreError::OutcomeUnknown(_)))), "{unknown:?}");
    let next = world.next_run().await;
    world.mark_on(&next, &chat).await;
    world.store.arrives();
    let last = world.next_run().await;
    assert!(is_marked(&world, &last, &chat).await);
}

#[actix_rt::test]
async fn an_owner_that_was_superseded_opens_no_thread_over_what_was_acknowledged_since() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    world.end_thread(&chat).await;
    // It was confirmed that the chat is its own, then it stands still.
    world.store.hold_change(CellTable::Chats);
    let thaws = async {
        world.store.holds_change().await;
        let next = world.next_run().await;
        world.mark_on(&next, &chat).await;
        world.store.lose_appends(ATTEMPTS);
        world.store.let_go();
    };
    let (opened, ()) = tokio::join!(world.try_resume(&chat), thaws);
    assert!(opened.is_err(), "{opened:?}");
    world.store.lose_appends(0);
    world.store.arrives();
    let last = world.next_run().await;
    assert!(is_marked(&world, &last, &chat).await);
}
