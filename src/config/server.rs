//! `[server]`, `[tls]` and `[node]`: where the server listens, where it keeps its data, how it stops.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::kind::{
    Address, Choice, FilePath, Key, ListOf, Maybe, Network, PowerOfTwo, Switch, Text, Whole, key, span,
};
use super::reader::Reader;
use super::text;

const LISTEN: Key<Address> = key("server.listen", "127.0.0.1:8080", Address);
const PUBLIC_URL: Key<Maybe<Text>> = key(
    "server.public_url",
    "",
    Maybe(Text {
        accepts: text::is_origin,
        allowed: "http:// or https://, a host and perhaps a port, such as https://chat.example.com",
    }),
);
const DATA_DIR: Key<FilePath> = key("server.data_dir", "./data", FilePath);
const STORE: Key<Choice<StoreKind>> =
    key("server.store", "embedded", Choice(&[("embedded", StoreKind::Embedded), ("cql", StoreKind::Cql)]));
const NO_DEMO: Key<Switch> = key("server.no_demo", "false", Switch);
const CREDENTIALS_FILE: Key<Maybe<FilePath>> = key("server.credentials_file", "", Maybe(FilePath));
const WORKERS: Key<Whole<u32>> = key("server.workers", "0", Whole { min: 0, max: 1_024 });
const SHARDS: Key<PowerOfTwo> = key("server.shards", "1024", PowerOfTwo { min: 256, max: 4_096 });
const DRAIN_TIMEOUT: Key<super::kind::Span> = key("server.drain_timeout", "30s", span(0, 3_600_000));
const DRAIN_RATE: Key<Whole<u32>> = key("server.drain_rate", "500", Whole { min: 1, max: 1_000_000 });
const KEEP_ALIVE: Key<super::kind::Span> = key("server.keep_alive", "75s", span(1_000, 3_600_000));
const TRUSTED_PROXIES: Key<Maybe<ListOf<Network>>> =
    key("server.trusted_proxies", "", Maybe(ListOf(Network)));
const TLS_CERT: Key<Maybe<FilePath>> = key("tls.cert", "", Maybe(FilePath));
const TLS_KEY: Key<Maybe<FilePath>> = key("tls.key", "", Maybe(FilePath));
const NODE_LISTEN: Key<Maybe<Address>> = key("node.listen", "", Maybe(Address));
const NODE_ADVERTISE: Key<Maybe<Text>> = key(
    "node.advertise",
    "",
    Maybe(Text { accepts: text::is_host_and_port, allowed: "a host and a port, such as node1.example:7000" }),
);
/// How the names of nodes' admin sockets begin.
const NODE_SOCKET: &str = "admin-";
const NODE_SUSPECT_AFTER: Key<super::kind::Span> = key("node.suspect_after", "3s", span(500, 60_000));
const NODE_REBALANCE_AFTER: Key<super::kind::Span> = key("node.rebalance_after", "60s", span(0, 86_400_000));
const NODE_SHOWN_TO: Key<Whole<i64>> = key("node.shown_to", "0", Whole { min: 0, max: i64::MAX });
const NODE_NAME: Key<Maybe<Text>> = key(
    "node.name",
    "",
    Maybe(Text {
        accepts: text::is_node_name,
        allowed: "1 to 63 letters, digits, dots, dashes or underscores",
    }),
);

/// Which store holds the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Files of this machine.
    Embedded,
    /// ScyllaDB or another CQL server with lightweight transactions.
    Cql,
}

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    /// Where HTTP and websockets are served. Default 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// Scheme, host and port under which clients reach the server, where that is not `listen` (behind a load
    /// balancer). It is the server's own origin for customers' cookies. Default: none, `listen` is it.
    pub public_url: Option<String>,
    /// Folder of the embedded store, the admin socket and the demo credentials. Default `./data`.
    pub data_dir: PathBuf,
    /// Default embedded.
    pub store: StoreKind,
    /// Makes no demo license on an empty data dir. Default false.
    pub no_demo: bool,
    /// Where the demo credentials are written. Default: `demo-credentials.json` in the data dir.
    pub credentials_file: Option<PathBuf>,
    /// Threads that serve; none for one a core (setting 0, the default).
    pub workers: Option<usize>,
    /// Into how many parts the chats are divided among the nodes; fixed with the first start. Default 1024.
    pub shards: u32,
    /// How long a stop waits for what is in flight. Too short and requests are cut. Default 30 s.
    pub drain_timeout: Duration,
    /// Sessions that a stop tells to come back in a second; more where a third of `drain_timeout` would not do for all.
    /// Too many, and the other nodes have all of them at their doors at once. Default 500.
    pub drain_rate: u32,
    /// How long a connection without a request is kept for the next one. Shorter than a load balancer keeps its own, and
    /// requests meet a connection that is being closed. Default 75 s: most balancers' is 60 s.
    pub keep_alive: Duration,
    /// Load balancers whose `X-Forwarded-For` is believed. Default: nobody's, whoever connects is the client.
    pub trusted_proxies: Vec<IpNet>,
}

