//! Lists and their pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{paging_scenes, texts};
use crate::support::{Plan, Session, TestLicense, TestNode, message, shared};

fn ids(page: &Value, list: &str) -> Vec<String> {
    let items = page[list].as_array().unwrap_or_else(|| panic!("no {list} in {page}"));
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// Follows pages of one kind until there are no more.
async fn walk(
    session: &Session,
    action: &str,
    list: &str,
    base: &Value,
    from: Value,
    next: &str,
) -> Vec<Vec<String>> {
    let (mut page, mut pages) = (from, Vec::new());
    loop {
        pages.push(ids(&page, list));
        assert!(pages.len() < 100, "{action}: the pages do not end");
        let Some(id) = page.get(next) else { return pages };
        let mut asked = base.clone();
        asked["page_id"] = id.clone();
        page = session.call(action, asked).await;
    }
}

async fn chats(license: &TestLicense, count: usize) -> Vec<String> {
    let mut chats = Vec::new();
    for n in 0..count {
        let customer = license.customer().await.logs_in().await;
        chats.push(customer.starts_chat(&n.to_string()).await.id);
    }
    chats
}

#[tokio::test]
async fn pages_of_chats_neither_repeat_nor_miss_any_while_new_chats_come() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let mut old = chats(&license, 11).await;
    old.reverse();
    let first = agent.call("list_chats", json!({ "limit": 4 })).await;
    assert_eq!(first["found_chats"], 11);
    assert!(first.get("previous_page_id").is_none());
    let new = chats(&license, 3).await;
    let pages = walk(&agent, "list_chats", "chats_summary", &json!({}), first.clone(), "next_page_id").await;
    assert_eq!(pages.concat(), old, "newest first, those of the first page's time");
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 3]);

    let second = agent.call("list_chats", json!({ "page_id": first["next_page_id"] })).await;
    let third = agent.call("list_chats", json!({ "page_id": second["next_page_id"] })).await;
    assert_eq!(ids(&third, "chats_summary"), pages[2]);
    let back = walk(&agent, "list_chats", "chats_summary", &json!({}), third, "previous_page_id").await;
    let back: Vec<String> = back.into_iter().rev().flatten().collect();
    let mut all = new;
    all.reverse();
    all.extend(old);
    assert_eq!(back, all, "backwards to the newest, those that came meanwhile too");
}

#[tokio::test]
async fn pages_of_chats_oldest_first_end_with_those_that_came_meanwhile() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let mut all = chats(&license, 5).await;
    let first = agent.call("list_chats", json!({ "limit": 2, "sort_order": "asc" })).await;
    all.extend(chats(&license, 2).await);
    let pages = walk(&agent, "list_chats", "chats_summary", &json!({}), first, "next_page_id").await;
    assert_eq!(pages.concat(), all);
}

#[tokio::test]
async fn no_chat_is_skipped_or_seen_again_newest_first_whatever_becomes_of_it() {
    paging_scenes::newest_first(&shared().await.license()).await;
}

#[tokio::test]
async fn no_chat_is_skipped_or_seen_again_oldest_first_whatever_becomes_of_it() {
    paging_scenes::oldest_first(&shared().await.license()).await;
}

#[tokio::test]
async fn filters_let_through_what_chats_are_now_wherever_they_stand() {
    paging_scenes::filtered(&shared().await.license()).await;
}

#[tokio::test]
async fn a_customer_skips_and_repeats_none_of_their_chats_either() {
    let plan = Plan { licenses: 1, ..Plan::default() };
    let node = TestNode::with(&[("routing.max_customer_chats_count", "9")], plan).await;
    paging_scenes::of_a_customer(&node.license()).await;
}

#[tokio::test]
async fn a_chat_stands_in_the_list_by_its_last_thread() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let (first, second) =
        (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
    let early = first.starts_chat("early").await;
    let late = second.starts_chat("late").await;
    let listed = async || ids(&agent.call("list_chats", json!({})).await, "chats_summary");
    assert_eq!(listed().await, [late.id.clone(), early.id.clone()]);
    first.says(&early, "an event alone does not move it").await;
    assert_eq!(listed().await, [late.id.clone(), early.id.clone()]);
    first.deactivates(&early).await;
    first.starts_chat("again").await;
    assert_eq!(listed().await, [early.id.clone(), late.id.clone()]);
}

