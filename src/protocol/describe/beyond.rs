//! What this server has beyond the protocol's tables, marked as such: resuming a session (`docs/resume.md`), and the welcome that a
//! thread begins with.

use serde_json::{Value, json};

use crate::protocol::method::Method;
use crate::protocol::version::Surface;

/// The mark of a schema that is not the protocol's.
const MARK: &str = "x-beyond-the-protocol";

fn token(description: &str) -> Value {
    json!({ "type": "string", "maxLength": 16_384, "description": description, MARK: true })
}

/// Whether a customer's thread is opened by the method, which may begin with a welcome.
pub(super) fn takes_welcome(method: &Method) -> bool {
    method.surface == Surface::Customer && matches!(method.action, "start_chat" | "resume_chat")
}

/// Adds what a method takes to the schema of its payload.
pub(super) fn add_to_request(method: &Method, payload: &mut Value) {
    if takes_welcome(method) {
        payload["properties"]["welcome_message_id"] = json!({
            "type": "string",
            "description": "The `id` of the welcome that came last: the thread begins with it.",
            MARK: true,
        });
    }
}

/// Adds what `login` takes to the schema of its payload.
pub(super) fn add_to_login(payload: &mut Value) {
    payload["properties"]["resume"] = token(
        "Asks that the session can be resumed: empty for a first one, or the last token that came, to be told what was \
         missed since then.",
    );
}

/// Adds what `login` answers to whoever sent `resume`.
pub(super) fn add_to_login_answer(answer: &mut Value) {
    answer["properties"]["resume"] = json!({
        "type": "object",
        "description": "Only for who sent `resume`.",
        MARK: true,
        "required": ["status", "token"],
        "properties": {
            "status": { "enum": ["started", "resumed", "resync"] },
            "reason": { "enum": ["unknown_token", "too_old", "access_changed", "too_much"] },
            "token": token("By which the session goes on from here."),
        },
    });
}

/// Adds what stands beside `action` in pushes to a session that can be resumed.
pub(super) fn add_to_push(frame: &mut Value) {
    frame["properties"]["resume"] = token(
        "Only in sessions that sent `resume`, where the push stands in a chat's log: by which the session goes on after \
         this push.",
    );
}
