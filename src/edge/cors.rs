//! Cross-origin answers for customers' browsers: only for origins that the license's clients registered.
//!
//! The rule is applied where a request names its license; a preflight names none, so it is answered for any origin
//! that some client of this server registered, and the request itself is judged again.

use actix_web::HttpRequest;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpResponse, web};

use super::server::{Context, EdgeContext};

/// The origin that a browser names.
pub(super) fn origin(request: &HttpRequest) -> Option<&str> {
    request.headers().get(ORIGIN)?.to_str().ok()
}

/// Lets the browser show the answer to the page, if the page's origin is registered.
pub(super) async fn allow(context: &EdgeContext, request: &HttpRequest, headers: &mut HeaderMap) {
    let Some(origin) = origin(request) else { return };
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if !context.tenants.is_registered_origin(origin).await {
        return;
    }
    let Ok(value) = HeaderValue::from_str(origin) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
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
