//! The protocol described for machines: OpenAPI 3.1 of the Web API, AsyncAPI 3 of the websockets, and a page
//! for people. All are made from the
//! method table that requests are served by ([`method`](super::method)), so that they cannot say anything else; what answers
//! and pushes look like is `structures`.

mod asyncapi;
mod beyond;
mod openapi;
mod outline;
mod page;
mod schema;
mod structures;

pub use asyncapi::asyncapi;
pub use openapi::openapi;
pub use page::page;

use serde_json::{Value, json};

use super::method::Scopes;

/// The version of the API, as paths have it.
const VERSION: &str = "3.6";

/// What both documents say of themselves.
fn info(title: &str) -> Value {
    json!({
        "title": title,
        "version": VERSION,
        "description": "A self-hosted customer-service chat server that speaks the LiveChat messaging protocol.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    })
}

/// An error as every failed request is answered with.
fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": { "type": { "type": "string" }, "message": { "type": "string" }, "data": { "type": "object" } },
        } },
    })
}

/// The scopes that a token needs, in words.
fn scopes_in_words(scopes: Scopes) -> Option<String> {
    match scopes {
        Scopes::None => None,
        Scopes::Any(names) => Some(format!("Needs one of the scopes {}.", names.join(", "))),
        Scopes::All(names) => Some(format!("Needs the scopes {}.", names.join(", "))),
        Scopes::PerPushFamily(names) => {
            Some(format!("Needs no scope; each of {} unlocks a family of pushes.", names.join(", ")))
        }
    }
}
