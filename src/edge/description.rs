//! The protocol's description: for machines at `/openapi.json` and `/asyncapi.json`, for people at `/api`.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};

use super::server::Context;
use super::web::json_response;
use crate::protocol::describe;

/// `GET /openapi.json`
pub(super) async fn openapi(context: Context) -> HttpResponse {
    json_response(describe::openapi(context.requests.base_url()))
}

/// `GET /asyncapi.json`
pub(super) async fn asyncapi(context: Context) -> HttpResponse {
    json_response(describe::asyncapi(context.requests.base_url()))
}

/// `GET /api`
pub(super) async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type("text/html; charset=utf-8")
        .body(describe::page())
}
