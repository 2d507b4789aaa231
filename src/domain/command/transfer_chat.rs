//! `transfer_chat` (agents, 3.6): hands an active chat to groups, to agents, or to anybody of its groups.

use serde::{Deserialize, Serialize};

use super::add_user_to_chat::tell_of_added;
use super::draft::Draft;
use super::remove_user_from_chat::remove;
use super::{Caller, Context, Decision, Reply, Route, RouteRequest};
use crate::domain::access::Access;
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::{AgentId, GroupId};
use crate::domain::license::License;
use crate::domain::properties::{self, Properties, PropertyValue};
use crate::domain::push::{Audience, PushBody, QueuePlace, ThreadEvents, TransferReason, TransferTarget};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::user::ChatUser;
use crate::domain::whole_chat::to_gaining;

/// Hands the chat on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransferChat {
    /// To whom.
    pub to: TransferTo,
    /// May wait when nobody of the target can take it at once.
    pub ignore_agents_availability: bool,
    /// The requester need not be in the chat.
    pub ignore_requester_presence: bool,
}

/// To whom a chat is handed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferTo {
    /// Anybody of these groups.
    Groups(Vec<GroupId>),
    /// One of these agents.
    Agents(Vec<AgentId>),
    /// Anybody of the chat's present groups.
    Anybody,
}

impl TransferChat {
    pub(super) fn route_request(&self, chat: &Chat, _: &License) -> Option<RouteRequest> {
        chat.active_thread()?;
        Some(RouteRequest::Transfer {
            to: self.to.clone(),
            groups: self.groups_after(chat),
            from: chat.serving_agents().cloned().collect(),
            ignore_availability: self.ignore_agents_availability,
        })
    }

    fn groups_after(&self, chat: &Chat) -> Vec<GroupId> {
        match &self.to {
            TransferTo::Groups(groups) => groups.clone(),
            TransferTo::Agents(_) | TransferTo::Anybody => chat.access.group_ids.clone(),
        }
    }

    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        if chat.active_thread().is_none() {
            return Err(Rejection::ChatInactive);
        }
        context.check_presence(chat, self.ignore_requester_presence)?;
        self.check_target(chat, context.license)?;
        let (agent, place) = match &context.route {
            Some(Route::Assign(agent)) => (Some(agent.clone()), None),
            Some(Route::Queue(place)) if self.ignore_agents_availability => (None, *place),
            Some(Route::AgentOffline) => return Err(Rejection::AgentOffline),
            Some(Route::LicenseFull) => {
                return Err(Rejection::LimitReached("the license has as many chats as it may"));
            }
            _ => return Err(Rejection::GroupsOffline),
        };
        let mut draft = Draft::new(chat, context);
        self.hand_on(&mut draft, agent, place, chat)?;
        Ok(draft.decision(Reply::Done))
    }

    fn check_target(&self, chat: &Chat, license: &License) -> Result<(), Rejection> {
        match &self.to {
            TransferTo::Anybody => Ok(()),
            TransferTo::Groups(groups) => {
                if groups.is_empty() {
                    return Err(Rejection::validation("target.ids", "must not be empty"));
                }
                match groups.iter().find(|group| !license.has_group(**group)) {
                    Some(unknown) => Err(Rejection::GroupNotFound(unknown.0)),
                    None => Ok(()),
                }
            }
            TransferTo::Agents(agents) => {
                if agents.is_empty() {
                    return Err(Rejection::validation("target.ids", "must not be empty"));
                }
                for id in agents {
                    let agent = license.agent(id).ok_or(Rejection::NotFound("agent"))?;
                    if !chat.admits(agent) {
                        return Err(Rejection::MissingAccess("the agent has no access to the chat"));
                    }
                }
                Ok(())
            }
        }
    }

    fn hand_on(
        &self,
        draft: &mut Draft<'_>,
        agent: Option<AgentId>,
        place: Option<QueuePlace>,
        chat: &Chat,
    ) -> Result<(), Rejection> {
        let before = chat.everybody();
        let from = TransferTarget {
            group_ids: draft.chat.access.group_ids.clone(),
            agent_ids: draft.chat.serving_agents().cloned().collect(),
        };
        let leaving = from.agent_ids.iter().filter(|left| agent.as_ref() != Some(left));
        leaving.for_each(|left| remove(draft, left, "manual"));
        self.open_to_target(draft, &before);
        let queue = settle(draft, agent.as_ref(), place, &before);
        stamp(draft);
        self.tell(draft, agent, queue, chat, from)
    }

    fn open_to_target(&self, draft: &mut Draft<'_>, before: &Audience) {
        let TransferTo::Groups(groups) = &self.to else { return };
        if *groups == draft.chat.access.group_ids {
            return;
        }
        let access = Access { group_ids: groups.clone() };
        draft.change(Change::AccessSet(access.clone()));
        let body = PushBody::ChatAccessUpdated { chat: draft.chat.id.clone(), access };
        draft.push(body, before.clone());
    }

    fn tell(
        &self,
        draft: &mut Draft<'_>,
        agent: Option<AgentId>,
        queue: Option<QueuePlace>,
        before: &Chat,
        from: TransferTarget,
    ) -> Result<(), Rejection> {
        let context = draft.context;
        let to = TransferTarget {
            group_ids: match &self.to {
                TransferTo::Groups(groups) => groups.clone(),
                TransferTo::Agents(_) | TransferTo::Anybody => Vec::new(),
            },
            agent_ids: agent.into_iter().collect(),
        };
        let chat = draft.chat.id.clone();
        let thread = draft.chat.active_thread().map(|thread| thread.id.clone());
        let transferred = |requester| PushBody::ChatTransferred {
            chat: chat.clone(),
            thread: thread.clone(),
            requester,
            reason: TransferReason::Manual,
            to: to.clone(),
            queue,
        };
        draft.push_of_caller(transferred, before.everybody());
        let whole_chat = PushBody::IncomingChat {
            requester: context.caller.user(),
            chat: Box::new(draft.chat.clone()),
            events: ThreadEvents::FromLog,
            queue,
            transferred_from: Some(from),
        };
        let gaining = to_gaining(before, &draft.chat);
        draft.push(whole_chat, gaining);
        let initiator = match context.caller {
            Caller::Agent { id, .. } => context.license.agent_name(id),
            Caller::Customer { .. } | Caller::Server => "The server",
        };
        let targets = target_names(&to, context.license);
        draft.system_message_of_caller(ServerMessage::chat_transferred(initiator, &targets))?;
        Ok(())
    }
}

