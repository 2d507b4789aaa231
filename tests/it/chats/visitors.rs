//! Agents watch the customers who visit: by the level of their login, by subscriptions, and as members of their chats.

use serde_json::{Value, json};

use crate::support::{Plan, TestNode, shared};

fn page(url: &str) -> Value {
    json!({ "url": url, "title": "Title" })
}

fn ids(customers: &Value) -> Vec<&str> {
    let list = customers.as_array().expect("a list");
    list.iter().map(|customer| customer["id"].as_str().expect("an id")).collect()
}

/// A node that notices quickly that somebody left.
async fn quick() -> TestNode {
    let settings = [("rtm.customer_left_after", "50ms"), ("rtm.watch_totals_every", "100ms")];
    TestNode::with(&settings, Plan { licenses: 2, ..Plan::default() }).await
}

#[tokio::test]
async fn a_subscriber_sees_a_customer_come_browse_and_leave() {
    let node = quick().await;
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    let unsubscribed = license.agent(3).logs_in_away().await;
    let foreign = node.license().agent(1).logs_in_away().await;
    foreign.call("subscribe_customers", json!({})).await;
    for session in [&agent, &unsubscribed, &foreign] {
        session.forget_pushes().await;
    }
    let answer = agent.call("subscribe_customers", json!({})).await;
    assert_eq!(answer["customers"], json!([]));
    assert_eq!(answer["subscription_id"].as_str().map(str::len), Some(32));
    let who = license.customer().await;
    let login = json!({
        "customer": { "name": "Ann" }, "customer_page": page("https://shop.example/a"),
        "referrer": "https://search.example/",
    });
    let customer = who.logs_in_with(login).await;
    let came = agent.expect_push("incoming_customer", |push| push["id"] == customer.id()).await;
    assert_eq!(
        (&came["name"], &came["online"], &came["state"]),
        (&json!("Ann"), &json!(true), &json!("browsing"))
    );
    assert_eq!(came["group_ids"], json!([0]));
    assert_eq!(came["visit"]["ip"], "127.0.0.1");
    assert_eq!(came["visit"]["referrer"], "https://search.example/");
    assert_eq!(came["visit"]["last_pages"][0]["url"], "https://shop.example/a");
    assert_eq!(came["statistics"]["visits_count"], 1);
    assert_eq!(customer.call("update_customer_page", page("https://shop.example/b")).await, json!({}));
    let opened =
        agent.expect_push("customer_page_updated", |push| push["customer_id"] == customer.id()).await;
    assert_eq!((&opened["url"], &opened["visit_id"]), (&json!("https://shop.example/b"), &json!(1)));
    let counted = agent.expect_push("customer_statistics_updated", |_| true).await;
    assert_eq!(counted["statistics"]["page_views_count"], 2);
    customer.call("update_customer", json!({ "email": "ann@example.com" })).await;
    let updated = agent.expect_push("customer_updated", |push| push["id"] == customer.id()).await;
    assert_eq!(updated["email"], "ann@example.com");
    drop(customer);
    agent.expect_push("customer_left", |push| push["id"] == *who.id).await;
    agent.expect_nothing_more().await;
    unsubscribed.expect_nothing_more().await;
    foreign.expect_nothing_more().await;
}

#[tokio::test]
async fn a_second_tab_is_no_second_customer_and_closing_one_is_no_leaving() {
    let node = quick().await;
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    agent.call("subscribe_customers", json!({})).await;
    agent.forget_pushes().await;
    let who = license.customer().await;
    let first = who.logs_in_with(json!({ "customer_page": page("/a") })).await;
    agent.expect_push("incoming_customer", |_| true).await;
    let second = who.logs_in_with(json!({ "customer_page": page("/b") })).await;
    agent.expect_push("customer_page_updated", |push| push["url"] == "/b").await;
    agent.expect_push("customer_statistics_updated", |_| true).await;
    drop(second);
    first.call("update_customer_page", page("/c")).await;
    agent.expect_push("customer_page_updated", |push| push["url"] == "/c").await;
    agent.expect_push("customer_statistics_updated", |_| true).await;
    agent.expect_nothing_more().await;
    drop(first);
    agent.expect_push("customer_left", |push| push["id"] == *who.id).await;
}

