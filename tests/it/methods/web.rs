//! What belongs to HTTP alone: paths, versions, headers, bodies.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{TestLicense, shared};

struct Raw {
    license: TestLicense,
}

impl Raw {
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.license.link.base());
        let mut request = reqwest::Client::new().request(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response: Response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: no JSON: {text:?}")))
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        self.send(Method::POST, path, headers, body).await
    }
}

fn kind(body: &Value) -> &str {
    body["error"]["type"].as_str().unwrap_or_default()
}

const LIST: &str = "/v3.6/agent/action/list_chats";

#[tokio::test]
async fn the_version_stands_in_the_path_or_in_a_header() {
    let raw = Raw { license: shared().await.license() };
    let token = raw.license.agent(1).token;
    let auth = ("Authorization", &*token);
    assert_eq!(raw.post(LIST, &[auth], "{}").await.0, 200);
    let unversioned = "/agent/action/list_chats";
    assert_eq!(raw.post(unversioned, &[auth, ("X-API-Version", "3.6")], "{}").await.0, 200);
    for (path, headers) in [
        (unversioned, vec![auth]),
        (unversioned, vec![auth, ("X-API-Version", "2.0")]),
        ("/v2.0/agent/action/list_chats", vec![auth]),
        ("/v3.66/agent/action/list_chats", vec![auth]),
    ] {
        let (status, body) = raw.post(path, &headers, "{}").await;
        assert_eq!((status, kind(&body)), (400, "unsupported_version"), "{path} {headers:?}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_the_protocols_shape() {
    let raw = Raw { license: shared().await.license() };
    let token = raw.license.agent(1).token;
    for path in [
        "/v3.6/agent/action/no_such_method",
        "/v3.6/agent/action/login",
        "/v3.6/agent/action/",
        "/v3.6/agents/action/list_chats",
        "/nowhere",
    ] {
        let (status, body) = raw.post(path, &[("Authorization", &token)], "{}").await;
        assert_eq!((status, kind(&body)), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_call_without_a_good_token_is_not_authenticated() {
    let raw = Raw { license: shared().await.license() };
    let customer = raw.license.customer().await;
    let pat = raw.license.agent(1).pat;
    for headers in [
        vec![],
        vec![("Authorization", "")],
        vec![("Authorization", "Bearer")],
        vec![("Authorization", &*customer.token)],
    ] {
        let (status, body) = raw.post(LIST, &headers, "{}").await;
        assert_eq!((status, kind(&body)), (401, "authentication"), "{headers:?}");
    }
    assert_eq!(raw.post(LIST, &[("Authorization", &pat)], "{}").await.0, 200);
}

#[tokio::test]
async fn a_call_of_a_customer_names_their_organization() {
    let raw = Raw { license: shared().await.license() };
    let other = shared().await.license().organization();
    let customer = raw.license.customer().await;
    let auth = [("Authorization", &*customer.token)];
    let path = |query: &str| format!("/v3.6/customer/action/list_chats{query}");
    let own = format!("?organization_id={}", raw.license.organization());
    assert_eq!(raw.post(&path(&own), &auth, "{}").await.0, 200);
    for (query, expected) in [
        (String::new(), (400, "validation")),
        ("?organization_id=nonsense".to_owned(), (400, "validation")),
        (format!("?organization_id={other}"), (401, "authentication")),
    ] {
        let (status, body) = raw.post(&path(&query), &auth, "{}").await;
        assert_eq!((status, kind(&body)), expected, "{query}");
    }
}

#[tokio::test]
async fn the_body_is_json_whatever_it_is_called() {
    let raw = Raw { license: shared().await.license() };
    let token = raw.license.agent(1).token;
    let auth = ("Authorization", &*token);
    for body in ["{}", "", " \n", "null", r#"{"unknown":1}"#] {
        for content in ["application/json", "text/plain", "application/json; charset=utf-8", ""] {
            let (status, answer) = raw.post(LIST, &[auth, ("Content-Type", content)], body).await;
            assert_eq!(status, 200, "{body:?} {content:?}: {answer}");
        }
    }
    for body in ["{", "[]", "7", "\"text\"", "{} {}", "{\"limit\": 1,}"] {
        let (status, answer) = raw.post(LIST, &[auth], body).await;
        assert_eq!((status, kind(&answer)), (400, "validation"), "{body:?}: {answer}");
    }
}

#[tokio::test]
async fn a_method_that_is_posted_is_not_got() {
    let raw = Raw { license: shared().await.license() };
    let token = raw.license.agent(1).token;
    let (status, body) = raw.send(Method::GET, LIST, &[("Authorization", &token)], "").await;
    assert_eq!((status, kind(&body)), (400, "validation"));
}

#[tokio::test]
async fn a_call_that_says_nothing_answers_an_empty_object() {
    let license = shared().await.license();
    let customer = license.customer().await.logs_in().await;
    let chat = customer.starts_chat("hello").await;
    let answer =
        customer.web.call("send_sneak_peek", json!({ "chat_id": chat.id, "sneak_peek_text": "x" })).await;
    assert_eq!(answer, json!({}));
}

/// Behind a balancer, or as clients of several regions send it.
#[tokio::test]
async fn any_host_is_accepted_and_a_region_is_ignored() {
    let raw = Raw { license: shared().await.license() };
    let agent = raw.license.agent(1).token;
    let customer = raw.license.customer().await;
    let of_customer =
        format!("/v3.6/customer/action/list_chats?organization_id={}", raw.license.organization());
    for (path, token) in [(LIST, &agent), (of_customer.as_str(), &customer.token)] {
        for host in ["api.livechatinc.com", "localhost", "chat.example:8443", "[::1]:9"] {
            for region in ["dal", "fra", "nowhere", ""] {
                let headers = [("Authorization", &**token), ("Host", host), ("X-Region", region)];
                let (status, answer) = raw.post(path, &headers, "{}").await;
                assert_eq!(status, 200, "{path} {host} {region:?}: {answer}");
            }
        }
    }
}
