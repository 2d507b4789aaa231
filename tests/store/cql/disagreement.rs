//! Database nodes that do not have the same schema: what one was told, the other never heard.
//!
//! Nodes of one cluster come to agree too soon for a test. So there are two that do not know each other, and one of them
//! is made to name the other as its peer: the driver finds both, and asks each for its schema, as it would in a cluster.

use std::net::{IpAddr, SocketAddr};

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use switchboard::store::cql::{CqlStore, OpenError, migrate};
use uuid::Uuid;

use super::{open, options};
use crate::cassandra::{Cluster, Node};

async fn session(node: &Node) -> Session {
    SessionBuilder::new().known_node(node.contact_point()).build().await.expect("a session")
}

fn address(node: &Node) -> IpAddr {
    node.contact_point().parse::<SocketAddr>().expect("an address").ip()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_agree_about_the_schema_are_waited_for_then_named() {
    let cluster = tokio::task::spawn_blocking(Cluster::start_two_apart).await.expect("two nodes");
    let [one, other] = &cluster.nodes[..] else { panic!("two nodes") };
    let options = options(vec![one.contact_point()]);
    open(&options).await;

    let (to_one, to_other) = (session(one).await, session(other).await);
    let host = to_other.query_unpaged("SELECT host_id FROM system.local", ()).await.expect("an answer");
    let (host,) = host.into_rows_result().expect("rows").first_row::<(Uuid,)>().expect("its id");
    let peer = "INSERT INTO system.peers (peer, host_id, rpc_address, data_center, rack, tokens) \
                VALUES (?, ?, ?, 'datacenter1', 'rack1', {'0'})";
    to_one.query_unpaged(peer, (address(other), host, address(other))).await.expect("a peer");
    let both = session(one).await;
    assert_eq!(both.check_schema_agreement().await.expect("two answers"), None, "their schemas differ");

    let (opened, migrated) = tokio::join!(CqlStore::open(&options), migrate(&options, Uuid::new_v4()));
    for refused in [opened.expect_err("no store"), migrated.expect_err("no migration")] {
        assert!(matches!(refused, OpenError::Disagreement(_)), "{refused:?}");
        assert!(refused.to_string().contains("do not agree about the schema"), "{refused}");
        assert!(refused.may_pass(), "a server goes on trying");
    }

    let gone = "DELETE FROM system.peers WHERE peer = ?";
    to_one.query_unpaged(gone, (address(other),)).await.expect("no peer");
    CqlStore::open_when_reachable(&options, |_| {}).await.expect("a store once those that are left agree");
}