#[tokio::test]
async fn a_subscription_answers_with_who_is_there_in_its_groups() {
    let license = shared().await.license();
    let everybodys = license.customer().await.logs_in().await;
    let of_group = license.customer().await.logs_in_with(json!({ "group_id": 1 })).await;
    let agent = license.agent(1).logs_in_away().await;
    let stranger = license.agent(4).logs_in_away().await;
    let own = agent.call("subscribe_customers", json!({})).await;
    let mut found = ids(&own["customers"]);
    found.sort_unstable();
    let mut both = [everybodys.id(), of_group.id()];
    both.sort_unstable();
    assert_eq!(found, both);
    let others = stranger.call("subscribe_customers", json!({})).await;
    assert_eq!(ids(&others["customers"]), [everybodys.id()]);
    let named = stranger.call("subscribe_customers", json!({ "group_ids": [1] })).await;
    assert_eq!(ids(&named["customers"]), [of_group.id()]);
    let unknown = agent.refused("subscribe_customers", json!({ "group_ids": [99] })).await;
    assert_eq!(unknown.kind, "not_found");
}

#[tokio::test]
async fn who_changes_the_group_is_transferred_for_those_who_lose_sight() {
    let license = shared().await.license();
    let loses =
        license.agent(1).logs_in_with(json!({ "away": true, "customer_monitoring_level": "online" })).await;
    let gains =
        license.agent(4).logs_in_with(json!({ "away": true, "customer_monitoring_level": "online" })).await;
    loses.forget_pushes().await;
    let who = license.customer().await;
    let _first = who.logs_in_with(json!({ "group_id": 1 })).await;
    loses.expect_push("incoming_customer", |push| push["id"] == *who.id).await;
    let _second = who.logs_in_with(json!({ "group_id": 2 })).await;
    let moved = loses.expect_push("customer_transferred", |push| push["id"] == *who.id).await;
    assert_eq!(moved["transferred_to"], json!({ "group_ids": [2] }));
    let came = gains.expect_push("incoming_customer", |push| push["id"] == *who.id).await;
    assert_eq!(came["group_ids"], json!([2]));
    loses.expect_nothing_more().await;
    let nowhere = who.connects().await;
    let login = json!({ "token": who.token, "group_id": 99 });
    assert_eq!(nowhere.refused("login", login).await.kind, "group_not_found");
}

#[tokio::test]
async fn a_full_subscription_is_told_how_many_there_are() {
    let node = quick().await;
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    let _first = license.customer().await.logs_in().await;
    let answer = agent.call("subscribe_customers", json!({ "limit": 1 })).await;
    assert_eq!(answer["customers"].as_array().map(Vec::len), Some(1));
    let _second = license.customer().await.logs_in().await;
    let id = answer["subscription_id"].as_str().expect("an id");
    agent.expect_push("subscribed_customers_totals_updated", |push| push[id] == 2).await;
    agent.expect_no_push("incoming_customer").await;
    agent.call("unsubscribe_customers", json!({ "subscription_id": id })).await;
    let again = agent.refused("unsubscribe_customers", json!({ "subscription_id": id })).await;
    assert_eq!(again.kind, "not_found");
    for limit in [0, 1_001] {
        let refused = agent.refused("subscribe_customers", json!({ "limit": limit })).await;
        assert_eq!(refused.kind, "validation");
    }
    for _ in 0..10 {
        agent.call("subscribe_customers", json!({})).await;
    }
    assert_eq!(agent.refused("subscribe_customers", json!({})).await.kind, "limit_reached");
}

