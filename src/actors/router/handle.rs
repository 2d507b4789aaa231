//! How others speak with a license's router: questions have a deadline, reports never wait and never get lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Addr, Handler, Message};
use actix_rt::ArbiterHandle;

use super::super::{Actors, AskError, Origin};
use super::actor::RouterActor;
use super::message::{
    AgentCame, AgentLeft, AskChats, AskCounts, AskOnlineGroups, AskPlace, AskRoute, AskStatuses, Leave,
    Rebuilt, Report, SetAway, SetStatus, Status, Unreplied,
};
use super::query::{RouterQuery, RouterReply};
use crate::domain::chat::RoutingView;
use crate::domain::command::{Route, RouteRequest};
use crate::domain::id::{AgentId, ChatId, GroupId, LicenseId};
use crate::domain::push::QueuePlace;
use crate::domain::routing::DecisionId;

/// The address of a license's router.
#[derive(Clone)]
pub struct RouterHandle {
    address: Addr<RouterActor>,
    thread: ArbiterHandle,
    timeout: Duration,
}

impl RouterHandle {
    pub(in crate::actors) fn start(actors: Arc<Actors>, license: LicenseId, thread: &ArbiterHandle) -> Self {
        let timeout = actors.parts.settings.router_timeout;
        let address = RouterActor::launch(actors, license, thread);
        Self { address, thread: thread.clone(), timeout }
    }

    /// Who is to get the chat. A router that does not answer in time lets it wait. `version` and `settled` are those
    /// of the chat's last report.
    ///
    /// The second part is the decision that the chat settles by carrying it out or refusing it.
    pub async fn route(
        &self,
        chat: &ChatId,
        version: u64,
        settled: DecisionId,
        request: RouteRequest,
    ) -> (Route, DecisionId) {
        let waits = (Route::Queue(None), DecisionId::default());
        self.ask(AskRoute { chat: chat.clone(), version, settled, request }).await.unwrap_or(waits)
    }

    /// What a chat is now, and the last decision that it settled. A later report carries a larger version.
    pub fn report(&self, chat: &ChatId, version: u64, settled: DecisionId, view: RoutingView) {
        self.tell(Report { chat: chat.clone(), version, settled, view });
    }

    /// Another session of an agent. Answers with the status that they have now.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn agent_came(
        &self,
        agent: &AgentId,
        session: u64,
        away: bool,
        reconnect: bool,
    ) -> Result<&'static str, AskError> {
        self.ask(AgentCame { agent: agent.clone(), session, away, reconnect }).await
    }

    /// A session of an agent has ended, whether or not it got as far as [`Self::agent_came`].
    pub fn agent_left(&self, agent: &AgentId, session: u64, how: Leave) {
        self.tell(AgentLeft { agent: agent.clone(), session, how });
    }

    /// Sets an agent's status. False if they are offline, where nothing is set.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn set_status(
        &self,
        agent: &AgentId,
        status: Status,
        origin: Option<Origin>,
    ) -> Result<bool, AskError> {
        self.ask(SetStatus { agent: agent.clone(), status, origin }).await
    }

    /// Notes that an agent is away on one of their connections, or back. Their status follows the connections on which
    /// they are not. False if there is no such session.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn set_away(&self, agent: &AgentId, session: u64, away: bool) -> Result<bool, AskError> {
        self.ask(SetAway { agent: agent.clone(), session, away }).await
    }

    /// A chat's agent has not answered in time. If somebody else can, the chat hears of it.
    pub fn unreplied(&self, chat: &ChatId, had_thread: Vec<AgentId>) {
        self.tell(Unreplied { chat: chat.clone(), had_thread });
    }

    /// Puts a question that changes nothing.
    pub(super) async fn query(&self, query: RouterQuery) -> Result<RouterReply, AskError> {
        self.ask(query).await
    }

    /// The status of every agent who is not offline.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn statuses(&self) -> Result<HashMap<AgentId, &'static str>, AskError> {
        self.ask(AskStatuses).await
    }

    /// Where a chat stands in the queue, if it waits.
    pub async fn queue_place(&self, chat: &ChatId) -> Option<QueuePlace> {
        self.ask(AskPlace { chat: chat.clone() }).await.ok().flatten()
    }

    /// The active chats that an agent serves.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn chats_of(&self, agent: &AgentId) -> Result<Vec<ChatId>, AskError> {
        self.ask(AskChats { agent: agent.clone() }).await
    }

    /// Groups in which somebody accepts chats.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn online_groups(&self) -> Result<Vec<GroupId>, AskError> {
        self.ask(AskOnlineGroups).await
    }

    /// How many chats of the license are active here, and how many of them wait; none where nobody answers.
    pub async fn counts(&self) -> (usize, usize) {
        self.ask(AskCounts).await.unwrap_or_default()
    }

    /// Every chat that was open at the start has reported itself.
    pub fn rebuilt(&self) {
        self.tell(Rebuilt);
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
