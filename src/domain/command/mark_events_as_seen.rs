//! `mark_events_as_seen` (agents and customers, 3.6).

use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::push::{Push, PushBody};
use crate::domain::rejection::Rejection;
use crate::domain::time::Timestamp;

/// Everything up to a moment counts as seen by the requester.
#[derive(Clone, Copy, Debug)]
pub struct MarkEventsAsSeen {
    /// The moment; one that lies ahead counts as the last event's.
    pub seen_up_to: Timestamp,
}

impl MarkEventsAsSeen {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        let Some(user) = context.caller.user() else { return Ok(Decision::default()) };
        let Some(entry) = chat.user(&user) else {
            // Agents who look on without being in the chat leave no trace.
            return Ok(Decision::default());
        };
        if chat.thread.is_none() {
            return Err(Rejection::NotFound("thread"));
        }
        let up_to = self.seen_up_to.min(chat.last_at);
        if entry.seen_up_to.is_some_and(|seen| seen >= up_to) {
            return Ok(Decision::default());
        }
        let mut to = chat.members(entry.visibility);
        if entry.visibility == Visibility::Agents {
            to.customers.clear();
        }
        Ok(Decision {
            changes: vec![Change::Seen { user: user.clone(), up_to }],
            older_thread: None,
            pushes: vec![Push {
                body: PushBody::EventsMarkedAsSeen { user, chat: chat.id.clone(), seen_up_to: up_to },
                to,
            }],
            reply: Reply::Done,
        })
    }
}
