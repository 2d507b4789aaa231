//! Requests, typed: a payload is decoded once, straight from its text, and checked against the table's
//! limits.
//!
//! What the payload alone can tell is checked here. Whether the named things exist, and whether the caller
//! may, is for the domain. Fields that the table does not know are ignored; a field that is `null` counts as
//! absent. Only when decoding fails does `fault` look again, slowly, to name the parameter that is wrong.

mod archives;
mod chats;
mod customer;
mod ecommerce;
mod event;
mod fault;
mod greetings;
mod listing;
mod login;
mod members;
mod multicast;
mod open_thread;
mod properties;
mod query;
mod threads;
mod value;
mod visitors;
mod widget;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use archives::{
    AgentResponseFilter, AgentType, AgentTypesFilter, Among, ArchiveFilters, FormFilter, FormType,
    GreetingFilter, ListArchives, SetFilter,
};
pub use listing::{
    ChatFilters, ListChats, ListThreads, PageSize, PropertyFilter, PropertyTest, SortOrder, ThreadFilters,
};
pub use login::{Application, Login, PushSelection};
pub use multicast::Multicast;
pub use open_thread::OpenThread;
pub use query::query_payload;
pub use widget::WidgetRequest;

use super::error::WireError;
use super::method::Method;
use super::version::Surface;
use crate::domain::change::Target;
use crate::domain::command::TransferTo;
use crate::domain::customer::CustomerUpdate;
use crate::domain::event::{NewEvent, Visibility};
use crate::domain::id::{AgentId, ChatId, CustomerId, EventId, GroupId, ThreadId};
use crate::domain::properties::{Properties, PropertyNames};
use crate::domain::push::{Pressed, Thought};
use crate::domain::time::Timestamp;
use crate::domain::visit::NewPage;
use crate::domain::widget::FormKind;

/// What a client asks for; a variant a method, the four families of properties apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Request {
    Login(Box<Login>),
    Logout,
    Ping,
    StartChat(OpenThread),
    ResumeChat(OpenThread),
    DeactivateChat {
        chat: ChatId,
        ignore_requester_presence: bool,
    },
    SendEvent {
        chat: ChatId,
        event: NewEvent,
        attach_to_last_thread: bool,
    },
    ListChats(ListChats),
    ListThreads(ListThreads),
    ListArchives(Box<ListArchives>),
    GetChat {
        chat: ChatId,
        thread: Option<ThreadId>,
    },
    FollowChat {
        chat: ChatId,
    },
    UnfollowChat {
        chat: ChatId,
    },
    TransferChat {
        chat: ChatId,
        to: TransferTo,
        ignore_agents_availability: bool,
        ignore_requester_presence: bool,
    },
    AddUserToChat {
        chat: ChatId,
        user_id: String,
        user_type: UserType,
        visibility: Visibility,
        ignore_requester_presence: bool,
    },
    RemoveUserFromChat {
        chat: ChatId,
        agent: AgentId,
        ignore_requester_presence: bool,
    },
    SetRoutingStatus {
        status: RoutingStatus,
        agent: Option<AgentId>,
    },
    ListRoutingStatuses {
        group_ids: Option<Vec<GroupId>>,
    },
    MarkEventsAsSeen {
        chat: ChatId,
        seen_up_to: Timestamp,
    },
    SendTypingIndicator {
        chat: ChatId,
        visibility: Visibility,
        is_typing: bool,
    },
    SendSneakPeek {
        chat: ChatId,
        text: String,
    },
    UpdateProperties {
        chat: ChatId,
        target: Target,
        properties: Properties,
    },
    DeleteProperties {
        chat: ChatId,
        target: Target,
        names: PropertyNames,
    },
    /// None: the requester.
    GetCustomer(Option<CustomerId>),
    /// None: the requester.
    UpdateCustomer(Option<CustomerId>, CustomerUpdate),
    BanCustomer {
        customer: CustomerId,
        days: u32,
    },
    TagThread {
        chat: ChatId,
        thread: ThreadId,
        tag: String,
    },
    UntagThread {
        chat: ChatId,
        thread: ThreadId,
        tag: String,
    },
    SendRichMessagePostback {
        chat: ChatId,
        event: EventId,
        postback: Pressed,
    },
    SendEventPreview {
        chat: ChatId,
        event: NewEvent,
    },
    SendThinkingIndicator {
        chat: ChatId,
        visibility: Visibility,
        thought: Thought,
    },
    /// Of these groups; none: of all.
    ListGroupStatuses(Option<Vec<GroupId>>),
    GetPredictedAgent,
    DeleteEvent {
        chat: ChatId,
        event: EventId,
    },
    Multicast(Multicast),
    ListAgentsForTransfer {
        chat: ChatId,
    },
    SetAwayStatus {
        away: bool,
    },
    UpdateSession {
        token: String,
    },
    UpdateCustomerPage(NewPage),
    GetUrlInfo(String),
    RequestEmailVerification {
        /// Who is told of it.
        callback: String,
    },
    /// What needs no token.
    Widget(WidgetRequest),
    GetForm {
        group: GroupId,
        kind: FormKind,
    },
    RequestWelcomeMessage {
        id: Option<String>,
        group: Option<GroupId>,
    },
    SubscribeCustomers {
        /// None: the agent's own.
        groups: Option<Vec<GroupId>>,
        limit: usize,
    },
    UnsubscribeCustomers {
        subscription: String,
    },
    AcceptGreeting {
        greeting: i64,
        unique_id: String,
    },
    CancelGreeting {
        unique_id: String,
    },
    SendGreetingButtonClicked {
        unique_id: String,
        /// `postback_id` of the button.
        button: String,
    },
    CheckGoals {
        group: GroupId,
        /// Of the customer as they are now; nothing is stored of it.
        fields: CustomerUpdate,
    },
}

