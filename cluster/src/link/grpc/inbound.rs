//! Peers' connections to this node.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::codegen::{BoxFuture, Service as TowerService, http};
use tonic::server::{Grpc, StreamingService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

use super::calls::{Asked, HEAD, Told, Verdict};
use super::certificate::fingerprint_of;
use super::codec::BytesCodec;
use super::{CALL, CALLS, CONNECTION_WINDOW, CONTROL, FRAMES, Run, STREAM_WINDOW, Shared};
use crate::Incarnation;
use crate::link::{MAX_MESSAGE, Service, Way};

/// How long a newcomer may take for TLS.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the tables may take to show a run that we do not know.
const INTRODUCTION: Duration = Duration::from_secs(5);
/// Newcomers at the same time; more wait.
const NEWCOMERS: usize = 32;
/// Calls of all peers at the same time; more are refused.
const CALLS_AT_ONCE: usize = 4096;
/// A pause after the system could not accept, so that we do not spin.
const AFTER_FAILURE: Duration = Duration::from_millis(200);
/// A connection on which nothing comes back for so long is given up.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Takes connections until the link is dropped.
pub(super) async fn listen(listener: TcpListener, shared: Weak<Shared>) {
    let (introduce, introduced) = mpsc::channel(NEWCOMERS);
    let answerer = Answerer {
        shared: shared.clone(),
        calls: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
        streams: Arc::default(),
    };
    let incoming = futures_util::stream::unfold(introduced, async |mut introduced| {
        introduced.recv().await.map(|connection| (Ok::<PeerStream, io::Error>(connection), introduced))
    });
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .serve_with_incoming(answerer, incoming);
    let accepting = accept(listener, shared, introduce);
    tokio::select! {
        ended = server => {
            if let Err(error) = ended {
                tracing::error!(error = &error as &dyn std::error::Error, "the node takes no peers any more");
            }
        }
        () = accepting => {}
    }
}

async fn accept(listener: TcpListener, shared: Weak<Shared>, introduce: mpsc::Sender<PeerStream>) {
    let places = Arc::new(Semaphore::new(NEWCOMERS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = listener.accept().await;
        let Some(shared) = shared.upgrade() else { return };
        match accepted {
            Ok((stream, address)) => {
                let introduce = introduce.clone();
                tokio::spawn(async move {
                    let _place = place;
                    match meet(stream, &shared).await {
                        // The server has ended.
                        Ok(connection) => drop(introduce.send(connection).await),
                        Err(error) => tracing::debug!(%address, %error, "a newcomer was not let in"),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a peer could not be accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// TLS, and who it is by the certificate. A run that is new to us may be on record already.
async fn meet(stream: TcpStream, shared: &Shared) -> io::Result<PeerStream> {
    stream.set_nodelay(true)?;
    let run = shared.run();
    let acceptor = TlsAcceptor::from(run.certificate.server.clone());
    let stream = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(fingerprint_of);
    let shown = shown.ok_or(io::ErrorKind::PermissionDenied)?;
    let mut known = shared.known.subscribe();
    if !known.borrow().contains_key(&shown)
        && let Some(control) = shared.control()
    {
        control.stranger();
    }
    let found =
        tokio::time::timeout(INTRODUCTION, known.wait_for(|known| known.contains_key(&shown))).await?;
    let known = found.map_err(io::Error::other)?;
    let from = *known.get(&shown).ok_or(io::ErrorKind::PermissionDenied)?;
    drop(known);
    Ok(PeerStream { stream, caller: Caller { from, run } })
}

/// Who calls, and which run of this node was called.
#[derive(Clone)]
struct Caller {
    from: Incarnation,
    run: Arc<Run>,
}

/// A connection of a known peer.
struct PeerStream {
    stream: TlsStream<TcpStream>,
    caller: Caller,
}

impl Connected for PeerStream {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The stream of frames of one peer that is being taken.
struct Taken {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

/// Answers requests of all peers.
#[derive(Clone)]
struct Answerer {
    shared: Weak<Shared>,
    calls: Arc<Semaphore>,
    streams: Arc<Mutex<HashMap<Incarnation, Taken>>>,
}

impl Answerer {
    /// Who asks, if it lives by what is known and means the present run of this node.
    fn caller<T>(&self, request: &Request<T>) -> Result<(Arc<Shared>, Incarnation), Status> {
        let caller = request.extensions().get::<Caller>();
        self.met(caller.ok_or_else(|| Status::internal("a request without a connection"))?)
    }

    fn met(&self, caller: &Caller) -> Result<(Arc<Shared>, Incarnation), Status> {
        let shared =
            self.shared.upgrade().ok_or_else(|| Status::failed_precondition("the node has ended"))?;
        let is_known = shared.known.borrow().values().any(|known| *known == caller.from);
        if !is_known || !Arc::ptr_eq(&caller.run, &shared.run()) {
            return Err(Status::failed_precondition("one of the two runs has ended"));
        }
        Ok((shared, caller.from))
    }

    async fn call(&self, request: Request<Bytes>) -> Result<Bytes, Status> {
        let (service, from, place) = self.begin(self.caller(&request)?)?;
        let answer = service.call(from, request.into_inner()).await;
        drop(place);
        Ok(answer)
    }

    /// Who answers, and a place among the calls.
    fn begin(&self, (shared, from): (Arc<Shared>, Incarnation)) -> Result<Begun, Status> {
        let service = shared.service().ok_or_else(|| Status::failed_precondition("not serving yet"))?;
        let place = self.calls.clone().try_acquire_owned();
        let place = place.map_err(|_| Status::resource_exhausted("too many calls"))?;
        Ok((service, from, place))
    }

    /// Answers a peer's stream of calls, each by itself.
    fn answer_all(&self, request: Request<Streaming<Bytes>>) -> Result<Answers, Status> {
        let (shared, _) = self.caller(&request)?;
        shared.service().ok_or_else(|| Status::failed_precondition("not serving yet"))?;
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Status::internal("a request without a connection"))?;
        let mut items = request.into_inner();
        let (answers, outgoing) = mpsc::channel(CALLS_AT_ONCE);
        let answerer = self.clone();
        tokio::spawn(async move {
            while let Ok(Some(item)) = items.message().await {
                let Some(asked) = Asked::decode(item) else {
                    tracing::error!(peer = %caller.from, "a node asks what cannot be read");
                    return;
                };
                match answerer.met(&caller).and_then(|met| answerer.begin(met)) {
                    Ok(begun) => drop(tokio::spawn(answer_one(begun, asked, answers.clone()))),
                    Err(_) => tell(&answers, asked.number, Verdict::Refused, Bytes::new()),
                }
            }
        });
        Ok(Answers(outgoing))
    }

    async fn control(&self, request: Request<Bytes>) -> Result<Bytes, Status> {
        let (shared, from) = self.caller(&request)?;
        let control = shared.control().ok_or_else(|| Status::failed_precondition("not serving yet"))?;
        Ok(control.control(from, request.into_inner()).await)
    }

    /// Takes a peer's frames one after another. A new stream of a peer ends its former one first.
    fn take(&self, request: Request<Streaming<Bytes>>) -> Result<Signs, Status> {
        let (shared, from) = self.caller(&request)?;
        let service = shared.service().ok_or_else(|| Status::failed_precondition("not serving yet"))?;
        let mut frames = request.into_inner();
        let mut known = shared.known.subscribe();
        let (sign, signs) = mpsc::channel(1);
        let stop = Arc::new(Notify::new());
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|_, taken| !taken.task.is_finished());
        let former = streams.remove(&from);
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            if let Some(former) = former {
                former.stop.notify_one();
                drop(former.task.await);
            }
            service.stream_opened(from, Way::From);
            // The other end learns by the first sign that we listen, and by the end of the signs that we do no more.
            if sign.send(()).await.is_ok() {
                loop {
                    tokio::select! {
                        frame = frames.message() => match frame {
                            Ok(Some(frame)) => service.frame(from, frame),
                            Ok(None) | Err(_) => break,
                        },
                        () = stopped.notified() => break,
                        _ = known.wait_for(|known| !known.values().any(|one| *one == from)) => break,
                        () = sign.closed() => break,
                    }
                }
            }
            service.stream_closed(from, Way::From);
        });
        streams.insert(from, Taken { stop, task });
        Ok(Signs(signs))
    }
}

/// What a call that has begun needs.
type Begun = (Arc<dyn Service>, Incarnation, OwnedSemaphorePermit);

async fn answer_one((service, from, place): Begun, asked: Asked, answers: mpsc::Sender<Bytes>) {
    let Asked { number, within, request } = asked;
    let answered = tokio::time::timeout(within, service.call(from, request)).await;
    drop(place);
    match answered {
        Ok(answer) if answer.len() <= MAX_MESSAGE => tell(&answers, number, Verdict::Answered, answer),
        Ok(answer) => {
            tracing::error!(peer = %from, bytes = answer.len(), "an answer is too large for the link");
            tell(&answers, number, Verdict::Late, Bytes::new());
        }
        Err(_) => tell(&answers, number, Verdict::Late, Bytes::new()),
    }
}

/// Never waits: a peer that does not fetch its answers stops waiting for them by itself.
fn tell(answers: &mpsc::Sender<Bytes>, number: u64, verdict: Verdict, answer: Bytes) {
    if answers.try_send(Told { number, verdict, answer }.encode()).is_err() {
        tracing::debug!("a node does not fetch its answers");
    }
}

/// The answers to a stream of calls.
struct Answers(mpsc::Receiver<Bytes>);

impl Stream for Answers {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|answer| answer.map(Ok))
    }
}

/// The answers on a stream of frames: one sign when it is taken.
struct Signs(mpsc::Receiver<()>);

impl Stream for Signs {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|sign| sign.map(|()| Ok(Bytes::new())))
    }
}

/// [`Answerer::call`] or [`Answerer::control`] as tonic wants it.
struct Unary {
    answerer: Answerer,
    is_control: bool,
}

impl UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (answerer, is_control) = (self.answerer.clone(), self.is_control);
        Box::pin(async move {
            let answer = match is_control {
                true => answerer.control(request).await,
                false => answerer.call(request).await,
            };
            answer.map(Response::new)
        })
    }
}

/// [`Answerer::answer_all`] as tonic wants it.
struct Calls(Answerer);

impl StreamingService<Bytes> for Calls {
    type Response = Bytes;
    type ResponseStream = Answers;
    type Future = BoxFuture<Response<Answers>, Status>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let answers = self.0.answer_all(request).map(Response::new);
        Box::pin(async move { answers })
    }
}

/// [`Answerer::take`] as tonic wants it.
struct Frames(Answerer);

impl StreamingService<Bytes> for Frames {
    type Response = Bytes;
    type ResponseStream = Signs;
    type Future = BoxFuture<Response<Signs>, Status>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let taken = self.0.take(request).map(Response::new);
        Box::pin(async move { taken })
    }
}

impl TowerService<http::Request<tonic::body::Body>> for Answerer {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let answerer = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(BytesCodec)
                .max_decoding_message_size(MAX_MESSAGE + HEAD)
                .max_encoding_message_size(MAX_MESSAGE + HEAD);
            Ok(match request.uri().path() {
                CALLS => grpc.streaming(Calls(answerer), request).await,
                CALL => grpc.unary(Unary { answerer, is_control: false }, request).await,
                CONTROL => grpc.unary(Unary { answerer, is_control: true }, request).await,
                FRAMES => grpc.streaming(Frames(answerer), request).await,
                _ => Status::unimplemented("there is no such method").into_http(),
            })
        })
    }
}
