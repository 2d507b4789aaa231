//! The server killed under load, the database killed under load, and both.

use serde_json::json;

use crate::database::database;
use crate::robust::crowd::Crowd;
use crate::robust::vitals::serves_a_chat;
use crate::support::eventually;

const TALKERS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_the_server_the_database_and_both_killed() {
    let mut database = database().await;
    let settings = [("chat.thread_inactivity_timeout", "20s"), ("cql.request_timeout", "1500ms")];
    let node = database.server(&settings).await;
    node.launch().await;
    let license = node.license();
    let agent = license.agent(1);
    let mut crowd = Crowd::gather(&node, &license, TALKERS).await;
    for more in [40, 1, 130] {
        crowd.talk_until(more, &node, async || node.kill().await).await;
        node.launch().await;
        crowd.come_back(&node).await;
    }
    crowd.check(&agent).await;

    // The server lives through the loss of its database, and goes on by itself.
    crowd.talk_until(60, &node, async || database.kill()).await;
    database.start();
    node.ready().await;
    crowd.come_back(&node).await;
    crowd.check(&agent).await;

    // Both, the one after the other and the other way round.
    crowd
        .talk_until(60, &node, async || {
            database.kill();
            node.kill().await;
        })
        .await;
    database.start();
    node.launch().await;
    crowd.come_back(&node).await;
    crowd.check(&agent).await;
    crowd
        .talk_until(60, &node, async || {
            node.kill().await;
            database.kill();
        })
        .await;
    database.start();
    node.launch().await;
    crowd.come_back(&node).await;
    crowd.check(&agent).await;

    // The timers of the threads survive, too.
    node.kill().await;
    node.launch().await;
    for talker in crowd.talkers() {
        eventually("the end of a silent thread", async || {
            let chat = agent.web().call("get_chat", json!({ "chat_id": talker.chat })).await;
            let thread = &chat["thread"];
            if thread["active"] == false { Ok(()) } else { Err(format!("{} is active", thread["id"])) }
        })
        .await;
    }
    crowd.come_back(&node).await;
    crowd.check(&agent).await;
    serves_a_chat(&node).await;
    assert!(node.terminate().await.success());
}
