//! The chat's part of `update_customer`: the profile it shows is replaced, everybody in it is told.

use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::customer::Customer;
use crate::domain::event::Visibility;
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::rejection::Rejection;

/// Replaces the profile of the chat's customer.
#[derive(Clone, Debug)]
pub struct UpdateCustomer {
    /// The customer as they are now.
    pub customer: Customer,
}

impl UpdateCustomer {
    pub(super) fn decide(self, chat: &Chat, _: &Context<'_>) -> Result<Decision, Rejection> {
        let Some((id, user)) = chat.customer() else { return Ok(Decision::default()) };
        if *id != self.customer.id || user.profile.as_ref() == Some(&self.customer.profile) {
            return Ok(Decision::default());
        }
        // The customer's own sessions are told once, by whoever changed the profile, not once a chat.
        let to = Audience { customers: Vec::new(), ..chat.members(Visibility::All) };
        let body = PushBody::CustomerUpdated { id: id.clone(), profile: self.customer.profile.clone() };
        Ok(Decision {
            changes: vec![Change::CustomerUpdated { id: id.clone(), profile: self.customer.profile }],
            older_thread: None,
            pushes: vec![Push { body, to }],
            reply: Reply::Done,
        })
    }
}
