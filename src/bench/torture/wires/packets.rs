//! The kernel's packet filter: packets of a cut connection are dropped on their way in, as a network would.
//!
//! Every node's process is in a group of its own, by which a connection is marked when it is made; the mark says who called
//! whom. Needs root and the program `nft`.

use std::fmt::Write as _;
use std::process::{Command as StdCommand, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Cut;
use crate::bench::error::BenchError;

/// The groups of the nodes' processes, from this on. Nobody need be in them.
const FIRST_GROUP: u32 = 60_000;

/// A table of the packet filter. Dropping this removes it.
pub(super) struct Packets {
    table: String,
    nodes: usize,
}

impl Packets {
    /// A table of this name, in which nothing is cut.
    pub(super) async fn new(table: String, nodes: usize) -> Result<Self, BenchError> {
        let made = format!(
            "table inet {table} {{
                set cut {{ type mark; }}
                chain out {{ type filter hook output priority 0; }}
                chain in {{ type filter hook input priority 0; ct mark @cut drop; }}
            }}"
        );
        nft(&made).await?;
        Ok(Self { table, nodes })
    }

    /// Marks connections to a node, which listens on this port.
    pub(super) async fn open(&self, node: usize, port: u16) -> Result<(), BenchError> {
        let mut rules = String::new();
        for caller in (0..self.nodes).filter(|caller| *caller != node) {
            let (table, group, mark) = (&self.table, Self::group(caller), mark((caller, node)));
            let rule = format!("ct state new meta skgid {group} tcp dport {port} ct mark set {mark}");
            let _infallible = writeln!(rules, "add rule inet {table} out {rule}");
        }
        nft(&rules).await
    }

    /// The group that a node's process is to be in.
    pub(super) fn group(node: usize) -> u32 {
        FIRST_GROUP + node as u32
    }

    pub(super) async fn cut(&self, pairs: &[Cut]) -> Result<(), BenchError> {
        let marks: Vec<String> = pairs.iter().map(|pair| mark(*pair).to_string()).collect();
        nft(&format!("add element inet {} cut {{ {} }}", self.table, marks.join(", "))).await
    }

    pub(super) async fn heal(&self) -> Result<(), BenchError> {
        nft(&format!("flush set inet {} cut", self.table)).await
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        let delete = ["delete", "table", "inet", &self.table];
        if !StdCommand::new("nft").args(delete).status().is_ok_and(|status| status.success()) {
            tracing::warn!(table = self.table, "a table of the packet filter stays behind");
        }
    }
}

fn mark((caller, called): Cut) -> u32 {
    (caller as u32 + 1) << 8 | (called as u32 + 1)
}

/// Has the packet filter do what a script says: all of it, or nothing.
async fn nft(script: &str) -> Result<(), BenchError> {
    let mut nft = Command::new("nft");
    nft.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = nft.spawn().map_err(BenchError::file("nft"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(script.as_bytes()).await?;
    }
    let done = child.wait_with_output().await?;
    if done.status.success() {
        return Ok(());
    }
    Err(BenchError::Start(format!("nft: {}", String::from_utf8_lossy(&done.stderr))))
}
