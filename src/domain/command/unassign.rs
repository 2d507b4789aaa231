//! The router takes an active chat from an agent, to the queue or to the archive (routing rules 4 and 7).

use serde::{Deserialize, Serialize};

use super::deactivate_chat::close_thread;
use super::draft::Draft;
use super::remove_user_from_chat::remove;
use super::silence::minutes;
use super::{Context, Decision, Reply};
use crate::domain::chat::Chat;
use crate::domain::id::AgentId;
use crate::domain::push::{PushBody, QueuePlace, TransferReason, TransferTarget};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;

/// Takes the chat from an agent who went away. If somebody else serves it, only that agent goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnassignAgent {
    /// Who went away; some may not be in the chat any more.
    pub agents: Vec<AgentId>,
    /// Why.
    pub cause: LeaveCause,
    /// Archive the chat instead of letting it wait.
    pub archive: bool,
    /// Its place in the queue, as known when it was put there.
    pub place: Option<QueuePlace>,
}

/// Why an agent does not serve a chat any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveCause {
    /// Signed out.
    SignedOut,
    /// Signed out by somebody else.
    RemotelySignedOut,
    /// Lost the connection for longer than the grace time.
    Disconnected,
    /// The agent does not exist any more.
    Deleted,
    /// Did not answer in time.
    Inactive,
    /// Nobody is left who could take it.
    Offline,
    /// Anything else.
    Other,
}

impl LeaveCause {
    /// `reason` in `user_removed_from_chat`.
    pub(super) fn push_reason(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::RemotelySignedOut => "remotely_signed_out",
            Self::Disconnected => "disconnected",
            Self::Deleted => "deleted",
            Self::Inactive => "inactive",
            Self::Offline | Self::Other => "other",
        }
    }

    pub(super) fn assigned<'a>(
        self,
        added: &'a str,
        removed: &'a str,
        minutes: &'a str,
    ) -> ServerMessage<'a> {
        match self {
            Self::SignedOut => ServerMessage::assigned_signed_out(added, removed),
            Self::RemotelySignedOut => ServerMessage::assigned_remotely_signed_out(added, removed),
            Self::Disconnected => ServerMessage::assigned_disconnected(added, removed),
            Self::Deleted => ServerMessage::assigned_deleted(added, removed),
            Self::Inactive => ServerMessage::assigned_inactive(added, removed, minutes),
            Self::Offline | Self::Other => ServerMessage::assigned_other(added),
        }
    }

    fn unassigned<'a>(self, agent: &'a str, minutes: &'a str) -> ServerMessage<'a> {
        match self {
            Self::SignedOut => ServerMessage::unassigned_signed_out(agent),
            Self::RemotelySignedOut => ServerMessage::unassigned_remotely_signed_out(agent),
            Self::Disconnected => ServerMessage::unassigned_disconnected(agent),
            Self::Deleted => ServerMessage::unassigned_deleted(agent),
            Self::Inactive => ServerMessage::unassigned_inactive(agent, minutes),
            Self::Offline | Self::Other => ServerMessage::unassigned_other(),
        }
    }

    fn archived(self, agent: &str) -> ServerMessage<'_> {
        match self {
            Self::SignedOut => ServerMessage::archived_signed_out(agent),
            Self::RemotelySignedOut => ServerMessage::archived_remotely_signed_out(agent),
            Self::Disconnected => ServerMessage::archived_disconnected(agent),
            Self::Deleted => ServerMessage::archived_deleted(agent),
            Self::Offline => ServerMessage::archived_offline(),
            Self::Inactive | Self::Other => ServerMessage::archived_other(),
        }
    }
}

