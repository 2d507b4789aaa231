//! Customers who look around are greeted by what the operator laid down.

use serde_json::{Value, json};

use crate::support::{Answer, Plan, TestCustomer, TestNode, customer_message};

/// A node whose first license greets like this.
async fn greeting(greetings: &Value) -> TestNode {
    let settings = [("rtm.customer_left_after", "50ms")];
    let node = TestNode::with(&settings, Plan { licenses: 1, ..Plan::default() }).await;
    node.operates(&["license", "set", "--set", &format!("greetings={greetings}")]).await;
    node
}

fn when(id: u32, kind: &str, operator: &str, value: &str) -> Value {
    json!({
        "id": id, "properties": { "greeting-message_text": format!("Hello {id}") },
        "rules": [{ "condition": "and", "type": kind, "operator": operator, "value": value }],
    })
}

fn on(id: u32, url: &str) -> Value {
    when(id, "url_current", "contains", url)
}

fn page(url: &str) -> Value {
    json!({ "url": format!("https://shop.example{url}"), "title": "Page" })
}

fn from(url: &str) -> Value {
    json!({ "customer_page": page(url) })
}

async fn opens(customer: &TestCustomer, url: &str) {
    assert_eq!(customer.call("update_customer_page", page(url)).await, json!({}));
}

async fn greeted(customer: &TestCustomer, id: u32) -> Value {
    customer.expect_push("incoming_greeting", |push| push["id"] == id).await
}

fn not_found(answer: &Answer) -> bool {
    answer.as_ref().is_err_and(|error| error.kind == "greeting_not_found")
}

#[tokio::test]
async fn a_customer_is_greeted_by_the_page_and_finds_the_greeting_again_until_it_is_cancelled() {
    let mut rich = on(8, "/rich");
    rich["type"] = json!("announcement");
    rich["properties"] = json!({ "addon": "email", "is_exit_intent": "true" });
    let buttons = json!([{ "text": "Show me", "type": "url", "value": "https://shop.example/x", "postback_id": "show" }]);
    rich["rich_message"] =
        json!({ "template_id": "cards", "elements": [{ "title": "Sale", "buttons": buttons }] });
    let node = greeting(&json!([on(7, "/sale"), rich])).await;
    let license = node.license();
    let watcher = license.agent(1).logs_in_away().await;
    watcher.call("subscribe_customers", json!({})).await;
    let who = license.customer().await;
    let customer = who.logs_in_with(from("/")).await;
    assert!(customer.login.get("greeting").is_none());
    customer.expect_no_push("incoming_greeting").await;
    opens(&customer, "/sale").await;
    let shown = greeted(&customer, 7).await;
    let unique_id = shown["unique_id"].clone();
    assert_eq!((&shown["displayed_first_time"], &shown["is_exit_intent"]), (&json!(true), &json!(false)));
    let event = &shown["event"];
    assert_eq!((&event["type"], &event["text"]), (&json!("message"), &json!("Hello 7")));
    assert_eq!(event["properties"]["lc2"], json!({ "greeting_id": 7, "greeting_unique_id": unique_id }));
    assert_eq!(event["author_id"], shown["agent"]["id"]);
    assert!(!shown["agent"]["id"].as_str().expect("an id").contains('@'), "no address is told");

    let again = who.logs_in().await;
    assert_eq!(again.login["greeting"]["unique_id"], unique_id);
    assert_eq!(again.login["greeting"]["accepted"], false);
    let statistics = &again.login["customer"]["statistics"];
    assert_eq!(
        (&statistics["greetings_shown_count"], &statistics["greetings_accepted_count"]),
        (&json!(1), &json!(0))
    );
    again.expect_no_push("incoming_greeting").await;

    watcher.forget_pushes().await;
    let accepted = json!({ "greeting_id": 7, "unique_id": unique_id });
    for wrong in [
        json!({ "greeting_id": 8, "unique_id": unique_id }),
        json!({ "greeting_id": 7, "unique_id": "none" }),
    ] {
        assert!(not_found(&customer.ask("accept_greeting", wrong).await));
    }
    assert_eq!(again.web.call("accept_greeting", accepted.clone()).await, json!({}));
    for session in [&customer, &again] {
        session.expect_push("greeting_accepted", |push| push["unique_id"] == unique_id).await;
    }
    let counted = watcher.expect_push("customer_statistics_updated", |_| true).await;
    assert_eq!(counted["statistics"]["greetings_accepted_count"], 1);
    assert_eq!(customer.call("accept_greeting", accepted.clone()).await, json!({}), "twice is once");
    customer.expect_no_push("greeting_accepted").await;
    let known = watcher.call("get_customer", json!({ "id": who.id })).await;
    assert_eq!(known["statistics"]["greetings_shown_count"], 1);
    assert_eq!(known["statistics"]["greetings_accepted_count"], 1);

    // A newer one takes its place, on all of the customer's connections.
    opens(&again, "/rich").await;
    for session in [&customer, &again] {
        session.expect_push("greeting_canceled", |push| push["unique_id"] == unique_id).await;
        let shown = greeted(session, 8).await;
        assert_eq!((&shown["addon"], &shown["subtype"]), (&json!("email"), &json!("announcement")));
        assert_eq!(
            (&shown["is_exit_intent"], &shown["event"]["template_id"]),
            (&json!(true), &json!("cards"))
        );
    }
    assert!(not_found(&customer.ask("accept_greeting", accepted).await));
    let shown = who.logs_in().await.login["greeting"].clone();
    let clicked =
        |button: &str, unique_id: &Value| json!({ "greeting_unique_id": unique_id, "button_id": button });
    assert!(not_found(&customer.ask("send_greeting_button_clicked", clicked("show", &unique_id)).await));
    let unknown =
        customer.refused("send_greeting_button_clicked", clicked("hide", &shown["unique_id"])).await;
    assert_eq!((unknown.kind.as_str(), unknown.message.contains("button_id")), ("validation", true));
    customer.call("send_greeting_button_clicked", clicked("show", &shown["unique_id"])).await;
    customer.expect_no_push("greeting_accepted").await;
    let login = who.logs_in().await.login;
    assert_eq!(login["greeting"]["accepted"], true);
    assert_eq!(login["customer"]["statistics"]["greetings_accepted_count"], 2);

    let cancel = json!({ "unique_id": shown["unique_id"] });
    assert_eq!(customer.call("cancel_greeting", cancel.clone()).await, json!({}));
    again.expect_push("greeting_canceled", |push| push["unique_id"] == shown["unique_id"]).await;
    assert!(not_found(&customer.web.ask("cancel_greeting", cancel).await));
    assert!(who.logs_in().await.login.get("greeting").is_none());
    opens(&customer, "/sale").await;
    customer.expect_no_push("incoming_greeting").await;
}

