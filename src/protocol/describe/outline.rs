//! A schema as lines for people: what keys there are, and of which type each is.

use serde_json::Value;

/// How references to structures begin.
const COMPONENTS: &str = "#/components/schemas/";

/// A key of a payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it is, such as `chat.thread` or `events[].id`.
    pub(super) path: String,
    /// Its type, as HTML with links to structures.
    pub(super) kind: String,
    /// It is always there.
    pub(super) required: bool,
}

/// The keys of a payload, those inside of objects after these. A payload that is no object is one line without a path.
pub(super) fn lines(schema: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    inside(schema, "", &mut lines);
    let is_empty_object = schema["type"] == "object" && schema.get("additionalProperties").is_none();
    if lines.is_empty() && !is_empty_object {
        lines.push(Line { path: String::new(), kind: kind(schema), required: true });
    }
    lines
}

fn inside(schema: &Value, at: &str, lines: &mut Vec<Line>) {
    let is_required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
    };
    for (name, value) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}{name}");
        lines.push(Line { path: escaped(&path), kind: kind(value), required: is_required(name) });
        inside(value, &format!("{path}."), lines);
        inside(&value["items"], &format!("{path}[]."), lines);
    }
}

/// The type of a value.
fn kind(schema: &Value) -> String {
    let all = |list: &Value, told: fn(&Value) -> String, between: &str| {
        list.as_array().into_iter().flatten().map(told).collect::<Vec<_>>().join(between)
    };
    if let Some(structure) = schema["$ref"].as_str() {
        let name = escaped(structure.trim_start_matches(COMPONENTS));
        let shown = name.split_once('.').map_or(name.as_str(), |(_, name)| name);
        return format!("<a href=\"#{name}\">{shown}</a>");
    }
    if schema["anyOf"].is_array() {
        return all(&schema["anyOf"], kind, " or ");
    }
    if schema["enum"].is_array() {
        return all(&schema["enum"], literal, " | ");
    }
    if let Some(only) = schema.get("const") {
        return literal(only);
    }
    match (&schema["type"], schema["format"].as_str()) {
        (Value::Array(_), _) => all(&schema["type"], literal, " or "),
        (Value::String(_), Some(format)) => escaped(format),
        (Value::String(name), None) => match (name.as_str(), schema.get("additionalProperties")) {
            ("array", _) => format!("list of {}", kind(&schema["items"])),
            ("object", Some(values)) => format!("map of {}", kind(values)),
            (name, _) => escaped(name),
        },
        _ => "any".to_owned(),
    }
}

fn literal(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// A text as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_told_with_their_types_and_structures_are_led_to() {
        let schema = json!({
            "type": "object", "required": ["chat"],
            "properties": {
                "chat": { "$ref": "#/components/schemas/agent.Chat" },
                "list": { "type": "array", "items": { "type": "object", "properties": {
                    "at": { "type": "string", "format": "date-time" }, "level": { "enum": ["a", "<b>"] },
                } } },
                "map": { "type": "object", "additionalProperties": { "type": "integer" } },
            },
        });
        let told: Vec<(String, String, bool)> =
            lines(&schema).into_iter().map(|line| (line.path, line.kind, line.required)).collect();
        let expected = [
            ("chat", "<a href=\"#agent.Chat\">Chat</a>", true),
            ("list", "list of object", false),
            ("list[].at", "date-time", false),
            ("list[].level", "a | &lt;b&gt;", false),
            ("map", "map of integer", false),
        ];
        assert_eq!(told, expected.map(|(path, kind, required)| (path.to_owned(), kind.to_owned(), required)));
        assert_eq!(lines(&json!({ "type": "object" })), []);
        let list = lines(&json!({ "type": "array", "items": { "type": "string" } }));
        assert_eq!((list[0].path.as_str(), list[0].kind.as_str()), ("", "list of string"));
    }
}
