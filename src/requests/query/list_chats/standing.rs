//! Where chats stand in a walk through a list of them.
//!
//! A list is ordered by the chats' last threads, so a chat that gets another one moves. For whoever is walking it must not:
//! it would be skipped, or seen again. So a walk has a moment, and a chat stands in it by its last thread that began up to
//! then; one that is younger by its first. Neither changes, however many threads follow.
//!
//! A thread that began just before that moment may become visible only after it: it has to be stored, and another node's clock
//! may be behind. So the moment lies a little in the past, and the few chats that moved since are named with the places at
//! which the first page found them.

use serde::{Deserialize, Serialize};

use crate::actors::chat::ChatEntry;
use crate::domain::id::ChatId;

/// Chats that are named at most; of more, those that moved last.
pub(super) const MAX_MOVED: usize = 16;

/// The order of one walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Threads that began later move no chat (µs).
    as_of: i64,
    /// Chats that stand by a later thread, with its beginning (µs).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    moved: Vec<(ChatId, i64)>,
}

impl Standing {
    /// As the list is now.
    pub(super) fn by_last_thread() -> Self {
        Self { as_of: i64::MAX, moved: Vec::new() }
    }

    /// A walk that begins. `moved` has the chats that were found at the place of a thread, not their first, that began after
    /// `settled`: those that moved last come first.
    pub(super) fn since(settled: i64, mut moved: Vec<(ChatId, i64)>) -> Self {
        let as_of = moved.get(MAX_MOVED).map_or(settled, |(_, begun)| (*begun).max(settled));
        moved.retain(|(_, begun)| *begun > as_of);
        Self { as_of, moved }
    }

    /// The place of a chat, by the beginnings of its threads, the last one first.
    pub(super) fn place(&self, chat: &ChatId, begun: impl IntoIterator<Item = i64>) -> Option<i64> {
        if let Some(place) = self.named(chat) {
            return Some(place);
        }
        let mut first = None;
        for begun in begun {
            first = Some(begun);
            if begun <= self.as_of {
                break;
            }
        }
        first
    }

    /// Whether threads before this one, begun then, matter to the chat's place.
    pub(super) fn asks_before(&self, chat: &ChatId, number: u32, begun: i64) -> bool {
        number > 1 && begun > self.as_of && self.named(chat).is_none()
    }

    /// Whether a chat can stand at the place of this row, as far as the row tells.
    pub(super) fn may_stand(&self, chat: &ChatId, position: i64, entry: ChatEntry) -> bool {
        if let Some(place) = self.named(chat) {
            return place == position;
        }
        if position > self.as_of {
            return entry.number.is_none_or(|number| number == 1);
        }
        entry.next_at.is_none_or(|next| next.0 > self.as_of)
    }

