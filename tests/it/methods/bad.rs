//! Bad payloads, made from the good one by the method's own table.

use serde_json::{Map, Value, json};
use switchboard::protocol::method::{HttpMethod, Method, Param, ParamKind};

/// A payload that has to be refused with `validation`, naming the parameter.
pub(super) struct Bad {
    pub(super) payload: Value,
    /// Dotted path of the parameter.
    pub(super) param: &'static str,
    pub(super) what: &'static str,
}

/// How such payloads are called.
pub(super) const MISSING: &str = "missing";
/// How such payloads are called.
pub(super) const WRONG: &str = "of a wrong type";

/// Each required parameter missing, and each parameter with a wrong type. One that the good payload does not have stands alone
/// beside what is required: it may exclude others.
pub(super) fn of(method: &Method, good: &Value) -> Vec<Bad> {
    let mut all = Vec::new();
    for param in method.params {
        let name = written(param.name);
        if must_be_missed(param) {
            let payload = changed(good, &name, None).unwrap_or_else(|| {
                let (parent, _) =
                    name.rsplit_once('.').expect("what the good payload has not got has a parent");
                minimal(method, good, parent, json!({}))
            });
            all.push(Bad { payload, param: param.name, what: MISSING });
        }
        if let Some(wrong) = wrong_of(method, param) {
            let payload = changed(good, &name, Some(wrong.clone()));
            let payload = payload.unwrap_or_else(|| minimal(method, good, &name, wrong));
            all.push(Bad { payload, param: param.name, what: WRONG });
        }
    }
    all
}

/// Can its absence be played? Of a map each key is as good as another.
pub(super) fn must_be_missed(param: &Param) -> bool {
    param.required && !param.name.contains('<')
}

/// A value of another type; none where any value is of the type.
pub(super) fn wrong_of(method: &Method, param: &Param) -> Option<Value> {
    // In a query all is text.
    let is_text = method.http == HttpMethod::Get && param.kind == ParamKind::String;
    wrong(param.kind).filter(|_| !is_text)
}

/// The parameters that are required, as in the good payload, and this one: nothing that could exclude it.
pub(super) fn minimal(method: &Method, good: &Value, name: &str, value: Value) -> Value {
    let mut payload = Value::Object(Map::new());
    for required in method.params.iter().filter(|param| must_be_missed(param)) {
        // What stands inside of an optional object is required there alone.
        let parents = required.name.match_indices('.').map(|(end, _)| &required.name[..end]);
        let is_needed =
            parents.clone().all(|parent| method.param(parent).is_some_and(|param| param.required));
        let pointer = format!("/{}", required.name.replace('.', "/"));
        if is_needed && let Some(value) = good.pointer(&pointer) {
            insert(&mut payload, required.name, value.clone());
        }
    }
    insert(&mut payload, name, value);
    payload
}

fn insert(payload: &mut Value, path: &str, value: Value) {
    let place = path.split('.').fold(payload, |place, step| &mut place[step]);
    *place = value;
}

/// The name with keys of a license of the tests in the stead of `<namespace>` and its like.
fn written(name: &str) -> String {
    name.replace("<namespace>", "test").replace("<name>", "int_property").replace("<version>", "3.6")
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
fn changed(good: &Value, name: &str, value: Option<Value>) -> Option<Value> {
    let mut payload = good.clone();
    let steps: Vec<&str> = name.split('.').collect();
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
