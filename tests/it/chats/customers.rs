//! A customer's profile.

use serde_json::json;

use crate::support::shared;

#[tokio::test]
async fn a_changed_profile_is_told_and_shown_in_the_chat() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.expect_push("incoming_chat", |_| true).await;
    let profile = json!({
        "name": "Ann", "email": "ann@example.com", "session_fields": [{ "cart": "3" }, { "step": "pay" }],
    });
    customer.call("update_customer", profile.clone()).await;
    for session in [&agent.session, &customer.session] {
        let push = session.expect_push("customer_updated", |push| push["id"] == customer.id()).await;
        assert_eq!((&push["name"], &push["session_fields"]), (&profile["name"], &profile["session_fields"]));
    }
    let read = customer.call("get_customer", json!({})).await;
    let whole = agent.reads(&chat).await;
    let users = whole["users"].as_array().expect("users");
    let shown = users.iter().find(|user| user["id"] == customer.id()).expect("the customer");
    for (key, value) in profile.as_object().expect("an object") {
        assert_eq!((&read[key], &shown[key]), (value, value), "{key}");
    }
    customer.call("update_customer", json!({ "name": "Bea" })).await;
    let read = customer.call("get_customer", json!({})).await;
    assert_eq!((&read["name"], &read["email"]), (&json!("Bea"), &json!("ann@example.com")));
}

#[tokio::test]
async fn a_profile_is_changed_by_something() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    assert_eq!(customer.refused("update_customer", json!({})).await.kind, "validation");
}

#[tokio::test]
async fn a_customers_chats_are_counted() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("one").await;
    customer.deactivates(&chat).await;
    customer.starts_chat("two").await;
    let login = customer.who.logs_in().await.login;
    assert_eq!(login["customer"]["statistics"]["chats_count"], 1);
    assert_eq!(login["customer"]["statistics"]["threads_count"], 2);
}
