//! The command line of `switchboard torture`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::fault::Fault;

/// `switchboard torture`: a cluster of real processes under load, whose nodes are killed, frozen and drained.
#[derive(Args, Clone, Debug)]
pub struct TortureArgs {
    /// Machines of the CQL store, parted by commas; a keyspace of its own is made there, and stays
    #[arg(
        long,
        value_name = "HOSTS",
        value_delimiter = ',',
        default_value = "127.0.0.1:9042",
        env = "SWITCHBOARD_TORTURE_CQL"
    )]
    pub(super) contact_points: Vec<String>,
    /// Copies of the data in that store
    #[arg(long, default_value_t = 1)]
    pub(super) replication_factor: u32,
    /// Nodes of the cluster
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=16))]
    pub(super) nodes: u16,
    /// Chats, each with an agent and a customer who talk at the same time
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub(super) chats: u32,
    /// How long faults go on
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Milliseconds that a side waits on average before it says its next message: at 0 they talk as fast as they are
    /// answered, and the machine is as busy as it can be
    #[arg(long, value_name = "MS", default_value_t = 0)]
    think: u64,
    /// Seconds of peace between two faults
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    calm: u64,
    /// Chooses the faults; the same seed gives the same order [default: by chance]
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Kinds of faults [default: all that can be done]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) faults: Vec<Fault>,
    /// Clients come through HAProxy (the program `haproxy` has to be there), not to a node each in turn
    #[arg(long)]
    pub(super) haproxy: bool,
    /// Partitions are made by the kernel's packet filter, not by gates between the nodes (needs root, and the program `nft`)
    #[arg(long)]
    pub(super) nftables: bool,
    /// Processes of the CQL store that may be frozen for some seconds, one at a time. If there are three or more, with as
    /// many copies, one may also be killed; it is started again as it was, and then ends with this program
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(super) store_pids: Vec<u32>,
    /// Setting of the nodes, as chat.passivate_after=1s
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = crate::bench::options::setting)]
    pub(super) settings: Vec<(String, String)>,
    /// Where the nodes' folders are made [default: the system's folder for such]
    #[arg(long, value_name = "DIR")]
    pub(super) scratch: Option<PathBuf>,
    /// Keep the nodes' folders, with their logs
    #[arg(long)]
    pub(super) keep: bool,
}

impl TortureArgs {
    /// How long faults go on.
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How long nothing is inflicted between two faults.
    pub(super) fn calm(&self) -> Duration {
        Duration::from_secs(self.calm)
    }

    /// How long a side waits on average before it says its next message.
    pub(super) fn think(&self) -> Duration {
        Duration::from_millis(self.think)
    }
}
