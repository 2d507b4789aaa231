//! The processes of the CQL store, as far as they may be disturbed. They are somebody else's: one that was killed is started
//! again as the kernel says that it was started before, and ends with this program.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::fleet::send;
use crate::bench::error::BenchError;

/// With fewer processes, or copies, the store is away while one of them is.
const QUORUM_OF: usize = 3;
/// A process of the store may take this long until it takes clients.
const START: Duration = Duration::from_secs(240);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The store.
pub(super) struct Database {
    contact_points: Vec<String>,
    processes: Vec<Process>,
    outlives_one: bool,
    folder: PathBuf,
}

struct Process {
    id: u32,
    /// It was started here.
    child: Option<Child>,
}

/// How a process was started.
struct Start {
    program: PathBuf,
    line: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
}

impl Start {
    fn of(id: u32) -> Result<Self, BenchError> {
        let place = |file: &str| PathBuf::from(format!("/proc/{id}/{file}"));
        let parts = |file: &str| {
            let bytes = std::fs::read(place(file)).map_err(BenchError::file(&place(file)))?;
            let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
            Ok::<_, BenchError>(parts.map(|part| OsStr::from_bytes(part).to_owned()).collect::<Vec<_>>())
        };
        let link = |file: &str| std::fs::read_link(place(file)).map_err(BenchError::file(&place(file)));
        let variable = |part: OsString| {
            let at = part.as_bytes().iter().position(|byte| *byte == b'=')?;
            let (key, value) = part.as_bytes().split_at(at);
            Some((OsStr::from_bytes(key).to_owned(), OsStr::from_bytes(&value[1..]).to_owned()))
        };
        Ok(Self {
            program: link("exe")?,
            line: parts("cmdline")?,
            environment: parts("environ")?.into_iter().filter_map(variable).collect(),
            folder: link("cwd")?,
        })
    }

    fn again(&self, log: &Path) -> Result<Child, BenchError> {
        let log = File::options().create(true).append(true).open(log).map_err(BenchError::file(log))?;
        let mut command = Command::new(&self.program);
        command
            .args(self.line.iter().skip(1))
            .env_clear()
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        Ok(command.spawn()?)
    }
}

impl Database {
    /// The store's processes of these ids, which hold so many copies.
    pub(super) fn new(ids: &[u32], contact_points: &[String], copies: u32, folder: &Path) -> Self {
        Self {
            contact_points: contact_points.to_vec(),
            processes: ids.iter().map(|id| Process { id: *id, child: None }).collect(),
            outlives_one: ids.len() >= QUORUM_OF && copies as usize >= QUORUM_OF,
            folder: folder.to_owned(),
        }
    }

    /// How many processes may be disturbed.
    pub(super) fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether a quorum is left when one process is away: then nobody may feel that.
    pub(super) fn outlives_one(&self) -> bool {
        self.outlives_one
    }

    /// Sends a signal to a process.
    pub(super) fn signal(&self, number: usize, signal: Signal) -> Result<(), BenchError> {
        send(self.processes[number].id, signal)
    }

    /// SIGKILL; after a while the process is started again, and takes clients when this ends.
    pub(super) async fn kill(&mut self, number: usize, away: Duration) -> Result<(), BenchError> {
        let log = self.folder.join(format!("store-{number}.log"));
        let process = &mut self.processes[number];
        let start = Start::of(process.id)?;
        send(process.id, Signal::KILL)?;
        match &mut process.child {
            Some(child) => drop(child.wait().await?),
            None => {
                while is_there(process.id) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
        tokio::time::sleep(away).await;
        let child = start.again(&log)?;
        process.id = child.id().ok_or_else(|| BenchError::Start(format!("see {}", log.display())))?;
        process.child = Some(child);
        self.until_whole(number, &log).await
    }

    /// Waits until every contact point takes clients.
    async fn until_whole(&mut self, number: usize, log: &Path) -> Result<(), BenchError> {
        let until = Instant::now() + START;
        for contact_point in &self.contact_points {
            while TcpStream::connect(contact_point.as_str()).await.is_err() {
                let ended = match &mut self.processes[number].child {
                    Some(child) => child.try_wait()?.is_some(),
                    None => false,
                };
                if ended || Instant::now() > until {
                    let log = log.display();
                    return Err(BenchError::Start(format!(
                        "a process of the store did not come back: {log}"
                    )));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }
}

/// Whether a process runs; one that nobody has buried does not.
fn is_there(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !(stat.is_empty() || state.starts_with(['Z', 'X']))
}
