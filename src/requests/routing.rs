//! Routing statuses: asked of and told to the license's router.

use std::collections::BTreeMap;

use super::error::{of_ask, of_store};
use super::pipeline::{Call, EMPTY, Requests, customer_id};
use crate::actors::SessionId;
use crate::actors::router::Status;
use crate::domain::id::{AgentId, ChatId, GroupId, UserId};
use crate::domain::license::{Agent, AgentKind};
use crate::domain::push::{Audience, PushBody};
use crate::domain::routing::{CustomerGroupStatus, Prediction, PredictionError};
use crate::domain::said_before::Welcome;
use crate::domain::visit::CustomerVisits;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::request::{Multicast, RoutingStatus};

impl Requests {
    pub(super) async fn set_routing_status(
        &self,
        call: &Call<'_>,
        status: RoutingStatus,
        agent: Option<AgentId>,
    ) -> Result<String, WireError> {
        let requester = call.who.agent().ok_or_else(|| WireError::of(ErrorType::Authorization))?;
        let target = agent.as_ref().unwrap_or(requester);
        let license = &call.who.license;
        let known =
            license.agent(target).ok_or_else(|| WireError::new(ErrorType::NotFound, "agent not found"))?;
        let needed: &[&str] = match (known.kind, target == requester) {
            (AgentKind::Human, true) => &["agents--my:rw"],
            (AgentKind::Bot, true) => &["agents--my:rw", "agents-bot--my:rw"],
            (AgentKind::Human, false) => &["agents--all:rw"],
            (AgentKind::Bot, false) => &["agents-bot--all:rw"],
        };
        if !call.who.scopes().is_some_and(|scopes| needed.iter().any(|scope| scopes.allows(scope))) {
            return Err(WireError::new(ErrorType::Authorization, "the token lacks the scope for this agent"));
        }
        if known.kind == AgentKind::Human && status == RoutingStatus::Offline {
            return Err(WireError::validation("`status`: only bots can be set offline"));
        }
        let router = self.parts.actors.router(license.id);
        let set = router.set_status(target, wire_status(status), call.origin.clone()).await;
        let online = set.map_err(|error| of_ask(error, call.who.surface()))?;
        if online {
            return Ok("{}".to_owned());
        }
        Err(WireError::of(if target == requester {
            ErrorType::RequesterAlreadyOffline
        } else {
            ErrorType::AgentOffline
        }))
    }

    pub(super) async fn list_routing_statuses(
        &self,
        call: &Call<'_>,
        group_ids: Option<Vec<GroupId>>,
    ) -> Result<String, WireError> {
        let license = &call.who.license;
        let wanted = |agent: &crate::domain::license::Agent| {
            group_ids.as_ref().is_none_or(|wanted| agent.group_ids().any(|group| wanted.contains(&group)))
        };
        let statuses = self.parts.actors.router(license.id).statuses().await;
        let statuses = statuses.map_err(|error| of_ask(error, call.who.surface()))?;
        let list: Vec<_> = license
            .agents
            .values()
            .filter(|agent| wanted(agent))
            .map(|agent| {
                let status = statuses.get(&agent.id).copied().unwrap_or("offline");
                serde_json::json!({ "agent_id": agent.id, "status": status })
            })
            .collect();
        Ok(serde_json::Value::Array(list).to_string())
    }
}

/// What customers may know before they start.
impl Requests {
    pub(super) async fn list_group_statuses(
        &self,
        call: &Call<'_>,
        wanted: Option<Vec<GroupId>>,
    ) -> Result<String, WireError> {
        let license = &call.who.license;
        let all = || std::iter::once(GroupId::ALL).chain(license.groups.keys().copied()).collect();
        let mut groups: Vec<GroupId> = wanted.unwrap_or_else(all);
        groups.retain(|group| license.has_group(*group));
        let statuses = self.parts.actors.router(license.id).customer_group_statuses(groups).await;
        let statuses = statuses.map_err(|error| of_ask(error, call.who.surface()))?;
        let map: BTreeMap<String, CustomerGroupStatus> =
            statuses.into_iter().map(|(group, status)| (group.to_string(), status)).collect();
        Ok(serde_json::json!({ "groups_status": map }).to_string())
    }

    /// Asked ahead: nobody is reserved by it.
    pub(super) async fn get_predicted_agent(&self, call: &Call<'_>) -> Result<String, WireError> {
        let (known, queue) = self.predicted(call, None).await?;
        Ok(self.view(call).predicted_agent(known, queue))
    }

