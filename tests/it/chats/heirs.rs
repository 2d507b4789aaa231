//! `list_agents_for_transfer`: who could take the chat, fewest chats first.

use serde_json::json;

use crate::support::shared;

#[tokio::test]
async fn whoever_is_there_and_not_in_the_chat_could_take_it_fewest_chats_first() {
    let license = shared().await.license();
    let asker = license.agent(1).logs_in_away().await;
    let (busy, idle) = (license.agent(2).logs_in().await, license.agent(3).logs_in_away().await);
    let chat = license.customer().await.logs_in().await.starts_chat("one").await;
    let other = license.customer().await.logs_in().await.starts_chat("two").await;
    asker.joins(&other).await;
    let list = asker.call("list_agents_for_transfer", json!({ "chat_id": other.id })).await;
    let expected = json!([{ "agent_id": idle.id(), "total_active_chats": 0 }]);
    assert_eq!(list, expected, "{} has the chat, {} is in it", busy.id(), asker.id());
    let list = idle.web.call("list_agents_for_transfer", json!({ "chat_id": chat.id })).await;
    let expected = json!([
        { "agent_id": idle.id(), "total_active_chats": 0 },
        { "agent_id": asker.id(), "total_active_chats": 1 },
    ]);
    assert_eq!(list, expected);
}
