//! What silence leads to: a thread is idle, then closed; a customer who is gone is not waited for; an agent who does
//! not answer loses the chat to another (seeds 8, 9, 146, 147; routing rules 6 and 8).
//!
//! Every clock runs from a moment that the log holds, so that a restart stops none of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::deactivate_chat::close_thread;
use super::draft::Draft;
use super::{Context, Decision, Reply};
use crate::domain::chat::Chat;
use crate::domain::id::UserId;
use crate::domain::license::ChatRules;
use crate::domain::properties::PropertyValue;
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::thread::Thread;
use crate::domain::time::Timestamp;

/// Does to the active thread what is due by its silence; nothing if nothing is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct HeedSilence;

impl HeedSilence {
    /// When something is due next, if nobody says anything until then.
    pub fn deadline(chat: &Chat, rules: &ChatRules) -> Option<Timestamp> {
        let thread = chat.active_thread()?;
        let closing = thread.last_activity.after(closing_period(chat, rules));
        [customer_given_up(chat, thread, rules), idle(thread, rules)]
            .into_iter()
            .flatten()
            .chain([closing])
            .min()
    }

    /// When another agent is to be looked for, if the one who serves the chat gives no sign of attention until then.
    pub fn answer_deadline(chat: &Chat, rules: &ChatRules) -> Option<Timestamp> {
        let thread = chat.active_thread()?;
        let period = some(rules.unreplied_transfer_after)?;
        chat.serving_agents().next()?;
        Some(thread.unanswered_since?.after(period))
    }

    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        let Some(thread) = chat.active_thread() else { return Ok(Decision::default()) };
        let (rules, now) = (context.rules, context.now);
        let mut draft = Draft::new(chat, context);
        let period = closing_period(chat, rules);
        if thread.last_activity.after(period) <= now {
            close_thread(&mut draft, ServerMessage::archived_inactive(&minutes(period)))?;
        } else if customer_given_up(chat, thread, rules).is_some_and(|at| at <= now) {
            close_thread(&mut draft, ServerMessage::archived_customer_disconnected(chat.customer_name()))?;
        } else if idle(thread, rules).is_some_and(|at| at <= now) {
            draft.set_thread_property("idle", PropertyValue::Bool(true));
            draft.system_message(ServerMessage::idle(&minutes(rules.idle_after)))?;
        } else {
            return Ok(Decision::default());
        }
        Ok(draft.decision(Reply::Done))
    }
}

fn closing_period(chat: &Chat, rules: &ChatRules) -> Duration {
    if chat.continuous { rules.continuous_inactivity_timeout } else { rules.thread_inactivity_timeout }
}

/// When the thread is closed because its customer is gone.
fn customer_given_up(chat: &Chat, thread: &Thread, rules: &ChatRules) -> Option<Timestamp> {
    let period = some(rules.customer_gone_after).filter(|_| !chat.continuous)?;
    Some(thread.customer_left_at?.after(period))
}

/// When the thread is idle. One that waits for an agent is not: nobody's slot is taken.
fn idle(thread: &Thread, rules: &ChatRules) -> Option<Timestamp> {
    let period = some(rules.idle_after).filter(|_| !thread.is_idle() && thread.queued_at.is_none())?;
    Some(thread.last_activity.after(period))
}

fn some(period: Duration) -> Option<Duration> {
    (!period.is_zero()).then_some(period)
}

/// The agent who was asked something shows that they are at it: the clock of the answer begins anew. None if no
/// clock runs, or `user` is nobody whom it runs for.
pub(super) fn attention(chat: &Chat, user: &UserId, now: Timestamp) -> Option<super::Change> {
    chat.active_thread()?.unanswered_since?;
    let agent = user.agent()?;
    chat.serving_agents().any(|serving| serving == agent).then_some(super::Change::Attended(now))
}

