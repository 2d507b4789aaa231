//! Customers' tokens: the grant, its cookies, and which pages may ask for it.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::support::{ORIGIN, TestLicense, shared};

async fn ask(
    license: &TestLicense,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let url = format!("{}{path}", license.link.base());
    let mut request = Client::new().request(method, url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("the server answers")
}

fn asked(license: &TestLicense) -> Value {
    json!({
        "grant_type": "cookie", "client_id": license.client_id(), "organization_id": license.organization(),
        "response_type": "token",
    })
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

const TOKEN: &str = "/v2/customer/token";

#[tokio::test]
async fn cookies_keep_a_customers_identity() {
    let license = shared().await.license();
    let (first, cookies) = license.grant(&[], json!({})).await;
    assert_eq!(first["token_type"], "Bearer");
    assert_eq!(first["expires_in"], 28_800);
    let names: Vec<&str> = cookies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["__lc_cid", "__lc_cst"]);
    let (again, kept) = license.grant(&cookies, json!({})).await;
    assert_eq!(again["entity_id"], first["entity_id"]);
    assert_eq!(kept, cookies);
    assert_ne!(again["access_token"], first["access_token"]);
    for wrong in
        [vec![cookies[0].clone()], vec![cookies[0].clone(), ("__lc_cst".to_owned(), "forged".to_owned())]]
    {
        let (other, _) = license.grant(&wrong, json!({})).await;
        assert_ne!(other["entity_id"], first["entity_id"]);
    }
    let (elsewhere, _) = shared().await.license().grant(&cookies, json!({})).await;
    assert_ne!(elsewhere["entity_id"], first["entity_id"]);
}

#[tokio::test]
async fn the_grant_takes_json_of_any_name_and_the_older_path() {
    let license = shared().await.license();
    for content in ["text/plain", "text/plain;charset=UTF-8", "application/json"] {
        let body = asked(&license).to_string();
        let answer = ask(&license, Method::POST, TOKEN, &[("Content-Type", content)], &body).await;
        assert_eq!(answer.status().as_u16(), 200, "{content}");
    }
    let mut body = asked(&license);
    body.as_object_mut().expect("an object").remove("organization_id");
    let path = format!("/v2/customer/{}/0/token", license.organization());
    let answer = ask(&license, Method::POST, &path, &[], &body.to_string()).await;
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test]
async fn a_grant_for_an_unknown_client_or_organization_is_refused() {
    let (license, other) = (shared().await.license(), shared().await.license());
    let with = |key: &str, value: Value| {
        let mut body = asked(&license);
        body[key] = value;
        body.to_string()
    };
    for body in [
        with("client_id", json!(other.client_id())),
        with("organization_id", json!(other.organization())),
        with("organization_id", json!("nonsense")),
        with("client_id", json!(7)),
        with("grant_type", json!("password")),
        "[]".to_owned(),
        "{".to_owned(),
    ] {
        let answer = ask(&license, Method::POST, TOKEN, &[], &body).await;
        let status = answer.status().as_u16();
        assert!((400..500).contains(&status), "{body}: {status}");
        assert!(answer.headers().get("set-cookie").is_none());
    }
}

#[tokio::test]
async fn pages_of_registered_origins_get_tokens_and_answers() {
    let license = shared().await.license();
    let customer = license.customer().await;
    let api = format!("/v3.6/customer/action/list_chats?organization_id={}", license.organization());
    for origin in [ORIGIN, "http://localhost:3000", "http://127.0.0.1:8080", &license.link.base()] {
        let from = ("Origin", origin);
        let answer = ask(&license, Method::POST, TOKEN, &[from], &asked(&license).to_string()).await;
        assert_eq!(answer.status().as_u16(), 200, "{origin}");
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(origin));
        assert_eq!(header(&answer, "access-control-allow-credentials"), Some("true"));
        let answer =
            ask(&license, Method::POST, &api, &[from, ("Authorization", &customer.token)], "{}").await;
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(origin));
        for path in [TOKEN, &api] {
            let wants = [
                from,
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", "authorization,content-type"),
            ];
            let answer = ask(&license, Method::OPTIONS, path, &wants, "").await;
            assert!(answer.status().is_success(), "{path}");
            assert_eq!(header(&answer, "access-control-allow-origin"), Some(origin), "{path}");
            assert!(
                header(&answer, "access-control-allow-methods")
                    .is_some_and(|methods| methods.contains("POST"))
            );
            assert!(
                header(&answer, "access-control-allow-headers")
                    .is_some_and(|names| names.contains("authorization"))
            );
        }
    }
}

#[tokio::test]
async fn pages_of_other_origins_get_neither() {
    let license = shared().await.license();
    let customer = license.customer().await;
    let api = format!("/v3.6/customer/action/list_chats?organization_id={}", license.organization());
    for origin in ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"]
    {
        let from = ("Origin", origin);
        let answer = ask(&license, Method::POST, TOKEN, &[from], &asked(&license).to_string()).await;
        assert!(answer.status().is_client_error(), "{origin}: {}", answer.status());
        assert!(answer.headers().get("set-cookie").is_none(), "{origin}");
        assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
        let answer =
            ask(&license, Method::POST, &api, &[from, ("Authorization", &customer.token)], "{}").await;
        assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
        let wants = [from, ("Access-Control-Request-Method", "POST")];
        let answer = ask(&license, Method::OPTIONS, &api, &wants, "").await;
        assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn an_agents_token_makes_customers_and_their_tokens() {
    let license = shared().await.license();
    let (owner, normal) = (license.agent(1).token, license.agent(2).token);
    let body = json!({
        "grant_type": "agent_token", "client_id": license.client_id(), "organization_id": license.organization(),
        "response_type": "token",
    });
    let answer = ask(&license, Method::POST, TOKEN, &[("Authorization", &owner)], &body.to_string()).await;
    assert_eq!(answer.status().as_u16(), 200);
    let made: Value = answer.json().await.expect("JSON");
    let mut again = body.clone();
    again["entity_id"] = made["entity_id"].clone();
    let answer = ask(&license, Method::POST, TOKEN, &[("Authorization", &owner)], &again.to_string()).await;
    let known: Value = answer.json().await.expect("JSON");
    assert_eq!(known["entity_id"], made["entity_id"]);
    let answer = ask(&license, Method::POST, TOKEN, &[("Authorization", &normal)], &body.to_string()).await;
    assert!(answer.status().is_client_error(), "an agent without the scope");
    let answer = ask(&license, Method::POST, TOKEN, &[], &body.to_string()).await;
    assert!(answer.status().is_client_error(), "nobody");
}

#[tokio::test]
async fn a_token_says_what_it_is_good_for() {
    let license = shared().await.license();
    let customer = license.customer().await;
    let answer =
        ask(&license, Method::GET, "/v2/customer/info", &[("Authorization", &customer.token)], "").await;
    let info: Value = answer.json().await.expect("JSON");
    assert_eq!(info["entity_id"], *customer.id);
    assert_eq!(info["organization_id"], license.organization());
    let answer = ask(&license, Method::GET, "/v2/customer/info", &[("Authorization", "Bearer x")], "").await;
    assert_eq!(answer.status().as_u16(), 401);
}
