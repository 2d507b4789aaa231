//! Pushes about chats as a whole.

use std::borrow::Cow;

use serde::Serialize;

use super::{Rendered, in_chat};
use crate::domain::access::Access;
use crate::domain::chat::Chat;
use crate::domain::id::{ChatId, GroupId, ThreadId, UserId};
use crate::domain::push::{QueuePlace, ThreadEvents, TransferReason, TransferTarget};
use crate::protocol::view::chat::ChatView;
use crate::protocol::view::thread::QueueView;
use crate::protocol::view::{ThreadParts, View, json};

/// From whom or to whom a chat was handed.
#[derive(Serialize)]
pub(in crate::protocol::view) struct Transfer<'a> {
    group_ids: &'a [GroupId],
    agent_ids: Vec<Cow<'a, str>>,
}

#[derive(Serialize)]
struct IncomingChat<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    requester_id: Option<Cow<'a, str>>,
    chat: ChatView<'a>,
    /// Agents have it here, customers inside the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    transferred_from: Option<Transfer<'a>>,
}

#[derive(Serialize)]
struct Deactivated<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct AccessUpdated<'a> {
    id: &'a ChatId,
    access: &'a Access,
}

#[derive(Serialize)]
struct Transferred<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    requester_id: Option<Cow<'a, str>>,
    reason: &'static str,
    transferred_to: Transfer<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueueView>,
}

#[derive(Serialize)]
struct ThreadTag<'a> {
    chat_id: &'a ChatId,
    thread_id: &'a ThreadId,
    tag: &'a str,
}

#[derive(Serialize)]
struct Unfollowed<'a> {
    chat_id: &'a ChatId,
}

impl View<'_> {
    pub(super) fn incoming_chat(
        &self,
        requester: Option<&UserId>,
        chat: &Chat,
        events: &ThreadEvents,
        queue: Option<QueuePlace>,
        transferred_from: Option<&TransferTarget>,
    ) -> Rendered {
        let events = match events {
            ThreadEvents::Given(events) => events.as_slice(),
            ThreadEvents::FromLog => &[],
        };
        let parts =
            chat.thread.as_ref().map(|thread| ThreadParts { thread, events, next_thread_id: None, queue });
        // One rendering serves all readers. Followers get the whole chat by `follow_chat` alone, and then it
        // is the follower who asked.
        let asks_to_follow = transferred_from.is_none()
            && requester.and_then(UserId::agent).is_some_and(|agent| chat.is_followed_by(agent));
        let mut chat_view = self.chat_view(chat, parts, asks_to_follow);
        let mut transferred_from = transferred_from.map(|from| self.transfer(from));
        if self.is_for_customers() {
            chat_view.transferred_from = transferred_from.take();
        }
        // Customers learn nothing of agents who look on unseen.
        let is_shown = |id: &&UserId| chat.user(id).is_none_or(|user| self.shows_user(user));
        let requester_id = requester.filter(is_shown).map(|user| self.user_id(user));
        Some(("incoming_chat", json(&IncomingChat { requester_id, chat: chat_view, transferred_from })))
    }

    pub(super) fn chat_deactivated(
        &self,
        chat: &ChatId,
        thread: &ThreadId,
        user: Option<&UserId>,
    ) -> Rendered {
        let rest = Deactivated { user_id: user.map(|user| self.user_id(user)) };
        in_chat("chat_deactivated", chat, Some(thread), rest)
    }

    pub(super) fn chat_access_updated(&self, chat: &ChatId, access: &Access) -> Rendered {
        self.for_agents("chat_access_updated", &AccessUpdated { id: chat, access })
    }

    pub(super) fn chat_transferred(
        &self,
        (chat, thread): (&ChatId, Option<&ThreadId>),
        requester: Option<&UserId>,
        reason: TransferReason,
        to: &TransferTarget,
        queue: Option<QueuePlace>,
    ) -> Rendered {
        let rest = Transferred {
            requester_id: requester.map(|user| self.user_id(user)),
            reason: match reason {
                TransferReason::Manual => "manual",
                TransferReason::Inactive => "inactive",
                TransferReason::Assigned => "assigned",
                TransferReason::Unassigned => "unassigned",
                TransferReason::Other => "other",
            },
            transferred_to: self.transfer(to),
            queue: queue.map(QueueView::new),
        };
        in_chat("chat_transferred", chat, thread, rest)
    }

    pub(super) fn chat_unfollowed(&self, chat: &ChatId) -> Rendered {
        self.for_agents("chat_unfollowed", &Unfollowed { chat_id: chat })
    }

    pub(super) fn thread_tag(
        &self,
        action: &'static str,
        chat_id: &ChatId,
        thread_id: &ThreadId,
        tag: &str,
    ) -> Rendered {
        self.for_agents(action, &ThreadTag { chat_id, thread_id, tag })
    }

    fn transfer<'t>(&self, target: &'t TransferTarget) -> Transfer<'t> {
        Transfer {
            group_ids: &target.group_ids,
            agent_ids: target.agent_ids.iter().map(|id| self.agent_id(id)).collect(),
        }
    }
}
