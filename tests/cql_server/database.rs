//! The database of these tests, and servers on it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use switchboard::store::cql::{CqlOptions, CqlStore, Login, OpenError, Replication, migrate};
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use uuid::Uuid;

use crate::cassandra::{Node, ROLE};
use crate::support::{Plan, TestNode, eventually, install_crypto};

/// The keyspace that servers of these tests share.
const KEYSPACE: &str = "servers";

/// The database; whoever holds it may end it.
pub(crate) struct Database(Node);

/// Takes the database, running; waits until no other test has it.
pub(crate) async fn database() -> MutexGuard<'static, Database> {
    static DATABASE: OnceCell<Mutex<Database>> = OnceCell::const_new();
    let database = DATABASE.get_or_init(|| async {
        install_crypto();
        let node = tokio::task::spawn_blocking(Node::start_secured).await.expect("a database");
        let database = Database(node);
        eventually("the role of the database", async || {
            match migrate(&database.options(KEYSPACE), Uuid::new_v4()).await {
                Err(error @ OpenError::LoginRefused { .. }) => Err(error.to_string()),
                made => Ok(made.expect("a schema")),
            }
        })
        .await;
        Mutex::new(database)
    });
    let mut database = database.await.lock().await;
    // A test that failed may have left it so.
    match database.0.is_running() {
        true => database.0.thaw(),
        false => database.start(),
    }
    database
}

impl Database {
    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        tokio::task::block_in_place(|| self.0.kill());
    }

    /// Brings it back.
    pub(crate) fn start(&mut self) {
        tokio::task::block_in_place(|| self.0.start());
    }

    /// SIGSTOP: its connections stay, its answers do not come.
    pub(crate) fn freeze(&self) {
        self.0.freeze();
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.0.thaw();
    }

    /// The certificate that it is to be believed by.
    pub(crate) fn authority(&self) -> PathBuf {
        self.0.authority()
    }

    /// How a keyspace on it is reached.
    pub(crate) fn options(&self, keyspace: &str) -> CqlOptions {
        let mut roots = rustls::RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(self.authority()).expect("a certificate");
        roots.add(certificate).expect("an authority");
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        CqlOptions {
            replication: Replication { factor: 1, datacenter: None },
            login: Some(Login { user: ROLE.0.to_owned(), password: ROLE.1.to_owned() }),
            tls: Some(Arc::new(tls)),
            request_timeout: Duration::from_secs(10),
            ..CqlOptions::new(vec![self.0.contact_point()], keyspace)
        }
    }

    /// The same, as settings of a server or a command.
    pub(crate) fn settings(&self, keyspace: &str) -> Vec<(String, String)> {
        let authority = self.authority().display().to_string();
        [
            ("server.store", "cql"),
            ("cql.contact_points", &self.0.contact_point()),
            ("cql.keyspace", keyspace),
            ("cql.replication_factor", "1"),
            ("cql.user", ROLE.0),
            ("cql.password", ROLE.1),
            ("cql.tls_ca", &authority),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// A session of the bare driver.
    pub(crate) async fn session(&self) -> Session {
        let options = self.options("system");
        let session = SessionBuilder::new().known_nodes(&options.contact_points).user(ROLE.0, ROLE.1);
        session.tls_context(options.tls).build().await.expect("a session")
    }

    /// A server with these settings on top; it does not run yet.
    pub(crate) async fn server(&self, settings: &[(&str, &str)]) -> TestNode {
        let store = CqlStore::open(&self.options(KEYSPACE)).await.expect("a store");
        let of_database = self.settings(KEYSPACE);
        let all: Vec<(&str, &str)> = of_database
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .chain([
                ("server.shards", "256"),
                // One runs at a time, and each fences the one before.
                ("node.name", "server"),
                ("limits.session_rate", "off"),
                // Customers of these tests read nothing while a database starts, which takes as long as it takes.
                ("rtm.idle_timeout", "10m"),
                ("cql.reconnect_every", "300ms"),
            ])
            .chain(settings.iter().copied())
            .collect();
        TestNode::over(Arc::new(store), &all, Plan { licenses: 4, ..Plan::default() }).await
    }
}
