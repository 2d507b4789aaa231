//! The router gives an active chat to an agent (routing rules 3, 4, 6 and 7).

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::remove_user_from_chat::remove;
use super::{Context, Decision, LeaveCause, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::AgentId;
use crate::domain::push::{PushBody, ThreadEvents, TransferReason, TransferTarget};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::user::ChatUser;
use crate::domain::whole_chat::to_assigned;

/// Gives the chat to an agent. If it was closed or taken meanwhile, nothing happens.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
        hand_to(&mut draft, &self.agent, reason, earlier.cloned(), chat);
        let minutes = super::silence::minutes(context.rules.unreplied_transfer_after);
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
    before: &Chat,
) {
    let at = draft.time();
    let user = ChatUser::agent(agent.clone(), Visibility::All);
    draft.change(Change::UserAdded(user.clone()));
    draft.assign(agent.clone());
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
    draft.push(whole_chat, to_assigned(agent, before));
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Command, NewThread};
    use super::*;

    fn waiting() -> Story {
        let mut story = Story::new();
        story.router_queues().customer().starts().done();
        story
    }

    fn reason(outcome: &Outcome) -> TransferReason {
        match outcome.push("chat_transferred") {
            PushBody::ChatTransferred { reason, requester: None, .. } => *reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_waiting_chat_is_given_to_an_agent() {
        let mut story = waiting();
        let assigned = story.wait(30).server().assigns("smith");
        assert_eq!(story.serving(), [agent_id("smith")]);
        assert_eq!(story.thread().assigned, [agent_id("smith")]);
        assert_eq!((story.thread().queued_at, story.thread().queues_duration), (None, Some(29)));
        assert_eq!(story.last_system_message(), ("routing.assigned", "Chat assigned to Smith"));
        assert_eq!(reason(&assigned), TransferReason::Assigned);
        assert_eq!(
            assigned.told("smith"),
            [
                "user_added_to_chat",
                "chat_transferred",
                "incoming_chat",
                "incoming_event",
                "thread_properties_updated",
                "chat_properties_updated"
            ]
        );
        assert_eq!(assigned.told("kate"), ["user_added_to_chat", "chat_transferred", "incoming_event"]);
        assert_eq!(
            assigned.told("brown"),
            [
                "user_added_to_chat",
                "chat_transferred",
                "thread_properties_updated",
                "chat_properties_updated"
            ]
        );
    }

    #[test]
    fn a_follower_who_is_given_the_chat_has_it_already() {
        let mut story = waiting();
        story.agent("smith").follows().done();
        let assigned = story.server().assigns("smith");
        assert!(!assigned.told("smith").contains(&"incoming_chat"));
    }

    #[test]
    fn a_chat_that_was_closed_meanwhile_is_not_given_to_anybody() {
        let mut story = waiting();
        story.customer().closes().done();
        assert!(story.server().assigns("smith").is_nothing());
    }

    #[test]
    fn a_chat_that_was_taken_meanwhile_is_not_given_to_anybody_else() {
        let mut story = waiting();
        story.agent("brown").joins().done();
        assert!(story.server().assigns("smith").is_nothing());
        let late = story.server().assigns_instead_of("smith", "bot", LeaveCause::SignedOut);
        assert!(late.is_nothing());
        assert_eq!(story.serving(), [agent_id("brown")]);
    }

    #[test]
    fn a_chat_goes_on_to_another_agent_with_the_reason_in_its_system_message() {
        let causes = [
            (LeaveCause::SignedOut, "assigned_signed_out", "because Smith had signed out"),
            (
                LeaveCause::RemotelySignedOut,
                "assigned_remotely_signed_out",
                "because Smith had been remotely signed out",
            ),
            (LeaveCause::Disconnected, "assigned_disconnected", "because Smith had lost internet connection"),
            (LeaveCause::Deleted, "assigned_deleted", "because Smith account had been deleted"),
            (LeaveCause::Inactive, "assigned_inactive", "because Smith hasn't replied in 5 minutes"),
        ];
        for (cause, kind, because) in causes {
            let mut story = Story::with_smith();
            let assigned = story.server().assigns_instead_of("brown", "smith", cause);
            assert_eq!(story.serving(), [agent_id("brown")]);
            let (kind, text) = (format!("routing.{kind}"), format!("Chat assigned to Brown {because}"));
            assert_eq!(story.last_system_message(), (&*kind, &*text));
            let inactive = cause == LeaveCause::Inactive;
            let expected = if inactive { TransferReason::Inactive } else { TransferReason::Other };
            assert_eq!(reason(&assigned), expected);
            let PushBody::UserRemovedFromChat { reason, .. } = assigned.push("user_removed_from_chat") else {
                unreachable!()
            };
            assert_eq!(*reason, cause.push_reason());
        }
    }

    #[test]
    fn an_agent_who_left_before_is_not_taken_out_twice() {
        let mut story = Story::with_smith();
        story.agent("smith").removes("smith").done();
        let assigned = story.server().assigns_instead_of("brown", "smith", LeaveCause::Other);
        assert!(!assigned.names().contains(&"user_removed_from_chat"));
        assert_eq!(story.serving(), [agent_id("brown")]);
    }

    #[test]
    fn a_hidden_member_does_not_keep_the_router_from_assigning() {
        let mut story = waiting();
        story.agent("brown").supervises().done();
        story.server().assigns("smith").done();
        assert_eq!(story.serving(), [agent_id("smith")]);
    }

    #[test]
    fn an_agent_of_the_chat_s_group_gets_it_in_a_row_that_can_be_replayed() {
        let mut story = Story::new();
        let thread = NewThread { access: Some(groups(&[1])), ..plain() };
        story.router_queues().customer().starts_with(thread).done();
        let command = AssignAgent { agent: agent_id("smith"), replaces: Vec::new(), cause: None };
        let assigned = story.server().gives(Command::AssignAgent(command));
        assert!(assigned.told("brown").is_empty());
        assert_eq!(story.reloaded(), story.chat);
    }
}
