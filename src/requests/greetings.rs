//! Greetings: which one a customer is shown, and what they do with it.

use std::sync::Arc;
use std::time::Duration;

use super::caller::Requester;
use super::error::{of_ask, of_store};
use super::pipeline::{Call, EMPTY, Requests, customer_id};
use crate::domain::greeting::Shown;
use crate::domain::id::{AgentId, CustomerId, GroupId, LicenseId};
use crate::domain::license::License;
use crate::domain::properties::{Properties, PropertyValue, get, is_on};
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::routing::{Prediction, PredictionError};
use crate::domain::visit::{CustomerVisits, VisitNews};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::Surface;

impl Requests {
    /// Whether the license greets anybody, as far as this node knows.
    pub fn greets(&self, license: LicenseId) -> bool {
        let known = self.parts.actors.licenses().known_license(license);
        known.is_some_and(|license| !license.settings.greetings.is_empty())
    }

    /// Shows a customer the greeting that is due, if one is. Says after how long time may bring another.
    ///
    /// # Errors
    /// The store's, the router's or a chat's, as the protocol says it: nothing was shown then.
    pub async fn greet(&self, who: &Requester) -> Result<Option<Duration>, WireError> {
        let (id, license) = (customer_id(who)?, &who.license);
        let now = self.parts.actors.clock().now();
        let profile = self.parts.customers.profile(license.id, id).await;
        let profile = profile.map_err(|error| of_store(&error))?.unwrap_or_default();
        let fields = &profile.session_fields;
        let visits = self.parts.customers.visits(license.id, id).await;
        let mut visits = visits.map_err(|error| of_store(&error))?;
        if !visits.due_greetings(license, fields, now).greetings.is_empty() {
            // Whoever chats is past being greeted.
            if !self.chatting(license, id).await?.groups.is_empty() {
                return Ok(None);
            }
            let Some(agent) = self.greeter(license, visits.group).await? else { return Ok(None) };
            let unique_id = self.parts.actors.ids().uuid().simple().to_string();
            let show =
                |visits: &mut CustomerVisits| visits.show_greeting(license, fields, &unique_id, &agent, now);
            let changed = self.parts.customers.change_visits(license.id, id, show).await;
            let (changed, shown) = changed.map_err(|error| of_store(&error))?;
            visits = changed;
            if let Some(shown) = shown.flatten() {
                self.tell_greeting(license, id, shown);
                self.tell_of_visit(license, id, &profile, &visits, VisitNews::Greeted).await?;
            }
        }
        let next = visits.due_greetings(license, fields, now).next;
        Ok(next.map(|at| at.since(self.parts.actors.clock().now())))
    }

    fn tell_greeting(
        &self,
        license: &Arc<License>,
        customer: &CustomerId,
        Shown { showing, replaced }: Shown,
    ) {
        let greeting = license.greeting(showing.greeting).cloned().map(Box::new);
        let replaced = replaced.map(|unique_id| PushBody::GreetingCanceled { unique_id });
        let shown = greeting.map(|greeting| PushBody::IncomingGreeting { greeting, showing });
        let pushes: Vec<Push> = replaced
            .into_iter()
            .chain(shown)
            .map(|body| Push { body, to: customer_alone(customer) })
            .collect();
        self.tell_all(license, &pushes);
    }

    /// In whose name the group's customers are greeted: the agent who would get their chat, or else one of the group. None if
    /// there is nobody, or the group greets only while somebody accepts chats.
    async fn greeter(&self, license: &License, group: GroupId) -> Result<Option<AgentId>, WireError> {
        let predicted = self.parts.actors.router(license.id).predicted_agent(vec![group], None).await;
        match predicted.map_err(|error| of_ask(error, Surface::Customer))? {
            Ok(Prediction { agent, .. }) => return Ok(Some(agent)),
            Err(PredictionError::GroupOffline) => {
                let properties = license.widget(group).and_then(|widget| widget.properties());
                let hides = |properties| is_on(properties, "smart_actions", "greeting.hide_when_offline");
                if properties.is_some_and(hides) {
                    return Ok(None);
                }
            }
            Err(PredictionError::GroupUnavailable) => {}
        }
        Ok(license.greeter(group).map(|agent| agent.id.clone()))
    }

