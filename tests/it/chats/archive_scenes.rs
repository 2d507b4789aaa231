//! What `list_archives` shows, played in one license. The tests of the CQL store include this file too: both stores
//! must show the same.

use serde_json::{Value, json};

use crate::support::{Chat, Session, TestLicense};

/// The threads of a page, in order.
fn threads(page: &Value) -> Vec<String> {
    let chats = page["chats"].as_array().unwrap_or_else(|| panic!("no chats in {page}"));
    chats.iter().map(|chat| chat["thread"]["id"].as_str().expect("a thread").to_owned()).collect()
}

/// Follows pages of one kind until there are no more.
async fn walk(session: &Session, mut page: Value, next: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        pages.push(threads(&page));
        assert!(pages.len() < 100, "the pages do not end");
        let Some(id) = page.get(next) else { return pages };
        page = session.call("list_archives", json!({ "page_id": id })).await;
    }
}

/// Every filter lets through what it should, and nothing else.
pub(crate) async fn filters(license: &TestLicense) {
    let (one, two) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in_away().await);
    let (ann, bob, cyd) = (
        license.customer().await.logs_in().await,
        license.customer().await.logs_in().await,
        license.customer().await.logs_in().await,
    );
    // Served by the first agent, with a property; then a second thread that nobody serves.
    let served = ann
        .starts_chat_like(json!({
            "properties": { "test": { "string_property": "vip" } },
            "thread": { "events": [{ "type": "message", "text": "hello" }], "properties": { "test": { "int_property": 7 } } },
        }))
        .await;
    one.joins(&served).await;
    one.says(&served, "an answer").await;
    two.joins(&served).await;
    ann.deactivates(&served).await;
    let again = ann.resumes(&served).await;
    // Waiting in a group, with a form; the customer has an address.
    let address = json!({ "country": "pl", "city": "Wroclaw" });
    bob.call("update_customer", json!({ "email": "Bob@Example.com", "address": address })).await;
    let waiting = bob.starts_chat_in(2, "is somebody there?").await;
    let fields = json!([
        { "type": "radio", "id": "q1", "label": "Which?", "answer": { "id": "a1", "label": "This" } },
        { "type": "group_chooser", "id": "q2", "label": "Where?", "answer": { "id": "a2", "group_id": 2, "label": "There" } },
    ]);
    let form = json!({
        "type": "filled_form", "form_id": "f1", "fields": fields, "properties": { "lc2": { "form_type": "pre_chat" } },
    });
    bob.sends(&waiting, form).await;
    // Only looked at; a greeting led to it.
    let came_of = json!({ "lc2": { "greeting_id": 7, "greeting_unique_id": "u7" } });
    let events = json!([{ "type": "message", "text": "hm" }]);
    let watched =
        cyd.starts_chat_like(json!({ "thread": { "events": events, "properties": came_of } })).await;
    one.adds(&watched, one.id(), "agent", "agents").await;

    let all = [&served, &again, &waiting, &watched];
    let listed = async |filters: Value| {
        let mut payload = json!({ "filters": filters, "sort_order": "asc" });
        if filters["thread_ids"].is_null() {
            payload["limit"] = json!(100);
        }
        let page = one.call("list_archives", payload.clone()).await;
        assert_eq!(page["found_chats"].as_u64(), Some(threads(&page).len() as u64), "{payload}");
        let by_web = one.web.call("list_archives", payload).await;
        assert_eq!(page, by_web, "both transports say the same");
        threads(&page)
    };
    let expect = async |filters: Value, wanted: &[&Chat]| {
        let wanted: Vec<&str> = wanted.iter().map(|chat| chat.thread_id.as_str()).collect();
        assert_eq!(listed(filters.clone()).await, wanted, "{filters}");
    };
    expect(json!({}), &all).await;
    let at = async |chat: &Chat| one.reads(chat).await["thread"]["created_at"].clone();
    let (second, last) = (at(&again).await, at(&watched).await);
    expect(json!({ "from": second }), &all[1..]).await;
    expect(json!({ "to": second }), &all[..2]).await;
    expect(json!({ "from": second, "to": second }), &[&again]).await;
    expect(json!({ "from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" }), &all).await;
    expect(json!({ "to": "2000-01-01T00:00:00Z" }), &[]).await;
    expect(json!({ "from": last, "to": second }), &[]).await;
    expect(json!({ "chat_ids": [served.id, waiting.id, "NOSUCHCHAT"] }), &all[..3]).await;
    expect(json!({ "chat_ids": [served.id], "from": second }), &[&again]).await;
    expect(
        json!({ "thread_ids": [waiting.thread_id, served.thread_id, served.thread_id] }),
        &[&served, &waiting],
    )
    .await;
    expect(json!({ "thread_ids": ["NOSUCHTHREAD"] }), &[]).await;
    expect(json!({ "group_ids": [2] }), &[&waiting]).await;
    expect(json!({ "group_ids": [2, 0] }), &all).await;
    expect(json!({ "customer_id": ann.id() }), &all[..2]).await;
    expect(json!({ "customer_id": ann.id(), "chat_ids": [waiting.id] }), &[]).await;
    expect(json!({ "customer_id": "nobody" }), &[]).await;
    expect(json!({ "customer_email": "bob@example.com" }), &[&waiting]).await;
    expect(json!({ "customer_countries": { "values": ["PL", "DE"] } }), &[&waiting]).await;
    expect(json!({ "customer_countries": { "exists": false } }), &[&served, &again, &watched]).await;

    expect(json!({ "agents": { "exists": true } }), &[&served]).await;
    expect(json!({ "agents": { "exists": false } }), &all[1..]).await;
    expect(json!({ "agents": { "values": [one.id(), "x@example.com"] } }), &[&served]).await;
    let both = json!({ "values": [one.id(), two.id()], "require_every_value": true });
    expect(json!({ "agents": both }), &[&served]).await;
    let stranger = json!({ "values": [one.id(), "x@example.com"], "require_every_value": true });
    expect(json!({ "agents": stranger }), &[]).await;
    expect(json!({ "agents": { "exclude_values": [two.id()] } }), &all[1..]).await;
    expect(json!({ "agent_response": { "exists": true } }), &[&served]).await;
    expect(json!({ "agent_response": { "exists": false } }), &all[1..]).await;
    expect(json!({ "agent_response": { "first": true, "agents": { "values": [one.id()] } } }), &[&served])
        .await;
    expect(json!({ "agent_response": { "agents": { "values": [two.id()] } } }), &[]).await;
    expect(json!({ "agent_response": { "groups": { "values": [1] } } }), &[&served]).await;
    expect(json!({ "agent_response": { "groups": { "exclude_values": [1] } } }), &all[1..]).await;
    expect(json!({ "agent_types": { "any_values": ["human", "chatbot"] } }), &[&served, &watched]).await;
    expect(json!({ "agent_types": { "all_values": ["chatbot"] } }), &[]).await;
    expect(json!({ "agent_types": { "exclude_values": ["human"] } }), &[&again, &waiting]).await;

    let property = |name: &str, test: Value| json!({ "properties": { "test": { name: test } } });
    expect(property("string_property", json!({ "values": ["vip"] })), &all[..2]).await;
    expect(property("int_property", json!({ "values": [7] })), &[&served]).await;
    expect(property("int_property", json!({ "exists": false })), &all[1..]).await;
    expect(property("int_property", json!({ "exclude_values": [7] })), &all[1..]).await;
    expect(json!({ "event_types": { "values": ["filled_form"] } }), &[&waiting]).await;
    let types = json!({ "values": ["filled_form", "message"], "require_every_value": true });
    expect(json!({ "event_types": types }), &[&waiting]).await;
    expect(json!({ "event_types": { "exclude_values": ["message"] } }), &[&again]).await;
    // A kind that the server alone can make, and does not.
    expect(json!({ "event_types": { "values": ["system"] } }), &[]).await;
    expect(json!({ "event_types": { "exclude_values": ["message", "system"] } }), &[&again]).await;
    expect(json!({ "tags": { "exists": false } }), &all).await;
    expect(json!({ "tags": { "values": ["x"] } }), &[]).await;
    expect(json!({ "forms": { "exists": false } }), &[&served, &again, &watched]).await;
    expect(json!({ "forms": { "type": "pre_chat", "values": ["a1", "a9"] } }), &[&waiting]).await;
    expect(json!({ "forms": { "type": "post_chat" } }), &[]).await;
    expect(json!({ "forms": { "exclude_values": ["a1"] } }), &[&served, &again, &watched]).await;
    expect(json!({ "forms": { "groups": { "values": [2] } } }), &[&waiting]).await;
    expect(
        json!({ "forms": [{ "type": "pre_chat", "answer_id": "a1" }, { "answer_id": "a2" }] }),
        &[&waiting],
    )
    .await;
    expect(json!({ "forms": [{ "type": "pre_chat", "answer_id": "a9" }] }), &[]).await;
    expect(json!({ "sales": { "exists": true } }), &[]).await;
    expect(json!({ "goals": { "exists": false }, "greetings": {} }), &all).await;
    expect(json!({ "greetings": { "exists": false } }), &all[..3]).await;
    expect(json!({ "greetings": { "exists": true } }), &[&watched]).await;
    expect(json!({ "greetings": { "values": [6, 7] } }), &[&watched]).await;
    expect(json!({ "greetings": { "values": [6] } }), &[]).await;
    expect(json!({ "greetings": { "exclude_values": [7] } }), &all[..3]).await;
    expect(json!({ "greetings": { "from": last, "to": last } }), &[&watched]).await;
    expect(json!({ "greetings": { "to": second } }), &[]).await;
    expect(json!({ "greetings": { "to": second, "exclude_values": [7] } }), &all).await;
    // Nobody knows the group of a greeting that is not there any more.
    expect(json!({ "greetings": { "groups": { "values": [0] } } }), &[]).await;
    expect(json!({ "event_types": { "values": ["message"] }, "agents": { "exists": false } }), &all[2..])
        .await;
}

