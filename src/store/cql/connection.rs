//! The session: contact points, TLS, login, and the two profiles of requests.

use std::sync::Arc;
use std::time::Duration;

use scylla::client::execution_profile::{ExecutionProfile, ExecutionProfileBuilder};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::{DefaultPolicy, LoadBalancingPolicy};
use scylla::policies::retry::{DefaultRetryPolicy, FallthroughRetryPolicy};
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;

use super::{CqlOptions, OpenError};

/// Coordinators that a repeatable request is sent to besides the first.
const SPECULATIVE: usize = 2;
/// A connection without any answer for twice this long is given up.
const KEEPALIVE: Duration = Duration::from_secs(4);
/// Changes of the schema take their time, and so does their way to all nodes.
pub(super) const SCHEMA_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn connect(options: &CqlOptions) -> Result<Session, OpenError> {
    let mut builder = SessionBuilder::new()
        .known_nodes(&options.contact_points)
        .default_execution_profile_handle(repeatable(options).into_handle())
        .connection_timeout(options.request_timeout)
        .schema_agreement_timeout(SCHEMA_TIMEOUT)
        // A frozen node keeps its connections; without these it would be asked first again and again.
        .keepalive_interval(KEEPALIVE)
        .keepalive_timeout(KEEPALIVE)
        // Every statement names its keyspace, and rows are decoded by prepared metadata: the schema need not be fetched.
        .fetch_schema_metadata(true)
        .tls_context(options.tls.clone());
    if let Some(login) = &options.login {
        builder = builder.user(&login.user, &login.password);
    }
    builder.build().await.map_err(|error| OpenError::of_connecting(&options.contact_points, error))
}

/// For what may be sent again: retried on other coordinators, and sent to a second one when the first is slow (a frozen node
/// answers nobody, and is not known to be gone).
pub(super) fn repeatable(options: &CqlOptions) -> ExecutionProfile {
    base(options)
        .retry_policy(Arc::new(DefaultRetryPolicy::new()))
        .speculative_execution_policy(Some(Arc::new(SimpleSpeculativeExecutionPolicy {
            max_retry_count: SPECULATIVE,
            retry_interval: options.speculate_after,
        })))
        .build()
}

/// For conditional writes: sent once, since a second one would meet the first.
pub(super) fn once(options: &CqlOptions) -> ExecutionProfile {
    base(options)
        .request_timeout(Some(options.attempt_timeout))
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .speculative_execution_policy(None)
        .serial_consistency(Some(options.serial_consistency()))
        .build()
}

fn base(options: &CqlOptions) -> ExecutionProfileBuilder {
    ExecutionProfile::builder()
        .consistency(options.consistency())
        .request_timeout(Some(options.request_timeout))
        .load_balancing_policy(balancing(options, true))
}

/// Which coordinator gets a request: one that keeps the row, or any.
pub(super) fn balancing(options: &CqlOptions, token_aware: bool) -> Arc<dyn LoadBalancingPolicy> {
    let mut balancing = DefaultPolicy::builder().token_aware(token_aware);
    if let Some(datacenter) = &options.datacenter {
        balancing = balancing.prefer_datacenter(datacenter.clone());
    }
    balancing.build()
}
