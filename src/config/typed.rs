//! Values that people type as JSON. What is stored may come from a later version and say more than this one knows; what is
//! typed may not: a name that is not known is a misspelt one.

use serde::de::{DeserializeOwned, Error as _};

/// Reads a value, all of whose names have to be known.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_ignored::deserialize(&mut json, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    })?;
    json.end()?;
    match unknown {
        Some(path) => Err(serde_json::Error::custom(format!("unknown field `{path}`"))),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::license::WorkSchedule;
    use crate::domain::widget::Form;

    #[test]
    fn a_name_that_is_not_known_is_named() {
        let form = r#"{"fields":[{"type":"name","label":"Your name"}]}"#;
        assert!(from_json::<Form>(form).is_ok());
        for (text, path) in [
            (r#"{"fields":[],"feilds":[]}"#, "`feilds`"),
            (r#"{"fields":[{"type":"name","label":"x","requierd":true}]}"#, "`fields.0.requierd`"),
            (r#"{"fields":[{"type":"radio","label":"x","options":[{"label":"y","group":null}]}]}"#, "group`"),
        ] {
            let error = from_json::<Form>(text).expect_err(text).to_string();
            assert!(error.contains("unknown field") && error.contains(path), "{error}");
        }
        assert!(from_json::<Form>("{\"fields\":[]} x").is_err(), "nothing may follow");
        assert!(from_json::<WorkSchedule>(r#"{"timezone":"UTC","schedule":[],"zone":"x"}"#).is_err());
    }
}
