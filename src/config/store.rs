//! `[cql]`: how the CQL store is reached.

use std::path::PathBuf;
use std::time::Duration;

use super::kind::{FilePath, Key, ListOf, Maybe, Span, Switch, Text, Whole, key, span};
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
const TLS_CA: Key<Maybe<FilePath>> = key("cql.tls_ca", "", Maybe(FilePath));
const DATACENTER: Key<Maybe<Text>> = key("cql.datacenter", "", Maybe(ANYTHING));
const REPLICATION_FACTOR: Key<Whole<u16>> = key("cql.replication_factor", "3", Whole { min: 1, max: 15 });
const MIGRATE: Key<Switch> = key("cql.migrate", "false", Switch);
const REQUEST_TIMEOUT: Key<Span> = key("cql.request_timeout", "4s", span(100, 60_000));
const SPECULATE_AFTER: Key<Span> = key("cql.speculate_after", "750ms", span(10, 60_000));
const MAX_IN_FLIGHT: Key<Whole<u32>> = key("cql.max_in_flight", "2048", Whole { min: 1, max: 65_536 });
const RECONNECT_EVERY: Key<Span> = key("cql.reconnect_every", "2s", span(100, 60_000));

/// `[cql]`
#[derive(Clone)]
pub struct Cql {
    /// Machines that are asked first, `host` or `host:port`. Default 127.0.0.1:9042.
    pub contact_points: Vec<String>,
    /// Default `switchboard`.
    pub keyspace: String,
    /// User and password, where the server asks for them.
    pub login: Option<CqlLogin>,
    /// Talk TLS, and trust these authorities (PEM). Default: no TLS.
    pub tls_ca: Option<PathBuf>,
    /// The data centre to work in; the same on all nodes. Default: none, all of them count.
    pub datacenter: Option<String>,
    /// Copies of the data, for the moment when the keyspace is made. One loses data with a machine. Default 3.
    pub replication_factor: u16,
    /// A server brings the schema up to date when it starts, as `switchboard migrate` does. Default: it does not.
    pub migrate: bool,
    /// How long a request may take in all. Too short, and a slow server is taken for a lost one. Default 4 s.
    pub request_timeout: Duration,
    /// After how long a request that may be repeated is sent to another machine as well. Default 750 ms.
    pub speculate_after: Duration,
    /// Writes in flight; more wait a second, then are refused. Default 2048.
    pub max_in_flight: usize,
    /// Pause between attempts to reach the server at start. Default 2 s.
    pub reconnect_every: Duration,
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
            tls_ca: reader.get(&TLS_CA),
            datacenter: reader.get(&DATACENTER),
            replication_factor: reader.get(&REPLICATION_FACTOR),
            migrate: reader.get(&MIGRATE),
            request_timeout: reader.get(&REQUEST_TIMEOUT),
            speculate_after: reader.get(&SPECULATE_AFTER),
            max_in_flight: reader.get(&MAX_IN_FLIGHT) as usize,
            reconnect_every: reader.get(&RECONNECT_EVERY),
        };
        if cql.speculate_after >= cql.request_timeout {
            let key = if reader.is_set(SPECULATE_AFTER.name) { &SPECULATE_AFTER } else { &REQUEST_TIMEOUT };
            reader.clash(key.name, "cql.speculate_after must be shorter than cql.request_timeout");
        }
        cql
    }
}
