//! From a method row and a raw payload to the answer's payload.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::caller::{Identity, Requester};
use super::customers::Customers;
use super::error::{of_ask, of_store};
use super::page::PageKey;
use crate::actors::{Actors, ChatKey, Origin};
use crate::domain::command::{
    Caller, Command, DeactivateChat, DeleteProperties, FollowChat, MarkEventsAsSeen, RemoveUserFromChat,
    Reply, SendEvent, SendSneakPeek, SendTypingIndicator, TransferChat, UnfollowChat, UpdateCustomer,
    UpdateProperties,
};
use crate::domain::customer::{Customer, CustomerUpdate};
use crate::domain::id::{ChatId, CustomerId};
use crate::domain::push::{Audience, Push, PushBody};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method::Method;
use crate::protocol::request::{Request, decode};
use crate::protocol::version::Surface;
use crate::protocol::view::View;

/// What the pipeline is made of.
pub struct RequestsParts {
    /// The directory of chats and routers.
    pub actors: Arc<Actors>,
    /// What is stored of customers.
    pub customers: Customers,
    /// Signs pages.
    pub pages: PageKey,
}

/// Carries out requests.
pub struct Requests {
    pub(super) parts: RequestsParts,
}

/// A request with all that its handling needs to know.
pub(super) struct Call<'a> {
    pub(super) who: &'a Requester,
    pub(super) origin: Option<Origin>,
}

/// The answer of methods that have nothing to say.
const EMPTY: &str = "{}";

impl Requests {
    /// A pipeline over these parts.
    pub fn new(parts: RequestsParts) -> Arc<Self> {
        Arc::new(Self { parts })
    }

    /// The directory of chats and routers.
    pub fn actors(&self) -> &Arc<Actors> {
        &self.parts.actors
    }

    /// What is stored of customers.
    pub fn customers(&self) -> &Customers {
        &self.parts.customers
    }

    /// Carries out one request. The answer is the response's payload as JSON text.
    ///
    /// # Errors
    /// The protocol's.
    pub async fn handle(
        &self,
        who: &Requester,
        method: &'static Method,
        payload: Option<&RawValue>,
        request_id: Option<Arc<str>>,
    ) -> Result<String, WireError> {
        who.check_scopes(method)?;
        let request = decode(method, payload)?;
        let origin = who.session.map(|session| Origin { session, request_id });
        self.dispatch(Call { who, origin }, request).await
    }

    /// Large and rarer futures are boxed: every request is as large as the largest of them, and is moved into its
    /// session.
    async fn dispatch(&self, call: Call<'_>, request: Request) -> Result<String, WireError> {
        match request {
            Request::Ping => Ok(EMPTY.to_owned()),
            // A session answers these itself; over HTTP the table has no such method.
            Request::Login(_) | Request::Logout => Err(WireError::of(ErrorType::Validation)),
            Request::StartChat(open) => Box::pin(self.start_chat(&call, open)).await,
            Request::ResumeChat(open) => Box::pin(self.resume_chat(&call, open)).await,
            Request::DeactivateChat { chat, ignore_requester_presence } => {
                let command = DeactivateChat { ignore_requester_presence };
                self.command(&call, &chat, Command::DeactivateChat(command)).await
            }
            Request::SendEvent { chat, event, attach_to_last_thread } => {
                let command = SendEvent { event, attach_to_last_thread };
                self.command(&call, &chat, Command::SendEvent(command)).await
            }
            Request::FollowChat { chat } => {
                self.read_command(&call, &chat, Command::FollowChat(FollowChat)).await
            }
            Request::UnfollowChat { chat } => {
                self.read_command(&call, &chat, Command::UnfollowChat(UnfollowChat)).await
            }
            Request::TransferChat { chat, to, ignore_agents_availability, ignore_requester_presence } => {
                let command = TransferChat { to, ignore_agents_availability, ignore_requester_presence };
                self.command(&call, &chat, Command::TransferChat(command)).await
            }
            Request::AddUserToChat { chat, user_id, user_type, visibility, ignore_requester_presence } => {
                Box::pin(self.add_user(
                    &call,
                    &chat,
                    user_id,
                    user_type,
                    visibility,
                    ignore_requester_presence,
                ))
                .await
            }
            Request::RemoveUserFromChat { chat, agent, ignore_requester_presence } => {
                let command = RemoveUserFromChat { agent, ignore_requester_presence };
                self.command(&call, &chat, Command::RemoveUserFromChat(command)).await
            }
            Request::MarkEventsAsSeen { chat, seen_up_to } => {
                let command = MarkEventsAsSeen { seen_up_to };
                self.read_command(&call, &chat, Command::MarkEventsAsSeen(command)).await
            }
            Request::SendTypingIndicator { chat, visibility, is_typing } => {
                let command = SendTypingIndicator { visibility, is_typing };
                self.command(&call, &chat, Command::SendTypingIndicator(command)).await
            }
            Request::SendSneakPeek { chat, text } => {
                self.command(&call, &chat, Command::SendSneakPeek(SendSneakPeek { text })).await
            }
            Request::UpdateProperties { chat, target, properties } => {
                let command = UpdateProperties { target, properties };
                self.command(&call, &chat, Command::UpdateProperties(command)).await
            }
            Request::DeleteProperties { chat, target, names } => {
                let command = DeleteProperties { target, names };
                self.command(&call, &chat, Command::DeleteProperties(command)).await
            }
            Request::ListChats(list) => Box::pin(self.list_chats(&call, list)).await,
            Request::ListThreads(list) => Box::pin(self.list_threads(&call, list)).await,
            Request::ListArchives(list) => Box::pin(self.list_archives(&call, *list)).await,
            Request::GetChat { chat, thread } => Box::pin(self.get_chat(&call, &chat, thread.as_ref())).await,
            Request::SetRoutingStatus { status, agent } => {
                self.set_routing_status(&call, status, agent).await
            }
            Request::ListRoutingStatuses { group_ids } => self.list_routing_statuses(&call, group_ids).await,
            Request::GetCustomer => self.get_customer(&call).await,
            Request::UpdateCustomer(update) => Box::pin(self.update_customer(&call, update)).await,
        }
    }

