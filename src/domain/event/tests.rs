//! Sizes, counts and values that go together.

use super::*;
use crate::domain::command::testing::{annotation, event, hidden, json, message, named, property};
use crate::domain::id::ThreadId;
use crate::domain::properties::PropertyValue;
use crate::domain::property_definitions::Side;
use crate::domain::rejection::Rejection;

const LIMITS: EventLimits = EventLimits { max_size: 16 * 1024 };

/// The field that is found wrong; none if the event is fine.
fn wrong(event: &NewEvent) -> Option<&'static str> {
    match event.check(LIMITS, Side::Agent) {
        Ok(()) => None,
        Err(Rejection::Validation { field, .. }) => Some(field),
        Err(other) => panic!("{other:?}"),
    }
}

fn cards(elements: Vec<Element>) -> NewEvent {
    event(EventBody::RichMessage { template_id: "cards".to_owned(), elements })
}

fn card(buttons: Vec<Button>) -> NewEvent {
    cards(vec![Element { buttons: Some(buttons), ..Element::default() }])
}

fn button(kind: Option<&str>, value: Option<&str>) -> Button {
    Button {
        text: "Yes".to_owned(),
        kind: kind.map(str::to_owned),
        value: value.map(str::to_owned),
        webview_height: None,
        postback_id: "yes".to_owned(),
        user_ids: Vec::new(),
        target: None,
    }
}

fn field(kind: FormFieldKind) -> FormField {
    FormField {
        kind,
        id: None,
        name: Some("mail".to_owned()),
        label: "Your address".to_owned(),
        required: Some(true),
        value: Some("kate@example.com".to_owned()),
        options: None,
        answer: None,
        answers: None,
    }
}

fn system(kind: &str, text: Option<&str>) -> NewEvent {
    event(EventBody::SystemMessage(SystemMessage {
        system_message_type: kind.to_owned(),
        text: text.map(str::to_owned),
        text_vars: None,
    }))
}

#[test]
fn a_text_may_have_16_kib_counted_in_bytes() {
    assert_eq!(wrong(&message("x".repeat(16_384))), None);
    assert_eq!(wrong(&message("x".repeat(16_385))), Some("event.text"));
    assert_eq!(wrong(&message("ä".repeat(8_192))), None);
    assert_eq!(wrong(&message("ä".repeat(8_193))), Some("event.text"), "16,386 bytes in 8,193 characters");
}

#[test]
fn how_a_text_is_escaped_does_not_count() {
    assert_eq!(wrong(&message("\"".repeat(16_384))), None);
    assert_eq!(wrong(&message("\u{1}".repeat(16_384))), None);
}

#[test]
fn the_rest_of_an_event_is_bounded_too() {
    let properties = property("test", "string_property", PropertyValue::String("x".repeat(16_384)));
    let mut heavy = message("hello");
    heavy.properties = properties;
    assert_eq!(wrong(&heavy), None);
    let postback = Postback {
        id: "x".repeat(64 * 1024),
        thread_id: ThreadId::new("T"),
        event_id: "T_1".to_owned(),
        kind: None,
        value: None,
        ecommerce: None,
    };
    let answer = event(EventBody::Message { text: "yes".to_owned(), postback: Some(postback) });
    assert_eq!(wrong(&answer), Some("event"));
    let title = Some("x".repeat(64 * 1024));
    assert_eq!(wrong(&cards(vec![Element { title, ..Element::default() }])), Some("event"));
}

#[test]
fn a_custom_id_has_at_most_256_bytes() {
    assert_eq!(wrong(&named(&"x".repeat(256), message("hello"))), None);
    assert_eq!(wrong(&named(&"x".repeat(257), message("hello"))), Some("event.custom_id"));
}

#[test]
fn postback_type_and_value_come_together() {
    let answer = |kind: Option<&str>, value: Option<&str>| {
        let postback = Postback {
            id: "yes".to_owned(),
            thread_id: ThreadId::new("T"),
            event_id: "T_1".to_owned(),
            kind: kind.map(str::to_owned),
            value: value.map(str::to_owned),
            ecommerce: None,
        };
        wrong(&event(EventBody::Message { text: "yes".to_owned(), postback: Some(postback) }))
    };
    assert_eq!(answer(None, None), None);
    assert_eq!(answer(Some("message"), Some("yes")), None);
    assert_eq!(answer(Some("message"), None), Some("event.postback.type"));
    assert_eq!(answer(None, Some("yes")), Some("event.postback.type"));
}

