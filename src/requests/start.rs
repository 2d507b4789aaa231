//! `start_chat` and `resume_chat`: which chat a start opens, and who comes along.

use super::error::of_store;
use super::pipeline::{Call, Requests, payload};
use crate::actors::ChatKey;
use crate::domain::access::Access;
use crate::domain::command::{
    AddUserToChat, Caller, Command, NewThread, NewUser, Reply, ResumeChat, StartChat,
};
use crate::domain::customer::{Customer, Opening, Standing, has_room, opening_at_limit};
use crate::domain::event::Visibility;
use crate::domain::id::{AgentId, ChatId, CustomerId};
use crate::domain::rejection::Rejection;
use crate::domain::visit::{CustomerVisits, Provenance};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::request::{OpenThread, UserType};

use super::caller::Identity;

impl Requests {
    pub(super) async fn start_chat(&self, call: &Call<'_>, open: OpenThread) -> Result<String, WireError> {
        let new = self.new_thread(call, open).await?;
        let properties = new.thread_properties.clone();
        let reply = match &call.who.identity {
            Identity::Customer { id, .. } => self.start_of_customer(call, id, new).await?,
            Identity::Agent { .. } => self.start_of_agent(call, new).await?,
        };
        self.greeting_led_to_chat(call, &properties).await;
        Ok(payload(&reply))
    }

    pub(super) async fn resume_chat(&self, call: &Call<'_>, open: OpenThread) -> Result<String, WireError> {
        let chat = open.chat_id.clone().ok_or_else(|| WireError::validation("`chat.id` is required"))?;
        let new = self.new_thread(call, open).await?;
        let properties = new.thread_properties.clone();
        let caller = self.opener(call).await?;
        let reply = self.ask(call, &chat, Command::ResumeChat(ResumeChat { thread: new }), caller).await?;
        self.count_next_thread(call, &chat).await;
        self.greeting_led_to_chat(call, &properties).await;
        let Reply::Thread { thread, events, .. } = reply else { return Ok(payload(&reply)) };
        let mut answer = serde_json::json!({ "thread_id": thread });
        if let Some(events) = events {
            answer["event_ids"] = serde_json::json!(events);
        }
        Ok(answer.to_string())
    }

    async fn start_of_agent(&self, call: &Call<'_>, new: NewThread) -> Result<Reply, WireError> {
        let chat = self.new_chat_id(call);
        let brings = customer_among(&new.users).cloned();
        if let Some(customer) = &brings {
            self.remember_chat(call, customer, &chat, None).await?;
        }
        let caller = self.opener(call).await?;
        let reply = self.ask(call, &chat, Command::StartChat(StartChat { thread: new }), caller).await?;
        if let Some(customer) = &brings {
            self.count_start(call, customer, true).await;
        }
        Ok(reply)
    }

    /// Below the limit a new chat; at the limit the newest inactive chat gets a new thread (ruling C2); with none
    /// inactive `limit_reached`.
    async fn start_of_customer(
        &self,
        call: &Call<'_>,
        customer: &CustomerId,
        new: NewThread,
    ) -> Result<Reply, WireError> {
        let caller = self.opener(call).await?;
        match self.opening(call, customer).await? {
            Opening::New(chat) => {
                let command = Command::StartChat(StartChat { thread: new });
                let reply = self.ask(call, &chat, command, caller).await?;
                self.count_start(call, customer, true).await;
                Ok(reply)
            }
            Opening::Next(chat) => {
                let command = Command::ResumeChat(ResumeChat { thread: new });
                let reply = self.ask(call, &chat, command, caller).await?;
                self.count_start(call, customer, false).await;
                Ok(reply)
            }
        }
    }

    /// Who starts a chat by websocket goes on through this node; what they do next by HTTP may arrive anywhere.
    fn new_chat_id(&self, call: &Call<'_>) -> ChatId {
        match call.origin {
            Some(_) => self.parts.actors.near_chat_id(call.who.license_id()),
            None => self.parts.actors.ids().chat(),
        }
    }

