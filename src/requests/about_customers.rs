//! `get_customer`, `update_customer`, `ban_customer` and their like: what is known of a customer, and who is told.

use std::sync::Arc;
use std::time::Duration;

use super::error::{of_ask, of_store};
use super::pipeline::{Call, EMPTY, Requests, customer_id};
use super::visits::watchers;
use crate::actors::delivery::Cause;
use crate::actors::{ChatKey, Origin};
use crate::domain::command::{Caller, CloseBanned, Command, UpdateCustomer};
use crate::domain::customer::{Customer, CustomerProfile, CustomerUpdate};
use crate::domain::id::{AgentId, ChatId, CustomerId, GroupId};
use crate::domain::license::License;
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::visit::CustomerVisits;
use crate::domain::watch::Sighting;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::Surface;

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Requests {
    pub(super) async fn get_customer(
        &self,
        call: &Call<'_>,
        customer: Option<CustomerId>,
    ) -> Result<String, WireError> {
        let Some(id) = customer else {
            let id = customer_id(call.who)?;
            let profile = self.parts.customers.profile(call.who.license_id(), id).await;
            let profile = profile.map_err(|error| of_store(&error))?.unwrap_or_default();
            return Ok(self.view(call).customer(id, &profile, &CustomerVisits::default(), &[]));
        };
        let profile = self.known(call, &id).await?;
        let visits = self.parts.customers.visits(call.who.license_id(), &id).await;
        let visits = visits.map_err(|error| of_store(&error))?;
        Ok(self.view(call).customer(&id, &profile, &visits, &self.chats_of(call, &id).await?))
    }

    pub(super) async fn update_customer(
        &self,
        call: &Call<'_>,
        customer: Option<CustomerId>,
        update: CustomerUpdate,
    ) -> Result<String, WireError> {
        let surface = call.who.surface();
        let id = match customer {
            Some(id) => {
                self.known(call, &id).await?;
                id
            }
            None => customer_id(call.who)?.clone(),
        };
        update.check().map_err(|rejection| WireError::from_rejection(rejection, surface))?;
        let license = call.who.license_id();
        let now = self.parts.actors.clock().now();
        let visit = match &update.session_fields {
            Some(_) => {
                self.parts.customers.visits(license, &id).await.map_err(|error| of_store(&error))?.current()
            }
            None => None,
        };
        let stored = self.parts.customers.update(license, &id, &update, visit, now).await;
        let (profile, changed) = stored.map_err(|error| of_store(&error))?;
        if changed {
            let (by, customer) = (call.who.agent().cloned(), Customer { id, profile });
            self.tell_profile(&call.who.license, customer, by, (call.origin.as_ref(), surface)).await?;
        }
        Ok(EMPTY.to_owned())
    }

    /// What is known of a customer has changed: whoever sees them is told, and their chats are.
    pub(super) async fn tell_profile(
        &self,
        license: &Arc<License>,
        customer: Customer,
        by: Option<AgentId>,
        (origin, surface): (Option<&Origin>, Surface),
    ) -> Result<(), WireError> {
        let id = &customer.id;
        let body = PushBody::CustomerUpdated { id: id.clone(), profile: customer.profile.clone() };
        let visits = self.parts.customers.visits(license.id, id).await;
        let group = visits.map_err(|error| of_store(&error))?.group;
        let chatting = self.chatting(license, id).await?;
        // Who is in a chat with them is told by the chat.
        let except = Audience { agents: chatting.everybody.clone(), ..Audience::default() };
        let watched = watchers(id, group, chatting, Sighting::Seen).watchers;
        let (customers, except) = (vec![id.clone()], Some(Box::new(except)));
        let to = Audience { customers, watchers: watched, except, ..Audience::default() };
        let cause = Cause { origin, ..Cause::default() };
        self.parts.actors.delivery().deliver(license, &[Push { body, to }], cause);
        let chats = self.parts.customers.chats(license.id, id).await.map_err(|error| of_store(&error))?;
        for chat in chats.chats {
            let key = ChatKey { license: license.id, chat };
            let command = UpdateCustomer { customer: customer.clone(), by: by.clone() };
            let command = Command::UpdateCustomer(command);
            let told = self.parts.actors.ask(&key, command, Caller::Server, origin.cloned()).await;
            told.map_err(|error| of_ask(error, surface))?;
        }
        Ok(())
    }

    /// First the ban itself, which lasts whatever comes after it; then the customer's chats end.
    pub(super) async fn ban_customer(
        &self,
        call: &Call<'_>,
        customer: CustomerId,
        days: u32,
    ) -> Result<String, WireError> {
        self.known(call, &customer).await?;
        let now = self.parts.actors.clock().now();
        let banned =
            self.parts.customer_tokens.ban(call.who.license_id(), &customer, now.after(DAY * days), now);
        banned.await.map_err(|error| of_store(&error))?;
        let visits = self.parts.customers.visits(call.who.license_id(), &customer).await;
        let group = visits.map_err(|error| of_store(&error))?.group;
        let chatting = self.chatting(&call.who.license, &customer).await?;
        let agents = chatting.everybody.clone();
        let to = Audience { agents, ..watchers(&customer, group, chatting, Sighting::Seen) };
        for chat in self.chats_of(call, &customer).await? {
            // Whichever chats the token reaches: a ban ends them all.
            self.ask(call, &chat, Command::CloseBanned(CloseBanned { days }), call.who.writer()).await?;
        }
        self.tell(call, PushBody::CustomerBanned { id: customer, days }, to);
        Ok(EMPTY.to_owned())
    }

    /// A customer whom somebody has seen in the license.
    async fn known(&self, call: &Call<'_>, id: &CustomerId) -> Result<CustomerProfile, WireError> {
        let profile = self.parts.customers.profile(call.who.license_id(), id).await;
        let profile = profile.map_err(|error| of_store(&error))?;
        profile.ok_or_else(|| WireError::new(ErrorType::NotFound, "customer not found"))
    }

    async fn chats_of(&self, call: &Call<'_>, id: &CustomerId) -> Result<Vec<ChatId>, WireError> {
        let chats = self.parts.customers.chats(call.who.license_id(), id).await;
        Ok(chats.map_err(|error| of_store(&error))?.chats)
    }

    /// Tells something that no chat tells.
    pub(super) fn tell(&self, call: &Call<'_>, body: PushBody, to: Audience) {
        let cause = Cause { origin: call.origin.as_ref(), ..Cause::default() };
        self.parts.actors.delivery().deliver(&call.who.license, &[Push { body, to }], cause);
    }
}

/// `check_goals`: of a group that there is. Nobody can define a goal, so none is reached, and nobody is told of one.
pub(super) fn check_goals(
    call: &Call<'_>,
    group: GroupId,
    fields: &CustomerUpdate,
) -> Result<String, WireError> {
    fields.check().map_err(|rejection| WireError::from_rejection(rejection, call.who.surface()))?;
    if !call.who.license.has_group(group) {
        return Err(WireError::of(ErrorType::GroupNotFound));
    }
    Ok(EMPTY.to_owned())
}
