//! A customer who is banned is out, at once and until the ban ends, over restarts.

use serde_json::json;

use crate::support::{Plan, TestNode, shared};

#[tokio::test]
async fn a_ban_ends_the_chat_and_keeps_the_customer_out() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let who = license.customer().await;
    let (customer, device) = (who.logs_in().await, who.logs_in().await);
    let chat = customer.starts_chat("hello").await;
    agent.joins(&chat).await;
    agent.call("ban_customer", json!({ "id": who.id, "ban": { "days": 2 } })).await;
    for session in [&customer.session, &device.session] {
        let push = session.expect_push("customer_disconnected", |_| true).await;
        assert_eq!(push["reason"], "customer_banned");
        session.closed().await;
    }
    let banned = agent.expect_push("customer_banned", |_| true).await;
    assert_eq!(banned, json!({ "customer_id": who.id, "ban": { "days": 2 } }));
    let read = agent.reads(&chat).await;
    assert_eq!(read["thread"]["active"], false);
    assert_eq!(super::system_messages(&read["thread"]).last(), Some(&"customer_banned"));
    let again = who.connects().await.refused("login", json!({ "token": who.token })).await;
    assert_eq!(again.kind, "customer_banned");
    let web = who.web().refused("start_chat", json!({})).await;
    assert_eq!((web.kind.as_str(), web.status), ("customer_banned", Some(403)));
}

#[tokio::test]
async fn a_ban_outlives_the_server_and_is_of_one_customer() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let (who, other) = (license.customer().await, license.customer().await);
    let customer = who.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let web = license.agent(1).web();
    web.call("ban_customer", json!({ "id": who.id, "ban": { "days": 1 } })).await;
    customer.closed().await;
    node.kill().await;
    node.launch().await;
    let error = who.connects().await.refused("login", json!({ "token": who.token })).await;
    assert_eq!(error.kind, "customer_banned");
    other.logs_in().await;
    let read = license.agent(1).logs_in().await.reads(&chat).await;
    assert_eq!(read["thread"]["active"], false);
}

#[tokio::test]
async fn nobody_is_banned_who_was_never_seen_or_for_no_time() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let stranger = shared().await.license().customer().await.logs_in().await;
    for id in ["nobody", "b7eff798-f8df-4364-8059-649c35c9ed0c", stranger.id()] {
        let payload = json!({ "id": id, "ban": { "days": 1 } });
        assert_eq!(agent.refused("ban_customer", payload).await.kind, "not_found");
    }
    for days in [json!(0), json!(-1), json!(36_526), json!(i64::MAX)] {
        let payload = json!({ "id": customer.id(), "ban": { "days": days } });
        let error = agent.refused("ban_customer", payload).await;
        assert!(error.kind == "validation" && error.message.contains("ban.days"), "{error:?}");
    }
    customer.starts_chat("still here").await;
}
