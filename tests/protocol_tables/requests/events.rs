//! Events as clients send them.

use serde_json::{Value, json};
use switchboard::domain::event::{EventBody, EventKind, NewEvent, Visibility};
use switchboard::protocol::request::Request;
use switchboard::protocol::version::Surface;

use super::{decode, decoded, refused};

fn send(surface: Surface, event: &Value) -> NewEvent {
    match decoded(surface, "send_event", &json!({"chat_id": "C", "event": event})) {
        Request::SendEvent { event, .. } => event,
        other => panic!("{other:?}"),
    }
}

fn refusal(event: &Value) -> String {
    refused(Surface::Agent, "send_event", &json!({"chat_id": "C", "event": event}))
}

fn examples() -> Vec<(EventKind, Value)> {
    let option = json!({"id": "0", "label": "yes"});
    vec![
        (EventKind::Message, json!({"type": "message", "text": "hi"})),
        (
            EventKind::RichMessage,
            json!({"type": "rich_message", "template_id": "cards", "elements": [
                {"title": "t", "buttons": [{"text": "b", "postback_id": "p"}]},
            ]}),
        ),
        (EventKind::File, json!({"type": "file", "url": "https://cdn.test/a/b.png?x=1#y"})),
        (
            EventKind::Form,
            json!({"type": "form", "form_id": "1", "fields": [
                {"type": "radio", "id": "1", "label": "l", "required": true, "options": [option]},
                {"type": "information", "name": "n", "label": "l"},
            ]}),
        ),
        (
            EventKind::FilledForm,
            json!({"type": "filled_form", "form_id": "1", "fields": [
                {"type": "name", "id": "1", "label": "l", "answer": "Ann"},
                {"type": "group_chooser", "id": "2", "label": "l", "answer": {"id": "1", "group_id": 7, "label": "g"}},
                {"type": "checkbox", "id": "3", "label": "l", "answers": [option]},
                {"type": "text", "name": "n", "label": "l", "value": "v"},
            ]}),
        ),
        (
            EventKind::SystemMessage,
            json!({"type": "system_message", "system_message_type": "x", "text": "t", "text_vars": {"a": "b"}}),
        ),
        (EventKind::Custom, json!({"type": "custom", "content": {"any": ["thing", {"a": null}]}})),
        (EventKind::Annotation, json!({"type": "annotation", "text": "5", "annotation_type": "rating"})),
    ]
}

#[test]
fn every_kind_of_event_can_be_sent_by_both() {
    for (kind, mut event) in examples() {
        event["custom_id"] = json!("own");
        event["properties"] = json!({"test": {"bool_property": true}});
        for surface in [Surface::Agent, Surface::Customer] {
            let sent = send(surface, &event);
            assert_eq!(sent.body.kind(), kind);
            assert_eq!(sent.custom_id.as_deref(), Some("own"));
            assert_eq!(sent.properties.len(), 1);
            assert_eq!(sent.author, None);
        }
    }
}

#[test]
fn the_order_of_fields_does_not_matter() {
    let text = r#"{"event":{"fields":[],"form_id":"f","type":"form"},"chat_id":"C"}"#;
    let request = super::decode_text(Surface::Agent, "send_event", text).expect("an event");
    assert!(matches!(request, Request::SendEvent { event, .. } if event.body.kind() == EventKind::Form));
}

#[test]
fn each_side_has_its_own_word_for_who_may_see_it() {
    let event = json!({"type": "message", "text": "x", "visibility": "agents", "recipients": "all"});
    assert_eq!(send(Surface::Agent, &event).visibility, Visibility::Agents);
    assert_eq!(send(Surface::Customer, &event).visibility, Visibility::All);
    let event = json!({"type": "message", "text": "x", "recipients": "agents"});
    assert_eq!(send(Surface::Agent, &event).visibility, Visibility::All);
    assert_eq!(send(Surface::Customer, &event).visibility, Visibility::Agents);
}

#[test]
fn only_customers_attach_to_the_last_thread() {
    let payload =
        json!({"chat_id": "C", "event": {"type": "message", "text": "x"}, "attach_to_last_thread": true});
    for (surface, expected) in [(Surface::Agent, false), (Surface::Customer, true)] {
        let Request::SendEvent { attach_to_last_thread, .. } = decoded(surface, "send_event", &payload)
        else {
            panic!("send_event");
        };
        assert_eq!(attach_to_last_thread, expected);
    }
}

#[test]
fn only_initial_events_name_their_author() {
    let event = json!({"type": "message", "text": "x", "author_id": "a@b.c"});
    assert_eq!(send(Surface::Agent, &event).author, None);
    let payload = json!({"chat": {"thread": {"events": [event]}}});
    let Request::StartChat(open) = decoded(Surface::Agent, "start_chat", &payload) else {
        panic!("start_chat");
    };
    assert_eq!(open.events[0].author.as_deref(), Some("a@b.c"));
    assert!(open.active && open.chat_id.is_none() && open.continuous.is_none());
}

