//! The router takes an active chat from an agent, to the queue or to the archive (routing rules 4 and 7).

use super::deactivate_chat::close_thread;
use super::draft::Draft;
use super::remove_user_from_chat::remove;
use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::AgentId;
use crate::domain::push::{PushBody, QueuePlace, TransferReason, TransferTarget};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;

/// Takes the chat from an agent who went away. If somebody else serves it, only that agent goes.
#[derive(Clone, Debug)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
            Self::Offline | Self::Other => ServerMessage::assigned(added),
        }
    }

    fn unassigned(self, agent: &str) -> ServerMessage<'_> {
        match self {
            Self::SignedOut => ServerMessage::unassigned_signed_out(agent),
            Self::RemotelySignedOut => ServerMessage::unassigned_remotely_signed_out(agent),
            Self::Disconnected => ServerMessage::unassigned_disconnected(agent),
            Self::Deleted => ServerMessage::unassigned_deleted(agent),
            Self::Inactive | Self::Offline | Self::Other => ServerMessage::unassigned_other(),
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
            close_thread(&mut draft, self.cause.archived(name), None)?;
            return Ok(draft.decision(Reply::Done));
        }
        let waits = draft.chat.active_thread().is_some_and(|thread| thread.queued_at.is_some());
        if !waits {
            self.queue(&mut draft, name)?;
        }
        Ok(draft.decision(Reply::Done))
    }

    fn queue(&self, draft: &mut Draft<'_>, name: &str) -> Result<(), Rejection> {
        let at = draft.time();
        draft.change(Change::Queued(at));
        let body = PushBody::ChatTransferred {
            chat: draft.chat.id.clone(),
            thread: draft.chat.active_thread().map(|thread| thread.id.clone()),
            requester: None,
            reason: TransferReason::Unassigned,
            to: TransferTarget { group_ids: draft.chat.access.group_ids.clone(), agent_ids: Vec::new() },
            queue: self.place.map(|place| QueuePlace { queued_at: Some(at), ..place }),
        };
        let to = draft.chat.everybody();
        draft.push(body, to);
        draft.system_message(self.cause.unassigned(name))?;
        Ok(())
    }
}
