//! `deactivate_chat` (agents and customers, 3.6): closes the active thread. The chat itself never ends.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Caller, Context, Decision, Reply, transcript};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::push::PushBody;
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;

/// Closes the active thread by hand.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
        close_thread(&mut draft, message)?;
        Ok(draft.decision(Reply::Done))
    }
}

/// Ends the active thread with a last word, and tells everybody.
pub(super) fn close_thread(draft: &mut Draft<'_>, message: ServerMessage<'_>) -> Result<(), Rejection> {
    draft.system_message_of_caller(message)?;
    if let Some(said) = transcript::at_end(draft) {
        draft.server_says(said)?;
    }
    let chat = draft.chat.id.clone();
    let thread = draft.chat.active_thread().ok_or(Rejection::ChatInactive)?.id.clone();
    let body = |user| PushBody::ChatDeactivated { chat: chat.clone(), thread: thread.clone(), user };
    // Before the closing takes the agents out: those who were in the chat until now are told.
    draft.push_of_caller(body, draft.chat.everybody());
    let at = draft.time();
    draft.change(Change::ThreadClosed(at));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Reach;
    use super::super::testing::*;
    use super::*;

    #[test]
    fn closing_closes_the_thread_and_not_the_chat() {
        let mut story = Story::with_smith();
        let thread = story.thread_id();
        story.customer().closes().done();
        assert!(!story.thread().active);
        assert_eq!(story.thread_id(), thread);
        assert!(story.thread().closed_at > Some(story.last_event().created_at));
        story.customer().resumes().done();
        assert!(story.thread().active, "a chat never ends");
    }

    #[test]
    fn a_system_message_names_who_closed() {
        let mut story = Story::with_smith();
        story.customer().closes().done();
        assert_eq!(story.last_system_message(), ("manual_archived_customer", "Kate archived the chat"));
        story.agent("smith").resumes().done();
        story.agent("smith").closes().done();
        assert_eq!(story.last_system_message(), ("manual_archived_agent", "Smith archived the chat"));
        story.agent("smith").resumes().done();
        let command = DeactivateChat { ignore_requester_presence: false };
        story.server().gives(super::super::Command::DeactivateChat(command)).done();
        assert_eq!(story.last_system_message(), ("routing.archived_other", "The chat was closed"));
    }

    #[test]
    fn a_system_message_has_neither_author_nor_custom_id_nor_properties() {
        let mut story = Story::with_smith();
        story.customer().closes().done();
        let event = story.last_event();
        assert_eq!((&event.author, &event.custom_id), (&None, &None));
        assert!(event.properties.is_empty());
    }

    #[test]
    fn members_read_the_system_message_and_all_with_access_hear_of_the_closing() {
        let mut story = Story::with_smith();
        let closed = story.agent("smith").closes();
        assert_eq!(closed.told("smith"), ["incoming_event", "chat_deactivated"]);
        assert_eq!(closed.told("kate"), ["incoming_event", "chat_deactivated"]);
        assert_eq!(closed.told("brown"), ["chat_deactivated"]);
        let PushBody::ChatDeactivated { thread, user, .. } = closed.push("chat_deactivated") else {
            unreachable!()
        };
        assert_eq!((thread, user), (&story.thread_id(), &Some(user_id("smith"))));
    }

    #[test]
    fn closing_takes_the_agents_out_and_keeps_the_customer() {
        let mut story = Story::with_smith();
        story.customer().closes().done();
        assert!(!story.is_present("smith"));
        assert!(story.chat.user(&user_id("smith")).is_some(), "listed as absent");
        assert!(story.is_present("kate"));
        assert!(story.serving().is_empty());
    }

    #[test]
    fn a_closed_chat_cannot_be_closed() {
        let mut story = Story::closed();
        assert_eq!(story.customer().closes().refused(), &Rejection::ChatInactive);
        assert_eq!(story.agent("smith").closes().refused(), &Rejection::ChatInactive);
    }

    #[test]
    fn an_agent_who_closes_is_in_the_chat_unless_that_does_not_matter() {
        let mut story = Story::with_smith();
        assert!(matches!(story.agent("brown").closes().refused(), Rejection::MissingAccess(_)));
        let command = DeactivateChat { ignore_requester_presence: true };
        let closed =
            story.agent_reaching("brown", Reach::All).gives(super::super::Command::DeactivateChat(command));
        assert_eq!(closed.told("brown"), ["chat_deactivated"]);
    }

    #[test]
    fn closing_ends_the_waiting() {
        let mut story = Story::new();
        story.router_queues().customer().starts().done();
        story.wait(11).customer().closes().done();
        assert_eq!((story.thread().queued_at, story.thread().queues_duration), (None, Some(11)));
        assert!(!story.chat.routing_view().active);
    }
}
