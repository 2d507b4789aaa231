//! Who owns the shards when a server dies, is frozen, or leaves.

use rustix::process::Signal;

use crate::harness::{Cluster, until};

/// Every node has at least so many of 256 shards when three share them.
const FAIR: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn shards_move_when_servers_come_die_freeze_and_leave() {
    let cluster = Cluster::new().await;
    let a = cluster.start("a").await;
    let b = cluster.start("b").await;
    let mut c = cluster.start("c").await;
    cluster.until_owned_by(&[&a, &b, &c], FAIR).await;

    // Killed: the others notice and take everything.
    c.signal(Signal::KILL);
    c.ended().await;
    cluster.until_owned_by(&[&a, &b], FAIR).await;

    // Started again under its name: it gets its share.
    let mut c = cluster.start("c").await;
    cluster.until_owned_by(&[&a, &b, &c], FAIR).await;

    // Frozen: relieved of its shards. Thawed: it goes on as another run, with a share.
    let former = cluster.runs("b").await;
    b.signal(Signal::STOP);
    cluster.until_owned_by(&[&a, &c], FAIR).await;
    b.signal(Signal::CONT);
    until("b is another run", async || {
        let runs = cluster.runs("b").await;
        runs.len() == 1 && runs != former
    })
    .await;
    cluster.until_owned_by(&[&a, &b, &c], FAIR).await;

    // Told to leave: it hands over, and is gone from the record of the living before it ends.
    c.signal(Signal::TERM);
    assert!(c.ended().await, "it ended well");
    assert!(cluster.runs("c").await.is_empty());
    cluster.until_owned_by(&[&a, &b], FAIR).await;
}
