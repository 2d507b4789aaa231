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
        world.store.holds_something().await;
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

/// The ids of the chat's threads, of what `list_threads` shows on a node: each has to name those beside it.
async fn threads_on(world: &World, node: &Node, chat: &ChatId) -> Vec<String> {
    let list = json!({ "chat_id": chat, "sort_order": "asc" });
    let shown = world.customer_calls_on(node, "list_threads", list).await;
    let threads = shown["threads"].as_array().expect("threads");
    assert_eq!(shown["found_threads"], threads.len());
    let ids: Vec<String> =
        threads.iter().map(|thread| thread["id"].as_str().expect("an id").to_owned()).collect();
    for (place, thread) in threads.iter().enumerate() {
        let beside =
            |place: Option<usize>| place.and_then(|place| ids.get(place)).map_or(json!(null), |id| json!(id));
        assert_eq!(thread["previous_thread_id"], beside(place.checked_sub(1)), "{shown}");
        assert_eq!(thread["next_thread_id"], beside(Some(place + 1)), "{shown}");
        assert_eq!(thread["active"], json!(place + 1 == ids.len()), "{shown}");
    }
    ids
}

#[actix_rt::test]
async fn an_opening_that_was_cut_short_and_arrives_late_is_no_thread_of_the_chat() {
    for arrives_first in [false, true] {
        let world = World::new().await;
        let chat = world.start_chat().await;
        world.end_thread(&chat).await;
        world.store.lose_appends(ATTEMPTS);
        world.try_resume(&chat).await.expect_err("its first row is on its way");
        let next = world.next_run().await;
        // The next owner knows it as a chat without an active thread, of one thread.
        next.recover().await;
        assert!(!is_marked(&world, &next, &chat).await);
        if arrives_first {
            world.store.arrives();
        }
        world.try_resume_on(&next, &chat).await.expect("the next thread");
        let shown = threads_on(&world, &next, &chat).await;
        assert_eq!(shown.len(), 2);
        world.store.arrives();
        assert_eq!(threads_on(&world, &next, &chat).await, shown);
        let last = world.next_run().await;
        assert_eq!(threads_on(&world, &last, &chat).await, shown);
    }
}
