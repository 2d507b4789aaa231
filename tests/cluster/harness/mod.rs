//! Servers as child processes on one keyspace of the shared Cassandra, and a look into the tables that decide.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use switchboard_cluster::ShardCount;
use switchboard_cluster::shard::shard_of;
use tempfile::TempDir;
use uuid::Uuid;

use crate::cassandra;
use crate::reserved::Reserved;

/// Shards of these clusters: the fewest that are allowed.
pub(crate) const SHARDS: usize = 256;
/// How long a condition may take; slow machines that build at the same time need most of it.
pub(crate) const LONG: Duration = Duration::from_secs(180);

/// A keyspace with servers on it.
pub(crate) struct Cluster {
    pub(crate) session: Session,
    keyspace: String,
    contact_point: String,
    folder: TempDir,
}

/// A server. Dropping it kills its process.
pub(crate) struct Server {
    pub(crate) name: String,
    /// `http://host:port` for clients.
    pub(crate) url: String,
    child: Child,
    _port: Reserved,
}

impl Cluster {
    /// A fresh keyspace, migrated.
    pub(crate) async fn new() -> Self {
        // The HTTP client asks for one even where it speaks no TLS; another test may have installed it.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let contact_point = cassandra::contact_point().to_owned();
        let keyspace = format!("c{}", Uuid::new_v4().simple());
        let folder = tempfile::tempdir().expect("a scratch folder");
        let mut migrate = switchboard(folder.path(), &contact_point, &keyspace);
        let status = migrate.arg("migrate").status().expect("the program");
        assert!(status.success(), "the schema could not be made");
        let session = SessionBuilder::new().known_node(&contact_point).build().await.expect("a session");
        session.use_keyspace(&keyspace, false).await.expect("the keyspace");
        Self { session, keyspace, contact_point, folder }
    }

    /// Starts a server and waits until it takes clients.
    pub(crate) async fn start(&self, name: &str) -> Server {
        self.start_with(name, &[]).await
    }

