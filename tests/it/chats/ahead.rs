//! What a customer may know before a chat: `list_group_statuses`, `get_predicted_agent`.

use serde_json::json;

use crate::support::shared;

#[tokio::test]
async fn customers_see_which_groups_can_be_reached() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let all = json!({ "all": true });
    let offline = json!({ "groups_status": { "0": "offline", "1": "offline", "2": "offline" } });
    assert_eq!(customer.call("list_group_statuses", all.clone()).await, offline);
    let _agent = license.agent(4).logs_in().await;
    let online = json!({ "groups_status": { "0": "online", "1": "offline", "2": "online" } });
    assert_eq!(customer.call("list_group_statuses", all).await, online);
    let some = customer.call("list_group_statuses", json!({ "group_ids": [2, 77] })).await;
    assert_eq!(some, json!({ "groups_status": { "2": "online" } }));
    assert_eq!(customer.refused("list_group_statuses", json!({})).await.kind, "validation");
}

#[tokio::test]
async fn who_would_come_is_told_under_a_pseudonym_and_not_reserved() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    assert_eq!(customer.refused("get_predicted_agent", json!({})).await.kind, "group_offline");
    let agent = license.agent(1).logs_in().await;
    for _ in 0..3 {
        let predicted = customer.call("get_predicted_agent", json!({})).await;
        assert_eq!((&predicted["agent"]["is_bot"], &predicted["queue"]), (&json!(false), &json!(false)));
        assert!(!predicted.to_string().contains(agent.id()), "{predicted}");
    }
    let predicted = customer.web.call("get_predicted_agent", json!({})).await;
    let chat = customer.starts_chat("hello").await;
    let read = customer.reads(&chat).await;
    let serving = read["users"].as_array().expect("users").iter().find(|user| user["type"] == "agent");
    assert_eq!(serving.expect("an agent")["id"], predicted["agent"]["id"]);
}
