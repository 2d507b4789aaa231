//! The customer's connections: whether the last is gone (routing rule 8, "customer leaves the site").

use serde::{Deserialize, Serialize};

use super::{Context, Decision};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::rejection::Rejection;

/// Notes whether the customer of an active chat is connected, where the license waits for absent customers only so
/// long.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CustomerPresence {
    /// Has a connection.
    pub is_connected: bool,
}

impl CustomerPresence {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        let Some(thread) = chat.active_thread() else { return Ok(Decision::default()) };
        let is_waited_for = context.rules.customer_gone_after.is_zero() || chat.continuous;
        let change = match (self.is_connected, thread.customer_left_at) {
            (true, Some(_)) => Change::CustomerCame,
            (false, None) if !is_waited_for && chat.customer().is_some() => Change::CustomerLeft(context.now),
            _ => return Ok(Decision::default()),
        };
        Ok(Decision { changes: vec![change], ..Decision::default() })
    }
}
