//! A customer's profile.

use serde_json::{Value, json};

use crate::support::{TestNode, shared};

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
    for session in [&agent.session, &customer.session] {
        let push = session.expect_push("customer_updated", |push| push["name"] == "Bea").await;
        assert_eq!(
            push,
            json!({ "id": customer.id(), "type": "customer", "name": "Bea" }),
            "nothing else changed"
        );
    }
    let read = customer.call("get_customer", json!({})).await;
    assert_eq!((&read["name"], &read["email"]), (&json!("Bea"), &json!("ann@example.com")));
}

#[tokio::test]
async fn session_fields_are_set_anew_or_added_to_those_that_are_there() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let fields = async || customer.call("get_customer", json!({})).await["session_fields"].clone();
    let set = |fields: Value| json!({ "session_fields": fields });
    customer.call("set_customer_session_fields", set(json!([{ "cart": "3" }, { "step": "look" }]))).await;
    customer.call("update_customer", set(json!([{ "step": "pay" }, { "coupon": "x" }]))).await;
    assert_eq!(fields().await, json!([{ "cart": "3" }, { "step": "pay" }, { "coupon": "x" }]));
    let by_agent = json!({ "id": customer.id(), "session_fields": [{ "tier": "gold" }] });
    agent.call("update_customer", by_agent).await;
    let all = json!([{ "cart": "3" }, { "step": "pay" }, { "coupon": "x" }, { "tier": "gold" }]);
    assert_eq!(fields().await, all);
    let many: Vec<Value> = (0..97).map(|number| json!({ format!("field{number}"): "x" })).collect();
    let refused = customer.refused("update_customer", json!({ "name": "Ann", "session_fields": many })).await;
    assert_eq!(refused.kind, "limit_reached", "101 in all");
    assert_eq!(fields().await, all);
    assert_eq!(customer.call("get_customer", json!({})).await["name"], Value::Null, "nothing was changed");
    customer.call("update_customer", set(json!(many[..96]))).await;
    assert_eq!(fields().await.as_array().map(Vec::len), Some(100));
    customer.call("set_customer_session_fields", set(json!([{ "step": "done" }]))).await;
    assert_eq!(fields().await, json!([{ "step": "done" }]));
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
    let counts = async || {
        let login = customer.who.logs_in().await.login;
        let statistics = &login["customer"]["statistics"];
        (statistics["chats_count"].clone(), statistics["threads_count"].clone())
    };
    assert_eq!(counts().await, (json!(1), json!(2)));
    // However a thread is opened, and by whom.
    let agent = license.agent(1).logs_in_away().await;
    customer.deactivates(&chat).await;
    customer.resumes(&chat).await;
    assert_eq!(counts().await, (json!(1), json!(3)));
    customer.deactivates(&chat).await;
    customer.says(&chat, "one more thing").await;
    assert_eq!(counts().await, (json!(1), json!(4)));
    customer.says(&chat, "and this").await;
    assert_eq!(counts().await, (json!(1), json!(4)), "no other thread");
    agent.call("deactivate_chat", json!({ "id": chat.id, "ignore_requester_presence": true })).await;
    agent.says(&chat, "of course").await;
    assert_eq!(counts().await, (json!(1), json!(5)));
    let read = agent.reads(&chat).await;
    let users = read["users"].as_array().expect("users");
    let shown = users.iter().find(|user| user["id"] == customer.id()).expect("the customer");
    assert_eq!(shown["statistics"], json!({ "chats_count": 1, "threads_count": 5 }));
    agent.starts_chat_with(json!([{ "id": customer.id(), "type": "customer" }])).await;
    assert_eq!(counts().await, (json!(2), json!(6)));
}

