//! The HTTP server: its routes, its sockets, its end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use actix_rt::ArbiterHandle;
use actix_rt::net::TcpStream;
use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, Payload, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, HttpServer, web};

use super::client_address::TrustedProxies;
use super::cluster::{self, ShownCluster};
use super::health::Readiness;
use super::in_time::BodyTimeout;
use super::pages::DemoConsole;
use super::web::error_response;
use super::{
    cors, customer_token, description, files, health, pages, reports, rtm, verify_email, web as web_api,
};
use crate::observe::Metrics;
use crate::protocol::error::{ErrorType, WireError};
use crate::requests::limits::Limits;
use crate::requests::slots::Slots;
use crate::requests::{Gate, Requests};
use crate::sessions::SessionContext;
use crate::sessions::cut::ConnectionSocket;
use crate::tenants::Grants;

/// What handlers know.
pub struct EdgeContext {
    /// The pipeline.
    pub requests: Arc<Requests>,
    /// What websocket sessions share.
    pub sessions: Arc<SessionContext>,
    /// Tokens.
    pub gate: Gate,
    /// Customers' tokens.
    pub grants: Arc<Grants>,
    /// Rates.
    pub limits: Arc<Limits>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Draining or not.
    pub readiness: Arc<Readiness>,
    /// For files on their way in.
    pub uploads: Arc<Slots>,
    /// Demo mode.
    pub demo: Option<DemoConsole>,
    /// The cluster, for those who may see it.
    pub cluster: ShownCluster,
    /// Bounds.
    pub settings: EdgeSettings,
}

/// Bounds of the doors.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// Bytes of a request's body.
    pub max_body: usize,
    /// After this long a request is answered with `request_timeout`.
    pub request_timeout: Duration,
    /// A client that takes longer to send a request's head, or its body, is dropped.
    pub head_timeout: Duration,
    /// How long a connection without a request is kept.
    pub keep_alive: Duration,
    /// A file that takes longer to come is not taken.
    pub upload_timeout: Duration,
    /// Worker threads.
    pub workers: usize,
    /// Connections of one worker; more wait in the system's queue.
    pub max_connections: usize,
    /// How long the end waits for what is in flight.
    pub drain_timeout: Duration,
    /// Who is believed for whom a request is.
    pub trusted_proxies: TrustedProxies,
}

/// A server that listens.
pub struct RunningServer {
    /// Where.
    pub addresses: Vec<SocketAddr>,
    /// Its end.
    pub handle: ServerHandle,
    /// Resolves when it has ended.
    pub ended: tokio::task::JoinHandle<std::io::Result<()>>,
    /// The same sockets that the server listens on.
    listeners: Vec<TcpListener>,
}

impl RunningServer {
    /// Lets no new connection in; those that are there go on.
    pub async fn stop_accepting(&self) {
        self.handle.pause().await;
        // It does not say when the thread that accepts has heard of that, to which a socket that is shut down is an error to log.
        tokio::time::sleep(PAUSES_WITHIN).await;
        for listener in &self.listeners {
            // Without this the system would go on completing handshakes that nobody serves.
            if let Err(error) = socket2::SockRef::from(listener).shutdown(std::net::Shutdown::Both) {
                tracing::debug!(%error, "a listener was not shut down");
            }
        }
    }
}

/// How long unsent bytes may wait for the other side before the system gives the connection up: the backstop for
/// peers that vanished.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the thread that accepts takes to pause, as a rule.
const PAUSES_WITHIN: Duration = Duration::from_millis(50);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 2_048;
/// Kernel memory of a connection that does not read.
const SEND_BUFFER: usize = 128 * 1024;

