//! A thread holds so much and no more, whoever writes and whatever; who reads full ones at once waits for the others.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{system_messages, texts};
use crate::support::{Chat, TestCustomer, TestNode, customer_message, message};

const EVENTS: usize = 30;
const BYTES: usize = 400 * 1024;

async fn node() -> TestNode {
    let settings = [
        ("limits.thread_events", "30"),
        ("limits.thread_bytes", "400KiB"),
        // Less than a full thread: whoever reads one reads it alone.
        ("limits.threads_read", "64KiB"),
        ("limits.session_rate", "off"),
        ("event.max_size", "16KiB"),
    ];
    TestNode::start(&settings).await
}

/// Writes until there is no room for more; gives how often there was.
async fn fill(customer: &TestCustomer, chat: &Chat, text: &str) -> usize {
    for count in 0..1_000 {
        let sent = json!({ "chat_id": chat.id, "event": customer_message(text) });
        if let Err(error) = customer.ask("send_event", sent).await {
            assert_eq!(error.kind, "limit_reached");
            return count;
        }
    }
    panic!("it is never full");
}

fn events(read: &Value) -> usize {
    read["thread"]["events"].as_array().expect("events").len()
}

#[tokio::test]
async fn a_thread_that_is_full_stays_so_until_it_is_closed_whoever_has_it() {
    let node = node().await;
    let license = node.license();
    let agent = license.agent(1).logs_in().await;
    let login = license.customer().await;
    let customer = login.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    agent.expect_push("incoming_chat", |push| push["chat"]["id"] == *chat.id).await;
    assert!(fill(&customer, &chat, "and another thing").await > EVENTS / 2);
    assert_eq!(events(&agent.reads(&chat).await), EVENTS);

    // By websocket and by HTTP, for both sides, and for what is set as well as for what is said.
    let sent = json!({ "chat_id": chat.id, "event": customer_message("one more") });
    let refused = login.web().refused("send_event", sent).await;
    assert_eq!((refused.kind.as_str(), refused.status), ("limit_reached", Some(422)));
    let sent = json!({ "chat_id": chat.id, "event": message("one more") });
    assert_eq!(agent.refused("send_event", sent.clone()).await.kind, "limit_reached");
    let rated = json!({ "id": chat.id, "properties": { "rating": { "score": 1 } } });
    assert_eq!(customer.refused("update_chat_properties", rated).await.kind, "limit_reached");

    // The count is that of the log, which whoever takes the chat over reads.
    drop((agent, customer));
    node.kill().await;
    node.launch().await;
    let agent = license.agent(1).logs_in().await;
    let customer = login.logs_in().await;
    assert_eq!(agent.refused("send_event", sent).await.kind, "limit_reached");
    assert_eq!(fill(&customer, &chat, "and now?").await, 0);

    // It is handed on, read and closed.
    customer
        .call(
            "mark_events_as_seen",
            json!({ "chat_id": chat.id, "seen_up_to": "2100-01-01T00:00:00.000000Z" }),
        )
        .await;
    let second = license.agent(2).logs_in().await;
    let target = json!({ "type": "agent", "ids": [second.id()] });
    let moved = json!({ "id": chat.id, "target": target, "ignore_requester_presence": true });
    agent.call("transfer_chat", moved).await;
    let again = second.reads(&chat).await;
    assert!(events(&again) > EVENTS && system_messages(&again["thread"]).len() > 1, "{again}");
    customer.deactivates(&chat).await;
    let next = customer.resumes(&chat).await;
    assert_ne!(next.thread_id, chat.thread_id);
    customer.says(&next, "in the next thread").await;
    assert_eq!(texts(&customer.reads(&chat).await["thread"]), ["in the next thread"]);
    let listed = agent.call("list_threads", json!({ "chat_id": chat.id })).await;
    assert_eq!(listed["found_threads"], 2);
}

#[tokio::test]
async fn full_threads_are_read_at_once_by_many_who_wait_for_each_other() {
    let node = node().await;
    let license = node.license();
    let agent = license.agent(1).logs_in_away().await;
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let text = "x".repeat(16 * 1024);
    let written = fill(&customer, &chat, &text).await;
    assert!(written < EVENTS - 4, "bytes fill it sooner than events");
    assert!((written + 2) * text.len() > BYTES / 2, "{written} of {} bytes", text.len());
    customer.deactivates(&chat).await;
    let second = customer.resumes(&chat).await;
    fill(&customer, &second, &text).await;

    // Each by a request of their own: the last thread, the earlier one, both in turn, and all that there are.
    let web = license.agent(1).web();
    let earlier = json!({ "chat_id": chat.id, "thread_id": chat.thread_id });
    let reads = (0..8).flat_map(|_| {
        [
            ("get_chat", json!({ "chat_id": chat.id })),
            ("get_chat", earlier.clone()),
            ("list_threads", json!({ "chat_id": chat.id, "limit": 100 })),
            ("list_archives", json!({})),
        ]
    });
    let answers =
        join_all(reads.map(async |(method, payload)| (method, web.call(method, payload).await))).await;
    for (method, answer) in answers {
        let size = answer.to_string().len();
        assert!(size > written * text.len(), "{method} gives a whole thread: {size} bytes");
        // A page is no larger than it has to be: the second thread is on the next.
        assert!(size < BYTES + BYTES / 4, "{method} gives {size} bytes");
        if method == "list_threads" {
            assert_eq!(answer["threads"].as_array().map(Vec::len), Some(1));
            let page = json!({ "chat_id": chat.id, "page_id": answer["next_page_id"] });
            let next = web.call("list_threads", page).await;
            assert_eq!(next["threads"].as_array().map(Vec::len), Some(1));
            assert_ne!(next["threads"][0]["id"], answer["threads"][0]["id"]);
        }
    }
    drop(agent);
}
