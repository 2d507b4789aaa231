//! What a customer must never see, as a table: each secret × each place where a customer reads anything.

use serde_json::json;

use crate::support::{Chat, Session, TestAgent, TestCustomer, shared};

/// A chat that has every secret.
struct Scene {
    owner: TestAgent,
    hidden: TestAgent,
    follower: TestAgent,
    customer: TestCustomer,
    other: TestCustomer,
    chat: Chat,
    others_chat: Chat,
    note: String,
    deleted: String,
}

/// A secret, and the text that gives it away.
type Secret = (&'static str, fn(&Scene) -> String);

const SECRETS: &[Secret] = &[
    ("what an event for agents says", |_| "a-secret-note".to_owned()),
    ("that there is an event for agents", |on| format!("\"{}\"", on.note)),
    ("who may see an event", |_| "\"visibility\"".to_owned()),
    ("what a deleted event said", |_| "a-deleted-word".to_owned()),
    ("that there was a deleted event", |on| format!("\"{}\"", on.deleted)),
    ("the name of a member whom only agents see", |_| "\"Agent 2\"".to_owned()),
    ("the name of a follower", |_| "\"Agent 3\"".to_owned()),
    ("an agent's e-mail address", |_| "@example.com".to_owned()),
    ("an IP address", |_| "\"ip\"".to_owned()),
    ("a property for agents", |_| "\"pinned\"".to_owned()),
    ("a tag", |_| "a-secret-tag".to_owned()),
    ("the name of another customer", |_| "Another-Customer".to_owned()),
    ("the id of another customer", |on| on.other.id().to_owned()),
    ("the chat of another customer", |on| on.others_chat.id.clone()),
    ("what another customer says", |_| "another-word".to_owned()),
    ("what is told to agents", |_| "a-secret-multicast".to_owned()),
];

impl Scene {
    async fn set() -> Self {
        let license = shared().await.license();
        let (owner, hidden) = (license.agent(1).logs_in_away().await, license.agent(2).logs_in_away().await);
        let follower = license.agent(3).logs_in_away().await;
        let customer = license.customer().await.logs_in().await;
        let other = license.customer().await;
        let other = other.logs_in_with(json!({ "customer": { "name": "Another-Customer" } })).await;
        let chat = customer.starts_chat("hello").await;
        let others_chat = other.starts_chat("another-word").await;
        let deleted = customer.says(&chat, "a-deleted-word").await;
        let (chat_id, thread_id) = (&chat.id, &chat.thread_id);
        let event = json!({ "chat_id": chat_id, "thread_id": thread_id, "event_id": deleted });
        customer.call("delete_event", event).await;
        // What comes from here on may say nothing of it.
        customer.forget_pushes().await;
        owner.joins(&chat).await;
        follower.call("follow_chat", json!({ "id": chat.id })).await;
        let secret = json!({ "type": "message", "text": "a-secret-note", "visibility": "agents" });
        let note = owner.sends(&chat, secret.clone()).await;
        owner.adds(&chat, hidden.id(), "agent", "agents").await;
        hidden.sends(&chat, secret).await;
        // What the customer sees of this does not say who did it.
        let helper = license.agent(4).id;
        hidden.adds(&chat, &helper, "agent", "all").await;
        let removed = json!({ "chat_id": chat_id, "user_id": helper, "user_type": "agent" });
        hidden.call("remove_user_from_chat", removed).await;
        owner.says(&chat, "in the open").await;
        let properties = json!({ "routing": { "pinned": true } });
        owner.call("update_chat_properties", json!({ "id": chat_id, "properties": properties })).await;
        let tag = json!({ "chat_id": chat_id, "thread_id": thread_id, "tag": "a-secret-tag" });
        owner.call("tag_thread", tag).await;
        let multicast = json!({ "recipients": { "agents": { "all": true } }, "content": { "text": "a-secret-multicast" } });
        owner.call("multicast", multicast).await;
        let typing = json!({ "chat_id": chat_id, "visibility": "agents", "is_typing": true });
        owner.call("send_typing_indicator", typing).await;
        Self { owner, hidden, follower, customer, other, chat, others_chat, note, deleted }
    }

    /// Everything that the customer reads, with where they read it.
    async fn places(&self) -> Vec<(String, String)> {
        let customer = &self.customer;
        let mut places = Vec::new();
        for (action, payload) in [
            ("get_chat", json!({ "chat_id": self.chat.id })),
            ("list_threads", json!({ "chat_id": self.chat.id, "limit": 100 })),
            ("list_chats", json!({})),
            ("get_customer", json!({})),
        ] {
            let answers = [
                ("RTM", customer.call(action, payload.clone()).await),
                ("Web", customer.web.call(action, payload).await),
            ];
            places.extend(answers.map(|(way, answer)| (format!("{action} by {way}"), answer.to_string())));
        }
        places.push(("login".to_owned(), customer.who.logs_in().await.login.to_string()));
        places.push(("pushes".to_owned(), pushes(customer).await));
        places
    }

    /// What agents read of the same.
    async fn agents_read(&self) -> String {
        let mut read = String::new();
        for (action, payload) in [
            ("list_threads", json!({ "chat_id": self.chat.id, "limit": 100 })),
            ("get_chat", json!({ "chat_id": self.chat.id })),
            ("get_customer", json!({ "id": self.customer.id() })),
            ("get_customer", json!({ "id": self.other.id() })),
            ("list_chats", json!({})),
        ] {
            read += &self.owner.call(action, payload).await.to_string();
        }
        for agent in [&self.owner, &self.hidden, &self.follower] {
            read += &agent.login.to_string();
            read += &pushes(agent).await;
        }
        read
    }
}

async fn pushes(session: &Session) -> String {
    session.settle().await;
    let fresh = session.pushes().into_iter().filter(|push| !push.taken);
    fresh.map(|push| format!("{} {}\n", push.action, push.payload)).collect()
}

#[tokio::test]
async fn a_customer_never_sees_what_is_not_for_them() {
    let on = Scene::set().await;
    let mut seen = Vec::new();
    // While the chat is active, and once it is closed.
    for state in ["active", "closed"] {
        let of_agents = on.agents_read().await;
        for (place, text) in on.places().await {
            for (secret, gives_away) in SECRETS {
                let word = gives_away(&on);
                assert!(of_agents.contains(&word), "{secret}: not even agents see {word}");
                if let Some(at) = text.find(&word) {
                    let start = (0..=at.saturating_sub(200)).rev().find(|at| text.is_char_boundary(*at));
                    seen.push(format!(
                        "{secret} in {place} of the {state} chat: {}",
                        &text[start.unwrap_or(0)..at]
                    ));
                }
            }
        }
        if state == "active" {
            on.owner.deactivates(&on.chat).await;
            on.customer.expect_push("chat_deactivated", |_| true).await;
        }
    }
    assert!(seen.is_empty(), "{}", seen.join("\n"));
}

#[tokio::test]
async fn a_customer_cannot_touch_what_they_do_not_see() {
    let on = Scene::set().await;
    let (chat, thread) = (&on.chat.id, &on.chat.thread_id);
    let properties = json!({ "test": { "int_property": 1 } });
    for hidden in [&on.note, &on.deleted] {
        let of = json!({ "chat_id": chat, "thread_id": thread, "event_id": hidden });
        let mut with_properties = of.clone();
        with_properties["properties"] = properties.clone();
        let refused = on.customer.refused("update_event_properties", with_properties).await;
        assert_eq!(refused.kind, "not_found");
        assert_eq!(on.customer.refused("delete_event", of).await.kind, "not_found");
    }
    for (action, payload) in [
        ("get_chat", json!({ "chat_id": on.others_chat.id })),
        ("list_threads", json!({ "chat_id": on.others_chat.id })),
        ("update_chat_properties", json!({ "id": on.others_chat.id, "properties": properties })),
    ] {
        assert_eq!(on.customer.refused(action, payload).await.kind, "not_found", "{action}");
    }
}
