//! `remove_user_from_chat` (agents, 3.6): takes an agent out. Customers cannot be removed.

use super::draft::Draft;
use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::{AgentId, UserId};
use crate::domain::push::PushBody;
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;

/// Takes an agent out of the chat.
#[derive(Clone, Debug)]
pub struct RemoveUserFromChat {
    /// Whom.
    pub agent: AgentId,
    /// The requester need not be in the chat.
    pub ignore_requester_presence: bool,
}

impl RemoveUserFromChat {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        context.check_presence(chat, self.ignore_requester_presence)?;
        let user = UserId::Agent(self.agent.clone());
        let present = chat.present_user(&user).ok_or(Rejection::NotFound("user"))?;
        let hidden = present.visibility == Visibility::Agents;
        let mut draft = Draft::new(chat, context);
        remove(&mut draft, &self.agent, "manual");
        let caller = context.caller.user();
        let leaves_by_self = caller.as_ref() == Some(&user);
        let name = context.license.agent_name(&self.agent);
        if chat.active_thread().is_some() && !hidden {
            let message = match caller.as_ref().and_then(UserId::agent) {
                Some(initiator) if !leaves_by_self => {
                    ServerMessage::agent_removed(context.license.agent_name(initiator), name)
                }
                _ => ServerMessage::agent_left(name),
            };
            draft.system_message(message)?;
        }
        Ok(draft.decision(Reply::Done))
    }
}

/// Takes an agent out and tells everybody, them too.
pub(super) fn remove(draft: &mut Draft<'_>, agent: &AgentId, reason: &'static str) {
    let user = UserId::Agent(agent.clone());
    let hidden = draft.chat.user(&user).is_some_and(|user| user.visibility == Visibility::Agents);
    let mut to = draft.chat.everybody();
    if hidden {
        to.customers.clear();
    }
    draft.change(Change::UserRemoved(user.clone()));
    let body = PushBody::UserRemovedFromChat {
        chat: draft.chat.id.clone(),
        thread: draft.chat.active_thread().map(|thread| thread.id.clone()),
        user,
        reason,
        requester: draft.context.caller.user(),
    };
    draft.push(body, to);
}
