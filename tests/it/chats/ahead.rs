//! What a customer may know before a chat: `list_group_statuses`, `get_predicted_agent`, `request_welcome_message`.

use serde_json::json;
use switchboard::domain::license::Settings;

use crate::support::{Chat, Plan, TestNode, customer_message, shared};

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

#[tokio::test]
async fn the_prediction_is_of_the_group_in_which_the_customer_is_logged_in() {
    let license = shared().await.license();
    let _of_one = license.agent(1).logs_in().await;
    let who = license.customer().await;
    let before = who.web().refused("get_predicted_agent", json!({})).await;
    assert_eq!(before.kind, "authorization", "{before:?}");
    assert_eq!(who.web().refused("request_welcome_message", json!({})).await.kind, "authorization");
    let customer = who.logs_in_with(json!({ "group_id": 2 })).await;
    for action in ["get_predicted_agent", "request_welcome_message"] {
        assert_eq!(customer.refused(action, json!({})).await.kind, "group_offline", "{action}");
        assert_eq!(customer.web.refused(action, json!({})).await.kind, "group_offline", "{action}");
    }
    customer.call("request_welcome_message", json!({ "group_id": 1 })).await;
    let of_two = license.agent(4).logs_in().await;
    let predicted = customer.call("get_predicted_agent", json!({})).await;
    assert_eq!(predicted["agent"]["name"], of_two.who.name);
    assert_eq!(customer.web.call("get_predicted_agent", json!({})).await, predicted);
}

#[tokio::test]
async fn a_bot_that_would_come_says_of_what_kind_it_is() {
    let node = TestNode::with(&[], Plan { licenses: 1, bots: &[3], ..Plan::default() }).await;
    let license = node.license();
    let bot = license.agent(3).id;
    let human = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let set = async |setting: &str| {
        node.operates(&["agent", "set", "--agent", &bot, "--set", setting]).await;
    };
    human.call("set_routing_status", json!({ "status": "accepting_chats", "agent_id": bot })).await;
    let welcomed = async || {
        let answer = customer.call("request_welcome_message", json!({})).await;
        answer["predicted_agent"]["bot_type"].clone()
    };
    let found = async |kind: &str| {
        let filters = json!({ "agent_types": { "any_values": [kind] } });
        human.call("list_archives", json!({ "filters": filters })).await["found_chats"].clone()
    };
    assert_eq!(welcomed().await, "chatbot");
    customer.starts_chat("hello").await;
    assert_eq!((found("chatbot").await, found("ai_agent").await), (json!(1), json!(0)));
    set("bot_type=ai_agent").await;
    assert_eq!(welcomed().await, "ai_agent");
    assert_eq!((found("chatbot").await, found("ai_agent").await), (json!(0), json!(1)));

    // Nobody asks what kind of human somebody is.
    human.call("set_routing_status", json!({ "status": "offline", "agent_id": bot })).await;
    human.call("set_routing_status", json!({ "status": "accepting_chats" })).await;
    assert_eq!(welcomed().await, json!(null));
}

#[tokio::test]
async fn a_welcome_comes_from_the_agent_who_would_get_the_chat() {
    let settings = Settings { welcome_message: Some("Welcome!".to_owned()), ..Settings::default() };
    let node = TestNode::with(&[], Plan { licenses: 1, settings, ..Plan::default() }).await;
    let license = node.license();
    let customer = license.customer().await.logs_in().await;
    let offline = customer.refused("request_welcome_message", json!({})).await;
    assert_eq!(offline.kind, "group_offline");
    let agent = license.agent(1).logs_in().await;
    let answer = customer.call("request_welcome_message", json!({ "id": "mine", "group_id": 1 })).await;
    assert_eq!((&answer["id"], &answer["predicted_agent"]["name"]), (&json!("mine"), &json!(agent.who.name)));
    let push = customer.expect_push("incoming_welcome_message", |push| push["id"] == "mine").await;
    assert_eq!(push["event"]["text"], "Welcome!");
    assert_eq!(push["event"]["author_id"], answer["predicted_agent"]["id"]);
    let drawn = customer.web.call("request_welcome_message", json!({})).await;
    customer.expect_push("incoming_welcome_message", |push| push["id"] == drawn["id"]).await;
    let unknown = customer.refused("request_welcome_message", json!({ "group_id": 99 })).await;
    assert_eq!(unknown.kind, "group_not_found");
    agent.expect_no_push("incoming_welcome_message").await;
}

#[tokio::test]
async fn a_thread_begins_with_the_welcome_that_the_customer_asks_for() {
    let settings = Settings { welcome_message: Some("Welcome!".to_owned()), ..Settings::default() };
    let node = TestNode::with(&[], Plan { licenses: 1, settings, ..Plan::default() }).await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let thread = json!({ "events": [customer_message("hello")] });
    let begins_with = async |chat: &Chat| {
        let both = [agent.reads(chat).await, customer.reads(chat).await];
        both.map(|chat| {
            (chat["thread"]["events"][0]["text"].clone(), chat["thread"]["events"][0]["properties"].clone())
        })
    };
    let given = customer.call("request_welcome_message", json!({})).await;
    let start = json!({ "welcome_message_id": given["id"], "chat": { "thread": thread } });
    let chat = Chat::of(&customer.call("start_chat", start).await);
    assert_eq!(chat.event_ids.len(), 1, "of what the customer sent");
    let marks = json!({
        "lc2": { "welcome_message": true }, "chats": { "welcome_message_source": "welcome_phrase" },
    });
    for begin in begins_with(&chat).await {
        assert_eq!(begin, (json!("Welcome!"), marks.clone()));
    }
    let pushed = agent.expect_push("incoming_chat", |push| push["chat"]["id"] == chat.id).await;
    assert_eq!(pushed["chat"]["thread"]["events"][0]["properties"], marks);

    // Another thread has one if it is asked for, and not for the id of somebody else's.
    for (id, text) in [(json!("else"), "hello"), (given["id"].clone(), "Welcome!")] {
        customer.deactivates(&chat).await;
        let resume = json!({ "welcome_message_id": id, "chat": { "id": chat.id, "thread": thread } });
        customer.call("resume_chat", resume).await;
        for (begin, _) in begins_with(&chat).await {
            assert_eq!(begin, text);
        }
    }
}
