//! Archives: `list_archives`.

use serde_json::json;

use super::archive_scenes;
use crate::support::shared;

#[tokio::test]
async fn archives_are_filtered() {
    archive_scenes::filters(&shared().await.license()).await;
}

#[tokio::test]
async fn an_archived_thread_comes_with_its_chat_and_its_neighbours() {
    archive_scenes::items(&shared().await.license()).await;
}

#[tokio::test]
async fn pages_of_archives_neither_repeat_nor_miss_any_while_new_threads_come() {
    archive_scenes::pages(&shared().await.license()).await;
}

#[tokio::test]
async fn an_agent_finds_only_archives_they_may_see() {
    let license = shared().await.license();
    let (inside, outside) = (license.agent(2).logs_in_away().await, license.agent(4).logs_in_away().await);
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat_in(1, "for group 1").await;
    for filters in [json!({}), json!({ "thread_ids": [chat.thread_id] }), json!({ "chat_ids": [chat.id] })] {
        let asked = json!({ "filters": filters });
        let seen = inside.call("list_archives", asked.clone()).await;
        assert_eq!(seen["chats"][0]["id"], *chat.id, "{filters}");
        let unseen = outside.call("list_archives", asked).await;
        assert_eq!(unseen["chats"], json!([]), "{filters}");
    }
    // Nor does another license, whatever it names.
    let other = shared().await.license().agent(1).logs_in_away().await;
    for filters in [json!({}), json!({ "thread_ids": [chat.thread_id] }), json!({ "chat_ids": [chat.id] })] {
        let unseen = other.call("list_archives", json!({ "filters": filters })).await;
        assert_eq!((&unseen["chats"], &unseen["found_chats"]), (&json!([]), &json!(0)), "{filters}");
    }
}

#[tokio::test]
async fn a_page_of_archives_is_good_for_its_own_list_and_reader_only() {
    let license = shared().await.license();
    let (one, two) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in_away().await);
    for text in ["one", "two"] {
        license.customer().await.logs_in().await.starts_chat(text).await;
    }
    let page = one.call("list_archives", json!({ "limit": 1 })).await["next_page_id"].clone();
    assert_eq!(two.refused("list_archives", json!({ "page_id": page })).await.kind, "validation");
    assert_eq!(one.refused("list_chats", json!({ "page_id": page })).await.kind, "validation");
    let chats = one.call("list_chats", json!({ "limit": 1 })).await["next_page_id"].clone();
    assert_eq!(one.refused("list_archives", json!({ "page_id": chats })).await.kind, "validation");
    let both = json!({ "page_id": page, "filters": {} });
    assert_eq!(one.refused("list_archives", both).await.kind, "validation");
}

#[tokio::test]
async fn archives_cannot_be_searched_for_words_and_say_so() {
    let agent = shared().await.license().agent(1).logs_in_away().await;
    let refused = agent.refused("list_archives", json!({ "filters": { "query": "hello" } })).await;
    assert_eq!(refused.kind, "validation");
    assert!(refused.message.contains("`filters.query`: this server has no full-text search"), "{refused:?}");
}
