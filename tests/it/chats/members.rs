//! Who is in a chat: adding, removing, following, handing on.

use serde_json::{Value, json};

use super::system_messages;
use crate::support::{Chat, Plan, TestAgent, TestNode, shared};

async fn present(reader: &TestAgent, chat: &Chat) -> Vec<String> {
    let whole = reader.reads(chat).await;
    let users = whole["users"].as_array().expect("users");
    let agents = users.iter().filter(|user| user["type"] == "agent" && user["present"] == true);
    agents.map(|user| user["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn a_chat_goes_to_the_agent_who_takes_chats() {
    let license = shared().await.license();
    let (away, taking) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in().await);
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    assert_eq!(present(&away, &chat).await, [taking.id()]);
    taking.says(&chat, "hi").await;
    let error = away
        .refused("send_event", json!({ "chat_id": chat.id, "event": { "type": "message", "text": "x" } }))
        .await;
    assert_eq!(error.kind, "missing_access");
}

#[tokio::test]
async fn a_chat_that_nobody_takes_waits_and_goes_to_who_comes() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("anybody?").await;
    let read = customer.reads(&chat).await;
    assert_eq!(read["thread"]["queue"]["position"], 1);
    let agent = license.agent(2).logs_in().await;
    customer
        .expect_push("user_added_to_chat", |push| {
            push["chat_id"] == *chat.id && push["user"]["type"] == "agent"
        })
        .await;
    assert_eq!(present(&agent, &chat).await, [agent.id()]);
    agent.says(&chat, "here I am").await;
    assert_eq!(agent.reads(&chat).await["thread"].get("queue"), None);
}

#[tokio::test]
async fn a_member_is_added_and_removed() {
    let license = shared().await.license();
    let (one, two) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in_away().await);
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    one.joins(&chat).await;
    one.adds(&chat, two.id(), "agent", "all").await;
    assert_eq!(present(&one, &chat).await, [one.id(), two.id()]);
    two.says(&chat, "me too").await;
    let gone = json!({ "chat_id": chat.id, "user_id": two.id(), "user_type": "agent" });
    one.call("remove_user_from_chat", gone.clone()).await;
    two.expect_push("user_removed_from_chat", |push| push["user_id"] == two.id()).await;
    assert_eq!(present(&one, &chat).await, [one.id()]);
    assert_eq!(one.refused("remove_user_from_chat", gone).await.kind, "not_found");
    let read = one.reads(&chat).await;
    assert_eq!(system_messages(&read["thread"]), ["routing.unassigned", "agent_added", "agent_removed"]);
}

#[tokio::test]
async fn only_who_exists_and_has_access_is_added() {
    let license = shared().await.license();
    let foreign = shared().await.license().customer().await.logs_in().await;
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat_in(1, "hello").await;
    agent.joins(&chat).await;
    for (id, kind, expected) in [
        ("nobody@example.com", "agent", "not_found"),
        (foreign.id(), "customer", "not_found"),
        ("agent4@example.com", "agent", "missing_access"),
    ] {
        let payload = json!({ "chat_id": chat.id, "user_id": id, "user_type": kind, "visibility": "all" });
        assert_eq!(agent.refused("add_user_to_chat", payload).await.kind, expected, "{id}");
    }
    let second = license.customer().await.logs_in().await;
    let payload =
        json!({ "chat_id": chat.id, "user_id": second.id(), "user_type": "customer", "visibility": "all" });
    assert_eq!(agent.refused("add_user_to_chat", payload).await.kind, "limit_reached");
}

#[tokio::test]
async fn a_chat_is_opened_with_four_more_agents_and_one_customer_at_most() {
    let node = TestNode::with(&[], Plan { licenses: 1, agents: 6, ..Plan::default() }).await;
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    let (customer, other) =
        (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
    let chat = customer.starts_chat("hello").await;
    customer.deactivates(&chat).await;
    let agents =
        |last: usize| (2..=last).map(|number| json!({ "id": license.agent(number).id, "type": "agent" }));
    let customers = [customer.id(), other.id()].map(|id| json!({ "id": id, "type": "customer" }));
    for users in [agents(6).collect::<Vec<_>>(), customers.to_vec()] {
        let opened = [
            ("start_chat", json!({ "chat": { "users": users } })),
            ("resume_chat", json!({ "chat": { "id": chat.id, "users": users } })),
        ];
        for (action, payload) in opened {
            let by_rtm = agent.refused(action, payload.clone()).await;
            for refused in [by_rtm, agent.web.refused(action, payload).await] {
                assert!(
                    refused.kind == "validation" && refused.message.contains("chat.users"),
                    "{refused:?}"
                );
            }
        }
    }
    for users in [agents(2).collect::<Vec<_>>(), customers.to_vec()] {
        let payload = json!({ "chat": { "users": users } });
        let by_rtm = customer.refused("start_chat", payload.clone()).await;
        for refused in [by_rtm, customer.web.refused("start_chat", payload).await] {
            assert!(refused.kind == "validation" && refused.message.contains("chat.users"), "{refused:?}");
        }
    }
    let most: Vec<Value> = agents(5).chain([customers[0].clone()]).collect();
    agent.call("resume_chat", json!({ "chat": { "id": chat.id, "users": most } })).await;
}

#[tokio::test]
async fn who_is_not_in_the_chat_says_that_it_does_not_matter() {
    let license = shared().await.license();
    let (one, two) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in_away().await);
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    one.joins(&chat).await;
    for (action, payload) in [
        ("deactivate_chat", json!({ "id": chat.id })),
        ("remove_user_from_chat", json!({ "chat_id": chat.id, "user_id": one.id(), "user_type": "agent" })),
        (
            "add_user_to_chat",
            json!({ "chat_id": chat.id, "user_id": "agent3@example.com", "user_type": "agent", "visibility": "all" }),
        ),
    ] {
        assert_eq!(two.refused(action, payload.clone()).await.kind, "missing_access", "{action}");
    }
    two.deactivates(&chat).await;
}

