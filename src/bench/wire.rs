//! Frames of the protocol, as far as the load generator reads and writes them.
//!
//! Deliberately not the server's own types: a mistake that both sides shared would be seen by nobody.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

/// The version that is spoken.
pub(super) const VERSION: &str = "3.6";

/// A text that borrows where no escape stands in it.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A frame from the server.
#[derive(Deserialize)]
pub(super) struct Incoming<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    request_id: Option<Text<'a>>,
    success: Option<bool>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// What a frame turns out to be.
pub(super) enum Frame<'a> {
    /// To a request of ours.
    Response {
        /// Its number; none where the server could not read it.
        id: Option<u64>,
        /// The payload, or the error's type.
        result: Result<&'a str, String>,
    },
    /// Unasked.
    Push {
        /// Its name.
        action: Cow<'a, str>,
        /// Its payload.
        payload: &'a str,
    },
}

/// Opens a frame; none for what is no frame of this protocol.
pub(super) fn open(text: &str) -> Option<Frame<'_>> {
    let Incoming { kind, action, request_id, success, payload } = serde_json::from_str(text).ok()?;
    let payload = payload.map_or("{}", RawValue::get);
    match &*kind?.0 {
        "response" => {
            let id = request_id.and_then(|id| id.0.parse().ok());
            let result = if success == Some(true) { Ok(payload) } else { Err(error_type(payload)) };
            Some(Frame::Response { id, result })
        }
        "push" => Some(Frame::Push { action: action?.0, payload }),
        _ => None,
    }
}

/// The type and message of an error's payload.
pub(super) fn error_type(payload: &str) -> String {
    #[derive(Deserialize)]
    struct Fault {
        #[serde(rename = "type")]
        kind: String,
        message: Option<String>,
    }
    #[derive(Deserialize)]
    struct Payload {
        error: Fault,
    }
    match serde_json::from_str::<Payload>(payload) {
        Ok(Payload { error: Fault { kind, message } }) => match message {
            Some(message) => format!("{kind}: {message}"),
            None => kind,
        },
        Err(_) => "an error of no known shape".to_owned(),
    }
}

/// A request.
pub(super) fn request(id: u64, action: &str, payload: &str) -> String {
    format!(r#"{{"request_id":"{id}","action":"{action}","payload":{payload}}}"#)
}

/// The payload of `send_event`: a message that begins with its number in the chat and has `size` bytes.
pub(super) fn message(chat: &str, number: u32, size: usize) -> String {
    let number = format!("{number}:");
    let filler = ".".repeat(size.saturating_sub(number.len()));
    format!(
        r#"{{"chat_id":"{chat}","event":{{"type":"message","text":"{number}{filler}","recipients":"all"}}}}"#
    )
}

/// The payload of `send_event` for a message that may be said again: its number is its `custom_id`, too.
pub(super) fn repeatable_message(chat: &str, number: u32) -> String {
    format!(
        r#"{{"chat_id":"{chat}","event":{{"type":"message","custom_id":"{number}","text":"{number}:","recipients":"all"}}}}"#
    )
}

/// The payload of `resume_chat` for a thread that begins with such a message.
pub(super) fn resume_with_message(chat: &str, number: u32) -> String {
    format!(
        r#"{{"chat":{{"id":"{chat}","thread":{{"events":[{{"type":"message","custom_id":"{number}","text":"{number}:","recipients":"all"}}]}}}},"active":true}}"#
    )
}

/// The payload of an agent's or customer's `login`.
pub(super) fn login(token: &str, pushes: &[&str], away: bool) -> String {
    #[derive(Serialize)]
    struct Login<'a> {
        token: String,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        away: bool,
        pushes: std::collections::BTreeMap<&'a str, &'a [&'a str]>,
    }
    let pushes = [(VERSION, pushes)].into_iter().collect();
    json(&Login { token: format!("Bearer {token}"), away, pushes })
}

/// JSON of a value that has a JSON form for sure.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// An event as a push or a thread shows it; messages only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The number that its text begins with; none for a text that is not ours.
    pub(super) number: Option<u32>,
    /// A hash of its id.
    pub(super) id: u64,
}

/// A hash of an event's id: ids of long runs would fill the memory.
pub(super) fn hash(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

impl WireEvent<'_> {
    fn seen(&self) -> Option<Seen> {
        if self.kind.0 != "message" {
            return None;
        }
        Some(seen(&self.id.0, self.text.as_ref().map_or("", |text| &text.0)))
    }
}

