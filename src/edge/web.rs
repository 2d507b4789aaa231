//! The Web APIs: `/v{version}/{surface}/action/{method}`, or the version in `X-API-Version`.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN, REFERER, RETRY_AFTER, USER_AGENT, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::{authorization, named_license, requester};
use super::client_address::admitted_address;
use super::in_time::InTime;
use super::server::{Context, EdgeContext};
use crate::domain::visit::Headers;
use crate::protocol::envelope::web_payload;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method::{self, HttpMethod, Method};
use crate::protocol::request::query_payload;
use crate::protocol::version::{ApiVersion, Surface};
use crate::requests::Opened;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// For what never changes: a year, the longest that caches know.
const LASTING: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A request's header, if it is one of plain text.
pub(super) fn text(request: &HttpRequest, name: HeaderName) -> Option<String> {
    request.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// A protocol error as an HTTP response.
pub(super) fn error_response(error: &WireError) -> HttpResponse {
    let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, JSON));
    if matches!(error.kind, ErrorType::ServiceUnavailable | ErrorType::TooManyRequests) {
        response.insert_header((RETRY_AFTER, "1"));
    }
    response.body(error.body())
}

/// A good answer.
pub(super) fn json_response(payload: String) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(payload)
}

/// `/v3.6/agent/action/send_event` and its like.
pub(super) async fn versioned(
    context: Context,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    InTime(body): InTime<web::Bytes>,
) -> HttpResponse {
    let (version, surface, action) = path.into_inner();
    answer(&context, &request, &version, &surface, &action, &body).await
}

/// `/agent/action/send_event` with the version in a header.
pub(super) async fn unversioned(
    context: Context,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    InTime(body): InTime<web::Bytes>,
) -> HttpResponse {
    let (surface, action) = path.into_inner();
    let version = request.headers().get("X-API-Version").and_then(|value| value.to_str().ok());
    let version = version.unwrap_or_default().to_owned();
    answer(&context, &request, &version, &surface, &action, &body).await
}

/// The answer where a path names neither agents nor customers.
pub(super) fn no_such_api() -> HttpResponse {
    error_response(&WireError::new(ErrorType::NotFound, "no such API"))
}

async fn answer(
    context: &EdgeContext,
    request: &HttpRequest,
    version: &str,
    surface: &str,
    action: &str,
    body: &[u8],
) -> HttpResponse {
    let started = std::time::Instant::now();
    let Some(surface) = Surface::parse(surface) else { return no_such_api() };
    let result = handle(context, request, version, surface, action, body).await;
    let took = started.elapsed();
    if let Some(method) = method::find(surface, action) {
        context.metrics.request(surface, method.action, took);
        tracing::debug!(
            action = method.action,
            error = result.as_ref().err().map(|error| error.kind.as_str()),
            took_us = took.as_micros(),
            "request by HTTP"
        );
    }
    match result {
        Ok(Opened { payload, lasts: false }) => json_response(payload),
        Ok(Opened { payload, lasts: true }) => lasting_response(request, payload),
        Err(error) => error_response(&error),
    }
}

/// An answer that caches may keep, for each origin that asks: it is also answered whether that may read it.
fn lasting_response(request: &HttpRequest, payload: String) -> HttpResponse {
    let mut response = json_response(payload);
    response.headers_mut().insert(CACHE_CONTROL, LASTING);
    // To whom names an origin that is said anyway.
    if !request.headers().contains_key(ORIGIN) {
        response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

async fn handle(
    context: &EdgeContext,
    request: &HttpRequest,
    version: &str,
    surface: Surface,
    action: &str,
    body: &[u8],
) -> Result<Opened, WireError> {
    if ApiVersion::parse(version) != Some(ApiVersion::V3_6) {
        return Err(WireError::of(ErrorType::UnsupportedVersion));
    }
    let method = method::find(surface, action)
        .filter(|method| method.web)
        .ok_or_else(|| WireError::new(ErrorType::NotFound, "no such method"))?;
    if method.http == HttpMethod::Post && request.method() == actix_web::http::Method::GET {
        return Err(WireError::validation("this method is called by POST"));
    }
    if !method.needs_token() {
        return open(context, request, method, body).await;
    }
    if !context.limits.admits_web(authorization(request).unwrap_or_default()) {
        return Err(WireError::of(ErrorType::TooManyRequests));
    }
    let who = requester(context, request, surface).await?;
    if !context.limits.admits_license(who.license_id().0) {
        return Err(WireError::of(ErrorType::TooManyRequests));
    }
    let payload = web_payload(body)?;
    let payload = in_time(context, context.requests.handle(&who, method, payload, None)).await?;
    if method.renews_visit() {
        let headers = Headers { user_agent: text(request, USER_AGENT), referrer: text(request, REFERER) };
        in_time(context, context.requests.customer_seen_by(&who, &headers)).await?;
    }
    Ok(Opened { payload, lasts: false })
}

/// What a page asks before its customer has a token; addresses are held back as those that log in. Clients say it in the
/// query, or but for the license in a body, and some post it.
async fn open(
    context: &EdgeContext,
    request: &HttpRequest,
    method: &'static Method,
    body: &[u8],
) -> Result<Opened, WireError> {
    admitted_address(context, request)?;
    let license = named_license(context, request, method.param("license_id").is_some()).await?;
    if !context.limits.admits_license(license.id.0) {
        return Err(WireError::of(ErrorType::TooManyRequests));
    }
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let pairs = pairs.map_err(|error| WireError::validation(format!("the query: {error}")))?;
    let payload = query_payload(method, &pairs, web_payload(body)?)?;
    in_time(context, context.requests.handle_open(&license, method, &payload)).await
}

async fn in_time<T>(
    context: &EdgeContext,
    work: impl Future<Output = Result<T, WireError>>,
) -> Result<T, WireError> {
    tokio::time::timeout(context.settings.request_timeout, work)
        .await
        .unwrap_or_else(|_| Err(WireError::of(ErrorType::RequestTimeout)))
}
