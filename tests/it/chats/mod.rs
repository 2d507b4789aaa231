//! Chats and their threads, as their users see them.

mod ahead;
mod archive_scenes;
mod archives;
mod banned;
mod customers;
mod deleted;
mod earlier;
mod email_verification;
mod files;
mod files_in_bucket;
mod full;
mod greetings;
mod heirs;
mod lists;
mod members;
mod paging_scenes;
mod places;
mod properties;
mod returning;
mod secrets;
mod seen;
mod sources;
mod threads;
mod tokens;
mod transcripts;
mod url_info;
mod views;
mod visitors;
mod widget;

use serde_json::Value;

/// The texts of a thread's messages, in order.
pub(crate) fn texts(thread: &Value) -> Vec<&str> {
    let events = thread["events"].as_array().unwrap_or_else(|| panic!("no events in {thread}"));
    events
        .iter()
        .filter(|event| event["type"] == "message")
        .filter_map(|event| event["text"].as_str())
        .collect()
}

/// The types of a thread's system messages, in order.
pub(crate) fn system_messages(thread: &Value) -> Vec<&str> {
    let events = thread["events"].as_array().unwrap_or_else(|| panic!("no events in {thread}"));
    events.iter().filter_map(|event| event["system_message_type"].as_str()).collect()
}
