//! The nodes as processes, what can be done to them, and the door that clients come through.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::options::TortureArgs;
use super::wires::Wires;
use crate::bench::child::{free_port, variable, without_own_settings};
use crate::bench::error::BenchError;
use crate::bench::options::ENDLESS_THREADS;
use crate::bench::target::Credentials;

/// A node may take this long until it is ready, on a machine that others use too.
const START: Duration = Duration::from_secs(120);
/// And this long to leave in order.
const END: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a command is tried again, and the pause before.
const ATTEMPTS: u32 = 5;
const ATTEMPT_PAUSE: Duration = Duration::from_secs(2);

/// One node of the cluster: a process, or the place where one was.
struct Node {
    name: String,
    port: u16,
    peer_port: u16,
    /// Where peers reach it: its own port, or the gate before it that a partition closes.
    gate: u16,
    folder: PathBuf,
    child: Option<Child>,
}

/// All nodes, and HAProxy if clients come through it. Dropping it ends the processes.
pub(super) struct Fleet {
    program: PathBuf,
    contact_points: String,
    keyspace: String,
    settings: Vec<(String, String)>,
    nodes: Vec<Node>,
    door: Option<(Child, u16)>,
    /// The connections between the nodes.
    pub(super) wires: Wires,
    /// Nodes that ended although nobody told them to; a thawed one may, since it was declared dead.
    pub(super) ended_by_themselves: u64,
}

