//! What a call of a method needs: a chat in which something has happened, and a stranger's chat.

use serde_json::Value;

use crate::support::{Answer, Chat, TestAgent, TestCustomer, TestLicense, TestNode, Web, message};

/// A license with people in it; each call gets a chat of its own.
pub(super) struct World {
    pub(super) license: TestLicense,
    /// The owner. Takes no chats by routing; is a member of each chat.
    pub(super) agent: TestAgent,
    /// A normal agent who could take chats.
    pub(super) other_agent: TestAgent,
    /// A token that allows nothing of chats.
    pub(super) scopeless: TestAgent,
    /// A chat of another license, and its customer.
    pub(super) foreign: Foreign,
}

/// Something of another license.
pub(super) struct Foreign {
    pub(super) chat: Chat,
    pub(super) customer: TestCustomer,
}

/// A chat for one call.
pub(super) struct Scene {
    pub(super) chat: Chat,
    pub(super) customer: TestCustomer,
    /// Nobody's chat yet.
    pub(super) second_customer: TestCustomer,
    /// An event of the agent.
    pub(super) event_id: String,
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
            foreign: Foreign { chat, customer },
        }
    }

    /// A chat with a member, two events and properties everywhere.
    pub(super) async fn scene(&self) -> Scene {
        let customer = self.license.customer().await.logs_in().await;
        let second_customer = self.license.customer().await.logs_in().await;
        let chat = customer.starts_chat("hello").await;
        self.agent.joins(&chat).await;
        let event_id = self.agent.sends(&chat, message("hi")).await;
        Scene { chat, customer, second_customer, event_id }
    }
}

/// Calls a method as somebody.
pub(super) async fn ask(
    transport: Transport,
    session: &crate::support::Session,
    web: &Web,
    action: &str,
    payload: Value,
) -> Answer {
    match transport {
        Transport::Rtm => session.ask(action, payload).await,
        Transport::Web => web.ask(action, payload).await,
    }
}
