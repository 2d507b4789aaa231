//! Properties, without those that the reader may not see at that place.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::View;
use crate::domain::properties::{Properties, PropertyNames, PropertyValue};
use crate::domain::property_definitions::{Location, is_readable};

/// `namespace -> name -> value`, or `namespace -> names`, that stand at a location.
pub(super) struct Readable<'a, P> {
    pub(super) view: View<'a>,
    pub(super) location: Location,
    pub(super) properties: &'a P,
}

impl<P> Readable<'_, P> {
    fn shows(&self, namespace: &str, name: &str) -> bool {
        is_readable(namespace, name, self.location, self.view.surface.side())
    }
}

impl Readable<'_, Properties> {
    fn shows_any(&self, namespace: &str, values: &BTreeMap<String, PropertyValue>) -> bool {
        values.keys().any(|name| self.shows(namespace, name))
    }

    /// Is nothing left?
    pub(super) fn is_empty(&self) -> bool {
        !self.properties.iter().any(|(namespace, values)| self.shows_any(namespace, values))
    }
}

impl Readable<'_, PropertyNames> {
    fn readable<'n>(&self, namespace: &str, names: &'n [String]) -> Vec<&'n str> {
        names.iter().map(String::as_str).filter(|name| self.shows(namespace, name)).collect()
    }

    /// Is nothing left?
    pub(super) fn is_empty(&self) -> bool {
        self.properties.iter().all(|(namespace, names)| self.readable(namespace, names).is_empty())
    }
}

impl Serialize for Readable<'_, Properties> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (namespace, values) in self.properties {
            if self.shows_any(namespace, values) {
                map.serialize_entry(namespace, &Namespace { readable: self, namespace, values })?;
            }
        }
        map.end()
    }
}

struct Namespace<'a> {
    readable: &'a Readable<'a, Properties>,
    namespace: &'a str,
    values: &'a BTreeMap<String, PropertyValue>,
}

impl Serialize for Namespace<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.values.iter().filter(|(name, _)| self.readable.shows(self.namespace, name)))
    }
}

impl Serialize for Readable<'_, PropertyNames> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (namespace, names) in self.properties {
            let readable = self.readable(namespace, names);
            if !readable.is_empty() {
                map.serialize_entry(namespace, &readable)?;
            }
        }
        map.end()
    }
}
