//! The way that mail goes out by, by the settings.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::actors::post::{Post, Receipt};
use crate::config::{Config, MailTls};
use crate::domain::id::LicenseId;
use crate::domain::mail_address::MailAddress;
use crate::domain::time::Clock;
use crate::domain::transcript::Letter;
use crate::outgoing::{MailError, MailRelay, MailSecurity, Mailer};
use crate::requests::Customers;

/// Why no mail could ever be sent.
#[derive(Debug, Error)]
pub enum MailSetupError {
    /// Authorities cannot be read.
    #[error("{path}, named by mail.tls_ca, cannot be read")]
    Authorities {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The settings do not go together with the relay.
    #[error("mail is not set up right")]
    Mailer(#[from] MailError),
}

/// None where no relay is named. Nothing is connected yet: a relay that is away is no reason to keep chats down.
pub(super) fn open(config: &Config) -> Result<Option<Mailer>, MailSetupError> {
    let Some(mail) = config.mail.clone() else { return Ok(None) };
    let read =
        |path: PathBuf| std::fs::read(&path).map_err(|source| MailSetupError::Authorities { path, source });
    let authorities = mail.tls_ca.map(read).transpose()?;
    let security = match mail.tls {
        MailTls::Tls => MailSecurity::Tls,
        MailTls::StartTls => MailSecurity::StartTls,
        MailTls::Off => MailSecurity::Off,
    };
    let (host, port, login, from) = (mail.host, mail.port, mail.login, mail.from);
    Ok(Some(Mailer::new(MailRelay { host, port, security, login, from, authorities })?))
}

/// The way that chats mail by.
pub(super) fn post(mailer: Arc<Mailer>, customers: Customers, clock: Arc<dyn Clock>) -> Arc<dyn Post> {
    Arc::new(ToRelay { mailer, customers, clock })
}

/// Gives mail to the relay, and to no address more of it than people may be sent without having asked for it.
struct ToRelay {
    mailer: Arc<Mailer>,
    customers: Customers,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Post for ToRelay {
    async fn send(&self, license: LicenseId, to: &MailAddress, letter: &Letter) -> Receipt {
        let (address, now) = (to.to_string(), self.clock.now());
        match self.customers.count_mail(license, &address, now).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return Receipt::Later,
        }
        let error = match self.mailer.send(to, &letter.subject, &letter.text).await {
            Ok(()) => return Receipt::Taken,
            Err(MailError::Refused) => return Receipt::Refused,
            Err(error) => error,
        };
        // What the relay says may name the address.
        tracing::warn!(license.id = %license, "a transcript is not mailed yet, since the relay does not take it");
        tracing::debug!(%error, "a transcript is not mailed yet");
        if let Err(error) = self.customers.uncount_mail(license, &address, now).await {
            tracing::debug!(%error, "a mail that did not go out counts as one that did");
        }
        Receipt::Later
    }
}
