//! Idempotent sends: the same author, `custom_id` and body among the last 1,000 events is the same operation.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::event::{Event, NewEvent};
use super::id::{EventId, ThreadId, UserId};

const REMEMBERED_EVENTS: usize = 1_000;

/// System messages have no author.
type Key = (Option<UserId>, Arc<str>, u64);

/// The operations of a chat's last 1,000 events, over this and the previous thread. Rebuilt from the log.
#[derive(Clone, Debug, Default)]
pub struct RecentOperations {
    by_key: HashMap<Key, EventId>,
    order: VecDeque<(EventId, Option<Key>)>,
}

impl RecentOperations {
    /// Remembers an event that was added to the chat. Events without `custom_id` only push older ones out.
    pub fn remember(&mut self, event: &Event) {
        self.forget_older_threads(&event.id.thread);
        let key = event.custom_id.as_ref().map(|custom_id| {
            let key = (event.author.clone(), custom_id.clone(), event.fingerprint());
            // The first of several equals is the one that a repeated send is answered with.
            self.by_key.entry(key.clone()).or_insert_with(|| event.id.clone());
            key
        });
        self.order.push_back((event.id.clone(), key));
        if self.order.len() > REMEMBERED_EVENTS {
            self.forget_first();
        }
    }

    /// The event that an equal send made before, if it is remembered. `author` is none for system messages.
    pub fn find(&self, author: Option<&UserId>, event: &NewEvent) -> Option<&EventId> {
        let custom_id = event.custom_id.as_ref()?;
        self.by_key.get(&(author.cloned(), custom_id.clone(), event.fingerprint()))
    }

    /// With the first event of a thread, only the thread before it still counts: as after a reload.
    fn forget_older_threads(&mut self, thread: &ThreadId) {
        let Some(previous) = self.order.back().map(|(id, _)| id.thread.clone()) else { return };
        if previous == *thread {
            return;
        }
        while self.order.front().is_some_and(|(id, _)| id.thread != previous) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((id, Some(key))) = self.order.pop_front()
            && self.by_key.get(&key) == Some(&id)
        {
            self.by_key.remove(&key);
        }
    }
}
