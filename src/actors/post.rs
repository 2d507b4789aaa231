//! How chats mail without knowing a relay.

use async_trait::async_trait;

use crate::domain::id::LicenseId;
use crate::domain::mail_address::MailAddress;
use crate::domain::transcript::Letter;

/// Gives mail to the operator's relay.
#[async_trait]
pub trait Post: Send + Sync {
    /// Tries once. It is out of our hands when the answer says so.
    async fn send(&self, license: LicenseId, to: &MailAddress, letter: &Letter) -> Receipt;
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The relay has it.
    Taken,
    /// No mail can be sent to this address.
    Refused,
    /// Not now: the relay does not take it, or the address had too many mails lately.
    Later,
}
