//! What is told, and to whom (`audience.md`). How it looks is the `protocol` room's business.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::chat::Chat;
use super::customer::CustomerProfile;
use super::event::{Event, Json, Visibility};
use super::greeting::{Greeting, Showing};
use super::id::{AgentId, ChatId, CustomerId, EventId, GroupId, ThreadId, UserId};
use super::license_news::LicenseNews;
use super::properties::{Properties, PropertyNames};
use super::routing::{CustomerGroupStatus, GroupStatus};
use super::text::{self, Text};
use super::time::Timestamp;
use super::user::ChatUser;
use super::visit::{VisitPage, Visitor};
use super::watch::Watched;

/// Something to tell, and to whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Push {
    /// What.
    pub body: PushBody,
    /// To whom.
    pub to: Audience,
}

/// The users of one license whose sessions get a push. The empty audience is nobody.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Audience {
    /// These agents: members and followers.
    pub agents: Vec<AgentId>,
    /// Every agent who is in one of these groups, too.
    pub groups: Vec<GroupId>,
    /// But not who would be reached by this audience, which got another push instead.
    pub except: Option<Box<Audience>>,
    /// These customers.
    pub customers: Vec<CustomerId>,
    /// Every customer who is connected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_customers: bool,
    /// Every agent's connection that watches this customer, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchers: Option<Box<Watched>>,
}

impl Audience {
    /// Does it reach this agent, who is a member of `groups` (group 0 is implied)?
    pub fn reaches_agent(&self, agent: &AgentId, groups: impl IntoIterator<Item = GroupId> + Clone) -> bool {
        let named = self.agents.contains(agent);
        let by_group = !self.groups.is_empty()
            && (self.groups.contains(&GroupId::ALL)
                || groups.clone().into_iter().any(|group| self.groups.contains(&group)));
        (named || by_group) && !self.except.as_ref().is_some_and(|except| except.reaches_agent(agent, groups))
    }

    /// Every agent and every customer of the license.
    pub fn everybody() -> Self {
        Self { all_customers: true, ..Self::all_agents() }
    }

    /// Every agent of the license.
    pub fn all_agents() -> Self {
        Self { groups: vec![GroupId::ALL], ..Self::default() }
    }
}

/// Who or what a chat was handed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferTarget {
    /// Groups.
    pub group_ids: Vec<GroupId>,
    /// Agents.
    pub agent_ids: Vec<AgentId>,
}

/// Why a chat was handed on (protocol: `chat_transferred.reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum TransferReason {
    Manual,
    Inactive,
    Assigned,
    Unassigned,
    Other,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    /// From 1.
    pub position: u32,
    /// Estimate, seconds.
    pub wait_time: u64,
    /// When the waiting began.
    pub queued_at: Option<Timestamp>,
}

