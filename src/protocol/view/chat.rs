//! Structures `Chat` and `ChatSummary`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::EventView;
use super::properties::Readable;
use super::push::Transfer;
use super::thread::{ThreadHead, ThreadView};
use super::user::Users;
use super::{ThreadParts, View, json};
use crate::domain::access::Access;
use crate::domain::chat::Chat;
use crate::domain::event::Visibility;
use crate::domain::id::{AgentId, ChatId, ThreadId};
use crate::domain::properties::Properties;
use crate::domain::property_definitions::Location;
use crate::domain::push::QueuePlace;
use crate::protocol::time::Rfc3339;

/// A chat with one of its threads.
#[derive(Serialize)]
pub(super) struct ChatView<'a> {
    id: &'a ChatId,
    users: Users<'a>,
    properties: Readable<'a, Properties>,
    access: &'a Access,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<ThreadView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_followed: Option<bool>,
    /// Customers' `incoming_chat` has it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transferred_from: Option<Transfer<'a>>,
}

#[derive(Serialize)]
struct Summary<'a> {
    id: &'a ChatId,
    users: Users<'a>,
    properties: Readable<'a, Properties>,
    access: &'a Access,
    last_event_per_type: BTreeMap<&'static str, LastEvent<'a>>,
    #[serde(flatten)]
    thread: LastThread<'a>,
}

#[derive(Serialize)]
struct LastEvent<'a> {
    thread_id: &'a ThreadId,
    thread_created_at: Rfc3339,
    event: ShownEvent<'a>,
}

/// What was said in an earlier thread may be for the groups of that thread alone.
#[derive(Serialize)]
#[serde(untagged)]
enum ShownEvent<'a> {
    Whole(EventView<'a>),
    Restricted { restricted_access: &'static str },
}

/// Why an event is not shown.
const NO_ACCESS: &str = "no access to the thread";

/// The surfaces say different things about the last thread.
#[derive(Serialize)]
#[serde(untagged)]
enum LastThread<'a> {
    Agents {
        #[serde(skip_serializing_if = "Option::is_none")]
        last_thread_summary: Option<ThreadHead<'a>>,
        is_followed: bool,
    },
    Customers {
        #[serde(skip_serializing_if = "Option::is_none")]
        last_thread_id: Option<&'a ThreadId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_thread_created_at: Option<Rfc3339>,
        active: bool,
    },
}

impl<'a> View<'a> {
    /// A chat with one of its threads: `get_chat`. `reader` is the agent who asks.
    pub fn chat(&self, chat: &Chat, thread: Option<ThreadParts<'_>>, reader: Option<&AgentId>) -> String {
        json(&self.chat_view(chat, thread, reader.is_some_and(|agent| chat.is_followed_by(agent))))
    }

    /// A chat with one of its threads, as archives show it: `list_archives`; `accessible` are the threads before and after it
    /// that the reader may see.
    pub fn archived_chat(
        &self,
        chat: &Chat,
        thread: ThreadParts<'_>,
        accessible: (Option<&ThreadId>, Option<&ThreadId>),
        reader: Option<&AgentId>,
    ) -> String {
        let is_followed = reader.is_some_and(|agent| chat.is_followed_by(agent));
        let mut view = self.chat_view(chat, Some(thread), is_followed);
        if let Some(view) = &mut view.thread {
            (view.previous_accessible_thread_id, view.next_accessible_thread_id) = accessible;
        }
        json(&view)
    }

    pub(super) fn chat_view<'c>(
        &self,
        chat: &'c Chat,
        thread: Option<ThreadParts<'c>>,
        is_followed: bool,
    ) -> ChatView<'c>
    where
        'a: 'c,
    {
        ChatView {
            id: &chat.id,
            users: Users { view: *self, chat },
            properties: self.chat_properties(chat),
            access: &chat.access,
            thread: thread.map(|parts| self.thread_view(parts)),
            is_followed: (!self.is_for_customers()).then_some(is_followed),
            transferred_from: None,
        }
    }

    /// A chat in a list: `list_chats`, agents' `login`. `reader` is the agent who asks; `sees` says whether they see what was
    /// said in an earlier thread of these groups.
    pub fn chat_summary(
        &self,
        chat: &Chat,
        reader: Option<&AgentId>,
        queue: Option<QueuePlace>,
        sees: impl Fn(&Access) -> bool,
    ) -> String {
        let visibility = if self.is_for_customers() { Visibility::All } else { Visibility::Agents };
        let last_events = chat.last_events(visibility);
        let thread = chat.thread.as_ref();
        let last_thread = if self.is_for_customers() {
            LastThread::Customers {
                last_thread_id: thread.map(|thread| &thread.id),
                last_thread_created_at: thread.map(|thread| Rfc3339(thread.created_at)),
                active: chat.active_thread().is_some(),
            }
        } else {
            LastThread::Agents {
                last_thread_summary: thread.map(|thread| self.thread_head(thread, &[], queue)),
                is_followed: reader.is_some_and(|agent| chat.is_followed_by(agent)),
            }
        };
        json(&Summary {
            id: &chat.id,
            users: Users { view: *self, chat },
            properties: self.chat_properties(chat),
            access: &chat.access,
            last_event_per_type: last_events
                .into_iter()
                .filter(|(_, last)| self.shows(&last.event))
                .map(|(kind, last)| {
                    let event = if last.access.as_ref().is_none_or(&sees) {
                        ShownEvent::Whole(EventView { view: *self, event: &last.event })
                    } else {
                        ShownEvent::Restricted { restricted_access: NO_ACCESS }
                    };
                    let last = LastEvent {
                        thread_id: &last.event.id.thread,
                        thread_created_at: Rfc3339(last.thread_created_at),
                        event,
                    };
                    (kind.as_str(), last)
                })
                .collect(),
            thread: last_thread,
        })
    }

    fn chat_properties<'c>(&self, chat: &'c Chat) -> Readable<'c, Properties>
    where
        'a: 'c,
    {
        Readable { view: *self, location: Location::Chat, properties: &chat.properties }
    }
}