#[test]
fn a_rich_message_has_at_most_10_elements_of_13_buttons() {
    assert_eq!(wrong(&cards(vec![Element::default(); 10])), None);
    assert_eq!(wrong(&cards(vec![Element::default(); 11])), Some("event.elements"));
    assert_eq!(wrong(&card(vec![button(None, None); 13])), None);
    assert_eq!(wrong(&card(vec![button(None, None); 14])), Some("event.elements.buttons"));
}

#[test]
fn a_customer_names_customers_alone_as_who_pressed_a_button() {
    let pressed_by = |id: &str| card(vec![Button { user_ids: vec![id.to_owned()], ..button(None, None) }]);
    let wrong_of = |id: &str, side| pressed_by(id).check(LIMITS, side).is_err();
    let customer = "b7eff798-f8df-4364-8059-649c35c9ed0c";
    assert!(!wrong_of(customer, Side::Customer));
    for agent in ["smith@example.com", "5c9871d5372c824cbf22d860a707a578"] {
        assert!(wrong_of(agent, Side::Customer), "{agent}");
        assert!(!wrong_of(agent, Side::Agent), "{agent}");
    }
}

#[test]
fn a_rich_message_names_one_of_the_templates() {
    for (template, expected) in
        [("cards", None), ("sticker", None), ("quick_replies", None), ("tiles", Some("event.template_id"))]
    {
        let rich = EventBody::RichMessage { template_id: template.to_owned(), elements: Vec::new() };
        assert_eq!(wrong(&event(rich)), expected, "{template}");
    }
}

#[test]
fn products_are_offered_by_agents_in_their_own_template() {
    let element = Element { ecommerce: Some(json("{}")), ..Element::default() };
    assert_eq!(wrong(&cards(vec![element.clone()])), Some("event.elements.ecommerce"));
    let offer =
        event(EventBody::RichMessage { template_id: "ecommerce".to_owned(), elements: vec![element] });
    assert_eq!(wrong(&offer), None);
    let of_customer = offer.check(LIMITS, Side::Customer);
    assert!(matches!(of_customer, Err(Rejection::Validation { field: "event.template_id", .. })));
}

#[test]
fn button_values_go_together() {
    let with = |change: fn(&mut Button)| {
        let mut changed = button(Some("webview"), Some("https://example.com"));
        change(&mut changed);
        wrong(&card(vec![changed]))
    };
    assert_eq!(with(|_| ()), None);
    assert_eq!(with(|button| button.webview_height = Some("tall".to_owned())), None);
    assert_eq!(with(|button| button.value = None), Some("event.elements.buttons.type"));
    assert_eq!(with(|button| button.kind = None), Some("event.elements.buttons.type"));
    assert_eq!(with(|button| button.kind = Some("bell".to_owned())), Some("event.elements.buttons.type"));
    assert_eq!(
        with(|button| button.webview_height = Some("huge".to_owned())),
        Some("event.elements.buttons.webview_height")
    );
    let height_of_a_link = |button: &mut Button| {
        button.kind = Some("url".to_owned());
        button.webview_height = Some("tall".to_owned());
    };
    assert_eq!(with(height_of_a_link), Some("event.elements.buttons.webview_height"));
    assert_eq!(
        with(|button| button.target = Some("elsewhere".to_owned())),
        Some("event.elements.buttons.target")
    );
}

#[test]
fn an_annotation_has_a_type_of_its_own_choice_but_has_one() {
    let typed = |annotation_type: &str| {
        let text = "good".to_owned();
        wrong(&event(EventBody::Annotation { text, annotation_type: annotation_type.to_owned() }))
    };
    assert_eq!(wrong(&annotation("5 of 5")), None);
    assert_eq!(typed("mood of the day"), None);
    assert_eq!(typed(""), Some("event.annotation_type"));
    let long = EventBody::Annotation { text: "x".repeat(16_385), annotation_type: "rating".to_owned() };
    assert_eq!(wrong(&event(long)), Some("event.text"));
}

#[test]
fn a_system_message_has_a_type_and_no_properties() {
    assert_eq!(wrong(&system("my_own_type", Some("hello"))), None);
    assert_eq!(wrong(&system("", None)), Some("event.system_message_type"));
    assert_eq!(wrong(&system("long", Some(&"x".repeat(16_385)))), Some("event.text"));
    let mut with_properties = system("my_own_type", None);
    with_properties.properties = property("test", "bool_property", PropertyValue::Bool(true));
    assert_eq!(wrong(&with_properties), Some("event.properties"));
}

