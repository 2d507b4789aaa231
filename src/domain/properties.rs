//! Key-value stores on chats, threads and events: `namespace -> name -> value`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a property can hold (integers are 32-bit on the wire).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PropertyValue {
    /// A truth value.
    Bool(bool),
    /// A 32-bit signed integer.
    Int(i32),
    /// A text.
    String(String),
}

/// `namespace -> name -> value`; the same shape in requests, answers and pushes.
pub type Properties = BTreeMap<String, BTreeMap<String, PropertyValue>>;

/// `namespace -> names`: how a deletion names properties.
pub type PropertyNames = BTreeMap<String, Vec<String>>;

/// Which properties a question is about: of one namespace, of one name, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The namespace; none: of any.
    pub namespace: Option<String>,
    /// The name; none: of any.
    pub name: Option<String>,
}

impl Wanted {
    /// Those that are asked for.
    pub fn among(&self, properties: &Properties) -> Properties {
        let is_in = |namespace: &String| self.namespace.as_ref().is_none_or(|wanted| wanted == namespace);
        let is_called = |name: &String| self.name.as_ref().is_none_or(|wanted| wanted == name);
        let chosen =
            properties.iter().filter(|(namespace, _)| is_in(namespace)).map(|(namespace, values)| {
                let values = values.iter().filter(|(name, _)| is_called(name));
                (namespace.clone(), values.map(|(name, value)| (name.clone(), value.clone())).collect())
            });
        chosen.collect()
    }
}

/// Sets every property of `changes` in `properties`, leaving the others alone.
pub fn merge(properties: &mut Properties, changes: &Properties) {
    for (namespace, values) in changes {
        let slot = properties.entry(namespace.clone()).or_default();
        for (name, value) in values {
            slot.insert(name.clone(), value.clone());
        }
    }
}

/// Removes every property that `names` names; namespaces left empty go too.
pub fn remove(properties: &mut Properties, names: &PropertyNames) {
    for (namespace, names) in names {
        if let Some(values) = properties.get_mut(namespace) {
            for name in names {
                values.remove(name);
            }
            if values.is_empty() {
                properties.remove(namespace);
            }
        }
    }
}

/// Those of the names that are set; namespaces left empty are left out.
pub fn among(names: &PropertyNames, properties: &Properties) -> PropertyNames {
    let set = names.iter().map(|(namespace, names)| {
        let names = names.iter().filter(|name| get(properties, namespace, name).is_some());
        (namespace.clone(), names.cloned().collect::<Vec<_>>())
    });
    set.filter(|(_, names)| !names.is_empty()).collect()
}

/// One property, if set.
pub fn get<'a>(properties: &'a Properties, namespace: &str, name: &str) -> Option<&'a PropertyValue> {
    properties.get(namespace)?.get(name)
}

/// Whether a switch is on.
pub fn is_on(properties: &Properties, namespace: &str, name: &str) -> bool {
    get(properties, namespace, name) == Some(&PropertyValue::Bool(true))
}

/// Sets one property.
pub fn set(properties: &mut Properties, namespace: &str, name: &str, value: PropertyValue) {
    properties.entry(namespace.to_owned()).or_default().insert(name.to_owned(), value);
}
