//! Answers of the server, compared with the protocol's tables.

use std::sync::LazyLock;

use serde_json::Value;

use crate::tables::Tables;

/// The tables of a surface.
pub(crate) fn tables(surface: &str) -> &'static Tables {
    static AGENT: LazyLock<Tables> = LazyLock::new(|| Tables::load("agent"));
    static CUSTOMER: LazyLock<Tables> = LazyLock::new(|| Tables::load("customer"));
    match surface {
        "agent" => &AGENT,
        "customer" => &CUSTOMER,
        other => panic!("no surface {other}"),
    }
}

/// What a method answers.
pub(crate) type Answer = Result<Value, ApiError>;

/// A protocol error.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    /// `error.type`
    pub(crate) kind: String,
    /// `error.message`
    pub(crate) message: String,
    /// `error.data`
    pub(crate) data: Option<Value>,
    /// Of a web answer.
    pub(crate) status: Option<u16>,
}

impl ApiError {
    /// Reads `{"error":{"type","message","data"?}}` and compares the type with the table.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(surface: &str, payload: &Value) -> Result<Self, String> {
        let fault = |what: &str| Err(format!("{what} in the error {payload}"));
        let Some([("error", error)]) =
            entries(payload).as_deref().map(|all| <[_; 1]>::try_from(all).ok()).unwrap_or(None)
        else {
            return fault("not exactly `error`");
        };
        let (Some(kind), Some(message)) = (error["type"].as_str(), error["message"].as_str()) else {
            return fault("`type` or `message` is missing");
        };
        if message.is_empty() {
            return fault("the message is empty");
        }
        let keys = entries(error).unwrap_or_default();
        if let Some((key, _)) = keys.iter().find(|(key, _)| !["type", "message", "data"].contains(key)) {
            return fault(&format!("unknown key {key}"));
        }
        // The vendor's tables of agents lack a few that `docs/architecture.md` takes from the customers'.
        let both = ["agent", "customer"];
        let documented = |surface: &str| tables(surface).part("errors").get(kind).is_some();
        if !documented(surface) && !both.iter().any(|surface| documented(surface)) {
            return fault("the type is not documented");
        }
        let (kind, message) = (kind.to_owned(), message.to_owned());
        Ok(Self { kind, message, data: error.get("data").cloned(), status: None })
    }
}

fn entries(value: &Value) -> Option<Vec<(&str, &Value)>> {
    value.as_object().map(|object| object.iter().map(|(key, value)| (key.as_str(), value)).collect())
}