/// Lets the new agent in, or lets the chat wait.
fn settle(
    draft: &mut Draft<'_>,
    agent: Option<&AgentId>,
    place: Option<QueuePlace>,
    before: &Audience,
) -> Option<QueuePlace> {
    let at = draft.time();
    let waits = draft.chat.active_thread().is_some_and(|thread| thread.queued_at.is_some());
    let Some(agent) = agent else {
        if !waits {
            return draft.wait_from(place);
        }
        // Another queue, but its time counts from when it began to wait.
        let queued_at = draft.chat.active_thread().and_then(|thread| thread.queued_at);
        return place.map(|place| QueuePlace { queued_at, ..place });
    };
    if waits {
        draft.change(Change::Dequeued(at));
    }
    let serves = draft.chat.serving_agents().any(|serving| serving == agent);
    if !serves {
        let user = ChatUser::agent(agent.clone(), Visibility::All);
        draft.change(Change::UserAdded(user.clone()));
        // Those who gain the chat learn of it as a whole.
        tell_of_added(draft, &user, before.clone());
    }
    draft.assign(agent.clone());
    None
}

/// `routing.last_transfer_timestamp` of the thread.
fn stamp(draft: &mut Draft<'_>) {
    let seconds = i32::try_from(draft.context.now.unix_seconds()).unwrap_or(i32::MAX);
    let Some(thread) = draft.chat.active_thread().map(|thread| thread.id.clone()) else { return };
    let mut properties = Properties::new();
    properties::set(&mut properties, "routing", "last_transfer_timestamp", PropertyValue::Int(seconds));
    draft.change(Change::PropertiesSet { target: crate::domain::change::Target::Thread(thread), properties });
}

fn target_names(to: &TransferTarget, license: &License) -> String {
    let agents = to.agent_ids.iter().map(|agent| license.agent_name(agent).to_owned());
    let groups = to.group_ids.iter().map(|group| {
        license.groups.get(group).map_or_else(|| "all agents".to_owned(), |group| group.name.clone())
    });
    let names: Vec<String> = if to.agent_ids.is_empty() { groups.collect() } else { agents.collect() };
    if names.is_empty() { "the queue".to_owned() } else { names.join(", ") }
}