/// Whole minutes, or a decimal fraction where the setting is no whole number of minutes.
pub(super) fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let minutes = (seconds / 60.0 * 100.0).round() / 100.0;
    minutes.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::*;
    use super::*;
    use crate::domain::event::Visibility;
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
        let deadline = HeedSilence::deadline(&story.chat, &story.rules).expect("a deadline");
        assert_eq!(deadline, story.last_event().created_at.after(Duration::from_secs(30 * 60)));
        story.now = Timestamp(deadline.0 - 1);
        assert!(story.server().closes_if_inactive().is_nothing());
        story.now = deadline;
        story.server().closes_if_inactive().done();
        assert!(!story.thread().active);
        assert_eq!(HeedSilence::deadline(&story.chat, &story.rules), None);
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

    /// As [`spoken`], idle after ten minutes.
    fn with_idling() -> Story {
        let mut story = spoken();
        story.rules.idle_after = Duration::from_secs(600);
        story
    }

    #[test]
    fn a_silent_thread_becomes_idle_with_property_and_system_message_and_is_closed_later() {
        let mut story = with_idling();
        assert!(story.wait(599).server().closes_if_inactive().is_nothing());
        let idle = story.wait(1).server().closes_if_inactive();
        assert!(story.thread().is_idle() && story.thread().active);
        assert!(story.chat.routing_view().idle);
        let expected = ("routing.idle", "Chat is idle due to 10 minutes of inactivity");
        assert_eq!(story.last_system_message(), expected);
        assert_eq!(idle.told("smith"), ["thread_properties_updated", "incoming_event"]);
        assert_eq!(idle.told("kate"), ["incoming_event"]);
        assert!(story.wait(60).server().closes_if_inactive().is_nothing(), "idle once");
        story.wait(20 * 60).server().closes_if_inactive().done();
        assert!(!story.thread().active);
        assert_eq!(story.reloaded(), story.chat);
    }

    #[test]
    fn the_next_message_clears_idle() {
        for name in ["kate", "smith"] {
            let mut story = with_idling();
            story.wait(600).server().closes_if_inactive().done();
            story.wait(60);
            let said = match name {
                "kate" => story.customer().sends("hello again"),
                agent => story.agent(agent).sends("still there?"),
            };
            assert!(!story.thread().is_idle());
            assert_eq!(said.told("smith"), ["incoming_event", "thread_properties_updated"]);
            assert_eq!(said.told("kate"), ["incoming_event"]);
            assert_eq!(story.reloaded(), story.chat);
        }
    }

    #[test]
    fn a_waiting_thread_is_not_idle() {
        let mut story = Story::new();
        story.rules.idle_after = Duration::from_secs(600);
        story.router_queues().customer().starts().done();
        assert!(story.wait(601).server().closes_if_inactive().is_nothing());
    }

    #[test]
    fn a_customer_who_is_gone_for_long_is_not_waited_for() {
        let mut story = spoken();
        story.rules.customer_gone_after = Duration::from_secs(120);
        story.server().customer_is_connected(false).done();
        assert!(story.wait(119).server().closes_if_inactive().is_nothing());
        let closed = story.wait(1).server().closes_if_inactive();
        let expected = ("archived_customer_disconnected", "Kate left the chat");
        assert_eq!(story.last_system_message(), expected);
        assert_eq!(closed.told("smith"), ["incoming_event", "chat_deactivated"]);
    }

    #[test]
    fn a_customer_who_comes_back_or_writes_is_there() {
        let mut story = spoken();
        story.rules.customer_gone_after = Duration::from_secs(120);
        story.server().customer_is_connected(false).done();
        story.wait(60).server().customer_is_connected(true).done();
        assert!(story.wait(600).server().closes_if_inactive().is_nothing());
        story.server().customer_is_connected(false).done();
        story.customer().sends("by another way").done();
        assert!(story.wait(600).server().closes_if_inactive().is_nothing());
        assert_eq!(story.reloaded(), story.chat);
    }

    #[test]
    fn continuous_chats_wait_for_absent_customers_and_have_a_timeout_of_their_own() {
        let mut story = Story::new();
        story.rules.customer_gone_after = Duration::from_secs(120);
        story.rules.continuous_inactivity_timeout = Duration::from_secs(3_600);
        let thread = super::super::NewThread { continuous: Some(true), ..plain() };
        story.router_assigns("smith").customer().starts_with(thread).done();
        assert!(story.server().customer_is_connected(false).is_nothing());
        assert!(story.wait(3_599).server().closes_if_inactive().is_nothing());
        story.wait(1).server().closes_if_inactive().done();
        assert_eq!(story.last_system_message().0, "routing.archived_inactive");
    }

    #[test]
    fn the_clock_of_the_answer_runs_from_the_first_message_that_nobody_answered() {
        let mut story = Story::with_smith();
        let due = |story: &Story| HeedSilence::answer_deadline(&story.chat, &story.rules);
        assert_eq!(due(&story), None);
        story.wait(10).customer().sends("hello").done();
        let first = story.last_event().created_at;
        story.wait(60).customer().sends("anybody?").done();
        assert_eq!(due(&story), Some(first.after(Duration::from_secs(300))));
        story.agent("smith").whispers("busy, take it somebody").done();
        assert_eq!(due(&story), Some(first.after(Duration::from_secs(300))), "no answer");
        story.agent("smith").sends("I am here").done();
        assert_eq!(due(&story), None);
        story.wait(5).customer().sends("so?").done();
        assert_eq!(due(&story), Some(story.last_event().created_at.after(Duration::from_secs(300))));
        story.rules.unreplied_transfer_after = Duration::ZERO;
        assert_eq!(due(&story), None, "switched off");
    }

    #[test]
    fn looking_and_typing_begin_the_clock_of_the_answer_anew() {
        let mut story = Story::with_smith();
        let due = |story: &Story| HeedSilence::answer_deadline(&story.chat, &story.rules);
        story.customer().sends("hello").done();
        let said = story.last_event().created_at;
        story.wait(100).agent("smith").has_seen(said).done();
        assert_eq!(due(&story), Some(story.now.after(Duration::from_secs(300))));
        let seen = due(&story);
        story.wait(10).agent("smith").types(Visibility::All).done();
        assert_eq!(due(&story), seen, "typing is noted now and then, not at each key");
        story.wait(80).agent("smith").types(Visibility::All).done();
        assert_eq!(due(&story), Some(story.now.after(Duration::from_secs(300))));
        story.wait(100).agent("brown").follows().done();
        story.customer().types(Visibility::All);
        assert_eq!(due(&story), Some(Timestamp(story.now.0 - 100_000_000).after(Duration::from_secs(300))));
        assert_eq!(story.reloaded(), story.chat);
    }

    #[test]
    fn whoever_is_given_the_chat_has_the_whole_time() {
        let mut story = Story::with_smith();
        story.customer().sends("hello").done();
        story
            .wait(301)
            .server()
            .assigns_instead_of("brown", "smith", super::super::LeaveCause::Inactive)
            .done();
        let due = HeedSilence::answer_deadline(&story.chat, &story.rules).expect("a clock");
        assert!(due >= story.now.after(Duration::from_secs(300)));
        assert_eq!(story.thread().assigned, [agent_id("smith"), agent_id("brown")]);
        let expected =
            ("routing.assigned_inactive", "Chat assigned to Brown because Smith hasn't replied in 5 minutes");
        assert_eq!(story.last_system_message(), expected);
    }

    #[test]
    fn nobody_is_late_in_a_chat_that_waits() {
        let mut story = Story::new();
        story.router_queues().customer().starts().done();
        story.customer().sends("hello").done();
        assert_eq!(HeedSilence::answer_deadline(&story.chat, &story.rules), None);
    }
}
