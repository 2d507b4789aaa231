//! Chats as their customers are shown them in a list: what was taken back is as if it had never been said.

use std::borrow::Cow;

use crate::actors::chat::Snapshot;
use crate::domain::chat::{Chat, LastEvent};
use crate::domain::event::{Event, EventKind, Visibility};
use crate::protocol::error::WireError;
use crate::protocol::version::Surface;
use crate::requests::pipeline::{Call, Requests};

/// Threads that are read to find what was said before the newest events that were deleted. Most chats have fewer; where the last
/// of a kind is farther away, none is shown.
const MAX_THREADS: usize = 20;

impl Requests {
    /// The chat, to customers with the event before in the place of each that was the last of its kind and was deleted. It is looked
    /// for when somebody asks, since chats keep the last of each kind alone, and few customers take anything back.
    pub(super) async fn as_shown<'s>(
        &self,
        call: &Call<'_>,
        snapshot: &'s Snapshot,
    ) -> Result<Cow<'s, Chat>, WireError> {
        let mut chat = Cow::Borrowed(&snapshot.chat);
        if call.who.surface() == Surface::Agent {
            return Ok(chat);
        }
        let deleted = snapshot.chat.last_public_events.iter().filter(|(_, last)| last.event.deleted);
        let mut wanted: Vec<EventKind> = deleted.clone().map(|(kind, _)| *kind).collect();
        let newest = deleted.map(|(_, last)| last).max_by_key(|last| last.event.created_at);
        let mut next = newest.map(|last| last.event.id.thread.clone());
        let mut left = MAX_THREADS;
        while let Some(id) = next.take().filter(|_| left > 0 && !wanted.is_empty()) {
            let whole = self.thread(call, snapshot, &id).await?;
            let history = &whole.history;
            let Some(thread) = &history.chat.thread else { break };
            wanted.retain(|kind| {
                let event = history.events.iter().rev().find(|event| shows(event, *kind));
                let Some(event) = event.cloned() else { return true };
                let last = LastEvent { thread_created_at: thread.created_at, access: None, event };
                chat.to_mut().last_public_events.insert(*kind, last);
                false
            });
            next = thread.previous_thread_id.clone();
            left -= 1;
        }
        Ok(chat)
    }
}

fn shows(event: &Event, kind: EventKind) -> bool {
    event.body.kind() == kind && event.visibility == Visibility::All && !event.deleted
}