/// `[tls]`
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// `[node]`
#[derive(Clone, Debug)]
pub struct Node {
    /// Where other nodes reach this one; none for a free port of the loopback address, which nodes of this machine
    /// reach. A node on an embedded store stands alone and listens nowhere.
    pub listen: Option<SocketAddr>,
    /// Where others are told to reach it, where that is not `listen`.
    pub advertise: Option<String>,
    /// Its name among them, the same when it is started again; none for that of the machine and `server.listen`'s port.
    pub name: Option<String>,
    /// Silence after which a node whose pings fail is voted out. Too short, and slow nodes lose their shards; too
    /// long, and chats of a dead node wait. Default 3 s.
    pub suspect_after: Duration,
    /// How long shares of shards must be unequal before shards are moved. Default 60 s.
    pub rebalance_after: Duration,
    /// The license whose administrators are the operators of the cluster: their console shows it. Default 0: none.
    pub shown_to: i64,
}

impl Server {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let workers = |workers: u32| if workers == 0 { None } else { usize::try_from(workers).ok() };
        Self {
            listen: reader.get(&LISTEN),
            public_url: reader.get(&PUBLIC_URL),
            data_dir: reader.get(&DATA_DIR),
            store: reader.get(&STORE),
            no_demo: reader.get(&NO_DEMO),
            credentials_file: reader.get(&CREDENTIALS_FILE),
            workers: workers(reader.get(&WORKERS)),
            shards: reader.get(&SHARDS),
            drain_timeout: reader.get(&DRAIN_TIMEOUT),
            drain_rate: reader.get(&DRAIN_RATE),
            keep_alive: reader.get(&KEEP_ALIVE),
            trusted_proxies: reader.get(&TRUSTED_PROXIES).unwrap_or_default(),
        }
    }

    /// Where the admin socket of a server on this data dir is.
    pub fn admin_socket(&self) -> PathBuf {
        self.data_dir.join("admin.sock")
    }

    /// Where that of a node of a cluster is: nodes of one machine may share a data dir.
    pub fn node_socket(&self, node: &str) -> PathBuf {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let name: String = node.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        self.data_dir.join(format!("{NODE_SOCKET}{name}.sock"))
    }

    /// The sockets of nodes on this data dir, whether or not they run.
    pub fn node_sockets(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(&self.data_dir).into_iter().flatten().flatten();
        let sockets = files.filter(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with(NODE_SOCKET) && name.ends_with(".sock")
        });
        let mut paths: Vec<PathBuf> = sockets.map(|file| file.path()).collect();
        paths.sort();
        paths
    }

    /// Where the demo credentials are written.
    pub fn demo_credentials(&self) -> PathBuf {
        self.credentials_file.clone().unwrap_or_else(|| self.data_dir.join("demo-credentials.json"))
    }
}

impl TlsFiles {
    /// Both files, or none.
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        match (reader.get(&TLS_CERT), reader.get(&TLS_KEY)) {
            (Some(cert), Some(key)) => Some(Self { cert, key }),
            (None, None) => None,
            (Some(_), None) => {
                reader.clash("tls.cert", "goes together with tls.key, which is not set");
                None
            }
            (None, Some(_)) => {
                reader.clash("tls.key", "goes together with tls.cert, which is not set");
                None
            }
        }
    }
}

impl Node {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            listen: reader.get(&NODE_LISTEN),
            advertise: reader.get(&NODE_ADVERTISE),
            name: reader.get(&NODE_NAME),
            suspect_after: reader.get(&NODE_SUSPECT_AFTER),
            rebalance_after: reader.get(&NODE_REBALANCE_AFTER),
            shown_to: reader.get(&NODE_SHOWN_TO),
        }
    }
}
