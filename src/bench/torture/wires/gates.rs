//! Gates: each node is reached by its peers through one of its own, and what passes there knows who called whom. A cut
//! connection stands still, as in a network that drops packets, and goes on when the cut is over.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Cut;
use crate::bench::error::BenchError;

/// Bytes that a gate reads at once.
const CHUNK: usize = 16 * 1024;

type Cuts = HashSet<Cut>;

/// All gates.
#[derive(Clone)]
pub(super) struct Gates {
    cuts: watch::Sender<Cuts>,
    /// The process of each node, by its number.
    processes: Arc<Mutex<Vec<Option<u32>>>>,
}

impl Gates {
    /// Gates of so many nodes, all open.
    pub(super) fn new(nodes: usize) -> Self {
        Self { cuts: watch::Sender::default(), processes: Arc::new(Mutex::new(vec![None; nodes])) }
    }

    /// Opens the gate before a node. Gives the port that peers have to use.
    pub(super) async fn open(&self, node: usize, port: u16) -> Result<u16, BenchError> {
        let gate = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = gate.local_addr()?.port();
        let gates = self.clone();
        tokio::spawn(async move {
            // Ends with the runtime.
            while let Ok((caller, from)) = gate.accept().await {
                tokio::spawn(gates.clone().join(caller, from, node, port));
            }
        });
        Ok(own)
    }

    /// Which process a node is now.
    pub(super) fn is_process(&self, node: usize, id: Option<u32>) {
        self.processes.lock()[node] = id;
    }

    /// From now on neither side of any of these pairs hears anything on the connections that the first made to the second.
    pub(super) fn cut(&self, pairs: &[Cut]) {
        self.cuts.send_modify(|cuts| cuts.extend(pairs.iter().copied()));
    }

    /// Everybody reaches everybody again.
    pub(super) fn heal(&self) {
        self.cuts.send_modify(Cuts::clear);
    }

    async fn join(self, caller: TcpStream, from: SocketAddr, node: usize, port: u16) {
        let processes = self.processes.lock().clone();
        let is_of = |id: &Option<u32>| id.is_some_and(|id| owns(id, from.port()));
        // Who ended meanwhile needs no connection.
        let Some(who) = processes.iter().position(is_of) else { return };
        let mut cuts = self.cuts.subscribe();
        let is_open = |cuts: &Cuts| !cuts.contains(&(who, node));
        if cuts.wait_for(is_open).await.is_err() {
            return;
        }
        let Ok(called) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        let (from_caller, to_caller) = caller.into_split();
        let (from_called, to_called) = called.into_split();
        tokio::join!(
            pass(from_caller, to_called, self.cuts.subscribe(), is_open),
            pass(from_called, to_caller, self.cuts.subscribe(), is_open),
        );
    }
}

/// Hands on what one side says, for as long as both are there.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut cuts: watch::Receiver<Cuts>,
    is_open: impl Fn(&Cuts) -> bool,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let Ok(length) = from.read(&mut chunk).await else { return };
        if length == 0 || cuts.wait_for(|cuts| is_open(cuts)).await.is_err() {
            return;
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

/// Whether a process has the socket of this machine's own port, by what the kernel tells under `/proc`.
fn owns(process: u32, port: u16) -> bool {
    let table = std::fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap_or_default();
    let local = format!(":{port:04X}");
    let socket = table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1).is_some_and(|address| address.ends_with(&local));
        is_it.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
    });
    let (Some(socket), Ok(open)) = (socket, std::fs::read_dir(format!("/proc/{process}/fd"))) else {
        return false;
    };
    open.flatten()
        .any(|file| std::fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == socket.as_str()))
}
