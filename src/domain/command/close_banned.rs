//! The customer was banned: their chat ends (routing rule 13). The ban itself is the license's affair.

use serde::{Deserialize, Serialize};

use super::deactivate_chat::close_thread;
use super::draft::Draft;
use super::{Caller, Context, Decision, Reply};
use crate::domain::chat::Chat;
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;

/// Closes the active thread of a customer who was banned; a chat that waits leaves the queue by it. Nothing happens
/// where no thread is active.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CloseBanned {
    /// How long the ban lasts.
    pub days: u32,
}

impl CloseBanned {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        if chat.active_thread().is_none() {
            return Ok(Decision::default());
        }
        let name = match context.caller {
            Caller::Agent { id, .. } => context.license.agent_name(id),
            Caller::Customer { .. } | Caller::Server => "The server",
        };
        let days = self.days.to_string();
        let mut draft = Draft::new(chat, context);
        close_thread(&mut draft, ServerMessage::customer_banned(name, &days))?;
        Ok(draft.decision(Reply::Done))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;

    fn ban() -> Command {
        Command::CloseBanned(CloseBanned { days: 3 })
    }

    #[test]
    fn a_ban_ends_the_customer_s_chat_and_says_so() {
        let mut story = Story::with_smith();
        let banned = story.agent("smith").gives(ban());
        assert!(!story.thread().active);
        let expected = ("customer_banned", "Chat archived because customer was banned by Smith for 3 day(s)");
        assert_eq!(story.last_system_message(), expected);
        assert_eq!(banned.told("kate"), ["incoming_event", "chat_deactivated"]);
        assert_eq!(story.reloaded(), story.chat);
    }

    #[test]
    fn a_ban_takes_a_waiting_chat_out_of_the_queue() {
        let mut story = Story::new();
        story.router_queues().customer().starts().done();
        story.agent("brown").gives(ban()).done();
        let view = story.chat.routing_view();
        assert_eq!((view.active, view.queued_at), (false, None));
    }

    #[test]
    fn a_ban_does_nothing_to_a_closed_chat() {
        let mut story = Story::closed();
        assert!(story.agent("smith").gives(ban()).is_nothing());
    }
}
