//! Lists of chats are walked as on the embedded store, where the same scenes are played.

use crate::database::database;
use crate::paging_scenes;
use crate::robust::vitals::serves_a_chat;

#[tokio::test(flavor = "multi_thread")]
async fn no_chat_is_skipped_or_seen_again_whatever_becomes_of_it() {
    let database = database().await;
    let node = database.server(&[("routing.max_customer_chats_count", "9")]).await;
    node.launch().await;
    paging_scenes::newest_first(&node.license()).await;
    paging_scenes::oldest_first(&node.license()).await;
    let license = node.license();
    paging_scenes::filtered(&license).await;
    paging_scenes::of_a_customer(&license).await;
    serves_a_chat(&node).await;
    assert!(node.terminate().await.success());
}
