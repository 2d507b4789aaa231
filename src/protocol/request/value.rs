//! The small values that many payloads share: ids, groups, times, session fields.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fault::explain_inside;
use crate::domain::id::{AgentId, ChatId, CustomerId, EventId, GroupId, ThreadId};
use crate::domain::time::Timestamp;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::time;

/// No id of any kind is longer, bytes.
const MAX_ID: usize = 255;
/// Groups that one request may name.
const MAX_GROUPS: usize = 200;

/// Checks the shape that every id has, so that no oddity reaches a key of the store.
pub(super) fn check_id(path: &str, id: &str) -> Result<(), WireError> {
    let is_id = (1..=MAX_ID).contains(&id.len()) && !id.chars().any(|c| c.is_control() || c.is_whitespace());
    if is_id { Ok(()) } else { Err(WireError::validation(format!("`{path}` is not an id"))) }
}

/// An id that has just come in: [`IncomingId::checked`] makes sure of its shape.
pub(super) trait IncomingId: Sized {
    fn text(&self) -> &str;

    fn checked(self, path: &str) -> Result<Self, WireError> {
        check_id(path, self.text())?;
        Ok(self)
    }
}

macro_rules! incoming_ids {
    ($($name:ident),*) => {
        $(impl IncomingId for $name {
            fn text(&self) -> &str {
                self.as_str()
            }
        })*
    };
}

incoming_ids!(ChatId, ThreadId, AgentId, CustomerId, String);

/// The event of a thread that a request names. An id that no event can have, or one of another thread: the event does
/// not exist.
pub(super) fn event_of(thread: &ThreadId, event: String) -> Result<EventId, WireError> {
    EventId::parse(&event.checked("event_id")?)
        .filter(|event| event.thread == *thread)
        .ok_or_else(|| WireError::new(ErrorType::NotFound, "event not found"))
}

/// Checks the groups of a filter or an access.
pub(super) fn check_groups(path: &str, groups: &[GroupId]) -> Result<(), WireError> {
    if groups.len() > MAX_GROUPS {
        return Err(WireError::validation(format!("`{path}` must have at most {MAX_GROUPS} elements")));
    }
    Ok(())
}

/// Reads a moment.
pub(super) fn moment(path: &str, text: &str) -> Result<Timestamp, WireError> {
    time::parse(text)
        .ok_or_else(|| WireError::validation(format!("`{path}` must be a date-time as of RFC 3339")))
}

/// Decodes a part of the payload that was left unread at first.
pub(super) fn part<'a, T: Deserialize<'a>>(path: &str, raw: &'a RawValue) -> Result<T, WireError> {
    let part = serde_json::from_str(raw.get()).map_err(|_| explain_inside::<T>(path, raw.get()))?;
    check_readable(path, raw)?;
    Ok(part)
}

/// A document that is carried as given must be one that every reader can read: unread parts of a payload may
/// still hold half of a surrogate pair, or a number that fits no float.
pub(super) fn check_readable(path: &str, raw: &RawValue) -> Result<(), WireError> {
    serde_json::from_str(raw.get())
        .map(|Readable| ())
        .map_err(|_| explain_inside::<Readable>(path, raw.get()))
}

/// The same of a document that has to be an object.
pub(super) fn check_document(path: &str, raw: &RawValue) -> Result<(), WireError> {
    part::<Object<Readable>>(path, raw).map(|_| ())
}

/// An object, and no array: serde would take one for a struct.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Whole<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Whole(PhantomData))
    }
}

/// Any value, read to its last character and dropped.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Readable)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

/// An object with exactly one key and a text.
#[derive(Clone, Debug)]
pub(super) struct SessionField(pub(super) String, pub(super) String);

impl<'de> Deserialize<'de> for SessionField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneKey;
        impl<'de> Visitor<'de> for OneKey {
            type Value = SessionField;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object with exactly one key and a string")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SessionField, A::Error> {
                let entry = map.next_entry()?;
                let (key, value) = entry.ok_or_else(|| Error::invalid_length(0, &self))?;
                if map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    return Err(Error::invalid_length(2, &self));
                }
                Ok(SessionField(key, value))
            }
        }
        deserializer.deserialize_map(OneKey)
    }
}
