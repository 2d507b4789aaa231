//! This node's connection to one peer: made, kept, made again.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::client::Grpc;
use tonic::codegen::Service as TowerService;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::calls::{Calls, HEAD};
use super::certificate::NAME;
use super::codec::BytesCodec;
use super::{CALLS, CONNECTION_WINDOW, FRAMES, NO_METHOD, Run, STREAM_WINDOW, Shared};
use crate::link::{CallError, MAX_MESSAGE, SendError, Service, Way};
use crate::{Cause, Fingerprint, Incarnation, Member};

/// How long a connection may take to be made, with its TLS.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest a call waits for a connection that is being made; never more than half of its deadline.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(1);
/// A connection on which nothing comes back for so long is given up.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Pauses between attempts to connect; each is drawn at random up to its bound.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Pause before a peer that does not serve yet is asked again for a stream.
const NOT_YET: Duration = Duration::from_millis(100);
/// Frames, and bytes in frames, that may wait for one peer.
const QUEUED_FRAMES: usize = 4096;
const QUEUED_BYTES: usize = 16 * 1024 * 1024;

/// The connection to a peer. Dropping it ends it.
pub(super) struct Wire {
    channel: watch::Receiver<Option<Channel>>,
    calls: Arc<Mutex<Option<Calls>>>,
    stream: Arc<Mutex<Option<Queue>>>,
    nudge: Arc<Notify>,
    task: JoinHandle<()>,
}

/// The sending end of a stream.
struct Queue {
    frames: mpsc::Sender<Frame>,
    room: Arc<tokio::sync::Semaphore>,
}

/// A frame that waits, with its share of the room.
struct Frame {
    bytes: Bytes,
    _room: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    pub(super) fn spawn(
        runtime: &Handle,
        shared: Weak<Shared>,
        run: Arc<Run>,
        member: &Member,
        fingerprint: Fingerprint,
    ) -> Self {
        let (publish, channel) = watch::channel(None);
        let (calls, stream) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let nudge = Arc::new(Notify::new());
        let keeper = Keeper {
            shared,
            run,
            peer: member.incarnation,
            address: member.address.clone(),
            fingerprint,
            publish,
            calls: calls.clone(),
            stream: stream.clone(),
            nudge: nudge.clone(),
        };
        Self { channel, calls, stream, nudge, task: runtime.spawn(keeper.keep()) }
    }

    pub(super) fn channel(&self) -> watch::Receiver<Option<Channel>> {
        self.channel.clone()
    }

    /// The stream of calls, where it is open.
    pub(super) fn calls(&self) -> Option<Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn nudge(&self) {
        self.nudge.notify_one();
    }

    pub(super) fn send(&self, bytes: Bytes) -> Result<(), SendError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(SendError::Full);
        }
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = stream.as_ref().ok_or(SendError::Gone)?;
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let room = queue.room.clone().try_acquire_many_owned(size).map_err(|_| SendError::Full)?;
        queue.frames.try_send(Frame { bytes, _room: room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Gone,
        })
    }
}

/// The task behind a [`Wire`].
struct Keeper {
    shared: Weak<Shared>,
    run: Arc<Run>,
    peer: Incarnation,
    address: String,
    fingerprint: Fingerprint,
    publish: watch::Sender<Option<Channel>>,
    calls: Arc<Mutex<Option<Calls>>>,
    stream: Arc<Mutex<Option<Queue>>>,
    nudge: Arc<Notify>,
}

/// Tells the service of the end of a stream, in whatever way it ends.
struct OpenStream {
    service: Arc<dyn Service>,
    peer: Incarnation,
    stream: Arc<Mutex<Option<Queue>>>,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.service.stream_closed(self.peer, Way::To);
    }
}

/// Takes a stream of calls away when it ends, or is to take no more.
struct OpenCalls<'a>(&'a Mutex<Option<Calls>>);

