//! A customer's connections: their chats hear when the last one is gone, and when one is there again.

use super::pipeline::Requests;
use crate::actors::ChatKey;
use crate::domain::command::{Caller, Command, CustomerPresence};
use crate::domain::id::{CustomerId, LicenseId};

impl Requests {
    /// Whether the license waits for absent customers only so long (`chat.customer_gone_after`).
    pub fn misses_customers(&self, license: LicenseId) -> bool {
        let licenses = self.parts.actors.licenses();
        let known = licenses.known_license(license);
        known.is_some_and(|known| !licenses.chat_rules(&known).customer_gone_after.is_zero())
    }

    /// Tells the customer's chats, where their license [misses them](Self::misses_customers).
    pub async fn customer_presence(&self, license: LicenseId, customer: &CustomerId, is_connected: bool) {
        if !self.misses_customers(license) {
            return;
        }
        let chats = match self.parts.customers.chats(license, customer).await {
            Ok(known) => known.chats,
            Err(error) => {
                tracing::warn!(customer.id = %customer, %error, "a customer's chats do not know whether they are there");
                return;
            }
        };
        for chat in chats {
            let key = ChatKey { license, chat };
            let command = Command::CustomerPresence(CustomerPresence { is_connected });
            if let Err(error) = self.parts.actors.ask(&key, command, Caller::Server, None).await {
                tracing::warn!(chat.id = %key.chat, %error, "a chat does not know whether its customer is there");
            }
        }
    }
}
