//! A customer's connections: their chats hear when the last one is gone, and when one is there again.

use super::error::{of_ask, of_store};
use super::pipeline::Requests;
use crate::actors::ChatKey;
use crate::domain::command::{Caller, Command, CustomerPresence};
use crate::domain::id::{CustomerId, LicenseId};
use crate::protocol::error::WireError;
use crate::protocol::version::Surface;

impl Requests {
    /// Whether the license waits for absent customers only so long (`chat.customer_gone_after`).
    pub fn misses_customers(&self, license: LicenseId) -> bool {
        let licenses = self.parts.actors.licenses();
        let known = licenses.known_license(license);
        known.is_some_and(|known| !licenses.chat_rules(&known).customer_gone_after.is_zero())
    }

    /// Tells the customer's chats, all that can be told.
    ///
    /// # Errors
    /// The store's, or that of a chat that could not be told.
    pub async fn customer_presence(
        &self,
        license: LicenseId,
        customer: &CustomerId,
        is_connected: bool,
    ) -> Result<(), WireError> {
        let known = self.parts.customers.chats(license, customer).await;
        let mut told = Ok(());
        for chat in known.map_err(|error| of_store(&error))?.chats {
            let key = ChatKey { license, chat };
            let command = Command::CustomerPresence(CustomerPresence { is_connected });
            if let Err(error) = self.parts.actors.ask(&key, command, Caller::Server, None).await {
                told = Err(of_ask(error, Surface::Customer));
            }
        }
        told
    }
}
