//! JSON as clients may write it: keys that stand twice, numbers of any length, escapes that are none.

use std::fmt;

use serde_json::Value;

/// A document, or what pretends to be one.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    /// Written as it stands.
    Raw(String),
    List(Vec<Doc>),
    /// In this order; keys may stand twice.
    Object(Vec<(String, Doc)>),
}

impl Doc {
    /// Of a value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(entries) => {
                Self::Object(entries.iter().map(|(key, value)| (key.clone(), Self::of(value))).collect())
            }
            other => Self::Raw(other.to_string()),
        }
    }

    /// Nested so deep.
    pub(super) fn deep(levels: usize, in_objects: bool) -> Self {
        let (open, close) = if in_objects { ("{\"a\":", "}") } else { ("[", "]") };
        Self::Raw(format!("{}1{}", open.repeat(levels), close.repeat(levels)))
    }

    /// How many places it has, itself included.
    pub(super) fn places(&self) -> usize {
        1 + match self {
            Self::Raw(_) => 0,
            Self::List(items) => items.iter().map(Self::places).sum(),
            Self::Object(entries) => entries.iter().map(|(_, value)| value.places()).sum(),
        }
    }

    /// The place of this number, counted as it is written.
    pub(super) fn place(&mut self, number: usize) -> Option<&mut Self> {
        self.walk(&mut { number })
    }

    fn walk(&mut self, left: &mut usize) -> Option<&mut Self> {
        if *left == 0 {
            return Some(self);
        }
        *left -= 1;
        match self {
            Self::Raw(_) => None,
            Self::List(items) => items.iter_mut().find_map(|item| item.walk(left)),
            Self::Object(entries) => entries.iter_mut().find_map(|(_, value)| value.walk(left)),
        }
    }
}

impl fmt::Display for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("[")?;
                for (number, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if number == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(entries) => {
                f.write_str("{")?;
                for (number, (key, value)) in entries.iter().enumerate() {
                    let key = Value::from(key.as_str());
                    write!(f, "{}{key}:{value}", if number == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}