/// An item is the chat with one thread, its neighbours, and everybody who was in it.
pub(crate) async fn items(license: &TestLicense) {
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("first").await;
    agent.joins(&chat).await;
    agent.says(&chat, "an answer").await;
    customer.deactivates(&chat).await;
    let second = customer.resumes(&chat).await;
    customer.deactivates(&chat).await;
    let third = customer.resumes(&chat).await;
    let page = agent.call("list_archives", json!({})).await;
    assert_eq!(threads(&page), [&third, &second, &chat].map(|chat| chat.thread_id.clone()), "newest first");
    let middle = &page["chats"][1]["thread"];
    for key in ["previous_thread_id", "previous_accessible_thread_id"] {
        assert_eq!(middle[key], *chat.thread_id, "{middle}");
    }
    for key in ["next_thread_id", "next_accessible_thread_id"] {
        assert_eq!(middle[key], *third.thread_id, "{middle}");
    }
    let oldest = &page["chats"][2];
    assert_eq!((&oldest["id"], &oldest["thread"]["active"]), (&json!(chat.id), &json!(false)));
    let events = oldest["thread"]["events"].as_array().expect("events");
    let texts: Vec<&str> = events
        .iter()
        .filter(|event| event["type"] == "message")
        .filter_map(|event| event["text"].as_str())
        .collect();
    assert_eq!(texts, ["first", "an answer"]);
    let users: Vec<&str> =
        oldest["users"].as_array().expect("users").iter().filter_map(|user| user["id"].as_str()).collect();
    assert!(users.contains(&agent.id()) && users.contains(&customer.id()), "{users:?}");
    assert_eq!(page["chats"][0]["thread"]["active"], true);
}