#[tokio::test]
async fn a_login_lists_the_customers_of_its_level() {
    let license = shared().await.license();
    let browsing = license.customer().await.logs_in().await;
    let chatting = license.customer().await.logs_in().await;
    let chat = chatting.starts_chat("hello").await;
    let first = license.agent(1).logs_in_away().await;
    let listed = first.expect_push("incoming_customers", |_| true).await;
    assert_eq!(listed, json!({ "customer_monitoring_level": "my", "customers": [] }));
    first.joins(&chat).await;
    let level = |level: &str| json!({ "away": true, "customer_monitoring_level": level });
    for (asked, expected) in [
        ("my", vec![chatting.id()]),
        ("chatting", vec![chatting.id()]),
        ("highest_available", vec![browsing.id(), chatting.id()]),
    ] {
        let session = first.who.logs_in_with(level(asked)).await;
        let listed = session.expect_push("incoming_customers", |_| true).await;
        assert_eq!(listed["customer_monitoring_level"], asked);
        let (mut found, mut expected) = (ids(&listed["customers"]), expected);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{asked}");
        // Without a word of its own a connection has the level of the one before.
        let kept = first.who.logs_in_away().await;
        assert_eq!(
            kept.expect_push("incoming_customers", |_| true).await["customer_monitoring_level"],
            asked
        );
    }
}

#[tokio::test]
async fn who_watches_chats_notices_a_customer_who_begins_to_chat() {
    let license = shared().await.license();
    let agent =
        license.agent(3).logs_in_with(json!({ "away": true, "customer_monitoring_level": "chatting" })).await;
    let customer = license.customer().await.logs_in().await;
    agent.expect_no_push("incoming_customer").await;
    customer.starts_chat("hello").await;
    let noticed = agent.expect_push("incoming_customer", |push| push["id"] == customer.id()).await;
    assert_eq!(noticed["state"], "chatting");
}

#[tokio::test]
async fn who_watches_chats_notices_a_customer_whose_chat_goes_on_however_that_comes() {
    let license = shared().await.license();
    let serves = license.agent(1).logs_in_away().await;
    let begun = async || {
        let customer = license.customer().await.logs_in().await;
        let chat = customer.starts_chat("hello").await;
        customer.deactivates(&chat).await;
        (customer, chat)
    };
    let (resumed, by_resume) = begun().await;
    let (said, by_event) = begun().await;
    let (answered, by_agent) = begun().await;
    let written_to = license.customer().await.logs_in().await;
    let watches =
        license.agent(3).logs_in_with(json!({ "away": true, "customer_monitoring_level": "chatting" })).await;
    watches.settle().await;
    resumed.resumes(&by_resume).await;
    said.says(&by_event, "one more thing").await;
    serves.says(&by_agent, "of course").await;
    serves.starts_chat_with(json!([{ "id": written_to.id(), "type": "customer" }])).await;
    for customer in [&resumed, &said, &answered, &written_to] {
        let noticed = watches.expect_push("incoming_customer", |push| push["id"] == customer.id()).await;
        assert_eq!(noticed["state"], "chatting");
    }
    // Who has opened a thread that is closed at once does not chat.
    let passing = license.customer().await.logs_in().await;
    passing.call("start_chat", json!({ "active": false })).await;
    watches.expect_no_push("incoming_customer").await;
}

#[tokio::test]
async fn visits_are_shown_to_agents_and_never_to_customers() {
    let license = shared().await.license();
    let who = license.customer().await;
    let customer = who.logs_in_with(json!({ "customer_page": page("/a") })).await;
    let agent = license.agent(1).logs_in_away().await;
    let seen = agent.call("get_customer", json!({ "id": customer.id() })).await;
    assert_eq!(seen["visit"]["last_pages"][0]["url"], "/a");
    assert_eq!((&seen["statistics"]["visits_count"], &seen["visit"]["ip"]), (&json!(1), &json!("127.0.0.1")));
    let own = customer.call("get_customer", json!({})).await;
    assert!(own.get("visit").is_none() && own.get("group_ids").is_none(), "{own}");
    let login = who.logs_in().await.login;
    assert_eq!(login["customer"]["statistics"]["visits_count"], 1);
    assert_eq!(login["customer"]["statistics"]["page_views_count"], 1);
}

#[tokio::test]
async fn watching_needs_the_scope_for_customers() {
    let license = shared().await.license();
    let blind = license.agent_without_scopes().logs_in_away().await;
    let refused = blind.refused("subscribe_customers", json!({})).await;
    assert_eq!(refused.kind, "authorization");
    let _customer = license.customer().await.logs_in().await;
    blind.expect_no_push("incoming_customers").await;
    blind.expect_no_push("incoming_customer").await;
}