#[test]
fn a_file_is_known_by_its_address_alone() {
    let name = |url: &str| {
        let event =
            json!({"type": "file", "url": url, "name": "lie.exe", "content_type": "text/html", "size": 1});
        let EventBody::File(file) = send(Surface::Agent, &event).body else { panic!("a file") };
        assert_eq!((file.content_type.as_str(), file.size), ("application/octet-stream", None));
        file.name
    };
    assert_eq!(name("https://cdn.test/a/b.png?x=/1#y/z"), "b.png");
    assert_eq!(name("http://cdn.test/"), "file");
    assert_eq!(name("https://cdn.test"), "file");
    for url in ["javascript:alert(1)", "data:text/html,x", "//cdn.test/a", "", "HTTPS"] {
        assert!(refusal(&json!({"type": "file", "url": url})).contains("`event.url` must be"), "{url}");
    }
}

#[test]
fn what_a_kind_needs_is_named() {
    let cases = [
        (json!({}), "`event.type` is required"),
        (json!({"type": 1}), "`event.type`: invalid type"),
        (json!({"type": "system"}), "`event.type` is not a type that can be sent"),
        (json!({"type": "nonsense"}), "`event.type` is not a type that can be sent"),
        (json!({"type": "message"}), "`event.text` is required"),
        (json!({"type": "message", "text": 1}), "`event.text`: invalid type"),
        (json!({"type": "message", "text": "x", "visibility": "me"}), "`event.visibility`: unknown variant"),
        (
            json!({"type": "message", "text": "x", "postback": {"id": "1"}}),
            "`event.postback.thread_id` is required",
        ),
        (json!({"type": "message", "text": "x", "properties": {"a": {"b": {}}}}), "`event.properties.a"),
        (json!({"type": "rich_message"}), "`event.template_id` is required"),
        (
            json!({"type": "rich_message", "template_id": "cards", "elements": {}}),
            "`event.elements`: invalid type",
        ),
        (
            json!({"type": "rich_message", "template_id": "cards", "elements": [{"buttons": [{"text": "b"}]}]}),
            "`event.elements.[0].buttons[0].postback_id` is required",
        ),
        (json!({"type": "file"}), "`event.url` is required"),
        (json!({"type": "form", "fields": []}), "`event.form_id` is required"),
        (json!({"type": "form", "form_id": "1"}), "`event.fields` is required"),
        (
            json!({"type": "form", "form_id": "1", "fields": [{"type": "color", "label": "l"}]}),
            "unknown variant `color`",
        ),
        (json!({"type": "filled_form", "form_id": "1"}), "`event.fields` is required"),
        (
            json!({"type": "filled_form", "form_id": "1", "fields": [{"type": "name", "label": "l", "answer": 1}]}),
            "must be a string or an object with id and label",
        ),
        (
            json!({"type": "rich_message", "template_id": "ecommerce", "elements": [{"ecommerce": {"product_id": "p"}}]}),
            "`event.elements.[0].ecommerce.view_type` is required",
        ),
        (
            json!({"type": "rich_message", "template_id": "ecommerce", "elements": [
                {"ecommerce": {"product_id": "p", "view_type": "tags", "options": [{"option_id": "o"}]}},
            ]}),
            "`event.elements.[0].ecommerce.options[0].label` is required",
        ),
        (
            json!({"type": "rich_message", "template_id": "ecommerce", "elements": [
                {"ecommerce": {"product_id": "p", "view_type": "list"}},
            ]}),
            "unknown variant `list`",
        ),
        (
            json!({"type": "message", "text": "x", "postback": {
                "id": "p", "thread_id": "T", "event_id": "T_1", "ecommerce": {"quantity": 2},
            }}),
            "`event.postback.ecommerce.product_id` is required",
        ),
        (json!({"type": "system_message"}), "`event.system_message_type` is required"),
        (
            json!({"type": "system_message", "system_message_type": "x", "text_vars": {"a": 1}}),
            "`event.text_vars.a`: invalid type",
        ),
        (json!({"type": "annotation", "text": "x"}), "`event.annotation_type` is required"),
    ];
    for (event, expected) in cases {
        let message = refusal(&event);
        assert!(message.contains(expected), "{event}: {message}");
    }
    let inside =
        json!({"chat": {"thread": {"events": [{"type": "message", "text": "x"}, {"type": "file"}]}}});
    let message = refused(Surface::Customer, "start_chat", &inside);
    assert_eq!(message, "`chat.thread.events[1].url` is required");
}

#[test]
fn what_is_carried_unread_can_be_read() {
    for odd in [r#""\ud800""#, "1e999", "[{\"a\":\"\\udc00\"}]"] {
        for event in [
            format!(r#"{{"type":"custom","content":{{"a":{odd}}}}}"#),
            format!(r#"{{"type":"rich_message","template_id":"cards","elements":[{{"ecommerce":{odd}}}]}}"#),
        ] {
            let payload = format!(r#"{{"chat_id":"C","event":{event}}}"#);
            let error = super::decode_text(Surface::Customer, "send_event", &payload).expect_err(&payload);
            assert!(error.message.starts_with("`event."), "{}", error.message);
        }
    }
}

#[test]
fn ids_of_odd_shape_are_refused() {
    let long = "x".repeat(256);
    for id in ["", "a b", "a\n", "a\u{0}", long.as_str()] {
        let event = json!({"type": "message", "text": "x"});
        let answer = decode(Surface::Agent, "send_event", &json!({"chat_id": id, "event": event}));
        assert_eq!(answer.expect_err("an odd id").message, "`chat_id` is not an id");
    }
}
