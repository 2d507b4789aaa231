//! What somebody who was away was not told, by what they know.

use super::caller::{Identity, Requester};
use super::error::{of_ask, of_store};
use super::pipeline::Requests;
use crate::actors::catching_up::{Among, Known};
use crate::actors::chat::missed::Retold;
use crate::protocol::error::WireError;

impl Requests {
    /// What the rows tell, of all chats that the user may have been told of, that came after what is known: for whom each push
    /// is still has to be looked at. None if that is more than is told again.
    ///
    /// # Errors
    /// The store's or a chat's, as the protocol says it.
    pub async fn missed(&self, who: &Requester, known: &Known) -> Result<Option<Vec<Retold>>, WireError> {
        let license = who.license_id();
        let among = match &who.identity {
            Identity::Agent { .. } => Among::All,
            Identity::Customer { id, .. } => {
                let known = self.parts.customers.chats(license, id).await;
                Among::These(known.map_err(|error| of_store(&error))?.chats)
            }
        };
        let missed = self.parts.actors.missed(license, known, among).await;
        missed.map_err(|error| of_ask(error, who.surface()))
    }
}
