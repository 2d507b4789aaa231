//! Questions to a router that change nothing in chats: who would get one, who could, how
//! things stand. Plain data, one message for all of them.

use actix::{Handler, Message};
use serde::{Deserialize, Serialize};

use super::super::AskError;
use super::actor::RouterActor;
use super::handle::RouterHandle;
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::routing::{CustomerGroupStatus, GroupStatus, Prediction, PredictionError, RouterSnapshot};

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouterQuery {
    /// How do things stand?
    Snapshot,
    /// How many chats count against the license's limit?
    Served,
    /// Who would get a chat of these groups?
    Predict {
        /// The groups; empty = all agents.
        groups: Vec<GroupId>,
        /// The agent of the customer's last thread.
        recent: Option<AgentId>,
    },
    /// How do these groups look to customers?
    CustomerGroups(Vec<GroupId>),
    /// How do these groups look to agents?
    Groups(Vec<GroupId>),
    /// To whom can the chat be transferred?
    TransferTargets(ChatId),
    /// Which active chats have a customer who may be waited for in vain?
    AwaitingCustomers,
}

/// The answer to the question of the same name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are those of the questions")]
pub enum RouterReply {
    Snapshot(Box<RouterSnapshot>),
    Served(u32),
    Predicted(Result<Prediction, PredictionError>),
    CustomerGroups(Vec<(GroupId, CustomerGroupStatus)>),
    Groups(Vec<(GroupId, GroupStatus)>),
    TransferTargets(Vec<(AgentId, u32)>),
    AwaitingCustomers(Option<Vec<ChatId>>),
}

impl Message for RouterQuery {
    type Result = RouterReply;
}

impl Handler<RouterQuery> for RouterActor {
    type Result = actix::MessageResult<RouterQuery>;

    fn handle(&mut self, query: RouterQuery, _: &mut Self::Context) -> Self::Result {
        let router = self.router();
        actix::MessageResult(match query {
            RouterQuery::Snapshot => RouterReply::Snapshot(Box::new(router.snapshot())),
            RouterQuery::Served => RouterReply::Served(router.served()),
            RouterQuery::Predict { groups, recent } => {
                RouterReply::Predicted(router.predicted_agent(&groups, recent.as_ref(), false))
            }
            RouterQuery::CustomerGroups(groups) => RouterReply::CustomerGroups(
                groups.into_iter().map(|group| (group, router.customer_group_status(group))).collect(),
            ),
            RouterQuery::Groups(groups) => RouterReply::Groups(
                groups.into_iter().map(|group| (group, router.group_status(group))).collect(),
            ),
            RouterQuery::TransferTargets(chat) => {
                RouterReply::TransferTargets(router.agents_for_transfer(&chat))
            }
            RouterQuery::AwaitingCustomers => {
                RouterReply::AwaitingCustomers(router.chats_awaiting_customers())
            }
        })
    }
}

impl RouterHandle {
    /// What an operator sees.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn snapshot(&self) -> Result<RouterSnapshot, AskError> {
        match self.query(RouterQuery::Snapshot).await? {
            RouterReply::Snapshot(snapshot) => Ok(*snapshot),
            _ => Err(AskError::Stopped),
        }
    }

    /// Chats that count against the license's limit.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn served(&self) -> Result<u32, AskError> {
        match self.query(RouterQuery::Served).await? {
            RouterReply::Served(count) => Ok(count),
            _ => Err(AskError::Stopped),
        }
    }

    /// Who would get a chat of these groups (none: of all agents) now, or why nobody.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn predicted_agent(
        &self,
        groups: Vec<GroupId>,
        recent: Option<AgentId>,
    ) -> Result<Result<Prediction, PredictionError>, AskError> {
        match self.query(RouterQuery::Predict { groups, recent }).await? {
            RouterReply::Predicted(predicted) => Ok(predicted),
            _ => Err(AskError::Stopped),
        }
    }

    /// How these groups look to customers.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn customer_group_statuses(
        &self,
        groups: Vec<GroupId>,
    ) -> Result<Vec<(GroupId, CustomerGroupStatus)>, AskError> {
        match self.query(RouterQuery::CustomerGroups(groups)).await? {
            RouterReply::CustomerGroups(statuses) => Ok(statuses),
            _ => Err(AskError::Stopped),
        }
    }

    /// How these groups look to agents.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn group_statuses(
        &self,
        groups: Vec<GroupId>,
    ) -> Result<Vec<(GroupId, GroupStatus)>, AskError> {
        match self.query(RouterQuery::Groups(groups)).await? {
            RouterReply::Groups(statuses) => Ok(statuses),
            _ => Err(AskError::Stopped),
        }
    }

    /// Agents to whom the chat can be transferred by name, with their chats, fewest first.
    ///
    /// # Errors
    /// [`AskError::Deadline`].
    pub async fn transfer_targets(&self, chat: &ChatId) -> Result<Vec<(AgentId, u32)>, AskError> {
        match self.query(RouterQuery::TransferTargets(chat.clone())).await? {
            RouterReply::TransferTargets(targets) => Ok(targets),
            _ => Err(AskError::Stopped),
        }
    }
}
