//! `[cql]`: how the CQL store is reached.

use std::path::PathBuf;

use super::kind::{FilePath, Key, ListOf, Maybe, Switch, Text, key};
use super::reader::Reader;
use super::text;

const CONTACT_POINTS: Key<ListOf<Text>> = key(
    "cql.contact_points",
    "127.0.0.1:9042",
    ListOf(Text { accepts: text::is_contact_point, allowed: "a host, perhaps with a port" }),
);
const KEYSPACE: Key<Text> = key(
    "cql.keyspace",
    "switchboard",
    Text { accepts: text::is_keyspace, allowed: "1 to 48 of a-z, 0-9 and _, beginning with a letter" },
);
const ANYTHING: Text = Text { accepts: |text| text.len() <= 1_024, allowed: "at most 1024 bytes" };
const USER: Key<Maybe<Text>> = key("cql.user", "", Maybe(ANYTHING));
const PASSWORD: Key<Maybe<Text>> = key("cql.password", "", Maybe(ANYTHING));
const TLS: Key<Switch> = key("cql.tls", "false", Switch);
const TLS_CA: Key<Maybe<FilePath>> = key("cql.tls_ca", "", Maybe(FilePath));

/// `[cql]`
#[derive(Clone)]
pub struct Cql {
    /// Machines that are asked first, `host` or `host:port`. Default 127.0.0.1:9042.
    pub contact_points: Vec<String>,
    /// Default `switchboard`.
    pub keyspace: String,
    /// User and password, where the server asks for them.
    pub login: Option<CqlLogin>,
    /// Talk TLS. Default false.
    pub tls: bool,
    /// Trust these authorities (PEM) instead of the machine's.
    pub tls_ca: Option<PathBuf>,
}

/// Who we are to the CQL server. Not printable, so that the password gets into no log.
#[derive(Clone)]
pub struct CqlLogin {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for Cql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cql")
            .field("contact_points", &self.contact_points)
            .field("keyspace", &self.keyspace)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Cql {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let (user, password) = (reader.get(&USER), reader.get_secret(&PASSWORD));
        if user.is_none() && password.is_some() {
            reader.clash("cql.password", "goes together with cql.user, which is not set");
        }
        let cql = Self {
            contact_points: reader.get(&CONTACT_POINTS),
            keyspace: reader.get(&KEYSPACE),
            login: user.map(|user| CqlLogin { user, password: password.unwrap_or_default() }),
            tls: reader.get(&TLS),
            tls_ca: reader.get(&TLS_CA),
        };
        if cql.tls_ca.is_some() && !cql.tls {
            reader.clash("cql.tls_ca", "is of no use without cql.tls = true");
        }
        cql
    }
}
