//! Customers who visit: they come, open pages and leave, and the agents who watch them are told.

use std::sync::Arc;
use std::time::Duration;

use super::caller::Requester;
use super::customers::ChangedProfile;
use super::error::{of_ask, of_store};
use super::pipeline::{Call, EMPTY, Requests, customer_id};
use crate::actors::ChatKey;
use crate::actors::delivery::Cause;
use crate::domain::customer::{Customer, CustomerProfile, CustomerUpdate};
use crate::domain::event::Visibility;
use crate::domain::id::{AgentId, ChatId, CustomerId, GroupId, LicenseId};
use crate::domain::license::License;
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::time::Timestamp;
use crate::domain::visit::{Arrival, CustomerVisits, Headers, NewPage, VisitNews, Visitor};
use crate::domain::watch::{Sighting, Watched};
use crate::protocol::error::WireError;
use crate::protocol::version::Surface;

/// Where a customer chats.
#[derive(Default)]
pub(super) struct Chatting {
    /// Who is in their active chats.
    pub(super) members: Vec<AgentId>,
    /// The groups that these are open to.
    pub(super) groups: Vec<GroupId>,
    /// Who is in any of their chats.
    pub(super) everybody: Vec<AgentId>,
}

impl Requests {
    /// A customer's connection has logged in, with what they say of themselves: the visit begins or goes on.
    ///
    /// The visit comes first: its number decides which session fields lapse, and a login that fails between the two is made up
    /// for by the next one.
    ///
    /// # Errors
    /// The store's or a chat's, as the protocol says it.
    pub async fn customer_arrived(
        &self,
        license: &Arc<License>,
        customer: &CustomerId,
        update: &CustomerUpdate,
        arrival: &Arrival,
    ) -> Result<(CustomerProfile, CustomerVisits), WireError> {
        let now = self.parts.actors.clock().now();
        let change = |visits: &mut CustomerVisits| visits.arrive(arrival, license, now);
        let changed = self.parts.customers.change_visits(license.id, customer, change).await;
        let (visits, news) = changed.map_err(|error| of_store(&error))?;
        let news = news.unwrap_or(VisitNews::Nothing);
        let arrived =
            self.parts.customers.arrive(license.id, customer, update, visits.visits_count, now).await;
        let (ChangedProfile { before, now: profile }, differs) = arrived.map_err(|error| of_store(&error))?;
        self.tell_of_visit(license, customer, &profile, &visits, news).await?;
        if differs {
            let customer = Customer { id: customer.clone(), profile: profile.clone() };
            self.tell_profile(license, customer, before, None, (None, Surface::Customer)).await?;
        }
        Ok((profile, visits))
    }

    /// The last connection of a customer has been gone for a while: the visit ends. Of several nodes that find that out one
    /// tells of it.
    ///
    /// # Errors
    /// The store's or a chat's, as the protocol says it: nothing has changed then.
    pub async fn customer_left(
        &self,
        license: &Arc<License>,
        customer: &CustomerId,
    ) -> Result<(), WireError> {
        // First: whoever ends the visit has to be able to say it.
        let chatting = self.chatting(license, customer).await?;
        let at = self.parts.actors.clock().now();
        let left = self.parts.customers.change_visits(license.id, customer, |visits| visits.leave(at)).await;
        let (visits, has_ended) = left.map_err(|error| of_store(&error))?;
        if has_ended == Some(true) {
            let to = watchers(customer, &visits, chatting, Sighting::Left);
            let body = PushBody::CustomerLeft { id: customer.clone(), at };
            self.tell_all(license, &[Push { body, to }]);
        }
        Ok(())
    }

    /// A customer's request says by its headers where it comes from.
    ///
    /// # Errors
    /// `validation` where it is no customer's; the store's, as the protocol says it.
    pub async fn customer_seen_by(&self, who: &Requester, headers: &Headers) -> Result<(), WireError> {
        let id = customer_id(who)?;
        let change = |visits: &mut CustomerVisits| visits.seen_by(headers);
        let changed = self.parts.customers.change_visits(who.license_id(), id, change).await;
        changed.map(drop).map_err(|error| of_store(&error))
    }

    pub(super) async fn update_customer_page(
        &self,
        call: &Call<'_>,
        page: NewPage,
    ) -> Result<String, WireError> {
        let id = customer_id(call.who)?;
        let license = &call.who.license;
        let now = self.parts.actors.clock().now();
        let change = |visits: &mut CustomerVisits| visits.open_page(&page, license, now);
        let changed = self.parts.customers.change_visits(license.id, id, change).await;
        let (visits, opened) = changed.map_err(|error| of_store(&error))?;
        if opened == Some(true) {
            let profile = self.parts.customers.profile(license.id, id).await;
            let profile = profile.map_err(|error| of_store(&error))?.unwrap_or_default();
            self.tell_of_visit(license, id, &profile, &visits, VisitNews::PageOpened).await?;
        }
        Ok(EMPTY.to_owned())
    }

