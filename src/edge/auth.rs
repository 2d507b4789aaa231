//! Who sends an HTTP request.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::client_address::admitted_address;
use super::server::EdgeContext;
use crate::domain::id::{LicenseId, OrganizationId};
use crate::domain::license::License;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::Surface;
use crate::requests::{Identity, Requester};

/// The value of the `Authorization` header.
pub(super) fn authorization(request: &HttpRequest) -> Result<&str, WireError> {
    request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| WireError::new(ErrorType::Authentication, "the Authorization header is missing"))
}

/// One parameter of the query string.
pub(super) fn query_parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let query = actix_web::web::Query::<std::collections::HashMap<String, String>>::from_query(
        request.query_string(),
    );
    query.ok()?.into_inner().remove(name)
}

/// The organization that a customer's request names.
pub(super) fn organization(request: &HttpRequest) -> Result<OrganizationId, WireError> {
    let text = query_parameter(request, "organization_id")
        .ok_or_else(|| WireError::validation("`organization_id` is required in the query"))?;
    text.parse().map(OrganizationId).map_err(|_| WireError::validation("`organization_id` must be a UUID"))
}

/// The license that a customers' request names: by its organization or, where that is allowed, by its number.
pub(super) async fn named_license(
    context: &EdgeContext,
    request: &HttpRequest,
    by_number: bool,
) -> Result<Arc<License>, WireError> {
    let number = query_parameter(request, "license_id").filter(|_| by_number);
    match number.filter(|_| query_parameter(request, "organization_id").is_none()) {
        Some(number) => {
            let number =
                number.parse().map_err(|_| WireError::validation("`license_id` must be of type int"))?;
            context.gate.license(LicenseId(number)).await
        }
        None => context.gate.license_of(organization(request)?).await,
    }
}

/// Proves the token of a Web API request. Addresses that show tokens which are not known here are held back as those that log in.
pub(super) async fn requester(
    context: &EdgeContext,
    request: &HttpRequest,
    surface: Surface,
) -> Result<Requester, WireError> {
    let now = context.requests.actors().clock().now();
    match surface {
        Surface::Agent => {
            let token = authorization(request)?;
            // Anybody can make tokens up, each of which is looked for in the store.
            if context.gate.tokens.is_unseen(token) {
                admitted_address(context, request)?;
            }
            let proven = context.gate.agent(token, now).await?;
            Ok(Requester {
                license: proven.license,
                identity: Identity::Agent { id: proven.agent, scopes: proven.scopes },
                session: None,
            })
        }
        Surface::Customer => {
            let organization = organization(request)?;
            let token = authorization(request)?;
            let proven = context.gate.customer(Some(organization), token, now).await?;
            Ok(Requester {
                license: proven.license,
                identity: Identity::Customer { id: proven.customer, client: proven.client },
                session: None,
            })
        }
    }
}
