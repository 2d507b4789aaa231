//! What a stored record says that this build does not know: a node of the next version wrote it. Whoever changes a record that
//! it only partly knows puts the rest back, so that nodes of two versions can work next to each other and nothing is lost.
//!
//! Only what is rewritten as a whole needs this (cells). Rows of logs are never changed by anybody.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What is unknown of a record, apart from what is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unknown(Part);

#[derive(Clone, Debug, Default, PartialEq)]
enum Part {
    #[default]
    Nothing,
    /// Members that are not known, and what is unknown inside of those that are.
    Object { members: Map<String, Value>, inside: BTreeMap<String, Part> },
    /// Of a list, the elements of which something is unknown, as far as they are known.
    List(Vec<(Value, Part)>),
}

impl Unknown {
    /// What a record of this text has beyond its value.
    ///
    /// # Errors
    /// Where the text is no JSON, or the value has no JSON form.
    pub fn of<T: Serialize>(stored: &[u8], value: &T) -> serde_json::Result<Self> {
        Ok(Self::between(&serde_json::from_slice(stored)?, &serde_json::to_value(value)?))
    }

    /// What a record has beyond what is known of it.
    pub fn between(stored: &Value, known: &Value) -> Self {
        Self(Part::between(stored, known))
    }

    /// Is everything known?
    pub fn is_nothing(&self) -> bool {
        self.0 == Part::Nothing
    }

    /// Adds what is unknown of another part of the same object.
    pub fn add(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (_, Part::Nothing) => {}
            (Part::Object { members, inside }, Part::Object { members: more, inside: more_inside }) => {
                members.extend(more);
                inside.extend(more_inside);
            }
            (part, other) => *part = other,
        }
    }

    /// The JSON of a value with what is unknown put back, where what it belongs to is still there.
    ///
    /// # Errors
    /// Where the value has no JSON form.
    pub fn with<T: Serialize>(&self, value: &T) -> serde_json::Result<Vec<u8>> {
        if self.is_nothing() {
            return serde_json::to_vec(value);
        }
        let mut json = serde_json::to_value(value)?;
        self.0.put_back(&mut json);
        serde_json::to_vec(&json)
    }
}

/// A record, and what of it is unknown.
///
/// # Errors
/// Where the text is no record of that kind.
pub fn decode<T: DeserializeOwned + Serialize>(stored: &[u8]) -> serde_json::Result<(T, Unknown)> {
    let value: T = serde_json::from_slice(stored)?;
    let unknown = Unknown::of(stored, &value)?;
    Ok((value, unknown))
}

impl Part {
    fn between(stored: &Value, known: &Value) -> Self {
        match (stored, known) {
            (Value::Object(stored), Value::Object(known)) => {
                let (mut members, mut inside) = (Map::new(), BTreeMap::new());
                for (name, value) in stored {
                    match known.get(name) {
                        None => drop(members.insert(name.clone(), value.clone())),
                        Some(known) => {
                            let part = Self::between(value, known);
                            if part != Self::Nothing {
                                inside.insert(name.clone(), part);
                            }
                        }
                    }
                }
                let is_nothing = members.is_empty() && inside.is_empty();
                if is_nothing { Self::Nothing } else { Self::Object { members, inside } }
            }
            (Value::Array(stored), Value::Array(known)) if stored.len() == known.len() => {
                let each = stored.iter().zip(known);
                let parts = each.map(|(stored, known)| (known.clone(), Self::between(stored, known)));
                let parts: Vec<_> = parts.filter(|(_, part)| *part != Self::Nothing).collect();
                if parts.is_empty() { Self::Nothing } else { Self::List(parts) }
            }
            _ => Self::Nothing,
        }
    }

    fn put_back(&self, json: &mut Value) {
        match (self, json) {
            (Self::Object { members, inside }, Value::Object(json)) => {
                add_absent(json, members);
                for (name, part) in inside {
                    if let Some(json) = json.get_mut(name) {
                        part.put_back(json);
                    }
                }
            }
            (Self::List(parts), Value::Array(json)) => {
                for element in json {
                    // One that was changed is another one.
                    if let Some((_, part)) = parts.iter().find(|(known, _)| known == element) {
                        part.put_back(element);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Adds the members that are not there, also inside of those that are.
fn add_absent(json: &mut Map<String, Value>, members: &Map<String, Value>) {
    for (name, value) in members {
        match (json.get_mut(name), value) {
            (None, _) => drop(json.insert(name.clone(), value.clone())),
            // Nothing in it was known, so it was left out as a whole; now something is there again.
            (Some(Value::Object(json)), Value::Object(members)) => add_absent(json, members),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Record {
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        #[serde(default)]
        fields: Vec<Field>,
        #[serde(default)]
        groups: BTreeMap<u32, Field>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Field {
        label: String,
    }

    fn stored() -> Value {
        json!({
            "name": "x", "note": "n", "colour": "red",
            "fields": [{ "label": "a", "width": 1 }, { "label": "b" }, { "label": "c", "width": 3 }],
            "groups": { "1": { "label": "g", "limits": { "calls": 5 } }, "2": { "label": "h", "size": 2 } },
        })
    }

    fn read() -> (Record, Unknown) {
        decode(stored().to_string().as_bytes()).expect("a record")
    }

    fn written(record: &Record, unknown: &Unknown) -> Value {
        serde_json::from_slice(&unknown.with(record).expect("JSON")).expect("JSON")
    }

    #[test]
    fn a_record_that_is_written_as_it_was_read_is_the_same() {
        let (record, unknown) = read();
        assert_eq!(written(&record, &unknown), stored());
        assert!(!unknown.is_nothing());
    }

    #[test]
    fn what_is_changed_keeps_what_is_unknown_around_it() {
        let (mut record, unknown) = read();
        record.name = "y".to_owned();
        record.note = None;
        record.fields.remove(1);
        record.fields[1].label = "changed".to_owned();
        record.groups.remove(&2);
        record.groups.insert(3, Field { label: "new".to_owned() });
        let expected = json!({
            "name": "y", "colour": "red",
            "fields": [{ "label": "a", "width": 1 }, { "label": "changed" }],
            "groups": { "1": { "label": "g", "limits": { "calls": 5 } }, "3": { "label": "new" } },
        });
        assert_eq!(written(&record, &unknown), expected);
    }

    #[test]
    fn what_is_unknown_inside_of_something_that_was_left_out_is_kept_when_that_comes_back() {
        #[derive(Serialize, Deserialize)]
        struct Outer {
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            inner: BTreeMap<Known, u32>,
        }
        #[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Known {
            Old,
        }
        let unknown = Unknown::between(&json!({ "inner": { "new": 1 } }), &json!({}));
        let outer = Outer { inner: BTreeMap::from([(Known::Old, 2)]) };
        let written: Value = serde_json::from_slice(&unknown.with(&outer).expect("JSON")).expect("JSON");
        assert_eq!(written, json!({ "inner": { "old": 2, "new": 1 } }));
    }

    #[test]
    fn where_all_is_known_nothing_is_put_back() {
        let known = json!({ "name": "x", "fields": [{ "label": "a" }], "groups": {} });
        let (record, unknown) = decode::<Record>(known.to_string().as_bytes()).expect("a record");
        assert!(unknown.is_nothing());
        assert_eq!(written(&record, &unknown), known);
    }
}
