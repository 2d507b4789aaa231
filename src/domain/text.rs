//! Texts that the rules themselves write: reasons, names of parameters. In the program they are constants; when one
//! comes back from another node, it is looked up among those that are known and kept once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, de};

/// A text of the rules.
pub type Text = &'static str;

/// Different texts that are kept. The rules have a few hundred; whoever sends more is not a node of this program.
const MOST: usize = 1_024;
/// Bytes of the longest.
const LONGEST: usize = 256;

static KNOWN: Mutex<Option<HashSet<Text>>> = Mutex::new(None);

/// For `#[serde(deserialize_with)]` on fields of the type [`Text`].
///
/// # Errors
/// The format's, and for texts that no rule can have written.
pub fn known<'de, D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
    let text = String::deserialize(from)?;
    keep(text).ok_or_else(|| de::Error::custom("not a text of the rules"))
}

fn keep(text: String) -> Option<Text> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(text) = known.get(text.as_str()) {
        return Some(text);
    }
    if known.len() >= MOST || text.len() > LONGEST {
        return None;
    }
    let text: Text = text.leak();
    known.insert(text);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_a_long_one_not_at_all() {
        let first = keep("a text of the rules".to_owned()).expect("kept");
        let second = keep("a text of the rules".to_owned()).expect("kept");
        assert!(std::ptr::eq(first, second));
        assert_eq!(keep("x".repeat(LONGEST + 1)), None);
    }
}
