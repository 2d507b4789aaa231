//! Lists whose items become visible in another order than that in which they stand.

use serde_json::{Value, json};
use switchboard::store::CellTable;
use tokio::sync::oneshot;

use crate::world::World;

/// The chats of a page.
fn chats<'a>(page: &'a Value, items: &str) -> Vec<&'a str> {
    let items = page[items].as_array().unwrap_or_else(|| panic!("no items in {page}"));
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

/// A chat begins and is stored late; meanwhile others begin, and somebody pages past its place, oldest first.
async fn is_found(method: &str, items: &str) {
    let world = World::new().await;
    let oldest = world.start_chat().await;
    world.store.hold_change(CellTable::Chats);
    let (stored, is_stored) = oneshot::channel();
    let begins = async {
        let chat = world.start_chat().await;
        stored.send(chat).expect("somebody waits for it");
    };
    let pages = async {
        world.store.holds_something().await;
        let others = [world.start_chat().await, world.start_chat().await, world.start_chat().await];
        let first = world.agent_calls(method, json!({ "sort_order": "asc", "limit": 2 })).await;
        assert_eq!(
            chats(&first, items),
            [oldest.as_str(), others[0].as_str()],
            "the late one is not there yet"
        );
        world.store.let_go();
        let late = is_stored.await.expect("it is stored");
        let second = world.agent_calls(method, json!({ "page_id": first["next_page_id"] })).await;
        assert_eq!(chats(&second, items), [late.as_str(), others[1].as_str()], "found on the next page");
        let third = world.agent_calls(method, json!({ "page_id": second["next_page_id"] })).await;
        assert_eq!((chats(&third, items), third.get("next_page_id")), (vec![others[2].as_str()], None));
        let back = world.agent_calls(method, json!({ "page_id": third["previous_page_id"] })).await;
        assert_eq!(chats(&back, items), [others[0].as_str(), others[1].as_str()], "in its own place");
        let back = world.agent_calls(method, json!({ "page_id": back["previous_page_id"] })).await;
        assert_eq!(chats(&back, items), [oldest.as_str(), late.as_str()], "on the way back");
    };
    tokio::join!(begins, pages);
}

#[actix_rt::test]
async fn a_chat_that_is_stored_late_is_not_skipped() {
    is_found("list_chats", "chats_summary").await;
}

#[actix_rt::test]
async fn a_thread_of_a_chat_that_is_stored_late_is_not_skipped() {
    is_found("list_archives", "chats").await;
}
