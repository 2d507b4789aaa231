//! Operators' commands go to the database beside the server, which finds out by looking, and tells its agents.

use serde_json::json;

use crate::database::database;

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_told_what_a_command_changed_in_the_database() {
    let database = database().await;
    let node = database.server(&[("license.poll_every", "200ms")]).await;
    node.launch().await;
    let (license, other) = (node.license(), node.license());
    let (agent, stranger) = (license.agent(1).logs_in_away().await, other.agent(1).logs_in_away().await);
    let (number, who) = (license.number().to_string(), license.agent(2).id);
    for name in ["Neo", "Trinity"] {
        let name = format!("name={name}");
        node.operates(&["agent", "set", "--license", &number, "--agent", &who, "--set", &name]).await;
    }
    // The server may have seen both names or the last alone.
    let told = json!({ "id": who, "name": "Trinity" });
    agent.expect_push("agent_updated", |push| *push == told).await;
    stranger.expect_no_push("agent_updated").await;
}