/// Pages neither repeat nor miss a thread, in both orders and both directions, while new threads come.
pub(crate) async fn pages(license: &TestLicense) {
    let agent = license.agent(1).logs_in_away().await;
    let mut all = Vec::new();
    let open = async |all: &mut Vec<String>| {
        let customer = license.customer().await.logs_in().await;
        all.push(customer.starts_chat("hello").await.thread_id);
    };
    for _ in 0..8 {
        open(&mut all).await;
    }
    let first = agent.call("list_archives", json!({ "limit": 3 })).await;
    assert_eq!(first["found_chats"], 8);
    assert!(first.get("previous_page_id").is_none());
    let mut wanted = all.clone();
    wanted.reverse();
    open(&mut all).await;
    let found = walk(&agent, first.clone(), "next_page_id").await;
    assert_eq!(found.concat(), wanted);
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
    let second = agent.call("list_archives", json!({ "page_id": first["next_page_id"] })).await;
    let back: Vec<Vec<String>> = walk(&agent, second, "previous_page_id").await;
    let back: Vec<String> = back.into_iter().rev().flatten().collect();
    let newest: Vec<String> = all.iter().rev().take(back.len()).cloned().collect();
    assert_eq!(back, newest, "backwards to the newest, the one that came meanwhile too");

    let asc = agent.call("list_archives", json!({ "limit": 4, "sort_order": "asc" })).await;
    assert_eq!(walk(&agent, asc, "next_page_id").await.concat(), all);
    // The page id carries the filters.
    let filters = json!({ "event_types": { "values": ["message"] }, "agents": { "exists": false } });
    let payload = json!({ "filters": filters, "limit": 2, "sort_order": "asc" });
    let filtered = agent.call("list_archives", payload).await;
    assert_eq!(filtered["found_chats"], 9, "counted beyond the page");
    assert_eq!(walk(&agent, filtered, "next_page_id").await.concat(), all);
    let none = json!({ "filters": { "event_types": { "values": ["custom"] } }, "limit": 2 });
    let none = agent.call("list_archives", none).await;
    assert_eq!((&none["chats"], &none["found_chats"]), (&json!([]), &json!(0)));
    assert!(none.get("next_page_id").is_none());
}
