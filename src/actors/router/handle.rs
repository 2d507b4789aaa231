//! How others speak with a license's router, on whatever node it is: with its address here, or by one hop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use switchboard_cluster::{Epoch, Shard, ShardRow};
use tokio::time::Instant;

use super::super::elsewhere::{Missed, RouterCall};
use super::super::forward::Owner;
use super::super::{Actors, AskError, Origin, SessionId};
use super::message::{Leave, Report, Status};
use super::query::{RouterQuery, RouterReply};
use super::question::{RouterAnswer, RouterQuestion};
use crate::domain::command::{Route, RouteRequest};
use crate::domain::id::{AgentId, ChatId, GroupId, LicenseId};
use crate::domain::push::QueuePlace;
use crate::domain::routing::DecisionId;

/// The router of a license.
#[derive(Clone)]
pub struct RouterHandle {
    actors: Arc<Actors>,
    license: LicenseId,
}

impl RouterHandle {
    pub(in crate::actors) fn new(actors: Arc<Actors>, license: LicenseId) -> Self {
        Self { actors, license }
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
        match self.ask(RouterQuestion::Route { chat: chat.clone(), version, settled, request }).await {
            Ok(RouterAnswer::Route(route, decision)) => (route, decision),
            _ => (Route::Queue(None), DecisionId::default()),
        }
    }

    /// What a chat is now, whose shard is ours under a term, with the last decision that it settled. A later report carries a
    /// larger version.
    pub(in crate::actors) fn report(&self, report: Report, held: (Shard, Epoch)) {
        self.actors.report(self.license, report, held);
    }

