//! `mark_events_as_seen` (agents and customers, 3.6).

use serde::{Deserialize, Serialize};

use super::silence::attention;
use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::push::{Push, PushBody};
use crate::domain::rejection::Rejection;
use crate::domain::time::Timestamp;

/// Everything up to a moment counts as seen by the requester.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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
        let up_to = self.seen_up_to.min(chat.last_at);
        if entry.seen_up_to.is_some_and(|seen| seen >= up_to) {
            return Ok(Decision::default());
        }
        // Customers do not learn of members who hide from them.
        let to = chat.members(entry.visibility);
        let attention = attention(chat, &user, context.now);
        Ok(Decision {
            changes: [Change::Seen { user: user.clone(), up_to }].into_iter().chain(attention).collect(),
            older_thread: None,
            pushes: vec![Push {
                body: PushBody::EventsMarkedAsSeen { user, chat: chat.id.clone(), seen_up_to: up_to },
                to,
            }],
            reply: Reply::Done,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn what_is_marked_is_seen_and_told() {
        let mut story = Story::with_smith();
        story.customer().sends("hello").done();
        let at = story.last_event().created_at;
        let marked = story.wait(5).agent("smith").has_seen(at);
        assert_eq!(story.seen_up_to("smith"), Some(at));
        assert_eq!(marked.told("kate"), ["events_marked_as_seen"]);
        assert_eq!(marked.told("smith"), ["events_marked_as_seen"]);
        assert!(marked.told("brown").is_empty());
    }

    #[test]
    fn a_moment_that_lies_ahead_counts_as_the_last_event_s() {
        let mut story = Story::with_smith();
        story.customer().sends("hello").done();
        story.agent("smith").has_seen(Timestamp(i64::MAX)).done();
        assert_eq!(story.seen_up_to("smith"), Some(story.last_event().created_at));
        story.wait(1).customer().sends("and this?").done();
        assert!(story.chat.has_unread_events(&user_id("smith")));
    }

    #[test]
    fn what_was_seen_is_never_unseen() {
        let mut story = Story::with_smith();
        story.customer().sends("hello").done();
        let seen = story.seen_up_to("kate");
        assert!(story.customer().has_seen(Timestamp(0)).is_nothing());
        assert_eq!(story.seen_up_to("kate"), seen);
    }

    #[test]
    fn onlookers_leave_no_trace() {
        let mut story = Story::with_smith();
        let at = story.last_event().created_at;
        assert!(story.agent("brown").has_seen(at).is_nothing());
    }

    #[test]
    fn a_closed_chat_can_be_read_to_the_end() {
        let mut story = Story::with_smith();
        story.agent("smith").closes().done();
        story.customer().has_seen(Timestamp(i64::MAX)).done();
        assert!(!story.chat.has_unread_events(&user_id("kate")));
    }
}
