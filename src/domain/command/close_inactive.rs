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
