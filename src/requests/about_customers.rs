//! `get_customer`, `update_customer`, `ban_customer` and their like: what is known of a customer, and who is told.

use std::sync::Arc;
use std::time::Duration;

use super::customers::ChangedProfile;
use super::error::{of_ask, of_store};
use super::pipeline::{Call, EMPTY, Requests, customer_id};
use super::visits::watchers;
use crate::actors::delivery::Cause;
use crate::actors::{ChatKey, Origin};
use crate::domain::chat::Said;
use crate::domain::command::{Caller, CloseBanned, Command, UpdateCustomer};
use crate::domain::customer::{Customer, CustomerProfile, CustomerUpdate};
use crate::domain::id::{AgentId, ChatId, CustomerId, GroupId, LicenseId};
use crate::domain::license::License;
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::rejection::Rejection;
use crate::domain::visit::CustomerVisits;
use crate::domain::watch::Sighting;
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::version::Surface;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Visits that may begin while session fields are stored.
const ATTEMPTS: usize = 4;

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
            return Ok(self.view(call).customer(
                id,
                &profile,
                &CustomerVisits::default(),
                &[],
                Said::default(),
            ));
        };
        let profile = self.known(call, &id).await?;
        let visits = self.parts.customers.visits(call.who.license_id(), &id).await;
        let visits = visits.map_err(|error| of_store(&error))?;
        let chats = self.chats_of(call, &id).await?;
        let said = self.said_in(call, &chats).await?;
        Ok(self.view(call).customer(&id, &profile, &visits, &chats, said))
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
        let changed = self.store_update(license, &id, &update, surface).await?;
        let differs = changed.differs();
        let ChangedProfile { before, now: profile } = changed;
        let (by, customer) = (call.who.agent().cloned(), Customer { id, profile });
        let told = (call.origin.as_ref(), surface);
        if differs {
            self.tell_profile(&call.who.license, customer, before, by, told).await?;
        } else {
            // A server that ended after it had stored the same may not have told the chats.
            self.tell_chats(license, &customer, by, told).await?;
        }
        Ok(EMPTY.to_owned())
    }

    /// Session fields are of the visit that goes on. Which one that is, is asked again once they are stored: if another has begun
    /// meanwhile, they are stored as fields of that.
    async fn store_update(
        &self,
        license: LicenseId,
        id: &CustomerId,
        update: &CustomerUpdate,
        surface: Surface,
    ) -> Result<ChangedProfile, WireError> {
        let customers = &self.parts.customers;
        let visit = async || match &update.session_fields {
            Some(_) => customers.visits(license, id).await.map(|visits| visits.current()),
            None => Ok(None),
        };
        let mut current = visit().await.map_err(|error| of_store(&error))?;
        let mut first = None;
        let mut attempts = 0..ATTEMPTS;
        loop {
            let now = self.parts.actors.clock().now();
            let stored = customers.update(license, id, update, current, now).await;
            let ChangedProfile { before, now } =
                stored.map_err(|error| of_store(&error))?.ok_or_else(|| {
                    WireError::from_rejection(Rejection::LimitReached("at most 100 session fields"), surface)
                })?;
            let before = first.get_or_insert(before);
            let is_of = std::mem::replace(&mut current, visit().await.map_err(|error| of_store(&error))?);
            if is_of == current || attempts.next().is_none() {
                return Ok(ChangedProfile { before: before.take(), now });
            }
        }
    }

    /// What is known of a customer has changed from what was known before: whoever sees them is told, and their chats are.
    pub(super) async fn tell_profile(
        &self,
        license: &Arc<License>,
        customer: Customer,
        before: Option<CustomerProfile>,
        by: Option<AgentId>,
        (origin, surface): (Option<&Origin>, Surface),
    ) -> Result<(), WireError> {
        let id = &customer.id;
        let (profile, before) = (customer.profile.clone(), before.map(Box::new));
        let body = PushBody::CustomerUpdated { id: id.clone(), profile, before };
        let visits = self.parts.customers.visits(license.id, id).await;
        let visits = visits.map_err(|error| of_store(&error))?;
        let chatting = self.chatting(license, id).await?;
        // Who is in a chat with them is told by the chat.
        let except = Audience { agents: chatting.everybody.clone(), ..Audience::default() };
        let watched = watchers(id, &visits, chatting, Sighting::Seen).watchers;
        let (customers, except) = (vec![id.clone()], Some(Box::new(except)));
        let to = Audience { customers, watchers: watched, except, ..Audience::default() };
        let cause = Cause { origin, ..Cause::default() };
        self.parts.actors.delivery().deliver(license, &[Push { body, to }], cause);
        self.tell_chats(license.id, &customer, by, (origin, surface)).await
    }

    /// The customer's chats show the profile, if they do not already, and whoever is in them is told.
    ///
    /// # Errors
    /// The store's or a chat's, as the protocol says it.
    pub async fn tell_chats(
        &self,
        license: LicenseId,
        customer: &Customer,
        by: Option<AgentId>,
        (origin, surface): (Option<&Origin>, Surface),
    ) -> Result<(), WireError> {
        let chats = self.parts.customers.chats(license, &customer.id).await;
        for chat in chats.map_err(|error| of_store(&error))?.chats {
            let key = ChatKey { license, chat };
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
        let visits = visits.map_err(|error| of_store(&error))?;
        let chatting = self.chatting(&call.who.license, &customer).await?;
        let agents = chatting.everybody.clone();
        let to = Audience { agents, ..watchers(&customer, &visits, chatting, Sighting::Seen) };
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

    async fn said_in(&self, call: &Call<'_>, chats: &[ChatId]) -> Result<Said, WireError> {
        let mut said = Said::default();
        for chat in chats {
            let key = ChatKey { license: call.who.license_id(), chat: chat.clone() };
            let snapshot = self.parts.actors.inspect(&key).await;
            let snapshot = snapshot.map_err(|error| of_ask(error, call.who.surface()))?;
            said = said.or_later(Said::of(&snapshot.chat));
        }
        Ok(said)
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
