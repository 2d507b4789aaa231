//! Idempotent sends: the same author, `custom_id` and body among the last 1,000 events is the same operation.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::event::{Event, NewEvent};
use super::id::{EventId, ThreadId, UserId};

const REMEMBERED_EVENTS: usize = 1_000;
/// Forgotten ones that are kept for a while, so that what made them forgotten can be taken back.
const KEPT_BACK: u64 = 256;

/// System messages have no author.
type Key = (Option<UserId>, Arc<str>, u64);

/// The operations of a chat's last 1,000 events, over this and the previous thread. Rebuilt from the log.
#[derive(Clone, Debug, Default)]
pub struct RecentOperations {
    by_key: HashMap<Key, EventId>,
    /// The last events, after some that are forgotten. With the key of those that `by_key` had.
    order: VecDeque<(EventId, Option<Key>)>,
    /// How many were ever forgotten.
    forgotten: u64,
    /// How many of those are not kept any more.
    dropped: u64,
}

/// A moment in the memory of operations.
#[derive(Clone, Copy, Debug)]
pub struct OperationsMark {
    remembered: u64,
    forgotten: u64,
}

impl RecentOperations {
    /// Remembers an event that was added to the chat. Events without `custom_id` only push older ones out.
    pub fn remember(&mut self, event: &Event) {
        self.forget_older_threads(&event.id.thread);
        let key = event.custom_id.as_ref().and_then(|custom_id| {
            let key = (event.author.clone(), custom_id.clone(), event.fingerprint());
            // The first of several equals is the one that a repeated send is answered with.
            if self.by_key.contains_key(&key) {
                return None;
            }
            self.by_key.insert(key.clone(), event.id.clone());
            Some(key)
        });
        self.order.push_back((event.id.clone(), key));
        if self.order.len() - self.first() > REMEMBERED_EVENTS {
            self.forget_first();
        }
    }

    /// The event that an equal send made before, if it is remembered. `author` is none for system messages.
    pub fn find(&self, author: Option<&UserId>, event: &NewEvent) -> Option<&EventId> {
        let custom_id = event.custom_id.as_ref()?;
        self.by_key.get(&(author.cloned(), custom_id.clone(), event.fingerprint()))
    }

    /// This moment, to come back to.
    pub fn mark(&self) -> OperationsMark {
        OperationsMark { remembered: self.dropped + self.order.len() as u64, forgotten: self.forgotten }
    }

    /// Takes back what was remembered since a mark. False if too much was forgotten since then: then nothing is right here
    /// any more.
    pub fn take_back(&mut self, mark: OperationsMark) -> bool {
        if self.dropped > mark.forgotten {
            return false;
        }
        while self.dropped + self.order.len() as u64 > mark.remembered {
            if let Some((_, Some(key))) = self.order.pop_back() {
                self.by_key.remove(&key);
            }
        }
        while self.forgotten > mark.forgotten {
            self.forgotten -= 1;
            if let Some((id, Some(key))) = self.order.get(self.first()) {
                self.by_key.insert(key.clone(), id.clone());
            }
        }
        true
    }

    /// Where those begin that are not forgotten.
    fn first(&self) -> usize {
        (self.forgotten - self.dropped) as usize
    }

    /// With the first event of a thread, only the thread before it still counts: as after a reload.
    fn forget_older_threads(&mut self, thread: &ThreadId) {
        let Some(previous) = self.order.back().map(|(id, _)| id.thread.clone()) else { return };
        if previous == *thread {
            return;
        }
        while self.order.get(self.first()).is_some_and(|(id, _)| id.thread != previous) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, Some(key))) = self.order.get(self.first()) {
            self.by_key.remove(key);
        }
        self.forgotten += 1;
        if self.forgotten - self.dropped > KEPT_BACK {
            self.order.pop_front();
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{EventBody, Visibility};
    use super::super::properties::Properties;
    use super::super::time::Timestamp;
    use super::*;

    fn sent(text: &str) -> NewEvent {
        NewEvent {
            custom_id: Some(text.into()),
            visibility: Visibility::default(),
            properties: Properties::default(),
            author: None,
            body: EventBody::Message { text: text.to_owned(), postback: None },
        }
    }

    /// The event of a thread with this number, whose text says which.
    fn event(number: u64, text: &str) -> Event {
        let NewEvent { custom_id, visibility, properties, body, .. } = sent(text);
        let id = EventId { thread: ThreadId::new("T"), number };
        let created_at = Timestamp::default();
        Event { id, custom_id, created_at, author: None, visibility, properties, deleted: false, body }
    }

    fn number_of(operations: &RecentOperations, text: &str) -> Option<u64> {
        operations.find(None, &sent(text)).map(|id| id.number)
    }

    #[test]
    fn what_is_taken_back_was_never_sent_and_what_was_before_still_counts() {
        let mut operations = RecentOperations::default();
        operations.remember(&event(1, "a"));
        let mark = operations.mark();
        operations.remember(&event(2, "a"));
        operations.remember(&event(3, "b"));
        assert!(operations.take_back(mark));
        assert_eq!(number_of(&operations, "a"), Some(1));
        assert_eq!(number_of(&operations, "b"), None);
        operations.remember(&event(2, "b"));
        assert_eq!(number_of(&operations, "b"), Some(2));
    }

    #[test]
    fn what_a_batch_made_forgotten_is_remembered_again_once_it_is_taken_back() {
        const BATCH: u64 = 64;
        let mut operations = RecentOperations::default();
        // Every third event is the same as one long before.
        let text = |number: u64| {
            if number.is_multiple_of(3) { (number % 600).to_string() } else { format!("n{number}") }
        };
        let all = |operations: &RecentOperations, last: u64| -> Vec<Option<u64>> {
            (1..=last).map(|number| number_of(operations, &text(number))).collect()
        };
        for first in (1..=3_000).step_by(BATCH as usize) {
            let (before, mark) = (all(&operations, 3_100), operations.mark());
            let kept = operations.clone();
            for number in first..first + BATCH {
                operations.remember(&event(number, &text(number)));
            }
            assert!(operations.take_back(mark));
            assert_eq!(all(&operations, 3_100), before);
            operations = kept;
            for number in first..first + BATCH {
                operations.remember(&event(number, &text(number)));
            }
        }
        assert_eq!(number_of(&operations, "n1"), None);
    }

    #[test]
    fn what_was_forgotten_long_ago_is_not_had_again() {
        let mut operations = RecentOperations::default();
        let mark = operations.mark();
        for number in 1..=REMEMBERED_EVENTS as u64 + KEPT_BACK + 1 {
            operations.remember(&event(number, &number.to_string()));
        }
        assert!(!operations.take_back(mark));
    }
}
