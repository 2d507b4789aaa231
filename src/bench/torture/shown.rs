//! What the public API shows and tells of a chat's threads.

use serde::Deserialize;

use super::log::SIDES;
use crate::bench::client::Client;
use crate::bench::error::BenchError;
use crate::bench::wire::{Seen, Text, hash, seen};

/// A thread, as `list_threads` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) name: String,
    /// A hash of its id, which is its name.
    pub(super) id: u64,
    /// The same of the one before.
    pub(super) previous: Option<u64>,
    pub(super) is_active: bool,
    /// Its messages, in order.
    pub(super) messages: Vec<Seen>,
    /// How many of its system messages say that a side closed it.
    pub(super) closed_by: [u64; SIDES as usize],
}

/// What the server says of a closing by each of the sides.
const CLOSINGS: [&str; SIDES as usize] = ["manual_archived_customer", "manual_archived_agent"];

#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    system_message_type: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct WireThread<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    active: bool,
    #[serde(borrow)]
    previous_thread_id: Option<Text<'a>>,
    #[serde(borrow)]
    events: Option<Vec<WireEvent<'a>>>,
}

impl WireEvent<'_> {
    fn message(&self) -> Option<Seen> {
        (self.kind.0 == "message").then(|| seen(&self.id.0, self.text.as_ref().map_or("", |text| &text.0)))
    }
}

impl WireThread<'_> {
    fn messages(&self) -> Vec<Seen> {
        self.events.iter().flatten().filter_map(WireEvent::message).collect()
    }
}

impl From<WireThread<'_>> for Thread {
    fn from(thread: WireThread<'_>) -> Self {
        let said = |kind: &str| {
            let events = thread.events.iter().flatten();
            events
                .filter(|event| event.system_message_type.as_ref().is_some_and(|said| said.0 == kind))
                .count() as u64
        };
        Self {
            name: thread.id.0.to_string(),
            id: hash(&thread.id.0),
            previous: thread.previous_thread_id.as_ref().map(|id| hash(&id.0)),
            is_active: thread.active,
            messages: thread.messages(),
            closed_by: CLOSINGS.map(said),
        }
    }
}

/// What a push tells of one chat's messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// A hash of the id of the thread that it names.
    pub(super) thread: u64,
    pub(super) messages: Vec<Seen>,
    /// The chat was shown as it is, with its last messages: some may have been told before.
    pub(super) is_chat: bool,
}

/// What a push tells of this chat; none for a push of another kind or of another chat.
pub(super) fn told(action: &str, payload: &str, chat: &str) -> Option<Told> {
    // Agents hear of every chat of the license: what is of another is not worth reading.
    if !payload.contains(chat) {
        return None;
    }
    match action {
        "incoming_event" => {
            #[derive(Deserialize)]
            struct Payload<'a> {
                #[serde(borrow)]
                chat_id: Text<'a>,
                #[serde(borrow)]
                thread_id: Text<'a>,
                #[serde(borrow)]
                event: WireEvent<'a>,
            }
            let Payload { chat_id, thread_id, event } = serde_json::from_str(payload).ok()?;
            let message = event.message().filter(|_| chat_id.0 == chat)?;
            Some(Told { thread: hash(&thread_id.0), messages: vec![message], is_chat: false })
        }
        "incoming_chat" => {
            #[derive(Deserialize)]
            struct Chat<'a> {
                #[serde(borrow)]
                id: Text<'a>,
                #[serde(borrow)]
                thread: Option<WireThread<'a>>,
            }
            #[derive(Deserialize)]
            struct Payload<'a> {
                #[serde(borrow)]
                chat: Chat<'a>,
            }
            let Payload { chat: Chat { id, thread } } = serde_json::from_str(payload).ok()?;
            let thread = thread.filter(|_| id.0 == chat)?;
            Some(Told { thread: hash(&thread.id.0), messages: thread.messages(), is_chat: true })
        }
        _ => None,
    }
}

/// All threads of a chat, oldest first.
pub(super) async fn threads(reader: &Client, chat: &str) -> Result<Vec<Thread>, BenchError> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        threads: Vec<WireThread<'a>>,
        next_page_id: Option<String>,
    }
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let payload = match &next {
            Some(page) => serde_json::json!({ "chat_id": chat, "page_id": page }),
            None => serde_json::json!({ "chat_id": chat, "sort_order": "asc" }),
        };
        let answer = reader.ask("list_threads", payload.to_string()).await?;
        let page: Page<'_> = serde_json::from_str(&answer)
            .map_err(|error| BenchError::Refused { doing: "list_threads", error: error.to_string() })?;
        found.extend(page.threads.into_iter().map(Thread::from));
        match page.next_page_id {
            Some(page) => next = Some(page),
            None => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = r#"[
        {"id":"T2_1","type":"message","text":"7:"},
        {"id":"T2_2","type":"system_message","system_message_type":"manual_archived_agent","text":"Ann archived the chat"}]"#;

    #[test]
    fn a_thread_is_read_with_its_messages_and_whoever_closed_it() {
        let text = format!(r#"{{"id":"T2","active":false,"previous_thread_id":"T1","events":{EVENTS}}}"#);
        let thread: WireThread<'_> = serde_json::from_str(&text).expect("a thread");
        let expected = Thread {
            name: "T2".to_owned(),
            id: hash("T2"),
            previous: Some(hash("T1")),
            is_active: false,
            messages: vec![Seen { number: Some(7), id: hash("T2_1") }],
            closed_by: [0, 1],
        };
        assert_eq!(Thread::from(thread), expected);
    }

    #[test]
    fn pushes_of_the_chat_alone_are_read() {
        let event = r#"{"chat_id":"C","thread_id":"T2","event":{"id":"T2_1","type":"message","text":"7:"}}"#;
        let messages = vec![Seen { number: Some(7), id: hash("T2_1") }];
        let said = Told { thread: hash("T2"), messages, is_chat: false };
        assert_eq!(told("incoming_event", event, "C"), Some(Told { ..said }));
        let chat =
            format!(r#"{{"chat":{{"id":"C","thread":{{"id":"T2","active":true,"events":{EVENTS}}}}}}}"#);
        let shown = told("incoming_chat", &chat, "C").expect("a chat");
        assert!(shown.is_chat && shown.thread == hash("T2") && shown.messages.len() == 1);
        // The id of another chat may stand somewhere in it.
        assert_eq!(told("incoming_event", event, "T2"), None);
        assert_eq!(told("incoming_chat", &chat, "T2"), None);
        assert_eq!(told("incoming_chat", &chat, "D"), None);
    }
}