#[tokio::test]
async fn a_follower_hears_without_being_in_the_chat() {
    let license = shared().await.license();
    let (member, follower) = (license.agent(1).logs_in().await, license.agent(2).logs_in_away().await);
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    member.expect_push("incoming_chat", |_| true).await;
    follower.call("follow_chat", json!({ "id": chat.id })).await;
    let push = follower.expect_push("incoming_chat", |push| push["chat"]["is_followed"] == true).await;
    assert_eq!(push["chat"]["thread"]["events"][0]["text"], "hello");
    assert_eq!(present(&follower, &chat).await, [member.id()]);
    assert_eq!(follower.reads(&chat).await["is_followed"], true);
    assert_eq!(member.reads(&chat).await["is_followed"], false);
    let event = customer.says(&chat, "more").await;
    follower.expect_push("incoming_event", |push| push["event"]["id"] == *event).await;
    follower.call("unfollow_chat", json!({ "id": chat.id })).await;
    follower.expect_push("chat_unfollowed", |push| push["chat_id"] == *chat.id).await;
    customer.says(&chat, "and more").await;
    member.reads(&chat).await;
    follower.expect_no_push("incoming_event").await;
    assert_eq!(member.refused("unfollow_chat", json!({ "id": chat.id })).await.kind, "validation");
}

#[tokio::test]
async fn a_chat_is_handed_to_an_agent() {
    let license = shared().await.license();
    let from = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    from.expect_push("incoming_chat", |_| true).await;
    let to = license.agent(2).logs_in_away().await;
    to.forget_pushes().await;
    let target = json!({ "type": "agent", "ids": [to.id()] });
    from.call("transfer_chat", json!({ "id": chat.id, "target": target })).await;
    let push = customer.expect_push("chat_transferred", |push| push["chat_id"] == *chat.id).await;
    assert_eq!(push["reason"], "manual");
    assert_eq!(present(&from, &chat).await, [to.id()]);
    to.says(&chat, "now it is me").await;
    let read = to.reads(&chat).await;
    assert!(system_messages(&read["thread"]).contains(&"chat_transferred"));
    for (ids, expected) in [
        (json!(["agent3@example.com"]), "agent_offline"),
        (json!(["nobody@example.com"]), "not_found"),
        (json!([]), "validation"),
    ] {
        let payload = json!({ "id": chat.id, "target": { "type": "agent", "ids": ids } });
        assert_eq!(to.refused("transfer_chat", payload).await.kind, expected, "{ids}");
    }
}

#[tokio::test]
async fn a_chat_is_handed_to_a_group_and_who_gains_it_gets_all_of_it() {
    let license = shared().await.license();
    let from = license.agent(2).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat_in(1, "hello").await;
    from.expect_push("incoming_chat", |_| true).await;
    let to = license.agent(4).logs_in().await;
    assert_eq!(to.refused("get_chat", json!({ "chat_id": chat.id })).await.kind, "missing_access");
    let target = json!({ "type": "group", "ids": [2] });
    from.call("transfer_chat", json!({ "id": chat.id, "target": target })).await;
    let push = to.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    assert_eq!(push["chat"]["thread"]["events"][0]["text"], "hello");
    assert_eq!(push["transferred_from"], json!({ "group_ids": [1], "agent_ids": [from.id()] }));
    assert_eq!(push["chat"]["access"]["group_ids"], json!([2]));
    from.expect_push("chat_access_updated", |push| push["access"]["group_ids"] == json!([2])).await;
    assert_eq!(present(&to, &chat).await, [to.id()]);
    assert_eq!(from.refused("get_chat", json!({ "chat_id": chat.id })).await.kind, "missing_access");
    let unknown = json!({ "id": chat.id, "target": { "type": "group", "ids": [99] } });
    assert_eq!(to.refused("transfer_chat", unknown).await.kind, "not_found");
}

#[tokio::test]
async fn a_supervisor_is_seen_by_agents_only() {
    let license = shared().await.license();
    let (member, boss) = (license.agent(2).logs_in().await, license.agent(1).logs_in_away().await);
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    member.expect_push("incoming_chat", |_| true).await;
    boss.adds(&chat, boss.id(), "agent", "agents").await;
    member.expect_push("user_added_to_chat", |push| push["user"]["visibility"] == "agents").await;
    let shown = customer.reads(&chat).await;
    let agents: Vec<&Value> =
        shown["users"].as_array().expect("users").iter().filter(|user| user["type"] == "agent").collect();
    assert_eq!(agents.len(), 1, "{shown}");
    customer.expect_no_push("user_added_to_chat").await;
    let loud =
        json!({ "chat_id": chat.id, "event": { "type": "message", "text": "x", "visibility": "all" } });
    assert_eq!(boss.refused("send_event", loud).await.kind, "validation");
    let whisper =
        boss.sends(&chat, json!({ "type": "message", "text": "psst", "visibility": "agents" })).await;
    member.expect_push("incoming_event", |push| push["event"]["id"] == *whisper).await;
    customer.reads(&chat).await;
    customer.expect_no_push_that("incoming_event", |push| push["event"]["text"] == "psst").await;
}
