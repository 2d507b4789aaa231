//! Pushes about places in the queue.

use serde::Serialize;

use super::Rendered;
use crate::domain::id::{ChatId, ThreadId};
use crate::domain::push::QueuePlace;
use crate::protocol::view::thread::QueueView;
use crate::protocol::view::{View, json};

#[derive(Serialize)]
struct Moved<'a> {
    chat_id: &'a ChatId,
    thread_id: &'a ThreadId,
    queue: QueueView,
}

impl<'a> Moved<'a> {
    fn new(chat_id: &'a ChatId, thread_id: &'a ThreadId, place: QueuePlace) -> Self {
        Self { chat_id, thread_id, queue: QueueView::without_time(place) }
    }
}

impl View<'_> {
    /// Agents see all that moved, as a bare list.
    pub(super) fn queue_positions_updated(&self, places: &[(ChatId, ThreadId, QueuePlace)]) -> Rendered {
        let moved: Vec<_> =
            places.iter().map(|(chat, thread, place)| Moved::new(chat, thread, *place)).collect();
        self.for_agents("queue_positions_updated", &moved)
    }

    /// A customer sees the one chat that is theirs.
    pub(super) fn queue_position_updated(
        &self,
        chat: &ChatId,
        thread: &ThreadId,
        place: QueuePlace,
    ) -> Rendered {
        self.is_for_customers().then(|| ("queue_position_updated", json(&Moved::new(chat, thread, place))))
    }
}
