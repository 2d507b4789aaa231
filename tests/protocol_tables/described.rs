//! What the descriptions for machines say of answers and pushes (`src/protocol/describe/structures.json`) is what the
//! tables say, with the exceptions that the checks of answers make: it is written by [`made`], and this fails where the file
//! is another.

use serde_json::{Map, Value, json};

use crate::tables::{Fault, Shape, Tables, payload_shape, structure_shape};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/protocol/describe/structures.json");

#[test]
fn answers_and_pushes_are_described_as_the_tables_have_them() {
    let made = json!({ "agent": made("agent"), "customer": made("customer") });
    let mut text = serde_json::to_string_pretty(&made).expect("JSON");
    text.push('\n');
    if std::env::var_os("SWITCHBOARD_TEST_WRITE").is_some() {
        std::fs::write(FILE, &text).expect("written");
    }
    let there = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        there == text,
        "structures.json is not what the tables say; SWITCHBOARD_TEST_WRITE=1 cargo test --test protocol_tables \
         described:: writes it"
    );
}

/// Schemas of a surface: answers by method, pushes by name, and the structures that they refer to.
fn made(surface: &str) -> Value {
    let tables = Tables::load(surface);
    let maker = Maker { surface, tables: &tables };
    let entries = |part: &'static str| tables.part(part).as_object().into_iter().flatten();
    let answers =
        entries("methods").map(|(action, row)| (action.clone(), maker.payload(action, &row["response"])));
    let pushes =
        entries("pushes").map(|(action, row)| (action.clone(), maker.payload(action, &row["payload"])));
    let mut structures: Map<String, Value> = entries("structures")
        .filter(|(name, _)| !["Properties", "SessionFields", "Error"].contains(&name.as_str()))
        .map(|(name, row)| (maker.component(name), maker.structure(name, row)))
        .collect();
    for kind in ["Event", "User"] {
        let mut kinds: Vec<Value> = entries("structures")
            .filter(|(name, _)| name.starts_with(&format!("{kind}:")))
            .map(|(name, _)| maker.refer(name))
            .collect();
        if kind == "Event" {
            kinds.push(json!({ "type": "object", "properties": { "type": { "const": "annotation" } } }));
        }
        structures.insert(maker.component(kind), json!({ "anyOf": kinds }));
    }
    json!({
        "answers": answers.collect::<Map<String, Value>>(),
        "pushes": pushes.collect::<Map<String, Value>>(),
        "structures": structures,
    })
}

struct Maker<'t> {
    surface: &'t str,
    tables: &'t Tables,
}

impl Maker<'_> {
    /// `Event:file` of agents: `agent.Event.file`.
    fn component(&self, structure: &str) -> String {
        format!("{}.{}", self.surface, structure.replace(':', "."))
    }

    fn refer(&self, structure: &str) -> Value {
        json!({ "$ref": format!("#/components/schemas/{}", self.component(structure)) })
    }

    fn payload(&self, action: &str, documented: &Value) -> Value {
        self.schema(&payload_shape(documented), action)
    }

    fn structure(&self, name: &str, row: &Value) -> Value {
        let rows = row["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut schema = self.schema(&structure_shape(name, rows), name);
        // What kind it is tells it from the others.
        let kind = match name.split_once(':') {
            Some(("Event", "deleted")) | None => return schema,
            Some(("User", "my_profile")) => "agent",
            Some((_, kind)) => kind,
        };
        schema["properties"]["type"] = json!({ "const": kind });
        schema
    }

    fn schema(&self, shape: &Shape, path: &str) -> Value {
        let text = || json!({ "type": "string" });
        let list = |items: Value| json!({ "type": "array", "items": items });
        let map = |values: Value| json!({ "type": "object", "additionalProperties": values });
        match shape {
            Shape::Any => json!({}),
            Shape::Either => json!({ "type": ["string", "object"] }),
            Shape::Text => text(),
            Shape::DateTime => json!({ "type": "string", "format": "date-time" }),
            Shape::Int => json!({ "type": "integer" }),
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::OneOf(texts) => json!({ "enum": texts }),
            Shape::List(inner) => list(self.schema(inner, path)),
            Shape::Map(inner) => map(self.schema(inner, path)),
            Shape::Named(name) if name == "Properties" => map(json!({ "type": "object" })),
            Shape::Named(name) if name == "SessionFields" => list(json!({
                "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": text(),
            })),
            Shape::Named(name) if name == "float" => json!({ "type": "number" }),
            Shape::Named(name) => self.refer(name),
            Shape::Object(fields) => {
                let at = |name: &str| format!("{path}.{name}");
                let properties: Map<String, Value> = fields
                    .iter()
                    .map(|(name, field)| (name.clone(), self.schema(&field.shape, &at(name))))
                    .collect();
                let required: Vec<&String> = fields
                    .iter()
                    .filter(|(name, field)| field.required && !self.tables.excepts(&at(name), Fault::Missing))
                    .map(|(name, _)| name)
                    .collect();
                let mut schema = json!({ "type": "object" });
                if !properties.is_empty() {
                    schema["properties"] = Value::Object(properties);
                }
                if !required.is_empty() {
                    schema["required"] = json!(required);
                }
                schema
            }
        }
    }
}