    /// The same, with settings of its own, by their variables.
    pub(crate) async fn start_with(&self, name: &str, settings: &[(&str, &str)]) -> Server {
        let port = Reserved::new();
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("a log");
        let mut serve = switchboard(&folder, &self.contact_point, &self.keyspace);
        serve
            .envs(settings.iter().copied())
            .args(["serve", "--no-demo", "--node-name", name, "--listen", &port.address()])
            .stdout(Stdio::null())
            .stderr(log);
        let child = serve.spawn().expect("the program");
        let url = format!("http://{}", port.address());
        let server = Server { name: name.to_owned(), url, child, _port: port };
        let url = format!("{}/readyz", server.url);
        until(&format!("{name} is ready; its log: {}", folder.join("log").display()), async || {
            reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        server
    }

    /// The end of a server's log.
    pub(crate) fn log(&self, name: &str) -> String {
        let log = std::fs::read_to_string(self.folder.path().join(name).join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(90)..].join("\n")
    }

    /// Carries out a command of the operator that makes something, and gives the credentials that it wrote.
    pub(crate) async fn operates(&self, command: &[&str]) -> serde_json::Value {
        let file = self.folder.path().join("credentials.json");
        let mut operate = switchboard(self.folder.path(), &self.contact_point, &self.keyspace);
        let status =
            operate.args(command).arg("--credentials-file").arg(&file).status().expect("the program");
        assert!(status.success(), "{command:?} failed");
        serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON")
    }

    /// Runs a command beside a server: what it prints, or why it failed.
    pub(crate) fn orders(&self, beside: &Server, command: &[&str]) -> Result<String, String> {
        let folder = self.folder.path().join(&beside.name);
        let mut order = switchboard(&folder, &self.contact_point, &self.keyspace);
        let done = order.args(command).output().expect("the program");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    /// By node name, how many shards its living runs own; under the empty name those whose owner is dead.
    pub(crate) async fn shares(&self) -> BTreeMap<String, usize> {
        let mut names: BTreeMap<Uuid, String> = BTreeMap::new();
        for (run, node, fenced) in
            self.rows::<(Uuid, String, bool)>("SELECT incarnation, node, fenced FROM incarnations").await
        {
            if !fenced {
                names.insert(run, node);
            }
        }
        let mut shares = BTreeMap::new();
        for (owner,) in self.rows::<(Uuid,)>("SELECT owner FROM shards").await {
            *shares.entry(names.get(&owner).cloned().unwrap_or_default()).or_default() += 1;
        }
        shares
    }

    /// The node that has a chat of a license, or its router (which has an empty name).
    pub(crate) async fn owner(&self, license: &serde_json::Value, chat: &str) -> String {
        let license = license["license_id"].as_i64().expect("a number");
        let count = ShardCount::new(SHARDS as u32).expect("a power of two");
        let shard = shard_of(license, chat, count).0;
        let owners = self.rows::<(Uuid,)>(&format!("SELECT owner FROM shards WHERE shard = {shard}")).await;
        let (owner,) = owners[0];
        let names = self
            .rows::<(String,)>(&format!("SELECT node FROM incarnations WHERE incarnation = {owner}"))
            .await;
        names[0].0.clone()
    }

    /// The living runs of a node.
    pub(crate) async fn runs(&self, name: &str) -> Vec<Uuid> {
        let rows =
            self.rows::<(Uuid, String, bool)>("SELECT incarnation, node, fenced FROM incarnations").await;
        rows.into_iter().filter(|(_, node, fenced)| node == name && !fenced).map(|(run, ..)| run).collect()
    }

    /// Waits until these nodes, and nobody else, own all shards, each at least `least`.
    pub(crate) async fn until_owned_by(&self, nodes: &[&Server], least: usize) {
        let mut wanted: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        wanted.sort_unstable();
        until(&format!("{wanted:?} own all shards"), async || {
            let shares = self.shares().await;
            let owners: Vec<&str> = shares.keys().map(String::as_str).collect();
            owners == wanted
                && shares.values().sum::<usize>() == SHARDS
                && shares.values().all(|share| *share >= least)
        })
        .await;
    }

    async fn rows<R>(&self, query: &str) -> Vec<R>
    where
        R: for<'f, 'm> scylla::deserialize::row::DeserializeRow<'f, 'm>,
    {
        let result = self.session.query_unpaged(query, ()).await.expect("an answer");
        let rows = result.into_rows_result().expect("rows");
        rows.rows::<R>().expect("the columns").map(|row| row.expect("a row")).collect()
    }
}

impl Server {
    /// SIGKILL, SIGSTOP, SIGCONT, SIGTERM …
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    /// Waits for the end of the process, and says whether it ended well.
    pub(crate) async fn ended(&mut self) -> bool {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status.success();
            }
            assert!(began.elapsed() < LONG, "{} does not end", self.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that has ended already is no fault; a frozen one dies as well.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < LONG, "never: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn switchboard(folder: &Path, contact_point: &str, keyspace: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command
        .current_dir(folder)
        .env("SWITCHBOARD_STORE", "cql")
        .env("SWITCHBOARD_CQL_CONTACT_POINTS", contact_point)
        .env("SWITCHBOARD_CQL_KEYSPACE", keyspace)
        .env("SWITCHBOARD_CQL_REPLICATION_FACTOR", "1")
        .env("SWITCHBOARD_SERVER_SHARDS", SHARDS.to_string())
        .env("SWITCHBOARD_NODE_REBALANCE_AFTER", "1s")
        .env("SWITCHBOARD_RTM_CUSTOMER_LEFT_AFTER", "1s")
        // A client that does something else for as long as that takes answers no pings.
        .env("SWITCHBOARD_RTM_IDLE_TIMEOUT", "10m")
        .stdin(Stdio::null());
    command
}
