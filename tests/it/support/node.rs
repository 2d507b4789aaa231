//! The server as a child process.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use switchboard::store::Store;
use tokio::sync::OnceCell;

use super::LIMIT;
use super::license::TestLicense;
use super::prepare::{self, Plan, Prepared};

/// Licenses of the shared node; each test takes one.
const SHARED_LICENSES: u32 = 320;
/// Lines of the log that a failure prints.
const LOG_TAIL: usize = 60;

/// The node that most tests share. Each works in a license of its own.
pub(crate) async fn shared() -> &'static TestNode {
    static NODE: OnceCell<TestNode> = OnceCell::const_new();
    NODE.get_or_init(|| TestNode::with(&[], Plan { licenses: SHARED_LICENSES, ..Plan::default() })).await
}

/// Where a node is reached, also after a restart, and what it logged.
#[derive(Debug, Default)]
pub(crate) struct NodeLink {
    base: Mutex<String>,
    log: Mutex<VecDeque<String>>,
}

impl NodeLink {
    /// A way to the node over something else that listens there.
    pub(crate) fn by_way_of(base: String) -> Arc<Self> {
        Arc::new(Self { base: Mutex::new(base), ..Self::default() })
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn base(&self) -> String {
        self.base.lock().clone()
    }

    /// `ws://127.0.0.1:PORT`
    pub(crate) fn websocket_base(&self) -> String {
        self.base().replacen("http", "ws", 1)
    }

    /// The end of the server's log.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.log.lock();
        let skipped = log.len().saturating_sub(LOG_TAIL);
        log.iter().skip(skipped).map(|line| format!("    {line}\n")).collect()
    }

    /// The server's log, as far as it is kept.
    pub(crate) fn log(&self) -> String {
        self.log.lock().iter().map(|line| format!("{line}\n")).collect()
    }

    fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let link = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if let Some(base) = line.strip_prefix("listening on ") {
                    *link.base.lock() = base.trim().to_owned();
                }
                let mut log = link.log.lock();
                log.push_back(line);
                if log.len() > 2_000 {
                    log.pop_front();
                }
            }
        });
    }
}

/// A server of its own binary, on a free port, with a scratch data dir.
pub(crate) struct TestNode {
    link: Arc<NodeLink>,
    data_dir: PathBuf,
    settings: Vec<(String, String)>,
    running: Mutex<Option<Running>>,
    licenses: Vec<Prepared>,
    taken: AtomicUsize,
    // Last: it removes the folder.
    folder: tempfile::TempDir,
}

struct Running {
    child: Child,
    /// Kills the child when this process is gone, however it ended: its standard input closes.
    guard: Child,
}

