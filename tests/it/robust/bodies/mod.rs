//! The body of every method, made from the method table: good, nearly good and wild, decoded as the server decodes them,
//! and sent to a real server. `PROPTEST_CASES` asks for more than the few of a usual run.

mod doc;
mod good;
mod sockets;
mod wild;

use std::collections::BTreeSet;

use good::Known;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;
use switchboard::protocol::error::{ErrorType, WireError};
use switchboard::protocol::method::{self, HttpMethod, Method, Param};
use switchboard::protocol::request::{decode, query_payload};
use switchboard::protocol::version::Surface;
use switchboard::protocol::{describe, envelope};

use crate::methods::fits;

/// Bodies of each method, where nobody asks for more.
const CASES: u32 = 48;
/// No message is longer, bytes: whatever a client writes, it does not come back whole.
const MAX_MESSAGE: usize = 512;

fn config() -> Config {
    let asked = std::env::var("PROPTEST_CASES").is_ok();
    let usual = Config::default();
    Config { cases: if asked { usual.cases } else { CASES }, failure_persistence: None, ..usual }
}

#[test]
fn any_body_of_an_agents_method_is_decoded_or_refused_by_name() {
    play(Surface::Agent);
}

#[test]
fn any_body_of_a_customers_method_is_decoded_or_refused_by_name() {
    play(Surface::Customer);
}

fn play(surface: Surface) {
    let described: Value = serde_json::from_str(&describe::asyncapi("http://127.0.0.1")).expect("JSON");
    let (mut never_taken, mut faults) = (Vec::new(), Vec::new());
    // Files come as forms, not as JSON.
    let decoded_ones = |method: &&Method| method.surface == surface && method.action != "upload_file";
    for method in method::all().filter(decoded_ones) {
        let message = &described["channels"][surface.as_str()]["messages"][method.action];
        let schema = message.pointer("/payload/properties/payload");
        let taken = std::cell::Cell::new(0_u32);
        let played = TestRunner::new(config()).run(&wild::bodies(method, &Known::default()), |body| {
            let is_taken = decoded(method, &body, schema).map_err(TestCaseError::fail)?;
            taken.set(taken.get() + u32::from(is_taken));
            Ok(())
        });
        faults.extend(played.err().map(|error| format!("{} {}: {error}", surface.as_str(), method.action)));
        if taken.get() == 0 {
            never_taken.push(method.action);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(never_taken.is_empty(), "no body went well: {never_taken:?}");
}

/// Decodes a body as it comes by each way; true if it is taken.
fn decoded(method: &'static Method, body: &str, schema: Option<&Value>) -> Result<bool, String> {
    let by_web = match envelope::web_payload(body.as_bytes()) {
        Ok(payload) => decode(method, payload).map(drop),
        Err(error) => Err(error),
    };
    let is_json = serde_json::from_str::<Value>(body);
    if let Err(error) = &by_web {
        told_well(method, is_json.as_ref().ok(), error)?;
    }
    if let (Ok(()), Ok(value), Some(schema)) = (&by_web, &is_json, schema)
        && !value.is_null()
        && !fits(schema, &without_nulls(value))
    {
        return Err(format!("taken, though it is not as described: {body}"));
    }
    let frame =
        format!(r#"{{"version":"3.6","request_id":"r","action":"{}","payload":{body}}}"#, method.action);
    match envelope::parse(&frame) {
        Ok(request) => {
            let by_rtm = decode(method, request.payload).map(drop);
            let is_same = by_rtm == by_web || body.trim().is_empty();
            if !is_same {
                return Err(format!("by RTM {by_rtm:?}, by Web {by_web:?}"));
            }
        }
        Err(bad) if bad.request_id.as_deref() == Some("r") || is_json.is_err() => {
            told_well(method, None, &bad.error)?;
        }
        Err(bad) => return Err(format!("the frame is bad, its body is not: {:?}", bad.error)),
    }
    if let (HttpMethod::Get, Ok(value)) = (method.http, &is_json) {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs = |param: &Param| Some((param.name.to_owned(), text(value.get(param.name)?)));
        let pairs: Vec<_> = method.params.iter().filter_map(pairs).collect();
        let payload = query_payload(method, &pairs, None).map_err(|error| error.message)?;
        if let Err(error) = decode(method, Some(&payload)) {
            told_well(method, serde_json::from_str(payload.get()).ok().as_ref(), &error)?;
        }
    }
    Ok(by_web.is_ok())
}

/// An error is of the protocol's shape, not long, and names the parameter where there is one to name.
fn told_well(method: &Method, body: Option<&Value>, error: &WireError) -> Result<(), String> {
    let fault = |what: &str| Err(format!("{what}: {:?} {:?}", error.kind, error.message));
    let known = [ErrorType::Validation, ErrorType::NotFound, ErrorType::UnsupportedVersion];
    if !known.contains(&error.kind) {
        return fault("not an error of a payload");
    }
    let shown: Value = serde_json::from_str(&error.body()).map_err(|error| error.to_string())?;
    if shown != serde_json::json!({ "error": { "type": error.kind.as_str(), "message": error.message } }) {
        return fault("not the protocol's shape");
    }
    if error.message.is_empty() || error.message.len() > MAX_MESSAGE {
        return fault("no message of a usual length");
    }
    if !body.is_some_and(Value::is_object) {
        return Ok(());
    }
    // What only the other side has of a method is read for its type, too, and then left alone.
    let same = method::all().filter(|other| other.action == method.action);
    let tables = same.flat_map(|method| method.params).filter_map(|param| param.name.split('.').next());
    // What `login` takes beyond the protocol.
    let names: BTreeSet<&str> = tables.chain((method.action == "login").then_some("resume")).collect();
    let quoted = error.message.split('`').nth(1).unwrap_or_default();
    let named = names.contains(quoted.split(['.', '[']).next().unwrap_or_default());
    let is_of_all =
        error.message.starts_with("the payload nests") || error.message.starts_with("at least one of ");
    if named || is_of_all || error.kind == ErrorType::NotFound {
        return Ok(());
    }
    fault("names no parameter")
}

/// Null counts as absent.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let there = entries.iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}
