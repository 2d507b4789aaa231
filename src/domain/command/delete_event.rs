//! `delete_event` (customers, 3.6): takes an event back. It stays in the log; who sees what of it is the views' rule.

use serde::{Deserialize, Serialize};

use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::EventKind;
use crate::domain::id::EventId;
use crate::domain::push::{Push, PushBody};
use crate::domain::rejection::Rejection;

/// Takes back an event that the requester wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeleteEvent {
    /// Which.
    pub event: EventId,
}

impl DeleteEvent {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.check_access(chat)?;
        // Whoever may see it while it is still there to be seen.
        let (event, to) = context.subject_event(chat, &self.event)?;
        let is_own = event.author.is_some() && event.author == context.caller.user();
        if !is_own || event.body.kind() == EventKind::SystemMessage {
            return Err(Rejection::NotAllowed("only an event of one's own can be deleted"));
        }
        let thread = self.event.thread.clone();
        let is_last = chat.thread.as_ref().is_some_and(|last| last.id == thread);
        let body = PushBody::EventDeleted { chat: chat.id.clone(), event: self.event.clone() };
        Ok(Decision {
            changes: vec![Change::EventDeleted(self.event)],
            older_thread: (!is_last).then_some(thread),
            pushes: vec![Push { body, to }],
            reply: Reply::Done,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;

    fn delete(event: &EventId) -> Command {
        Command::DeleteEvent(DeleteEvent { event: event.clone() })
    }

    #[test]
    fn an_author_takes_an_event_back_once() {
        let mut story = Story::with_smith();
        let id = story.customer().sends("oops").event_id();
        let deleted = story.customer().gives(delete(&id));
        assert_eq!(deleted.told("kate"), ["event_deleted"]);
        assert_eq!(deleted.told("smith"), ["event_deleted"]);
        assert!(deleted.told("brown").is_empty());
        assert!(story.chat.last_public_events[&EventKind::Message].event.deleted);
        assert_eq!(story.reloaded(), story.chat);
        assert_eq!(story.customer().gives(delete(&id)).refused(), &Rejection::NotFound("event"));
    }

    #[test]
    fn nobody_takes_back_what_others_said() {
        let mut story = Story::with_smith();
        let id = story.agent("smith").sends("hello").event_id();
        let secret = story.agent("smith").whispers("hm").event_id();
        assert!(matches!(story.customer().gives(delete(&id)).refused(), Rejection::NotAllowed(_)));
        assert_eq!(story.customer().gives(delete(&secret)).refused(), &Rejection::NotFound("event"));
        let system = story.events.iter().find(|event| event.author.is_none()).map(|event| event.id.clone());
        if let Some(system) = system {
            assert!(matches!(story.customer().gives(delete(&system)).refused(), Rejection::NotAllowed(_)));
        }
    }

    #[test]
    fn an_event_of_the_past_is_deleted_in_its_own_log() {
        let mut story = Story::with_smith();
        let id = story.customer().sends("oops").event_id();
        story.customer().closes().done();
        story.customer().resumes().done();
        let deleted = story.customer().gives(delete(&id));
        assert_eq!(deleted.decision().older_thread.as_ref(), Some(&id.thread));
        assert!(
            story.chat.last_public_events[&EventKind::Message].event.deleted,
            "no list shows it any more"
        );
    }
}
