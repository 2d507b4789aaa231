//! A chat as tests know it.

use serde_json::{Value, json};

/// What an opened thread answered.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    /// The chat.
    pub(crate) id: String,
    /// The thread that was opened.
    pub(crate) thread_id: String,
    /// The events that came with it.
    pub(crate) event_ids: Vec<String>,
}

impl Chat {
    /// From the answer of `start_chat`, or of `resume_chat` with the chat's id put in.
    pub(crate) fn of(answer: &Value) -> Self {
        let text =
            |key: &str| answer[key].as_str().unwrap_or_else(|| panic!("no {key} in {answer}")).to_owned();
        let ids = answer["event_ids"].as_array().into_iter().flatten();
        Self {
            id: text("chat_id"),
            thread_id: text("thread_id"),
            event_ids: ids.filter_map(|id| id.as_str().map(str::to_owned)).collect(),
        }
    }
}

/// A message, as an event to send.
pub(crate) fn message(text: &str) -> Value {
    json!({ "type": "message", "text": text, "visibility": "all" })
}

/// The same for customers, who have no say in who sees it.
pub(crate) fn customer_message(text: &str) -> Value {
    json!({ "type": "message", "text": text })
}
