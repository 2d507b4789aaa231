//! Chats in the queue, with no agent anywhere who would notice, whose customers were connected to a node that died.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::chats::{Agent, Socket};
use crate::harness::{Cluster, Server, until};
use crate::people::{Customer, asks, customer_on};

/// No customer is waited for longer than this.
const PATIENCE: (&str, &str) = ("SWITCHBOARD_CHAT_CUSTOMER_GONE_AFTER", "500ms");
/// Whether customers are back is looked at once their node's death is known, before all of its work is taken over.
const AT_ONCE: (&str, &str) = ("SWITCHBOARD_RTM_CUSTOMER_LEFT_AFTER", "10ms");

/// A customer who has just come to a node, with a chat that they started by HTTP: so it is any node's.
async fn waiting(server: &Server, made: &Value) -> (Socket, String) {
    let Customer { socket, bearer, .. } = customer_on(server, made).await;
    let organization = made["organization_id"].as_str().expect("an id");
    let url = format!("{}/v3.6/customer/action/start_chat?organization_id={organization}", server.url);
    let start = reqwest::Client::new().post(url).header("Authorization", bearer);
    let answer = start.json(&json!({ "active": true })).send().await.expect("an answer");
    let started: Value = answer.json().await.expect("JSON");
    (socket, started["chat_id"].as_str().unwrap_or_else(|| panic!("an id: {started}")).to_owned())
}

/// Waits until a chat was closed since nobody waits for its customer any more. The agent was never connected.
async fn until_given_up(server: &Server, made: &Value, chat: &str) {
    let agent = Agent::of(made, 0);
    until("the chat of who is gone is closed", async || {
        let threads = agent.tries(&server.url, "list_threads", &json!({ "chat_id": chat })).await;
        let last = threads.ok().and_then(|found| found["threads"][0]["events"].as_array()?.last().cloned());
        last.is_some_and(|last| last["system_message_type"] == "archived_customer_disconnected")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_does_not_wait_for_a_customer_whose_node_died_unseen() {
    let cluster = Cluster::new().await;
    let mut dies = cluster.start_with("dies", &[PATIENCE]).await;
    cluster.until_owned_by(&[&dies], 256).await;
    let made = cluster.operates(&["license", "create"]).await;
    let (customer, chat) = waiting(&dies, &made).await;
    dies.signal(Signal::KILL);
    dies.ended().await;
    drop(customer);

    // Nobody told this one of any customer.
    let comes = cluster.start_with("comes", &[PATIENCE]).await;
    cluster.until_owned_by(&[&comes], 256).await;
    until_given_up(&comes, &made, &chat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_does_not_wait_for_a_customer_whose_node_died_wherever_it_and_its_router_were() {
    let cluster = Cluster::new().await;
    let stays = cluster.start_with("stays", &[PATIENCE, AT_ONCE]).await;
    let mut dies = cluster.start_with("dies", &[PATIENCE, AT_ONCE]).await;
    cluster.until_owned_by(&[&stays, &dies], 80).await;

    // A license for each case, with one open chat, and all who ever connect do so to the node that dies.
    let mut waited_for = Vec::new();
    for (router, owner) in [(&dies, &dies), (&dies, &stays), (&stays, &dies), (&stays, &stays)] {
        let made = loop {
            let made = cluster.operates(&["license", "create"]).await;
            if cluster.owner(&made, "").await == router.name {
                break made;
            }
        };
        loop {
            let (mut customer, chat) = waiting(&dies, &made).await;
            if cluster.owner(&made, &chat).await == owner.name {
                waited_for.push((made, customer, chat));
                break;
            }
            asks(&mut customer, "deactivate_chat", json!({ "id": chat })).await;
        }
    }
    dies.signal(Signal::KILL);
    dies.ended().await;

    // Whoever asks for a chat has its node know the license: not before the node had to do without.
    cluster.until_owned_by(&[&stays], 256).await;
    for (made, customer, chat) in waited_for {
        drop(customer);
        until_given_up(&stays, &made, &chat).await;
    }
}
