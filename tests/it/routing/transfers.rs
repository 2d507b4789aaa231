//! Handing a chat on, and what does not stand in the way.

use serde_json::json;

use super::{is_served_by, operator, serving, waits};
use crate::support::{Chat, Plan, TestAgent, TestCustomer, TestLicense, TestNode, shared};

/// A chat in group 1 that the first agent has.
async fn in_group_one(license: &TestLicense) -> (TestAgent, TestCustomer, Chat) {
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat_in(1, "hello").await;
    is_served_by(&agent, &chat, agent.id()).await;
    (agent, customer, chat)
}

#[tokio::test]
async fn a_chat_for_nobody_in_particular_stays_inside_its_group() {
    let license = shared().await.license();
    let (from, customer, chat) = in_group_one(&license).await;
    // Of the other group, and free.
    let outsider = license.agent(4).logs_in().await;
    let to = license.agent(3).logs_in().await;
    from.call("transfer_chat", json!({ "id": chat.id })).await;
    let moved = customer.expect_push("chat_transferred", |push| push["chat_id"] == *chat.id).await;
    assert_eq!(moved["reason"], "manual");
    is_served_by(&to, &chat, to.id()).await;
    let read = to.reads(&chat).await;
    assert_eq!(read["access"]["group_ids"], json!([1]));
    let stamp = &read["thread"]["properties"]["routing"]["last_transfer_timestamp"];
    assert!(stamp.as_i64().is_some_and(|seconds| seconds > 1_700_000_000), "{read}");
    outsider.expect_no_push("incoming_chat").await;
}

#[tokio::test]
async fn whoever_is_not_in_the_chat_hands_it_on_only_if_that_does_not_matter() {
    let license = shared().await.license();
    let (from, customer, chat) = in_group_one(&license).await;
    let (requester, to) = (license.agent(2).logs_in_away().await, license.agent(3).logs_in_away().await);
    let target = json!({ "type": "agent", "ids": [to.id()] });
    let refused = requester.refused("transfer_chat", json!({ "id": chat.id, "target": target })).await;
    assert_eq!(refused.kind, "missing_access");
    assert_eq!(serving(&to, &chat).await, [from.id()]);
    customer.expect_no_push("chat_transferred").await;

    let payload = json!({ "id": chat.id, "target": target, "ignore_requester_presence": true });
    requester.call("transfer_chat", payload).await;
    for session in [&from.session, &requester.session, &to.session] {
        let told = session.expect_push("chat_transferred", |push| push["chat_id"] == *chat.id).await;
        assert_eq!(told["requester_id"], requester.id());
        assert_eq!(told["transferred_to"]["agent_ids"], json!([to.id()]));
    }
    from.expect_push("user_removed_from_chat", |push| push["user_id"] == from.id()).await;
    assert_eq!(serving(&to, &chat).await, [to.id()]);
}

#[tokio::test]
async fn a_transfer_that_nobody_can_take_at_once_fails_unless_it_may_wait() {
    let license = shared().await.license();
    let (from, customer, chat) = in_group_one(&license).await;
    let target = json!({ "type": "group", "ids": [2] });
    let refused = from.refused("transfer_chat", json!({ "id": chat.id, "target": target })).await;
    assert_eq!(refused.kind, "agent_offline");
    assert_eq!(serving(&from, &chat).await, [from.id()]);
    customer.expect_no_push("chat_transferred").await;

    let payload = json!({ "id": chat.id, "target": target, "ignore_agents_availability": true });
    from.call("transfer_chat", payload).await;
    let told = from.expect_push("chat_transferred", |push| push["chat_id"] == *chat.id).await;
    assert_eq!((&told["reason"], &told["queue"]["position"]), (&json!("manual"), &json!(1)));
    customer.expect_push("chat_transferred", |push| push["chat_id"] == *chat.id).await;
    let to = license.agent(4).logs_in().await;
    is_served_by(&to, &chat, to.id()).await;
    customer
        .expect_push("chat_transferred", |push| push["chat_id"] == *chat.id && push["reason"] == "assigned")
        .await;
}

#[tokio::test]
async fn a_direct_transfer_asks_neither_for_a_slot_nor_for_accepting() {
    let node =
        TestNode::with(&[("agent.max_chats_count", "1")], Plan { licenses: 1, ..Plan::default() }).await;
    let license = node.license();
    let to = license.agent(2).logs_in().await;
    let busy = license.customer().await.logs_in().await.starts_chat_in(1, "hello").await;
    is_served_by(&to, &busy, to.id()).await;
    let (from, _customer, chat) = in_group_one(&license).await;
    to.call("set_routing_status", json!({ "status": "not_accepting_chats" })).await;
    let target = json!({ "type": "agent", "ids": [to.id()] });
    from.call("transfer_chat", json!({ "id": chat.id, "target": target })).await;
    is_served_by(&to, &chat, to.id()).await;
    assert_eq!(serving(&to, &busy).await, [to.id()], "beyond the limit");
    assert!(operator(&node, &["explain", &chat.id]).contains(to.id()));
    // Nobody else gives them a third.
    from.call("set_routing_status", json!({ "status": "not_accepting_chats" })).await;
    let next = license.customer().await.logs_in().await.starts_chat_in(1, "hello").await;
    waits(&from, &next).await;
}
