//! From a method row and a raw payload to the answer's payload.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::about_customers::check_goals;
use super::caller::{Identity, Requester};
use super::customers::Customers;
use super::error::of_ask;
use super::page::PageKey;
use super::together::Together;
use super::url_info::URL_DETAILS;
use crate::actors::chat::Snapshot;
use crate::actors::{Actors, AskError, ChatKey, Origin, SessionId};
use crate::domain::change::Target;
use crate::domain::command::{
    Caller, Command, DeactivateChat, DeleteEvent, DeleteProperties, FollowChat, MarkEventsAsSeen,
    RemoveUserFromChat, Reply, SendEvent, SendEventPreview, SendRichMessagePostback, SendSneakPeek,
    SendThinkingIndicator, SendTypingIndicator, TagThread, TransferChat, UnfollowChat, UntagThread,
    UpdateProperties,
};
use crate::domain::event::EventBody;
use crate::domain::id::{ChatId, CustomerId};
use crate::files::Files;
use crate::outgoing::{Fetcher, Mailer};
use crate::protocol::error::{ErrorType, WireError};
use crate::protocol::method::Method;
use crate::protocol::request::{Request, decode};
use crate::protocol::view::View;
use crate::store::{IndexRow, IndexScan, StoreError};
use crate::tenants::CustomerTokens;

/// What the pipeline is made of.
pub struct RequestsParts {
    /// The directory of chats and routers.
    pub actors: Arc<Actors>,
    /// What is stored of customers.
    pub customers: Customers,
    /// Signs pages.
    pub pages: PageKey,
    /// Uploaded files.
    pub files: Files,
    /// Fetches what people name.
    pub fetcher: Fetcher,
    /// Sends mail; none if nobody said how.
    pub mailer: Option<Arc<Mailer>>,
    /// Where clients reach the server: scheme, host and port.
    pub base_url: String,
    /// Customers' tokens, and who is banned.
    pub customer_tokens: Arc<CustomerTokens>,
}

/// Carries out requests.
pub struct Requests {
    pub(super) parts: RequestsParts,
    /// Pages of lists that agents read at this moment.
    pub(super) scans: Together<IndexScan, Result<Arc<Vec<IndexRow>>, StoreError>>,
    /// Chats that are looked at for such lists.
    pub(super) looks: Together<ChatKey, Result<Arc<Snapshot>, AskError>>,
}

/// A request with all that its handling needs to know.
pub(super) struct Call<'a> {
    pub(super) who: &'a Requester,
    pub(super) origin: Option<Origin>,
}

/// The answer of methods that have nothing to say.
pub(super) const EMPTY: &str = "{}";

impl Requests {
    /// A pipeline over these parts.
    pub fn new(parts: RequestsParts) -> Arc<Self> {
        Arc::new(Self { parts, scans: Together::default(), looks: Together::default() })
    }

    /// Where clients reach the server: scheme, host and port.
    pub fn base_url(&self) -> &str {
        &self.parts.base_url
    }

    /// The directory of chats and routers.
    pub fn actors(&self) -> &Arc<Actors> {
        &self.parts.actors
    }

    /// What is stored of customers.
    pub fn customers(&self) -> &Customers {
        &self.parts.customers
    }

    /// Signs what is given to clients and comes back.
    pub fn pages(&self) -> &PageKey {
        &self.parts.pages
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
        who.check(method)?;
        let request = decode(method, payload)?;
        let here = self.parts.actors.shards().incarnation();
        let session = |number| SessionId { node: here, number };
        let origin = who.session.map(|number| Origin { session: session(number), request_id });
        self.dispatch(Call { who, origin }, request).await
    }

