//! Where a customer's chat goes by the page that they are on.

use serde_json::{Value, json};

use crate::support::{Chat, Plan, TestCustomer, TestNode};

async fn groups(customer: &TestCustomer, chat: &Chat) -> Value {
    customer.call("get_chat", json!({ "chat_id": chat.id })).await["access"]["group_ids"].clone()
}

#[tokio::test]
async fn a_customer_s_chat_goes_to_the_groups_that_the_license_lays_down_for_the_page() {
    let node = TestNode::with(&[], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let rules = json!([
        { "access": { "groups": [2] }, "conditions": {
            "domain": { "values": [{ "value": "shop.example", "exact_match": true }] },
            "url": { "values": [{ "value": "/pricing" }] },
        } },
        { "access": { "groups": [1] }, "conditions": { "url": { "exclude_values": [{ "value": "/jobs" }] } } },
    ]);
    node.operates(&["license", "set", "--set", &format!("auto_access={rules}")]).await;
    let page = |url: &str| json!({ "url": url, "title": "Page" });
    let on = |url: &str| json!({ "customer_page": page(url) });
    let customer = license.customer().await.logs_in_with(on("https://shop.example/pricing")).await;
    let chat = customer.starts_chat("hello").await;
    assert_eq!(groups(&customer, &chat).await, json!([2]));
    customer.deactivates(&chat).await;
    // What was told last counts, for the next thread, too; and what the start says itself more than that.
    customer.call("update_customer_page", page("https://shop.example/about")).await;
    customer.call("resume_chat", json!({ "chat": { "id": chat.id } })).await;
    assert_eq!(groups(&customer, &chat).await, json!([1]));
    customer.deactivates(&chat).await;
    let access = json!({ "chat": { "id": chat.id, "access": { "group_ids": [0] } } });
    customer.web.call("resume_chat", access).await;
    assert_eq!(groups(&customer, &chat).await, json!([0]));
    let other = license.customer().await.logs_in_with(on("https://shop.example/jobs")).await;
    let chat = other.starts_chat("hello").await;
    assert_eq!(groups(&other, &chat).await, json!([0]));
}