    async fn opening(&self, call: &Call<'_>, customer: &CustomerId) -> Result<Opening, WireError> {
        let license = &call.who.license;
        let fresh = self.new_chat_id(call);
        let limit = self.parts.actors.licenses().routing_rules(license).max_customer_chats_count;
        let chats = self.remember_chat(call, customer, &fresh, Some(limit)).await?;
        if chats.contains(&fresh) {
            return Ok(Opening::New(fresh));
        }
        let mut standings = Vec::with_capacity(chats.len());
        for chat in chats {
            let key = ChatKey { license: license.id, chat: chat.clone() };
            let snapshot = self.parts.actors.inspect(&key).await;
            let snapshot = snapshot.map_err(|error| super::error::of_ask(error, call.who.surface()))?;
            let standing = match &snapshot.chat.thread {
                None => Standing::NeverOpened,
                Some(thread) if thread.active => Standing::Active,
                Some(_) => Standing::Inactive,
            };
            standings.push((chat, standing));
        }
        if let Some(opening) = opening_at_limit(&standings) {
            return Ok(opening);
        }
        Err(WireError::from_rejection(
            Rejection::LimitReached("the customer has an active chat already"),
            call.who.surface(),
        ))
    }

    /// Who had the last thread of the chat that a start of the customer would go on with; none if it would open a new chat.
    pub(super) async fn recent_agent(
        &self,
        call: &Call<'_>,
        customer: &CustomerId,
    ) -> Result<Option<AgentId>, WireError> {
        let license = &call.who.license;
        let chats = self.parts.customers.chats(license.id, customer).await;
        let chats = chats.map_err(|error| of_store(&error))?.chats;
        let limit = self.parts.actors.licenses().routing_rules(license).max_customer_chats_count;
        if has_room(chats.len(), Some(limit)) {
            return Ok(None);
        }
        for chat in chats.into_iter().rev() {
            let snapshot = self.parts.actors.inspect(&ChatKey { license: license.id, chat }).await;
            let snapshot = snapshot.map_err(|error| super::error::of_ask(error, call.who.surface()))?;
            if let Some(thread) = snapshot.chat.thread.as_ref().filter(|thread| !thread.active) {
                return Ok(thread.assigned.last().cloned());
            }
        }
        Ok(None)
    }

    async fn remember_chat(
        &self,
        call: &Call<'_>,
        customer: &CustomerId,
        chat: &ChatId,
        limit: Option<u32>,
    ) -> Result<Vec<ChatId>, WireError> {
        let chats = self.parts.customers.add_chat(call.who.license_id(), customer, chat, limit).await;
        Ok(chats.map_err(|error| of_store(&error))?.chats)
    }

    /// Statistics may lag behind: a start that went well is not refused because they could not be written.
    async fn count_start(&self, call: &Call<'_>, customer: &CustomerId, new_chat: bool) {
        let counted = self.parts.customers.count_start(call.who.license_id(), customer, new_chat).await;
        if let Err(error) = counted {
            tracing::warn!(customer.id = %customer, %error, "a start was not counted");
        }
        if let Err(error) = self.customer_chats(call, customer).await {
            let error = error.message;
            tracing::warn!(customer.id = %customer, %error, "watchers were not told of a chat");
        }
    }

    /// A chat that was there has another thread: its customer, if there is one, has it, too.
    pub(super) async fn count_next_thread(&self, call: &Call<'_>, chat: &ChatId) {
        let customers = match &call.who.identity {
            Identity::Customer { id, .. } => Ok(vec![id.clone()]),
            Identity::Agent { .. } => self.customers_of(call.who.license_id(), vec![chat.clone()]).await,
        };
        match customers {
            Ok(customers) => {
                for customer in customers {
                    self.count_start(call, &customer, false).await;
                }
            }
            Err(error) => tracing::warn!(chat.id = %chat, error = error.message, "a thread was not counted"),
        }
    }

