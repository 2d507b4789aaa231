//! `remove_user_from_chat` (agents, 3.6): takes an agent out. Customers cannot be removed.

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, Serialize, Deserialize)]
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
            draft.system_message_of_caller(message)?;
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
    let chat = draft.chat.id.clone();
    let thread = draft.chat.active_thread().map(|thread| thread.id.clone());
    let body = |requester| PushBody::UserRemovedFromChat {
        chat: chat.clone(),
        thread: thread.clone(),
        user: user.clone(),
        reason,
        requester,
    };
    draft.push_of_caller(body, to);
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;

    #[test]
    fn an_agent_who_leaves_is_named_in_a_system_message() {
        let mut story = Story::with_smith();
        let left = story.agent("smith").removes("smith");
        assert_eq!(story.last_system_message(), ("agent_left", "Smith left the chat"));
        assert!(!story.is_present("smith"));
        assert!(story.chat.user(&user_id("smith")).is_some(), "listed as absent");
        // Nobody serves the chat now, which agents find by its properties.
        let unassigned = ["thread_properties_updated", "chat_properties_updated"];
        assert_eq!(left.told("smith"), [&["user_removed_from_chat"], &unassigned[..]].concat());
        assert_eq!(left.told("kate"), ["user_removed_from_chat", "incoming_event"]);
        assert_eq!(left.told("brown"), [&["user_removed_from_chat"], &unassigned[..]].concat());
        let PushBody::UserRemovedFromChat { user, reason, requester, .. } =
            left.push("user_removed_from_chat")
        else {
            unreachable!()
        };
        assert_eq!((user, *reason, requester), (&user_id("smith"), "manual", &Some(user_id("smith"))));
    }

    #[test]
    fn an_agent_who_is_put_out_is_named_with_who_did_it() {
        let mut story = Story::with_smith();
        story.agent("brown").joins().done();
        story.agent("smith").removes("brown").done();
        assert_eq!(story.last_system_message(), ("agent_removed", "Smith removed Brown from the chat"));
    }

    #[test]
    fn whoever_removes_is_in_the_chat_unless_that_does_not_matter() {
        let mut story = Story::with_smith();
        assert!(matches!(story.agent("brown").removes("smith").refused(), Rejection::MissingAccess(_)));
        let command = RemoveUserFromChat { agent: agent_id("smith"), ignore_requester_presence: true };
        story.agent("brown").gives(Command::RemoveUserFromChat(command)).done();
        assert!(story.serving().is_empty());
        assert!(story.thread().active, "the chat goes on; the router finds somebody");
    }

    #[test]
    fn who_is_not_in_the_chat_is_not_found() {
        let mut story = Story::with_smith();
        for name in ["brown", "nobody"] {
            assert_eq!(story.agent("smith").removes(name).refused(), &Rejection::NotFound("user"));
        }
    }

    #[test]
    fn the_customer_is_not_told_that_a_hidden_member_put_an_agent_out() {
        let mut story = Story::with_smith();
        story.agent("brown").supervises().done();
        let put_out = story.agent("brown").removes("smith");
        // Not the system message, which names who did it.
        assert_eq!(put_out.told("kate"), ["user_removed_from_chat"]);
        assert_eq!(put_out.requesters_told("kate", "user_removed_from_chat"), [None]);
        assert_eq!(put_out.requesters_told("brown", "user_removed_from_chat"), [Some(user_id("brown"))]);
        assert_eq!(story.last_system_message().0, "agent_removed");
    }

    #[test]
    fn a_hidden_member_leaves_unheard_by_the_customer() {
        let mut story = Story::with_smith();
        story.agent("brown").supervises().done();
        let messages = story.system_messages().len();
        let left = story.agent("brown").removes("brown");
        assert_eq!(left.told("smith"), ["user_removed_from_chat"]);
        assert!(left.told("kate").is_empty());
        assert_eq!(story.system_messages().len(), messages);
    }
}
