//! AsyncAPI 3 of the websockets.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schema::payload;
use super::{VERSION, beyond, info, scopes_in_words, structures};
use crate::protocol::method::{self, Method};
use crate::protocol::version::Surface;
use crate::protocol::view::PUSHES;

/// The document, for clients that reach the server at `base_url`.
pub fn asyncapi(base_url: &str) -> String {
    let (scheme, host) = base_url.split_once("://").unwrap_or(("http", base_url));
    let protocol = if scheme == "https" { "wss" } else { "ws" };
    let mut channels = Map::new();
    let mut operations = Map::new();
    for surface in [Surface::Agent, Surface::Customer] {
        let name = surface.as_str();
        let mut messages = Map::new();
        for method in method::all().filter(|method| method.rtm && method.surface == surface) {
            let action = method.action;
            messages.insert(action.to_owned(), request(method));
            messages.insert(format!("{action}.response"), response(method));
            let asked = format!("#/channels/{name}/messages/{action}");
            let mut operation = json!({
                "action": "receive",
                "channel": { "$ref": format!("#/channels/{name}") },
                "messages": [{ "$ref": asked }],
                "reply": {
                    "channel": { "$ref": format!("#/channels/{name}") },
                    "messages": [{ "$ref": format!("{asked}.response") }],
                },
            });
            if let Some(told) = scopes_in_words(method.scopes) {
                operation["description"] = json!(told);
            }
            operations.insert(format!("{name}.{action}"), operation);
        }
        let pushes: BTreeSet<&str> =
            PUSHES.iter().filter(|(of, _)| *of == surface).map(|(_, push)| *push).collect();
        for push in pushes {
            messages.insert(format!("{push}.push"), pushed(surface, push));
            let operation = json!({
                "action": "send",
                "channel": { "$ref": format!("#/channels/{name}") },
                "messages": [{ "$ref": format!("#/channels/{name}/messages/{push}.push") }],
            });
            operations.insert(format!("{name}.{push}.push"), operation);
        }
        let mut channel = json!({ "address": format!("/v{VERSION}/{name}/rtm/ws"), "messages": messages });
        if surface == Surface::Customer {
            let organization = json!({ "type": "string", "format": "uuid" });
            channel["bindings"] = json!({ "ws": { "bindingVersion": "0.1.0", "query": {
                "type": "object", "required": ["organization_id"], "properties": { "organization_id": organization },
            } } });
        }
        channels.insert(name.to_owned(), channel);
    }
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": info("Switchboard RTM API"),
        "defaultContentType": "application/json",
        "servers": { "here": { "host": host, "protocol": protocol } },
        "channels": channels,
        "operations": operations,
    });
    document["components"] = json!({ "schemas": structures::components(&document) });
    document.to_string()
}

fn request(method: &'static Method) -> Value {
    let needs_payload = method.params.iter().any(|param| param.required && !param.name.contains('.'));
    let required = if needs_payload { json!(["action", "payload"]) } else { json!(["action"]) };
    let mut taken = payload(method.params);
    beyond::add_to_request(method, &mut taken);
    if method.action == "login" {
        beyond::add_to_login(&mut taken);
    }
    json!({ "payload": {
        "type": "object",
        "required": required,
        "properties": {
            "version": { "type": "string" },
            "request_id": { "type": "string" },
            "action": { "const": method.action },
            "payload": taken,
        },
    } })
}

fn response(method: &Method) -> Value {
    let mut answer = structures::answer(method.surface, method.action).clone();
    if method.action == "login" {
        beyond::add_to_login_answer(&mut answer);
    }
    json!({ "payload": {
        "type": "object",
        "required": ["action", "type", "success", "payload"],
        "properties": {
            "request_id": { "type": "string" },
            "action": { "const": method.action },
            "type": { "const": "response" },
            "success": { "type": "boolean" },
            "payload": { "anyOf": [
                answer,
                { "$ref": "#/components/schemas/Error" },
            ] },
        },
    } })
}

fn pushed(surface: Surface, push: &str) -> Value {
    let mut frame = json!({
        "type": "object",
        "required": ["version", "action", "type", "payload"],
        "properties": {
            "version": { "type": "string" },
            "request_id": { "type": "string" },
            "action": { "const": push },
            "type": { "const": "push" },
            "payload": structures::push(surface, push),
        },
    });
    beyond::add_to_push(&mut frame);
    json!({ "payload": frame })
}