/// Starts the workers, learns their threads, lets `build` make the context for actors that live on them, and
/// listens. Must run inside an actix system.
///
/// # Errors
/// If the address cannot be listened on, or `build` fails.
pub async fn start<F, E>(
    listen: &[SocketAddr],
    tls: Option<rustls::ServerConfig>,
    settings: EdgeSettings,
    build: F,
) -> Result<RunningServer, E>
where
    F: AsyncFnOnce(Vec<ArbiterHandle>, Vec<SocketAddr>) -> Result<Arc<EdgeContext>, E>,
    E: From<std::io::Error>,
{
    let (threads_in, threads_out) = mpsc::sync_channel::<ArbiterHandle>(settings.workers);
    let slot: Arc<std::sync::OnceLock<Arc<EdgeContext>>> = Arc::new(std::sync::OnceLock::new());
    let workers = settings.workers;
    let (max_body, head_timeout) = (settings.max_body, settings.head_timeout);
    let keep_alive = settings.keep_alive;
    let (drain, connections) = (settings.drain_timeout, settings.max_connections);
    let context = slot.clone();
    let factory = move || {
        // The factory runs once on each worker: its thread is where chats and routers live, too.
        let _ = threads_in.try_send(actix_rt::Arbiter::current());
        App::new()
            .app_data(BodyTimeout(head_timeout))
            .app_data(web::PayloadConfig::new(max_body))
            .app_data(web::JsonConfig::default().limit(4 * 1024).error_handler(json_error))
            .app_data(LateContext(context.clone()))
            .wrap(actix_web::middleware::from_fn(cross_origin))
            .wrap(actix_web::middleware::from_fn(count_in_flight))
            .configure(routes)
    };
    let mut server = HttpServer::new(factory)
        .workers(workers)
        .max_connections(connections)
        .client_request_timeout(head_timeout)
        .keep_alive(keep_alive)
        .shutdown_timeout(drain.as_secs())
        .disable_signals()
        .on_connect(on_connect);
    let mut listeners = Vec::new();
    for address in listen {
        let listener = listen_on(*address)?;
        listeners.push(listener.try_clone()?);
        server = match &tls {
            Some(tls) => server.listen_rustls_0_23(listener, tls.clone())?,
            None => server.listen(listener)?,
        };
    }
    let addresses = server.addrs();
    let server = server.run();
    let handle = server.handle();
    let ended = tokio::task::spawn_local(server);
    let threads = learn_threads(threads_out, workers).await?;
    let built = build(threads, addresses.clone()).await?;
    let _ = slot.set(built);
    Ok(RunningServer { addresses, handle, ended, listeners })
}

fn listen_on(address: SocketAddr) -> std::io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

async fn learn_threads(
    threads: mpsc::Receiver<ArbiterHandle>,
    workers: usize,
) -> std::io::Result<Vec<ArbiterHandle>> {
    let learnt = tokio::task::spawn_blocking(move || {
        let wait = Duration::from_secs(30);
        (0..workers).map(|_| threads.recv_timeout(wait)).collect::<Result<Vec<_>, _>>()
    });
    let learnt = learnt.await.map_err(std::io::Error::other)?;
    learnt.map_err(|_| std::io::Error::other("the web server's workers did not start in time"))
}

/// The context, which is there once the actors are; until then requests are told to come back.
struct LateContext(Arc<std::sync::OnceLock<Arc<EdgeContext>>>);

/// The context as handlers take it.
pub(super) struct Context(Arc<EdgeContext>);

impl std::ops::Deref for Context {
    type Target = EdgeContext;

    fn deref(&self) -> &EdgeContext {
        &self.0
    }
}

fn context_of(request: &HttpRequest) -> Option<Arc<EdgeContext>> {
    request.app_data::<LateContext>()?.0.get().cloned()
}

impl FromRequest for Context {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(context_of(request).map(Self).ok_or_else(|| {
            let response = error_response(&WireError::of(ErrorType::ServiceUnavailable));
            actix_web::error::InternalError::from_response("starting", response).into()
        }))
    }
}