impl UnassignAgent {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        if chat.active_thread().is_none() {
            return Ok(Decision::default());
        }
        let mut draft = Draft::new(chat, context);
        for agent in &self.agents {
            if chat.serving_agents().any(|serving| serving == agent) {
                remove(&mut draft, agent, self.cause.push_reason());
            }
        }
        if draft.chat.serving_agents().next().is_some() {
            return Ok(draft.decision(Reply::Done));
        }
        let name = self.agents.first().map_or("", |agent| context.license.agent_name(agent));
        if self.archive {
            close_thread(&mut draft, self.cause.archived(name))?;
            return Ok(draft.decision(Reply::Done));
        }
        let waits = draft.chat.active_thread().is_some_and(|thread| thread.queued_at.is_some());
        if !waits {
            self.queue(&mut draft, name)?;
        }
        Ok(draft.decision(Reply::Done))
    }

    fn queue(&self, draft: &mut Draft<'_>, name: &str) -> Result<(), Rejection> {
        let queue = draft.wait_from(self.place);
        let body = PushBody::ChatTransferred {
            chat: draft.chat.id.clone(),
            thread: draft.chat.active_thread().map(|thread| thread.id.clone()),
            requester: None,
            reason: TransferReason::Unassigned,
            to: TransferTarget { group_ids: draft.chat.access.group_ids.clone(), agent_ids: Vec::new() },
            queue,
        };
        let to = draft.chat.everybody();
        draft.push(body, to);
        let minutes = minutes(draft.context.rules.unreplied_transfer_after);
        draft.system_message(self.cause.unassigned(name, &minutes))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_chat_whose_agent_went_away_waits_again_with_the_reason() {
        let causes = [
            (
                LeaveCause::SignedOut,
                "unassigned_signed_out",
                "Customer was queued because Smith had signed out",
            ),
            (
                LeaveCause::RemotelySignedOut,
                "unassigned_remotely_signed_out",
                "Customer was queued because Smith had been remotely signed out",
            ),
            (
                LeaveCause::Disconnected,
                "unassigned_disconnected",
                "Customer was queued because Smith had lost internet connection",
            ),
            (
                LeaveCause::Deleted,
                "unassigned_deleted",
                "Customer was queued because Smith account has been deleted",
            ),
            (LeaveCause::Other, "unassigned_other", "Chat is unassigned"),
            (
                LeaveCause::Inactive,
                "unassigned",
                "Chat is unassigned because Smith hasn't replied in 5 minutes",
            ),
        ];
        for (cause, kind, text) in causes {
            let mut story = Story::with_smith();
            let unassigned = story.server().unassigns("smith", cause);
            assert!(story.serving().is_empty());
            assert!(story.thread().queued_at.is_some());
            assert_eq!(story.last_system_message(), (&*format!("routing.{kind}"), text));
            assert_eq!(
                unassigned.told("kate"),
                ["user_removed_from_chat", "chat_transferred", "incoming_event"]
            );
            let PushBody::ChatTransferred { reason, requester, .. } = unassigned.push("chat_transferred")
            else {
                unreachable!()
            };
            assert_eq!((*reason, requester), (TransferReason::Unassigned, &None));
        }
    }

    #[test]
    fn its_place_in_the_queue_is_told() {
        let mut story = Story::with_smith();
        let place = QueuePlace { position: 3, wait_time: 90, queued_at: None };
        let unassigned = story.server().gives(Command::UnassignAgent(UnassignAgent {
            agents: vec![agent_id("smith")],
            cause: LeaveCause::SignedOut,
            archive: false,
            place: Some(place),
        }));
        let PushBody::ChatTransferred { queue: Some(told), .. } = unassigned.push("chat_transferred") else {
            panic!("a place");
        };
        assert_eq!(told, &QueuePlace { queued_at: story.thread().queued_at, ..place });
    }

    #[test]
    fn with_the_queue_off_it_is_closed_with_the_reason() {
        let causes = [
            (
                LeaveCause::SignedOut,
                "archived_signed_out",
                "The chat was closed because Smith had signed out",
            ),
            (
                LeaveCause::RemotelySignedOut,
                "archived_remotely_signed_out",
                "The chat was closed because Smith had been remotely signed out",
            ),
            (
                LeaveCause::Disconnected,
                "archived_disconnected",
                "The chat was closed because Smith had lost internet connection",
            ),
            (
                LeaveCause::Deleted,
                "archived_deleted",
                "The chat was closed because Smith account had been deleted",
            ),
            (LeaveCause::Other, "archived_other", "The chat was closed"),
            (LeaveCause::Offline, "archived_offline", "Chat archived due to no available agents"),
        ];
        for (cause, kind, text) in causes {
            let mut story = Story::with_smith();
            let archived = story.server().archives_after("smith", cause);
            assert!(!story.thread().active);
            assert_eq!(story.last_system_message(), (&*format!("routing.{kind}"), text));
            assert_eq!(
                archived.told("kate"),
                ["user_removed_from_chat", "incoming_event", "chat_deactivated"]
            );
        }
    }

    #[test]
    fn if_somebody_else_serves_the_chat_only_that_agent_goes() {
        for archive in [false, true] {
            let mut story = Story::with_smith();
            story.agent("brown").joins().done();
            let messages = story.system_messages().len();
            let cause = LeaveCause::SignedOut;
            let unassigned = match archive {
                true => story.server().archives_after("smith", cause),
                false => story.server().unassigns("smith", cause),
            };
            assert_eq!(unassigned.names(), ["user_removed_from_chat"]);
            assert_eq!(story.serving(), [agent_id("brown")]);
            assert!(story.thread().active);
            assert_eq!(story.system_messages().len(), messages);
        }
    }

    #[test]
    fn a_chat_that_another_agent_has_by_now_is_left_alone() {
        let mut story = Story::with_smith();
        story.router_assigns("brown").agent("smith").transfers(super::super::TransferTo::Anybody).done();
        assert!(story.server().unassigns("smith", LeaveCause::SignedOut).is_nothing());
        assert!(story.server().archives_after("smith", LeaveCause::SignedOut).is_nothing());
        assert_eq!(story.serving(), [agent_id("brown")]);
    }

    #[test]
    fn a_chat_that_was_closed_or_waits_already_is_left_alone() {
        let mut story = Story::with_smith();
        story.server().unassigns("smith", LeaveCause::SignedOut).done();
        let queued_at = story.thread().queued_at;
        assert!(story.wait(5).server().unassigns("smith", LeaveCause::SignedOut).is_nothing());
        assert_eq!(story.thread().queued_at, queued_at, "it keeps its place");
        story.customer().closes().done();
        assert!(story.server().unassigns("smith", LeaveCause::SignedOut).is_nothing());
    }

    #[test]
    fn a_chat_whose_agent_left_by_hand_waits() {
        let mut story = Story::with_smith();
        story.agent("smith").removes("smith").done();
        let command =
            UnassignAgent { agents: Vec::new(), cause: LeaveCause::Other, archive: false, place: None };
        let unassigned = story.server().gives(Command::UnassignAgent(command));
        assert_eq!(unassigned.names(), ["chat_transferred", "incoming_event"]);
        assert!(story.thread().queued_at.is_some());
    }
}
