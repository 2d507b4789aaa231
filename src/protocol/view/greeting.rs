//! Structure `Greeting`, and the pushes about greetings. Customers alone have them.

use serde::Serialize;

use super::event::EventView;
use super::user::Predicted;
use super::{View, json};
use crate::domain::event::{Event, Visibility};
use crate::domain::greeting::{Greeting, GreetingKind, Showing};
use crate::domain::id::UserId;

/// A greeting as it was shown.
#[derive(Serialize)]
pub(super) struct GreetingView<'a> {
    id: u32,
    unique_id: &'a str,
    displayed_first_time: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addon: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtype: Option<&'static str>,
    is_exit_intent: bool,
    event: EventView<'a>,
    agent: Predicted<'a>,
}

/// The event that a greeting is shown as.
pub(super) fn event_of(greeting: &Greeting, showing: &Showing) -> Event {
    Event {
        id: showing.event_id(),
        custom_id: None,
        created_at: showing.at,
        author: Some(UserId::Agent(showing.agent.clone())),
        client: None,
        visibility: Visibility::All,
        properties: showing.marks(),
        deleted: false,
        body: greeting.body(),
    }
}

impl<'a> View<'a> {
    pub(super) fn greeting<'g>(
        &self,
        greeting: &'g Greeting,
        showing: &'g Showing,
        event: &'g Event,
        accepted: Option<bool>,
    ) -> GreetingView<'g>
    where
        'a: 'g,
    {
        GreetingView {
            id: greeting.id,
            unique_id: &showing.unique_id,
            displayed_first_time: showing.displayed_first_time,
            accepted,
            addon: greeting.properties.addon.as_deref(),
            subtype: (greeting.kind == GreetingKind::Announcement).then_some("announcement"),
            is_exit_intent: greeting.properties.is_exit_intent,
            event: EventView { view: *self, event },
            agent: self.greeter(&showing.agent),
        }
    }

    pub(super) fn incoming_greeting(
        &self,
        greeting: &Greeting,
        showing: &Showing,
    ) -> Option<(&'static str, String)> {
        let event = event_of(greeting, showing);
        let payload = || json(&self.greeting(greeting, showing, &event, None));
        self.is_for_customers().then(|| ("incoming_greeting", payload()))
    }

    pub(super) fn greeting_told(
        &self,
        action: &'static str,
        unique_id: &str,
    ) -> Option<(&'static str, String)> {
        #[derive(Serialize)]
        struct Told<'a> {
            unique_id: &'a str,
        }
        self.is_for_customers().then(|| (action, json(&Told { unique_id })))
    }
}
