//! The inactivity rule: 30 minutes (by default) without activity close the thread (seeds 8, 9, 146, 147).

use super::deactivate_chat::close_thread;
use super::draft::Draft;
use super::{Context, Decision, Reply};
use crate::domain::chat::Chat;
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::time::Timestamp;

/// Closes the active thread if it was silent for long enough; else nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct CloseInactive;

impl CloseInactive {
    /// When the chat's thread is to be closed for silence, if nobody says anything until then.
    pub fn deadline(chat: &Chat, rules: &crate::domain::license::ChatRules) -> Option<Timestamp> {
        Some(chat.active_thread()?.last_activity.after(rules.thread_inactivity_timeout))
    }

    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        match Self::deadline(chat, context.rules) {
            Some(deadline) if deadline <= context.now => {}
            _ => return Ok(Decision::default()),
        }
        let mut draft = Draft::new(chat, context);
        let minutes = minutes(context.rules.thread_inactivity_timeout);
        close_thread(&mut draft, ServerMessage::archived_inactive(&minutes), None)?;
        Ok(draft.decision(Reply::Done))
    }
}

/// Whole minutes, or a decimal fraction where the setting is no whole number of minutes.
pub(super) fn minutes(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs_f64();
    let minutes = (seconds / 60.0 * 100.0).round() / 100.0;
    minutes.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::*;
    use super::*;
    use crate::domain::push::PushBody;

    /// A chat in which kate spoke now.
    fn spoken() -> Story {
        let mut story = Story::with_smith();
        story.wait(1).customer().sends("hello").done();
        story
    }

    #[test]
    fn the_thread_is_closed_exactly_at_the_deadline_and_not_early() {
        let mut story = spoken();
        let deadline = CloseInactive::deadline(&story.chat, &story.rules).expect("a deadline");
        assert_eq!(deadline, story.last_event().created_at.after(Duration::from_secs(30 * 60)));
        story.now = Timestamp(deadline.0 - 1);
        assert!(story.server().closes_if_inactive().is_nothing());
        story.now = deadline;
        story.server().closes_if_inactive().done();
        assert!(!story.thread().active);
        assert_eq!(CloseInactive::deadline(&story.chat, &story.rules), None);
    }

    #[test]
    fn every_message_moves_the_deadline() {
        let mut story = spoken();
        story.wait(29 * 60).agent("smith").sends("still there?").done();
        story.wait(29 * 60);
        assert!(story.server().closes_if_inactive().is_nothing());
        story.wait(61).server().closes_if_inactive().done();
    }

    #[test]
    fn system_messages_and_annotations_do_not_move_the_deadline() {
        let mut story = spoken();
        story.wait(29 * 60);
        story.agent("brown").joins().done();
        story.customer().sends_event(annotation("5 of 5")).done();
        story.wait(61).server().closes_if_inactive().done();
        assert!(!story.thread().active);
    }

    #[test]
    fn a_thread_without_any_message_is_closed_too() {
        let mut story = Story::with_smith();
        story.wait(30 * 60).server().closes_if_inactive().done();
        assert!(!story.thread().active);
    }

    #[test]
    fn the_period_is_configured() {
        let mut story = spoken();
        story.rules.thread_inactivity_timeout = Duration::from_secs(90);
        story.wait(89);
        assert!(story.server().closes_if_inactive().is_nothing());
        story.wait(2).server().closes_if_inactive().done();
        let expected = ("routing.archived_inactive", "Chat archived due to 1.5 minutes of inactivity");
        assert_eq!(story.last_system_message(), expected);
    }

    #[test]
    fn the_system_message_tells_the_minutes_and_the_push_names_nobody() {
        let mut story = spoken();
        let closed = story.wait(31 * 60).server().closes_if_inactive();
        let expected = ("routing.archived_inactive", "Chat archived due to 30 minutes of inactivity");
        assert_eq!(story.last_system_message(), expected);
        assert_eq!(closed.told("kate"), ["incoming_event", "chat_deactivated"]);
        assert_eq!(closed.told("smith"), ["incoming_event", "chat_deactivated"]);
        let PushBody::ChatDeactivated { user, .. } = closed.push("chat_deactivated") else { unreachable!() };
        assert_eq!(*user, None);
    }

    #[test]
    fn the_chat_goes_on_after_it_was_closed_for_silence() {
        let mut story = spoken();
        let chat = story.chat.id.clone();
        story.wait(31 * 60).server().closes_if_inactive().done();
        story.customer().resumes().done();
        assert_eq!((&story.chat.id, story.thread().number), (&chat, 2));
    }

    #[test]
    fn a_chat_without_an_active_thread_is_left_alone() {
        let mut story = Story::closed();
        story.wait(24 * 3_600);
        assert!(story.server().closes_if_inactive().is_nothing());
    }

    #[test]
    fn durations_are_minutes_with_at_most_two_decimals() {
        let texts = [(60, "1"), (1_800, "30"), (90, "1.5"), (100, "1.67"), (1, "0.02"), (86_400, "1440")];
        for (seconds, text) in texts {
            assert_eq!(minutes(Duration::from_secs(seconds)), text);
        }
    }
}
