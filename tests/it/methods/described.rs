//! The documents at `/openapi.json` and `/asyncapi.json` say what the server does, neither more nor less.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use switchboard::protocol::method;
use switchboard::protocol::view::PUSHES;

use super::world::{Transport, World, ask, caller};
use super::{bad, payloads};
use crate::support::shared;

async fn document(base: &str, path: &str) -> Value {
    let response = reqwest::get(format!("{base}{path}")).await.expect("the server answers");
    assert_eq!(response.headers()["content-type"], "application/json", "{path}");
    serde_json::from_str(&response.text().await.expect("a body")).expect("JSON")
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn what_openapi_names_is_served_and_what_is_served_is_named() {
    let base = shared().await.base();
    let openapi = document(&base, "/openapi.json").await;
    assert_eq!((&openapi["openapi"], &openapi["servers"][0]["url"]), (&json!("3.1.0"), &json!(base)));
    let tables = ["agent", "customer"].map(|surface| (surface, crate::support::tables(surface)));
    let client = reqwest::Client::new();
    // Whatever the vendor's tables have: either it is served and described, or neither.
    for (surface, tables) in tables {
        for (action, row) in tables.part("methods").as_object().expect("methods") {
            let path = format!("/v3.6/{surface}/action/{action}");
            let described = &openapi["paths"][&path];
            let verb = row["http_method"].as_str().unwrap_or("POST");
            let called = client.request(verb.parse().expect("a verb"), format!("{base}{path}")).send().await;
            let answer: Value =
                serde_json::from_str(&called.expect("an answer").text().await.expect("a body"))
                    .expect("JSON");
            let is_served = answer["error"]["message"] != "no such method";
            assert_eq!(described.is_object(), is_served, "{path}: {answer}");
            if is_served {
                assert_eq!(keys(described), BTreeSet::from([verb.to_lowercase().as_str()]), "{path}");
            }
        }
    }
    let served = method::all().filter(|method| method.web).count();
    assert_eq!(keys(&openapi["paths"]).len(), served);
}

#[tokio::test]
async fn what_asyncapi_names_is_served_and_what_is_served_is_named() {
    let base = shared().await.base();
    let asyncapi = document(&base, "/asyncapi.json").await;
    assert_eq!(asyncapi["asyncapi"], "3.0.0");
    let license = shared().await.license();
    let agent = license.agent(1).connects().await;
    let customer = license.customer().await.connects().await;
    for (surface, session) in [("agent", &agent), ("customer", &customer)] {
        let tables = crate::support::tables(surface);
        let messages = &asyncapi["channels"][surface]["messages"];
        for (action, _) in tables.part("methods").as_object().expect("methods") {
            // Nobody is logged in: known methods want that, unknown ones are unknown.
            let is_served = match session.ask(action, json!({})).await {
                Err(error) => error.message != "`action` is unknown",
                Ok(_) => true,
            };
            assert_eq!(messages.get(action).is_some(), is_served, "{surface} {action}");
        }
        for push in keys(messages).into_iter().filter_map(|name| name.strip_suffix(".push")) {
            assert!(tables.part("pushes").get(push).is_some(), "{surface} {push}");
        }
    }
    for operation in asyncapi["operations"].as_object().expect("operations").values() {
        for message in operation["messages"].as_array().expect("messages") {
            let pointer = message["$ref"].as_str().expect("a reference").trim_start_matches('#');
            assert!(asyncapi.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
    }
}

/// The schemas take what the server takes, refuse what it refuses for its shape, and take what it answers and tells.
#[tokio::test]
async fn the_schemas_agree_with_the_server() {
    let node = payloads::node().await;
    let openapi = document(&node.base(), "/openapi.json").await;
    let asyncapi = document(&node.base(), "/asyncapi.json").await;
    let world = World::of(&node).await;
    let (mut seen, mut told) = (0, BTreeSet::new());
    let skipped = ["login", "logout", "ping", "upload_file"];
    for method in method::all().filter(|method| !skipped.contains(&method.action)) {
        let (surface, action) = (method.surface.as_str(), method.action);
        let operation = &openapi["paths"][format!("/v3.6/{surface}/action/{action}")];
        let by_web = operation.pointer("/post/requestBody/content/application~1json/schema");
        let messages = &asyncapi["channels"][surface]["messages"];
        let by_rtm = messages[action].pointer("/payload/properties/payload");
        let scene = world.scene().await;
        let good = payloads::good(method, &world, &scene).await;
        for schema in [by_web, by_rtm].into_iter().flatten() {
            assert!(fits(schema, &good), "{surface} {action}: {good} against {schema}");
            for bad in bad::of(method, &good) {
                assert!(!fits(schema, &bad.payload), "{surface} {action}: {} {}", bad.param, bad.what);
                seen += 1;
            }
        }
        let (session, web) = caller(method, &world, &scene);
        let transport = if method.rtm { Transport::Rtm } else { Transport::Web };
        let answer = ask(transport, session, web, action, good).await;
        let answer = answer.unwrap_or_else(|error| panic!("{surface} {action}: {error:?}"));
        let answers = ["/post", "/get"]
            .map(|verb| operation.pointer(&format!("{verb}/responses/200/content/application~1json/schema")));
        let by_rtm = messages[format!("{action}.response")].pointer("/payload/properties/payload/anyOf/0");
        for (document, schema) in [(&openapi, answers[0]), (&openapi, answers[1]), (&asyncapi, by_rtm)] {
            let Some(schema) = schema else { continue };
            assert!(fits_in(document, schema, &answer), "{surface} {action}: {answer:#} against {schema:#}");
        }
        for (surface, session) in [("agent", &world.agent.session), ("customer", &scene.customer.session)] {
            session.settle_if_open().await;
            for push in session.pushes() {
                let message = &asyncapi["channels"][surface]["messages"][format!("{}.push", push.action)];
                let schema = message.pointer("/payload/properties/payload").expect("a schema");
                assert!(fits_in(&asyncapi, schema, &push.payload), "{surface} {push:?} against {schema:#}");
                told.insert((surface, push.action));
            }
        }
    }
    assert!(seen > 200, "only {seen} bad payloads");
    assert!(told.len() > 20, "only {told:?}");
}

/// [`fits_in`] for a schema that refers to nothing.
pub(crate) fn fits(schema: &Value, value: &Value) -> bool {
    fits_in(&Value::Null, schema, value)
}

/// The words of JSON Schema that the documents use.
fn fits_in(document: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#'));
        return fits_in(document, schema.unwrap_or_else(|| panic!("{reference} leads nowhere")), value);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().any(|schema| fits_in(document, schema, value));
    }
    if let Some(only) = schema.get("const") {
        return value == only;
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.contains(value);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return true,
    };
    let is_of = |kind: &&str| match *kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is used"),
    };
    if !types.iter().any(is_of) {
        return false;
    }
    if let Some(list) = value.as_array() {
        return schema
            .get("items")
            .is_none_or(|items| list.iter().all(|element| fits_in(document, items, element)));
    }
    let Some(object) = value.as_object() else { return true };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let (fewest, most) = (schema["minProperties"].as_u64(), schema["maxProperties"].as_u64());
    let count = object.len() as u64;
    required.into_iter().all(|name| object.contains_key(name))
        && fewest.is_none_or(|fewest| count >= fewest)
        && most.is_none_or(|most| count <= most)
        && object.iter().all(|(name, value)| {
            let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
            known.is_none_or(|schema| fits_in(document, schema, value))
        })
}

#[tokio::test]
async fn the_page_for_people_names_every_method() {
    let page = reqwest::get(format!("{}/api", shared().await.base())).await.expect("an answer");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let page = page.text().await.expect("a body");
    for method in method::all() {
        let id = format!("id=\"{}.{}\"", method.surface.as_str(), method.action);
        assert!(page.contains(&id), "{id}");
    }
    for (surface, push) in PUSHES {
        let id = format!("id=\"{}.{push}.push\"", surface.as_str());
        assert!(page.contains(&id), "{id}");
    }
    for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link} leads nowhere");
    }
    assert!(page.contains("<a href=\"#customer.Greeting\">Greeting</a>"), "types are told");
}

