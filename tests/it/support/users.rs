//! Users who are logged in, and what they do all day.

use std::ops::Deref;

use serde_json::{Value, json};

use super::chat::{Chat, customer_message, message};
use super::license::{AgentLogin, CustomerLogin};
use super::session::Session;
use super::web::Web;

/// An agent who is logged in.
pub(crate) struct TestAgent {
    /// Who.
    pub(crate) who: AgentLogin,
    /// Their socket.
    pub(crate) session: Session,
    /// What the login answered.
    pub(crate) login: Value,
    /// The Web API as the same agent.
    pub(crate) web: Web,
}

/// A customer who is logged in.
pub(crate) struct TestCustomer {
    /// Who.
    pub(crate) who: CustomerLogin,
    /// Their socket.
    pub(crate) session: Session,
    /// What the login answered.
    pub(crate) login: Value,
    /// The Web API as the same customer.
    pub(crate) web: Web,
}

impl Deref for TestAgent {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Deref for TestCustomer {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl TestAgent {
    /// Their id.
    pub(crate) fn id(&self) -> &str {
        &self.who.id
    }

    /// Sends a message. Gives its id.
    pub(crate) async fn says(&self, chat: &Chat, text: &str) -> String {
        self.sends(chat, message(text)).await
    }

    /// Sends an event. Gives its id.
    pub(crate) async fn sends(&self, chat: &Chat, event: Value) -> String {
        let answer = self.call("send_event", json!({ "chat_id": chat.id, "event": event })).await;
        answer["event_id"].as_str().expect("an event id").to_owned()
    }

    /// Adds themselves to a chat, seen by all.
    pub(crate) async fn joins(&self, chat: &Chat) {
        self.adds(chat, self.id(), "agent", "all").await;
    }

    /// Adds a user.
    pub(crate) async fn adds(&self, chat: &Chat, user: &str, kind: &str, visibility: &str) {
        let payload = json!({
            "chat_id": chat.id,
            "user_id": user,
            "user_type": kind,
            "visibility": visibility,
            "ignore_requester_presence": true,
        });
        self.call("add_user_to_chat", payload).await;
    }

    /// Closes the chat's thread, member or not.
    pub(crate) async fn deactivates(&self, chat: &Chat) {
        let payload = json!({ "id": chat.id, "ignore_requester_presence": true });
        self.call("deactivate_chat", payload).await;
    }

    /// Starts a chat with these users and nothing else.
    pub(crate) async fn starts_chat_with(&self, users: Value) -> Chat {
        let payload = json!({ "active": true, "chat": { "users": users } });
        Chat::of(&self.call("start_chat", payload).await)
    }

    /// Reads a chat.
    pub(crate) async fn reads(&self, chat: &Chat) -> Value {
        self.call("get_chat", json!({ "chat_id": chat.id })).await
    }
}

impl TestCustomer {
    /// Their id.
    pub(crate) fn id(&self) -> &str {
        &self.who.id
    }

    /// Starts a chat with a first message.
    pub(crate) async fn starts_chat(&self, text: &str) -> Chat {
        self.starts_chat_like(json!({ "thread": { "events": [customer_message(text)] } })).await
    }

    /// Starts a chat in a group.
    pub(crate) async fn starts_chat_in(&self, group: i64, text: &str) -> Chat {
        let thread = json!({ "events": [customer_message(text)] });
        self.starts_chat_like(json!({ "access": { "group_ids": [group] }, "thread": thread })).await
    }

    /// Starts a chat with this as `chat`.
    pub(crate) async fn starts_chat_like(&self, chat: Value) -> Chat {
        Chat::of(&self.call("start_chat", json!({ "active": true, "chat": chat })).await)
    }

    /// Opens the chat's next thread.
    pub(crate) async fn resumes(&self, chat: &Chat) -> Chat {
        let mut answer = self.call("resume_chat", json!({ "chat": { "id": chat.id }, "active": true })).await;
        answer["chat_id"] = json!(chat.id);
        Chat::of(&answer)
    }

    /// Sends a message. Gives its id.
    pub(crate) async fn says(&self, chat: &Chat, text: &str) -> String {
        self.sends(chat, customer_message(text)).await
    }

    /// Sends an event. Gives its id.
    pub(crate) async fn sends(&self, chat: &Chat, event: Value) -> String {
        let answer = self.call("send_event", json!({ "chat_id": chat.id, "event": event })).await;
        answer["event_id"].as_str().expect("an event id").to_owned()
    }

    /// Closes the chat's thread.
    pub(crate) async fn deactivates(&self, chat: &Chat) {
        self.call("deactivate_chat", json!({ "id": chat.id })).await;
    }

    /// Reads a chat.
    pub(crate) async fn reads(&self, chat: &Chat) -> Value {
        self.call("get_chat", json!({ "chat_id": chat.id })).await
    }
}
