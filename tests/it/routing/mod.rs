//! Who gets a chat, through the real server: clocks, leaving, the queue, explanations.

mod assignment;
mod auto_access;
mod clocks;
mod explain;
mod figures;
mod leaving;
mod queue;
mod standing;
mod thousand;
mod transfers;

use std::process::Command;

use serde_json::Value;

use crate::chats::system_messages;
use crate::support::{Chat, TestAgent, TestNode, eventually};

/// Runs a command of the operator beside the node. Gives what it prints.
pub(crate) fn operator(node: &TestNode, line: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHBOARD_") {
            command.env_remove(name);
        }
    }
    let done = command.args(line).arg("--data-dir").arg(node.data_dir()).output().expect("it runs");
    let (said, fault) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{line:?}: {fault}");
    said.into_owned()
}

/// Agents who are in a chat, by their ids.
async fn serving(reader: &TestAgent, chat: &Chat) -> Vec<String> {
    let whole = reader.reads(chat).await;
    let users = whole["users"].as_array().expect("users");
    let agents = users.iter().filter(|user| user["type"] == "agent" && user["present"] == true);
    agents.map(|user| user["id"].as_str().expect("an id").to_owned()).collect()
}

/// Waits until exactly this agent is in the chat.
async fn is_served_by(reader: &TestAgent, chat: &Chat, agent: &str) {
    eventually("the agent has the chat", async || match serving(reader, chat).await {
        agents if agents == [agent] => Ok(()),
        agents => Err(format!("{agents:?}")),
    })
    .await;
}

/// The one agent who has the chat.
async fn server_of(reader: &TestAgent, chat: &Chat) -> String {
    eventually("one agent has the chat", async || match &serving(reader, chat).await[..] {
        [agent] => Ok(agent.clone()),
        agents => Err(format!("{agents:?}")),
    })
    .await
}

/// Waits until the chat's thread waits for an agent.
async fn waits(reader: &TestAgent, chat: &Chat) {
    eventually("the chat waits", async || {
        let read = reader.reads(chat).await;
        if read["thread"]["queue"].is_object() { Ok(()) } else { Err(read["thread"].to_string()) }
    })
    .await;
}

/// The types of the chat's system messages so far.
async fn messages(reader: &TestAgent, chat: &Chat) -> Vec<String> {
    let read = reader.reads(chat).await;
    system_messages(&read["thread"]).into_iter().map(str::to_owned).collect()
}

/// A push of a system message of this type into this chat.
fn tells<'a>(chat: &'a Chat, kind: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |push| push["chat_id"] == *chat.id && push["event"]["system_message_type"] == kind
}
