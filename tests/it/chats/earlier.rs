//! Threads before the last: agents see those that were open to their groups, whatever the chat is open to now.

use serde_json::{Value, json};

use super::texts;
use crate::support::{Chat, TestAgent, TestCustomer, TestLicense, customer_message, shared};

/// A chat whose first thread was open to group 2, and whose second is open to group 1.
async fn moved(license: &TestLicense) -> (TestCustomer, Chat, Chat) {
    let customer = license.customer().await.logs_in().await;
    let first = customer.starts_chat_in(2, "for the second group").await;
    customer.sends(&first, json!({ "type": "custom", "content": { "order": 7 } })).await;
    customer.deactivates(&first).await;
    let thread = json!({ "events": [customer_message("for the first group")] });
    let resume = json!({ "chat": { "id": first.id, "access": { "group_ids": [1] }, "thread": thread } });
    let mut answer = customer.call("resume_chat", resume).await;
    answer["chat_id"] = json!(first.id);
    let second = Chat::of(&answer);
    (customer, first, second)
}

fn of_thread(chat: &Chat) -> Value {
    json!({ "chat_id": chat.id, "thread_id": chat.thread_id })
}

fn ids(list: &Value) -> Vec<&str> {
    let threads = list["threads"].as_array().expect("threads");
    threads.iter().filter_map(|thread| thread["id"].as_str()).collect()
}

#[tokio::test]
async fn an_earlier_thread_is_read_by_its_own_groups() {
    let license = shared().await.license();
    let (customer, first, second) = moved(&license).await;
    let (of_one, of_two) = (license.agent(2).logs_in_away().await, license.agent(4).logs_in_away().await);
    let owner = license.agent(1).logs_in_away().await;
    let all = json!({ "chat_id": first.id });

    let refused = of_one.refused("get_chat", of_thread(&first)).await;
    assert_eq!(refused.kind, "missing_access");
    assert_eq!(texts(&of_one.reads(&first).await["thread"]), ["for the first group"]);
    assert_eq!(ids(&of_one.call("list_threads", all.clone()).await), [&second.thread_id]);
    let one_by_one = json!({ "chat_id": first.id, "limit": 1 });
    let page = of_one.call("list_threads", one_by_one).await;
    assert!(page.get("next_page_id").is_none(), "there is nothing more for them: {page}");

    assert_eq!(of_two.refused("get_chat", all.clone()).await.kind, "missing_access");
    assert_eq!(of_two.refused("get_chat", of_thread(&second)).await.kind, "missing_access");
    let nothing = json!({ "chat_id": first.id, "thread_id": "NOSUCHTHREAD" });
    assert_eq!(of_two.refused("get_chat", nothing.clone()).await.kind, "missing_access");
    assert_eq!(of_one.refused("get_chat", nothing).await.kind, "not_found");
    let read = of_two.web.call("get_chat", of_thread(&first)).await;
    assert_eq!(texts(&read["thread"]), ["for the second group"]);
    assert_eq!(ids(&of_two.call("list_threads", all.clone()).await), [&first.thread_id]);

    for reader in [&customer.session, &owner.session] {
        let both = reader.call("list_threads", all.clone()).await;
        assert_eq!(ids(&both), [&second.thread_id, &first.thread_id]);
        let read = reader.call("get_chat", of_thread(&first)).await;
        assert_eq!(texts(&read["thread"]), ["for the second group"]);
    }
    let stranger = license.customer().await.logs_in().await;
    assert_eq!(stranger.refused("get_chat", of_thread(&first)).await.kind, "not_found");
    assert_eq!(stranger.refused("list_threads", all).await.kind, "not_found");
}

#[tokio::test]
async fn lists_and_archives_show_of_an_earlier_thread_what_its_groups_may_see() {
    let license = shared().await.license();
    let (_customer, first, second) = moved(&license).await;
    let (of_one, of_two) = (license.agent(2).logs_in_away().await, license.agent(4).logs_in_away().await);
    let owner = license.agent(1).logs_in_away().await;
    let last = async |agent: &TestAgent| {
        let list = agent.call("list_chats", json!({ "filters": { "group_ids": [1] } })).await;
        let chats = list["chats_summary"].as_array().expect("chats").clone();
        let chat = chats.into_iter().find(|chat| chat["id"] == *first.id);
        chat.map(|chat| chat["last_event_per_type"].clone())
    };
    let shown = last(&of_one).await.expect("the chat");
    assert_eq!(shown["custom"]["event"], json!({ "restricted_access": "no access to the thread" }));
    assert_eq!(shown["custom"]["thread_id"], *first.thread_id);
    assert_eq!(shown["message"]["event"]["text"], "for the first group");
    assert!(last(&of_two).await.is_none(), "the chat itself is not open to them");
    assert_eq!(last(&owner).await.expect("the chat")["custom"]["event"]["content"]["order"], 7);

    let archives = json!({ "filters": { "chat_ids": [first.id] } });
    let beside = |chat: &Value| {
        let of =
            |side: &str| chat["thread"][format!("{side}_accessible_thread_id")].as_str().map(str::to_owned);
        let id = chat["thread"]["id"].as_str().expect("an id").to_owned();
        (id, of("previous"), of("next"))
    };
    let listed = async |agent: &TestAgent| -> Vec<_> {
        let list = agent.call("list_archives", archives.clone()).await;
        list["chats"].as_array().expect("chats").iter().map(beside).collect()
    };
    let (one, two) = (first.thread_id.clone(), second.thread_id.clone());
    assert_eq!(listed(&of_one).await, [(two.clone(), None, None)]);
    assert_eq!(listed(&of_two).await, [(one.clone(), None, None)]);
    assert_eq!(listed(&owner).await, [(two.clone(), Some(one.clone()), None), (one, None, Some(two))]);
}

#[tokio::test]
async fn an_earlier_thread_is_changed_and_told_of_among_those_who_see_it() {
    let license = shared().await.license();
    let (customer, first, _) = moved(&license).await;
    let (of_one, of_two) = (license.agent(2).logs_in_away().await, license.agent(4).logs_in_away().await);
    let owner = license.agent(1).logs_in_away().await;
    let mut tag = of_thread(&first);
    tag["tag"] = json!("sales");
    let mut properties = of_thread(&first);
    properties["properties"] = json!({ "test": { "int_property": 7 } });
    let mut of_event = properties.clone();
    of_event["event_id"] = json!(first.event_ids[0]);
    let calls = [
        ("tag_thread", &tag),
        ("update_thread_properties", &properties),
        ("update_event_properties", &of_event),
    ];
    for (action, payload) in calls {
        assert_eq!(of_one.refused(action, payload.clone()).await.kind, "missing_access", "{action}");
        owner.call(action, payload.clone()).await;
    }
    for action in ["thread_tagged", "thread_properties_updated"] {
        of_two.expect_push(action, |push| push["thread_id"] == *first.thread_id).await;
        of_one.expect_no_push(action).await;
    }
    customer.expect_push("thread_properties_updated", |_| true).await;
    customer.expect_push("event_properties_updated", |push| push["event_id"] == *first.event_ids[0]).await;
    customer.expect_no_push("thread_tagged").await;
}
