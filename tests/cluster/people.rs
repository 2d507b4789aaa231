//! People whose node dies under them: they are told elsewhere what they missed, and who watches them that they left.

use futures_util::SinkExt as _;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::chats::{Agent, Socket, connect_to, next};
use crate::harness::{Cluster, Server, until};

/// A login that goes well, however often it has to be tried while shards are on their way; what it answers.
pub(crate) async fn log_in(server: &Server, path: &str, login: &Value) -> (Socket, Value) {
    let frame = json!({ "action": "login", "payload": login }).to_string();
    loop {
        let mut socket = connect_to(&server.url, path).await.expect("a socket");
        socket.send(Message::text(frame.clone())).await.expect("sent");
        let answer = next(&mut socket).await.expect("an answer");
        if answer["success"] == true {
            return (socket, answer["payload"].clone());
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// A customer who logs in.
pub(crate) struct Customer {
    pub(crate) socket: Socket,
    /// What they show.
    pub(crate) bearer: String,
    pub(crate) id: String,
}

pub(crate) async fn customer_on(server: &Server, made: &Value) -> Customer {
    let grant = json!({
        "grant_type": "cookie", "response_type": "token",
        "client_id": made["client_id"], "organization_id": made["organization_id"],
    });
    let url = format!("{}/v2/customer/token", server.url);
    let token = reqwest::Client::new().post(url).json(&grant).send().await;
    let token: Value = token.expect("an answer").json().await.expect("JSON");
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
    let path =
        format!("customer/rtm/ws?organization_id={}", made["organization_id"].as_str().expect("an id"));
    let (socket, _) = log_in(server, &path, &json!({ "token": bearer })).await;
    Customer { socket, bearer, id: token["entity_id"].as_str().expect("an id").to_owned() }
}

/// Asks, and waits for the answer, which is a good one; pushes before it are passed over.
pub(crate) async fn asks(socket: &mut Socket, action: &str, payload: Value) -> Value {
    let frame = json!({ "action": action, "payload": payload, "request_id": action }).to_string();
    socket.send(Message::text(frame)).await.expect("sent");
    loop {
        let answer = next(socket).await.expect("an answer");
        if answer["type"] == "response" {
            assert_eq!(answer["success"], true, "{answer}");
            return answer["payload"].clone();
        }
    }
}

/// The next push of a name; those before it are passed over.
async fn push(socket: &mut Socket, action: &str) -> Value {
    loop {
        let push = next(socket).await.expect("a push");
        if push["action"] == action {
            return push;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_whose_node_died_go_on_elsewhere_and_are_missed() {
    let cluster = Cluster::new().await;
    let a = cluster.start("a").await;
    let mut b = cluster.start("b").await;
    cluster.until_owned_by(&[&a, &b], 80).await;
    let made = cluster.operates(&["license", "create", "--agents", "2"]).await;
    let agents = [0, 1].map(|number| Agent::of(&made, number));

    // One agent watches on the node that stays; another, and a customer, are on the one that dies.
    let watches = json!({ "token": agents[0].bearer(), "customer_monitoring_level": "online" });
    let (mut watcher, _) = log_in(&a, "agent/rtm/ws", &watches).await;
    let begins = json!({ "token": agents[1].bearer(), "away": true, "resume": "" });
    let (mut roamer, _) = log_in(&b, "agent/rtm/ws", &begins).await;
    let Customer { socket: customer, id, .. } = customer_on(&b, &made).await;
    let came = push(&mut watcher, "incoming_customer").await;
    assert_eq!(came["payload"]["id"], *id);

    // Enough chats that both nodes own some.
    let mut chats = Vec::new();
    for number in 0..8 {
        let started = agents[0].does(&a.url, "start_chat", json!({ "active": true })).await;
        let chat = started["chat_id"].as_str().expect("an id").to_owned();
        agents[0].sends(&a, &chat, &format!("before {number}")).await;
        chats.push(chat);
    }
    let mut last = Value::Null;
    for _ in &chats {
        last = push(&mut roamer, "incoming_chat").await["resume"].clone();
    }
    assert!(last.is_string(), "every push has a token");

    b.signal(Signal::KILL);
    b.ended().await;
    drop((roamer, customer));
    for chat in &chats {
        let deactivate = json!({ "id": chat });
        until("a chat is closed", async || {
            match agents[0].tries(&a.url, "deactivate_chat", &deactivate).await {
                Ok(_) => true,
                // A try before may have done it, and nobody knew.
                Err(error) => error["error"]["type"] == "chat_inactive",
            }
        })
        .await;
    }
    let resumes = json!({ "token": agents[1].bearer(), "away": true, "resume": last });
    let (mut roamer, login) = log_in(&a, "agent/rtm/ws", &resumes).await;
    assert_eq!(login["resume"]["status"], "resumed");
    let mut closed = Vec::new();
    for _ in &chats {
        let push = push(&mut roamer, "chat_deactivated").await;
        closed.push(push["payload"]["chat_id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(closed, chats, "each once, in the order in which they were closed");

    let left = push(&mut watcher, "customer_left").await;
    assert_eq!(left["payload"]["id"], *id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_waits_for_an_agent_does_not_wait_for_a_customer_whose_node_died() {
    let cluster = Cluster::new().await;
    let a = cluster.start("a").await;
    let mut b = cluster.start("b").await;
    cluster.until_owned_by(&[&a, &b], 80).await;
    let made = cluster.operates(&["license", "create"]).await;
    let agent = Agent::of(&made, 0);
    cluster.orders(&a, &["license", "set", "--set", "chat.customer_gone_after=500ms"]).expect("a setting");

    // No agent has a connection, so that nobody watches either of them.
    let mut stays = customer_on(&a, &made).await.socket;
    let mut leaves = customer_on(&b, &made).await.socket;
    let mut chats = Vec::new();
    for customer in [&mut stays, &mut leaves] {
        let started = asks(customer, "start_chat", json!({ "active": true })).await;
        chats.push(started["chat_id"].as_str().expect("an id").to_owned());
    }
    let (kept, left) = (&chats[0], &chats[1]);
    b.signal(Signal::KILL);
    b.ended().await;
    drop(leaves);
    let last_message = async |chat: &str| {
        let threads = agent.tries(&a.url, "list_threads", &json!({ "chat_id": chat })).await.ok()?;
        threads["threads"][0]["events"].as_array()?.last()?["system_message_type"].as_str().map(str::to_owned)
    };
    until("the chat of who is gone is closed", async || {
        last_message(left).await.as_deref() == Some("archived_customer_disconnected")
    })
    .await;
    // The other customer is there, on the node that lives.
    let says = json!({ "chat_id": kept, "event": { "type": "message", "text": "still here" } });
    asks(&mut stays, "send_event", says).await;
    assert_ne!(last_message(kept).await.as_deref(), Some("archived_customer_disconnected"));
}
