//! The query string of a call by GET, as the payload that it stands for, with what a body adds to it.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::protocol::error::WireError;
use crate::protocol::method::{Method, ParamKind};

/// The parameters that the method has, each as a value of its type. What is no such value stays a text, so that whoever
/// decodes it can name it; of what stands there twice the first counts, and the query before the body.
///
/// # Errors
/// `validation` for a body that is no object.
pub fn query_payload(
    method: &Method,
    pairs: &[(String, String)],
    body: Option<&RawValue>,
) -> Result<Box<RawValue>, WireError> {
    let said = body.map(|body| serde_json::from_str::<Option<Map<String, Value>>>(body.get())).transpose();
    let said = said.map_err(|_| WireError::validation("the body must be a JSON object"))?;
    let mut payload = said.flatten().unwrap_or_default();
    for param in method.params {
        let Some((_, text)) = pairs.iter().find(|(name, _)| name == param.name) else { continue };
        let value = match param.kind {
            ParamKind::Int => text.parse().ok().map(|number: i64| Value::from(number)),
            ParamKind::Bool => text.parse().ok().map(Value::Bool),
            _ => None,
        };
        payload.insert(param.name.to_owned(), value.unwrap_or_else(|| Value::from(text.as_str())));
    }
    serde_json::value::to_raw_value(&payload).map_err(|error| WireError::validation(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::method;
    use crate::protocol::version::Surface;

    #[test]
    fn parameters_get_their_types_and_strangers_are_left_out() {
        let method = method::find(Surface::Customer, "get_dynamic_configuration").expect("a method");
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let pairs = [
            pair("group_id", "7"),
            pair("group_id", "8"),
            pair("url", "12"),
            pair("test", "true"),
            pair("license_id", "x"),
            pair("stranger", "1"),
        ];
        let payload = query_payload(method, &pairs, None).expect("a payload");
        assert_eq!(payload.get(), r#"{"group_id":7,"license_id":"x","test":true,"url":"12"}"#);
        let body = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
        let said = body(r#"{"group_id":9,"channel_type":"code"}"#);
        let payload = query_payload(method, &pairs[..1], Some(&said)).expect("a payload");
        assert_eq!(payload.get(), r#"{"channel_type":"code","group_id":7}"#);
        assert_eq!(query_payload(method, &[], Some(&body("null"))).expect("a payload").get(), "{}");
        assert!(query_payload(method, &[], Some(&body("[1]"))).is_err());
    }
}
