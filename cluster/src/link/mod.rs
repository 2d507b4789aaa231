//! Talk between nodes: calls with an answer, and one ordered stream of frames a direction between every two nodes.
//!
//! Whoever uses the cluster (the rest of the server) hands bytes in and gets bytes out; this crate does not look into them.
//! A [`Link`] is this node's end towards its peers, a [`Service`] is what the node does with what peers ask of it. Peers
//! are the living incarnations on record and nobody else: a fenced one is neither called nor heard.
//!
//! [`grpc`] is the real thing; [`memory`] joins nodes of one process (tests, simulations); a node without peers has [`NoPeers`].

pub mod grpc;
pub mod memory;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use transport::{Control, Identity, Transport};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use crate::{Cause, Incarnation, Member, NodeName};

/// A living incarnation other than this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The run.
    pub incarnation: Incarnation,
    /// Whose run it is.
    pub node: NodeName,
    /// `host:port` where it is reached.
    pub address: String,
}

impl Peer {
    /// A member on record.
    pub fn of(member: &Member) -> Self {
        Self { incarnation: member.incarnation, node: member.node.clone(), address: member.address.clone() }
    }
}

/// Bytes of the largest request, answer or frame.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Why a call got no answer. What the caller may do next differs by variant.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// There is no such living incarnation. Nothing was done; look the owner up again.
    #[error("there is no such node any more")]
    NoSuchPeer,
    /// The request did not leave this node. Nothing was done; it may be sent again, to this peer or another.
    #[error("the node could not be reached")]
    NotSent(#[source] Cause),
    /// The peer has too much to do, or does not serve yet, and did not begin. Nothing was done; try again a little later.
    #[error("the node takes no requests now")]
    Refused,
    /// The request left and no answer came in time: it may have been carried out, or still be. Only a request whose
    /// repetition does no harm may be sent again.
    #[error("the node did not answer; whether it did what was asked is not known")]
    OutcomeUnknown(#[source] Cause),
}

impl CallError {
    /// Whether it is certain that the peer did nothing, so that any request may be sent again.
    pub fn nothing_was_done(&self) -> bool {
        !matches!(self, Self::OutcomeUnknown(_))
    }
}

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too much waits for this peer already. The frame is lost; what it told has to be told in another way later.
    #[error("too much waits for this node")]
    Full,
    /// There is no stream to this peer now. The opening of the next one is told to the [`Service`].
    #[error("there is no stream to this node now")]
    Gone,
}

/// Which of the two streams between this node and a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From here to the peer.
    To,
    /// From the peer to here.
    From,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::To => "to",
            Self::From => "from",
        })
    }
}

/// This node's end of the links to all its peers.
#[async_trait]
pub trait Link: Send + Sync {
    /// Asks a peer and waits for its answer, at most for `deadline` (which the peer is told, so that it gives up as well).
    /// Nothing is repeated behind the caller's back once a request may have arrived.
    async fn call(&self, to: Incarnation, request: Bytes, deadline: Duration) -> Result<Bytes, CallError>;

    /// Puts a frame on the stream to a peer, without waiting. Frames of one stream arrive in order, each at most once, and
    /// without a hole up to the moment where the stream is lost; frames that are still queued then are lost with it.
    fn send(&self, to: Incarnation, frame: Bytes) -> Result<(), SendError>;

    /// The living incarnations other than this one, as far as this node knows; follow it with the watch's `changed`. A run
    /// that is in it may be unreachable at the moment.
    fn peers(&self) -> watch::Receiver<Vec<Peer>>;

    /// Says who answers what peers ask from now on. Until then their calls are refused and no stream is taken.
    fn serve(&self, service: Arc<dyn Service>);
}

/// What a node does with what peers ask and tell. Calls of one peer run side by side; frames of one peer come one after
/// another, in order, and the next waits until the former was taken.
#[async_trait]
pub trait Service: Send + Sync {
    /// Answers a call. It is dropped at its next await when the caller waits no longer.
    async fn call(&self, from: Incarnation, request: Bytes) -> Bytes;

    /// Takes a frame. Must not block: whoever cannot take it has to note that it was lost.
    fn frame(&self, from: Incarnation, frame: Bytes);

    /// A stream begins, empty. [`Way::To`]: what is sent from now on arrives in order. [`Way::From`]: frames of that peer
    /// begin, and all that it told before may be outdated.
    fn stream_opened(&self, peer: Incarnation, way: Way);

    /// A stream ended. [`Way::To`]: what was sent lately may not have arrived. [`Way::From`]: the peer may have told more.
    fn stream_closed(&self, peer: Incarnation, way: Way);
}

/// The link of a node that has no peers.
#[derive(Debug)]
pub struct NoPeers {
    peers: watch::Sender<Vec<Peer>>,
}

impl Default for NoPeers {
    fn default() -> Self {
        Self { peers: watch::Sender::new(Vec::new()) }
    }
}

#[async_trait]
impl Link for NoPeers {
    async fn call(&self, _to: Incarnation, _request: Bytes, _deadline: Duration) -> Result<Bytes, CallError> {
        Err(CallError::NoSuchPeer)
    }

    fn send(&self, _to: Incarnation, _frame: Bytes) -> Result<(), SendError> {
        Err(SendError::Gone)
    }

    fn peers(&self) -> watch::Receiver<Vec<Peer>> {
        self.peers.subscribe()
    }

    fn serve(&self, _service: Arc<dyn Service>) {}
}

#[async_trait]
impl Transport for NoPeers {
    fn begin(&self, _incarnation: Incarnation) -> Identity {
        Identity::default()
    }

    fn know(&self, _living: &[Member]) {}

    async fn control(
        &self,
        _to: Incarnation,
        _request: Bytes,
        _deadline: Duration,
    ) -> Result<Bytes, CallError> {
        Err(CallError::NoSuchPeer)
    }

    fn serve_control(&self, _control: Arc<dyn Control>) {}
}
