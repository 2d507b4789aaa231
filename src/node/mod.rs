//! The composition root: builds every part in order, and owns the order of the end.

mod demo;
mod files;
mod goodbye;
mod mail;
mod membership;
mod rules;
mod stop;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::ArbiterHandle;
use switchboard_cluster::StartError;
use switchboard_cluster::node::End;
use thiserror::Error;

use crate::actors::recovery::Occupants;
use crate::actors::{ActorSettings, Actors, ActorsParts, recovery, roll, timers};
use crate::admin::{self, BindError, Services};
use crate::clock::SystemClock;
use crate::config::{Config, StoreKind};
use crate::domain::id::LicenseId;
use crate::domain::time::Clock as _;
use crate::edge::{
    self, EdgeContext, EdgeSettings, Readiness, RunningServer, ShownCluster, TrustedProxies, WaitingRoom,
};
use crate::id_source::OsIds;
use crate::nodes::{Nodes, NodesParts};
use crate::observe::Metrics;
use crate::opening::{OpeningError, Patience, open_store};
use crate::outgoing::Fetcher;
use crate::places::{Places, PlacesError};
use crate::requests::limits::Limits;
use crate::requests::slots::Slots;
use crate::requests::{Customers, Gate, PageKey, Requests, RequestsParts};
use crate::sessions::actor::SessionSettings;
use crate::sessions::heartbeat::{self, HeartbeatTimes};
use crate::sessions::outbox::OutboxLimits;
use crate::sessions::{Registry, SessionContext, SessionCounts, orphans, revoked};
use crate::store::StoreError;
use crate::tenants::{DemoError, Tenants};

pub use files::FilesError;
pub use mail::MailSetupError;
pub use rules::Rules;

