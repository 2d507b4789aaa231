//! What operators see: the log ([`log`]) and the figures of `/metrics` ([`Metrics`]).
//!
//! Everybody may use this room. Log lines carry ids, never secrets and never what people write to each other.

mod cluster;
pub mod log;
mod metrics;
mod process;
mod routing;

pub use cluster::ClusterFigures;
pub use metrics::{METRICS_CONTENT_TYPE, Metrics};
pub use routing::{GroupRouting, LicenseRouting};
