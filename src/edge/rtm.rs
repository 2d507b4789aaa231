//! Websocket upgrades: `/v{version}/{surface}/rtm/ws`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::organization;
use super::client_address::{admitted_address, client_at};
use super::server::Context;
use super::web::{error_response, no_such_api, text};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::{ApiVersion, Surface};
use crate::sessions::cut::ConnectionSocket;
use crate::sessions::{self, AgentKind, Connection, CustomerKind};

pub(super) async fn upgrade(
    context: Context,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    stream: web::Payload,
) -> HttpResponse {
    let (version, surface) = path.into_inner();
    if ApiVersion::parse(&version) != Some(ApiVersion::V3_6) {
        return error_response(&WireError::of(ErrorType::UnsupportedVersion));
    }
    let Some(surface) = Surface::parse(&surface) else { return no_such_api() };
    if context.readiness.is_draining() {
        return error_response(&WireError::of(ErrorType::ServiceUnavailable));
    }
    // The cheapest first: those that come together are many.
    if !context.limits.admits_connection() {
        return error_response(&WireError::of(ErrorType::TooManyRequests));
    }
    let address = match admitted_address(&context, &request) {
        Ok(address) => address,
        Err(error) => return error_response(&error),
    };
    let socket = request.conn_data::<ConnectionSocket>().cloned();
    let shared = context.sessions.clone();
    let by = Connection {
        address,
        client: client_at(&context, address),
        organization: None,
        user_agent: text(&request, header::USER_AGENT),
        referrer: text(&request, header::REFERER),
    };
    let started = match surface {
        Surface::Agent => sessions::open::<AgentKind>(shared, socket, by, &request, stream),
        Surface::Customer => {
            let organization = match organization(&request) {
                Ok(organization) => organization,
                Err(error) => return error_response(&error),
            };
            let by = Connection { organization: Some(organization), ..by };
            sessions::open::<CustomerKind>(shared, socket, by, &request, stream)
        }
    };
    started.unwrap_or_else(|error| {
        let message = format!("not a websocket upgrade: {error}");
        error_response(&WireError::new(ErrorType::Validation, message))
    })
}
