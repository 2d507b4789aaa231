//! `switchboard cluster status|drain|rebalance`

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use comfy_table::{Table, presets};
use switchboard_cluster::node::{MemberStatus, NodeStatus};

use super::args::ClusterCommand;
use super::print;
use crate::admin::{Client, ClientError, ClusterOrder, Operation, Outcome};
use crate::config::Config;
use crate::domain::time::Timestamp;

/// Why the cluster was not asked.
#[derive(Debug, thiserror::Error)]
enum ClusterError {
    /// The system gives us no threads or timers.
    #[error("the command cannot be started")]
    Runtime(#[source] io::Error),
    /// Nobody listens.
    #[error("no server runs on {0}: run this where a node runs, with the --data-dir of that node")]
    NoServer(String),
    /// The node says no.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Runs `switchboard cluster …`.
pub(super) fn run(config: &Config, command: ClusterCommand) -> Result<(), Box<dyn Error>> {
    let (order, json) = match command {
        ClusterCommand::Status(flags) => (ClusterOrder::Status, flags.json),
        ClusterCommand::Drain(drain) => (ClusterOrder::Drain(drain.node), drain.flags.json),
        ClusterCommand::Rebalance(flags) => (ClusterOrder::Rebalance, flags.json),
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ClusterError::Runtime)?;
    let outcome = runtime.block_on(ask(config, order))?;
    let Outcome::Cluster(status) = outcome else { return Ok(()) };
    let text = if json { serde_json::to_string_pretty(&status)? + "\n" } else { told(&status) };
    Ok(print::result(&text)?)
}

/// Asks the first node of this data dir that listens.
async fn ask(config: &Config, order: ClusterOrder) -> Result<Outcome, ClusterError> {
    let server = &config.server;
    for socket in [server.admin_socket()].into_iter().chain(server.node_sockets()) {
        if let Some(mut node) = Client::connect(&socket).await {
            return Ok(node.execute(&Operation::Cluster(order)).await?);
        }
    }
    Err(ClusterError::NoServer(server.data_dir.display().to_string()))
}

fn told(status: &NodeStatus) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["NODE", "RUN", "ADDRESS", "SHARDS", "NEWEST EPOCH", "STATE", "HEARD"]);
    for member in &status.members {
        let epoch = match member.newest_epoch {
            0 => "-".to_owned(),
            epoch => print::moment(Timestamp(epoch)),
        };
        let address = if member.address.is_empty() { "-" } else { &member.address };
        table.add_row([
            member.node.clone(),
            member.incarnation.chars().take(8).collect(),
            address.to_owned(),
            member.shards.to_string(),
            epoch,
            state(status, member).to_owned(),
            member.silent_ms.map_or_else(|| "this node".to_owned(), |ms| format!("{ms} ms ago")),
        ]);
    }
    let mut text = format!("{}\n\n", table.trim_fmt());
    let NodeStatus { shards, unowned, moves, counts, .. } = status;
    let _ = writeln!(
        text,
        "{shards} shards, {unowned} without a living owner, {} on their way from this node",
        moves.len()
    );
    let _ = writeln!(
        text,
        "this node so far: {} claims, {} hand-overs, {} votes, {} fences, {} conditional writes, fenced {} times",
        counts.claims,
        counts.hand_overs,
        counts.votes,
        counts.fences,
        counts.conditional_writes,
        counts.rebirths
    );
    text
}

fn state(status: &NodeStatus, member: &MemberStatus) -> &'static str {
    match (member.suspect, member.draining, status.impaired && member.silent_ms.is_none()) {
        (true, ..) => "suspect",
        (_, _, true) => "no store",
        (_, true, _) => "draining",
        _ => "good",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_told_in_a_table() {
        let member = |node: &str, shards, draining, silent_ms| MemberStatus {
            node: node.to_owned(),
            incarnation: "0b7c3f6e-5f1d-4a0c-8e8e-6d7a0b9c1d2e".to_owned(),
            address: "10.0.0.1:7000".to_owned(),
            shards,
            newest_epoch: 1_795_235_696_000_000,
            draining,
            suspect: false,
            silent_ms,
        };
        let members = vec![member("a", 200, false, None), member("b", 50, true, Some(120))];
        let status = NodeStatus { shards: 256, unowned: 6, members, ..NodeStatus::default() };
        let text = told(&status);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let epoch = "2026-11-21T04:34:56Z";
        assert_eq!(lines[1], ["a", "0b7c3f6e", "10.0.0.1:7000", "200", epoch, "good", "this", "node"]);
        assert_eq!(lines[2], ["b", "0b7c3f6e", "10.0.0.1:7000", "50", epoch, "draining", "120", "ms", "ago"]);
        assert!(text.contains("256 shards, 6 without a living owner, 0 on their way"), "{text}");
    }
}