/// Why a node could not start, or ended.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpeningError),
    /// The admin socket cannot be made.
    #[error(transparent)]
    Admin(#[from] BindError),
    /// The place in the cluster could not be taken.
    #[error("this node could not take its shards")]
    Ownership(#[from] StartError),
    /// The store did not answer during the start.
    #[error("the store did not answer during the start")]
    Store(#[from] StoreError),
    /// Uploaded files cannot be kept.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Places cannot be looked up.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// Mail cannot be sent.
    #[error(transparent)]
    Mail(#[from] MailSetupError),
    /// The demo license could not be made.
    #[error("the demo license could not be made")]
    Demo(#[from] DemoError),
    /// The address cannot be listened on, or a part of the server could not be started.
    #[error("the server could not start listening")]
    Listen(#[from] std::io::Error),
    /// TLS is not set up right.
    #[error("TLS is not set up right")]
    Tls(#[from] crate::edge::TlsError),
    /// The store has failed for good while the server ran.
    #[error("the store has failed; the server stops so that nothing is acknowledged that is not stored")]
    StoreFailed(#[source] crate::store::Failure),
    /// The address for other nodes cannot be listened on.
    #[error("the address for other nodes cannot be listened on (node.listen)")]
    NodeListen(#[source] std::io::Error),
    /// This node is no member of its cluster any more.
    #[error(transparent)]
    Ended(End),
}

/// Bytes of a websocket message and of an HTTP body: room for an event of the largest size, escaped, and for a
/// start with several of them.
const MAX_MESSAGE: usize = 128 * 1024;
const MAX_BODY: usize = 1024 * 1024;
/// A client that takes longer to send a request's head, or its body, is dropped.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A file that takes longer to come is not taken.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(120);
/// Files that are on their way in at the same time, each in memory; one more is refused.
const UPLOADS_AT_ONCE: usize = 16;
/// How often uploads that no event shows are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// Connections of one worker.
const MAX_CONNECTIONS: usize = 1_000_000;
/// Threads for the talk between nodes, at least.
const CLUSTER_THREADS: usize = 2;
/// Processors for each of them where there are many: what the chats of other nodes tell is delivered on these threads.
const PROCESSORS_PER_CLUSTER_THREAD: usize = 4;
/// How often rate limits let go of what is full again.
const SHRINK_EVERY: Duration = Duration::from_secs(60);

/// Runs a node until it is told to stop. Blocks.
///
/// # Errors
/// See [`NodeError`].
pub fn run(config: Config) -> Result<(), NodeError> {
    // Talk between nodes, and what decides ownership, must not wait behind work for clients.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CLUSTER_THREADS.max(processors() / PROCESSORS_PER_CLUSTER_THREAD))
        .thread_name("cluster")
        .enable_all()
        .build()?;
    let served = actix_rt::System::new().block_on(serve(Arc::new(config), runtime.handle()));
    runtime.shutdown_background();
    served
}

async fn serve(config: Arc<Config>, runtime: &tokio::runtime::Handle) -> Result<(), NodeError> {
    let tls = config.tls.as_ref().map(edge::tls_config).transpose()?;
    let is_tls = tls.is_some();
    let places = places(&config)?;
    let waiting = WaitingRoom::open(config.server.listen, tls.clone())?;
    // Whoever started the node may tell it to stop at any time.
    let mut signals = stop::Signals::listen()?;
    let store = tokio::select! {
        store = open_store(&config, Patience::Wait) => store?,
        () = signals.come() => return Ok(()),
    };
    let files = tokio::select! {
        files = files::open(&config) => files?,
        () = signals.come() => return Ok(()),
    };
    waiting.close().await;
    let clock = Arc::new(SystemClock);
    let ids = Arc::new(OsIds);
    let tenants = Tenants::new(store.clone(), clock.clone(), ids.clone());
    let name = membership::name(&config);
    let member = membership::join(&config, name.clone(), store.clone(), runtime).await?;
    let ownership = member.ownership().clone();
    let metrics = Arc::new(Metrics::default());
    let registry = Registry::new(session_counts(&config), metrics.clone());
    let readiness = Arc::new(Readiness::default());
    let pages = PageKey::load(&*store, &*ids).await?;
    let limits = Arc::new(Limits::new(&config.limits));
    let settings = edge_settings(&config);
    let nodes = Nodes::new(NodesParts {
        link: member.link(),
        ownership: ownership.clone(),
        sessions: registry.clone(),
        tenants: tenants.clone(),
        store: store.clone(),
        clock: clock.clone(),
    });
    let build = {
        let (config, store, tenants, registry) = (&config, &store, &tenants, &registry);
        let (ownership, metrics, readiness, limits) = (&ownership, &metrics, &readiness, &limits);
        let (nodes, member, files) = (&nodes, &member, &files);
        async move |threads: Vec<ArbiterHandle>, addresses: Vec<SocketAddr>| {
            let customers = Customers::new(store.clone());
            let mailer = mail::open(config)?.map(Arc::new);
            let post = mailer.clone().map(|mailer| mail::post(mailer, customers.clone(), clock.clone()));
            let actors = Actors::new(ActorsParts {
                store: store.clone(),
                ownership: ownership.clone(),
                clock: clock.clone(),
                ids: ids.clone(),
                licenses: Arc::new(Rules::new(config.clone(), tenants.licenses.clone())),
                delivery: nodes.clone(),
                post,
                elsewhere: nodes.clone(),
                settings: ActorSettings {
                    passivate_after: config.chat.passivate_after,
                    request_timeout: config.rtm.request_timeout,
                    agent_sessions: config.limits.agent_sessions,
                    thread_bytes: config.limits.of_thread().with_reserve().bytes,
                    threads_read: config.limits.threads_read,
                    ..ActorSettings::default()
                },
                arbiters: threads,
            });
            metrics.follow_cluster(membership::figures(member.clone(), actors.clone()));
            nodes.serve(actors.clone());
            ownership.occupied_by(Arc::new(Occupants(actors.clone())));
            let customer_tokens = tenants.customer_tokens.clone();
            let base_url = config.base_url(addresses.first().copied().unwrap_or(config.server.listen));
            let fetcher = Fetcher::new(config.outgoing.allow_private)?;
            let parts = RequestsParts {
                actors,
                customers,
                pages,
                files: files.clone(),
                fetcher,
                mailer,
                base_url,
                customer_tokens,
            };
            let requests = Requests::new(parts);
            let gate = Gate {
                licenses: tenants.licenses.clone(),
                tokens: tenants.tokens.clone(),
                customer_tokens: tenants.customer_tokens.clone(),
            };
            let sessions = Arc::new(SessionContext {
                registry: registry.clone(),
                requests: requests.clone(),
                nodes: nodes.clone(),
                gate: gate.clone(),
                limits: limits.clone(),
                metrics: metrics.clone(),
                places,
                settings: session_settings(config),
            });
            let demo = demo::prepare(config, tenants, &addresses).await?;
            Ok::<_, NodeError>(Arc::new(EdgeContext {
                requests,
                sessions,
                gate,
                grants: tenants.grants.clone(),
                limits: limits.clone(),
                metrics: metrics.clone(),
                readiness: readiness.clone(),
                uploads: Slots::new(UPLOADS_AT_ONCE, config.limits.ip_uploads),
                demo,
                cluster: ShownCluster {
                    member: member.clone(),
                    shown_to: (config.node.shown_to > 0).then_some(LicenseId(config.node.shown_to)),
                },
                settings: edge_settings(config),
            }))
        }
    };
    let mut context = None;
    let keep = &mut context;
    let server = edge::start(&[config.server.listen], tls, settings, async move |threads, addresses| {
        let built = build(threads, addresses).await?;
        *keep = Some(built.clone());
        Ok::<_, NodeError>(built)
    })
    .await?;
    let Some(context) = context else {
        return Err(NodeError::Listen(std::io::Error::other("the server was not built")));
    };
    let actors = context.requests.actors().clone();
    let base_url = config.base_url(server.addresses.first().copied().unwrap_or(config.server.listen));
    let socket = match config.server.store {
        // Whoever holds the store's lock speaks for it.
        StoreKind::Embedded => config.server.admin_socket(),
        // Commands go to the store themselves, but for those that concern the cluster.
        StoreKind::Cql => {
            let (tenants, every) = (tenants.clone(), config.routing.license_poll_every);
            actix_rt::spawn(async move { tenants.follow(every).await });
            std::fs::create_dir_all(&config.server.data_dir)?;
            config.server.node_socket(&name)
        }
    };
    let services = Services {
        tenants: tenants.clone(),
        base_url,
        config: config.clone(),
        store: store.clone(),
        actors: Some(actors.clone()),
        member: Some(member.clone()),
    };
    let _admin = admin::serve(&socket, services)?;
    background(&config, &context, &tenants, &registry);
    let recovered = tokio::select! {
        recovered = recovery::start(&actors) => Some(recovered?),
        () = signals.come() => None,
    };
    if let Some(chats) = recovered {
        tracing::info!(chats, "open chats are loaded");
        announce(&config, &server, &context, is_tls);
    }
    stop::wait_and_stop(signals, &config, server, &context, &member).await
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get)
}

fn edge_settings(config: &Config) -> EdgeSettings {
    EdgeSettings {
        max_body: MAX_BODY,
        request_timeout: config.rtm.request_timeout,
        head_timeout: HEAD_TIMEOUT,
        keep_alive: config.server.keep_alive,
        upload_timeout: UPLOAD_TIMEOUT,
        workers: config.server.workers.unwrap_or_else(processors),
        max_connections: MAX_CONNECTIONS,
        drain_timeout: config.server.drain_timeout,
        trusted_proxies: TrustedProxies(config.server.trusted_proxies.clone()),
    }
}

fn places(config: &Config) -> Result<Places, PlacesError> {
    config.geo.database.as_deref().map_or_else(|| Ok(Places::default()), Places::open)
}

fn session_settings(config: &Config) -> SessionSettings {
    SessionSettings {
        pending_requests: config.rtm.pending_requests,
        request_timeout: config.rtm.request_timeout,
        max_message: MAX_MESSAGE,
        customer_left_after: config.rtm.customer_left_after,
        visit_ends_after: config.rtm.visit_ends_after,
        customer_inactivity_timeout: config.rtm.customer_inactivity_timeout,
        watch_totals_every: config.rtm.watch_totals_every,
        outbox: OutboxLimits {
            bytes: usize::try_from(config.rtm.outbound_queue).unwrap_or(usize::MAX),
            frames: config.rtm.outbound_frames,
            full_for: config.rtm.outbound_full,
        },
    }
}

fn session_counts(config: &Config) -> SessionCounts {
    let limits = &config.limits;
    SessionCounts {
        agent: limits.agent_sessions,
        customer: limits.customer_sessions,
        unauthorized: limits.unauthorized_sessions,
        unauthorized_of_client: limits.ip_unauthorized_sessions,
    }
}

/// What runs beside the requests, for as long as the node lives.
fn background(config: &Config, context: &Arc<EdgeContext>, tenants: &Tenants, registry: &Arc<Registry>) {
    let times = HeartbeatTimes {
        login_timeout: config.rtm.login_timeout,
        idle_timeout: config.rtm.idle_timeout,
        ping_every: config.rtm.ping_every,
        request_timeout: config.rtm.request_timeout,
        customer_inactivity_timeout: config.rtm.customer_inactivity_timeout,
    };
    actix_rt::spawn(heartbeat::watch(registry.clone(), times, context.metrics.clone()));
    actix_rt::spawn(orphans::follow(context.sessions.clone()));
    actix_rt::spawn(timers::run(context.requests.actors().clone()));
    actix_rt::spawn(roll::tell(context.requests.actors().clone()));
    let limits = context.limits.clone();
    actix_rt::spawn(async move {
        let mut every = tokio::time::interval(SHRINK_EVERY);
        loop {
            every.tick().await;
            limits.shrink();
        }
    });
    let requests = context.requests.clone();
    actix_rt::spawn(async move {
        let mut every = tokio::time::interval(SWEEP_EVERY);
        loop {
            every.tick().await;
            match requests.files().sweep(SystemClock.now()).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "uploads that no event shows are removed"),
                Err(error) => tracing::warn!(%error, "uploads that no event shows are still there"),
            }
        }
    });
    actix_rt::spawn(revoked::follow(registry.clone(), tenants.clone()));
}

/// Tells the person who started it where to go.
fn announce(config: &Config, server: &RunningServer, context: &EdgeContext, is_tls: bool) {
    let scheme = if is_tls { "https" } else { "http" };
    for address in &server.addresses {
        println!("listening on {scheme}://{address}");
    }
    if let Some(demo) = &context.demo {
        println!("{}", demo::greeting(config, demo, server, scheme));
    }
}
