//! What follows from a row of a chat's log and was not done yet when its owner ended: whoever has the chat next does it.

use serde_json::{Value, json};
use switchboard::domain::id::ChatId;
use switchboard::store::CellTable;

use crate::ATTEMPTS;
use crate::world::World;

/// A customer is brought into a chat, and the node ends before that is among their chats.
async fn is_entered(world: &World, chat: &ChatId, action: &str, payload: Value) {
    assert!(!world.chats_of_customer().await.contains(chat), "not yet");
    world.store.hold_change(CellTable::Customers);
    let taken_over = async {
        world.store.holds_something().await;
        let next = world.next_run().await;
        let shown = world.look(&next, chat).await.expect("the node has the chat");
        assert!(shown.chat.customer().is_some(), "they are in it");
        assert!(world.chats_of_customer().await.contains(chat), "after {action}");
        world.store.let_go();
    };
    // What is answered by a node that was superseded meanwhile does not matter.
    let (_, ()) = tokio::join!(world.try_agent_calls(action, payload), taken_over);
    assert_eq!(world.chats_of_customer().await, std::slice::from_ref(chat), "once");
}

#[actix_rt::test]
async fn a_chat_that_a_customer_was_added_to_is_theirs_though_the_node_ended() {
    let world = World::new().await;
    world.customer_comes(false).await;
    let chat = world.agent_starts(true).await;
    let customer =
        json!({ "chat_id": chat, "user_id": world.customer, "user_type": "customer", "visibility": "all" });
    is_entered(&world, &chat, "add_user_to_chat", customer).await;
}

#[actix_rt::test]
async fn a_chat_that_a_customer_was_resumed_into_is_theirs_though_the_node_ended() {
    let world = World::new().await;
    world.customer_comes(false).await;
    let chat = world.agent_starts(false).await;
    let users = json!([{ "id": world.customer, "type": "customer" }]);
    is_entered(&world, &chat, "resume_chat", json!({ "chat": { "id": chat, "users": users } })).await;
}

#[actix_rt::test]
async fn a_chat_that_a_customer_was_brought_into_is_theirs_at_once() {
    let world = World::new().await;
    world.customer_comes(false).await;
    let added = world.agent_starts(true).await;
    let customer =
        json!({ "chat_id": added, "user_id": world.customer, "user_type": "customer", "visibility": "all" });
    world.agent_calls("add_user_to_chat", customer).await;
    let resumed = world.agent_starts(false).await;
    let users = json!([{ "id": world.customer, "type": "customer" }]);
    world.agent_calls("resume_chat", json!({ "chat": { "id": resumed, "users": users } })).await;
    assert_eq!(world.chats_of_customer().await, [added, resumed]);
}

#[actix_rt::test]
async fn a_chat_whose_next_thread_was_stored_in_the_end_is_counted_once() {
    let world = World::new().await;
    let chat = world.start_chat().await;
    world.end_thread(&chat).await;
    world.store.lose_appends(ATTEMPTS);
    world.try_resume(&chat).await.expect_err("nobody knows whether it was stored");
    let shown = world.look(&world.here, &chat).await.expect("the node has the chat");
    assert!(shown.chat.active_thread().is_some(), "it was sent again");
    // Whoever begins to walk through a list sees what has moved lately as it stood before.
    world.minutes_pass(1);
    let list = world.customer_calls("list_chats", json!({})).await;
    assert_eq!((&list["chats_summary"][0]["id"], &list["total_chats"]), (&json!(chat), &json!(1)), "{list}");
    let list = world.agent_calls("list_chats", json!({})).await;
    assert_eq!((&list["chats_summary"][0]["id"], &list["found_chats"]), (&json!(chat), &json!(1)), "{list}");
}

#[actix_rt::test]
async fn a_chat_whose_first_opening_was_cut_short_is_counted_once() {
    let world = World::new().await;
    world.store.lose_appends(ATTEMPTS);
    let chat = world.start_chat_in_vain().await;
    let next = world.next_run().await;
    next.recover().await;
    let shown = world.look(&next, &chat).await.expect("the node has the chat");
    assert!(shown.chat.thread.is_none(), "nothing of the opening has arrived");
    world.try_start_on(&next, &chat).await.expect("it is opened");
    let list = world.customer_calls_on(&next, "list_chats", json!({})).await;
    assert_eq!((&list["chats_summary"][0]["id"], &list["total_chats"]), (&json!(chat), &json!(1)), "{list}");
}
