//! Properties, without those that the reader may not see at that place.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::View;
use crate::domain::event::Event;
use crate::domain::id::ClientId;
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

impl Readable<'_, Properties> {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for (namespace, values) in self.properties {
            if self.shows_any(namespace, values) {
                map.serialize_entry(namespace, &Namespace { readable: self, namespace, values })?;
            }
        }
        Ok(())
    }
}

impl Serialize for Readable<'_, Properties> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

/// What is readable of an event: the properties that were given to it, and the client that sent it.
pub(super) struct OfEvent<'a> {
    given: Readable<'a, Properties>,
    client: Option<&'a ClientId>,
}

impl<'a> OfEvent<'a> {
    pub(super) fn new(view: View<'a>, event: &'a Event) -> Self {
        let given = Readable { view, location: Location::Event, properties: &event.properties };
        let client = event.client.as_ref().filter(|_| given.shows("source", "client_id"));
        Self { given, client }
    }

    /// Is nothing left?
    pub(super) fn is_empty(&self) -> bool {
        self.client.is_none() && self.given.is_empty()
    }
}

impl Serialize for OfEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Source<'a> {
            client_id: &'a ClientId,
        }
        let mut map = serializer.serialize_map(None)?;
        self.given.entries(&mut map)?;
        if let Some(client_id) = self.client {
            map.serialize_entry("source", &Source { client_id })?;
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
