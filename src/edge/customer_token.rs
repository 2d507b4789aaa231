//! `POST /v2/customer/token` and its relatives: customers' tokens. The rules of the grant are in `tenants`.

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderValue, ORIGIN, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::{authorization, query_parameter};
use super::client_address::admitted_address;
use super::cors::{own_origin, preflight};
use super::in_time::InTime;
use super::server::{Context, EdgeContext};
use super::web::error_response;
use crate::protocol::error::{ErrorType, WireError};
use crate::tenants::{
    CUSTOMER_COOKIE, CustomerCookies, CustomerIdentity, GrantCall, GrantError, GrantRequest, SECRET_COOKIE,
};

/// The front of the paths that get the customer's cookies.
const COOKIE_PATH: &str = "/v2/customer";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let paths = [
        "/v2/customer/token",
        "/v2/customer/token/",
        "/v2/customer/{organization}/{group}/token",
        "/v2/customer/{organization}/{group}/token/",
    ];
    for path in paths {
        config
            .route(path, web::post().to(grant))
            .route(path, web::delete().to(revoke))
            .route(path, web::method(Method::OPTIONS).to(preflight));
    }
    config
        .route("/v2/customer/info", web::get().to(info))
        .route("/v2/customer/info", web::method(Method::OPTIONS).to(preflight));
}

async fn grant(context: Context, request: HttpRequest, InTime(body): InTime<web::Bytes>) -> HttpResponse {
    if let Err(error) = admitted_address(&context, &request) {
        return error_response(&error);
    }
    match granted(&context, &request, &body).await {
        Ok(response) => response,
        Err(error) => refused(&error),
    }
}

async fn granted(
    context: &EdgeContext,
    request: &HttpRequest,
    body: &[u8],
) -> Result<HttpResponse, GrantError> {
    let mut wanted = GrantRequest::parse(body)?;
    if let Some(organization) = request.match_info().get("organization") {
        wanted.organization_id.get_or_insert_with(|| organization.to_owned());
    }
    let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let cookie = |name| cookie(request, name);
    let cookies = CustomerCookies { customer: cookie(CUSTOMER_COOKIE), secret: cookie(SECRET_COOKIE) };
    let own_origin = own_origin(request).ok_or(GrantError::NotUnderstood)?;
    let call = GrantCall {
        authorization: header(AUTHORIZATION),
        cookies: &cookies,
        origin: header(ORIGIN),
        own_origin: &own_origin,
        now: context.requests.actors().clock().now(),
    };
    let grant = context.grants.grant(wanted, call).await?;
    let is_secure = request.connection_info().scheme() == "https" || own_origin.is_loopback();
    let mut response = HttpResponse::Ok().json(&grant);
    if let Some(cookies) = &grant.cookies {
        for value in cookies.set_cookie_headers(COOKIE_PATH, is_secure) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(SET_COOKIE, value);
            }
        }
    }
    Ok(response)
}

/// The value of one cookie.
fn cookie(request: &HttpRequest, name: &str) -> Option<String> {
    let pairs = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

/// What stops a grant.
fn refused(error: &GrantError) -> HttpResponse {
    if let GrantError::Store(cause) = error {
        tracing::warn!(error = %cause, "a customer's token could not be made");
    }
    let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(error.body())
}

/// The customer whose token a request presents, in the header or as `code`. Addresses are held back as those that log in.
async fn presented(context: &EdgeContext, request: &HttpRequest) -> Result<CustomerIdentity, WireError> {
    admitted_address(context, request)?;
    let code = query_parameter(request, "code");
    let token = match &code {
        Some(code) => code.as_str(),
        None => authorization(request)?,
    };
    context.gate.customer(None, token, context.requests.actors().clock().now()).await
}

/// `GET /v2/customer/info`: what a token is good for.
async fn info(context: Context, request: HttpRequest) -> HttpResponse {
    let identity = match presented(&context, &request).await {
        Ok(identity) => identity,
        Err(error) => return error_response(&error),
    };
    let token = query_parameter(&request, "code")
        .or_else(|| authorization(&request).ok().map(|token| token.trim_start_matches("Bearer ").to_owned()));
    let left = identity.expires_at.since(context.requests.actors().clock().now());
    HttpResponse::Ok().json(serde_json::json!({
        "access_token": token,
        "client_id": identity.client,
        "entity_id": identity.customer,
        "expires_in": left.as_secs(),
        "organization_id": identity.license.organization_id,
        "token_type": "Bearer",
    }))
}

/// `DELETE /v2/customer/token`: takes the presented token back.
async fn revoke(context: Context, request: HttpRequest) -> HttpResponse {
    let identity = match presented(&context, &request).await {
        Ok(identity) => identity,
        Err(error) => return error_response(&error),
    };
    let now = context.requests.actors().clock().now();
    match context.gate.customer_tokens.revoke(&identity, now).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(error) => {
            tracing::warn!(%error, "a customer's token was not taken back");
            error_response(&WireError::of(ErrorType::ServiceUnavailable))
        }
    }
}
