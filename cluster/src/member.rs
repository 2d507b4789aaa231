//! Nodes and their runs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The name of a node, the same across restarts: two running nodes must not share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// Wraps a name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One run of one node. A restarted node is a new incarnation, so nothing of its former self is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub Uuid);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A row of the table of incarnations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The run.
    pub incarnation: Incarnation,
    /// The node whose run it is.
    pub node: NodeName,
    /// Where other nodes reach it; empty for a node that has no peers.
    pub address: String,
    /// Of the certificate that it shows to peers; none for a node that has no peers.
    pub certificate: Option<Fingerprint>,
    /// Whether it was declared dead. A fenced incarnation never comes back; a missing row counts as fenced.
    pub fenced: bool,
}

impl Member {
    /// A living run without peers.
    pub fn new(incarnation: Incarnation, node: NodeName) -> Self {
        Self { incarnation, node, address: String::new(), certificate: None, fenced: false }
    }
}

/// SHA-256 of a certificate in its DER form: by it peers know each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
