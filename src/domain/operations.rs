//! Idempotent sends: the same author, `custom_id` and body among the last 1,000 events is the same operation.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::event::{Event, NewEvent};
use super::id::{EventId, UserId};

const REMEMBERED_EVENTS: usize = 1_000;

type Key = (UserId, Arc<str>, u64);

/// The operations of a chat's last 1,000 events, over this and the previous thread. Rebuilt from the log.
#[derive(Clone, Debug, Default)]
pub struct RecentOperations {
    by_key: HashMap<Key, EventId>,
    order: VecDeque<Option<Key>>,
}

impl RecentOperations {
    /// Remembers an event that was added to the chat. Events without `custom_id` only push older ones out.
    pub fn remember(&mut self, event: &Event) {
        let key = match (&event.author, &event.custom_id) {
            (Some(author), Some(custom_id)) => Some((author.clone(), custom_id.clone(), event.fingerprint())),
            _ => None,
        };
        if let Some(key) = &key {
            self.by_key.insert(key.clone(), event.id.clone());
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED_EVENTS
            && let Some(Some(oldest)) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }

    /// The event that an equal send made before, if it is remembered.
    pub fn find(&self, author: &UserId, event: &NewEvent) -> Option<&EventId> {
        let custom_id = event.custom_id.as_ref()?;
        self.by_key.get(&(author.clone(), custom_id.clone(), event.fingerprint()))
    }
}