    /// Large and rarer futures are boxed: every request is as large as the largest of them, and is moved into its
    /// session. So are commands: every call on the way down would have room for one.
    async fn dispatch(&self, call: Call<'_>, request: Request) -> Result<String, WireError> {
        match request {
            Request::Ping => Ok(EMPTY.to_owned()),
            // A session answers these itself; over HTTP the table has no such method.
            Request::Login(_)
            | Request::Logout
            | Request::UpdateSession { .. }
            | Request::SubscribeCustomers { .. }
            | Request::UnsubscribeCustomers { .. } => Err(WireError::of(ErrorType::Validation)),
            Request::RequestWelcomeMessage { id, group } => {
                Box::pin(self.request_welcome_message(&call, id, group)).await
            }
            Request::Widget(request) => Box::pin(self.widget(&call.who.license, request)).await,
            Request::AcceptGreeting { greeting, unique_id } => {
                Box::pin(self.accept_greeting(&call, greeting, unique_id)).await
            }
            Request::CancelGreeting { unique_id } => Box::pin(self.cancel_greeting(&call, unique_id)).await,
            Request::SendGreetingButtonClicked { unique_id, button } => {
                Box::pin(self.greeting_button_clicked(&call, &unique_id, &button)).await
            }
            Request::CheckGoals { group, fields } => check_goals(&call, group, &fields),
            Request::GetForm { group, kind } => self.get_form(&call, group, kind),
            Request::GetUrlInfo(url) => Box::pin(self.get_url_info(&call, url)).await,
            Request::RequestEmailVerification { callback } => {
                Box::pin(self.request_email_verification(&call, callback)).await
            }
            Request::UpdateCustomerPage(page) => Box::pin(self.update_customer_page(&call, page)).await,
            Request::StartChat(open) => Box::pin(self.start_chat(&call, open)).await,
            Request::ResumeChat(open) => Box::pin(self.resume_chat(&call, open)).await,
            Request::DeactivateChat { chat, ignore_requester_presence } => {
                let command = DeactivateChat { ignore_requester_presence };
                self.command(&call, &chat, Box::new(Command::DeactivateChat(command))).await
            }
            Request::SendEvent { chat, mut event, attach_to_last_thread } => {
                if matches!(event.body, EventBody::File(_)) {
                    Box::pin(self.settle_file(call.who, &mut event)).await?;
                }
                if event.properties.contains_key(URL_DETAILS) {
                    Box::pin(self.keep_preview(call.who.license_id(), &event.properties)).await?;
                }
                let command = SendEvent { event, attach_to_last_thread };
                let command = Box::new(Command::SendEvent(command));
                let reply = self.ask(&call, &chat, command, call.who.writer()).await?;
                let Reply::Thread { events: Some(events), .. } = &reply else { return Ok(payload(&reply)) };
                Box::pin(self.count_next_thread(&call, &chat)).await;
                Ok(events.first().map_or_else(|| payload(&reply), |id| payload(&Reply::Event(id.clone()))))
            }
            Request::FollowChat { chat } => {
                self.read_command(&call, &chat, Box::new(Command::FollowChat(FollowChat))).await
            }
            Request::UnfollowChat { chat } => {
                self.read_command(&call, &chat, Box::new(Command::UnfollowChat(UnfollowChat))).await
            }
            Request::TransferChat { chat, to, ignore_agents_availability, ignore_requester_presence } => {
                let command = TransferChat { to, ignore_agents_availability, ignore_requester_presence };
                self.command(&call, &chat, Box::new(Command::TransferChat(command))).await
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
                self.command(&call, &chat, Box::new(Command::RemoveUserFromChat(command))).await
            }
            Request::MarkEventsAsSeen { chat, seen_up_to } => {
                let command = MarkEventsAsSeen { seen_up_to };
                self.read_command(&call, &chat, Box::new(Command::MarkEventsAsSeen(command))).await
            }
            Request::SendTypingIndicator { chat, visibility, is_typing } => {
                let command = SendTypingIndicator { visibility, is_typing };
                self.command(&call, &chat, Box::new(Command::SendTypingIndicator(command))).await
            }
            Request::SendSneakPeek { chat, text } => {
                self.command(&call, &chat, Box::new(Command::SendSneakPeek(SendSneakPeek { text }))).await
            }
            Request::UpdateProperties { chat, target, properties } => {
                if matches!(target, Target::Event(_)) && properties.contains_key(URL_DETAILS) {
                    Box::pin(self.keep_preview(call.who.license_id(), &properties)).await?;
                }
                let command = UpdateProperties { target, properties };
                self.command(&call, &chat, Box::new(Command::UpdateProperties(command))).await
            }
            Request::DeleteProperties { chat, target, names } => {
                let command = DeleteProperties { target, names };
                self.command(&call, &chat, Box::new(Command::DeleteProperties(command))).await
            }
            Request::ListChats(list) => Box::pin(self.list_chats(&call, list)).await,
            Request::ListThreads(list) => Box::pin(self.list_threads(&call, list)).await,
            Request::ListArchives(list) => Box::pin(self.list_archives(&call, *list)).await,
            Request::GetChat { chat, thread } => Box::pin(self.get_chat(&call, &chat, thread.as_ref())).await,
            Request::SetRoutingStatus { status, agent } => {
                self.set_routing_status(&call, status, agent).await
            }
            Request::ListRoutingStatuses { group_ids } => self.list_routing_statuses(&call, group_ids).await,
            Request::GetCustomer(customer) => Box::pin(self.get_customer(&call, customer)).await,
            Request::UpdateCustomer(customer, update) => {
                Box::pin(self.update_customer(&call, customer, update)).await
            }
            Request::BanCustomer { customer, days } => {
                Box::pin(self.ban_customer(&call, customer, days)).await
            }
            Request::TagThread { chat, thread, tag } => {
                self.command(&call, &chat, Box::new(Command::TagThread(TagThread { thread, tag }))).await
            }
            Request::UntagThread { chat, thread, tag } => {
                self.command(&call, &chat, Box::new(Command::UntagThread(UntagThread { thread, tag }))).await
            }
            Request::SendRichMessagePostback { chat, event, postback } => {
                let command = SendRichMessagePostback { event, postback };
                self.command(&call, &chat, Box::new(Command::SendRichMessagePostback(command))).await
            }
            Request::SendEventPreview { chat, event } => {
                self.command(&call, &chat, Box::new(Command::SendEventPreview(SendEventPreview { event })))
                    .await
            }
            Request::SendThinkingIndicator { chat, visibility, thought } => {
                let command = SendThinkingIndicator { visibility, thought };
                self.command(&call, &chat, Box::new(Command::SendThinkingIndicator(command))).await
            }
            Request::DeleteEvent { chat, event } => {
                self.command(&call, &chat, Box::new(Command::DeleteEvent(DeleteEvent { event }))).await
            }
            Request::ListGroupStatuses(groups) => Box::pin(self.list_group_statuses(&call, groups)).await,
            Request::GetPredictedAgent => Box::pin(self.get_predicted_agent(&call)).await,
            Request::Multicast(multicast) => self.multicast(&call, multicast),
            Request::ListAgentsForTransfer { chat } => {
                Box::pin(self.list_agents_for_transfer(&call, &chat)).await
            }
            Request::SetAwayStatus { away } => self.set_away_status(&call, away).await,
        }
    }

