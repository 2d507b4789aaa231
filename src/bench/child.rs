//! Servers that the load generator starts for itself: the one under test on a scratch store, and the baseline.

use std::fs::File;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use uuid::Uuid;

use super::error::BenchError;
use super::target::{Credentials, Target};

/// A server may take this long to start.
const START: Duration = Duration::from_secs(60);
/// And this long to be gone once it was killed.
const END: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Connections have ports from 32768 on, as Linux comes (`net.ipv4.ip_local_port_range`).
const PORTS: Range<u16> = 10_000..32_768;

/// How to start a server for oneself.
#[derive(Clone, Debug)]
pub(super) struct SelfOptions {
    /// The binary.
    pub(super) program: PathBuf,
    /// Where scratch folders are made.
    pub(super) scratch: PathBuf,
    /// Settings as `section.key=value`.
    pub(super) settings: Vec<(String, String)>,
    /// Source addresses, if the command line says how many.
    pub(super) sources: Option<usize>,
}

/// A child process with a folder of its own. Dropping it ends the process and removes the folder.
pub(super) struct Server {
    child: Child,
    folder: PathBuf,
    pub(super) url: String,
}

impl Server {
    /// The process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Starts the server under test with a license of `agents` agents, and finds out how to log in.
    pub(super) async fn start(options: &SelfOptions, agents: usize) -> Result<(Self, Target), BenchError> {
        let folder = scratch_folder(&options.scratch)?;
        let credentials = folder.join("credentials.json");
        let data = folder.join("data");
        let mut create = Command::new(&options.program);
        create
            .args(["license", "create", "--loopback", "--agents", &agents.to_string(), "--credentials-file"])
            .arg(&credentials)
            .arg("--data-dir")
            .arg(&data);
        without_own_settings(&mut create);
        let made = create.stdin(Stdio::null()).output().await?;
        if !made.status.success() {
            return Err(BenchError::Start(String::from_utf8_lossy(&made.stderr).into_owned()));
        }
        let port = free_port()?;
        let mut command = Command::new(&options.program);
        command
            .args(["serve", "--no-demo", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(&data);
        without_own_settings(&mut command);
        for (key, value) in &options.settings {
            command.env(variable(key), value);
        }
        let server = Self::spawn(command, folder, port).await?;
        let target =
            Target::new(vec![server.url.clone()], Credentials::read(&credentials)?, options.sources)?;
        Ok((server, target))
    }

    /// Starts the baseline.
    pub(super) async fn start_relay(options: &SelfOptions) -> Result<(Self, Target), BenchError> {
        let folder = scratch_folder(&options.scratch)?;
        let port = free_port()?;
        let mut command = Command::new(&options.program);
        command.args(["bench", "relay-server", "--port", &port.to_string()]);
        let server = Self::spawn(command, folder, port).await?;
        let nobody = Credentials {
            base_url: server.url.clone(),
            organization_id: String::new(),
            client_id: String::new(),
            agents: Vec::new(),
        };
        let target = Target::new(vec![server.url.clone()], nobody, options.sources)?;
        Ok((server, target))
    }

    async fn spawn(mut command: Command, folder: PathBuf, port: u16) -> Result<Self, BenchError> {
        let log = folder.join("log");
        let output = File::create(&log).map_err(BenchError::file(&log))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        let child = command.spawn()?;
        let mut server = Self { child, folder, url: format!("http://127.0.0.1:{port}") };
        let ready = tokio::time::timeout(START, server.wait_until_ready()).await;
        match ready {
            Ok(Ok(())) => Ok(server),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(BenchError::Start(format!("not ready after {START:?}: {}", server.said()))),
        }
    }

    async fn wait_until_ready(&mut self) -> Result<(), BenchError> {
        let url = format!("{}/readyz", self.url);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(BenchError::Start(format!("it ended with {status}: {}", self.said())));
            }
            if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The end of what it wrote.
    fn said(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The store is scratch: nobody misses what an orderly end would have written.
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "the server had ended already");
        }
        // The folder can only go when nobody writes into it any more.
        let until = Instant::now() + END;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "a scratch folder stays behind");
        }
    }
}

/// `limits.session_rate` as the environment names it.
pub(super) fn variable(key: &str) -> String {
    format!("SWITCHBOARD_{}", key.replace('.', "_").to_uppercase())
}

/// What the operator set for their own server must not reach the scratch one.
pub(super) fn without_own_settings(command: &mut Command) {
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWITCHBOARD_"))
    {
        command.env_remove(name);
    }
}

fn scratch_folder(inside: &Path) -> Result<PathBuf, BenchError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = inside.join(format!("switchboard-bench-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(BenchError::file(&folder))?;
    Ok(folder)
}

/// True for a folder in memory, where an fsync costs nothing and figures say nothing.
pub(super) fn is_in_memory(folder: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    // The width of the field differs from system to system.
    rustix::fs::statfs(folder).is_ok_and(|system| system.f_type as u64 == TMPFS)
}

/// A port of the loopback address that nobody listens on now, and that no connection is given by the system: a server that dies and
/// is started again has to find it free.
pub(super) fn free_port() -> std::io::Result<u16> {
    let chosen = || PORTS.start + (Uuid::new_v4().as_u128() % PORTS.len() as u128) as u16;
    let mut tries = (0..1_000).map(|_| TcpListener::bind(("127.0.0.1", chosen())));
    let listener = tries.find_map(Result::ok).ok_or(std::io::ErrorKind::AddrInUse)?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_the_variable_that_the_server_reads() {
        assert_eq!(variable("rtm.pending_requests"), "SWITCHBOARD_RTM_PENDING_REQUESTS");
    }
}
