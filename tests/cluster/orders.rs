//! `switchboard cluster`: what an operator sees, and moves.

use serde_json::Value;

use crate::harness::{Cluster, Server, until};

fn status(cluster: &Cluster, beside: &Server) -> Value {
    let text = cluster.orders(beside, &["cluster", "status", "--json"]).expect("a status");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_the_cluster_and_drains_a_node_by_way_of_another() {
    let cluster = Cluster::new().await;
    let a = cluster.start("a").await;
    let b = cluster.start("b").await;
    cluster.until_owned_by(&[&a, &b], 80).await;
    let seen = status(&cluster, &a);
    assert_eq!(seen["node"], "a");
    let members = seen["members"].as_array().expect("members");
    let names: Vec<&str> = members.iter().filter_map(|member| member["node"].as_str()).collect();
    assert!(names.len() == 2 && names.contains(&"a") && names.contains(&"b"), "{seen}");
    assert!(members.iter().all(|member| member["newest_epoch"].as_i64() > Some(0)), "{seen}");
    let table = cluster.orders(&b, &["cluster", "status"]).expect("a table");
    assert!(table.contains("256 shards"), "{table}");

    let refused = cluster.orders(&a, &["cluster", "drain", "nobody"]).expect_err("no such node");
    assert!(refused.contains("nobody"), "{refused}");

    cluster.orders(&a, &["cluster", "drain", "b"]).expect("drained");
    cluster.until_owned_by(&[&a], 256).await;
    let seen = status(&cluster, &b);
    let drained = seen["members"].as_array().into_iter().flatten().find(|member| member["node"] == "b");
    assert_eq!(drained.expect("it is still a member")["draining"], true, "{seen}");
    let last = cluster.orders(&b, &["cluster", "drain", "a"]).expect_err("nobody is left");
    assert!(last.contains("no other node"), "{last}");
    cluster.orders(&a, &["cluster", "rebalance"]).expect("asked");

    // A node counts a shard as its own a moment after the tables do.
    let lines = ["\nswitchboard_cluster_shards 256\n", "\nswitchboard_cluster_peers 1\n"];
    until("the figures tell it as well", async || {
        let figures = reqwest::get(format!("{}/metrics", a.url)).await.expect("figures");
        let figures = figures.text().await.expect("a text");
        lines.iter().all(|line| figures.contains(line))
    })
    .await;
}