#[test]
fn custom_content_is_any_json_object_of_at_most_16_kib() {
    let custom = |text: &str| wrong(&event(EventBody::Custom { content: Some(json(text)) }));
    assert_eq!(custom(r#"{"deep":{"er":[1,{}]}}"#), None);
    assert_eq!(wrong(&event(EventBody::Custom { content: None })), None);
    for text in ["[]", "1", "\"text\"", "true"] {
        assert_eq!(custom(text), Some("event.content"), "{text}");
    }
    assert_eq!(custom(&format!("{{\"a\":\"{}\"}}", "x".repeat(16_384))), Some("event.content"));
}

#[test]
fn a_form_has_at_most_100_fields() {
    let form = |count| {
        let fields = vec![field(FormFieldKind::Title); count];
        wrong(&event(EventBody::FilledForm { form_id: "prechat".to_owned(), fields }))
    };
    assert_eq!(form(100), None);
    assert_eq!(form(101), Some("event.fields"));
}

#[test]
fn form_fields_are_those_of_the_seeds_and_of_3_x_and_no_others() {
    let read = |kind: &str| serde_json::from_str::<FormFieldKind>(&format!("\"{kind}\""));
    for kind in ["text", "email", "title", "information"] {
        assert!(read(kind).is_ok(), "{kind} of the seeds");
    }
    for kind in ["checkbox", "name", "question", "subject", "textarea", "group_chooser", "radio", "select"] {
        assert!(read(kind).is_ok(), "{kind} of 3.x");
    }
    assert!(read("slider").is_err());
}

#[test]
fn a_seed_form_field_carries_type_name_label_required_and_value() {
    let text = serde_json::to_value(field(FormFieldKind::Email)).expect("JSON");
    let expected = serde_json::json!({
        "type": "email", "name": "mail", "label": "Your address", "required": true, "value": "kate@example.com"
    });
    assert_eq!(text, expected);
}

#[test]
fn a_seed_title_carries_name_type_and_label() {
    for kind in ["title", "information"] {
        let written = serde_json::json!({ "type": kind, "name": "head", "label": "Before we start" });
        let field: FormField = serde_json::from_value(written.clone()).expect("a field");
        assert_eq!(serde_json::to_value(field).expect("JSON"), written);
    }
}

#[test]
fn properties_of_an_event_need_write_access_by_the_sender() {
    let mut rated = message("hello");
    rated.properties = property("rating", "score", PropertyValue::Int(1));
    assert!(rated.check(LIMITS, Side::Customer).is_ok());
    assert!(matches!(rated.check(LIMITS, Side::Agent), Err(Rejection::Authorization(_))));
}

#[test]
fn people_s_events_are_activity_and_the_server_s_and_remarks_are_not() {
    use EventKind::{Annotation, Custom, File, FilledForm, Form, Message, RichMessage};
    for kind in [Message, RichMessage, File, Form, FilledForm, Custom] {
        assert!(kind.is_activity(), "{kind:?}");
    }
    assert!(!EventKind::SystemMessage.is_activity());
    assert!(!Annotation.is_activity());
}

#[test]
fn equal_bodies_have_equal_fingerprints_and_others_differ() {
    let same = message("hello").fingerprint();
    assert_eq!(same, named("id", message("hello")).fingerprint(), "the custom_id is compared by itself");
    assert_ne!(same, message("hello!").fingerprint());
    assert_ne!(same, hidden(message("hello")).fingerprint());
    let mut with_properties = message("hello");
    with_properties.properties = property("test", "bool_property", PropertyValue::Bool(true));
    assert_ne!(same, with_properties.fingerprint());
}

#[test]
fn every_kind_of_event_has_its_name_on_the_wire() {
    let kinds = [
        (EventKind::Message, "message"),
        (EventKind::RichMessage, "rich_message"),
        (EventKind::File, "file"),
        (EventKind::Form, "form"),
        (EventKind::FilledForm, "filled_form"),
        (EventKind::SystemMessage, "system_message"),
        (EventKind::Custom, "custom"),
        (EventKind::Annotation, "annotation"),
        (EventKind::System, "system"),
    ];
    for (kind, name) in kinds {
        assert_eq!(kind.as_str(), name);
        assert_eq!(serde_json::to_string(&kind).expect("JSON"), format!("\"{name}\""));
    }
}
