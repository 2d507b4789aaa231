//! The way that mail goes out by, by the settings.

use std::path::PathBuf;

use thiserror::Error;

use crate::config::{Config, MailTls};
use crate::outgoing::{MailError, MailRelay, MailSecurity, Mailer};

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
