//! Requests: every parameter of every method, right and wrong.

mod event_fields;
mod events;
mod faults;
mod limits;

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use switchboard::protocol::error::WireError;
use switchboard::protocol::method::{self, Method};
use switchboard::protocol::request::{self, Request};
use switchboard::protocol::version::Surface;

fn find(surface: Surface, action: &str) -> &'static Method {
    method::find(surface, action).unwrap_or_else(|| panic!("no {action}"))
}

fn decode(surface: Surface, action: &str, payload: &Value) -> Result<Request, WireError> {
    let raw = to_raw_value(payload).expect("JSON");
    request::decode(find(surface, action), Some(&raw))
}

fn decode_text(surface: Surface, action: &str, payload: &str) -> Result<Request, WireError> {
    let raw = RawValue::from_string(payload.to_owned()).expect("JSON");
    request::decode(find(surface, action), Some(&raw))
}

fn decoded(surface: Surface, action: &str, payload: &Value) -> Request {
    decode(surface, action, payload).unwrap_or_else(|error| panic!("{action} {payload}: {error:?}"))
}

/// The message of the refusal.
fn refused(surface: Surface, action: &str, payload: &Value) -> String {
    match decode(surface, action, payload) {
        Err(error) => error.message,
        Ok(request) => panic!("{action} {payload}: {request:?}"),
    }
}