#[tokio::test]
async fn time_brings_a_greeting_once_to_all_connections_of_a_customer() {
    let node = greeting(&json!([when(1, "visit_time_page", "greater_or_equal", "1")])).await;
    let who = node.license().customer().await;
    let (first, second) = (who.logs_in().await, who.logs_in().await);
    // Both are there before the time begins.
    opens(&first, "/").await;
    let shown = greeted(&first, 1).await;
    assert_eq!(greeted(&second, 1).await["unique_id"], shown["unique_id"]);
    for session in [&first, &second] {
        opens(session, "/next").await;
        session.expect_no_push("incoming_greeting").await;
    }
    assert_eq!(who.logs_in().await.login["customer"]["statistics"]["greetings_shown_count"], 1);
}

#[tokio::test]
async fn whoever_watches_the_invited_is_shown_whom_a_greeting_was_shown() {
    let node = greeting(&json!([on(7, "/sale")])).await;
    let license = node.license();
    let watching = async |level: &str| {
        license.agent(1).logs_in_with(json!({ "customer_monitoring_level": level })).await
    };
    let (invited, chatting) = (watching("invited").await, watching("chatting").await);
    let customer = license.customer().await.logs_in_with(from("/")).await;
    invited.expect_no_push("incoming_customer").await;
    opens(&customer, "/sale").await;
    greeted(&customer, 7).await;
    let shown = invited.expect_push("incoming_customer", |push| push["id"] == customer.id()).await;
    assert_eq!(shown["statistics"]["greetings_shown_count"], 1);
    chatting.expect_no_push("incoming_customer").await;
    for (level, count) in [("invited", 1), ("chatting", 0)] {
        let later = watching(level).await;
        let there = later.expect_push("incoming_customers", |_| true).await;
        assert_eq!(there["customers"].as_array().map(Vec::len), Some(count), "{level}: {there}");
    }
}

