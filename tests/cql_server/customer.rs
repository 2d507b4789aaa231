//! A customer who says things.

use serde_json::{Value, json};

use crate::robust::door::Door;
use crate::robust::talker::{Line, Login};
use crate::support::{TestLicense, TestNode, eventually};

/// A customer with a chat.
pub(crate) async fn line(node: &TestNode, license: &TestLicense) -> (Line, String) {
    let customer = license.customer().await;
    let login = Login::customer(&customer.organization, &customer.token);
    let mut line = Line::open(&Door::of(node.link()), &login).await;
    let started = line.ask("start_chat", json!({ "active": true })).await.expect("a connection");
    let chat = started["payload"]["chat_id"].as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
    (line, chat)
}

/// A message whose text is its custom id, too.
pub(crate) fn say(chat: &str, text: &str) -> Value {
    let event = json!({ "type": "message", "text": text, "custom_id": text });
    json!({ "chat_id": chat, "event": event })
}

/// The kind of the error; nothing for a success.
pub(crate) fn refusal(answer: &Value) -> &str {
    answer["payload"]["error"]["type"].as_str().unwrap_or_default()
}

/// The texts that the chat's thread holds.
pub(crate) async fn texts(license: &TestLicense, chat: &str) -> Vec<String> {
    let read = license.agent(1).web().call("get_chat", json!({ "chat_id": chat })).await;
    let events = read["thread"]["events"].as_array().expect("events").clone();
    events.iter().filter_map(|event| Some(event["text"].as_str()?.to_owned())).collect()
}

/// Says the same until it is acknowledged. Gives the event.
pub(crate) async fn until_taken(line: &mut Line, chat: &str, text: &str) -> String {
    let answer = eventually("an acknowledgement", async || {
        let answer = line.ask("send_event", say(chat, text)).await.expect("a connection");
        if answer["success"] == true { Ok(answer) } else { Err(answer.to_string()) }
    })
    .await;
    answer["payload"]["event_id"].as_str().expect("an id").to_owned()
}
