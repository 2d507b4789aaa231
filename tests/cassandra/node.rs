//! Nodes of Cassandra as child processes.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uuid::Uuid;

use super::jars;

const EXPORTS: [&str; 8] = [
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.rmi/sun.rmi.transport.tcp",
];

const OPENS: [&str; 17] = [
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.lang",
    "java.base/java.math",
    "java.base/java.lang.reflect",
    "java.base/java.net",
];

/// Connections have ports from 32768 on, as Linux comes (`net.ipv4.ip_local_port_range`).
const PORTS: Range<u16> = 10_000..32_768;

/// How long a node may take to its first answer. Slow machines that build at the same time need most of it.
const START: Duration = Duration::from_secs(240);

/// Where a node listens.
#[derive(Clone, Debug)]
struct Place {
    address: String,
    native_port: u16,
    storage_port: u16,
    jmx_port: u16,
    token: i64,
    seed: String,
    cluster_size: usize,
}

/// A node. Dropping it ends its process.
pub(crate) struct Node {
    place: Place,
    folder: PathBuf,
    running: Option<Running>,
    /// Removed with the node, unless a cluster holds the folder.
    _scratch: Option<TempDir>,
    /// Takes clients by TLS and with a password only.
    secured: bool,
}

/// The role that a secured node has, and its password.
pub(crate) const ROLE: (&str, &str) = ("cassandra", "cassandra");
/// Guards the key store of a secured node.
const STORE_PASSWORD: &str = "switchboard";

struct Running {
    shell: Child,
    /// Held open for as long as the node shall run.
    stdin: ChildStdin,
    pid: i32,
    /// None if it had ended before that could be read.
    started: Option<u64>,
}

impl Running {
    fn of(shell: Child, stdin: ChildStdin, pid: i32) -> Self {
        Self { shell, stdin, pid, started: state_and_start(pid).map(|(_, started)| started) }
    }

    /// An ended process leaves its id to others, so it is known by its start as well. Its command line would not do: while a
    /// process becomes another program, what is read of that can end anywhere.
    fn has_ended(&self) -> bool {
        let Some((state, started)) = state_and_start(self.pid) else { return true };
        Some(started) != self.started || matches!(state, 'Z' | 'X')
    }
}

/// What a process does (`man 5 proc`, `state`) and when it began, in clock ticks since the machine did.
fn state_and_start(pid: i32) -> Option<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before can hold anything.
    let mut fields = stat.rsplit(") ").next()?.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

impl Node {
    /// Starts a single node on free ports of the loopback address.
    pub(crate) fn start_alone() -> Self {
        Self::start_one(false)
    }

    /// The same, with TLS and passwords: clients log in as [`ROLE`], which is there soon after the first start, and believe
    /// [`Node::authority`].
    pub(crate) fn start_secured() -> Self {
        Self::start_one(true)
    }

