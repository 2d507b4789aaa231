//! Pushes: the name and payload of each, on the surface that has it.

mod chats;
mod events;
mod groups;
mod license;
mod properties;
mod queue;
mod users;
mod visitors;

use serde::Serialize;

pub(super) use chats::Transfer;

use self::properties::Place;
use super::{View, json};
use crate::domain::id::{ChatId, ThreadId};
use crate::domain::push::PushBody;
use crate::protocol::version::Surface;

/// A push that is ready to be framed: its name and its payload.
type Rendered = Option<(&'static str, String)>;

/// The pushes that there are, on the surface that has them, in the order of the tables.
pub const PUSHES: &[(Surface, &str)] = &[
    (Surface::Agent, "incoming_chat"),
    (Surface::Agent, "chat_deactivated"),
    (Surface::Agent, "chat_access_updated"),
    (Surface::Agent, "chat_transferred"),
    (Surface::Agent, "user_added_to_chat"),
    (Surface::Agent, "user_removed_from_chat"),
    (Surface::Agent, "incoming_event"),
    (Surface::Agent, "event_deleted"),
    (Surface::Agent, "incoming_rich_message_postback"),
    (Surface::Agent, "chat_properties_updated"),
    (Surface::Agent, "chat_properties_deleted"),
    (Surface::Agent, "thread_properties_updated"),
    (Surface::Agent, "thread_properties_deleted"),
    (Surface::Agent, "event_properties_updated"),
    (Surface::Agent, "event_properties_deleted"),
    (Surface::Agent, "thread_tagged"),
    (Surface::Agent, "thread_untagged"),
    (Surface::Agent, "incoming_customers"),
    (Surface::Agent, "incoming_customer"),
    (Surface::Agent, "customer_updated"),
    (Surface::Agent, "customer_page_updated"),
    (Surface::Agent, "customer_statistics_updated"),
    (Surface::Agent, "customer_banned"),
    (Surface::Agent, "customer_transferred"),
    (Surface::Agent, "customer_left"),
    (Surface::Agent, "subscribed_customers_totals_updated"),
    (Surface::Agent, "routing_status_set"),
    (Surface::Agent, "agent_disconnected"),
    (Surface::Agent, "agent_created"),
    (Surface::Agent, "agent_approved"),
    (Surface::Agent, "agent_suspended"),
    (Surface::Agent, "agent_unsuspended"),
    (Surface::Agent, "agent_deleted"),
    (Surface::Agent, "agent_updated"),
    (Surface::Agent, "auto_accesses_updated"),
    (Surface::Agent, "bot_created"),
    (Surface::Agent, "bot_updated"),
    (Surface::Agent, "bot_deleted"),
    (Surface::Agent, "group_created"),
    (Surface::Agent, "group_updated"),
    (Surface::Agent, "group_deleted"),
    (Surface::Agent, "groups_status_updated"),
    (Surface::Agent, "license_properties_updated"),
    (Surface::Agent, "group_properties_updated"),
    (Surface::Agent, "incoming_thinking_indicator"),
    (Surface::Agent, "incoming_typing_indicator"),
    (Surface::Agent, "incoming_sneak_peek"),
    (Surface::Agent, "events_marked_as_seen"),
    (Surface::Agent, "incoming_multicast"),
    (Surface::Agent, "chat_unfollowed"),
    (Surface::Agent, "queue_positions_updated"),
    (Surface::Customer, "incoming_chat"),
    (Surface::Customer, "chat_deactivated"),
    (Surface::Customer, "chat_transferred"),
    (Surface::Customer, "user_added_to_chat"),
    (Surface::Customer, "user_removed_from_chat"),
    (Surface::Customer, "incoming_event_preview"),
    (Surface::Customer, "incoming_event"),
    (Surface::Customer, "event_deleted"),
    (Surface::Customer, "incoming_rich_message_postback"),
    (Surface::Customer, "chat_properties_updated"),
    (Surface::Customer, "chat_properties_deleted"),
    (Surface::Customer, "thread_properties_updated"),
    (Surface::Customer, "thread_properties_deleted"),
    (Surface::Customer, "event_properties_updated"),
    (Surface::Customer, "event_properties_deleted"),
    (Surface::Customer, "customer_updated"),
    (Surface::Customer, "customer_disconnected"),
    (Surface::Customer, "groups_status_updated"),
    (Surface::Customer, "incoming_thinking_indicator"),
    (Surface::Customer, "incoming_typing_indicator"),
    (Surface::Customer, "incoming_multicast"),
    (Surface::Customer, "events_marked_as_seen"),
    (Surface::Customer, "queue_position_updated"),
    (Surface::Customer, "incoming_welcome_message"),
    (Surface::Customer, "incoming_greeting"),
    (Surface::Customer, "greeting_accepted"),
    (Surface::Customer, "greeting_canceled"),
];

impl View<'_> {
    /// The push's name and payload; none where the surface has no such push, or nothing of it may be seen.
    ///
    /// Events that are still to be read from the log are the caller's to put in first; without them the
    /// thread is shown empty.
    pub fn push(&self, body: &PushBody) -> Option<(&'static str, String)> {
        match body {
            PushBody::IncomingChat { requester, chat, events, queue, transferred_from } => {
                self.incoming_chat(requester.as_ref(), chat, events, *queue, transferred_from.as_ref())
            }
            PushBody::ChatDeactivated { chat, thread, user } => {
                self.chat_deactivated(chat, thread, user.as_ref())
            }
            PushBody::ChatAccessUpdated { chat, access } => self.chat_access_updated(chat, access),
            PushBody::ChatTransferred { chat, thread, requester, reason, to, queue } => {
                self.chat_transferred((chat, thread.as_ref()), requester.as_ref(), *reason, to, *queue)
            }
            PushBody::ChatUnfollowed { chat } => self.chat_unfollowed(chat),
            PushBody::UserAddedToChat { chat, thread, user, reason, requester } => {
                self.user_added_to_chat((chat, thread.as_ref()), user, reason, requester.as_ref())
            }
            PushBody::UserRemovedFromChat { chat, thread, user, reason, requester } => {
                self.user_removed_from_chat((chat, thread.as_ref()), user, reason, requester.as_ref())
            }
            PushBody::CustomerUpdated { id, profile, before } => {
                self.customer_updated(id, profile, before.as_deref())
            }
            PushBody::RoutingStatusSet { agent, status } => self.routing_status_set(agent, status),
            PushBody::IncomingEvent { chat, thread, event } => self.incoming_event(chat, thread, event),
            PushBody::EventsMarkedAsSeen { user, chat, seen_up_to } => {
                self.events_marked_as_seen(chat, user, *seen_up_to)
            }
            PushBody::IncomingTypingIndicator { chat, thread, author, visibility, at, is_typing } => {
                self.incoming_typing_indicator((chat, thread), author, *visibility, *at, *is_typing)
            }
            PushBody::IncomingSneakPeek { chat, thread, author, text, at } => {
                self.incoming_sneak_peek((chat, thread), author, text, *at)
            }
            PushBody::ChatPropertiesUpdated { chat, properties } => {
                self.properties_updated("chat_properties_updated", chat, Place::Chat, properties)
            }
            PushBody::ChatPropertiesDeleted { chat, names } => {
                self.properties_deleted("chat_properties_deleted", chat, Place::Chat, names)
            }
            PushBody::ThreadPropertiesUpdated { chat, thread, properties } => {
                self.properties_updated("thread_properties_updated", chat, Place::Thread(thread), properties)
            }
            PushBody::ThreadPropertiesDeleted { chat, thread, names } => {
                self.properties_deleted("thread_properties_deleted", chat, Place::Thread(thread), names)
            }
            PushBody::EventPropertiesUpdated { chat, event, properties } => {
                self.properties_updated("event_properties_updated", chat, Place::Event(event), properties)
            }
            PushBody::EventPropertiesDeleted { chat, event, names } => {
                self.properties_deleted("event_properties_deleted", chat, Place::Event(event), names)
            }
            PushBody::ThreadTagged { chat, thread, tag } => {
                self.thread_tag("thread_tagged", chat, thread, tag)
            }
            PushBody::ThreadUntagged { chat, thread, tag } => {
                self.thread_tag("thread_untagged", chat, thread, tag)
            }
            PushBody::EventDeleted { chat, event } => self.event_deleted(chat, event),
            PushBody::IncomingRichMessagePostback { chat, event, user, postback } => {
                self.incoming_rich_message_postback(chat, event, user, postback)
            }
            PushBody::IncomingThinkingIndicator { chat, thread, author, visibility, at, thought } => {
                self.incoming_thinking_indicator((chat, thread), author, *visibility, *at, thought)
            }
            PushBody::IncomingEventPreview { chat, thread, author, at, text, custom_id } => {
                self.incoming_event_preview((chat, thread), author, *at, text, custom_id.as_deref())
            }
            PushBody::IncomingMulticast { author, content, kind } => {
                self.incoming_multicast(author.as_ref(), content, kind.as_deref())
            }
            PushBody::CustomerBanned { id, days } => self.customer_banned(id, *days),
            PushBody::IncomingWelcomeMessage { id, at, author, text } => {
                self.incoming_welcome_message(id, *at, author, text)
            }
            PushBody::IncomingGreeting { greeting, showing } => self.incoming_greeting(greeting, showing),
            PushBody::GreetingAccepted { unique_id } => self.greeting_told("greeting_accepted", unique_id),
            PushBody::GreetingCanceled { unique_id } => self.greeting_told("greeting_canceled", unique_id),
            PushBody::IncomingCustomer(visitor) => self.incoming_customer(visitor),
            PushBody::CustomerPageUpdated { id, visit, page } => self.customer_page_updated(id, *visit, page),
            PushBody::CustomerStatisticsUpdated(visitor) => self.customer_statistics_updated(visitor),
            PushBody::CustomerTransferred { id, to } => self.customer_transferred(id, *to),
            PushBody::CustomerLeft { id, at } => self.customer_left(id, *at),
            PushBody::LicenseNews(news) => self.license_news(news),
            PushBody::GroupsStatusUpdated { for_agents, for_customers } => {
                self.groups_status_updated(for_agents, for_customers)
            }
            PushBody::QueuePositionsUpdated(places) => self.queue_positions_updated(places),
            PushBody::QueuePositionUpdated { chat, thread, place } => {
                self.queue_position_updated(chat, thread, *place)
            }
        }
    }

    /// For pushes that customers do not have.
    fn for_agents<T: Serialize>(&self, action: &'static str, payload: &T) -> Rendered {
        (!self.is_for_customers()).then(|| (action, json(payload)))
    }
}

/// What most payloads begin with.
#[derive(Serialize)]
struct InChat<'a, T> {
    chat_id: &'a ChatId,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<&'a ThreadId>,
    #[serde(flatten)]
    rest: T,
}

fn in_chat<T: Serialize>(
    action: &'static str,
    chat_id: &ChatId,
    thread_id: Option<&ThreadId>,
    rest: T,
) -> Rendered {
    Some((action, json(&InChat { chat_id, thread_id, rest })))
}