    /// Another session of an agent. Answers with the status that they have now.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn agent_came(
        &self,
        agent: &AgentId,
        session: SessionId,
        away: bool,
        reconnect: bool,
    ) -> Result<&'static str, AskError> {
        let moment = self.actors.roll.came(self.license, agent, session.number);
        if away && !reconnect {
            self.actors.roll.set_away(self.license, agent, session.number, true);
        }
        let came = RouterQuestion::Came { agent: agent.clone(), session, moment, away, reconnect };
        match self.ask(came).await? {
            RouterAnswer::Status(status) => {
                self.actors.roll.heard(self.license, agent, status, false);
                Ok(status.as_str())
            }
            _ => Err(AskError::Stopped),
        }
    }

    /// A session of an agent has ended, whether or not it got as far as [`Self::agent_came`].
    pub fn agent_left(&self, agent: &AgentId, session: SessionId, how: Leave) {
        self.actors.roll.left(self.license, agent, session.number);
        let (router, agent) = (self.clone(), agent.clone());
        let left = async move {
            if let Err(error) = router.ask(RouterQuestion::Left { agent, session, how }).await {
                tracing::debug!(license.id = %router.license, %error, "a router learns later who left");
            }
        };
        self.actors.spawn(left);
    }

    /// Sets an agent's status. False if they are offline, where nothing is set.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn set_status(
        &self,
        agent: &AgentId,
        status: Status,
        origin: Option<Origin>,
    ) -> Result<bool, AskError> {
        match self.ask(RouterQuestion::SetStatus { agent: agent.clone(), status, origin }).await? {
            RouterAnswer::Truth(is_set) => Ok(is_set),
            _ => Err(AskError::Stopped),
        }
    }

    /// Notes that an agent is away on one of their connections, or back. Their status follows the connections on which
    /// they are not. False if there is no such session.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn set_away(&self, agent: &AgentId, session: SessionId, away: bool) -> Result<bool, AskError> {
        self.actors.roll.set_away(self.license, agent, session.number, away);
        match self.ask(RouterQuestion::SetAway { agent: agent.clone(), session, away }).await? {
            RouterAnswer::Truth(is_there) => Ok(is_there),
            _ => Err(AskError::Stopped),
        }
    }

    /// A chat's agent has not answered in time. If somebody else can, the chat hears of it.
    pub fn unreplied(&self, chat: &ChatId, had_thread: Vec<AgentId>) {
        let (router, chat) = (self.clone(), chat.clone());
        self.actors.spawn(async move {
            // A chat that still waits asks again.
            if let Err(error) = router.ask(RouterQuestion::Unreplied { chat, had_thread }).await {
                tracing::debug!(license.id = %router.license, %error, "a router did not hear of silence");
            }
        });
    }

    /// Puts a question that changes nothing.
    pub(super) async fn query(&self, query: RouterQuery) -> Result<RouterReply, AskError> {
        match self.ask(RouterQuestion::Query(query)).await? {
            RouterAnswer::Query(reply) => Ok(*reply),
            _ => Err(AskError::Stopped),
        }
    }

    /// The status of every agent who is not offline.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn statuses(&self) -> Result<HashMap<AgentId, &'static str>, AskError> {
        match self.ask(RouterQuestion::Statuses).await? {
            RouterAnswer::Statuses(statuses) => {
                Ok(statuses.into_iter().map(|(agent, status)| (agent, status.as_str())).collect())
            }
            _ => Err(AskError::Stopped),
        }
    }

    /// Where a chat stands in the queue, if it waits.
    pub async fn queue_place(&self, chat: &ChatId) -> Option<QueuePlace> {
        match self.ask(RouterQuestion::QueuePlace { chat: chat.clone() }).await {
            Ok(RouterAnswer::Place(place)) => place,
            _ => None,
        }
    }

    /// The active chats that an agent serves.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn chats_of(&self, agent: &AgentId) -> Result<Vec<ChatId>, AskError> {
        match self.ask(RouterQuestion::ChatsOf { agent: agent.clone() }).await? {
            RouterAnswer::Chats(chats) => Ok(chats),
            _ => Err(AskError::Stopped),
        }
    }

    /// The chats that wait for their customers, where the router is this node's. None where it is not: the next one asks for
    /// itself when it begins.
    ///
    /// # Errors
    /// [`AskError::NotOwner`] as long as it is not known which they are; others of asking it.
    pub async fn chats_awaiting_customers(&self) -> Result<Vec<ChatId>, AskError> {
        if !matches!(self.actors.router_owner(self.license), Owner::Here(_)) {
            return Ok(Vec::new());
        }
        match self.query(RouterQuery::AwaitingCustomers).await? {
            RouterReply::AwaitingCustomers(chats) => chats.ok_or(AskError::NotOwner),
            _ => Err(AskError::Stopped),
        }
    }

    /// Groups in which somebody accepts chats.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn online_groups(&self) -> Result<Vec<GroupId>, AskError> {
        match self.ask(RouterQuestion::OnlineGroups).await? {
            RouterAnswer::Groups(groups) => Ok(groups),
            _ => Err(AskError::Stopped),
        }
    }

    /// Puts a question to the router. One whose owner changes meanwhile is put again, unless nobody knows whether it
    /// was heard.
    async fn ask(&self, question: RouterQuestion) -> Result<RouterAnswer, AskError> {
        if let Some(answer) = self.actors.ask_here(self.license, &question).await? {
            return Ok(answer);
        }
        let until = Instant::now() + self.actors.parts.settings.router_timeout;
        Box::pin(self.ask_elsewhere(question, until)).await
    }

    async fn ask_elsewhere(
        &self,
        question: RouterQuestion,
        until: Instant,
    ) -> Result<RouterAnswer, AskError> {
        let shard = self.actors.router_shard(self.license);
        let mut call = RouterCall { license: self.license, question, since: None };
        loop {
            let known = self.actors.owner(shard);
            let within = until.saturating_duration_since(Instant::now());
            let missed = match known {
                Owner::Here(_) => match self.actors.ask_here(self.license, &call.question).await? {
                    Some(answer) => return Ok(answer),
                    None => AskError::NotOwner,
                },
                Owner::There(node) => {
                    call.since = self.actors.since(shard, node);
                    match self.actors.parts.elsewhere.router(node, &call, within).await {
                        Ok(answer) => return Ok(answer),
                        Err(Missed::Unknown) => return Err(AskError::Deadline),
                        Err(Missed::NotOwner(named)) => {
                            if let Some((owner, epoch)) = named {
                                self.actors.parts.ownership.hear(shard, ShardRow { owner, epoch });
                            }
                            AskError::NotOwner
                        }
                        Err(Missed::Unreached) => AskError::Unreachable,
                    }
                }
                Owner::Unknown => AskError::NotOwner,
            };
            if within.is_zero() {
                return Err(missed);
            }
            // Not at all if a newer owner was named, who holds the question if it has not heard of that yet.
            self.actors.owner_changes(shard, known, until.min(Instant::now() + PAUSE)).await;
        }
    }
}

/// Between two tries to reach a router.
const PAUSE: Duration = Duration::from_millis(50);
