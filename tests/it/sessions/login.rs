//! `login` and `logout`.

use crate::support::shared;

#[tokio::test]
async fn a_customer_and_an_agent_talk() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let push = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    assert_eq!(push["chat"]["thread"]["id"], *chat.thread_id);
    let event = agent.says(&chat, "how can I help?").await;
    customer.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    let event = customer.says(&chat, "like this").await;
    agent.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
}
