//! Each field of each kind of event that can be sent, as the structures of the tables have it: missing, or of another type, it
//! is named in the refusal.

use serde_json::{Value, json};
use switchboard::protocol::version::Surface;

use super::{decoded, refused};
use crate::tables::Tables;

/// The rows that are followed otherwise: structure, field (`*` at its end: all below), what, reason.
const EXCEPTIONS: &[(&str, &str, Fault, &str)] = &[
    ("filled_form", "recipients", Fault::Missing, "there is a default, as its rule says"),
    ("rich_message", "elements.title", Fault::Missing, "optional by the guide, as its rule says"),
    ("rich_message", "elements.subtitle", Fault::Missing, "optional by the guide, as its rule says"),
    ("rich_message", "elements.image", Fault::Missing, "optional by the guide, as its rule says"),
    ("rich_message", "elements.buttons.type", Fault::Missing, "the samples have buttons without it"),
    ("rich_message", "elements.buttons.value", Fault::Missing, "goes with the type"),
    ("rich_message", "elements.buttons.webview_height", Fault::Missing, "webviews only, by its rule"),
    ("rich_message", "elements.buttons.user_ids", Fault::Missing, "a button that nobody has pressed yet"),
    ("form", "fields.id", Fault::Missing, "the seeds' fields have a name in its stead (ruling C4)"),
    ("filled_form", "fields.id", Fault::Missing, "the seeds' fields have a name in its stead (ruling C4)"),
    ("filled_form", "fields.answer", Fault::Missing, "checkboxes have answers in its stead"),
    ("filled_form", "fields.answer.group_id", Fault::Missing, "group_chooser only, by its rule"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    WrongType,
}

/// Events that have every field of their structure between them; lists have one element.
fn full_events(kind: &str) -> Vec<Value> {
    let option = json!({"id": "0", "label": "yes"});
    let ecommerce = json!({
        "view_type": "tags", "product_id": "p", "label": "l", "options": [{"option_id": "o", "label": "l"}],
        "addons": [{"addon_type": "a"}],
    });
    let button = json!({
        "text": "b", "type": "webview", "value": "v", "webview_height": "full", "postback_id": "p",
        "user_ids": ["u"], "target": "new",
    });
    let own = match kind {
        "message" => vec![json!({
            "text": "x",
            "postback": {
                "id": "1", "thread_id": "T", "event_id": "T_1", "type": "message", "value": "v",
                "ecommerce": {"product_id": "p", "option_id": "o", "quantity": 1},
            },
        })],
        "rich_message" => vec![json!({"template_id": "cards", "elements": [{
            "title": "t", "subtitle": "s", "image": {"url": "https://a.example"}, "buttons": [button],
            "ecommerce": ecommerce,
        }]})],
        "file" => vec![json!({"url": "https://cdn.test/a.png", "alternative_text": "a"})],
        "form" => vec![json!({"form_id": "1", "fields": [
            {"type": "radio", "id": "1", "label": "l", "required": true, "options": [option]},
        ]})],
        "filled_form" => {
            let filled = |more: Value| {
                let mut field = json!({"type": "group_chooser", "id": "1", "label": "l"});
                for (name, value) in more.as_object().expect("an object") {
                    field[name] = value.clone();
                }
                json!({"form_id": "1", "fields": [field]})
            };
            let chosen = json!({"id": "1", "group_id": 7, "label": "g"});
            vec![filled(json!({"answer": chosen})), filled(json!({"type": "checkbox", "answers": [option]}))]
        }
        "system_message" => vec![json!({"system_message_type": "x", "text": "t", "text_vars": {"a": "b"}})],
        "custom" => vec![json!({"content": {"any": ["thing"]}})],
        other => panic!("no event of the kind {other}"),
    };
    let with_common = |mut event: Value| {
        event["type"] = json!(kind);
        event["custom_id"] = json!("c");
        event["visibility"] = json!("all");
        event["recipients"] = json!("all");
        event["properties"] = json!({"test": {"int_property": 1}});
        event
    };
    own.into_iter().map(with_common).collect()
}

/// A row of a structure: dotted name, type, whether it is required.
type Row = (String, String, bool);

/// What can be sent of an event of this kind, the fields of forms included.
fn rows(tables: &Tables, kind: &str) -> Vec<Row> {
    let structure = |name: &str, list: &str| {
        let rows = tables.part("structures")[name][list].as_array().cloned().unwrap_or_default();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let sent = rows.into_iter().filter(|row| row["in_request"] != json!(false));
        sent.map(|row| (text(&row, "name"), text(&row, "type"), row["required"] == true))
            .collect::<Vec<Row>>()
    };
    let event = format!("Event:{kind}");
    let mut rows = structure(&event, "request_fields");
    if rows.is_empty() {
        rows = structure(&event, "fields");
    }
    let of_fields = match kind {
        "form" => structure("FormField", "fields"),
        "filled_form" => structure("FilledFormField", "fields"),
        _ => Vec::new(),
    };
    rows.extend(
        of_fields.into_iter().map(|(name, kind, required)| (format!("fields.{name}"), kind, required)),
    );
    rows
}

/// The kinds of events that the tables let people send.
fn kinds(tables: &Tables) -> Vec<String> {
    let structures = tables.part("structures").as_object().expect("structures");
    let kinds = structures.keys().filter_map(|name| name.strip_prefix("Event:"));
    // `system` is made by the server alone.
    kinds.filter(|kind| *kind != "system" && *kind != "deleted").map(str::to_owned).collect()
}

/// A value that is none of the type; none where any value is one.
fn wrong(kind: &str) -> Value {
    match kind {
        "string" | "string or object" => json!(7),
        "int" | "number" | "bool" => json!("seven"),
        "object" | "Properties" => json!([1]),
        list if list.starts_with("[]") || list.contains("[]") || list == "array" => json!({"a": 1}),
        other => panic!("what is not of the type {other}?"),
    }
}

/// The event with another value of the field, or without the field; none if it does not have it.
fn changed(event: &Value, name: &str, value: Option<Value>) -> Option<Value> {
    let mut event = event.clone();
    let mut place = &mut event;
    let steps: Vec<&str> = name.split('.').collect();
    let (last, parents) = steps.split_last()?;
    for step in parents {
        place = place.get_mut(*step)?;
        if place.is_array() {
            place = place.get_mut(0)?;
        }
    }
    let object = place.as_object_mut()?;
    object.get(*last)?;
    match value {
        Some(value) => object.insert((*last).to_owned(), value),
        None => object.remove(*last),
    };
    Some(event)
}

#[test]
fn each_field_of_each_kind_of_event_is_named_if_it_is_wrong() {
    let mut holes = Vec::new();
    let mut played = 0;
    for surface in [Surface::Agent, Surface::Customer] {
        let tables = Tables::load(surface.as_str());
        for kind in kinds(&tables) {
            let events = full_events(&kind);
            let payload = |event: &Value| json!({"chat_id": "C", "event": event});
            for event in &events {
                decoded(surface, "send_event", &payload(event));
            }
            for (name, of, is_required) in rows(&tables, &kind) {
                let faults = [(Fault::WrongType, Some(wrong(&of))), (Fault::Missing, None)];
                for (fault, value) in
                    faults.into_iter().filter(|(fault, _)| is_required || *fault == Fault::WrongType)
                {
                    let bad = events.iter().find_map(|event| changed(event, &name, value.clone()));
                    let Some(bad) = bad else {
                        holes.push(format!("{surface:?} {kind}.{name}: not played"));
                        continue;
                    };
                    let is_excepted = |(on, field, what, _): &(&str, &str, Fault, &str)| {
                        *on == kind && *field == name && *what == fault
                    };
                    if EXCEPTIONS.iter().any(is_excepted) {
                        decoded(surface, "send_event", &payload(&bad));
                        continue;
                    }
                    played += 1;
                    let message = match super::decode(surface, "send_event", &payload(&bad)) {
                        Err(error) => error.message,
                        Ok(_) => {
                            holes.push(format!("{surface:?} {kind}.{name} {fault:?}: taken, {bad}"));
                            continue;
                        }
                    };
                    // An answer is of one of several shapes, and named as a whole.
                    let named =
                        name.strip_prefix("fields.answer.").map_or(name.as_str(), |_| "fields.answer");
                    let last = named.rsplit('.').next().unwrap_or(named);
                    if !message.contains(last) {
                        holes.push(format!("{surface:?} {kind}.{name} {fault:?}: {message}"));
                    }
                }
            }
        }
    }
    assert!(holes.is_empty(), "{}", holes.join("\n"));
    assert!(played > 150, "only {played} were played");
    // Nothing else is a list or a text in the stead of an event.
    for event in [json!([]), json!("x"), json!(7)] {
        assert_eq!(
            refused(Surface::Agent, "send_event", &json!({"chat_id": "C", "event": event})),
            "`event` must be of type object"
        );
    }
}