impl Drop for OpenCalls<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Keeper {
    async fn keep(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.connect().await {
                Ok(channel) if is_let_in(channel.clone()).await => {
                    tracing::debug!(peer = %self.peer, "connected to a peer");
                    pause = FIRST_PAUSE;
                    self.publish.send_replace(Some(channel.clone()));
                    tokio::select! {
                        () = self.streams(channel.clone()) => {}
                        () = self.carry_calls(channel) => {}
                    }
                    self.publish.send_replace(None);
                    tracing::debug!(peer = %self.peer, "the connection to a peer is lost");
                }
                Ok(_) => tracing::debug!(peer = %self.peer, "a peer does not let this node in"),
                Err(error) => {
                    tracing::debug!(peer = %self.peer, address = self.address, %error, "no connection");
                }
            }
            tokio::time::sleep(jitter(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn connect(&self) -> Result<Channel, Cause> {
        let cause = |error: tonic::transport::Error| Arc::new(error) as Cause;
        let tls = self.run.certificate.client(self.fingerprint).map_err(|error| Arc::new(error) as Cause)?;
        let connector = Connector { address: self.address.clone().into(), tls: Arc::new(tls) };
        // The connector knows where to go and whom to believe; the address here is only for the request's head.
        let endpoint = Endpoint::from_static("http://switchboard-node")
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        endpoint.connect_with_connector(connector).await.map_err(cause)
    }

    /// One stream of calls, for as long as the connection holds.
    async fn carry_calls(&self, channel: Channel) {
        loop {
            let (calls, outgoing, sent) = Calls::new();
            let mut grpc = grpc(channel.clone());
            if grpc.ready().await.is_err() {
                return;
            }
            match grpc.streaming(Request::new(outgoing), PathAndQuery::from_static(CALLS), BytesCodec).await {
                Ok(answer) => {
                    *self.calls.lock().unwrap_or_else(PoisonError::into_inner) = Some(calls);
                    let _open = OpenCalls(&self.calls);
                    // A task of its own: what was asked before the stream of frames ends is still answered.
                    drop(tokio::spawn(sent.hear(answer.into_inner())).await);
                    return;
                }
                Err(status) if status.code() == Code::FailedPrecondition => {
                    tokio::time::sleep(jitter(NOT_YET)).await;
                }
                // A node of a version that knows of no such stream.
                Err(status) if status.code() == Code::Unimplemented => std::future::pending().await,
                Err(_) => return,
            }
        }
    }

    /// One stream of frames after another, for as long as the connection holds.
    async fn streams(&self, channel: Channel) {
        loop {
            let Some(service) = self.shared.upgrade().and_then(|shared| shared.service()) else {
                // Nobody serves here yet. The channel is looked after by the pings of the node's loop.
                self.nudge.notified().await;
                continue;
            };
            let (frames, waiting) = mpsc::channel::<Frame>(QUEUED_FRAMES);
            let outgoing = futures_util::stream::unfold(waiting, async |mut waiting| {
                // A frame's share of the room is free again when it is handed to the connection.
                waiting.recv().await.map(|frame| (frame.bytes, waiting))
            });
            let mut grpc = grpc(channel.clone());
            if grpc.ready().await.is_err() {
                return;
            }
            let path = PathAndQuery::from_static(FRAMES);
            match grpc.streaming(Request::new(outgoing), path, BytesCodec).await {
                Ok(answer) => {
                    let mut signs = answer.into_inner();
                    // The first sign says that the other end listens; after it nothing comes but the end.
                    if !matches!(signs.message().await, Ok(Some(_))) {
                        return;
                    }
                    let room = Arc::new(tokio::sync::Semaphore::new(QUEUED_BYTES));
                    *self.stream.lock().unwrap_or_else(PoisonError::into_inner) =
                        Some(Queue { frames, room });
                    let _open =
                        OpenStream { service: service.clone(), peer: self.peer, stream: self.stream.clone() };
                    service.stream_opened(self.peer, Way::To);
                    while let Ok(Some(_)) = signs.message().await {}
                    return;
                }
                Err(status) if status.code() == Code::FailedPrecondition => {
                    tokio::time::sleep(jitter(NOT_YET)).await;
                }
                Err(_) => return,
            }
        }
    }
}

/// Whether the peer serves the connection. It takes TLS from everybody, and then waits for the tables to show who this is: what
/// was asked until then would be neither begun nor refused. No node has the method, and only who serves can say so.
async fn is_let_in(channel: Channel) -> bool {
    let mut grpc = grpc(channel);
    if grpc.ready().await.is_err() {
        return false;
    }
    let answer =
        grpc.unary(Request::new(Bytes::new()), PathAndQuery::from_static(NO_METHOD), BytesCodec).await;
    answer.is_err_and(|status| status.code() == Code::Unimplemented)
}

/// Asks over a connection that is there, or is there soon.
pub(super) async fn ask(
    mut channel: watch::Receiver<Option<Channel>>,
    path: &'static str,
    request: Bytes,
    deadline: Duration,
) -> Result<Bytes, CallError> {
    let began = tokio::time::Instant::now();
    let wait = WAIT_FOR_CONNECTION.min(deadline / 2);
    let ready = async { channel.wait_for(Option::is_some).await.map(|channel| channel.clone()) };
    let channel = match tokio::time::timeout(wait, ready).await {
        Ok(Ok(channel)) => channel,
        // The wire is gone: its peer lives no more.
        Ok(Err(_)) => return Err(CallError::NoSuchPeer),
        Err(_) => None,
    };
    let Some(channel) = channel else { return Err(CallError::NotSent(Arc::new(NotConnected))) };
    let mut grpc = grpc(channel);
    let left = deadline.saturating_sub(began.elapsed());
    match tokio::time::timeout(left, grpc.ready()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(CallError::NotSent(Arc::new(error))),
        Err(_) => return Err(CallError::NotSent(Arc::new(NotConnected))),
    }
    let left = deadline.saturating_sub(began.elapsed());
    let mut request = Request::new(request);
    // The peer gives up at the same time.
    request.set_timeout(left);
    match tokio::time::timeout(left, grpc.unary(request, PathAndQuery::from_static(path), BytesCodec)).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(error_of(status)),
        Err(_) => Err(CallError::OutcomeUnknown(Arc::new(Late(deadline)))),
    }
}

/// These two are said by the other end before it begins anything. The connection may use the same words for an end of its own,
/// but then there is an error behind them.
fn error_of(status: Status) -> CallError {
    let is_said = std::error::Error::source(&status).is_none();
    match status.code() {
        Code::ResourceExhausted | Code::FailedPrecondition if is_said => CallError::Refused,
        _ => CallError::OutcomeUnknown(Arc::new(status)),
    }
}

fn grpc(channel: Channel) -> Grpc<Channel> {
    Grpc::new(channel)
        .max_decoding_message_size(MAX_MESSAGE + HEAD)
        .max_encoding_message_size(MAX_MESSAGE + HEAD)
}

/// A random time around the given one, from half of it to one and a half: nodes that lost each other at one moment do not
/// come back at one moment.
fn jitter(pause: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_u64_pair().0 % 1024;
    pause.mul_f64(0.5 + random as f64 / 1024.0)
}

/// There is no connection to the peer now.
#[derive(Debug, thiserror::Error)]
#[error("there is no connection to the node")]
struct NotConnected;

/// The time given was over.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct Late(Duration);

/// Makes the connection that a [`Channel`] runs on.
struct Connector {
    address: Arc<str>,
    tls: Arc<ClientConfig>,
}

impl TowerService<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let (address, tls) = (self.address.clone(), TlsConnector::from(self.tls.clone()));
        Box::pin(async move {
            let made = tokio::time::timeout(CONNECT, async {
                let stream = TcpStream::connect(&*address).await?;
                stream.set_nodelay(true)?;
                tls.connect(ServerName::try_from(NAME).map_err(std::io::Error::other)?, stream).await
            });
            Ok(TokioIo::new(made.await.map_err(std::io::Error::from)??))
        })
    }
}
