//! The server killed under load, and the server and the database both, on the CQL store.

use std::time::Duration;

use switchboard::store::cql::CqlStore;
use switchboard::store::{Health, Store};
use tokio::runtime::Runtime;

use super::{open, options};
use crate::cassandra::Node;
use crate::child::Role;
use crate::kill::{Acknowledged, Load, check};

#[test]
fn what_was_acknowledged_survives_the_server_killed_and_both_killed() {
    let runtime = Runtime::new().expect("a runtime");
    let mut node = Node::start_alone();
    let options = options(vec![node.contact_point()]);
    let store = runtime.block_on(open(&options));
    let folder = tempfile::tempdir().expect("a scratch folder");
    let place = format!("{} {}", node.contact_point(), options.keyspace);
    std::fs::write(folder.path().join("place"), place).expect("the file that names the store");

    let mut acknowledged = Acknowledged::new();
    for round in 0..4 {
        let before = acknowledged.len();
        let mut load = Load::start(Role::LoadCql, folder.path());
        load.hear(300 + round * 200, &mut acknowledged);
        let both = round == 2;
        if both {
            node.kill();
        }
        load.kill(&mut acknowledged);
        if both {
            node.start();
            runtime.block_on(recovery(&store));
        }
        assert!(acknowledged.len() > before, "round {round} acknowledged nothing");
        runtime.block_on(check(&store, &acknowledged, round));
    }
    println!("4 kills, one of them of both, {} acknowledged rows, all there", acknowledged.len());
    // Every restart of the server took every shard over, which is all the conditional writes there were.
    let shards = runtime.block_on(async { (&store as &dyn Store).shards().await }).expect("shards");
    assert_eq!(shards.len(), 256);
    // Nothing is left of the server anywhere: what it unpacked lies in its own folder, and that goes.
    let unpacked = node.temporary();
    assert!(std::fs::read_dir(&unpacked).expect("a folder").next().is_some(), "Java uses another folder");
    drop(node);
    assert!(!unpacked.exists());
}

async fn recovery(store: &CqlStore) {
    let began = tokio::time::Instant::now();
    while let Err(error) = store.check().await {
        assert!(began.elapsed() < Duration::from_secs(120), "it did not recover: {error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
