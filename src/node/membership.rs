//! This node's place in its cluster: its name, its link to peers, how patient it is.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use switchboard_cluster::link::grpc::GrpcLink;
use switchboard_cluster::link::{NoPeers, Transport};
use switchboard_cluster::steward::Times;
use switchboard_cluster::{Incarnation, Node, NodeName, NodeOptions, ShardCount};
use tokio::runtime::Handle;

use super::NodeError;
use crate::actors::Actors;
use crate::clock::SystemClock;
use crate::config::{Config, StoreKind};
use crate::domain::id::IdSource as _;
use crate::domain::time::Clock as _;
use crate::id_source::OsIds;
use crate::observe::ClusterFigures;
use crate::store::Store;

/// Where a node on a CQL store is reached by others if nothing else is said: by those of the same machine.
const THIS_MACHINE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The longest that work for a shard may hold up its hand-over.
const VACATE_WITHIN: Duration = Duration::from_secs(2);

/// Joins the cluster of the store, alone on an embedded one. Everything of the cluster runs on `runtime`.
pub(super) async fn join(
    config: &Config,
    name: String,
    store: Arc<dyn Store>,
    runtime: &Handle,
) -> Result<Node, NodeError> {
    let options = options(config, name);
    let listen = match config.server.store {
        StoreKind::Embedded => None,
        StoreKind::Cql => Some(config.node.listen.unwrap_or(THIS_MACHINE)),
    };
    let advertise = config.node.advertise.clone();
    let joined = runtime.spawn(async move {
        let transport: Arc<dyn Transport> = match listen {
            None => Arc::new(NoPeers::default()),
            Some(listen) => GrpcLink::bind(listen, advertise).map_err(NodeError::NodeListen)?,
        };
        Node::start(store, transport, options).await.map_err(NodeError::Ownership)
    });
    match joined.await {
        Ok(joined) => joined,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn options(config: &Config, name: String) -> NodeOptions {
    let times = Times::of_suspicion(config.node.suspect_after);
    // Nobody else can change the tables of an embedded store.
    let read_every = times.read_every.filter(|_| config.server.store == StoreKind::Cql);
    NodeOptions {
        node: NodeName::new(name),
        shards: ShardCount::new(config.server.shards).unwrap_or(ShardCount::DEFAULT),
        clock: Arc::new(|| SystemClock.now().0),
        fresh: Arc::new(|| Incarnation(OsIds.uuid())),
        times: Times { read_every, rebalance_after: config.node.rebalance_after, ..times },
        vacate_within: VACATE_WITHIN,
    }
}

/// The cluster's part of `/metrics`, read when it is asked for.
pub(super) fn figures(
    member: Node,
    actors: Arc<Actors>,
) -> impl Fn() -> ClusterFigures + Send + Sync + 'static {
    move || {
        let (ownership, counts) = (member.ownership(), member.counts());
        let (works_here, works_elsewhere) = actors.works();
        ClusterFigures {
            peers: ownership.peers().borrow().len() as u64,
            shards: ownership.owned().len() as u64,
            impaired: *ownership.impaired().borrow(),
            claims: counts.claims,
            hand_overs: counts.hand_overs,
            votes: counts.votes,
            fences: counts.fences,
            conditional_writes: counts.conditional_writes,
            rebirths: counts.rebirths,
            works_here,
            works_elsewhere,
        }
    }
}

/// The name that was set, else one that stays the same when the node is started again: that of the machine with the port
/// that clients use. An embedded store has one node.
pub(super) fn name(config: &Config) -> String {
    if let Some(name) = &config.node.name {
        return name.clone();
    }
    if config.server.store == StoreKind::Embedded {
        return "node".to_owned();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String =
        host.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).take(50).collect();
    let host = if host.is_empty() { "node".to_owned() } else { host };
    match config.server.listen.port() {
        // A free port is another one each time.
        0 => format!("{host}-{:08x}", OsIds.bits() as u32),
        port => format!("{host}-{port}"),
    }
}
