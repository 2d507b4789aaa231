//! Idempotent sends: the same author, `custom_id` and body among the last 10,000 events is the same operation.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::event::{Event, NewEvent};
use super::id::{EventId, ThreadId, UserId};

/// Whoever has no answer may wait for many seconds before they say it again, while somebody else writes hundreds a second.
const REMEMBERED_EVENTS: u64 = 10_000;
/// Forgotten operations that are kept for a while, so that what made them forgotten can be taken back.
const KEPT_BACK: usize = 256;

/// System messages have no author.
type Key = (Option<UserId>, Arc<str>, u64);

/// The operations of a chat's last 10,000 events, over this and the previous thread. Rebuilt from the log, of the previous thread
/// from its end.
#[derive(Clone, Debug, Default)]
pub struct RecentOperations {
    by_key: HashMap<Key, EventId>,
    /// What `by_key` has, by the places of its events, after some that are forgotten. Events without `custom_id` are counted
    /// and cost nothing.
    order: VecDeque<Operation>,
    /// How many of the first are forgotten.
    forgotten: usize,
    extent: Extent,
    /// Those before this place are not kept any more.
    kept_from: u64,
}

#[derive(Clone, Debug)]
struct Operation {
    place: u64,
    key: Key,
    event: EventId,
}

/// Which events count: a place is how many events were there before.
#[derive(Clone, Debug, Default)]
struct Extent {
    /// The place of the next event.
    next: u64,
    /// The first event of the thread before the last.
    previous_thread: u64,
    /// The last thread, and its first event.
    last_thread: Option<(ThreadId, u64)>,
}

impl Extent {
    /// One more event. With the first event of a thread, only the thread before it still counts: as after a reload.
    fn extend(&mut self, thread: &ThreadId) {
        match &self.last_thread {
            Some((last, _)) if last == thread => {}
            last => {
                self.previous_thread = last.as_ref().map_or(self.next, |(_, first)| *first);
                self.last_thread = Some((thread.clone(), self.next));
            }
        }
        self.next += 1;
    }

    /// The first event that counts.
    fn first(&self) -> u64 {
        self.next.saturating_sub(REMEMBERED_EVENTS).max(self.previous_thread)
    }
}

/// A moment in the memory of operations.
#[derive(Clone, Debug)]
pub struct OperationsMark(Extent);

impl RecentOperations {
    /// Remembers an event that was added to the chat. Events without `custom_id` only push older ones out.
    pub fn remember(&mut self, event: &Event) {
        let place = self.extent.next;
        self.extent.extend(&event.id.thread);
        self.forget();
        let Some(custom_id) = &event.custom_id else { return };
        let key = (event.author.clone(), custom_id.clone(), event.fingerprint());
        // The first of several equals is the one that a repeated send is answered with.
        if let Entry::Vacant(vacant) = self.by_key.entry(key.clone()) {
            vacant.insert(event.id.clone());
            self.order.push_back(Operation { place, key, event: event.id.clone() });
        }
    }

    /// The event that an equal send made before, if it is remembered. `author` is none for system messages.
    pub fn find(&self, author: Option<&UserId>, event: &NewEvent) -> Option<&EventId> {
        let custom_id = event.custom_id.as_ref()?;
        self.by_key.get(&(author.cloned(), custom_id.clone(), event.fingerprint()))
    }

    /// This moment, to come back to.
    pub fn mark(&self) -> OperationsMark {
        OperationsMark(self.extent.clone())
    }

    /// Takes back what was remembered since a mark. False if too much was forgotten since then: then nothing is right here
    /// any more.
    pub fn take_back(&mut self, OperationsMark(extent): OperationsMark) -> bool {
        if self.kept_from > extent.first() {
            return false;
        }
        while let Some(operation) = self.order.pop_back_if(|operation| operation.place >= extent.next) {
            self.by_key.remove(&operation.key);
        }
        self.extent = extent;
        self.forgotten = self.forgotten.min(self.order.len());
        while let Some(before) = self.forgotten.checked_sub(1) {
            let Operation { place, key, event } = &self.order[before];
            if *place < self.extent.first() {
                break;
            }
            self.by_key.insert(key.clone(), event.clone());
            self.forgotten = before;
        }
        true
    }

    /// Forgets what does not count any more. What was forgotten is kept for a while.
    fn forget(&mut self) {
        let first = self.extent.first();
        while let Some(operation) = self.order.get(self.forgotten).filter(|operation| operation.place < first)
        {
            self.by_key.remove(&operation.key);
            self.forgotten += 1;
        }
        while self.forgotten > KEPT_BACK {
            self.kept_from = self.order.pop_front().map_or(self.kept_from, |operation| operation.place + 1);
            self.forgotten -= 1;
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
        Event {
            id,
            custom_id,
            created_at,
            author: None,
            client: None,
            visibility,
            properties,
            deleted: false,
            body,
        }
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
            // Not all of so many.
            (1..=last).step_by(17).map(|number| number_of(operations, &text(number))).collect()
        };
        let last = REMEMBERED_EVENTS + 2_000;
        for first in (1..=last).step_by(BATCH as usize) {
            let (before, mark) = (all(&operations, last), operations.mark());
            let kept = operations.clone();
            for number in first..first + BATCH {
                operations.remember(&event(number, &text(number)));
            }
            assert!(operations.take_back(mark));
            assert_eq!(all(&operations, last), before);
            operations = kept;
            for number in first..first + BATCH {
                operations.remember(&event(number, &text(number)));
            }
        }
        assert_eq!(number_of(&operations, "n1"), None);
    }

    #[test]
    fn with_a_new_thread_only_the_one_before_it_still_counts() {
        let mut operations = RecentOperations::default();
        let in_thread = |thread: &str, number: u64, text: &str| {
            let event = event(number, text);
            Event { id: EventId { thread: ThreadId::new(thread), number }, ..event }
        };
        operations.remember(&in_thread("A", 1, "a"));
        operations.remember(&in_thread("B", 1, "b"));
        assert_eq!((number_of(&operations, "a"), number_of(&operations, "b")), (Some(1), Some(1)));
        let mark = operations.mark();
        operations.remember(&in_thread("C", 1, "c"));
        assert_eq!((number_of(&operations, "a"), number_of(&operations, "b")), (None, Some(1)));
        assert!(operations.take_back(mark));
        assert_eq!((number_of(&operations, "a"), number_of(&operations, "c")), (Some(1), None));
    }

    #[test]
    fn events_without_a_name_of_their_own_push_older_ones_out_and_are_not_kept() {
        let mut operations = RecentOperations::default();
        operations.remember(&event(1, "a"));
        let nameless = |number| Event { custom_id: None, ..event(number, "b") };
        (2..=REMEMBERED_EVENTS).for_each(|number| operations.remember(&nameless(number)));
        assert_eq!((number_of(&operations, "a"), operations.order.len()), (Some(1), 1));
        operations.remember(&nameless(REMEMBERED_EVENTS + 1));
        assert_eq!(number_of(&operations, "a"), None);
    }

    #[test]
    fn what_was_forgotten_long_ago_is_not_had_again() {
        let mut operations = RecentOperations::default();
        let mark = operations.mark();
        for number in 1..=REMEMBERED_EVENTS + KEPT_BACK as u64 + 1 {
            operations.remember(&event(number, &number.to_string()));
        }
        assert!(!operations.take_back(mark));
    }
}