/// The kind of a user whom a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum UserType {
    Agent,
    Customer,
}

/// Does an agent take chats?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum RoutingStatus {
    AcceptingChats,
    NotAcceptingChats,
    /// Only bots can be set so.
    Offline,
}

impl RoutingStatus {
    /// The name in `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptingChats => "accepting_chats",
            Self::NotAcceptingChats => "not_accepting_chats",
            Self::Offline => "offline",
        }
    }
}

/// Turns the payload of a method into a request. No payload counts as `{}`.
///
/// # Errors
/// `validation` naming the parameter, `not_found` for an event id that no event can have.
pub fn decode(method: &'static Method, payload: Option<&RawValue>) -> Result<Request, WireError> {
    let payload = Payload { method, text: payload.map_or("{}", RawValue::get) };
    fault::check_depth(payload.text)?;
    match method.action {
        "login" => login::login(payload),
        "logout" => payload.nothing(Request::Logout),
        "ping" => payload.nothing(Request::Ping),
        "start_chat" => open_thread::start_chat(payload),
        "resume_chat" => open_thread::resume_chat(payload),
        "deactivate_chat" => chats::deactivate_chat(payload),
        "send_event" => event::send_event(payload),
        "list_chats" => listing::list_chats(payload),
        "list_threads" => listing::list_threads(payload),
        "list_archives" => archives::list_archives(payload),
        "get_chat" => chats::get_chat(payload),
        "follow_chat" => chats::follow_chat(payload),
        "unfollow_chat" => chats::unfollow_chat(payload),
        "transfer_chat" => members::transfer_chat(payload),
        "add_user_to_chat" => members::add_user_to_chat(payload),
        "remove_user_from_chat" => members::remove_user_from_chat(payload),
        "set_routing_status" => members::set_routing_status(payload),
        "list_routing_statuses" => members::list_routing_statuses(payload),
        "mark_events_as_seen" => chats::mark_events_as_seen(payload),
        "send_typing_indicator" => chats::send_typing_indicator(payload),
        "send_sneak_peek" => chats::send_sneak_peek(payload),
        "update_chat_properties" => properties::update_chat(payload),
        "delete_chat_properties" => properties::delete_chat(payload),
        "update_thread_properties" => properties::update_thread(payload),
        "delete_thread_properties" => properties::delete_thread(payload),
        "update_event_properties" => properties::update_event(payload),
        "delete_event_properties" => properties::delete_event(payload),
        "get_customer" => customer::get_customer(payload),
        "set_customer_session_fields" => customer::set_customer_session_fields(payload),
        "accept_greeting" => greetings::accept_greeting(payload),
        "cancel_greeting" => greetings::cancel_greeting(payload),
        "send_greeting_button_clicked" => greetings::send_greeting_button_clicked(payload),
        "check_goals" => customer::check_goals(payload),
        "ban_customer" => customer::ban_customer(payload),
        "tag_thread" => threads::tag_thread(payload),
        "untag_thread" => threads::untag_thread(payload),
        "send_rich_message_postback" => threads::send_rich_message_postback(payload),
        "delete_event" => threads::delete_event(payload),
        "send_event_preview" => event::send_event_preview(payload),
        "send_thinking_indicator" => chats::send_thinking_indicator(payload),
        "multicast" => multicast::multicast(payload),
        "list_agents_for_transfer" => chats::list_agents_for_transfer(payload),
        "list_group_statuses" => members::list_group_statuses(payload),
        "get_predicted_agent" => payload.nothing(Request::GetPredictedAgent),
        "set_away_status" => members::set_away_status(payload),
        "update_session" => login::update_session(payload),
        "update_customer_page" => visitors::update_customer_page(payload),
        "request_welcome_message" => members::request_welcome_message(payload),
        "get_dynamic_configuration" => widget::get_dynamic_configuration(payload),
        "get_configuration" => widget::get_configuration(payload),
        "get_localization" => widget::get_localization(payload),
        "list_license_properties" => widget::list_license_properties(payload),
        "list_group_properties" => widget::list_group_properties(payload),
        "get_form" => widget::get_form(payload),
        "request_email_verification" => visitors::request_email_verification(payload),
        "get_url_info" => visitors::get_url_info(payload),
        "subscribe_customers" => visitors::subscribe_customers(payload),
        "unsubscribe_customers" => visitors::unsubscribe_customers(payload),
        "update_customer" => customer::update_customer(payload),
        // Every row of the table stands above; a test decodes them all.
        action => Err(WireError::validation(format!("unknown action `{action}`"))),
    }
}

/// A payload on its way to a request.
#[derive(Clone, Copy)]
struct Payload<'a> {
    method: &'static Method,
    text: &'a str,
}

impl<'a> Payload<'a> {
    /// Decodes it, or finds out which parameter is wrong.
    fn read<T: Deserialize<'a>>(self) -> Result<T, WireError> {
        // serde would take an array for a struct.
        if self.text.starts_with('{')
            && let Ok(value) = serde_json::from_str(self.text)
        {
            return Ok(value);
        }
        Err(fault::explain::<T>(self.method, self.text))
    }

    fn nothing(self, request: Request) -> Result<Request, WireError> {
        #[derive(Deserialize)]
        struct Nothing {}
        self.read::<Nothing>().map(|Nothing {}| request)
    }

    fn surface(self) -> Surface {
        self.method.surface
    }
}
