use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::domain::id::OrganizationId;
use crate::domain::license::{Client, Settings};

struct Page<'a> {
    test: &'a TestTenants,
    cookies: CustomerCookies,
    origin: Option<&'a str>,
    authorization: Option<String>,
}

impl<'a> Page<'a> {
    fn new(test: &'a TestTenants) -> Self {
        let origin = Some("http://localhost:3000");
        Self { test, cookies: CustomerCookies::default(), origin, authorization: None }
    }

    async fn grant(&self, request: serde_json::Value) -> Result<Grant, GrantError> {
        let own_origin = Origin::parse("http://chat.example:8080").expect("an origin");
        let request = GrantRequest::parse(request.to_string().as_bytes())?;
        let call = GrantCall {
            authorization: self.authorization.as_deref(),
            cookies: &self.cookies,
            origin: self.origin,
            own_origin: &own_origin,
            now: self.test.now(),
        };
        self.test.tenants.grants.grant(request, call).await
    }

    fn take_cookies(&mut self, grant: &Grant) {
        let headers = grant.cookies.as_ref().expect("cookies").set_cookie_headers("/v2/customer", true);
        let value = |header: &str| header.split(['=', ';']).nth(1).map(str::to_owned);
        self.cookies = CustomerCookies { customer: value(&headers[0]), secret: value(&headers[1]) };
    }
}

fn by_cookie(demo: &Credentials) -> serde_json::Value {
    serde_json::json!({
        "grant_type": "cookie", "client_id": demo.client_id, "organization_id": demo.organization_id,
        "response_type": "token",
    })
}

fn code(result: Result<Grant, GrantError>) -> (u16, &'static str) {
    let error = result.expect_err("refused");
    (error.http_status(), error.code())
}

#[actix_rt::test]
async fn cookies_bring_the_same_customer_back() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let mut page = Page::new(&test);
    let first = page.grant(by_cookie(&demo)).await.expect("granted");
    assert_eq!((first.expires_in, first.token_type), (28_800, "Bearer"));
    page.take_cookies(&first);
    let second = page.grant(by_cookie(&demo)).await.expect("granted");
    assert_eq!(first.entity_id, second.entity_id);
    assert_ne!(first.access_token, second.access_token);

    let body = serde_json::to_value(&second).expect("JSON");
    let fields: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["access_token", "client_id", "entity_id", "expires_in", "organization_id", "token_type"]
    );

    let stranger = Page::new(&test).grant(by_cookie(&demo)).await.expect("granted");
    assert_ne!(stranger.entity_id, first.entity_id);
    page.cookies.secret = Some("0".repeat(43));
    let forged = page.grant(by_cookie(&demo)).await.expect("granted");
    assert_ne!(forged.entity_id, first.entity_id, "a wrong secret is nobody's");
}

#[actix_rt::test]
async fn cookies_of_one_license_mean_nothing_in_another() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let client = Client { origins: vec!["http://localhost:3000".to_owned()], loopback: false };
    let plan = LicensePlan::with_agents(1, client, Settings::default());
    let other = make_license(&test.tenants, &plan, "x").await.expect("made");
    let mut page = Page::new(&test);
    let grant = page.grant(by_cookie(&demo)).await.expect("granted");
    page.take_cookies(&grant);
    let elsewhere = page.grant(by_cookie(&other)).await.expect("granted");
    assert_ne!(elsewhere.entity_id, grant.entity_id);
    let mixed = serde_json::json!({
        "grant_type": "cookie", "client_id": demo.client_id, "organization_id": other.organization_id,
    });
    assert_eq!(code(page.grant(mixed).await), (401, "unauthorized_client"));
}

#[actix_rt::test]
async fn only_registered_pages_get_tokens() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let mut page = Page::new(&test);
    for origin in ["https://evil.example", "null", "", "http://chat.example"] {
        page.origin = Some(origin);
        assert_eq!(code(page.grant(by_cookie(&demo)).await), (403, "access_denied"), "{origin}");
    }
    for origin in [Some("http://chat.example:8080"), Some("http://127.0.0.1:1"), None] {
        page.origin = origin;
        assert!(page.grant(by_cookie(&demo)).await.is_ok(), "{origin:?}");
    }
    let mut request = by_cookie(&demo);
    request["redirect_uri"] = "https://evil.example/".into();
    assert_eq!(code(page.grant(request.clone()).await), (400, "invalid_request"));
    request["redirect_uri"] = "http://localhost/page".into();
    assert!(page.grant(request).await.is_ok());
}

