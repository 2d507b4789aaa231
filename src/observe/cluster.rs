//! The node's part in its cluster, in figures.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// How things stand, and what the node has done since its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClusterFigures {
    /// Other nodes on record that are not fenced.
    pub peers: u64,
    /// Shards that this node owns.
    pub shards: u64,
    /// Whether it cannot reach the store.
    pub impaired: bool,
    /// Shards claimed from the dead.
    pub claims: u64,
    /// Shards handed to other nodes.
    pub hand_overs: u64,
    /// Votes put in or taken out.
    pub votes: u64,
    /// Fences made.
    pub fences: u64,
    /// Conditional writes to the tables of ownership.
    pub conditional_writes: u64,
    /// Times that this node was fenced and began anew.
    pub rebirths: u64,
    /// Pieces of work for chats that were asked for on this node, and done here.
    pub works_here: u64,
    /// The same, done on another node.
    pub works_elsewhere: u64,
}

/// Who tells them.
pub(super) type Source = Box<dyn Fn() -> ClusterFigures + Send + Sync>;

/// The figures at the moment that they are asked for; nothing until there is somebody to ask.
#[derive(Clone, Default)]
pub(super) struct ClusterCollector(pub(super) Arc<OnceLock<Source>>);

impl fmt::Debug for ClusterCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterCollector")
    }
}

impl Collector for ClusterCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(source) = self.0.get() else { return Ok(()) };
        let figures = source();
        let gauges = [
            ("cluster_peers", "Other nodes on record that are not fenced", figures.peers),
            ("cluster_shards", "Shards that this node owns", figures.shards),
            ("cluster_impaired", "1 while this node cannot reach the store", figures.impaired.into()),
        ];
        for (name, help, value) in gauges {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::<i64>::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)?;
        }
        let writes = "Conditional writes to the tables of ownership";
        let counters = [
            ("cluster_claims", "Shards claimed from the dead", figures.claims),
            ("cluster_hand_overs", "Shards handed to other nodes", figures.hand_overs),
            ("cluster_votes", "Votes on peers that seem dead, put in or taken out", figures.votes),
            ("cluster_fences", "Nodes declared dead by this one", figures.fences),
            ("cluster_conditional_writes", writes, figures.conditional_writes),
            ("cluster_rebirths", "Times that this node was fenced and began anew", figures.rebirths),
            ("cluster_works_here", "Work for chats asked for here and done here", figures.works_here),
            (
                "cluster_works_elsewhere",
                "Work for chats asked for here, done elsewhere",
                figures.works_elsewhere,
            ),
        ];
        for (name, help, value) in counters {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        Ok(())
    }
}
