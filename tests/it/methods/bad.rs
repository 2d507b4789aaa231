//! Bad payloads, made from the good one by the method's own table.

use serde_json::{Value, json};
use switchboard::protocol::method::{HttpMethod, Method, Param, ParamKind};

/// A payload that has to be refused with `validation`, naming the parameter.
pub(super) struct Bad {
    pub(super) payload: Value,
    /// Dotted path of the parameter.
    pub(super) param: &'static str,
    pub(super) what: &'static str,
}

/// Each required parameter missing, and each that the good payload has with a wrong type.
pub(super) fn of(method: &Method, good: &Value) -> Vec<Bad> {
    let mut all = Vec::new();
    for param in method.params.iter().filter(|param| !param.name.contains('<')) {
        if param.required
            && let Some(payload) = changed(good, param, None)
        {
            all.push(Bad { payload, param: param.name, what: "missing" });
        }
        // In a query all is text.
        let is_text = method.http == HttpMethod::Get && param.kind == ParamKind::String;
        if let Some(wrong) = wrong(param.kind).filter(|_| !is_text)
            && let Some(payload) = changed(good, param, Some(wrong))
        {
            all.push(Bad { payload, param: param.name, what: "of a wrong type" });
        }
    }
    all
}

/// Where the payload names a chat: dotted path.
pub(super) fn chat_path(method: &Method) -> Option<&'static str> {
    let names = ["chat_id", "chat.id", "id"];
    let is_chat = |name: &&str| {
        method.param(name).is_some_and(|param| param.required && param.kind == ParamKind::String)
    };
    names.into_iter().find(is_chat)
}

/// The payload with another chat.
pub(super) fn with_chat(good: &Value, path: &str, chat: &str) -> Value {
    let mut payload = good.clone();
    let pointer = format!("/{}", path.replace('.', "/"));
    *payload.pointer_mut(&pointer).expect("the good payload names a chat") = json!(chat);
    payload
}

/// The payload with other values of some parameters.
pub(super) fn with(good: &Value, others: &Value) -> Value {
    let mut payload = good.clone();
    for (name, value) in others.as_object().into_iter().flatten() {
        payload[name] = value.clone();
    }
    payload
}

/// The payload with the parameter set, or taken out; none if it does not have it.
fn changed(good: &Value, param: &Param, value: Option<Value>) -> Option<Value> {
    let mut payload = good.clone();
    let steps: Vec<&str> = param.name.split('.').collect();
    let (last, parents) = steps.split_last()?;
    let mut place = &mut payload;
    for step in parents {
        place = place.get_mut(*step)?;
        if place.is_array() {
            place = place.get_mut(0)?;
        }
    }
    let object = place.as_object_mut()?;
    object.get(*last)?;
    match value {
        Some(value) => object.insert((*last).to_owned(), value),
        None => object.remove(*last),
    };
    Some(payload)
}

/// None where nothing is wrong.
fn wrong(kind: ParamKind) -> Option<Value> {
    Some(match kind {
        ParamKind::Any | ParamKind::Binary => return None,
        ParamKind::String => json!(7),
        ParamKind::Int | ParamKind::Bool => json!("seven"),
        ParamKind::Object | ParamKind::StringMap | ParamKind::Event => json!([]),
        ParamKind::ObjectOrObjects
        | ParamKind::Strings
        | ParamKind::Ints
        | ParamKind::IntsOrStrings
        | ParamKind::Values
        | ParamKind::Events
        | ParamKind::Users
        | ParamKind::SessionFields => json!("7"),
    })
}
