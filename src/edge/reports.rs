//! How chats are given to agents, in figures: `/metrics` shows them to the operator, `GET /reports/routing` to the
//! administrators of a license.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::auth::{authorization, requester};
use super::server::{Context, EdgeContext};
use super::web::{error_response, json_response};
use crate::domain::license::{License, Role};
use crate::domain::routing::{RouterSnapshot, WAIT_BOUNDS_S, WaitReport};
use crate::observe::{GroupRouting, LicenseRouting};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::Surface;

/// A wait that a customer should not notice, in seconds.
const SOON_S: u32 = 20;

/// One license.
#[derive(Serialize)]
struct Report {
    served: u32,
    waiting: u32,
    slots: u32,
    slots_taken: u32,
    refused_starts: u64,
    /// Whether `GET /reports/cluster` would answer as well.
    sees_cluster: bool,
    agents: Vec<AgentReport>,
    groups: Vec<GroupReport>,
}

#[derive(Serialize)]
struct AgentReport {
    id: String,
    name: String,
    chats: u32,
    limit: u32,
}

#[derive(Serialize)]
struct GroupReport {
    id: i64,
    name: String,
    waiting: u32,
    answered: u64,
    answered_soon: u64,
    soon_s: u32,
    wait_p50_s: Option<u32>,
    wait_p95_s: Option<u32>,
    refused_starts: u64,
}

/// `GET /reports/routing`: the figures of the license whose administrator asks.
pub(super) async fn routing(context: Context, request: HttpRequest) -> HttpResponse {
    match report(&context, &request).await {
        Ok(report) => json_response(report),
        Err(error) => error_response(&error),
    }
}

/// The license, if one of its administrators asks.
pub(super) async fn administered(
    context: &EdgeContext,
    request: &HttpRequest,
) -> Result<Arc<License>, WireError> {
    if !context.limits.admits_web(authorization(request)?) {
        return Err(WireError::of(ErrorType::TooManyRequests));
    }
    let who = requester(context, request, Surface::Agent).await?;
    let role = who.agent().and_then(|id| who.license.agent(id)).map(|agent| agent.role);
    if role.is_none_or(|role| role < Role::Administrator) {
        return Err(WireError::new(ErrorType::Authorization, "reports are for administrators"));
    }
    Ok(who.license.clone())
}

async fn report(context: &EdgeContext, request: &HttpRequest) -> Result<String, WireError> {
    let license = administered(context, request).await?;
    let snapshot = context.requests.actors().router(license.id).snapshot().await;
    let snapshot = snapshot.map_err(|_| WireError::of(ErrorType::ServiceUnavailable))?;
    let (slots_taken, slots) = snapshot.occupancy();
    let agents = snapshot.agents.iter().filter(|agent| agent.is_present());
    let groups = snapshot.groups.iter().filter(|group| license.has_group(group.id));
    let report = Report {
        served: snapshot.served,
        waiting: snapshot.in_line + snapshot.open_ended,
        slots,
        slots_taken,
        refused_starts: snapshot.refused_starts.values().sum(),
        sees_cluster: context.cluster.is_shown_to(&license),
        agents: agents
            .map(|agent| AgentReport {
                id: agent.id.to_string(),
                name: license.agent_name(&agent.id).to_owned(),
                chats: agent.chats,
                limit: agent.limit,
            })
            .collect(),
        groups: groups
            .map(|group| GroupReport {
                id: group.id.0,
                name: license.groups.get(&group.id).map_or("All agents", |group| &group.name).to_owned(),
                waiting: group.waiting,
                answered: group.waits.answered,
                answered_soon: group.waits.answered_within(SOON_S),
                soon_s: SOON_S,
                wait_p50_s: group.waits.quantile(0.5),
                wait_p95_s: group.waits.quantile(0.95),
                refused_starts: group.refused_starts,
            })
            .collect(),
    };
    Ok(serde_json::to_string(&report).expect("a report has a JSON form"))
}

/// A license's figures as `/metrics` shows them.
pub(super) fn figures(license: i64, snapshot: &RouterSnapshot) -> LicenseRouting {
    let (slots_taken, slots) = snapshot.occupancy();
    let mut agents = BTreeMap::new();
    for agent in snapshot.agents.iter().filter(|agent| agent.is_present()) {
        *agents.entry(agent.chats).or_default() += 1;
    }
    LicenseRouting {
        license,
        served: snapshot.served,
        slots,
        slots_taken,
        agents,
        refused: snapshot
            .refused_starts
            .iter()
            .map(|(reason, count)| (reason.name().to_owned(), *count))
            .collect(),
        groups: snapshot
            .groups
            .iter()
            .map(|group| GroupRouting {
                group: group.id.0,
                waiting: group.waiting,
                answered: group.waits.answered,
                waited_s: group.waits.waited_s,
                waits: waits(&group.waits),
                refused: group.refused_starts,
            })
            .collect(),
    }
}

fn waits(report: &WaitReport) -> Vec<(f64, u64)> {
    let bounds = WAIT_BOUNDS_S.iter().map(|bound| f64::from(*bound)).chain([f64::INFINITY]);
    bounds.zip(report.buckets).collect()
}
