//! The connections between nodes, which a partition cuts: by the kernel's packet filter where it may be used, else by gates
//! between the nodes.

mod gates;
mod packets;

use tokio::process::Command;

use crate::bench::error::BenchError;
use gates::Gates;
use packets::Packets;

/// Who does not reach whom, by the numbers of the nodes: the caller, and who is called.
pub(super) type Cut = (usize, usize);

/// All connections between nodes.
pub(super) struct Wires(By);

enum By {
    Gates(Gates),
    Packets(Packets),
}

impl Wires {
    /// Between so many nodes, with gates.
    pub(super) fn with_gates(nodes: usize) -> Self {
        Self(By::Gates(Gates::new(nodes)))
    }

    /// The same by the packet filter, in a table of this name.
    pub(super) async fn in_kernel(nodes: usize, table: String) -> Result<Self, BenchError> {
        Ok(Self(By::Packets(Packets::new(table, nodes).await?)))
    }

    /// To a node that listens on a port. Gives the port that peers have to use.
    pub(super) async fn open(&self, node: usize, port: u16) -> Result<u16, BenchError> {
        match &self.0 {
            By::Gates(gates) => gates.open(node, port).await,
            By::Packets(packets) => packets.open(node, port).await.map(|()| port),
        }
    }

    /// Before a node's process is started.
    pub(super) fn prepare(&self, node: usize, command: &mut Command) {
        if matches!(self.0, By::Packets(_)) {
            command.gid(Packets::group(node));
        }
    }

    /// Which process a node is now.
    pub(super) fn is_process(&self, node: usize, id: Option<u32>) {
        if let By::Gates(gates) = &self.0 {
            gates.is_process(node, id);
        }
    }

    /// From now on neither side of any of these pairs hears anything on the connections that the first made to the second.
    pub(super) async fn cut(&self, pairs: &[Cut]) -> Result<(), BenchError> {
        match &self.0 {
            By::Gates(gates) => gates.cut(pairs),
            By::Packets(packets) => packets.cut(pairs).await?,
        }
        Ok(())
    }

    /// Everybody reaches everybody again.
    pub(super) async fn heal(&self) -> Result<(), BenchError> {
        match &self.0 {
            By::Gates(gates) => gates.heal(),
            By::Packets(packets) => packets.heal().await?,
        }
        Ok(())
    }
}
