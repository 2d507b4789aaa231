//! `deactivate_chat` (agents and customers, 3.6): closes the active thread. The chat itself never ends.

use super::draft::Draft;
use super::{Caller, Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::UserId;
use crate::domain::push::PushBody;
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;

/// Closes the active thread by hand.
#[derive(Clone, Debug)]
pub struct DeactivateChat {
    /// An agent need not be in the chat.
    pub ignore_requester_presence: bool,
}

impl DeactivateChat {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        if chat.active_thread().is_none() {
            return Err(Rejection::ChatInactive);
        }
        context.check_presence(chat, self.ignore_requester_presence)?;
        let mut draft = Draft::new(chat, context);
        let message = match context.caller {
            Caller::Agent { id, .. } => ServerMessage::manual_archived_agent(context.license.agent_name(id)),
            Caller::Customer { .. } => ServerMessage::manual_archived_customer(chat.customer_name()),
            Caller::Server => ServerMessage::archived_other(),
        };
        close_thread(&mut draft, message, context.caller.user())?;
        Ok(draft.decision(Reply::Done))
    }
}

/// Ends the active thread with a last word, and tells everybody.
pub(super) fn close_thread(
    draft: &mut Draft<'_>,
    message: ServerMessage<'_>,
    user: Option<UserId>,
) -> Result<(), Rejection> {
    draft.system_message(message)?;
    // Those who were in the chat until now are told, though the closing takes the agents out of it.
    let to = draft.chat.everybody();
    let thread = draft.chat.active_thread().ok_or(Rejection::ChatInactive)?.id.clone();
    let at = draft.time();
    draft.change(Change::ThreadClosed(at));
    draft.push(PushBody::ChatDeactivated { chat: draft.chat.id.clone(), thread, user }, to);
    Ok(())
}