/// A message of this id and text.
pub(super) fn seen(id: &str, text: &str) -> Seen {
    let number = text.split_once(':').and_then(|(number, _)| number.parse().ok());
    Seen { number, id: hash(id) }
}

/// The chat and the event of an `incoming_event`; none for events that are no messages.
pub(super) fn incoming_event(payload: &str) -> Option<(Cow<'_, str>, Seen)> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        chat_id: Text<'a>,
        #[serde(borrow)]
        event: WireEvent<'a>,
    }
    let Payload { chat_id, event } = serde_json::from_str(payload).ok()?;
    Some((chat_id.0, event.seen()?))
}

#[derive(Deserialize)]
struct Thread<'a> {
    #[serde(borrow)]
    events: Option<Vec<WireEvent<'a>>>,
}

impl Thread<'_> {
    fn messages(self) -> Vec<Seen> {
        self.events.unwrap_or_default().iter().filter_map(WireEvent::seen).collect()
    }
}

/// One page of `list_threads`: the messages of each thread, and where the next page is.
pub(super) fn threads(payload: &str) -> Result<(Vec<Vec<Seen>>, Option<String>), serde_json::Error> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        threads: Vec<Thread<'a>>,
        next_page_id: Option<String>,
    }
    let page: Page<'_> = serde_json::from_str(payload)?;
    Ok((page.threads.into_iter().map(Thread::messages).collect(), page.next_page_id))
}

/// The id in the answer to `send_event`, hashed.
pub(super) fn event_id(payload: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        event_id: Text<'a>,
    }
    serde_json::from_str(payload).ok().map(|Payload { event_id }| hash(&event_id.0))
}

/// The thread and the first event in the answer to `resume_chat`, hashed.
pub(super) fn opened_thread(payload: &str) -> Option<(u64, u64)> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        thread_id: Text<'a>,
        #[serde(borrow)]
        event_ids: Vec<Text<'a>>,
    }
    let Payload { thread_id, event_ids } = serde_json::from_str(payload).ok()?;
    Some((hash(&thread_id.0), hash(&event_ids.first()?.0)))
}

/// The chat of an `incoming_chat` and the messages that come with it, if this agent is in it.
pub(super) fn chat_given_to(payload: &str, agent: &str) -> Option<(String, Vec<Seen>)> {
    #[derive(Deserialize)]
    struct User<'a> {
        #[serde(borrow)]
        id: Text<'a>,
        present: bool,
    }
    #[derive(Deserialize)]
    struct Chat<'a> {
        #[serde(borrow)]
        id: Text<'a>,
        #[serde(borrow)]
        users: Vec<User<'a>>,
        #[serde(borrow)]
        thread: Option<Thread<'a>>,
    }
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        chat: Chat<'a>,
    }
    let Payload { chat: Chat { id, users, thread } } = serde_json::from_str(payload).ok()?;
    let is_there = users.iter().any(|user| user.present && user.id.0 == agent);
    is_there.then(|| (id.0.into_owned(), thread.map(Thread::messages).unwrap_or_default()))
}

/// One text member of an answer.
pub(super) fn member(payload: &str, name: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(payload).ok()?;
    value.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_recognised_by_its_number() {
        let payload = message("C", 17, 100);
        let value: serde_json::Value = serde_json::from_str(&payload).expect("JSON");
        assert_eq!(value["event"]["text"].as_str().map(str::len), Some(100));
        let push = r#"{"chat_id":"C","thread_id":"T","event":{"id":"T_3","type":"message","text":"17:..","author_id":"a"}}"#;
        let (chat, seen) = incoming_event(push).expect("a message");
        assert_eq!((&*chat, seen), ("C", Seen { number: Some(17), id: hash("T_3") }));
        let system = push.replace("\"message\"", "\"system_message\"");
        assert!(incoming_event(&system).is_none());
    }

    #[test]
    fn frames_are_told_apart() {
        let response =
            r#"{"request_id":"5","action":"a","type":"response","success":true,"payload":{"x":1}}"#;
        assert!(matches!(open(response), Some(Frame::Response { id: Some(5), result: Ok(r#"{"x":1}"#) })));
        let refused =
            r#"{"type":"response","success":false,"payload":{"error":{"type":"validation","message":"m"}}}"#;
        match open(refused) {
            Some(Frame::Response { id: None, result: Err(error) }) => assert_eq!(error, "validation: m"),
            _ => panic!("a refusal"),
        }
        assert!(matches!(open(r#"{"action":"x","type":"push"}"#), Some(Frame::Push { payload: "{}", .. })));
        assert!(open("nonsense").is_none());
    }
}