#[actix_rt::test]
async fn bad_requests_are_told_why() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let page = Page::new(&test);
    for (field, value, expected) in [
        ("grant_type", serde_json::Value::Null, (400, "invalid_request")),
        ("grant_type", "identity_token".into(), (400, "unsupported_grant_type")),
        ("grant_type", 5.into(), (400, "bad_request")),
        ("response_type", "code".into(), (400, "invalid_request")),
        ("client_id", serde_json::Value::Null, (400, "invalid_request")),
        ("client_id", "unknown".into(), (401, "unauthorized_client")),
        ("organization_id", serde_json::Value::Null, (400, "invalid_request")),
        ("organization_id", "x".into(), (400, "invalid_request")),
        ("organization_id", uuid::Uuid::nil().to_string().into(), (401, "unauthorized_client")),
        ("expires_in", 0.into(), (400, "invalid_request")),
        ("expires_in", (-1).into(), (400, "bad_request")),
    ] {
        let mut request = by_cookie(&demo);
        request[field] = value.clone();
        assert_eq!(code(page.grant(request).await), expected, "{field}: {value}");
    }
    assert_eq!(code(page.grant(serde_json::json!([])).await), (400, "bad_request"));
    let error = serde_json::to_value(GrantError::UnsupportedGrantType.body()).expect("JSON");
    assert_eq!(error["oauth_exception"], "unsupported_grant_type");
    assert!(error["exception_description"].is_string());
}

#[actix_rt::test]
async fn agents_with_the_scope_make_customers() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let mut page = Page::new(&test);
    page.origin = None;
    let mut request = serde_json::json!({ "grant_type": "agent_token", "client_id": demo.client_id });
    assert_eq!(code(page.grant(request.clone()).await), (401, "invalid_grant"));
    page.authorization = Some(format!("Basic {}", demo.agents[0].pat));
    assert_eq!(code(page.grant(request.clone()).await), (401, "invalid_grant"), "no personal access token");
    page.authorization = Some(format!("Bearer {}", demo.agents[2].token));
    assert_eq!(code(page.grant(request.clone()).await), (403, "access_denied"), "no such scope");
    page.authorization = Some(format!("Bearer {}", demo.agents[0].token));
    let made = page.grant(request.clone()).await.expect("granted");
    assert!(made.cookies.is_none());
    request["entity_id"] = made.entity_id.as_str().into();
    request["organization_id"] = demo.organization_id.to_string().into();
    request["expires_in"] = 60.into();
    let again = page.grant(request.clone()).await.expect("granted");
    assert_eq!((again.entity_id, again.expires_in), (made.entity_id, 60));
    request["entity_id"] = uuid::Uuid::nil().to_string().into();
    assert_eq!(code(page.grant(request.clone()).await), (404, "resource_not_found"));
    request["organization_id"] = uuid::Uuid::nil().to_string().into();
    assert_eq!(code(page.grant(request).await), (401, "unauthorized_client"));
}

#[actix_rt::test]
async fn tokens_prove_who_they_were_made_for() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let grant = Page::new(&test).grant(by_cookie(&demo)).await.expect("granted");
    let other = test.other_node();
    for tenants in [&test.tenants, &other] {
        for token in [grant.access_token.clone(), format!("Bearer {}", grant.access_token)] {
            let organization = Some(demo.organization_id);
            let identity =
                tenants.customer_tokens.verify(organization, &token, test.now()).await.expect("good");
            assert_eq!(identity.customer, grant.entity_id);
            assert_eq!((identity.license.id, &identity.client), (demo.license_id, &demo.client_id));
        }
    }
    let nobody = Some(OrganizationId(uuid::Uuid::nil()));
    let result = test.tenants.customer_tokens.verify(nobody, &grant.access_token, test.now()).await;
    assert!(matches!(result, Err(CustomerAuthError::OtherOrganization)));
    test.pass(CUSTOMER_TOKEN_LIFETIME);
    let result = test.tenants.customer_tokens.verify(None, &grant.access_token, test.now()).await;
    assert!(matches!(result, Err(CustomerAuthError::Expired)));
}

