//! Archives show the same as on the embedded store, where the same scenes are played.

use crate::archive_scenes;
use crate::database::database;
use crate::robust::vitals::serves_a_chat;

#[tokio::test(flavor = "multi_thread")]
async fn archives_are_as_on_the_embedded_store() {
    let database = database().await;
    let node = database.server(&[]).await;
    node.launch().await;
    archive_scenes::filters(&node.license()).await;
    archive_scenes::items(&node.license()).await;
    archive_scenes::pages(&node.license()).await;
    serves_a_chat(&node).await;
    assert!(node.terminate().await.success());
}