    pub(super) async fn accept_greeting(
        &self,
        call: &Call<'_>,
        greeting: i64,
        unique_id: String,
    ) -> Result<String, WireError> {
        let is_it = |visits: &CustomerVisits| {
            let live = visits.live_greeting(&call.who.license);
            live.is_some_and(|(showing, _)| i64::from(showing.greeting) == greeting)
        };
        if self.greeting_seen(call, &unique_id, is_it).await? {
            let to = customer_alone(customer_id(call.who)?);
            self.tell(call, PushBody::GreetingAccepted { unique_id }, to);
        }
        Ok(EMPTY.to_owned())
    }

    pub(super) async fn cancel_greeting(
        &self,
        call: &Call<'_>,
        unique_id: String,
    ) -> Result<String, WireError> {
        let id = customer_id(call.who)?;
        let cancel = |visits: &mut CustomerVisits| {
            visits.live_greeting(&call.who.license).is_some() && visits.cancel_greeting(&unique_id)
        };
        let changed = self.parts.customers.change_visits(call.who.license_id(), id, cancel).await;
        if changed.map_err(|error| of_store(&error))?.1 != Some(true) {
            return Err(WireError::of(ErrorType::GreetingNotFound));
        }
        self.tell(call, PushBody::GreetingCanceled { unique_id }, customer_alone(id));
        Ok(EMPTY.to_owned())
    }

    /// Whoever presses a button has seen the greeting; nobody is told of it.
    pub(super) async fn greeting_button_clicked(
        &self,
        call: &Call<'_>,
        unique_id: &str,
        button: &str,
    ) -> Result<String, WireError> {
        let visits = self.parts.customers.visits(call.who.license_id(), customer_id(call.who)?).await;
        let visits = visits.map_err(|error| of_store(&error))?;
        let live = visits.live_greeting(&call.who.license);
        let live = live.filter(|(showing, _)| showing.unique_id == unique_id);
        let (_, greeting) = live.ok_or_else(|| WireError::of(ErrorType::GreetingNotFound))?;
        if !greeting.buttons().any(|name| name == button) {
            return Err(WireError::validation("`button_id` is not a button of this greeting"));
        }
        self.greeting_seen(call, unique_id, |_| true).await?;
        Ok(EMPTY.to_owned())
    }

    /// A customer has begun to chat: if it was because of a greeting, they have seen it.
    pub(super) async fn greeting_led_to_chat(&self, call: &Call<'_>, thread_properties: &Properties) {
        let named = get(thread_properties, "lc2", "greeting_unique_id");
        let (Some(PropertyValue::String(unique_id)), Ok(_)) = (named, customer_id(call.who)) else { return };
        match self.greeting_seen(call, unique_id, |_| true).await {
            Ok(_) => {}
            // Whatever was shown long ago may still lead to a chat.
            Err(error) if error.kind == ErrorType::GreetingNotFound => {}
            Err(error) => {
                tracing::warn!(error = error.message, "a greeting that led to a chat was not counted")
            }
        }
    }

    /// Counts a greeting that the customer has really seen. Says whether that is news.
    async fn greeting_seen(
        &self,
        call: &Call<'_>,
        unique_id: &str,
        is_it: impl Fn(&CustomerVisits) -> bool,
    ) -> Result<bool, WireError> {
        let (id, license) = (customer_id(call.who)?, &call.who.license);
        let accept = |visits: &mut CustomerVisits| {
            let is_it = visits.live_greeting(license).is_some() && is_it(visits);
            if is_it { visits.accept_greeting(unique_id) } else { None }
        };
        let changed = self.parts.customers.change_visits(license.id, id, accept).await;
        let (visits, news) = changed.map_err(|error| of_store(&error))?;
        let is_news = news.flatten().ok_or_else(|| WireError::of(ErrorType::GreetingNotFound))?;
        if is_news {
            let profile = self.parts.customers.profile(license.id, id).await;
            let profile = profile.map_err(|error| of_store(&error))?.unwrap_or_default();
            self.tell_of_visit(license, id, &profile, &visits, VisitNews::GreetingSeen).await?;
        }
        Ok(is_news)
    }
}

fn customer_alone(customer: &CustomerId) -> Audience {
    Audience { customers: vec![customer.clone()], ..Audience::default() }
}