#[tokio::test]
async fn lists_of_chats_are_filtered() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let (one, two, three) = (
        license.customer().await.logs_in().await,
        license.customer().await.logs_in().await,
        license.customer().await.logs_in().await,
    );
    let active = one.starts_chat_in(1, "active, group 1").await;
    let closed = two.starts_chat_in(2, "closed, group 2").await;
    two.deactivates(&closed).await;
    let marked =
        three.starts_chat_like(json!({ "properties": { "test": { "string_property": "vip" } } })).await;
    let listed = async |filters: Value| {
        let page = agent.call("list_chats", json!({ "filters": filters, "sort_order": "asc" })).await;
        ids(&page, "chats_summary")
    };
    let property = |test: Value| json!({ "properties": { "test": { "string_property": test } } });
    assert_eq!(listed(json!({ "active": true })).await, [active.id.clone(), marked.id.clone()]);
    assert_eq!(listed(json!({ "active": false })).await, [closed.id.as_str()]);
    assert_eq!(listed(json!({ "group_ids": [1] })).await, [active.id.as_str()]);
    assert_eq!(listed(json!({ "group_ids": [1, 2] })).await, [active.id.clone(), closed.id.clone()]);
    assert_eq!(listed(property(json!({ "exists": true }))).await, [marked.id.as_str()]);
    assert_eq!(listed(property(json!({ "values": ["vip", "x"] }))).await, [marked.id.as_str()]);
    assert!(listed(property(json!({ "values": ["x"] }))).await.is_empty());
    assert_eq!(
        listed(property(json!({ "exclude_values": ["vip"] }))).await,
        [active.id.clone(), closed.id.clone()]
    );
}

#[tokio::test]
async fn an_agent_lists_only_chats_they_may_see() {
    let license = shared().await.license();
    let (inside, outside) = (license.agent(2).logs_in_away().await, license.agent(4).logs_in_away().await);
    let (one, two) = (license.customer().await.logs_in().await, license.customer().await.logs_in().await);
    let of_group = one.starts_chat_in(1, "for group 1").await;
    let of_all = two.starts_chat("for everybody").await;
    let of_inside = ids(&inside.call("list_chats", json!({})).await, "chats_summary");
    assert_eq!(of_inside, [of_all.id.clone(), of_group.id.clone()]);
    assert_eq!(ids(&outside.call("list_chats", json!({})).await, "chats_summary"), [of_all.id.as_str()]);
    for (action, payload) in [
        ("get_chat", json!({ "chat_id": of_group.id })),
        ("list_threads", json!({ "chat_id": of_group.id })),
        ("follow_chat", json!({ "id": of_group.id })),
        ("send_event", json!({ "chat_id": of_group.id, "event": message("x") })),
        ("deactivate_chat", json!({ "id": of_group.id, "ignore_requester_presence": true })),
    ] {
        assert_eq!(outside.refused(action, payload).await.kind, "missing_access", "{action}");
    }
}

#[tokio::test]
async fn a_page_id_is_good_for_its_own_list_and_reader_only() {
    let license = shared().await.license();
    let (one, two) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in_away().await);
    chats(&license, 3).await;
    let page = one.call("list_chats", json!({ "limit": 1 })).await["next_page_id"].clone();
    assert_eq!(two.refused("list_chats", json!({ "page_id": page })).await.kind, "validation");
    let mut forged = page.as_str().expect("a page").to_owned();
    forged.replace_range(3..4, if &forged[3..4] == "A" { "B" } else { "A" });
    for page in [forged.as_str(), "x", "AAAA"] {
        assert_eq!(one.refused("list_chats", json!({ "page_id": page })).await.kind, "validation", "{page}");
    }
}

