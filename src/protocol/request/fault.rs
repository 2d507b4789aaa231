//! What is wrong with a payload that could not be decoded: the first parameter at fault, by its name.
//!
//! Only failures pay for this. The payload becomes a tree, the method's rows of the table are walked over it;
//! what the table does not describe (the inside of events, properties) is left to serde's own path.

use serde::Deserialize;
use serde_json::Value;

use crate::protocol::error::WireError;
use crate::protocol::method::{Method, Param, ParamKind};

/// How deep objects and arrays may nest; what serde_json itself can read back.
const MAX_DEPTH: usize = 100;

/// Refuses payloads that nest too deeply. Parts that are carried unread would pass serde_json's own limit.
pub(super) fn check_depth(text: &str) -> Result<(), WireError> {
    if openings(text) <= MAX_DEPTH || deepest(text) <= MAX_DEPTH {
        return Ok(());
    }
    Err(WireError::validation(format!("the payload nests more than {MAX_DEPTH} levels deep")))
}

/// In pieces whose counts fit into a byte, which processors add up many at a time.
fn openings(text: &str) -> usize {
    let count = |piece: &[u8]| piece.iter().map(|byte| u8::from(matches!(byte, b'{' | b'['))).sum::<u8>();
    text.as_bytes().chunks(128).map(|piece| usize::from(count(piece))).sum()
}

/// Nesting outside of strings; the text is known to be JSON.
fn deepest(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Names what kept the payload from being a `T`.
pub(super) fn explain<'a, T: Deserialize<'a>>(method: &Method, text: &'a str) -> WireError {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => {
            let payload = Value::Object(object);
            let wrong = method.params.iter().find_map(|param| wrong_param(param, &payload));
            wrong.map_or_else(|| explain_inside::<T>("", text), WireError::validation)
        }
        Ok(_) => WireError::validation("`payload` must be of type object"),
        Err(error) => WireError::validation(format!("malformed JSON: {error}")),
    }
}

/// Names what kept a part of a payload, which stands at `path`, from being a `T`.
pub(super) fn explain_inside<'a, T: Deserialize<'a>>(path: &str, text: &'a str) -> WireError {
    let mut reader = serde_json::Deserializer::from_str(text);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
        return WireError::validation("malformed payload");
    };
    let inner_path = error.path().to_string();
    let full_path = match (path, inner_path.as_str()) {
        ("", inner) => inner,
        (path, ".") => path,
        (path, inner) => &format!("{path}.{inner}"),
    };
    let reason = error.inner().to_string();
    // The position counts from the payload's begin, which the client does not see.
    let reason = reason.split(" at line ").next().unwrap_or(&reason);
    if let Some(rest) = reason.strip_prefix("missing field `")
        && let Some((field, _)) = rest.split_once('`')
    {
        let parent = if full_path == "." { String::new() } else { format!("{full_path}.") };
        return WireError::validation(format!("`{parent}{field}` is required"));
    }
    if let Some(field) = reason.strip_prefix("duplicate field `").and_then(|rest| rest.strip_suffix('`')) {
        let parent = if full_path == "." { String::new() } else { format!("{full_path}.") };
        return WireError::validation(format!("`{parent}{field}` is given twice"));
    }
    // Null counts as absent.
    if reason.starts_with("invalid type: null") {
        return WireError::validation(format!("`{full_path}` is required"));
    }
    let reason = match reason {
        untagged if untagged.contains("enum PropertyValue") => "must be a bool, a 32-bit integer or a string",
        untagged if untagged.contains("enum FormAnswer") => "must be a string or an object with id and label",
        untagged if untagged.contains("enum WireForms") => "must be an object or an array of objects",
        untagged if untagged.contains("enum Tracked") => "must be an int or a string",
        other => other,
    };
    WireError::validation(format!("`{full_path}`: {reason}"))
}

/// The message if the payload does not obey this row.
fn wrong_param(param: &Param, payload: &Value) -> Option<String> {
    let mut parents = vec![payload];
    let steps: Vec<&str> = param.name.split('.').collect();
    let (last, path) = steps.split_last()?;
    for step in path {
        parents = parents.iter().flat_map(|parent| children(parent, step)).flat_map(elements).collect();
    }
    for parent in parents {
        let found = children(parent, last);
        if param.required && found.is_empty() && !last.starts_with('<') && parent.is_object() {
            return Some(format!("`{}` is required", param.name));
        }
        if found.iter().any(|value| !fits(param.kind, value)) {
            return Some(format!("`{}` must be of type {}", param.name, param.kind.as_str()));
        }
    }
    None
}

/// What stands under a step of a path: `<name>` is any key, null is nothing.
fn children<'v>(parent: &'v Value, step: &str) -> Vec<&'v Value> {
    let found: Vec<&Value> = match parent {
        Value::Object(object) if step.starts_with('<') => object.values().collect(),
        Value::Object(object) => object.get(step).into_iter().collect(),
        _ => Vec::new(),
    };
    found.into_iter().filter(|value| !value.is_null()).collect()
}

/// A list stands for its elements, everything else for itself.
fn elements(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |elements| elements.iter().collect())
}

fn fits(kind: ParamKind, value: &Value) -> bool {
    let all = |test: fn(&Value) -> bool| value.as_array().is_some_and(|elements| elements.iter().all(test));
    match kind {
        ParamKind::String => value.is_string(),
        ParamKind::Int => value.is_i64(),
        ParamKind::Bool => value.is_boolean(),
        ParamKind::Object | ParamKind::Event => value.is_object(),
        ParamKind::ObjectOrObjects => value.is_object() || all(Value::is_object),
        ParamKind::StringMap => is_string_map(value),
        ParamKind::Strings => all(Value::is_string),
        ParamKind::Ints => all(Value::is_i64),
        ParamKind::Any | ParamKind::Binary => true,
        ParamKind::IntsOrStrings => all(Value::is_i64) || all(Value::is_string),
        ParamKind::Values => all(|value| value.is_string() || value.is_i64() || value.is_boolean()),
        ParamKind::Events | ParamKind::Users => all(Value::is_object),
        ParamKind::SessionFields => {
            all(|value| is_string_map(value) && value.as_object().is_some_and(|object| object.len() == 1))
        }
    }
}

fn is_string_map(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.values().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_too_deeply_is_refused_and_what_is_only_wide_is_not() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check_depth(&nested(MAX_DEPTH)).is_ok());
        for depth in [MAX_DEPTH + 1, 127, 128, 129, 256, 257, 10_000] {
            assert!(check_depth(&nested(depth)).is_err(), "{depth} levels");
        }
        assert!(check_depth(&format!("[{}{{}}]", "[],".repeat(1_000))).is_ok());
        assert!(check_depth(&format!(r#"["{}"]"#, "[{".repeat(1_000))).is_ok());
    }
}