    /// A customer began to chat: whoever watches those who chat notices them.
    pub(super) async fn customer_chats(
        &self,
        call: &Call<'_>,
        customer: &CustomerId,
    ) -> Result<(), WireError> {
        let license = &call.who.license;
        let profile = self.parts.customers.profile(license.id, customer).await;
        let profile = profile.map_err(|error| of_store(&error))?.unwrap_or_default();
        let visits = self.parts.customers.visits(license.id, customer).await;
        let visits = visits.map_err(|error| of_store(&error))?;
        if visits.visit.is_none() {
            return Ok(());
        }
        let mut chatting = self.chatting(license, customer).await?;
        if chatting.groups.is_empty() {
            return Ok(());
        }
        // They are shown the customer in the chat.
        chatting.members.clear();
        let visitor = Visitor { id: customer.clone(), profile, visits, is_chatting: true };
        let to = watchers(customer, &visitor.visits, chatting, Sighting::Noticed);
        let body = PushBody::IncomingCustomer(Box::new(visitor));
        self.tell_all(license, &[Push { body, to }]);
        Ok(())
    }

    pub(super) async fn tell_of_visit(
        &self,
        license: &Arc<License>,
        customer: &CustomerId,
        profile: &CustomerProfile,
        visits: &CustomerVisits,
        news: VisitNews,
    ) -> Result<(), WireError> {
        let chatting = match news {
            VisitNews::Nothing => return Ok(()),
            _ => self.chatting(license, customer).await?,
        };
        let is_chatting = !chatting.groups.is_empty();
        let visitor = || {
            let (id, profile, visits) = (customer.clone(), profile.clone(), visits.clone());
            Box::new(Visitor { id, profile, visits, is_chatting })
        };
        let to = watchers(customer, visits, chatting, Sighting::Seen);
        let as_seen = |sighting: Sighting| {
            let mut to = to.clone();
            if let Some(watchers) = &mut to.watchers {
                watchers.sighting = sighting;
            }
            to
        };
        let mut pushes = Vec::new();
        let mut push = |body: PushBody, to: Audience| pushes.push(Push { body, to });
        match news {
            VisitNews::Came => push(PushBody::IncomingCustomer(visitor()), as_seen(Sighting::Came)),
            VisitNews::Moved => {
                let moved = PushBody::CustomerTransferred { id: customer.clone(), to: visits.group };
                let only_watchers = Audience { agents: Vec::new(), ..as_seen(Sighting::Moved) };
                push(moved, only_watchers);
                push(PushBody::IncomingCustomer(visitor()), as_seen(Sighting::Came));
            }
            // Some watch only whoever was invited.
            VisitNews::Greeted => push(PushBody::IncomingCustomer(visitor()), as_seen(Sighting::Noticed)),
            VisitNews::PageOpened | VisitNews::GreetingSeen | VisitNews::Nothing => {}
        }
        if let Some(page) = visits.page().filter(|_| news == VisitNews::PageOpened) {
            let (id, visit) = (customer.clone(), visits.visits_count);
            let page = page.clone();
            push(PushBody::CustomerPageUpdated { id, visit, page }, as_seen(Sighting::Seen));
        }
        if matches!(news, VisitNews::PageOpened | VisitNews::GreetingSeen) {
            push(PushBody::CustomerStatisticsUpdated(visitor()), as_seen(Sighting::Seen));
        }
        self.tell_all(license, &pushes);
        Ok(())
    }