    /// Whoever opens a thread, with the profile that the chat shows of a customer.
    async fn opener(&self, call: &Call<'_>) -> Result<Caller, WireError> {
        let mut opener = call.who.writer();
        if let Caller::Customer { id, profile, .. } = &mut opener {
            let known = self.parts.customers.profile(call.who.license_id(), id).await;
            *profile = known.map_err(|error| of_store(&error))?.map(Box::new);
        }
        Ok(opener)
    }

    async fn new_thread(&self, call: &Call<'_>, mut open: OpenThread) -> Result<NewThread, WireError> {
        let mut users = Vec::with_capacity(open.users.len());
        for (kind, id) in std::mem::take(&mut open.users) {
            users.push(self.new_user(call, kind, id).await?);
        }
        for event in &mut open.events {
            Box::pin(self.settle_file(call.who, event)).await?;
            Box::pin(self.keep_preview(call.who.license_id(), &event.properties)).await?;
        }
        let visits = match (&call.who.identity, customer_among(&users)) {
            (Identity::Customer { id, .. }, _) | (_, Some(id)) => {
                let visits = self.parts.customers.visits(call.who.license_id(), id).await;
                Some(visits.map_err(|error| of_store(&error))?)
            }
            _ => None,
        };
        let access = match open.access {
            None => visits.as_ref().and_then(|visits| auto_access(call, visits)),
            given => given,
        };
        let said_before = match (&call.who.identity, &visits) {
            (Identity::Customer { .. }, Some(visits)) => {
                let welcome = open.welcome_message_id.as_deref();
                visits.said_before(&call.who.license, &open.thread_properties, welcome)
            }
            _ => Vec::new(),
        };
        let Provenance { visit, pages, client } =
            visits.map(|visits| visits.provenance()).unwrap_or_default();
        Ok(NewThread {
            chat_properties: open.properties,
            access,
            users,
            customer_visit: visit.map(Box::new),
            pages,
            said_before,
            customer_client: client,
            events: open.events,
            thread_properties: open.thread_properties,
            active: open.active,
            continuous: open.continuous,
        })
    }

    /// A user named by id; only such as exist in the license.
    pub(super) async fn new_user(
        &self,
        call: &Call<'_>,
        kind: UserType,
        id: String,
    ) -> Result<NewUser, WireError> {
        let unknown = || WireError::new(ErrorType::NotFound, "user not found");
        match kind {
            UserType::Agent => {
                let id = AgentId::new(id);
                call.who.license.agent(&id).ok_or_else(unknown)?;
                Ok(NewUser::Agent(id))
            }
            UserType::Customer => {
                let id = CustomerId::new(id);
                let profile = self.parts.customers.profile(call.who.license_id(), &id).await;
                let profile = profile.map_err(|error| of_store(&error))?.ok_or_else(unknown)?;
                Ok(NewUser::Customer(Box::new(Customer { id, profile })))
            }
        }
    }

    pub(super) async fn add_user(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
        user_id: String,
        user_type: UserType,
        visibility: Visibility,
        ignore_requester_presence: bool,
    ) -> Result<String, WireError> {
        let user = self.new_user(call, user_type, user_id).await?;
        let command = AddUserToChat { user, visibility, ignore_requester_presence };
        self.command(call, chat, Box::new(Command::AddUserToChat(command))).await
    }
}

/// Where a customer's chat goes by the page that they are on.
fn auto_access(call: &Call<'_>, visits: &CustomerVisits) -> Option<Access> {
    let license = &call.who.license;
    if matches!(call.who.identity, Identity::Agent { .. }) || license.settings.auto_access.is_empty() {
        return None;
    }
    // A group may have been removed since.
    let group_ids: Vec<_> =
        visits.auto_access.iter().copied().filter(|group| license.has_group(*group)).collect();
    (!group_ids.is_empty()).then_some(Access { group_ids })
}

fn customer_among(users: &[NewUser]) -> Option<&CustomerId> {
    users.iter().find_map(|user| match user {
        NewUser::Customer(customer) => Some(&customer.id),
        NewUser::Agent(_) => None,
    })
}