#[actix_rt::test]
async fn forged_tokens_are_refused() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let token = Page::new(&test).grant(by_cookie(&demo)).await.expect("granted").access_token;
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let mut claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).expect("base64")).expect("JSON");
    claims["sub"] = uuid::Uuid::nil().to_string().into();
    let changed = encode(&claims.to_string());
    let key = jsonwebtoken::EncodingKey::from_secret(b"guess");
    let signed_by_others =
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("signed");
    for forged in [
        String::new(),
        "Bearer ".to_owned(),
        "a.b.c".to_owned(),
        format!("{}.{changed}.{}", parts[0], parts[2]),
        format!("{}.{}.", encode(r#"{"alg":"none","typ":"JWT"}"#), parts[1]),
        format!("{}.{}.{}", encode(r#"{"alg":"none","typ":"JWT"}"#), parts[1], parts[2]),
        format!("{}.{}.{}", encode(r#"{"alg":"HS384","typ":"JWT"}"#), parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}x"),
        signed_by_others,
        demo.agents[0].token.clone(),
        "x".repeat(10_000),
    ] {
        let result = test.tenants.customer_tokens.verify(None, &forged, test.now()).await;
        assert!(matches!(result, Err(CustomerAuthError::Forged)), "{forged}: {result:?}");
    }
}

#[actix_rt::test]
async fn revoked_tokens_are_refused_on_every_node() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let token = Page::new(&test).grant(by_cookie(&demo)).await.expect("granted").access_token;
    let other = test.other_node();
    other.customer_tokens.verify(None, &token, test.now()).await.expect("good");
    let mut there = other.tokens.revoked();
    let identity = test.tenants.customer_tokens.verify(None, &token, test.now()).await.expect("good");
    test.tenants.customer_tokens.revoke(&identity, test.now()).await.expect("revoked");
    other.refresh().await.expect("looked");
    assert_eq!(there.try_recv(), Ok(Revoked::Customer(identity.token_id)));
    for tenants in [&test.tenants, &other, &test.other_node()] {
        let result = tenants.customer_tokens.verify(None, &token, test.now()).await;
        assert!(matches!(result, Err(CustomerAuthError::Revoked)));
    }
    test.pass(CUSTOMER_TOKEN_LIFETIME + Duration::from_secs(600));
    test.tenants.refresh().await.expect("looked");
    let table = crate::store::CellTable::Revocations;
    let left = test.store.list_cells(table, demo.license_id, None, 10).await.expect("listed");
    assert!(left.is_empty(), "what has ended anyway is forgotten");
}

#[actix_rt::test]
async fn a_second_ban_is_told_on_every_node_as_the_first_was() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let token = Page::new(&test).grant(by_cookie(&demo)).await.expect("granted").access_token;
    let other = test.other_node();
    let customer = other.customer_tokens.verify(None, &token, test.now()).await.expect("good").customer;
    let mut there = other.tokens.revoked();
    for _ in 0..2 {
        let until = test.now().after(Duration::from_secs(60));
        let tokens = &test.tenants.customer_tokens;
        tokens.ban(demo.license_id, &customer, until, test.now()).await.expect("banned");
        for _ in 0..2 {
            other.refresh().await.expect("looked");
        }
        assert!(matches!(there.try_recv(), Ok(Revoked::Banned(..))), "their sessions end");
        assert!(there.try_recv().is_err(), "once");
        // The first has just ended, and is still on record.
        test.pass(Duration::from_secs(61));
        assert!(other.customer_tokens.verify(None, &token, test.now()).await.is_ok());
    }
}

#[actix_rt::test]
async fn a_token_dies_with_its_client() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let token = Page::new(&test).grant(by_cookie(&demo)).await.expect("granted").access_token;
    test.tenants
        .licenses
        .update(demo.license_id, |license| {
            license.clients.clear();
            Ok::<(), ()>(())
        })
        .await
        .expect("changed");
    let result = test.tenants.customer_tokens.verify(None, &token, test.now()).await;
    assert!(matches!(result, Err(CustomerAuthError::Gone)));
}

#[test]
fn cookies_fit_the_connection() {
    let cookies = GrantedCookies { customer: "c".into(), secret: "s".to_owned() };
    let [customer, secret] = cookies.set_cookie_headers("/v2/customer", true);
    assert_eq!(customer, "__lc_cid=c; Path=/v2/customer; Max-Age=63072000; HttpOnly; Secure; SameSite=None");
    assert!(secret.starts_with("__lc_cst=s; "));
    let [customer, _] = cookies.set_cookie_headers("/customer", false);
    assert!(customer.ends_with("HttpOnly; SameSite=Lax"));
}
