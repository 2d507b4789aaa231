//! RTM frames: requests in; responses, errors and pushes out. Web calls have no envelope, only a payload.
//!
//! Outgoing frames are put together from payloads that are JSON already, so a push is rendered once and
//! framed for each connection at the cost of a copy.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::WireError;
use super::version::ApiVersion;

/// The longest `request_id`, bytes.
pub const MAX_REQUEST_ID: usize = 128;

/// The longest `action` that is looked up, bytes.
const MAX_ACTION: usize = 128;

/// What a client sends over a websocket.
#[derive(Clone, Debug)]
pub struct RtmRequest<'a> {
    /// Asks for another version than the connection's.
    pub version: Option<Cow<'a, str>>,
    /// The client's name for the request; comes back with the answer.
    pub request_id: Option<Cow<'a, str>>,
    /// The method.
    pub action: Cow<'a, str>,
    /// Its parameters, undecoded.
    pub payload: Option<&'a RawValue>,
}

/// A frame that is no request, with what could be read of it for the answer.
#[derive(Clone, Debug)]
pub struct BadFrame {
    /// To be echoed.
    pub request_id: Option<String>,
    /// To be echoed; empty where none could be read.
    pub action: String,
    /// What is wrong.
    pub error: WireError,
}

/// A text that borrows from the frame where no escape stands in it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    version: Option<Text<'a>>,
    #[serde(borrow, default)]
    request_id: Option<Text<'a>>,
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

/// Opens a frame.
///
/// # Errors
/// `validation`, saying what is wrong with the frame; its `request_id` is kept for the answer.
pub fn parse(frame: &str) -> Result<RtmRequest<'_>, BadFrame> {
    let Ok(Frame { version, request_id, action, payload }) = serde_json::from_str(frame) else {
        return Err(explain(frame));
    };
    let bad = |request_id: Option<Text<'_>>, message: String| BadFrame {
        request_id: request_id.map(|id| id.0.into_owned()),
        action: String::new(),
        error: WireError::validation(message),
    };
    if request_id.as_ref().is_some_and(|id| id.0.len() > MAX_REQUEST_ID) {
        return Err(bad(None, format!("`request_id` must have at most {MAX_REQUEST_ID} bytes")));
    }
    if action.0.is_empty() || action.0.len() > MAX_ACTION {
        return Err(bad(request_id, "`action` is not the name of a method".to_owned()));
    }
    Ok(RtmRequest {
        version: version.map(|text| text.0),
        request_id: request_id.map(|text| text.0),
        action: action.0,
        payload,
    })
}

/// What an answer echoes of a frame that is refused unread: its `request_id` and `action`, where it has them.
pub fn echo(frame: &str) -> (Option<Cow<'_, str>>, Cow<'_, str>) {
    let Ok(Frame { request_id, action, .. }) = serde_json::from_str(frame) else {
        return (None, Cow::Borrowed(""));
    };
    let request_id = request_id.map(|id| id.0).filter(|id| id.len() <= MAX_REQUEST_ID);
    (request_id, Some(action.0).filter(|action| action.len() <= MAX_ACTION).unwrap_or_default())
}

/// The slow second look at a frame that could not be opened.
fn explain(frame: &str) -> BadFrame {
    let none = |message: String| BadFrame {
        request_id: None,
        action: String::new(),
        error: WireError::validation(message),
    };
    let object = match serde_json::from_str::<Value>(frame) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return none("the request must be an object".to_owned()),
        Err(error) => return none(format!("malformed JSON: {error}")),
    };
    let text = |name: &str, limit: usize| {
        object.get(name).and_then(Value::as_str).filter(|text| text.len() <= limit).map(str::to_owned)
    };
    let wrong = ["version", "request_id", "action"]
        .into_iter()
        .find(|name| object.get(*name).is_some_and(|value| !value.is_string() && !value.is_null()));
    let message = match wrong {
        Some(name) => format!("`{name}` must be of type string"),
        None if object.get("action").is_none_or(Value::is_null) => "`action` is required".to_owned(),
        None => "a field of the request is given twice".to_owned(),
    };
    BadFrame {
        request_id: text("request_id", MAX_REQUEST_ID),
        action: text("action", MAX_ACTION).unwrap_or_default(),
        error: WireError::validation(message),
    }
}

