//! Links over the network: gRPC over mutual TLS, by tonic.
//!
//! One connection each way between every two nodes. On it go one stream of calls of the [`Service`] ([`calls`]), calls of the
//! node's loop ([`Control`]), and one stream of frames. Until its stream is open, and with nodes of versions that know of
//! none, a call is a request of its own. [`certificate`] has who is believed, [`outbound`] this node's connections to
//! peers, [`inbound`] theirs to this node. All tasks run on the runtime on which the link was made.

mod calls;
mod certificate;
mod codec;
mod inbound;
mod outbound;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::certificate::Certificate;
use self::outbound::Wire;
use super::{CallError, Control, Identity, Link, MAX_MESSAGE, Peer, SendError, Service, Transport};
use crate::{Cause, Fingerprint, Incarnation, Member};

/// The methods, as paths.
const CALL: &str = "/switchboard.Node/Call";
const CALLS: &str = "/switchboard.Node/Calls";
const CONTROL: &str = "/switchboard.Node/Control";
const FRAMES: &str = "/switchboard.Node/Frames";
/// A path that no version has a method for.
const NO_METHOD: &str = "/switchboard.Node/None";
/// Bytes that may be on their way, or wait to be read, on one stream.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
/// Bytes that may be on their way, or wait to be read, on a connection. Half of it is also what h2 lets small messages waste
/// before it takes them for an attack and ends the connection; a busy peer that reads late is none.
const CONNECTION_WINDOW: u32 = 128 * 1024 * 1024;

/// The links of this node.
pub struct GrpcLink {
    shared: Arc<Shared>,
    runtime: Handle,
    advertise: String,
}

impl std::fmt::Debug for GrpcLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcLink").field("advertise", &self.advertise).finish_non_exhaustive()
    }
}

/// What all tasks of the link see.
struct Shared {
    run: RwLock<Arc<Run>>,
    peers: watch::Sender<Vec<Peer>>,
    /// Living runs by certificate.
    known: watch::Sender<HashMap<Fingerprint, Incarnation>>,
    wires: Mutex<HashMap<Incarnation, Wire>>,
    service: RwLock<Option<Arc<dyn Service>>>,
    control: RwLock<Option<Arc<dyn Control>>>,
}

/// The present run of this node.
struct Run {
    me: Incarnation,
    certificate: Certificate,
}

impl Shared {
    fn run(&self) -> Arc<Run> {
        self.run.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn wires(&self) -> MutexGuard<'_, HashMap<Incarnation, Wire>> {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn service(&self) -> Option<Arc<dyn Service>> {
        self.service.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn control(&self) -> Option<Arc<dyn Control>> {
        self.control.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl GrpcLink {
    /// Listens on `listen`. Peers reach this node at `advertise`, or, where that is none, at the address that it listens on.
    /// Must be called on the tokio runtime that shall carry the link.
    ///
    /// # Errors
    /// Where the address cannot be listened on, or no certificate can be made.
    pub fn bind(listen: SocketAddr, advertise: Option<String>) -> std::io::Result<Arc<Self>> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let run = Run { me: Incarnation(uuid::Uuid::nil()), certificate: generate()? };
        let shared = Arc::new(Shared {
            run: RwLock::new(Arc::new(run)),
            peers: watch::Sender::new(Vec::new()),
            known: watch::Sender::new(HashMap::new()),
            wires: Mutex::default(),
            service: RwLock::default(),
            control: RwLock::default(),
        });
        let runtime = Handle::current();
        runtime.spawn(inbound::listen(tokio::net::TcpListener::from_std(listener)?, Arc::downgrade(&shared)));
        let advertise = advertise.unwrap_or_else(|| address.to_string());
        Ok(Arc::new(Self { shared, runtime, advertise }))
    }

    /// Where peers reach this node.
    pub fn advertised(&self) -> &str {
        &self.advertise
    }

    async fn ask(
        &self,
        to: Incarnation,
        path: &'static str,
        request: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        if request.len() > MAX_MESSAGE {
            return Err(CallError::NotSent(Arc::new(TooLarge(request.len()))));
        }
        let (calls, channel) = {
            let wires = self.shared.wires();
            let wire = wires.get(&to).ok_or(CallError::NoSuchPeer)?;
            (wire.calls().filter(|_| path == CALL), wire.channel())
        };
        match calls {
            Some(calls) => calls.ask(request, deadline).await,
            None => outbound::ask(channel, path, request, deadline).await,
        }
    }
}

/// A message is larger than [`MAX_MESSAGE`].
#[derive(Debug, thiserror::Error)]
#[error("a message of {0} bytes is too large for the link")]
struct TooLarge(usize);

fn generate() -> std::io::Result<Certificate> {
    Certificate::generate().map_err(|cause: Cause| std::io::Error::other(cause))
}

#[async_trait]
impl Link for GrpcLink {
    async fn call(&self, to: Incarnation, request: Bytes, deadline: Duration) -> Result<Bytes, CallError> {
        self.ask(to, CALL, request, deadline).await
    }

    fn send(&self, to: Incarnation, frame: Bytes) -> Result<(), SendError> {
        let wires = self.shared.wires();
        let wire = wires.get(&to).ok_or(SendError::Gone)?;
        wire.send(frame)
    }

    fn peers(&self) -> watch::Receiver<Vec<Peer>> {
        self.shared.peers.subscribe()
    }

    fn serve(&self, service: Arc<dyn Service>) {
        *self.shared.service.write().unwrap_or_else(PoisonError::into_inner) = Some(service);
        // Streams begin when both ends serve.
        self.shared.wires().values().for_each(Wire::nudge);
    }
}

#[async_trait]
impl Transport for GrpcLink {
    fn begin(&self, incarnation: Incarnation) -> Identity {
        self.shared.wires().clear();
        self.shared.known.send_replace(HashMap::new());
        self.shared.peers.send_replace(Vec::new());
        // A run that could not make a certificate goes on with the former one: it is ours alone as well.
        let Ok(certificate) = generate().inspect_err(|error| tracing::error!(%error, "no new certificate"))
        else {
            return Identity::default();
        };
        let identity =
            Identity { address: self.advertise.clone(), certificate: Some(certificate.fingerprint) };
        let run = Run { me: incarnation, certificate };
        *self.shared.run.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(run);
        identity
    }

    fn know(&self, living: &[Member]) {
        let run = self.shared.run();
        let others = || living.iter().filter(|member| member.incarnation != run.me);
        let known = others().filter_map(|member| Some((member.certificate?, member.incarnation)));
        self.shared.known.send_replace(known.collect());
        {
            let mut wires = self.shared.wires();
            wires.retain(|peer, _| others().any(|member| member.incarnation == *peer));
            for member in others() {
                let Some(fingerprint) = member.certificate else { continue };
                wires.entry(member.incarnation).or_insert_with(|| {
                    Wire::spawn(&self.runtime, Arc::downgrade(&self.shared), run.clone(), member, fingerprint)
                });
            }
        }
        self.shared.peers.send_replace(others().map(Peer::of).collect());
    }

    async fn control(&self, to: Incarnation, request: Bytes, deadline: Duration) -> Result<Bytes, CallError> {
        self.ask(to, CONTROL, request, deadline).await
    }

    fn serve_control(&self, control: Arc<dyn Control>) {
        *self.shared.control.write().unwrap_or_else(PoisonError::into_inner) = Some(control);
    }
}
