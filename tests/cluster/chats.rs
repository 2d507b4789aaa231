//! Chats over several servers: any client on any node, and a node that dies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::{Cluster, LONG, Server, until};
use crate::people::{asks, log_in};

/// Chats of each test: enough that every node owns some.
const CHATS: usize = 16;

/// Somebody who uses the Web API of any node.
pub(crate) struct Agent {
    pat: String,
    token: String,
}

impl Agent {
    /// The answer of a method; the error's body where it is refused.
    pub(crate) async fn tries(&self, url: &str, action: &str, body: &Value) -> Result<Value, Value> {
        let url = format!("{url}/v3.6/agent/action/{action}");
        let request = reqwest::Client::new().post(url).header("Authorization", format!("Basic {}", self.pat));
        let answer =
            request.json(body).send().await.map_err(|error| json!({ "transport": error.to_string() }))?;
        let is_fine = answer.status().is_success();
        let body = answer.json().await.unwrap_or(Value::Null);
        if is_fine { Ok(body) } else { Err(body) }
    }

    pub(crate) async fn does(&self, url: &str, action: &str, body: Value) -> Value {
        let done = self.tries(url, action, &body).await;
        done.unwrap_or_else(|error| panic!("{action} on {url}: {error}"))
    }

    /// One of a license that was made.
    pub(crate) fn of(made: &Value, number: usize) -> Self {
        let text = |key: &str| made["agents"][number][key].as_str().expect("a text").to_owned();
        Self { pat: text("pat"), token: text("token") }
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub(crate) fn login(&self) -> Message {
        let login = json!({ "action": "login", "payload": { "token": self.bearer() } });
        Message::text(login.to_string())
    }

    pub(crate) async fn sends(&self, server: &Server, chat: &str, text: &str) -> String {
        let event = json!({ "type": "message", "text": text, "custom_id": text });
        let sent = self.does(&server.url, "send_event", json!({ "chat_id": chat, "event": event })).await;
        sent["event_id"].as_str().expect("an id").to_owned()
    }

    /// The texts of a chat's messages with their ids, in order.
    async fn reads(&self, server: &Server, chat: &str) -> Vec<(String, String)> {
        let found = self.does(&server.url, "get_chat", json!({ "chat_id": chat })).await;
        messages(&found["thread"]["events"])
    }
}

fn messages(events: &Value) -> Vec<(String, String)> {
    let messages = events.as_array().into_iter().flatten().filter(|event| event["type"] == "message");
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    messages.map(|event| (text(event, "id"), text(event, "text"))).collect()
}

pub(crate) async fn agent_of(cluster: &Cluster) -> Agent {
    let made = cluster.operates(&["license", "create", "--agents", "1"]).await;
    Agent::of(&made, 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_the_same_from_every_node_and_survives_the_death_of_its_own() {
    let cluster = Cluster::new().await;
    let a = cluster.start("a").await;
    let mut b = cluster.start("b").await;
    cluster.until_owned_by(&[&a, &b], 80).await;
    let made = cluster.operates(&["license", "create", "--agents", "1"]).await;
    let agent = Agent::of(&made, 0);

    // The agent is connected to one node, and hears of their chats on both.
    let mut socket = connect(&a.url).await.expect("a socket");
    // Shards may still be on their way; a client tries again.
    let began = Instant::now();
    loop {
        socket.send(agent.login()).await.expect("sent");
        let answer = next(&mut socket).await.expect("an answer");
        if answer["success"] == true {
            break;
        }
        assert!(began.elapsed() < LONG, "{answer}\n{}\n{}", cluster.log("a"), cluster.log("b"));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    let mut chats = Vec::new();
    let mut near = 0;
    let login = json!({ "token": agent.bearer() });
    let mut starters = Vec::new();
    for node in [&a, &b] {
        starters.push((node, log_in(node, "agent/rtm/ws", &login).await.0));
    }
    for number in 0..CHATS {
        let (node, socket) = &mut starters[number % 2];
        let started = asks(socket, "start_chat", json!({ "active": true })).await;
        let chat = started["chat_id"].as_str().expect("an id").to_owned();
        near += usize::from(cluster.owner(&made, &chat).await == node.name);
        chats.push(chat);
    }
    // A shard or two may have moved just then. Were it chance, so many would be near in one run of five hundred.
    assert!(near >= CHATS - 2, "{near} chats are the work of the node that they were started by");
    drop(starters);
    let mut sent = BTreeSet::new();
    for chat in &chats {
        let first = agent.sends(&a, chat, "from a").await;
        assert_eq!(agent.sends(&b, chat, "from a").await, first, "the same send by another node");
        let second = agent.sends(&b, chat, "from b").await;
        let expected = [(first.clone(), "from a".to_owned()), (second.clone(), "from b".to_owned())];
        assert_eq!(agent.reads(&a, chat).await, expected);
        assert_eq!(agent.reads(&b, chat).await, expected);
        sent.extend([first, second]);
    }
    let mut heard: Vec<String> = Vec::new();
    while heard.len() < sent.len() {
        let push = next(&mut socket).await.expect("a push");
        if push["action"] == "incoming_event" && push["payload"]["event"]["type"] == "message" {
            heard.push(push["payload"]["event"]["id"].as_str().expect("an id").to_owned());
        }
    }
    assert_eq!(heard.iter().cloned().collect::<BTreeSet<_>>(), sent, "each once");

    // One node dies: every chat goes on at the other, with all that was acknowledged.
    b.signal(Signal::KILL);
    b.ended().await;
    for chat in &chats {
        let event = json!({ "type": "message", "text": "after", "custom_id": "after" });
        let send = json!({ "chat_id": chat, "event": event });
        until("the chat answers again", async || agent.tries(&a.url, "send_event", &send).await.is_ok())
            .await;
        let texts: Vec<String> = agent.reads(&a, chat).await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["from a", "from b", "after"]);
    }
}

/// A connection to the agents' side.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn connect(url: &str) -> Result<Socket, Error> {
    connect_to(url, "agent/rtm/ws").await
}

/// A connection to any side.
pub(crate) async fn connect_to(url: &str, path: &str) -> Result<Socket, Error> {
    let url = url.replacen("http", "ws", 1);
    Ok(tokio_tungstenite::connect_async(format!("{url}/v3.6/{path}")).await?.0)
}

/// The next message; none if the connection is over.
pub(crate) async fn next(socket: &mut Socket) -> Option<Value> {
    let text = async {
        loop {
            if let Message::Text(text) = socket.next().await?.ok()? {
                return Some(serde_json::from_str(&text).expect("JSON"));
            }
        }
    };
    // The server's own pings keep the socket busy for ever: what counts is a message.
    tokio::time::timeout(LONG, text).await.expect("in time")
}
