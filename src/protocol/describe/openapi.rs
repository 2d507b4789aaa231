//! OpenAPI 3.1 of the Web API.

use serde_json::{Map, Value, json};

use super::schema::{of_kind, payload};
use super::{VERSION, beyond, info, scopes_in_words, structures};
use crate::protocol::method::{self, HttpMethod, Method, ParamKind};
use crate::protocol::version::Surface;

/// The document, for clients that reach the server at `base_url`.
pub fn openapi(base_url: &str) -> String {
    let mut paths = Map::new();
    for method in method::all().filter(|method| method.web) {
        let path = format!("/v{VERSION}/{}/action/{}", method.surface.as_str(), method.action);
        let operation = operation(method);
        let verbs = match method.http {
            HttpMethod::Post => json!({ "post": operation }),
            HttpMethod::Get => json!({ "get": operation }),
        };
        paths.insert(path, verbs);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info("Switchboard Web API"),
        "servers": [{ "url": base_url }],
        "tags": [{ "name": "agent" }, { "name": "customer" }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "personal_access_token": { "type": "http", "scheme": "basic" },
            },
        },
    });
    document["components"]["schemas"] = json!(structures::components(&document));
    document.to_string()
}

fn operation(method: &'static Method) -> Value {
    let surface = method.surface.as_str();
    let mut operation = json!({
        "operationId": format!("{surface}.{}", method.action),
        "tags": [surface],
        "responses": {
            "200": {
                "description": "Done; `{}` where there is nothing to say.",
                "content": { "application/json": { "schema": structures::answer(method.surface, method.action) } },
            },
            "default": {
                "description": "Not done.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            },
        },
    });
    let told = scopes_in_words(method.scopes);
    let pushes = (!method.pushes.is_empty()).then(|| format!("Pushes: {}.", method.pushes.join(", ")));
    let description: Vec<String> = told.into_iter().chain(pushes).collect();
    if !description.is_empty() {
        operation["description"] = json!(description.join(" "));
    }
    let mut parameters = Vec::new();
    match method.surface {
        Surface::Agent => operation["security"] = json!([{ "bearer": [] }, { "personal_access_token": [] }]),
        Surface::Customer => {
            operation["security"] = if method.needs_token() { json!([{ "bearer": [] }]) } else { json!([]) };
            let is_required = method.param("organization_id").is_none_or(|param| param.required);
            parameters.push(json!({
                "name": "organization_id", "in": "query", "required": is_required,
                "schema": { "type": "string", "format": "uuid" },
            }));
        }
    }
    match method.http {
        HttpMethod::Get => {
            for param in method.params.iter().filter(|param| param.name != "organization_id") {
                parameters.push(json!({
                    "name": param.name, "in": "query", "required": param.required, "schema": of_kind(param.kind),
                }));
            }
        }
        HttpMethod::Post => {
            let is_form = method.params.iter().any(|param| param.kind == ParamKind::Binary);
            let kind = if is_form { "multipart/form-data" } else { "application/json" };
            let is_required = method.params.iter().any(|param| param.required && !param.name.contains('.'));
            let mut taken = payload(method.params);
            beyond::add_to_request(method, &mut taken);
            operation["requestBody"] =
                json!({ "required": is_required, "content": { kind: { "schema": taken } } });
        }
    }
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    operation
}
