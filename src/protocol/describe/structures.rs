//! What answers and pushes look like, and the structures in them: `structures.json`, which is written from the protocol's
//! tables. A test of the tables fails where both differ, and every answer of a test over sockets is compared with the same tables.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::error_schema;
use crate::protocol::version::Surface;

static SCHEMAS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("structures.json")).unwrap_or_default());

/// How references to structures begin.
const COMPONENTS: &str = "#/components/schemas/";

/// The schema of what a method answers.
pub(super) fn answer(surface: Surface, action: &str) -> &'static Value {
    &SCHEMAS[surface.as_str()]["answers"][action]
}

/// The schema of what a push tells.
pub(super) fn push(surface: Surface, action: &str) -> &'static Value {
    &SCHEMAS[surface.as_str()]["pushes"][action]
}

/// The structures that a document refers to, those in them as well, and the error.
pub(super) fn components(document: &Value) -> Map<String, Value> {
    let mut found = Map::from_iter([("Error".to_owned(), error_schema())]);
    let mut open = BTreeSet::new();
    references(document, &mut open);
    while let Some(name) = open.pop_first() {
        let surface = name.split('.').next().unwrap_or_default();
        if let Some(schema) = SCHEMAS[surface]["structures"].get(name)
            && !found.contains_key(name)
        {
            found.insert(name.to_owned(), schema.clone());
            references(schema, &mut open);
        }
    }
    found
}

fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(entries) => {
            let named = entries.get("$ref").and_then(Value::as_str);
            found.extend(named.and_then(|named| named.strip_prefix(COMPONENTS)));
            entries.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::method;
    use crate::protocol::view::PUSHES;

    #[test]
    fn whatever_is_served_is_described() {
        for method in method::all() {
            assert!(answer(method.surface, method.action).is_object(), "{}", method.action);
        }
        for (surface, name) in PUSHES {
            assert!(push(*surface, name).is_object(), "{name}");
        }
    }

    #[test]
    fn every_reference_leads_to_a_structure() {
        for document in [super::super::openapi("http://a"), super::super::asyncapi("http://a")] {
            let document: Value = serde_json::from_str(&document).expect("JSON");
            let mut named = BTreeSet::new();
            references(&document, &mut named);
            assert!(named.contains("agent.Chat") && named.contains("customer.Event.message"), "{named:?}");
            for name in named {
                assert!(document["components"]["schemas"][name].is_object(), "{name}");
            }
        }
    }
}
