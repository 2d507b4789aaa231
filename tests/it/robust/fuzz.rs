//! The path of a frame, from its text to a decoded request, with whatever may come: never a panic, always an answer
//! that is JSON.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use switchboard::protocol::envelope;
use switchboard::protocol::method::{self, Method, ParamKind};
use switchboard::protocol::request::decode;

/// Words that requests are made of, and some that they are not.
fn words() -> Vec<&'static str> {
    let mut words: Vec<&str> = method::all()
        .flat_map(|method| method.params)
        .flat_map(|param| param.name.split('.'))
        .chain(["id", "type", "text", "elements", "fields", "url", "content", "author_id", "custom_id", ""])
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn leaf() -> impl Strategy<Value = Value> {
    let texts = prop::sample::select(vec![
        "",
        "all",
        "agents",
        "agent",
        "customer",
        "message",
        "rich_message",
        "form",
        "filled_form",
        "file",
        "system_message",
        "custom",
        "annotation",
        "group",
        "asc",
        "desc",
        "accepting_chats",
        "offline",
        "2020-01-01T00:00:00.000000Z",
        "9999-12-31T23:59:60Z",
        "-1",
        "\u{0}",
        "\u{202e}",
        "💥",
        "Bearer x",
        "0123456789ABCDEF",
        "0123456789ABCDEF_1",
        "0123456789ABCDEF_99999999999999999999",
        "https://x",
        "javascript:alert(1)",
    ]);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (0..5_i64).prop_map(Value::from),
        texts.prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        (0..40_000_usize).prop_map(|length| Value::from("x".repeat(length))),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(prop::sample::select(words()), inner, 0..8).prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

/// A payload that the method's own table describes.
fn plausible(method: &Method) -> Value {
    let mut payload = json!({});
    for param in method.params {
        let value = match param.kind {
            ParamKind::String => json!("0123456789ABCDEF"),
            ParamKind::Int => json!(1),
            ParamKind::Bool => json!(true),
            ParamKind::Object | ParamKind::StringMap => json!({}),
            ParamKind::Event => json!({ "type": "message", "text": "x" }),
            ParamKind::Events => json!([{ "type": "message", "text": "x" }]),
            ParamKind::Users => json!([{ "id": "a@example.com", "type": "agent" }]),
            ParamKind::Strings | ParamKind::Values | ParamKind::IntsOrStrings => json!(["a"]),
            ParamKind::Ints => json!([1]),
            ParamKind::ObjectOrObjects => json!([{}]),
            ParamKind::Any | ParamKind::Binary => json!([1]),
            ParamKind::SessionFields => json!([{ "a": "b" }]),
        };
        let mut place = &mut payload;
        for step in param.name.split('.') {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[step];
        }
        if place.is_null() {
            *place = value;
        }
    }
    payload
}

/// Every place in a document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                places(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{number}"), found);
            }
        }
        _ => {}
    }
}

fn put(payload: &mut Value, at: Index, value: Value) {
    let mut found = Vec::new();
    places(payload, "", &mut found);
    if let Some(place) = payload.pointer_mut(&found[at.index(found.len())]) {
        *place = value;
    }
}

/// What a session does with a text, as far as it is pure.
fn carried_through(text: &str) {
    let (echoed, action) = envelope::echo(text);
    assert!(echoed.is_none_or(|id| id.len() <= envelope::MAX_REQUEST_ID) && action.len() <= 128);
    let answer = match envelope::parse(text) {
        Err(bad) => envelope::error_response(bad.request_id.as_deref(), &bad.action, &bad.error),
        Ok(request) => {
            let id = request.request_id.as_deref();
            for method in method::all() {
                if let Err(error) = decode(method, request.payload) {
                    let answer = envelope::error_response(id, &request.action, &error);
                    serde_json::from_str::<Value>(&answer).expect("an answer is JSON");
                }
            }
            envelope::response(id, &request.action, "{}")
        }
    };
    serde_json::from_str::<Value>(&answer).expect("an answer is JSON");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in ".{0,200}") {
        carried_through(&text);
    }

    #[test]
    fn any_document_is_answered(payload in document(), frame in document()) {
        carried_through(&frame.to_string());
        carried_through(&json!({ "request_id": "r", "action": "ping", "payload": payload }).to_string());
    }

    #[test]
    fn a_request_with_changed_parts_is_answered(
        which in any::<Index>(),
        changes in vec((any::<Index>(), document()), 0..4),
        cuts in vec(any::<Index>(), 0..2),
        bytes in vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let methods: Vec<_> = method::all().collect();
        let method = which.get(&methods);
        let mut payload = plausible(method);
        for (at, value) in changes {
            put(&mut payload, at, value);
        }
        let frame = json!({ "version": "3.6", "request_id": "r", "action": method.action, "payload": payload });
        let mut text = frame.to_string().into_bytes();
        carried_through(&String::from_utf8_lossy(&text));
        for (at, byte) in bytes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        carried_through(&String::from_utf8_lossy(&text));
        for at in cuts {
            text.truncate(at.index(text.len()).max(1));
            carried_through(&String::from_utf8_lossy(&text));
        }
    }
}

#[test]
fn what_every_method_may_get_is_decoded() {
    for method in method::all() {
        let payload = plausible(method).to_string();
        let raw = serde_json::value::RawValue::from_string(payload).expect("JSON");
        drop(decode(method, Some(&raw)));
        drop(decode(method, None));
    }
    for deep in
        ["[".repeat(10_000) + &"]".repeat(10_000), r#"{"a":"#.repeat(10_000) + "1" + &"}".repeat(10_000)]
    {
        carried_through(&format!(r#"{{"action":"send_event","payload":{deep}}}"#));
        carried_through(&deep);
    }
}