impl Fleet {
    /// Makes the keyspace and a license, and starts the nodes.
    pub(super) async fn start(
        program: &Path,
        args: &TortureArgs,
        folder: &Path,
        keyspace: String,
    ) -> Result<(Self, Credentials), BenchError> {
        let wires = match args.nftables {
            true => Wires::in_kernel(args.nodes.into(), format!("switchboard_{keyspace}")).await?,
            false => Wires::with_gates(args.nodes.into()),
        };
        let mut fleet = Self {
            program: program.to_owned(),
            contact_points: args.contact_points.join(","),
            keyspace,
            settings: settings(args),
            nodes: Vec::new(),
            door: None,
            wires,
            ended_by_themselves: 0,
        };
        fleet.operate(folder, &["migrate"]).await?;
        let file = folder.join("credentials.json");
        let (agents, path) = (args.chats.to_string(), file.to_string_lossy().into_owned());
        let create = ["license", "create", "--loopback", "--agents", &agents, "--credentials-file", &path];
        fleet.operate(folder, &create).await?;
        for number in 1..=args.nodes {
            let peer_port = free_port()?;
            let node = Node {
                name: format!("node-{number}"),
                port: free_port()?,
                peer_port,
                gate: fleet.wires.open(fleet.nodes.len(), peer_port).await?,
                folder: folder.join(format!("node-{number}")),
                child: None,
            };
            std::fs::create_dir_all(&node.folder).map_err(BenchError::file(&node.folder))?;
            fleet.nodes.push(node);
        }
        for number in 0..fleet.nodes.len() {
            fleet.launch(number)?;
        }
        fleet.wait_until_ready().await?;
        if args.haproxy {
            fleet.open_door(folder, args.chats).await?;
        }
        Ok((fleet, Credentials::read(&file)?))
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The name of a node.
    pub(super) fn name(&self, number: usize) -> &str {
        &self.nodes[number].name
    }

    /// Where clients go.
    pub(super) fn urls(&self) -> Vec<String> {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        match &self.door {
            Some((_, port)) => vec![url(*port)],
            None => self.nodes.iter().map(|node| url(node.port)).collect(),
        }
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        without_own_settings(&mut command);
        command
            .env("SWITCHBOARD_STORE", "cql")
            .env("SWITCHBOARD_CQL_CONTACT_POINTS", &self.contact_points)
            .env("SWITCHBOARD_CQL_KEYSPACE", &self.keyspace)
            .env("SWITCHBOARD_DATA_DIR", folder)
            .env("NO_COLOR", "1")
            .current_dir(folder)
            .stdin(Stdio::null());
        for (key, value) in &self.settings {
            command.env(variable(key), value);
        }
        command
    }

    /// Runs a command of an operator, again if it fails: a database that has just been started may be slow at first.
    async fn operate(&self, folder: &Path, line: &[&str]) -> Result<(), BenchError> {
        let mut attempts = 1..=ATTEMPTS;
        loop {
            let done = self.command(folder).args(line).output().await?;
            if done.status.success() {
                return Ok(());
            }
            if attempts.next().is_none() {
                let said = String::from_utf8_lossy(&done.stderr);
                return Err(BenchError::Start(format!("{}: {said}", line.join(" "))));
            }
            tokio::time::sleep(ATTEMPT_PAUSE).await;
        }
    }

    /// Starts the process of a node that has none.
    pub(super) fn launch(&mut self, number: usize) -> Result<(), BenchError> {
        let node = &self.nodes[number];
        let path = node.folder.join("log");
        let log = File::options().create(true).append(true).open(&path).map_err(BenchError::file(&path))?;
        let mut command = self.command(&node.folder);
        command
            .args(["serve", "--no-demo", "--node-name", &node.name])
            .args(["--listen", &format!("127.0.0.1:{}", node.port)])
            .args(["--node-listen", &format!("127.0.0.1:{}", node.peer_port)])
            .args(["--node-advertise", &format!("127.0.0.1:{}", node.gate)])
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        self.wires.prepare(number, &mut command);
        let child = command.spawn()?;
        self.wires.is_process(number, child.id());
        self.nodes[number].child = Some(child);
        Ok(())
    }

    /// Sends a signal to a node's process, if there is one.
    pub(super) fn signal(&self, number: usize, signal: Signal) -> Result<(), BenchError> {
        match self.nodes[number].child.as_ref().and_then(Child::id) {
            Some(id) => send(id, signal),
            None => Ok(()),
        }
    }

    /// Waits until the process of a node is gone.
    pub(super) async fn ended(&mut self, number: usize) -> Result<ExitStatus, BenchError> {
        let node = &mut self.nodes[number];
        let Some(mut child) = node.child.take() else {
            return Err(BenchError::Start(format!("{} does not run", node.name)));
        };
        match tokio::time::timeout(END, child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => Err(BenchError::Start(format!("{} did not end in {END:?}", node.name))),
        }
    }

    /// Has a node give all its shards away, as an operator would, and waits until they are gone. Gives their number.
    pub(super) async fn give_away(&self, number: usize) -> Result<u64, BenchError> {
        let node = &self.nodes[number];
        let shards = async || figure(node.port, "switchboard_cluster_shards").await;
        let before = shards().await?;
        self.operate(&node.folder, &["cluster", "drain", &node.name]).await?;
        let until = Instant::now() + END;
        while shards().await? > 0 {
            if Instant::now() > until {
                return Err(BenchError::Start(format!(
                    "{} did not give its shards away in {END:?}",
                    node.name
                )));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(before)
    }

    /// Ends a node in order, and starts it again.
    pub(super) async fn restart(&mut self, number: usize) -> Result<(), BenchError> {
        self.signal(number, Signal::TERM)?;
        let status = self.ended(number).await?;
        if !status.success() {
            return Err(BenchError::Start(format!("{} ended with {status}", self.name(number))));
        }
        self.wait_until_ready().await
    }

    /// Starts again what ended by itself, as an operator's supervisor would.
    pub(super) fn supervise(&mut self) -> Result<(), BenchError> {
        for number in 0..self.nodes.len() {
            let ended = match &mut self.nodes[number].child {
                Some(child) => child.try_wait()?.is_some(),
                None => true,
            };
            if ended {
                self.ended_by_themselves += u64::from(self.nodes[number].child.is_some());
                self.launch(number)?;
            }
        }
        Ok(())
    }

    /// Waits until every node takes traffic, and starts again those that ended.
    pub(super) async fn wait_until_ready(&mut self) -> Result<(), BenchError> {
        let until = Instant::now() + START;
        loop {
            self.supervise()?;
            let mut waiting = Vec::new();
            for node in &self.nodes {
                if !is_ready(node.port).await {
                    waiting.push(format!("{}: {}", node.name, end_of(&node.folder.join("log"))));
                }
            }
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(BenchError::Start(format!("not ready in {START:?}: {}", waiting.join("\n"))));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn open_door(&mut self, folder: &Path, chats: u32) -> Result<(), BenchError> {
        let port = free_port()?;
        let servers: String = self
            .nodes
            .iter()
            .map(|node| format!("    server {} 127.0.0.1:{}\n", node.name, node.port))
            .collect();
        let path = folder.join("haproxy.cfg");
        std::fs::write(&path, door(port, chats) + &servers).map_err(BenchError::file(&path))?;
        let log = File::create(folder.join("haproxy.log"))?;
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&path).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.kill_on_drop(true).spawn().map_err(BenchError::file("haproxy"))?;
        let until = Instant::now() + START;
        while !is_ready(port).await {
            if Instant::now() > until || child.try_wait()?.is_some() {
                let said = end_of(&folder.join("haproxy.log"));
                return Err(BenchError::Start(format!("HAProxy has no node: {said}")));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.door = Some((child, port));
        Ok(())
    }
}

/// HAProxy's configuration, as in `docs/cluster.md`: no stickiness, a look at `/readyz` each second. The nodes follow.
fn door(port: u16, chats: u32) -> String {
    // Two sides a chat, who may leave a connection behind and make another.
    let connections = chats * 4 + 256;
    format!(
        "\
global
    maxconn {connections}
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    default-server check inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
frontend clients
    bind 127.0.0.1:{port}
    default_backend nodes
backend nodes
    balance roundrobin
    option httpchk GET /readyz
    http-check disable-on-404
    option redispatch
    option forwardfor
    retries 2
"
    )
}

/// What the nodes have beside the defaults: agents come back later than people would wait, and keep their chats; a node that
/// came back has its share again before the next fault.
fn settings(args: &TortureArgs) -> Vec<(String, String)> {
    let ours = [
        ("cql.replication_factor", args.replication_factor.to_string()),
        ("node.rebalance_after", "1s".to_owned()),
        ("routing.agent_disconnect_grace", "10m".to_owned()),
        ("routing.restart_grace", "10m".to_owned()),
        ("limits.session_rate", "off".to_owned()),
        ("limits.connect_rate", "off".to_owned()),
        ("limits.ip_login_rate", "off".to_owned()),
        ("limits.ip_unauthorized_sessions", "0".to_owned()),
    ];
    let ours = ours.into_iter().chain(ENDLESS_THREADS.map(|(key, value)| (key, value.to_owned())));
    let ours = ours.map(|(key, value)| (key.to_owned(), value));
    ours.chain(args.settings.clone()).collect()
}

/// Sends a signal to a process.
pub(super) fn send(id: u32, signal: Signal) -> Result<(), BenchError> {
    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
        return Err(BenchError::Usage("a process id is a positive number"));
    };
    Ok(kill_process(pid, signal).map_err(std::io::Error::from)?)
}

async fn is_ready(port: u16) -> bool {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build();
    let Ok(client) = client else { return false };
    let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// A figure of a node's `/metrics`.
async fn figure(port: u16, name: &str) -> Result<u64, BenchError> {
    let answer = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await;
    let text = match answer {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    };
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.ok_or_else(|| BenchError::Start(format!("/metrics has no {name}")))
}

/// The last lines of a log.
fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.reverse();
    lines.join("\n")
}
