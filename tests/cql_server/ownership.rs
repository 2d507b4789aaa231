//! What ownership costs: conditional writes when shards are taken over, none for an event.

use scylla::client::session::Session;

use crate::customer::{line, until_taken};
use crate::database::database;

/// Writes to the database's own table of conditional writes.
async fn paxos_writes(session: &Session) -> i64 {
    let text = "SELECT count FROM system_views.local_write_latency WHERE keyspace_name = 'system' AND table_name = 'paxos'";
    let rows = session.query_unpaged(text, ()).await.expect("an answer").into_rows_result().expect("rows");
    rows.first_row::<(i64,)>().expect("a count").0
}

#[tokio::test(flavor = "multi_thread")]
async fn ownership_costs_conditional_writes_per_takeover_and_none_per_event() {
    const SHARDS: i64 = 256;
    const EVENTS: usize = 100;
    let database = database().await;
    let session = database.session().await;
    let node = database.server(&[]).await;
    let before = paxos_writes(&session).await;
    node.launch().await;
    let taken_over = paxos_writes(&session).await;
    assert!(taken_over - before >= SHARDS, "each shard is claimed: {}", taken_over - before);
    let (mut line, chat) = line(&node, &node.license()).await;
    let opened = paxos_writes(&session).await;
    for number in 0..EVENTS {
        until_taken(&mut line, &chat, &format!("message {number}")).await;
    }
    let said = paxos_writes(&session).await;
    assert_eq!(said, opened, "{EVENTS} events were written without any");
    println!(
        "writes to system.paxos: {} for {SHARDS} shards, {} for opening a chat, {} for {EVENTS} events",
        taken_over - before,
        opened - taken_over,
        said - opened
    );
    assert!(node.terminate().await.success());
}
