//! The chat's part of `update_customer`: the profile it shows is replaced, everybody in it is told.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Context, Decision, Reply};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::customer::{Customer, CustomerProfile};
use crate::domain::event::{EventBody, Visibility};
use crate::domain::id::AgentId;
use crate::domain::push::{Audience, PushBody};
use crate::domain::rejection::Rejection;
use crate::domain::system_message::ServerMessage;
use crate::domain::thread_limits::Need;

/// Replaces the profile of the chat's customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpdateCustomer {
    /// The customer as they are now.
    pub customer: Customer,
    /// The agent who changed it; none if the customer did.
    pub by: Option<AgentId>,
}

impl UpdateCustomer {
    pub(super) fn decide(self, chat: &Chat, context: &Context<'_>) -> Result<Decision, Rejection> {
        let Some((id, user)) = chat.customer() else { return Ok(Decision::default()) };
        let shown = user.profile.as_ref();
        if *id != self.customer.id || shown.is_some_and(|shown| shown.looks_like(&self.customer.profile)) {
            return Ok(Decision::default());
        }
        // The customer's own sessions are told once, by whoever changed the profile, not once a chat.
        let to = Audience { customers: Vec::new(), ..chat.members(Visibility::All) };
        let body = PushBody::CustomerUpdated {
            id: id.clone(),
            profile: self.customer.profile.clone(),
            before: shown.cloned().map(Box::new),
        };
        let message = self.message(shown, context);
        let mut draft = Draft::new(chat, context);
        draft.change(Change::CustomerUpdated { id: id.clone(), profile: self.customer.profile });
        draft.push(body, to);
        if let Some(message) = message.filter(|_| chat.active_thread().is_some()) {
            draft.server_tells(message, Visibility::Agents)?;
        }
        let mut decision = draft.decision(Reply::Done);
        if context.rules.thread.check(Need::Room, chat, &decision, context).is_err() {
            // Whatever is done with the customer, the chat is not to grow by it: it shows them as they are from its next thread on.
            decision.changes.clear();
            decision.pushes.truncate(1);
        }
        Ok(decision)
    }

    /// What agents read of a new name or address that one of them gave.
    fn message(&self, before: Option<&CustomerProfile>, context: &Context<'_>) -> Option<EventBody> {
        let by = context.license.agent_name(self.by.as_ref()?);
        let now = &self.customer.profile;
        let name = now.name.as_deref().filter(|_| before.is_none_or(|before| before.name != now.name));
        let email = now.email.as_deref().filter(|_| before.is_none_or(|before| before.email != now.email));
        let message = match (name, email) {
            (Some(name), Some(email)) => ServerMessage::customer_renamed_and_readdressed(by, name, email),
            (Some(name), None) => ServerMessage::customer_renamed(by, name),
            (None, Some(email)) => ServerMessage::customer_readdressed(by, email),
            (None, None) => return None,
        };
        Some(message.into_body())
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
        Command::UpdateCustomer(UpdateCustomer { customer, by: None })
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
    fn agents_read_in_the_chat_what_an_agent_changed() {
        let mut story = Story::with_smith();
        let mut customer = customer_named("kate");
        customer.profile.name = Some("Catherine".to_owned());
        customer.profile.email = Some("kate@customers.test".to_owned());
        let command = UpdateCustomer { customer, by: Some(agent_id("brown")) };
        let updated = story.server().gives(Command::UpdateCustomer(command));
        assert_eq!(updated.told("smith"), ["customer_updated", "incoming_event"]);
        assert!(updated.told("kate").is_empty());
        let text = "Brown has changed customer's name and email to Catherine, kate@customers.test";
        assert_eq!(story.last_system_message(), ("customer_updated", text));
        assert_eq!(story.reloaded(), story.chat);
    }

    #[test]
    fn an_equal_profile_and_a_stranger_s_change_nothing() {
        let mut story = Story::with_smith();
        assert!(story.customer().gives(renamed("kate", "Kate")).is_nothing());
        assert!(story.customer().gives(renamed("pete", "Peter")).is_nothing());
    }
}
