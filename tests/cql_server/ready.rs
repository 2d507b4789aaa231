//! When a server takes clients, and that it can be told to stop before.

use serde_json::json;

use crate::customer::{line, until_taken};
use crate::database::database;
use crate::support::{Reserved, eventually};

/// What `/readyz` says while a shard's owner is dead and nobody has taken over.
const NOT_YET: &str = "not every shard has a living owner yet\n";

async fn status_and_text(address: &str) -> Result<(u16, String), String> {
    let answer = reqwest::get(address).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(|error| error.to_string())?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_shards_a_dead_one_still_holds_is_ready_once_it_has_taken_them() {
    const CHATS: usize = 8;
    let database = database().await;
    let settings = [("node.name", "first"), ("node.suspect_after", "2s"), ("rtm.request_timeout", "8s")];
    let mut node = database.server(&settings).await;
    node.launch().await;
    let license = node.license();
    let mut chats = Vec::new();
    for _ in 0..CHATS {
        let (mut line, chat) = line(&node, &license).await;
        let event = until_taken(&mut line, &chat, "before").await;
        chats.push((chat, event));
    }
    node.kill().await;

    // The next one does not know that the first is dead: it has another name.
    node.set("node.name", "second");
    node.launch_unready();
    eventually("a server that says why it is not ready", async || {
        let said = status_and_text(&format!("{}/readyz", node.base())).await?;
        if said == (503, NOT_YET.to_owned()) { Ok(()) } else { Err(format!("{said:?}")) }
    })
    .await;
    // What comes now waits for an owner, for some time.
    let web = license.agent(1).web();
    for (chat, _) in &chats {
        match web.ask("get_chat", json!({ "chat_id": chat })).await {
            Ok(read) => assert_eq!(read["id"], **chat),
            Err(error) => assert_eq!(error.kind, "service_unavailable"),
        }
    }

    // From then on everybody is answered at once.
    node.ready().await;
    let _agent = license.agent(2).logs_in().await;
    for (chat, event) in &chats {
        let read = web.call("get_chat", json!({ "chat_id": chat })).await;
        let events = read["thread"]["events"].as_array().expect("events");
        assert!(events.iter().any(|one| one["id"] == **event), "{event} in {events:?}");
    }
    assert!(node.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_waits_for_its_database_can_be_told_to_stop() {
    let database = database().await;
    let (port, nobody) = (Reserved::new(), Reserved::new());
    let listen = port.address();
    let mut node = database.server(&[("server.listen", &listen)]).await;
    node.set("cql.contact_points", &nobody.address());
    node.launch_unready();
    eventually("a live server", async || {
        match status_and_text(&format!("http://{listen}/healthz")).await? {
            (200, _) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    eventually("a server that waits", async || {
        let log = node.link().log();
        if log.contains("waiting for the database") { Ok(()) } else { Err(log) }
    })
    .await;
    assert!(node.terminate().await.success());
}