/// Counts the requests that are being answered; an end waits for them, and sends their clients elsewhere.
async fn count_in_flight(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let context = context_of(request.request());
    let _counted = context.as_ref().map(|context| context.readiness.begin());
    let mut response = next.call(request).await?;
    if context.is_some_and(|context| context.readiness.is_draining())
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Browsers of customers may see the answers on pages whose origin is registered.
async fn cross_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let crosses = request.path().contains("/customer/");
    let mut response = next.call(request).await?;
    // Pages whose token was refused may learn no more than that.
    let refused = response.request().path().starts_with("/v2/customer/") && !response.status().is_success();
    if crosses
        && !refused
        && let Some(context) = context_of(response.request())
    {
        let request = response.request().clone();
        cors::allow(&context, &request, response.headers_mut()).await;
    }
    Ok(response)
}

fn routes(config: &mut web::ServiceConfig) {
    let body = "/v{version}/{surface}/action/{method}";
    config
        .route("/healthz", web::get().to(health::healthz))
        .route("/readyz", web::get().to(health::readyz))
        .route("/metrics", web::get().to(health::metrics))
        .route("/reports/routing", web::get().to(reports::routing))
        .route("/reports/cluster", web::get().to(cluster::report))
        .route("/openapi.json", web::get().to(description::openapi))
        .route("/asyncapi.json", web::get().to(description::asyncapi))
        .route("/api", web::get().to(description::page))
        .route("/", web::get().to(pages::page))
        .route("/widget", web::get().to(pages::page))
        .route("/widget/config", web::get().to(pages::widget_config))
        .route("/console/session", web::post().to(pages::console_session))
        .route("/assets/{path:.*}", web::get().to(pages::asset))
        .route(body, web::method(actix_web::http::Method::OPTIONS).to(cors::preflight))
        .service(
            web::resource("/v{version}/{surface}/action/upload_file")
                .route(web::post().to(files::versioned))
                .default_service(web::to(files::only_posted)),
        )
        .service(
            web::resource("/{surface}/action/upload_file")
                .route(web::post().to(files::unversioned))
                .default_service(web::to(files::only_posted)),
        )
        .route("/verify-email/{token}", web::get().to(verify_email::ask))
        .route("/verify-email/{token}", web::post().to(verify_email::confirm))
        .route("/files/{license}/{id}/{name}", web::get().to(files::download))
        .route("/thumbnails/{license}/{id}/{scale}", web::get().to(files::thumbnail))
        .route(body, web::post().to(web_api::versioned))
        .route(body, web::get().to(web_api::versioned))
        .route("/{surface}/action/{method}", web::post().to(web_api::unversioned))
        .route("/{surface}/action/{method}", web::get().to(web_api::unversioned))
        .route("/v{version}/{surface}/rtm/ws", web::get().to(rtm::upgrade))
        .configure(customer_token::routes)
        .default_service(web::to(no_such_path));
}

async fn no_such_path() -> HttpResponse {
    error_response(&WireError::new(ErrorType::NotFound, "no such path"))
}

fn json_error(error: actix_web::error::JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let response = error_response(&WireError::validation(format!("the body is not as expected: {error}")));
    actix_web::error::InternalError::from_response(error, response).into()
}

/// Remembers the socket of a connection, so that a reader who does not read can be cut from outside.
fn on_connect(connection: &dyn std::any::Any, data: &mut Extensions) {
    use std::os::fd::AsRawFd as _;
    type Tls = actix_tls::accept::rustls_0_23::TlsStream<TcpStream>;
    let stream = connection
        .downcast_ref::<TcpStream>()
        .or_else(|| connection.downcast_ref::<Tls>().map(|tls| tls.get_ref().0));
    let Some(stream) = stream else { return };
    let socket = socket2::SockRef::from(stream);
    for tuned in [
        socket.set_tcp_nodelay(true),
        socket.set_send_buffer_size(SEND_BUFFER),
        socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT)),
    ] {
        if let Err(error) = tuned {
            tracing::debug!(%error, "a socket could not be tuned");
        }
    }
    let (socket, open) = ConnectionSocket::new(stream.as_raw_fd());
    data.insert(socket);
    data.insert(open);
}