#[tokio::test]
async fn session_fields_last_for_the_visit_and_agents_see_them_go() {
    let settings = [("rtm.customer_left_after", "50ms"), ("rtm.visit_ends_after", "24h")];
    let mut node = TestNode::start(&settings).await;
    let license = node.license();
    let serves = license.agent(1).logs_in().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    serves.expect_push("incoming_chat", |_| true).await;
    let (cart, basket) = (json!([{ "cart": "3" }]), json!([{ "cart": "4" }]));
    customer.call("set_customer_session_fields", json!({ "session_fields": cart })).await;
    serves.expect_push("customer_updated", |push| push["session_fields"] == cart).await;

    // Gone and back soon: the visit goes on.
    let who = customer.who.clone();
    drop(customer);
    serves.expect_push("customer_left", |push| push["id"] == *who.id).await;
    let customer = who.logs_in().await;
    assert_eq!(customer.login["customer"]["session_fields"], cart);
    assert_eq!(customer.login["customer"]["statistics"]["visits_count"], 1);
    drop(customer);
    serves.expect_push("customer_left", |push| push["id"] == *who.id).await;

    // Back too late: another visit.
    node.terminate().await;
    node.set("rtm.visit_ends_after", "0s");
    node.launch().await;
    let serves = license.agent(1).logs_in().await;
    let watches = license.agent(3).logs_in_away().await;
    watches.call("subscribe_customers", json!({})).await;
    let customer = who.logs_in().await;
    assert_eq!(customer.login["customer"]["statistics"]["visits_count"], 2);
    assert_eq!(customer.login["customer"]["session_fields"], Value::Null);
    assert_eq!(customer.call("get_customer", json!({})).await["session_fields"], Value::Null);
    for session in [&serves.session, &watches.session] {
        let told = session.expect_push("customer_updated", |push| push["id"] == *who.id).await;
        assert_eq!(told["session_fields"], json!([]));
    }
    let came = watches.expect_push("incoming_customer", |push| push["id"] == *who.id).await;
    assert_eq!(came["session_fields"], Value::Null);
    let whole = serves.reads(&chat).await;
    let users = whole["users"].as_array().expect("users");
    let shown = users.iter().find(|user| user["id"] == *who.id).expect("the customer");
    assert_eq!(shown["session_fields"], Value::Null);
    drop(customer);
    serves.expect_push("customer_left", |push| push["id"] == *who.id).await;

    // What is given while they are away, and then what is given at the login, is of the next visit.
    let update = json!({ "id": who.id, "session_fields": cart });
    serves.call("update_customer", update).await;
    serves.expect_push("customer_updated", |push| push["session_fields"] == cart).await;
    let customer = who.logs_in().await;
    assert_eq!(customer.login["customer"]["session_fields"], cart);
    drop(customer);
    serves.expect_push("customer_left", |push| push["id"] == *who.id).await;
    let customer = who.logs_in_with(json!({ "customer": { "session_fields": basket } })).await;
    assert_eq!(customer.login["customer"]["statistics"]["visits_count"], 4);
    assert_eq!(customer.login["customer"]["session_fields"], basket);
    serves.expect_push("customer_updated", |push| push["session_fields"] == basket).await;
}

#[tokio::test]
async fn agents_are_told_when_each_side_of_a_customer_s_chats_wrote_last() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let names = ["agent_last_event_created_at", "customer_last_event_created_at"];
    let said = |user: &Value| names.map(|name| user[name].as_str().map(str::to_owned));
    let of_customer = async || said(&agent.call("get_customer", json!({ "id": customer.id() })).await);
    assert_eq!(of_customer().await, [None, None]);
    let chat = customer.starts_chat("hello").await;
    agent.joins(&chat).await;
    agent.sends(&chat, json!({ "type": "message", "text": "a note", "visibility": "agents" })).await;
    customer.says(&chat, "is anybody there?").await;
    let read = agent.reads(&chat).await;
    let events = read["thread"]["events"].as_array().expect("events");
    let by = |author: &str| {
        let last = events.iter().rev().find(|event| event["author_id"] == *author).expect("an event");
        last["created_at"].as_str().map(str::to_owned)
    };
    let expected = [by(agent.id()), by(customer.id())];
    assert_eq!(of_customer().await, expected);
    let is_customer = |user: &&Value| user["type"] == "customer";
    let shown = read["users"].as_array().expect("users").iter().find(is_customer).expect("the customer");
    assert_eq!(said(shown), expected);
    let theirs = customer.reads(&chat).await;
    let told = theirs["users"].as_array().expect("users").iter().map(said).collect::<Vec<_>>();
    assert_eq!(told, [[None, None], [None, None]], "customers are not told");
    // Through the next threads, and over all chats.
    customer.deactivates(&chat).await;
    customer.resumes(&chat).await;
    assert_eq!(of_customer().await, expected);
    let other = agent.starts_chat_with(json!([{ "id": customer.id(), "type": "customer" }])).await;
    agent.says(&other, "hi").await;
    let [by_agent, by_customer] = of_customer().await;
    assert!(by_agent > expected[0] && by_customer == expected[1]);
}