/// Resuming is no part of the protocol: it is described, and marked.
#[tokio::test]
async fn a_login_that_is_resumed_is_as_described_and_marked_as_an_addition() {
    let base = shared().await.base();
    let asyncapi = document(&base, "/asyncapi.json").await;
    let license = shared().await.license();
    let customer = license.customer().await.logs_in_with(json!({ "resume": "" })).await;
    let agent = license.agent(1).logs_in_with(json!({ "resume": "" })).await;
    for (surface, answer) in [("customer", &customer.login), ("agent", &agent.login)] {
        let messages = &asyncapi["channels"][surface]["messages"];
        let asked = &messages["login"]["payload"]["properties"]["payload"]["properties"]["resume"];
        assert_eq!((&asked["type"], &asked["x-beyond-the-protocol"]), (&json!("string"), &json!(true)));
        let schema = &messages["login.response"]["payload"]["properties"]["payload"]["anyOf"][0];
        let resume = &schema["properties"]["resume"];
        assert_eq!(resume["x-beyond-the-protocol"], true);
        assert!(answer["resume"].is_object() && fits_in(&asyncapi, schema, answer), "{answer:#}");
        assert!(!fits_in(&asyncapi, resume, &json!({ "status": "else", "token": "x" })));
    }
    let chat = customer.starts_chat("hello").await;
    let push = customer.expect_whole_push("incoming_chat", |push| push["chat"]["id"] == chat.id).await;
    assert!(push.resume.is_some());
    let frame = &asyncapi["channels"]["customer"]["messages"]["incoming_chat.push"]["payload"];
    assert_eq!(frame["properties"]["resume"]["x-beyond-the-protocol"], true);
}
