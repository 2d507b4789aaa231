//! The other nodes: chats, routers and sessions that are not here.
//!
//! Any client may be connected to any node. This room makes that invisible to the rest:
//!
//! - [`Nodes`] is what actors know as [`Elsewhere`](crate::actors::elsewhere::Elsewhere): work for a chat or router of
//!   another node goes there in one hop, and is answered from there.
//! - It is what actors know as [`Delivery`](crate::actors::delivery::Delivery), too: what a chat tells goes to the sessions
//!   here and, once for each node, to the nodes that have sessions of the license ([`interest`]) and, where it names whom it is
//!   for, one of them ([`whereabouts`]), over one ordered stream a node ([`outgoing`]). There it is rendered and encoded once a
//!   surface.
//! - [`incoming`] keeps the order of each chat, drops what comes twice, and reads from the store what was lost between two
//!   nodes: a stream that broke or was full costs latency and no message.
//! - [`news`] tells other nodes what they hold in memory and is not true any more: licenses, tokens; and whose sessions have
//!   to end. It tells the sessions of this node how their license has changed.
//! - [`message`] is the form of all that on the link: JSON with names, in which a node of the next version may say more.

mod answer;
mod ask;
mod deliver;
mod heads;
mod incoming;
mod interest;
mod message;
mod news;
mod outgoing;
mod peers;
mod visitors;
mod whereabouts;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use dashmap::DashMap;
use switchboard_cluster::{Incarnation, Link, Ownership};

use crate::actors::Actors;
use crate::actors::delivery::Mark;
use crate::domain::id::{AgentId, CustomerId, LicenseId, UserId};
use crate::domain::license::License;
use crate::domain::push::Push;
use crate::domain::time::Clock;
use crate::store::Store;
use crate::tenants::Tenants;

pub use news::Cut;
pub use visitors::{VisitorsCall, VisitorsFound};
pub use whereabouts::Coming;

use heads::Heads;
use interest::{Interest, OurInterest};
use peers::Peer;
use whereabouts::{Late, OurUsers, Whereabouts};

/// The sessions of this node, as other nodes' chats see them.
pub trait Sessions: Send + Sync {
    /// Offers pushes to whom they are for, in this order. `mark` is what they tell of a chat's log; `origin` is the session, of
    /// this node, whose request caused them, with the request's id.
    fn deliver(&self, license: &License, pushes: &[Push], mark: Option<&Mark>, origin: Option<Asker<'_>>);

    /// Has a session write what waits for it.
    fn wake(&self, session: u64);

    /// Whether anybody of the license is connected here.
    fn has(&self, license: LicenseId) -> bool;

    /// Whether a user is connected here.
    fn has_user(&self, license: LicenseId, user: &UserId) -> bool;

    /// Everybody who is connected here, each once.
    fn users(&self) -> Vec<(LicenseId, UserId)>;

    /// The customers who are connected here.
    fn visitors(&self, call: &VisitorsCall) -> VisitorsFound;

    /// A node is no more that had sessions of these licenses.
    fn orphaned(&self, licenses: Vec<LicenseId>);

    /// Ends sessions.
    fn cut(&self, cut: &Cut);
}

/// A session of this node that asked for something.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Its number.
    pub session: u64,
    /// The id of its request, if it gave one.
    pub request_id: Option<&'a str>,
    /// It is about to be answered, and will write its own copies with the answer.
    pub before_answer: bool,
}

/// What the room is made of.
pub struct NodesParts {
    /// The way to the other nodes.
    pub link: Arc<dyn Link>,
    /// Which shards are whose.
    pub ownership: Ownership,
    /// The sessions of this node.
    pub sessions: Arc<dyn Sessions>,
    /// What is known of licenses and tokens.
    pub tenants: Tenants,
    /// Where the logs are.
    pub store: Arc<dyn Store>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
}

/// The other nodes, and this one as they see it.
pub struct Nodes {
    parts: NodesParts,
    actors: OnceLock<Arc<Actors>>,
    this: Weak<Nodes>,
    peers: DashMap<Incarnation, Arc<Peer>>,
    /// Set once there was a peer: until then nothing of what follows is needed.
    has_peers: AtomicBool,
    ours: OurInterest,
    theirs: Interest,
    our_users: OurUsers,
    whereabouts: Whereabouts,
    late: Late,
    heads: Heads,
}

impl Nodes {
    /// A node that knows of no other yet.
    pub fn new(parts: NodesParts) -> Arc<Self> {
        let now = parts.clock.now();
        Arc::new_cyclic(|this| Self {
            parts,
            actors: OnceLock::new(),
            this: this.clone(),
            peers: DashMap::new(),
            has_peers: AtomicBool::new(false),
            ours: OurInterest::default(),
            theirs: Interest::default(),
            our_users: OurUsers::default(),
            whereabouts: Whereabouts::default(),
            late: Late::default(),
            heads: Heads::new(now),
        })
    }

    /// Begins to answer and to follow the other nodes, now that there are actors to be asked.
    pub fn serve(self: &Arc<Self>, actors: Arc<Actors>) {
        // Called once: a second set of actors has no node to live on.
        let _ = self.actors.set(actors);
        self.parts.link.serve(self.clone());
        self.meet();
        actix_rt::spawn(peers::follow(self.clone()));
        actix_rt::spawn(news::follow(self.clone()));
        actix_rt::spawn(interest::sweep(self.clone()));
        actix_rt::spawn(whereabouts::sweep(self.clone()));
    }

    fn me(&self) -> Incarnation {
        self.parts.ownership.incarnation()
    }

    /// Whether there was another node since this one started.
    pub fn has_peers(&self) -> bool {
        self.has_peers.load(Ordering::Acquire)
    }
}

/// Whose sessions end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Those that logged in with this token.
    Token(String),
    /// Those of an agent.
    Agent(LicenseId, AgentId),
    /// Those of a customer.
    Customer(LicenseId, CustomerId),
    /// This one, by its number on the node that is told.
    Session(u64),
}
