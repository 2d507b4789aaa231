//! What the node's own loop needs of the links, beside what everybody may use.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{CallError, Link};
use crate::{Fingerprint, Incarnation, Member};

/// How a run is reached, as it goes on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `host:port`; empty for a node that has no peers.
    pub address: String,
    /// Of the certificate of this run.
    pub certificate: Option<Fingerprint>,
}

/// The links as the node's loop sees them: it says who the peers are, and has a lane of its own beside that of the
/// [`Service`](super::Service).
#[async_trait]
pub trait Transport: Link {
    /// Begins a new run: all links of the former one end, and peers will know this node by what is returned.
    fn begin(&self, incarnation: Incarnation) -> Identity;

    /// Who is on record and not fenced, this run included. Links to all others end.
    fn know(&self, living: &[Member]);

    /// Asks the loop of a peer.
    async fn control(&self, to: Incarnation, request: Bytes, deadline: Duration) -> Result<Bytes, CallError>;

    /// Says who answers what loops of peers ask.
    fn serve_control(&self, control: Arc<dyn Control>);
}

/// Who answers what loops of peers ask.
#[async_trait]
pub trait Control: Send + Sync {
    /// Answers a peer.
    async fn control(&self, from: Incarnation, request: Bytes) -> Bytes;

    /// Somebody came who is not among those known: perhaps a newcomer that the tables have by now.
    fn stranger(&self);
}