    fn named(&self, chat: &ChatId) -> Option<i64> {
        self.moved.iter().find(|(named, _)| named == chat).map(|(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::domain::time::Timestamp;

    /// A license's chats as a store holds them.
    #[derive(Default)]
    struct World {
        now: i64,
        /// Threads of each chat, oldest first.
        threads: BTreeMap<ChatId, Vec<i64>>,
        /// Threads that began and are not stored yet.
        coming: Vec<(ChatId, i64)>,
        index: BTreeMap<(i64, ChatId), ChatEntry>,
    }

    impl World {
        /// A thread of the chat begins. It is stored now, or later, but before the chat gets another.
        fn begin(&mut self, chat: usize, is_slow: bool) {
            self.now += 1;
            let chat = ChatId::new(format!("C{chat}"));
            if self.coming.iter().any(|(coming, _)| *coming == chat) {
                return;
            }
            match is_slow {
                true => self.coming.push((chat, self.now)),
                false => self.store(chat, self.now),
            }
        }

        fn store(&mut self, chat: ChatId, begun: i64) {
            let threads = self.threads.entry(chat.clone()).or_default();
            if let Some(last) = threads.last() {
                let left = self.index.get_mut(&(*last, chat.clone())).expect("a row of the last thread");
                left.next_at = Some(Timestamp(begun));
            }
            threads.push(begun);
            let entry = ChatEntry { number: Some(threads.len() as u32), next_at: None };
            self.index.insert((begun, chat), entry);
        }

        /// What is under way is stored at the latest when its delay is over.
        fn settle(&mut self, delay: i64) {
            let late = self.now - delay;
            let (due, coming) = std::mem::take(&mut self.coming).into_iter().partition(|(_, at)| *at <= late);
            self.coming = coming;
            let due: Vec<_> = due;
            due.into_iter().for_each(|(chat, begun)| self.store(chat, begun));
        }

        fn standing(&self, delay: i64) -> Standing {
            let settled = self.now - delay;
            let moved = |((at, chat), entry): (&(i64, ChatId), &ChatEntry)| {
                let moved = *at > settled && entry.next_at.is_none() && entry.number != Some(1);
                moved.then(|| (chat.clone(), *at))
            };
            Standing::since(settled, self.index.iter().rev().filter_map(moved).collect())
        }

        /// The next chats behind a place, and whether there may be more.
        fn page(
            &self,
            standing: &Standing,
            after: Option<&(i64, ChatId)>,
            descending: bool,
            limit: usize,
        ) -> Vec<(i64, ChatId)> {
            let rows: Box<dyn Iterator<Item = _>> = match descending {
                true => Box::new(self.index.iter().rev()),
                false => Box::new(self.index.iter()),
            };
            let behind = |place: &(i64, ChatId)| match after {
                None => true,
                Some(after) if descending => place < after,
                Some(after) => place > after,
            };
            let stands = |(at, chat): &(i64, ChatId), entry: &ChatEntry| {
                let threads = &self.threads[chat];
                let (number, last) = (threads.len(), threads[threads.len() - 1]);
                let begun = match standing.asks_before(chat, number as u32, last) {
                    true => threads.clone(),
                    false => vec![last],
                };
                let is_place = standing.place(chat, begun.into_iter().rev()) == Some(*at);
                assert!(!is_place || standing.may_stand(chat, *at, *entry), "a row hides its chat");
                is_place
            };
            rows.filter(|(place, entry)| behind(place) && stands(place, entry))
                .map(|(place, _)| place.clone())
                .take(limit)
                .collect()
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Begin { chat: usize, is_slow: bool },
        Page { limit: usize },
        Turn,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..12_usize, any::<bool>()).prop_map(|(chat, is_slow)| Step::Begin { chat, is_slow }),
            3 => (1..4_usize).prop_map(|limit| Step::Page { limit }),
            1 => Just(Step::Turn),
        ]
    }

    const DELAY: i64 = 5;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// Somebody walks through the list to its end while threads begin, and turns round on the way: from where they turn,
        /// and from end to end, they meet each chat that there was exactly once, in order.
        #[test]
        fn nothing_is_skipped_or_seen_again(
            before in prop::collection::vec((0..12_usize, any::<bool>()), 1..30),
            steps in prop::collection::vec(step(), 0..40),
            descending in any::<bool>(),
        ) {
            let mut world = World::default();
            for (chat, is_slow) in before {
                world.begin(chat, is_slow);
                world.settle(DELAY);
            }
            let (standing, known) = (world.standing(DELAY), world.threads.keys().cloned().collect::<BTreeSet<_>>());
            let mut at: Option<(i64, ChatId)> = None;
            let (mut descends, mut seen, mut turned) = (descending, Vec::new(), false);
            let take = |world: &World, at: &mut Option<(i64, ChatId)>, seen: &mut Vec<_>, descends, limit| {
                let page = world.page(&standing, at.as_ref(), descends, limit);
                *at = page.last().cloned().or(at.take());
                let is_end = page.is_empty();
                seen.extend(page);
                is_end
            };
            for step in steps {
                match step {
                    Step::Begin { chat, is_slow } => world.begin(chat, is_slow),
                    Step::Page { limit } => { take(&world, &mut at, &mut seen, descends, limit); }
                    Step::Turn => {
                        let leg = std::mem::take(&mut seen);
                        check(&leg, descends);
                        descends = !descends;
                        turned = true;
                    }
                }
                world.settle(DELAY);
            }
            while !take(&world, &mut at, &mut seen, descends, 3) {}
            check(&seen, descends);
            // Then from this end to the other.
            if turned {
                (at, seen) = (None, Vec::new());
                descends = !descends;
                while !take(&world, &mut at, &mut seen, descends, 3) {}
                check(&seen, descends);
            }
            let met: BTreeSet<ChatId> = seen.into_iter().map(|(_, chat)| chat).collect();
            prop_assert!(known.is_subset(&met), "{:?} of {:?}", met, known);
        }
    }

    /// In order, each chat once.
    fn check(seen: &[(i64, ChatId)], descends: bool) {
        let in_order =
            seen.windows(2).all(|pair| if descends { pair[0] > pair[1] } else { pair[0] < pair[1] });
        let chats: BTreeSet<&ChatId> = seen.iter().map(|(_, chat)| chat).collect();
        assert!(in_order && chats.len() == seen.len(), "{seen:?}");
    }

    fn chat(name: &str) -> ChatId {
        ChatId::new(name)
    }

    #[test]
    fn a_chat_stands_by_its_last_thread_of_the_walks_time_or_by_its_first() {
        let walk = Standing::since(10, Vec::new());
        for (threads, place) in [(&[3, 8][..], 8), (&[3, 8, 11], 8), (&[3, 10], 10), (&[11, 12], 11)] {
            assert_eq!(walk.place(&chat("C"), threads.iter().rev().copied()), Some(place), "{threads:?}");
        }
        assert_eq!(walk.place(&chat("C"), []), None);
        assert_eq!(Standing::by_last_thread().place(&chat("C"), [12, 11]), Some(12));
    }

    #[test]
    fn of_many_chats_that_moved_the_last_are_named_and_the_walk_is_of_the_time_before_them() {
        let moved = |count: i64| (0..count).map(|n| (chat(&format!("C{n}")), 1_000 - n)).collect::<Vec<_>>();
        let few = Standing::since(10, moved(3));
        assert_eq!((few.as_of, few.moved.len()), (10, 3));
        let many = Standing::since(10, moved(500));
        assert_eq!((many.as_of, many.moved.len()), (1_000 - MAX_MOVED as i64, MAX_MOVED));
        assert_eq!(many.place(&chat("C1"), [2_000, 5]), Some(999));
        assert_eq!(many.place(&chat("C400"), [2_000, 600, 5]), Some(600));
    }

    #[test]
    fn a_row_of_an_earlier_build_hides_nothing() {
        let walk = Standing::since(10, Vec::new());
        for position in [5, 15] {
            assert!(walk.may_stand(&chat("C"), position, ChatEntry::read(b"1")));
        }
        let left = |next_at: i64| ChatEntry { number: Some(1), next_at: Some(Timestamp(next_at)) };
        assert!(walk.may_stand(&chat("C"), 5, left(11)) && !walk.may_stand(&chat("C"), 5, left(10)));
        assert_eq!(ChatEntry::read(&left(11).body()), left(11));
    }
}