/// What is told; a variant a push of the protocol, by its 3.6 name. Those of what operators change are [`LicenseNews`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum PushBody {
    IncomingChat {
        requester: Option<UserId>,
        chat: Box<Chat>,
        events: ThreadEvents,
        queue: Option<QueuePlace>,
        transferred_from: Option<TransferTarget>,
    },
    ChatDeactivated {
        chat: ChatId,
        thread: ThreadId,
        user: Option<UserId>,
    },
    ChatAccessUpdated {
        chat: ChatId,
        access: Access,
    },
    ChatTransferred {
        chat: ChatId,
        thread: Option<ThreadId>,
        requester: Option<UserId>,
        reason: TransferReason,
        to: TransferTarget,
        queue: Option<QueuePlace>,
    },
    UserAddedToChat {
        chat: ChatId,
        thread: Option<ThreadId>,
        user: Box<ChatUser>,
        #[serde(deserialize_with = "text::known")]
        reason: Text,
        requester: Option<UserId>,
    },
    UserRemovedFromChat {
        chat: ChatId,
        thread: Option<ThreadId>,
        user: UserId,
        #[serde(deserialize_with = "text::known")]
        reason: Text,
        requester: Option<UserId>,
    },
    IncomingEvent {
        chat: ChatId,
        thread: ThreadId,
        event: Arc<Event>,
    },
    ChatPropertiesUpdated {
        chat: ChatId,
        properties: Properties,
    },
    ChatPropertiesDeleted {
        chat: ChatId,
        names: PropertyNames,
    },
    ThreadPropertiesUpdated {
        chat: ChatId,
        thread: ThreadId,
        properties: Properties,
    },
    ThreadPropertiesDeleted {
        chat: ChatId,
        thread: ThreadId,
        names: PropertyNames,
    },
    EventPropertiesUpdated {
        chat: ChatId,
        event: EventId,
        properties: Properties,
    },
    EventPropertiesDeleted {
        chat: ChatId,
        event: EventId,
        names: PropertyNames,
    },
    EventsMarkedAsSeen {
        user: UserId,
        chat: ChatId,
        seen_up_to: Timestamp,
    },
    IncomingTypingIndicator {
        chat: ChatId,
        thread: ThreadId,
        author: UserId,
        visibility: Visibility,
        at: Timestamp,
        is_typing: bool,
    },
    IncomingSneakPeek {
        chat: ChatId,
        thread: ThreadId,
        author: UserId,
        text: String,
        at: Timestamp,
    },
    ChatUnfollowed {
        chat: ChatId,
    },
    CustomerUpdated {
        id: CustomerId,
        profile: CustomerProfile,
        /// What those who are told saw until then: only what differs is told. None: they saw nothing of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Box<CustomerProfile>>,
    },
    RoutingStatusSet {
        agent: AgentId,
        #[serde(deserialize_with = "text::known")]
        status: Text,
    },
    /// Groups whose status changed, for the one side and for the other.
    GroupsStatusUpdated {
        for_agents: Vec<(GroupId, GroupStatus)>,
        for_customers: Vec<(GroupId, CustomerGroupStatus)>,
    },
    QueuePositionsUpdated(Vec<(ChatId, ThreadId, QueuePlace)>),
    QueuePositionUpdated {
        chat: ChatId,
        thread: ThreadId,
        place: QueuePlace,
    },
    ThreadTagged {
        chat: ChatId,
        thread: ThreadId,
        tag: String,
    },
    ThreadUntagged {
        chat: ChatId,
        thread: ThreadId,
        tag: String,
    },
    EventDeleted {
        chat: ChatId,
        event: EventId,
    },
    IncomingRichMessagePostback {
        chat: ChatId,
        event: EventId,
        user: UserId,
        postback: Pressed,
    },
    IncomingThinkingIndicator {
        chat: ChatId,
        thread: ThreadId,
        author: UserId,
        visibility: Visibility,
        at: Timestamp,
        thought: Thought,
    },
    IncomingEventPreview {
        chat: ChatId,
        thread: ThreadId,
        author: UserId,
        at: Timestamp,
        text: String,
        custom_id: Option<Arc<str>>,
    },
    IncomingMulticast {
        author: Option<UserId>,
        content: Json,
        kind: Option<String>,
    },
    CustomerBanned {
        id: CustomerId,
        days: u32,
    },
    /// A message in an agent's name, outside of any chat.
    IncomingWelcomeMessage {
        id: String,
        at: Timestamp,
        author: AgentId,
        text: String,
    },
    IncomingGreeting {
        greeting: Box<Greeting>,
        showing: Showing,
    },
    GreetingAccepted {
        unique_id: String,
    },
    GreetingCanceled {
        unique_id: String,
    },
    IncomingCustomer(Box<Visitor>),
    CustomerPageUpdated {
        id: CustomerId,
        /// The number of the visit, from 1.
        visit: u32,
        page: VisitPage,
    },
    CustomerStatisticsUpdated(Box<Visitor>),
    CustomerTransferred {
        id: CustomerId,
        to: GroupId,
    },
    CustomerLeft {
        id: CustomerId,
        at: Timestamp,
    },
    LicenseNews(Box<LicenseNews>),
}

impl PushBody {
    /// Whether it says what somebody is doing at this moment, and stands in no log.
    pub fn is_fleeting(&self) -> bool {
        matches!(
            self,
            Self::IncomingTypingIndicator { .. }
                | Self::IncomingSneakPeek { .. }
                | Self::IncomingThinkingIndicator { .. }
                | Self::IncomingEventPreview { .. }
        )
    }
}

/// A button of a rich message that was pressed, as its presser tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressed {
    /// `postback_id` of the button.
    pub id: String,
    /// On or off.
    pub toggled: bool,
    /// The button's type.
    pub button_type: Option<String>,
    /// The button's value.
    pub button_value: Option<String>,
    /// For the ecommerce template.
    pub ecommerce: Option<Json>,
}

/// What somebody who prepares an answer lets be known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thought {
    /// Heading.
    pub title: Option<String>,
    /// More.
    pub description: Option<String>,
    /// Ties it to the event that it leads to.
    pub custom_id: Option<String>,
}

/// The events that go with a chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadEvents {
    /// These.
    Given(Vec<Arc<Event>>),
    /// Those of the chat's last thread, to be read from its log before the push goes out.
    FromLog,
}