#[tokio::test]
async fn greetings_are_for_a_group_and_for_those_who_do_not_chat() {
    let mut of_sales = on(1, "/");
    of_sales["group"] = json!(1);
    let mut hidden = on(2, "/");
    hidden["group"] = json!(2);
    let mut of_gold = json!({ "id": 3, "properties": { "text": "Gold" } });
    of_gold["rules"] = json!([{ "type": "custom_variable", "session_field": { "plan": "gold" } }]);
    let node = greeting(&json!([of_sales, hidden, of_gold])).await;
    let hides = r#"properties={"smart_actions":{"greeting.hide_when_offline":true}}"#;
    node.operates(&["group", "set", "--group", "2", "--set", hides]).await;
    let license = node.license();
    let of = |group: i64| json!({ "group_id": group, "customer_page": page("/") });
    let in_sales = license.customer().await.logs_in_with(of(1)).await;
    let greeted_in_sales = greeted(&in_sales, 1).await;
    let nobody_there = license.customer().await.logs_in_with(of(2)).await;
    nobody_there.expect_no_push("incoming_greeting").await;
    let agent = license.agent(4).logs_in().await;
    opens(&nobody_there, "/again").await;
    assert_eq!(greeted(&nobody_there, 2).await["agent"]["name"], agent.login["my_profile"]["name"]);

    // What a chat came of was seen, and whoever chats is not greeted.
    let unique_id = &greeted_in_sales["unique_id"];
    let properties = json!({ "lc2": { "greeting_id": 1, "greeting_unique_id": unique_id } });
    let thread = json!({ "properties": properties, "events": [customer_message("yes please")] });
    let chat = in_sales.starts_chat_like(json!({ "thread": thread })).await;
    assert_eq!(chat.event_ids.len(), 1, "of what the customer sent");
    // The thread begins with the greeting, marked by the server, for both sides.
    let reader = license.agent(1).logs_in_away().await;
    let of_agent = reader.reads(&chat).await;
    let shown = in_sales.reads(&chat).await;
    for read in [&of_agent, &shown] {
        let events = read["thread"]["events"].as_array().expect("events");
        assert_eq!((&events[0]["text"], &events[1]["text"]), (&json!("Hello 1"), &json!("yes please")));
        let marks = json!({ "lc2": { "greeting_id": 1, "greeting_unique_id": unique_id } });
        assert_eq!(events[0]["properties"], marks);
        let author = &events[0]["author_id"];
        assert!(read["users"].as_array().expect("users").iter().any(|user| user["id"] == *author), "{read}");
    }
    assert_eq!(shown["thread"]["events"][0]["author_id"], greeted_in_sales["agent"]["id"]);
    let mark = json!({ "lc2": { "greeting_id": 1 } });
    for session in [&in_sales.session, &reader.session] {
        let of_event = json!({
            "chat_id": chat.id, "thread_id": chat.thread_id, "event_id": chat.event_ids[0], "properties": mark,
        });
        assert_eq!(session.refused("update_event_properties", of_event).await.kind, "authorization");
    }
    let unanswered = json!({ "agent_response": { "exists": false } });
    let page = reader.call("list_archives", json!({ "filters": unanswered })).await;
    assert_eq!(page["found_chats"], 1, "a greeting is no answer: {page}");
    let login = in_sales.who.logs_in().await.login;
    assert_eq!(login["customer"]["statistics"]["greetings_accepted_count"], 1);
    assert!(login.get("greeting").is_none());
    for (group, found) in [(1, 1), (2, 0)] {
        let filters = json!({ "greetings": { "groups": { "values": [group] } } });
        let page = reader.call("list_archives", json!({ "filters": filters })).await;
        assert_eq!(page["found_chats"], found, "{page}");
    }

    let gold = license.customer().await.logs_in_with(from("/")).await;
    gold.expect_no_push("incoming_greeting").await;
    let chat = gold.starts_chat("hello").await;
    let plan = json!({ "session_fields": [{ "plan": "gold" }] });
    gold.call("set_customer_session_fields", plan.clone()).await;
    gold.expect_no_push("incoming_greeting").await;
    gold.deactivates(&chat).await;
    gold.call("set_customer_session_fields", plan).await;
    greeted(&gold, 3).await;
}

#[tokio::test]
async fn a_greeting_is_there_after_a_restart_and_goes_with_its_setting() {
    let node = greeting(&json!([on(1, "/")])).await;
    let who = node.license().customer().await;
    let customer = who.logs_in_with(from("/")).await;
    let shown = greeted(&customer, 1).await;
    node.kill().await;
    node.launch().await;
    let customer = who.logs_in().await;
    assert_eq!(customer.login["greeting"]["unique_id"], shown["unique_id"]);
    customer.expect_no_push("incoming_greeting").await;
    node.operates(&["license", "set", "--set", "greetings="]).await;
    assert!(not_found(&customer.ask("cancel_greeting", json!({ "unique_id": shown["unique_id"] })).await));
    assert!(who.logs_in().await.login.get("greeting").is_none());
}