    /// The answer says who would get a chat; their message follows it as a push to all of the customer's connections, and is kept for
    /// a thread that is to begin with it.
    pub(super) async fn request_welcome_message(
        &self,
        call: &Call<'_>,
        id: Option<String>,
        group: Option<GroupId>,
    ) -> Result<String, WireError> {
        let customer = customer_id(call.who)?;
        let license = &call.who.license;
        if group.is_some_and(|group| !license.has_group(group)) {
            return Err(WireError::of(ErrorType::GroupNotFound));
        }
        let (known, queue) = self.predicted(call, group).await?;
        let id = id.unwrap_or_else(|| self.parts.actors.ids().uuid().to_string());
        let answer = self.view(call).welcome(&id, known, queue);
        let text = self.parts.actors.licenses().welcome_message(license);
        let (at, author) = (self.parts.actors.clock().now(), known.id.clone());
        let given = Welcome { id: id.clone(), agent: author.clone(), text: text.clone() };
        let give = |visits: &mut CustomerVisits| visits.welcome = Some(given.clone());
        let kept = self.parts.customers.change_visits(license.id, customer, give).await;
        kept.map_err(|error| of_store(&error))?;
        let to = Audience { customers: vec![customer.clone()], ..Audience::default() };
        self.tell(call, PushBody::IncomingWelcomeMessage { id, at, author, text }, to);
        Ok(answer)
    }

    /// Who would get a chat of this group that the customer starts now; none: of the groups of their page, or else their own.
    async fn predicted<'a>(
        &self,
        call: &'a Call<'_>,
        group: Option<GroupId>,
    ) -> Result<(&'a Agent, bool), WireError> {
        let (license, customer) = (&call.who.license, customer_id(call.who)?);
        let visits = self.parts.customers.visits(license.id, customer).await;
        let visits = visits.map_err(|error| of_store(&error))?;
        if call.who.session.is_none() && visits.current().is_none() {
            let message = "the customer must be logged in over the websocket";
            return Err(WireError::new(ErrorType::Authorization, message));
        }
        let mut groups: Vec<GroupId> = match group {
            Some(group) => vec![group],
            None => visits.auto_access,
        };
        groups.retain(|group| license.has_group(*group));
        if groups.is_empty() && license.has_group(visits.group) {
            groups.push(visits.group);
        }
        let recent = self.recent_agent(call, customer).await?;
        let predicted = self.parts.actors.router(license.id).predicted_agent(groups, recent).await;
        let predicted = predicted.map_err(|error| of_ask(error, call.who.surface()))?;
        let Prediction { agent, queue } = predicted.map_err(|reason| match reason {
            PredictionError::GroupOffline => WireError::of(ErrorType::GroupOffline),
            PredictionError::GroupUnavailable => WireError::of(ErrorType::GroupUnavailable),
        })?;
        let known = license.agent(&agent).ok_or_else(|| WireError::of(ErrorType::GroupUnavailable))?;
        Ok((known, queue))
    }
}

/// What is told to agents, and who takes a chat over.
impl Requests {
    pub(super) fn multicast(&self, call: &Call<'_>, multicast: Multicast) -> Result<String, WireError> {
        let Multicast { all, agents, groups, content, kind } = multicast;
        let license = &call.who.license;
        let unknown = || WireError::new(ErrorType::NotFound, "agent not found");
        agents.iter().try_for_each(|id| license.agent(id).map(drop).ok_or_else(unknown))?;
        if groups.iter().any(|group| !license.has_group(*group)) {
            return Err(WireError::new(ErrorType::NotFound, "group not found"));
        }
        let to =
            if all { Audience::all_agents() } else { Audience { agents, groups, ..Audience::default() } };
        let author = call.who.agent().cloned().map(UserId::Agent);
        self.tell(call, PushBody::IncomingMulticast { author, content, kind }, to);
        Ok(EMPTY.to_owned())
    }

    /// Those with the fewest chats first. Nobody for a chat without an active thread.
    pub(super) async fn list_agents_for_transfer(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
    ) -> Result<String, WireError> {
        self.visible_chat(call, chat).await?;
        let heirs = self.parts.actors.router(call.who.license_id()).transfer_targets(chat).await;
        let heirs = heirs.map_err(|error| of_ask(error, call.who.surface()))?;
        let list: Vec<_> = heirs
            .iter()
            .map(|(id, chats)| serde_json::json!({ "agent_id": id, "total_active_chats": chats }))
            .collect();
        Ok(serde_json::Value::Array(list).to_string())
    }

    /// Of the connection that asks; the agent is away when all of theirs are.
    pub(super) async fn set_away_status(&self, call: &Call<'_>, away: bool) -> Result<String, WireError> {
        let agent = call.who.agent().ok_or_else(|| WireError::of(ErrorType::Authorization))?;
        let number = call.who.session.ok_or_else(|| WireError::of(ErrorType::RequesterAlreadyOffline))?;
        let session = SessionId { node: self.parts.actors.shards().incarnation(), number };
        let router = self.parts.actors.router(call.who.license_id());
        let set = router.set_away(agent, session, away).await;
        if set.map_err(|error| of_ask(error, call.who.surface()))? {
            return Ok(EMPTY.to_owned());
        }
        Err(WireError::of(ErrorType::RequesterAlreadyOffline))
    }
}

fn wire_status(status: RoutingStatus) -> Status {
    match status {
        RoutingStatus::AcceptingChats => Status::Accepting,
        RoutingStatus::NotAcceptingChats => Status::NotAccepting,
        RoutingStatus::Offline => Status::Offline,
    }
}
