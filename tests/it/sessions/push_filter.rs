//! `login.pushes` narrows what a session gets; so do the scopes of its token.

use serde_json::json;

use crate::support::shared;

#[tokio::test]
async fn a_login_that_names_pushes_gets_only_those() {
    let license = shared().await.license();
    let wanted = json!({ "away": true, "pushes": { "3.6": ["chat_deactivated"] } });
    let some = license.agent(1).logs_in_with(wanted).await;
    let none = license.agent(1).logs_in_with(json!({ "pushes": { "3.6": [] } })).await;
    let all = license.agent(1).logs_in().await;
    let login = license.customer().await;
    let quiet = login.logs_in_with(json!({ "pushes": { "3.6": ["incoming_event"] } })).await;
    let customer = login.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let event = customer.says(&chat, "still there?").await;
    customer.deactivates(&chat).await;
    all.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    all.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    some.expect_push("chat_deactivated", |push| push["chat_id"] == *chat.id).await;
    some.expect_nothing_more().await;
    none.expect_nothing_more().await;
    quiet.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    quiet.expect_push("incoming_event", |push| push["event"]["type"] == "system_message").await;
    quiet.expect_nothing_more().await;
}

#[tokio::test]
async fn a_login_that_asks_for_pushes_of_an_unknown_version_is_refused() {
    let license = shared().await.license();
    let agent = license.agent(1);
    let session = agent.connects().await;
    for pushes in [json!({ "9.9": [] }), json!({ "3.7": [] }), json!({ "3.6": "incoming_event" })] {
        session.refused("login", json!({ "token": agent.token, "pushes": pushes })).await;
    }
    session.call("login", json!({ "token": agent.token })).await;
}

#[tokio::test]
async fn a_token_without_scopes_gets_no_pushes_of_chats() {
    let license = shared().await.license();
    let blind = license.agent_without_scopes().logs_in().await;
    let seeing = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    seeing.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    seeing.reads(&chat).await;
    blind.expect_nothing_more().await;
}
