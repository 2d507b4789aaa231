//! A node in its cluster: the thin loop around the [`Steward`](crate::steward::Steward).
//!
//! [`Node::start`] puts a run on record, claims its share and starts the loop; from then on shards come and go by
//! themselves, and [`Ownership`] tells the rest of the server. A run that peers declare dead ends at once; the node goes on
//! as another run of the same process, unless another process has taken its name. [`Node::leave`] gives everything away in
//! good order.
//!
//! A node without peers runs the same loop over [`NoPeers`](crate::link::NoPeers).

mod driver;
mod message;
mod status;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::link::{Link, Transport};
use crate::steward::Times;
use crate::{
    CallError, Incarnation, NodeName, Ownership, OwnershipTables, ShardCount, StartError, WallClock,
};
use driver::{Asked, Driver};
use message::{Answer, Message};

pub(crate) use status::Counters;
pub use status::{Counts, MemberStatus, MoveStatus, NodeStatus};

/// How long a node may take to answer an operator's question.
const ASK: Duration = Duration::from_secs(2);
/// Operators' questions that may wait.
const QUESTIONS: usize = 64;

/// What a node brings along.
#[derive(Clone)]
pub struct NodeOptions {
    /// Its lasting name; earlier runs of that name are fenced at the start.
    pub node: NodeName,
    /// Shards of a new cluster; an existing one must have as many.
    pub shards: ShardCount,
    /// Wall time, for epochs.
    pub clock: WallClock,
    /// Makes a random identity for each run.
    pub fresh: Arc<dyn Fn() -> Incarnation + Send + Sync>,
    /// How patient it is.
    pub times: Times,
    /// How long work for a shard may take to end before the shard is given away regardless.
    pub vacate_within: Duration,
}

impl std::fmt::Debug for NodeOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeOptions").field("node", &self.node).finish_non_exhaustive()
    }
}

/// Why a node is no member any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// It gave everything away and left.
    #[error("this node has left the cluster")]
    Left,
    /// Another process runs under its name.
    #[error("another process has taken the node name {0}: give each node a name of its own (--node-name)")]
    Replaced(NodeName),
}

/// Why an operator's order was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OrderError {
    /// Nobody alive has that name.
    #[error("there is no living node {0:?} in this cluster")]
    NoSuchNode(String),
    /// There is nobody to give shards to.
    #[error("there is no other node that could take the shards")]
    NobodyElse,
    /// The node could not be asked, or does not know how to.
    #[error("the node could not be asked")]
    Unreachable(#[source] Option<CallError>),
    /// This node was fenced, and is about to begin another run.
    #[error("this node was fenced and has not begun anew yet: ask again, or beside another node")]
    BetweenRuns,
    /// This node is no member any more.
    #[error("this node is no member of the cluster any more")]
    Ended,
}

/// A running member of a cluster.
#[derive(Clone)]
pub struct Node {
    ownership: Ownership,
    transport: Arc<dyn Transport>,
    asked: mpsc::Sender<Asked>,
    ended: watch::Receiver<Option<End>>,
    counters: Arc<Counters>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("ownership", &self.ownership).finish_non_exhaustive()
    }
}

impl Node {
    /// Takes a place in the cluster. The loop runs on the current tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        tables: Arc<dyn OwnershipTables>,
        transport: Arc<dyn Transport>,
        options: NodeOptions,
    ) -> Result<Self, StartError> {
        let (asked, questions) = mpsc::channel(QUESTIONS);
        let (end, ended) = watch::channel(None);
        let counters = Arc::new(Counters::default());
        let lane = (asked.downgrade(), questions);
        let driver = Driver::start(tables, transport.clone(), options, lane, end, counters.clone()).await?;
        let ownership = driver.ownership().clone();
        tokio::spawn(driver.run());
        Ok(Self { ownership, transport, asked, ended, counters })
    }

    /// What this node owns.
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    /// The way to its peers.
    pub fn link(&self) -> Arc<dyn Link> {
        self.transport.clone()
    }

    /// Says once why this node is no member any more.
    pub fn ended(&self) -> watch::Receiver<Option<End>> {
        self.ended.clone()
    }

    /// What this node did so far.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// The cluster as this node sees it.
    ///
    /// # Errors
    /// [`OrderError::Ended`], and [`OrderError::BetweenRuns`] where the loop does not answer.
    pub async fn status(&self) -> Result<NodeStatus, OrderError> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.ask(Asked::Status(answer)).await?;
            answered.await.map_err(|_| OrderError::Ended)
        };
        tokio::time::timeout(ASK, asked).await.unwrap_or(Err(OrderError::BetweenRuns))
    }

    /// Makes a node give all its shards away. It goes on serving clients, and gets shards again when it is started again.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub async fn drain(&self, name: &str) -> Result<(), OrderError> {
        let status = self.status().await?;
        let named = |member: &&MemberStatus| member.node == name;
        let found = status.members.iter().find(named);
        found.ok_or_else(|| OrderError::NoSuchNode(name.to_owned()))?;
        if !status.members.iter().any(|member| member.node != name && !member.draining) {
            return Err(OrderError::NobodyElse);
        }
        if status.node == name {
            return self.ask(Asked::Drain).await;
        }
        let peers = self.ownership.peers().borrow().clone();
        let peer = peers.into_iter().find(|peer| peer.node.as_str() == name);
        let peer = peer.ok_or_else(|| OrderError::NoSuchNode(name.to_owned()))?;
        self.order(peer.incarnation, &Message::Drain).await
    }

    /// Evens shares out now: every node gives what belongs elsewhere away.
    ///
    /// # Errors
    /// See [`OrderError`]; some nodes may have been told already.
    pub async fn rebalance(&self) -> Result<(), OrderError> {
        self.ask(Asked::Rebalance).await?;
        let peers = self.ownership.peers().borrow().clone();
        for peer in peers {
            self.order(peer.incarnation, &Message::Rebalance).await?;
        }
        Ok(())
    }

    /// Gives every shard to other nodes, where there are any, and takes no more; goes on as a member that serves clients.
    /// Returns when that is done, or at the end of the time.
    pub async fn give_away(&self, within: Duration) {
        let (done, given) = oneshot::channel();
        let all = async {
            if self.ask(Asked::GiveAway(done)).await.is_ok() {
                // A loop that has ended has nothing to give away.
                drop(given.await);
            }
        };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!("not every shard could be handed over in time; peers will claim the rest");
        }
    }

    /// Leaves in good order: gives every shard away, then fences itself, so that nobody waits for its death. What could not
    /// be given away by then is claimed by the others at once.
    pub async fn leave(&self, within: Duration) {
        let (done, left) = oneshot::channel();
        let all = async {
            if self.ask(Asked::Leave(done)).await.is_ok() {
                // A loop that has ended has nothing to give away.
                drop(left.await);
            }
        };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!("not every shard could be handed over in time; peers claim the rest");
        }
        if let Err(error) = self.ownership.step_down().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "peers have to notice that this node ended"
            );
        }
    }

    async fn order(&self, to: Incarnation, message: &Message) -> Result<(), OrderError> {
        let answer = self.transport.control(to, message.encode(), ASK).await;
        let answer = answer.map_err(|error| OrderError::Unreachable(Some(error)))?;
        match Answer::decode(&answer) {
            Some(Answer::Done) => Ok(()),
            _ => Err(OrderError::Unreachable(None)),
        }
    }

    async fn ask(&self, asked: Asked) -> Result<(), OrderError> {
        self.asked.send(asked).await.map_err(|_| OrderError::Ended)
    }
}
