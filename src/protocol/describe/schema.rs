//! A method's parameters as a JSON Schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::protocol::method::{Param, ParamKind};

/// An object's keys, in the order of their names.
#[derive(Default)]
struct Node {
    /// None where the table only has rows of what is inside.
    kind: Option<ParamKind>,
    required: bool,
    inside: BTreeMap<&'static str, Node>,
}

/// The schema of a payload with these parameters.
pub(super) fn payload(params: &'static [Param]) -> Value {
    let mut root = Node { kind: Some(ParamKind::Object), ..Node::default() };
    for param in params {
        let mut place = &mut root;
        for step in param.name.split('.') {
            place = place.inside.entry(step).or_default();
        }
        place.kind = Some(param.kind);
        place.required = param.required;
    }
    root.schema()
}

/// The schema of one value.
pub(super) fn of_kind(kind: ParamKind) -> Value {
    Node { kind: Some(kind), ..Node::default() }.schema()
}

impl Node {
    fn schema(&self) -> Value {
        let object = || self.object();
        let text = || json!({ "type": "string" });
        let list = |items: Value| json!({ "type": "array", "items": items });
        match self.kind.unwrap_or(ParamKind::Object) {
            ParamKind::String => text(),
            ParamKind::Int => json!({ "type": "integer" }),
            ParamKind::Bool => json!({ "type": "boolean" }),
            ParamKind::Object | ParamKind::Event => object(),
            ParamKind::ObjectOrObjects => json!({ "anyOf": [object(), list(object())] }),
            ParamKind::StringMap => json!({ "type": "object", "additionalProperties": text() }),
            ParamKind::Strings => list(text()),
            ParamKind::Ints => list(json!({ "type": "integer" })),
            ParamKind::IntsOrStrings => list(json!({ "type": ["integer", "string"] })),
            ParamKind::Values => list(json!({ "type": ["string", "integer", "boolean"] })),
            ParamKind::Events | ParamKind::Users => list(object()),
            ParamKind::SessionFields => list(json!({
                "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": text(),
            })),
            ParamKind::Any => json!({}),
            ParamKind::Binary => json!({ "type": "string", "format": "binary" }),
        }
    }

    /// Keys in angle brackets stand for any key.
    fn object(&self) -> Value {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, node) in &self.inside {
            if name.starts_with('<') {
                schema.insert("additionalProperties".to_owned(), node.schema());
                continue;
            }
            properties.insert((*name).to_owned(), node.schema());
            if node.required {
                required.push(*name);
            }
        }
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), Value::Object(properties));
        }
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        Value::Object(schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::method;
    use crate::protocol::version::Surface;

    #[test]
    fn dotted_rows_become_nested_objects_and_lists() {
        let start = method::find(Surface::Agent, "start_chat").expect("a method");
        let schema = payload(start.params);
        let users = &schema["properties"]["chat"]["properties"]["users"];
        assert_eq!(users["type"], "array");
        assert_eq!(users["items"]["required"], json!(["id", "type"]));
        let login = method::find(Surface::Customer, "login").expect("a method");
        let schema = payload(login.params);
        assert_eq!(schema["required"], json!(["token"]));
        assert_eq!(schema["properties"]["pushes"]["additionalProperties"]["type"], "array");
    }
}