    /// Gives a command that alters a chat to its actor.
    async fn command(&self, call: &Call<'_>, chat: &ChatId, command: Command) -> Result<String, WireError> {
        self.ask(call, chat, command, call.who.writer()).await.map(|reply| payload(&reply))
    }

    /// The same for methods that the table grants to readers.
    async fn read_command(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
        command: Command,
    ) -> Result<String, WireError> {
        self.ask(call, chat, command, call.who.reader()).await.map(|reply| payload(&reply))
    }

    /// Gives a command to a chat. Nobody but `start_chat` reaches a chat that was never started.
    pub(super) async fn ask(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
        command: Command,
        caller: Caller,
    ) -> Result<Reply, WireError> {
        let key = ChatKey { license: call.who.license_id(), chat: chat.clone() };
        let surface = call.who.surface();
        self.parts
            .actors
            .ask(&key, command, caller, call.origin.clone())
            .await
            .map_err(|error| of_ask(error, surface))
    }

    async fn get_customer(&self, call: &Call<'_>) -> Result<String, WireError> {
        let id = customer_id(call.who)?;
        let profile = self.parts.customers.profile(call.who.license_id(), id).await;
        let profile = profile.map_err(|error| of_store(&error))?.unwrap_or_default();
        Ok(self.view(call).customer(id, &profile))
    }

    async fn update_customer(&self, call: &Call<'_>, update: CustomerUpdate) -> Result<String, WireError> {
        let id = customer_id(call.who)?;
        if update.is_empty() {
            return Err(WireError::validation("at least one parameter is required"));
        }
        update.check().map_err(|rejection| WireError::from_rejection(rejection, Surface::Customer))?;
        let license = call.who.license_id();
        let now = self.parts.actors.clock().now();
        let stored = self.parts.customers.update(license, id, &update, now).await;
        let (profile, changed) = stored.map_err(|error| of_store(&error))?;
        if changed {
            let push = Push {
                body: PushBody::CustomerUpdated { id: id.clone(), profile: profile.clone() },
                to: Audience { customers: vec![id.clone()], ..Audience::default() },
            };
            self.parts.actors.delivery().deliver(&call.who.license, &[push], call.origin.as_ref());
            self.tell_chats(call, Customer { id: id.clone(), profile }).await?;
        }
        Ok(EMPTY.to_owned())
    }

    /// The customer's chats show the new profile.
    async fn tell_chats(&self, call: &Call<'_>, customer: Customer) -> Result<(), WireError> {
        let license = call.who.license_id();
        let chats = self.parts.customers.chats(license, &customer.id).await;
        for chat in chats.map_err(|error| of_store(&error))?.chats {
            let command = Command::UpdateCustomer(UpdateCustomer { customer: customer.clone() });
            self.ask(call, &chat, command, Caller::Server).await?;
        }
        Ok(())
    }

    /// How things look to the requester.
    pub(super) fn view<'a>(&self, call: &'a Call<'_>) -> View<'a> {
        View { surface: call.who.surface(), license: &call.who.license }
    }
}

/// The customer who asks.
pub(super) fn customer_id(who: &Requester) -> Result<&CustomerId, WireError> {
    match &who.identity {
        Identity::Customer { id } => Ok(id),
        Identity::Agent { .. } => Err(WireError::of(ErrorType::Authorization)),
    }
}

/// A reply as the response's payload.
pub(super) fn payload(reply: &Reply) -> String {
    let json = match reply {
        Reply::Done => return EMPTY.to_owned(),
        // The answer to most requests there are. Ids have no character that JSON escapes.
        Reply::Event(id) => return format!("{{\"event_id\":\"{id}\"}}"),
        Reply::Unfollowed(chat) => serde_json::json!({ "chat_id": chat }),
        Reply::Thread { chat, thread, events: None } => {
            serde_json::json!({ "chat_id": chat, "thread_id": thread })
        }
        Reply::Thread { chat, thread, events: Some(events) } => {
            serde_json::json!({ "chat_id": chat, "thread_id": thread, "event_ids": events })
        }
    };
    json.to_string()
}
