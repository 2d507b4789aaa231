//! What happened to a chat: the content of the rows of its threads' logs.
//!
//! Every durable change is a row of the log of the thread that it belongs to, mostly the chat's last one. What is told of an
//! earlier thread is a row of the last one's log, too, where it changes nothing: by that it is told again to those who missed it.
//! The first row of a thread holds the whole chat, so that a chat is rebuilt from its last thread alone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::chat::Chat;
use super::customer::CustomerProfile;
use super::event::Event;
use super::id::{AgentId, CustomerId, EventId, ThreadId, UserId};
use super::properties::{Properties, PropertyNames};
use super::time::Timestamp;
use super::user::ChatUser;

/// One thing that happened. Applied by [`Chat::apply`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A thread was opened (active or not): the chat as it is from here on.
    ThreadOpened(Box<Chat>),
    /// An event was added to the last thread.
    EventAdded(Arc<Event>),
    /// A user came into the chat, or came back, or changed visibility.
    UserAdded(ChatUser),
    /// A user left; they stay listed as absent.
    UserRemoved(UserId),
    /// The thread was given to an agent, who is in the chat by the same row.
    Assigned(AgentId),
    /// The thread began to wait for an agent.
    Queued(Timestamp),
    /// The thread stopped waiting.
    Dequeued(Timestamp),
    /// An agent who has not answered yet showed that they will: came in, looked, or types.
    Attended(Timestamp),
    /// The customer's last connection is gone.
    CustomerLeft(Timestamp),
    /// The customer is connected again.
    CustomerCame,
    /// The groups that the chat is open to.
    AccessSet(Access),
    /// Properties were set; others stay.
    PropertiesSet {
        /// Of what.
        target: Target,
        /// The ones that were set.
        properties: Properties,
    },
    /// Properties were removed.
    PropertiesDeleted {
        /// Of what.
        target: Target,
        /// The ones that were named.
        names: PropertyNames,
    },
    /// A user has seen everything up to a moment.
    Seen {
        /// Who.
        user: UserId,
        /// The moment.
        up_to: Timestamp,
    },
    /// An agent follows the chat.
    Followed(AgentId),
    /// An agent stopped following.
    Unfollowed(AgentId),
    /// The customer's profile changed.
    CustomerUpdated {
        /// Who.
        id: CustomerId,
        /// As it is now.
        profile: CustomerProfile,
    },
    /// The active thread was closed.
    ThreadClosed(Timestamp),
    /// A thread got a label.
    Tagged {
        /// Which thread.
        thread: ThreadId,
        /// The label.
        tag: String,
    },
    /// A thread lost a label.
    Untagged {
        /// Which thread.
        thread: ThreadId,
        /// The label.
        tag: String,
    },
    /// A user pressed a button of a rich message.
    PostbackToggled {
        /// The rich message.
        event: EventId,
        /// `postback_id` of the button.
        button: String,
        /// Who.
        user: UserId,
        /// On or off.
        on: bool,
    },
    /// An event was taken back by its author.
    EventDeleted(EventId),
}

impl Change {
    /// The thread that it is of, where it names one: maybe not the last.
    pub fn named_thread(&self) -> Option<&ThreadId> {
        match self {
            Self::Tagged { thread, .. } | Self::Untagged { thread, .. } => Some(thread),
            Self::PropertiesSet { target, .. } | Self::PropertiesDeleted { target, .. } => match target {
                Target::Chat => None,
                Target::Thread(thread) => Some(thread),
                Target::Event(event) => Some(&event.thread),
            },
            Self::PostbackToggled { event, .. } | Self::EventDeleted(event) => Some(&event.thread),
            _ => None,
        }
    }
}

/// What properties belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The chat.
    Chat,
    /// One of its threads.
    Thread(ThreadId),
    /// One of its events.
    Event(EventId),
}
