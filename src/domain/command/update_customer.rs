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

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::*;
    use super::*;

    fn renamed(name: &str, to: &str) -> Command {
        let mut customer = customer_named(name);
        customer.profile.name = Some(to.to_owned());
        Command::UpdateCustomer(UpdateCustomer { customer })
    }

    #[test]
    fn the_chat_shows_the_new_profile_and_its_agents_are_told() {
        let mut story = Story::with_smith();
        let updated = story.customer().gives(renamed("kate", "Catherine"));
        assert_eq!(story.chat.customer_name(), "Catherine");
        assert_eq!(updated.told("smith"), ["customer_updated"]);
        assert!(updated.told("kate").is_empty(), "told once by whoever changed the profile, not once a chat");
    }

    #[test]
    fn an_equal_profile_and_a_stranger_s_change_nothing() {
        let mut story = Story::with_smith();
        assert!(story.customer().gives(renamed("kate", "Kate")).is_nothing());
        assert!(story.customer().gives(renamed("pete", "Peter")).is_nothing());
    }
}
