//! Mail, given to the relay that the operator names.
//!
//! What is written to whom is for others; here a mail goes out within bounds of time and number. The relay is the operator's own
//! word, so it may be where it likes.

use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use thiserror::Error;
use tokio::sync::Semaphore;

use crate::domain::mail_address::{MailAddress, NoMailAddress};

/// Mails that go out at the same time; one more is refused.
const AT_ONCE: usize = 8;
/// Time for a mail.
const TIME: Duration = Duration::from_secs(10);

/// The relay and who writes.
pub struct MailRelay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is kept secret.
    pub security: MailSecurity,
    /// User and password, where it asks for them.
    pub login: Option<(String, String)>,
    /// Whose mail it is, such as `Support <support@example.com>`.
    pub from: String,
    /// Authorities to trust (PEM), beside the system's.
    pub authorities: Option<Vec<u8>>,
}

/// How the way to a relay is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS after a greeting; a relay that has none gets no mail.
    StartTls,
    /// Not at all.
    Off,
}

/// Why no mail went out.
#[derive(Debug, Error)]
pub enum MailError {
    /// The setting says something that is no sender, or no authority.
    #[error("{0}")]
    Setting(String),
    /// The relay does not take mail for that address.
    #[error("no mail can be sent to this address")]
    Refused,
    /// More is being sent already than may be.
    #[error("too much mail is being sent at once")]
    Busy,
    /// The relay cannot be reached, or does not do its work now.
    #[error("the mail relay does not answer as it should: {0}")]
    Relay(String),
}

impl From<NoMailAddress> for MailError {
    fn from(_: NoMailAddress) -> Self {
        Self::Refused
    }
}

/// Sends mail.
pub struct Mailer {
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    places: Semaphore,
}

impl Mailer {
    /// For a relay. Nothing is connected yet.
    ///
    /// # Errors
    /// [`MailError::Setting`].
    pub fn new(relay: MailRelay) -> Result<Self, MailError> {
        let from: Mailbox = relay.from.parse().map_err(|error| setting("mail.from", &error))?;
        let tls = || {
            let mut tls = TlsParameters::builder(relay.host.clone());
            if let Some(pem) = &relay.authorities {
                tls = tls.add_root_certificate(Certificate::from_pem(pem)?);
            }
            tls.build()
        };
        let tls = match relay.security {
            MailSecurity::Tls => tls().map(Tls::Wrapper),
            MailSecurity::StartTls => tls().map(Tls::Required),
            MailSecurity::Off => Ok(Tls::None),
        };
        let tls = tls.map_err(|error| setting("mail.tls", &error))?;
        let us = ClientId::Domain(from.email.domain().to_owned());
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(relay.host)
            .port(relay.port)
            .tls(tls)
            .hello_name(us)
            .timeout(Some(TIME));
        if let Some((user, password)) = relay.login {
            transport = transport.credentials(Credentials::new(user, password));
        }
        Ok(Self { from, transport: transport.build(), places: Semaphore::new(AT_ONCE) })
    }

    /// Gives the relay a mail of plain text. It has taken it when this returns.
    ///
    /// # Errors
    /// See [`MailError`].
    pub async fn send(&self, to: &MailAddress, subject: &str, text: &str) -> Result<(), MailError> {
        let _place = self.places.try_acquire().map_err(|_| MailError::Busy)?;
        let id = format!("<{}@{}>", uuid::Uuid::new_v4().simple(), self.from.email.domain());
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone().into()))
            .subject(subject)
            .message_id(Some(id))
            // Nobody's holiday answers it.
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(text.to_owned())
            .map_err(|error| MailError::Relay(error.to_string()))?;
        match tokio::time::timeout(TIME, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() && refuses_recipient(&error) => Err(MailError::Refused),
            Ok(Err(error)) => Err(MailError::Relay(error.to_string())),
            Err(_) => Err(MailError::Relay("it takes too long".to_owned())),
        }
    }
}

/// 550, 551, 553 and 556 are about the mailbox; others, such as a login that is refused, are our own trouble.
fn refuses_recipient(error: &lettre::transport::smtp::Error) -> bool {
    let status = error.status().map(|code| code.to_string());
    matches!(status.as_deref(), Some("550" | "551" | "553" | "556"))
}

fn setting(name: &str, error: &dyn std::fmt::Display) -> MailError {
    MailError::Setting(format!("{name}: {error}"))
}
