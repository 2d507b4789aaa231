//! `GET /reports/cluster`: nodes, shards, epochs and moves, for the console. Tenants share a cluster and know nothing of it:
//! only the administrators of the license see it that the operator named.

use actix_web::{HttpRequest, HttpResponse};
use switchboard_cluster::Node;

use super::reports::administered;
use super::server::{Context, EdgeContext};
use super::web::{error_response, json_response};
use crate::domain::id::LicenseId;
use crate::domain::license::License;
use crate::protocol::error::{ErrorType, WireError};

/// The cluster and who may see it.
pub struct ShownCluster {
    /// This node's place in it.
    pub member: Node,
    /// Whose administrators may.
    pub shown_to: Option<LicenseId>,
}

impl ShownCluster {
    pub(super) fn is_shown_to(&self, license: &License) -> bool {
        self.shown_to == Some(license.id)
    }
}

pub(super) async fn report(context: Context, request: HttpRequest) -> HttpResponse {
    match status(&context, &request).await {
        Ok(status) => json_response(status),
        Err(error) => error_response(&error),
    }
}

async fn status(context: &EdgeContext, request: &HttpRequest) -> Result<String, WireError> {
    let license = administered(context, request).await?;
    if !context.cluster.is_shown_to(&license) {
        return Err(WireError::new(ErrorType::Authorization, "the cluster is for its operators"));
    }
    let status = context.cluster.member.status().await;
    let status = status.map_err(|_| WireError::of(ErrorType::ServiceUnavailable))?;
    Ok(serde_json::to_string(&status).expect("a status has a JSON form"))
}