/// Reads the body of a web call; an empty one is a call without parameters.
///
/// # Errors
/// `validation` for what is no JSON.
pub fn web_payload(body: &[u8]) -> Result<Option<&RawValue>, WireError> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(body).map_err(|error| WireError::validation(format!("malformed JSON: {error}")))
}

/// The answer to a request that went well. `payload_json` is `{}` where there is nothing to say.
pub fn response(request_id: Option<&str>, action: &str, payload_json: &str) -> String {
    answer(request_id, action, true, payload_json)
}

/// The answer to a request that did not.
pub fn error_response(request_id: Option<&str>, action: &str, error: &WireError) -> String {
    answer(request_id, action, false, &error.body())
}

fn answer(request_id: Option<&str>, action: &str, success: bool, payload_json: &str) -> String {
    let mut frame = String::with_capacity(96 + action.len() + payload_json.len());
    frame.push('{');
    if let Some(request_id) = request_id {
        text_field(&mut frame, "request_id", request_id);
    }
    // A frame whose action could not be read is answered without one.
    if !action.is_empty() {
        text_field(&mut frame, "action", action);
    }
    frame.push_str(r#""type":"response","success":"#);
    frame.push_str(if success { "true" } else { "false" });
    close(frame, payload_json)
}

/// A push.
pub fn push(version: ApiVersion, action: &str, payload_json: &str) -> String {
    push_frame(version, None, None, action, payload_json)
}

/// A push to one connection: with the id of its own request that caused it, and with the token by which it may be resumed
/// (beyond the protocol).
pub fn push_frame(
    version: ApiVersion,
    request_id: Option<&str>,
    resume: Option<&str>,
    action: &str,
    payload_json: &str,
) -> String {
    let mut frame = String::with_capacity(96 + action.len() + payload_json.len());
    frame.push('{');
    text_field(&mut frame, "version", version.as_str());
    if let Some(request_id) = request_id {
        text_field(&mut frame, "request_id", request_id);
    }
    text_field(&mut frame, "action", action);
    if let Some(resume) = resume {
        text_field(&mut frame, "resume", resume);
    }
    frame.push_str(r#""type":"push""#);
    close(frame, payload_json)
}

/// Texts of clients come back escaped, control characters too.
fn text_field(frame: &mut String, name: &str, value: &str) {
    frame.push('"');
    frame.push_str(name);
    frame.push_str("\":");
    if value.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        frame.push_str(&super::view::json(value));
    } else {
        frame.push('"');
        frame.push_str(value);
        frame.push('"');
    }
    frame.push(',');
}

fn close(mut frame: String, payload_json: &str) -> String {
    frame.push_str(r#","payload":"#);
    frame.push_str(payload_json);
    frame.push('}');
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::ErrorType;

    #[test]
    fn a_frame_is_opened_without_looking_into_its_payload() {
        let request = parse(r#"{"version":"3.6","request_id":"7","action":"ping","payload":{"a":[1]}}"#)
            .expect("a request");
        assert_eq!(request.version.as_deref(), Some("3.6"));
        assert_eq!(request.request_id.as_deref(), Some("7"));
        assert_eq!(request.action, "ping");
        assert_eq!(request.payload.map(RawValue::get), Some(r#"{"a":[1]}"#));
        assert!(matches!(request.action, Cow::Borrowed(_)));
        let bare =
            parse(r#"{"action":"ping","request_id":null,"payload":null,"other":1}"#).expect("a request");
        assert!(bare.request_id.is_none() && bare.payload.is_none());
    }

    #[test]
    fn a_bad_frame_is_explained_and_keeps_its_request_id() {
        let deep = "[".repeat(1_000);
        let long = format!(r#"{{"request_id":"{}","action":"ping"}}"#, "x".repeat(129));
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("", "malformed JSON", None),
            ("{", "malformed JSON", None),
            ("\"a\u{1}\"", "malformed JSON", None),
            ("[]", "must be an object", None),
            ("null", "must be an object", None),
            (&deep, "malformed JSON: recursion limit", None),
            (&long, "at most 128 bytes", None),
            (r#"{"request_id":"r"}"#, "`action` is required", Some("r")),
            (r#"{"request_id":"r","action":null}"#, "`action` is required", Some("r")),
            (r#"{"request_id":"r","action":1}"#, "`action` must be of type string", Some("r")),
            (r#"{"request_id":"r","action":""}"#, "`action` is not the name", Some("r")),
            (r#"{"request_id":2,"action":"ping"}"#, "`request_id` must be of type string", None),
            (r#"{"request_id":"r","action":"a","action":"b"}"#, "twice", Some("r")),
        ];
        for (frame, message, request_id) in cases {
            let bad = parse(frame).expect_err(frame);
            assert!(bad.error.message.contains(message), "{frame}: {}", bad.error.message);
            assert_eq!(bad.error.kind, ErrorType::Validation);
            assert_eq!(bad.request_id.as_deref(), *request_id, "{frame}");
        }
    }

    #[test]
    fn a_frame_refused_unread_still_names_its_request() {
        let long = format!(r#"{{"request_id":"{}","action":"ping"}}"#, "x".repeat(129));
        let cases: &[(&str, Option<&str>, &str)] = &[
            (r#"{"request_id":"7","action":"ping","payload":{"a":[1]}}"#, Some("7"), "ping"),
            (r#"{"action":"ping"}"#, None, "ping"),
            (&long, None, "ping"),
            ("[", None, ""),
        ];
        for (frame, request_id, action) in cases {
            let (id, echoed) = echo(frame);
            assert_eq!((id.as_deref(), &*echoed), (*request_id, *action), "{frame}");
        }
    }

    #[test]
    fn a_frame_that_was_cut_is_refused() {
        let frame = r#"{"version":"3.6","request_id":"a\u00e9","action":"ping","payload":{"a":[1.5,null]}}"#;
        assert!(parse(frame).is_ok());
        for end in 0..frame.len() {
            assert!(parse(&frame[..end]).is_err(), "{}", &frame[..end]);
        }
    }

    #[test]
    fn answers_have_the_documented_shape() {
        assert_eq!(
            response(Some("a\"\u{7}b"), "ping", "{}"),
            r#"{"request_id":"a\"\u0007b","action":"ping","type":"response","success":true,"payload":{}}"#
        );
        assert_eq!(
            error_response(None, "", &WireError::of(ErrorType::Validation)),
            r#"{"type":"response","success":false,"payload":{"error":{"type":"validation","message":"Wrong format of request"}}}"#
        );
    }

    #[test]
    fn pushes_have_the_documented_shape() {
        assert_eq!(
            push(ApiVersion::V3_6, "chat_unfollowed", "{}"),
            r#"{"version":"3.6","action":"chat_unfollowed","type":"push","payload":{}}"#
        );
        assert_eq!(
            push_frame(ApiVersion::V3_6, Some("r"), None, "chat_unfollowed", "{}"),
            r#"{"version":"3.6","request_id":"r","action":"chat_unfollowed","type":"push","payload":{}}"#
        );
    }

    #[test]
    fn a_web_call_may_have_no_body() {
        assert!(web_payload(b" \n").expect("fine").is_none());
        assert_eq!(web_payload(b"{}").expect("fine").map(RawValue::get), Some("{}"));
        assert!(web_payload(b"null").expect("fine").is_none());
        for body in [&b"{"[..], b"\xff\xfe", b"{\"a\":\"\xff\"}", b"{} {}"] {
            assert_eq!(web_payload(body).expect_err("no JSON").kind, ErrorType::Validation);
        }
    }
}
