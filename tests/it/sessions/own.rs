//! What a session changes of itself: `set_away_status`, `update_session`.

use serde_json::json;

use super::before_its_end;
use crate::support::{TestNode, shared};

#[tokio::test]
async fn an_agent_is_away_while_all_of_their_connections_are() {
    let license = shared().await.license();
    let onlooker = license.agent(1).logs_in_away().await;
    let who = license.agent(2);
    let (one, two) = (who.logs_in().await, who.logs_in().await);
    onlooker.forget_pushes().await;
    one.call("set_away_status", json!({ "away": true })).await;
    onlooker.call("list_routing_statuses", json!({})).await;
    onlooker.expect_no_push("routing_status_set").await;
    two.call("set_away_status", json!({ "away": true })).await;
    let push = onlooker.expect_push("routing_status_set", |push| push["agent_id"] == who.id).await;
    assert_eq!(push["status"], "not_accepting_chats");
    one.call("set_away_status", json!({ "away": false })).await;
    let push = onlooker.expect_push("routing_status_set", |push| push["agent_id"] == who.id).await;
    assert_eq!(push["status"], "accepting_chats");
}

#[tokio::test]
async fn a_session_outlives_its_token_with_another_of_the_same_agent() {
    let node = TestNode::start(&[]).await;
    let license = node.license();
    let (kept, lost) = before_its_end(async |seconds| {
        let short = license.agent_for(&node, seconds).await;
        let (kept, lost) = (short.logs_in_unless_expired().await?, short.logs_in_unless_expired().await?);
        let another = json!({ "token": license.agent(2).token });
        kept.ask_if_open("update_session", another).await?.ok()?;
        Some((kept, lost))
    })
    .await;
    let others = json!({ "token": license.agent(1).token });
    assert_eq!(kept.refused("update_session", others).await.kind, "authentication");
    assert_eq!(kept.refused("update_session", json!({ "token": "Bearer x" })).await.kind, "authentication");
    let push = lost.expect_push("agent_disconnected", |_| true).await;
    assert_eq!(push["reason"], "access_token_expired");
    lost.closed().await;
    // Both began with the same end; what the one had left is over.
    kept.call("list_chats", json!({})).await;
    assert!(kept.is_open());
}

#[tokio::test]
async fn another_token_brings_its_own_scopes() {
    let license = shared().await.license();
    let agent = license.agent(2).logs_in_away().await;
    agent.call("list_chats", json!({})).await;
    let blind = license.agent_without_scopes().token;
    agent.call("update_session", json!({ "token": blind })).await;
    assert_eq!(agent.refused("list_chats", json!({})).await.kind, "authorization");
}
