//! Settings of a license that are a list, as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::overrides::OverrideError;
use super::widget::{MAX_VALUE, json};

/// A list by its name, with what it looks like and what good ones are.
pub(super) struct ListSetting {
    pub(super) name: &'static str,
    /// To follow "must be".
    pub(super) example: &'static str,
    /// To follow "must be", before what is wrong with one.
    pub(super) good: &'static str,
}

impl ListSetting {
    /// What the text says; the empty text is an empty list. `fault` may settle the list before it judges.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        text: &str,
        fault: impl FnOnce(&mut Vec<T>) -> Option<String>,
    ) -> Result<Vec<T>, OverrideError> {
        if text.len() > MAX_VALUE {
            return Err(OverrideError::wrong(self.name, "…", &format!("of at most {MAX_VALUE} bytes")));
        }
        let mut list: Vec<T> =
            if text.is_empty() { Vec::new() } else { json(self.name, text, self.example)? };
        match fault(&mut list) {
            Some(fault) => Err(OverrideError::wrong(self.name, text, &format!("{}: {fault}", self.good))),
            None => Ok(list),
        }
    }

    /// What was set: name and text; none for an empty list.
    pub(super) fn shown<T: Serialize>(&self, list: &[T]) -> Option<(&'static str, String)> {
        (!list.is_empty()).then(|| (self.name, serde_json::to_string(list).unwrap_or_default()))
    }
}