impl TestNode {
    /// A node with these settings (dotted keys) and four licenses.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        Self::with(settings, Plan::default()).await
    }

    /// A node with these settings and these licenses.
    pub(crate) async fn with(settings: &[(&str, &str)], plan: Plan) -> Self {
        let node = Self::unlaunched_with(settings, plan).await;
        node.launch().await;
        node
    }

    /// The same, but it does not run yet.
    pub(crate) async fn unlaunched_with(settings: &[(&str, &str)], plan: Plan) -> Self {
        let folder = scratch();
        let licenses = prepare::licenses(prepare::embedded(&folder.path().join("data/store")), &plan).await;
        Self::unlaunched(settings, licenses, folder)
    }

    /// A node that does not run yet, whose settings name another store than the embedded one; that store is given to have
    /// the licenses written into it.
    pub(crate) async fn over(store: Arc<dyn Store>, settings: &[(&str, &str)], plan: Plan) -> Self {
        let licenses = prepare::licenses(store, &plan).await;
        Self::unlaunched(settings, licenses, scratch())
    }

    fn unlaunched(settings: &[(&str, &str)], licenses: Vec<Prepared>, folder: tempfile::TempDir) -> Self {
        install_crypto();
        let data_dir = folder.path().join("data");
        Self {
            link: Arc::default(),
            data_dir,
            settings: settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            running: Mutex::new(None),
            licenses,
            taken: AtomicUsize::new(0),
            folder,
        }
    }

    /// Changes a setting for the next launch.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Where it is reached.
    pub(crate) fn link(&self) -> &Arc<NodeLink> {
        &self.link
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn base(&self) -> String {
        self.link.base()
    }

    /// Its data dir.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The server's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.running.lock().as_ref().map(|running| running.child.id()).expect("the node runs")
    }

    /// A license that no other test has.
    pub(crate) fn license(&self) -> TestLicense {
        let next = self.taken.fetch_add(1, Ordering::Relaxed);
        let prepared = self.licenses.get(next).expect("the node has a license left: raise Plan.licenses");
        TestLicense::new(self.link.clone(), prepared.clone())
    }

    /// SIGKILL, and waits for the end.
    pub(crate) async fn kill(&self) {
        self.signal("KILL");
        self.ended().await;
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn terminate(&self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Starts the server again on the same data dir, on another port. Existing licenses follow.
    pub(crate) async fn launch(&self) {
        self.launch_unready();
        self.ready().await;
    }

    /// Starts the process.
    pub(crate) fn launch_unready(&self) {
        assert!(self.running.lock().is_none(), "the node runs already");
        self.link.base.lock().clear();
        let running = self.spawn();
        *self.running.lock() = Some(running);
    }

    /// Waits until the server takes clients.
    pub(crate) async fn ready(&self) {
        let started = Instant::now();
        // Tests of TLS make their certificates themselves.
        let client = reqwest::Client::builder().danger_accept_invalid_certs(true).build().expect("a client");
        loop {
            let base = self.link.base();
            if !base.is_empty()
                && let Ok(answer) = client.get(format!("{base}/readyz")).send().await
                && answer.status().is_success()
            {
                return;
            }
            let ended = match &mut *self.running.lock() {
                Some(running) => running.child.try_wait().expect("a child can be asked"),
                None => None,
            };
            let status = match ended {
                Some(status) => format!("it ended with {status}"),
                None => format!("listening on {base:?}, not ready"),
            };
            let late = started.elapsed() > LIMIT || ended.is_some();
            assert!(!late, "the server did not start: {status}\n{}", self.link.log_tail());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Runs a command of the operator on this server, which has to succeed; says what it printed.
    pub(crate) async fn operates(&self, line: &[&str]) -> String {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.envs(self.settings.iter().map(|(key, value)| (variable(key), value)));
        let output = command.args(line).arg("--data-dir").arg(&self.data_dir).output().await;
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} was not sent");
    }

    /// Waits until the process is gone.
    pub(crate) async fn ended(&self) -> ExitStatus {
        let started = Instant::now();
        loop {
            let status = match &mut *self.running.lock() {
                Some(running) => running.child.try_wait().expect("a child can be asked"),
                None => panic!("the node does not run"),
            };
            if let Some(status) = status {
                if let Some(running) = self.running.lock().take() {
                    running.release();
                }
                return status;
            }
            let late = started.elapsed() > LIMIT;
            assert!(!late, "the server did not end\n{}", self.link.log_tail());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    fn spawn(&self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SWITCHBOARD_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.folder.path())
            .env("SWITCHBOARD_LISTEN", "127.0.0.1:0")
            .env("SWITCHBOARD_DATA_DIR", &self.data_dir)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (key, value) in &self.settings {
            command.env(variable(key), value);
        }
        let mut child = command.spawn().expect("the server starts");
        self.link.follow(child.stdout.take().expect("piped"));
        self.link.follow(child.stderr.take().expect("piped"));
        let guard = guard(child.id(), &self.data_dir, self.folder.path());
        Running { child, guard }
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.lock().take() {
            drop(running.child.kill());
            drop(running.child.wait());
            running.release();
        }
    }
}

impl Running {
    /// The child is gone: so may its guard.
    fn release(mut self) {
        if let Some(mut input) = self.guard.stdin.take() {
            drop(input.write_all(b"done\n"));
        }
        drop(self.guard.wait());
    }
}

/// A shell that reads until this process is gone. Told `done`, it leaves; else it ends the server and removes its
/// folder, after a look that the process is still that server.
fn guard(pid: u32, data_dir: &Path, folder: &Path) -> Child {
    let script = r#"read said; [ "$said" = done ] && exit 0
        grep -qa "$2" "/proc/$1/environ" && kill -9 "$1"; sleep 1; rm -rf "$3""#;
    Command::new("sh")
        .args(["-c", script, "guard", &pid.to_string()])
        .args([data_dir, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell starts")
}

/// The environment variable of a setting: those of `server` that are flags drop the section.
pub(crate) fn variable(key: &str) -> String {
    let key = match key {
        "server.no_demo" => "no_demo",
        "server.data_dir" => "data_dir",
        "server.listen" => "listen",
        "server.store" => "store",
        "server.credentials_file" => "credentials_file",
        key => key,
    };
    format!("SWITCHBOARD_{}", key.to_ascii_uppercase().replace('.', "_"))
}

fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("switchboard-it-").tempdir().expect("a scratch folder")
}

/// One provider for the TLS of all clients.
pub(crate) fn install_crypto() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
