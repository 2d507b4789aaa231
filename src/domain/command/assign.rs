//! The router gives an active chat to an agent (routing rules 3, 4, 6 and 7).

use super::draft::Draft;
use super::remove_user_from_chat::remove;
use super::{Context, Decision, LeaveCause, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::AgentId;
use crate::domain::push::{Audience, PushBody, ThreadEvents, TransferReason, TransferTarget};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::user::ChatUser;

/// Gives the chat to an agent. If it was closed or taken meanwhile, nothing happens.
#[derive(Clone, Debug)]
pub struct AssignAgent {
    /// To whom; a slot of theirs is reserved.
    pub agent: AgentId,
    /// Who loses it; some may not be in the chat any more.
    pub replaces: Vec<AgentId>,
    /// Why the earlier agent does not serve it any more; none if it waited, or is new.
    pub cause: Option<LeaveCause>,
}

impl AssignAgent {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        if chat.active_thread().is_none() {
            return Ok(Decision::default());
        }
        if chat.serving_agents().any(|serving| !self.replaces.contains(serving)) {
            return Ok(Decision::default());
        }
        let mut draft = Draft::new(chat, context);
        let before = draft.chat.members(Visibility::Agents);
        let push_reason = self.cause.unwrap_or(LeaveCause::Other).push_reason();
        for earlier in self.replaces.iter().filter(|earlier| **earlier != self.agent) {
            if chat.serving_agents().any(|serving| serving == earlier) {
                remove(&mut draft, earlier, push_reason);
            }
        }
        let earlier = self.replaces.first();
        let reason = match self.cause {
            None => TransferReason::Assigned,
            Some(LeaveCause::Inactive) => TransferReason::Inactive,
            Some(_) => TransferReason::Other,
        };
        hand_to(&mut draft, &self.agent, reason, earlier.cloned(), before);
        let minutes = super::close_inactive::minutes(context.rules.unreplied_transfer_after);
        let name = |agent| context.license.agent_name(agent);
        let message = match (earlier, self.cause) {
            (Some(earlier), Some(cause)) => cause.assigned(name(&self.agent), name(earlier), &minutes),
            _ => ServerMessage::assigned(name(&self.agent)),
        };
        draft.system_message(message)?;
        Ok(draft.decision(Reply::Done))
    }
}

/// Lets the agent in as the one who serves the chat, ends its waiting, tells everybody.
fn hand_to(
    draft: &mut Draft<'_>,
    agent: &AgentId,
    reason: TransferReason,
    earlier: Option<AgentId>,
    before: Audience,
) {
    let at = draft.time();
    let user = ChatUser::agent(agent.clone(), Visibility::All);
    draft.change(Change::UserAdded(user.clone()));
    draft.change(Change::Assigned(agent.clone()));
    if draft.chat.active_thread().is_some_and(|thread| thread.queued_at.is_some()) {
        draft.change(Change::Dequeued(at));
    }
    let thread = draft.chat.active_thread().map(|thread| thread.id.clone());
    let to = draft.chat.everybody();
    let added = PushBody::UserAddedToChat {
        chat: draft.chat.id.clone(),
        thread: thread.clone(),
        user: Box::new(user),
        reason: "other",
        requester: None,
    };
    draft.push(added, to.clone());
    let transferred = PushBody::ChatTransferred {
        chat: draft.chat.id.clone(),
        thread,
        requester: None,
        reason,
        to: TransferTarget { group_ids: Vec::new(), agent_ids: vec![agent.clone()] },
        queue: None,
    };
    draft.push(transferred, to);
    let whole_chat = PushBody::IncomingChat {
        requester: None,
        chat: Box::new(draft.chat.clone()),
        events: ThreadEvents::FromLog,
        queue: None,
        transferred_from: Some(TransferTarget {
            group_ids: draft.chat.access.group_ids.clone(),
            agent_ids: earlier.into_iter().collect(),
        }),
    };
    // Who was in the chat, or followed it, has it already.
    let newcomer =
        Audience { agents: vec![agent.clone()], except: Some(Box::new(before)), ..Audience::default() };
    draft.push(whole_chat, newcomer);
}