    fn start_one(secured: bool) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let [native_port, storage_port, jmx_port] = free_ports("127.0.0.1");
        let place = Place {
            address: "127.0.0.1".to_owned(),
            native_port,
            storage_port,
            jmx_port,
            token: 0,
            seed: format!("127.0.0.1:{storage_port}"),
            cluster_size: 1,
        };
        let folder = scratch.path().join("node");
        fs::create_dir_all(&folder).expect("a folder");
        let mut node = Self { place, folder, running: None, _scratch: Some(scratch), secured };
        if secured {
            node.make_key();
        }
        node.start();
        node
    }

    /// `host:port` for clients.
    pub(crate) fn contact_point(&self) -> String {
        format!("{}:{}", self.place.address, self.place.native_port)
    }

    /// The certificate of a secured node, PEM.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("database.pem")
    }

    fn key_store(&self) -> PathBuf {
        self.folder.join("database.p12")
    }

    /// Makes the key of a secured node by the tool that comes with Java.
    fn make_key(&self) {
        let (store, authority) = (self.key_store(), self.authority());
        let (store, authority) = (store.to_str().expect("a path"), authority.to_str().expect("a path"));
        let make = "-genkeypair -keyalg EC -groupname secp256r1 -validity 30 -dname CN=localhost \
                    -ext SAN=IP:127.0.0.1,DNS:localhost";
        let export = format!("-exportcert -rfc -file {authority}");
        for arguments in [make, &export] {
            let said = Command::new(jars::java().with_file_name("keytool"))
                .args(arguments.split_whitespace())
                .args(["-alias", "database", "-storetype", "PKCS12", "-keystore", store])
                .args(["-storepass", STORE_PASSWORD])
                .output()
                .expect("keytool, which comes with Java");
            assert!(said.status.success(), "keytool: {}", String::from_utf8_lossy(&said.stdout));
        }
    }

    /// Whether it was started and not killed.
    pub(crate) fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.has_ended())
    }

    /// The process, while it runs.
    pub(crate) fn process_id(&self) -> Option<i32> {
        self.running.as_ref().map(|running| running.pid)
    }

    /// Starts the process and waits until it takes clients.
    pub(crate) fn start(&mut self) {
        assert!(self.running.is_none(), "the node runs already");
        self.write_settings();
        self.running = Some(self.spawn());
        self.wait_for_clients();
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.signal(libc::SIGKILL);
        let Running { mut shell, mut stdin, .. } = self.running.take().expect("a running node");
        // What it has stored is for its next start, or goes with its scratch folder.
        stdin.write_all(b"keep\n").expect("a shell that waits");
        drop(stdin);
        shell.wait().expect("the end of the node");
    }

    /// SIGSTOP: connections stay, answers do not come. Waits until every thread stands still: a busy machine takes its time.
    pub(crate) fn freeze(&self) {
        self.signal(libc::SIGSTOP);
        let began = Instant::now();
        while !self.stands_still() {
            assert!(began.elapsed() < START, "the node does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn stands_still(&self) -> bool {
        let pid = self.running.as_ref().expect("a running node").pid;
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a running node");
        threads.filter_map(Result::ok).all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.is_empty() || stat.rsplit(") ").next().is_some_and(|state| state.starts_with(['T', 'Z']))
        })
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        let running = self.running.as_ref().expect("a running node");
        assert!(!running.has_ended(), "the node ended by itself:\n{}", tail(&self.log(), 40));
        let pid = running.pid;
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {signal} to {pid}");
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Where Java and its libraries put what they need for a while. They unpack native code there at each start, and who is
    /// killed removes nothing.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    fn write_settings(&self) {
        let conf = self.folder.join("conf");
        for folder in [&conf, &self.temporary()] {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(conf.join("cassandra.yaml"), self.settings()).expect("the settings");
        fs::write(conf.join("logback.xml"), LOGBACK).expect("the settings of the log");
    }

    fn settings(&self) -> String {
        let Place { address, native_port, storage_port, seed, .. } = &self.place;
        let folder = self.folder.display();
        let authenticator = if self.secured { "PasswordAuthenticator" } else { "AllowAllAuthenticator" };
        let encryption = match self.secured {
            true => format!(
                "client_encryption_options: {{enabled: true, optional: false, keystore: '{}', \
                 keystore_password: '{STORE_PASSWORD}', store_type: PKCS12, require_client_auth: false}}",
                self.key_store().display()
            ),
            false => String::new(),
        };
        format!(
            "cluster_name: switchboard-tests
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
auto_bootstrap: false
commitlog_sync: batch
commitlog_segment_size: 8MiB
commitlog_total_space: 128MiB
commitlog_directory: {folder}/commitlog
data_file_directories: [{folder}/data]
saved_caches_directory: {folder}/saved_caches
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc_raw
listen_address: {address}
rpc_address: {address}
native_transport_port: {native_port}
storage_port: {storage_port}
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: '{seed}'}}]
authenticator: {authenticator}
{encryption}
authorizer: AllowAllAuthorizer
role_manager: CassandraRoleManager
memtable_heap_space: 64MiB
key_cache_size: 8MiB
file_cache_size: 64MiB
networking_cache_size: 32MiB
concurrent_reads: 8
concurrent_writes: 8
auto_snapshot: false
"
        )
    }

    fn spawn(&self) -> Running {
        let conf = self.folder.join("conf");
        let jars = jars::folder();
        let temporary = self.temporary().display().to_string();
        let property = |name: &str, value: &str| format!("-D{name}={value}");
        let mut java = Command::new("sh");
        // The process id goes out first. Then the shell waits for a word, or for the end of its stdin, and ends the node, if that
        // is still what has the id. Without the word nobody is left who would remove the node's folder, and the one around it. A
        // signal to all of them at once is for the tests, not for the two.
        java.arg("-c")
            .arg(
                "trap '' INT TERM HUP; folder=$0; \"$@\" </dev/null >\"$folder/log\" 2>&1 & node=$!; echo $node; read -r word; \
                 grep -q CassandraDaemon /proc/$node/cmdline && kill -9 $node; wait $node; \
                 [ \"$word\" = keep ] || { rm -rf \"$folder\"; rmdir \"${folder%/*}\"; }",
            )
            .arg(&self.folder)
            .arg(jars::java())
            .args(["-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=256m"])
            .args(EXPORTS.map(|name| format!("--add-exports={name}=ALL-UNNAMED")))
            .args(OPENS.map(|name| format!("--add-opens={name}=ALL-UNNAMED")))
            .arg("--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED")
            .arg("--add-exports=java.sql/java.sql=ALL-UNNAMED")
            .arg(property("cassandra.config", &format!("file://{}", conf.join("cassandra.yaml").display())))
            .arg(property("cassandra.storagedir", &self.folder.display().to_string()))
            .arg(property("logback.configurationFile", &conf.join("logback.xml").display().to_string()))
            .args(["java.io.tmpdir", "jna.tmpdir"].map(|name| property(name, &temporary)))
            .arg("-XX:-UsePerfData")
            .arg(property("jdk.attach.allowAttachSelf", "true"))
            .arg(property("cassandra.skip_wait_for_gossip_to_settle", "0"))
            .arg(property("cassandra.ring_delay_ms", if self.place.cluster_size > 1 { "2000" } else { "0" }))
            .arg(property("cassandra.consistent.rangemovement", "false"))
            .arg(property("cassandra.initial_token", &self.place.token.to_string()))
            .arg(property("cassandra.jmx.local.port", &self.place.jmx_port.to_string()))
            .arg(property("cassandra.available_processors", "2"))
            .arg(property("cassandra.superuser_setup_delay_ms", "0"))
            .arg("-cp")
            .arg(format!("{}:{}/*", conf.display(), jars.display()))
            .arg("org.apache.cassandra.service.CassandraDaemon")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut shell = java.spawn().expect("a shell");
        let stdin = shell.stdin.take().expect("a piped stdin");
        let mut first = String::new();
        let stdout = shell.stdout.take().expect("a piped stdout");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut first).expect("a process id");
        let pid = first.trim().parse().expect("a process id");
        Running::of(shell, stdin, pid)
    }

    /// Waits until the node answers an OPTIONS frame of the native protocol, not just until its port is open.
    fn wait_for_clients(&self) {
        let began = Instant::now();
        let address: SocketAddr = self.contact_point().parse().expect("an address");
        // A secured node answers no plain frames; like any other it opens the port when all else is done.
        let is_open = || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
        while !(if self.secured { is_open() } else { answers(address) }) {
            let ended = self.running.as_ref().expect("a running node").has_ended();
            let said = || tail(&self.log(), 40);
            assert!(!ended, "Cassandra ended at its start:\n{}", said());
            assert!(began.elapsed() < START, "Cassandra takes no clients after {START:?}:\n{}", said());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.running.as_ref().is_some_and(|running| !running.has_ended()) {
            // A frozen one is thawed by SIGKILL as well.
            self.kill();
        }
    }
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let options_frame = [4, 0, 0, 0, 5, 0, 0, 0, 0];
    let mut supported = [0; 9];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.write_all(&options_frame).is_ok()
        && std::io::Read::read_exact(&mut stream, &mut supported).is_ok()
        && supported[4] == 6
}

fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Ports that nobody listens on now, below those that the system gives out by itself: a node opens them seconds later, and by then
/// a connection of somebody else must not have one. All are held open until all are found, so that they differ.
fn free_ports<const N: usize>(address: &str) -> [u16; N] {
    let listeners = [(); N].map(|()| {
        let chosen = || PORTS.start + (Uuid::new_v4().as_u128() % PORTS.len() as u128) as u16;
        let mut tries = (0..1_000).map(|_| TcpListener::bind((address, chosen())));
        tries.find_map(Result::ok).expect("a free port")
    });
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

/// Several nodes, each on a loopback address of its own.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    _scratch: TempDir,
}

impl Cluster {
    /// Starts three nodes of one cluster, one after another.
    pub(crate) fn start_three() -> Self {
        let tokens = [i64::MIN, -3_074_457_345_618_258_603, 3_074_457_345_618_258_602];
        Self::start(&["127.0.0.11", "127.0.0.12", "127.0.0.13"], &tokens, |_| "127.0.0.11")
    }

    /// Starts two nodes that do not know each other.
    pub(crate) fn start_two_apart() -> Self {
        Self::start(&["127.0.0.21", "127.0.0.22"], &[i64::MIN, 0], |address| address)
    }

    fn start(addresses: &[&'static str], tokens: &[i64], seed: fn(&'static str) -> &'static str) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        // The same ports on every address: nodes find each other by the storage port, drivers by the native one.
        let [native_port, storage_port] = free_ports(addresses[0]);
        let mut nodes = Vec::new();
        for (&address, &token) in addresses.iter().zip(tokens) {
            let [jmx_port] = free_ports("127.0.0.1");
            let place = Place {
                address: address.to_owned(),
                native_port,
                storage_port,
                jmx_port,
                token,
                seed: format!("{}:{storage_port}", seed(address)),
                cluster_size: addresses.len(),
            };
            let folder = scratch.path().join(address);
            fs::create_dir_all(&folder).expect("a folder");
            let mut node = Node { place, folder, running: None, _scratch: None, secured: false };
            node.start();
            nodes.push(node);
        }
        Self { nodes, _scratch: scratch }
    }

    /// `host:port` of every node.
    pub(crate) fn contact_points(&self) -> Vec<String> {
        self.nodes.iter().map(Node::contact_point).collect()
    }
}

const LOGBACK: &str = r#"<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{ISO8601} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
"#;