    /// Gives a command that alters a chat to its actor.
    pub(super) async fn command(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
        command: Box<Command>,
    ) -> Result<String, WireError> {
        self.ask(call, chat, command, call.who.writer()).await.map(|reply| payload(&reply))
    }

    /// The same for methods that the table grants to readers.
    async fn read_command(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
        command: Box<Command>,
    ) -> Result<String, WireError> {
        self.ask(call, chat, command, call.who.reader()).await.map(|reply| payload(&reply))
    }

    /// Gives a command to a chat. Nobody but `start_chat` reaches a chat that was never started.
    pub(super) async fn ask(
        &self,
        call: &Call<'_>,
        chat: &ChatId,
        command: impl Into<Box<Command>>,
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

    /// How things look to the requester.
    pub(super) fn view<'a>(&self, call: &'a Call<'_>) -> View<'a> {
        let license = &call.who.license;
        call.who.agent().map_or_else(|| View::of_customers(license), |agent| View::of_agent(license, agent))
    }
}

/// The customer who asks.
pub(super) fn customer_id(who: &Requester) -> Result<&CustomerId, WireError> {
    match &who.identity {
        Identity::Customer { id, .. } => Ok(id),
        Identity::Agent { .. } => Err(WireError::of(ErrorType::Authorization)),
    }
}

/// A reply as the response's payload.
pub(super) fn payload(reply: &Reply) -> String {
    let json = match reply {
        Reply::Done => return EMPTY.to_owned(),
        // The answer to most requests there are. Ids have no character that JSON escapes.
        Reply::Event(id) => return id.with_text(|id| [r#"{"event_id":""#, id, r#""}"#].concat()),
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