    /// The customers as agents are shown them, those whom nobody ever saw left out.
    ///
    /// # Errors
    /// The store's, as the protocol says it.
    pub async fn visitors(
        &self,
        license: &Arc<License>,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<(Visitor, Watched)>, WireError> {
        use futures_util::{StreamExt as _, TryStreamExt as _, stream};
        let read = |id: CustomerId| async move {
            let profile = self.parts.customers.profile(license.id, &id).await;
            let Some(profile) = profile.map_err(|error| of_store(&error))? else { return Ok(None) };
            let visits = self.parts.customers.visits(license.id, &id).await;
            let visits = visits.map_err(|error| of_store(&error))?;
            let chats = self.chatting(license, &id).await?.groups;
            let is_chatting = !chats.is_empty();
            let watched = watched(&id, &visits, chats, Sighting::Noticed);
            Ok::<_, WireError>(Some((Visitor { id, profile, visits, is_chatting }, watched)))
        };
        let reads: Vec<_> = customers.into_iter().map(read).collect();
        let found: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The customers in an agent's active chats.
    ///
    /// # Errors
    /// The router's or a chat's, as the protocol says it.
    pub async fn own_customers(&self, who: &Requester) -> Result<Vec<CustomerId>, WireError> {
        let Some(agent) = who.agent() else { return Ok(Vec::new()) };
        let chats = self.parts.actors.router(who.license_id()).chats_of(agent).await;
        self.customers_of(who.license_id(), chats.map_err(|error| of_ask(error, Surface::Agent))?).await
    }

    /// Whether a customer was ever connected. Who only calls methods over HTTP was not, and is not missed.
    ///
    /// # Errors
    /// The store's, as the protocol says it.
    pub async fn has_visited(&self, license: LicenseId, customer: &CustomerId) -> Result<bool, WireError> {
        let visits = self.parts.customers.visits(license, customer).await;
        Ok(visits.map_err(|error| of_store(&error))?.visit.is_some())
    }

    /// The active chats of the license that wait for their customers, where this node looks after all of them: where its router
    /// is.
    ///
    /// # Errors
    /// The router's, as the protocol says it.
    pub async fn awaiting_chats(&self, license: LicenseId) -> Result<Vec<ChatId>, WireError> {
        let chats = self.parts.actors.router(license).chats_awaiting_customers().await;
        chats.map_err(|error| of_ask(error, Surface::Agent))
    }

    pub(super) async fn customers_of(
        &self,
        license: LicenseId,
        chats: Vec<ChatId>,
    ) -> Result<Vec<CustomerId>, WireError> {
        let mut customers = Vec::new();
        for chat in chats {
            customers.extend(self.customer_of(license, chat).await?);
        }
        Ok(customers)
    }

    /// The customer of a chat, if it has one.
    ///
    /// # Errors
    /// The chat's, as the protocol says it.
    pub async fn customer_of(
        &self,
        license: LicenseId,
        chat: ChatId,
    ) -> Result<Option<CustomerId>, WireError> {
        let snapshot = self.parts.actors.inspect(&ChatKey { license, chat }).await;
        let snapshot = snapshot.map_err(|error| of_ask(error, Surface::Agent))?;
        Ok(snapshot.chat.customer().map(|(customer, _)| customer.clone()))
    }

    /// Where the customer chats, and with whom.
    pub(super) async fn chatting(
        &self,
        license: &Arc<License>,
        customer: &CustomerId,
    ) -> Result<Chatting, WireError> {
        let known = self.parts.customers.chats(license.id, customer).await;
        let known = known.map_err(|error| of_store(&error))?;
        let mut chatting = Chatting::default();
        for chat in known.chats {
            let key = ChatKey { license: license.id, chat };
            let snapshot = self.parts.actors.inspect(&key).await;
            let chat = &snapshot.map_err(|error| of_ask(error, Surface::Customer))?.chat;
            let agents = chat.members(Visibility::Agents).agents;
            if chat.active_thread().is_some() {
                chatting.groups.extend(chat.access.group_ids.iter().copied());
                chatting.members.extend(agents.iter().cloned());
            }
            chatting.everybody.extend(agents);
        }
        for agents in [&mut chatting.members, &mut chatting.everybody] {
            agents.sort_unstable();
            agents.dedup();
        }
        Ok(chatting)
    }

    /// For how long a customer has neither chatted nor opened a page; none while one of their chats is active.
    ///
    /// # Errors
    /// The store's or a chat's, as the protocol says it.
    pub async fn inactive_for(&self, who: &Requester) -> Result<Option<Duration>, WireError> {
        let (license, customer) = (who.license_id(), customer_id(who)?);
        let visits = self.parts.customers.visits(license, customer).await;
        let visits = visits.map_err(|error| of_store(&error))?;
        let mut last = visits.visit.map_or(Timestamp(0), |visit| visit.active_at);
        let known = self.parts.customers.chats(license, customer).await;
        for chat in known.map_err(|error| of_store(&error))?.chats {
            let snapshot = self.parts.actors.inspect(&ChatKey { license, chat }).await;
            let snapshot = snapshot.map_err(|error| of_ask(error, Surface::Customer))?;
            match &snapshot.chat.thread {
                Some(thread) if thread.active => return Ok(None),
                Some(thread) => last = last.max(thread.closed_at.unwrap_or(thread.last_activity)),
                None => {}
            }
        }
        Ok(Some(self.parts.actors.clock().now().since(last)))
    }

    pub(super) fn tell_all(&self, license: &Arc<License>, pushes: &[Push]) {
        if !pushes.is_empty() {
            self.parts.actors.delivery().deliver(license, pushes, Cause::default());
        }
    }
}

/// Customers who are read at the same time.
const READS_AT_ONCE: usize = 32;

/// Whoever watches the customer, and who is in a chat with them.
pub(super) fn watchers(
    customer: &CustomerId,
    visits: &CustomerVisits,
    chatting: Chatting,
    sighting: Sighting,
) -> Audience {
    let watched = watched(customer, visits, chatting.groups, sighting);
    Audience { agents: chatting.members, watchers: Some(Box::new(watched)), ..Audience::default() }
}

fn watched(
    customer: &CustomerId,
    visits: &CustomerVisits,
    chats: Vec<GroupId>,
    sighting: Sighting,
) -> Watched {
    let (group, is_invited) = (visits.group, visits.is_invited());
    Watched { customer: customer.clone(), group, chats, is_invited, sighting }
}
