//! Cross-origin answers for customers' browsers: only for origins that the license's clients registered.
//!
//! A request and its preflight name the organization in the query. Asking for a token is the exception: its body
//! names the client, so the answer is the handler's, which refuses origins that the client did not register; what it
//! refuses no page may read.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, ORIGIN, VARY,
};

use super::auth::named_license;
use super::server::{Context, EdgeContext};
use crate::tenants::Origin;

/// The origin that a browser names.
pub(super) fn origin(request: &HttpRequest) -> Option<&str> {
    request.headers().get(ORIGIN)?.to_str().ok()
}

/// Lets the browser show the answer to the page, if the page's origin is registered with the license that the
/// request names. A request for a token names none in its path; what it answers is judged by its handler.
pub(super) async fn allow(context: &EdgeContext, request: &HttpRequest, headers: &mut HeaderMap) {
    let Some(origin) = origin(request) else { return };
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let asks_for_token = request.path().starts_with("/v2/customer/");
    if !asks_for_token && !is_registered(context, request, origin).await {
        return;
    }
    let Ok(value) = HeaderValue::from_str(origin) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}

async fn is_registered(context: &EdgeContext, request: &HttpRequest, origin: &str) -> bool {
    let Ok(license) = named_license(context, request, true).await else { return false };
    let (Some(origin), Some(own)) = (Origin::parse(origin), own_origin(request)) else { return false };
    license.clients.values().any(|client| origin.is_allowed(client, &own))
}

/// The origin under which the client reaches this server.
pub(super) fn own_origin(request: &HttpRequest) -> Option<Origin> {
    let connection = request.connection_info();
    Origin::parse(&format!("{}://{}", connection.scheme(), connection.host()))
}

/// Answers a preflight.
pub(super) async fn preflight(context: Context, request: HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    allow(&context, &request, headers).await;
    if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE, OPTIONS"));
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, x-api-version, x-region"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}
