//! `[mail]`: the relay that mail goes out by.

use std::path::PathBuf;

use super::kind::{Choice, FilePath, Key, Maybe, Text, key};
use super::reader::Reader;
use super::text;

const RELAY: Key<Maybe<Text>> = key(
    "mail.relay",
    "",
    Maybe(Text {
        accepts: text::is_contact_point,
        allowed: "a host and perhaps a port, such as smtp.example.com:587",
    }),
);
const TLS: Key<Choice<MailTls>> = key(
    "mail.tls",
    "starttls",
    Choice(&[("starttls", MailTls::StartTls), ("tls", MailTls::Tls), ("off", MailTls::Off)]),
);
const FROM: Key<Maybe<Text>> = key(
    "mail.from",
    "",
    Maybe(Text {
        accepts: text::is_mailbox,
        allowed: "an e-mail address, perhaps with a name: Support <support@example.com>",
    }),
);
const CREDENTIAL: Text =
    Text { accepts: |text| text.len() <= 1_024 && !text.contains(['\r', '\n', '\0']), allowed: "one line" };
const USER: Key<Maybe<Text>> = key("mail.user", "", Maybe(CREDENTIAL));
const PASSWORD: Key<Maybe<Text>> = key("mail.password", "", Maybe(CREDENTIAL));
const TLS_CA: Key<Maybe<FilePath>> = key("mail.tls_ca", "", Maybe(FilePath));

/// How the way to the relay is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// TLS from the first byte.
    Tls,
    /// TLS after a greeting, or no mail.
    StartTls,
    /// Not at all.
    Off,
}

/// `[mail]`
#[derive(Clone)]
pub struct Mail {
    /// Host of the relay.
    pub host: String,
    /// Port of the relay. Default by TLS: 587, 465 or 25.
    pub port: u16,
    /// Default starttls.
    pub tls: MailTls,
    /// Whose mail it is.
    pub from: String,
    /// User and password. Default: none, the relay asks for nothing.
    pub login: Option<(String, String)>,
    /// Trust these authorities (PEM), too. Default: those of the system alone.
    pub tls_ca: Option<PathBuf>,
}

/// Without the login, so that it gets into no log.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Mail {
    /// None where no relay is named: then no mail is sent.
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let (relay, tls, from) = (reader.get(&RELAY), reader.get(&TLS), reader.get(&FROM));
        let (user, password) = (reader.get(&USER), reader.get_secret(&PASSWORD));
        let tls_ca = reader.get(&TLS_CA);
        let relay = relay?;
        if from.is_none() {
            reader.clash(RELAY.name, "needs mail.from, which is not set");
        }
        if user.is_some() != password.is_some() {
            reader.clash(USER.name, "and mail.password need each other");
        }
        if password.is_some() && tls == MailTls::Off {
            reader.clash(PASSWORD.name, "would be readable on its way, since mail.tls is off");
        }
        let port = match tls {
            MailTls::Tls => 465,
            MailTls::StartTls => 587,
            MailTls::Off => 25,
        };
        let (host, port) = match relay.rsplit_once(':') {
            Some((host, own)) => (host.to_owned(), own.parse().unwrap_or(port)),
            None => (relay, port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port, tls, from: from?, login: user.zip(password), tls_ca })
    }
}
