//! How a license's router on this node is spoken with: questions have a deadline, reports never wait and never get lost.

use std::sync::Arc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Addr, Handler, Message};
use actix_rt::ArbiterHandle;
use switchboard_cluster::{Epoch, Incarnation, Shard};

use super::super::{Actors, AskError};
use super::actor::RouterActor;
use super::message::{
    AgentCame, AgentLeft, AskChats, AskCounts, AskOnlineGroups, AskPlace, AskRoute, AskStatuses, NodeGone,
    NodeRoll, Report, SetAway, SetStatus, ShardMoved, Stop, Unreplied,
};
use super::question::{RouterAnswer, RouterQuestion};
use crate::domain::id::LicenseId;

/// The address of a license's router on this node.
#[derive(Clone)]
pub(in crate::actors) struct LocalRouter {
    address: Addr<RouterActor>,
    thread: ArbiterHandle,
    timeout: Duration,
    term: Epoch,
}

impl LocalRouter {
    pub(in crate::actors) fn start(
        actors: Arc<Actors>,
        license: LicenseId,
        term: Epoch,
        thread: &ArbiterHandle,
    ) -> Self {
        let timeout = actors.parts.settings.router_timeout;
        let address = RouterActor::launch(actors, license, term, thread);
        Self { address, thread: thread.clone(), timeout, term }
    }

    /// Puts a question to it.
    ///
    /// # Errors
    /// [`AskError::Deadline`], [`AskError::Stopped`] where the router is about to be another node's, and what became of storing
    /// what was set: [`AskError::NotOwner`] if a later router has begun.
    pub(in crate::actors) async fn answer(&self, question: RouterQuestion) -> Result<RouterAnswer, AskError> {
        Ok(match question {
            RouterQuestion::Route { chat, version, settled, request } => {
                let (route, decision) = self.ask(AskRoute { chat, version, settled, request }).await?;
                RouterAnswer::Route(route, decision)
            }
            RouterQuestion::Came { agent, session, moment, away, reconnect } => {
                let came = AgentCame { agent, session, moment, away, reconnect };
                RouterAnswer::Status(self.ask(came).await?)
            }
            RouterQuestion::Left { agent, session, how } => {
                self.tell(AgentLeft { agent, session, how });
                self.noted()
            }
            RouterQuestion::SetStatus { agent, status, origin } => {
                RouterAnswer::Truth(self.ask(SetStatus { agent, status, origin }).await??)
            }
            RouterQuestion::SetAway { agent, session, away } => {
                RouterAnswer::Truth(self.ask(SetAway { agent, session, away }).await?)
            }
            RouterQuestion::Unreplied { chat, had_thread } => {
                self.tell(Unreplied { chat, had_thread });
                self.noted()
            }
            RouterQuestion::Query(query) => RouterAnswer::Query(Box::new(self.ask(query).await?)),
            RouterQuestion::Statuses => RouterAnswer::Statuses(self.ask(AskStatuses).await?),
            RouterQuestion::QueuePlace { chat } => RouterAnswer::Place(self.ask(AskPlace { chat }).await?),
            RouterQuestion::ChatsOf { agent } => RouterAnswer::Chats(self.ask(AskChats { agent }).await?),
            RouterQuestion::OnlineGroups => RouterAnswer::Groups(self.ask(AskOnlineGroups).await?),
            RouterQuestion::Reports(reports) => {
                reports.into_iter().for_each(|report| self.tell(report));
                self.noted()
            }
            RouterQuestion::Roll { node, roll } => {
                self.tell(NodeRoll { node, roll });
                self.noted()
            }
        })
    }

    /// How many chats of the license are active here, and how many of them wait; none where nobody answers.
    pub(in crate::actors) async fn counts(&self) -> (usize, usize) {
        self.ask(AskCounts).await.unwrap_or_default()
    }

    /// What a chat is now.
    pub(in crate::actors) fn report(&self, report: Report) {
        self.tell(report);
    }

    /// A node is no more; its sessions are gone with it.
    pub(in crate::actors) fn node_gone(&self, node: Incarnation) {
        self.tell(NodeGone(node));
    }

    /// A shard has another owner: what became of its chats while it had none is asked.
    pub(in crate::actors) fn shard_moved(&self, shard: Shard) {
        self.tell(ShardMoved(shard));
    }

    /// The router is another node's now.
    pub(in crate::actors) fn stop(&self) {
        self.tell(Stop);
    }

    fn noted(&self) -> RouterAnswer {
        RouterAnswer::Noted { term: u64::try_from(self.term.0).unwrap_or(0) }
    }

    /// The epoch of the router's shard.
    pub(in crate::actors) fn term(&self) -> Epoch {
        self.term
    }

    async fn ask<M>(&self, question: M) -> Result<M::Result, AskError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        RouterActor: Handler<M>,
        <RouterActor as actix::Actor>::Context: ToEnvelope<RouterActor, M>,
    {
        match tokio::time::timeout(self.timeout, self.address.send(question)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(AskError::Stopped),
            Err(_) => Err(AskError::Deadline),
        }
    }

    /// A report that finds the mailbox full waits outside of it: a lost one would leave a slot taken for good. Each
    /// chat and session has at most a few on their way, so that is bounded, too.
    fn tell<M>(&self, report: M)
    where
        M: Message<Result = ()> + Send + 'static,
        RouterActor: Handler<M>,
        <RouterActor as actix::Actor>::Context: ToEnvelope<RouterActor, M>,
    {
        if let Err(actix::prelude::SendError::Full(report)) = self.address.try_send(report) {
            let address = self.address.clone();
            self.thread.spawn(async move {
                if address.send(report).await.is_err() {
                    tracing::debug!("a router was gone before a report reached it");
                }
            });
        }
    }
}
