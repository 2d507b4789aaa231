//! What a call of a method needs: a chat in which something has happened, and a stranger's chat.

use serde_json::{Value, json};
use switchboard::protocol::method::Method;
use switchboard::protocol::version::Surface;

use crate::support::{Answer, Chat, Session, TestAgent, TestCustomer, TestLicense, TestNode, Web, message};

/// A license with people in it; each call gets a chat of its own.
pub(super) struct World {
    pub(super) license: TestLicense,
    /// The owner. Takes no chats by routing; is a member of each chat.
    pub(super) agent: TestAgent,
    /// A normal agent who could take chats.
    pub(super) other_agent: TestAgent,
    /// A token that allows nothing of chats.
    pub(super) scopeless: TestAgent,
    /// A chat of another license.
    pub(super) foreign: Chat,
}

/// A chat for one call.
pub(super) struct Scene {
    pub(super) chat: Chat,
    pub(super) customer: TestCustomer,
    /// Nobody's chat yet.
    pub(super) second_customer: TestCustomer,
    /// An event of the agent.
    pub(super) event_id: String,
    /// A rich message of the agent with the button `yes`.
    pub(super) rich_message_id: String,
}

/// By which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Transport {
    Rtm,
    Web,
}

impl World {
    pub(super) async fn of(node: &TestNode) -> Self {
        let (license, other) = (node.license(), node.license());
        let customer = other.customer().await.logs_in().await;
        let chat = customer.starts_chat("of another license").await;
        Self {
            agent: license.agent(1).logs_in_away().await,
            other_agent: license.agent(3).logs_in_away().await,
            scopeless: license.agent_without_scopes().logs_in_away().await,
            license,
            foreign: chat,
        }
    }

    /// A chat with a member, two events and properties everywhere.
    pub(super) async fn scene(&self) -> Scene {
        let customer = self.license.customer().await.logs_in().await;
        let second_customer = self.license.customer().await.logs_in().await;
        let chat = customer.starts_chat("hello").await;
        self.agent.joins(&chat).await;
        let event_id = self.agent.sends(&chat, message("hi")).await;
        let button = json!({ "text": "Yes", "postback_id": "yes", "user_ids": [] });
        let rich =
            json!({ "type": "rich_message", "template_id": "cards", "elements": [{ "buttons": [button] }] });
        let rich_message_id = self.agent.sends(&chat, rich).await;
        Scene { chat, customer, second_customer, event_id, rich_message_id }
    }
}

/// Calls a method as somebody.
pub(super) async fn ask(
    transport: Transport,
    session: &Session,
    web: &Web,
    action: &str,
    payload: Value,
) -> Answer {
    match transport {
        Transport::Rtm => session.ask(action, payload).await,
        Transport::Web => web.ask(action, payload).await,
    }
}

/// Who calls: an agent who is in the chat, or its customer; followers are not in it.
pub(super) fn caller<'w>(method: &Method, world: &'w World, scene: &'w Scene) -> (&'w Session, &'w Web) {
    match (method.surface, method.action) {
        (Surface::Agent, "follow_chat" | "unfollow_chat") => {
            (&world.other_agent.session, &world.other_agent.web)
        }
        (Surface::Agent, _) => (&world.agent.session, &world.agent.web),
        (Surface::Customer, _) => (&scene.customer.session, &scene.customer.web),
    }
}