#[tokio::test]
async fn pages_of_threads_neither_repeat_nor_miss_any_while_new_threads_come() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("0").await;
    let mut threads = vec![chat.thread_id.clone()];
    let open = async |threads: &mut Vec<String>| {
        customer.deactivates(&chat).await;
        threads.push(customer.starts_chat(&threads.len().to_string()).await.thread_id);
    };
    for _ in 1..8 {
        open(&mut threads).await;
    }
    let base = json!({ "chat_id": chat.id });
    for session in [&agent.session, &customer.session] {
        let first = session.call("list_threads", json!({ "chat_id": chat.id, "limit": 3 })).await;
        assert_eq!(first["found_threads"], threads.len());
        assert!(first.get("previous_page_id").is_none());
        let before = threads.clone();
        open(&mut threads).await;
        let pages = walk(session, "list_threads", "threads", &base, first.clone(), "next_page_id").await;
        let expected: Vec<String> = before.iter().rev().cloned().collect();
        assert_eq!(pages.concat(), expected);

        let second = session
            .call("list_threads", json!({ "chat_id": chat.id, "page_id": first["next_page_id"] }))
            .await;
        let back = walk(session, "list_threads", "threads", &base, second, "previous_page_id").await;
        let back: Vec<String> = back.into_iter().rev().flatten().collect();
        let newest: Vec<String> = threads.iter().rev().take(back.len()).cloned().collect();
        assert_eq!(back, newest);

        let asc = session
            .call("list_threads", json!({ "chat_id": chat.id, "limit": 100, "sort_order": "asc" }))
            .await;
        assert_eq!(ids(&asc, "threads"), threads);
        assert!(asc.get("next_page_id").is_none());
        let all = asc["threads"].as_array().expect("threads");
        let said: Vec<String> = all.iter().map(|thread| texts(thread).join(" ")).collect();
        assert_eq!(said, (0..threads.len()).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn threads_are_listed_until_enough_events_are_there() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("0").await;
    for _ in 0..4 {
        customer.says(&chat, "more").await;
        customer.deactivates(&chat).await;
        customer.starts_chat("next").await;
    }
    let page = agent.call("list_threads", json!({ "chat_id": chat.id, "min_events_count": 4 })).await;
    let threads = page["threads"].as_array().expect("threads");
    let events = |thread: &Value| thread["events"].as_array().map_or(0, Vec::len);
    let total: usize = threads.iter().map(events).sum();
    let without_last: usize = threads[..threads.len() - 1].iter().map(events).sum();
    assert!(total >= 4 && without_last < 4, "{total}, {without_last}");
    let pages =
        walk(&agent, "list_threads", "threads", &json!({ "chat_id": chat.id }), page, "next_page_id").await;
    let all: BTreeSet<String> = pages.iter().flatten().cloned().collect();
    assert_eq!((all.len(), pages.concat().len()), (5, 5));
}

#[tokio::test]
async fn the_newest_threads_with_enough_events_are_listed_in_either_order() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("0").await;
    for _ in 0..4 {
        customer.says(&chat, "more").await;
        customer.deactivates(&chat).await;
        customer.starts_chat("next").await;
    }
    let payload = |order: &str| json!({ "chat_id": chat.id, "min_events_count": 4, "sort_order": order });
    let turned = |mut pages: Vec<Vec<String>>| {
        pages.iter_mut().for_each(|page| page.reverse());
        pages
    };
    for session in [&agent.session, &customer.session] {
        let ways = async |order: &str| {
            let first = session.call("list_threads", payload(order)).await;
            let base = json!({ "chat_id": chat.id });
            let mut forth = vec![ids(&first, "threads")];
            let mut page = first;
            while let Some(id) = page.get("next_page_id") {
                page = session.call("list_threads", json!({ "chat_id": chat.id, "page_id": id })).await;
                forth.push(ids(&page, "threads"));
            }
            let back = walk(session, "list_threads", "threads", &base, page, "previous_page_id").await;
            (forth, back)
        };
        let (newest_first, back) = ways("desc").await;
        assert!(newest_first.len() > 1 && newest_first[0].len() > 1, "{newest_first:?}");
        assert_eq!(newest_first.concat().len(), 5);
        let oldest_first = ways("asc").await;
        assert_eq!(oldest_first, (turned(newest_first), turned(back)));
    }
}

#[tokio::test]
async fn threads_are_filtered_by_time() {
    let license = shared().await.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("0").await;
    customer.deactivates(&chat).await;
    let later = customer.starts_chat("1").await;
    let at = agent.reads(&chat).await["thread"]["created_at"].clone();
    let listed = async |filters: Value| {
        let page = agent.call("list_threads", json!({ "chat_id": chat.id, "filters": filters })).await;
        ids(&page, "threads")
    };
    assert_eq!(listed(json!({ "from": at })).await, [later.thread_id.as_str()]);
    assert_eq!(listed(json!({ "to": at })).await, [later.thread_id.clone(), chat.thread_id.clone()]);
    assert!(listed(json!({ "to": "2020-01-01T00:00:00.000000Z" })).await.is_empty());
}
