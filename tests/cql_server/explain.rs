//! The routers' decisions are in the database: a command reads them there, whether or not a server runs.

use crate::database::database;
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_explained_by_the_database_alone() {
    let database = database().await;
    let node = database.server(&[]).await;
    node.launch().await;
    let license = node.license();
    let number = license.prepared.credentials.license_id.to_string();
    let agent = license.agent(1).logs_in().await;
    let chat = license.customer().await.logs_in().await.starts_chat("hello").await;
    let explain = async || node.operates(&["explain", &chat.id, "--license", &number]).await;
    // Commands go to the database, to which the server writes a moment later.
    let told = eventually("the decision is explained", async || {
        let told = explain().await;
        if told.contains(&format!("assigned to {}", agent.id())) { Ok(told) } else { Err(told) }
    })
    .await;
    assert!(node.terminate().await.success());
    assert!(explain().await.starts_with(&told));
}
