//! The audit: every acknowledged event is found once and in order, at every receiver and in what is stored.
//!
//! In a chat messages are numbered by their sender, one number each. What was acknowledged is known by number and by
//! the id that the answer gave; readers and `list_threads` are compared with that.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::wire::Seen;

/// A message that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acked {
    /// Its number in the chat.
    pub(super) number: u32,
    /// A hash of the id that the answer gave.
    pub(super) id: u64,
}

/// One chat, as its senders, its readers and its store saw it.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// What was acknowledged, in the order of the answers.
    pub(super) acknowledged: Vec<Acked>,
    /// What each reader got, in order; a reader gets the messages of everybody, their own too.
    pub(super) readers: Vec<Vec<Seen>>,
    /// What each of those got who were there for a part of the chat, in order: what they were shown when they came, then
    /// what was pushed to them. Between their first and last message none may be missing.
    pub(super) visitors: Vec<Vec<Seen>>,
    /// What `list_threads` shows, in order.
    pub(super) stored: Vec<Seen>,
    /// How many take turns in numbering: messages whose numbers differ by a multiple of this are of one sender, and
    /// must be stored in the order of their numbers.
    pub(super) senders: u32,
}

/// What an audit found, over all chats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// Messages that readers got.
    pub pushed: u64,
    /// Messages that are stored.
    pub stored: u64,
    /// Acknowledged, and not stored.
    pub lost: u64,
    /// Acknowledged, and not pushed to a reader.
    pub not_pushed: u64,
    /// Stored, or pushed to one reader, more than once.
    pub doubled: u64,
    /// Stored in another order than they were sent in, or pushed to a reader in another order than they are stored in.
    pub out_of_order: u64,
    /// Pushed and not stored, or stored under another id than was acknowledged.
    pub made_up: u64,
}

impl Findings {
    /// Whether everything was as promised.
    pub fn is_clean(&self) -> bool {
        self.lost + self.not_pushed + self.doubled + self.out_of_order + self.made_up == 0
    }

    /// Adds the findings of more chats.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.pushed += other.pushed;
        self.stored += other.stored;
        self.lost += other.lost;
        self.not_pushed += other.not_pushed;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.made_up += other.made_up;
    }
}

impl std::fmt::Display for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { acknowledged, pushed, stored, .. } = self;
        if self.is_clean() {
            return write!(f, "clean: {acknowledged} acknowledged, {pushed} pushed, {stored} stored");
        }
        write!(
            f,
            "FAILED: of {acknowledged} acknowledged {} are lost, {} were not pushed; {} doubled, {} out of order, \
             {} made up",
            self.lost, self.not_pushed, self.doubled, self.out_of_order, self.made_up
        )
    }
}

/// Looks at one chat.
pub(super) fn examine(evidence: &Evidence) -> Findings {
    let Evidence { acknowledged, readers, visitors, stored, senders } = evidence;
    let mut found = Findings {
        acknowledged: acknowledged.len() as u64,
        stored: stored.len() as u64,
        ..Findings::default()
    };
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut numbers: HashSet<u32> = HashSet::new();
    for (place, seen) in stored.iter().enumerate() {
        let again = places.insert(seen.id, place).is_some();
        // A message stored under two ids is doubled as well.
        let number_again = seen.number.is_some_and(|number| !numbers.insert(number));
        found.doubled += u64::from(again || number_again);
    }
    for acked in acknowledged {
        match places.get(&acked.id) {
            None => found.lost += 1,
            Some(place) if stored[*place].number != Some(acked.number) => {
                found.made_up += 1;
                // Another message stands under its id, so it may be nowhere.
                found.lost += u64::from(!numbers.contains(&acked.number));
            }
            Some(_) => {}
        }
    }
    examine_order(acknowledged, *senders, &places, &mut found);
    for reader in readers {
        let got = examine_reader(reader, &places, &mut found);
        found.not_pushed += acknowledged.iter().filter(|acked| !got.contains(&acked.id)).count() as u64;
    }
    for visitor in visitors {
        let got = examine_reader(visitor, &places, &mut found);
        let stay = || got.iter().filter_map(|id| places.get(id).copied());
        let (Some(first), Some(last)) = (stay().min(), stay().max()) else { continue };
        found.not_pushed += stored[first..=last].iter().filter(|seen| !got.contains(&seen.id)).count() as u64;
    }
    found
}

fn examine_order(acknowledged: &[Acked], senders: u32, places: &HashMap<u64, usize>, found: &mut Findings) {
    let mut by_number = acknowledged.to_vec();
    by_number.sort_unstable_by_key(|acked| acked.number);
    let mut last: HashMap<u32, usize> = HashMap::new();
    for acked in by_number {
        let Some(place) = places.get(&acked.id) else { continue };
        let sender = acked.number % senders.max(1);
        if last.insert(sender, *place).is_some_and(|last| last > *place) {
            found.out_of_order += 1;
        }
    }
}

/// Looks at the order of what one reader got, and tells what it was.
fn examine_reader(reader: &[Seen], places: &HashMap<u64, usize>, found: &mut Findings) -> HashSet<u64> {
    found.pushed += reader.len() as u64;
    let mut got = HashSet::new();
    let mut last = None;
    for seen in reader {
        if !got.insert(seen.id) {
            found.doubled += 1;
            continue;
        }
        let Some(place) = places.get(&seen.id) else {
            found.made_up += 1;
            continue;
        };
        if last.is_some_and(|last| last > *place) {
            found.out_of_order += 1;
        }
        last = last.max(Some(*place));
    }
    got
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u32) -> Seen {
        Seen { number: Some(number), id: 100 + u64::from(number) }
    }

    fn all(numbers: &[u32]) -> Vec<Seen> {
        numbers.iter().map(|number| seen(*number)).collect()
    }

    fn one_sender() -> Evidence {
        Evidence { senders: 1, ..Evidence::default() }
    }

    fn chat(stored: &[u32], reader: &[u32]) -> Findings {
        let acknowledged = [1, 2, 3].map(|number| Acked { number, id: 100 + u64::from(number) }).to_vec();
        examine(&Evidence {
            acknowledged,
            readers: vec![all(reader), all(&[1, 2, 3])],
            stored: all(stored),
            senders: 1,
            ..Evidence::default()
        })
    }

    #[test]
    fn what_is_as_promised_is_clean() {
        let found = chat(&[1, 2, 3], &[1, 2, 3]);
        assert!(found.is_clean(), "{found}");
        assert_eq!((found.acknowledged, found.pushed, found.stored), (3, 6, 3));
    }

    #[test]
    fn an_event_that_was_never_acknowledged_may_be_there_or_not() {
        let acknowledged = vec![Acked { number: 1, id: 101 }];
        let evidence =
            Evidence { acknowledged, readers: vec![all(&[1, 2])], stored: all(&[1, 2]), ..one_sender() };
        assert!(examine(&evidence).is_clean());
    }

    #[test]
    fn every_way_to_break_the_promise_is_found() {
        assert_eq!(chat(&[1, 3], &[1, 3]).lost, 1);
        assert_eq!(chat(&[1, 2, 3], &[1, 3]).not_pushed, 1);
        assert_eq!(chat(&[1, 2, 3], &[1, 2, 2, 3]).doubled, 1);
        assert_eq!(chat(&[1, 2, 3], &[1, 3, 2]).out_of_order, 1);
        assert_eq!(chat(&[1, 2, 3], &[1, 2, 3, 4]).made_up, 1);
        let mut twice = all(&[1, 2, 3]);
        twice.push(Seen { number: Some(2), id: 999 });
        let acknowledged = vec![Acked { number: 2, id: 102 }];
        assert_eq!(examine(&Evidence { acknowledged, stored: twice, ..one_sender() }).doubled, 1);
    }

    #[test]
    fn messages_of_one_sender_are_stored_in_the_order_of_sending() {
        let acknowledged: Vec<Acked> =
            (1..=4).map(|number| Acked { number, id: 100 + u64::from(number) }).collect();
        let stored = all(&[2, 1, 4, 3]);
        let evidence = Evidence { acknowledged, stored, senders: 2, ..Evidence::default() };
        assert!(examine(&evidence).is_clean());
        assert_eq!(examine(&Evidence { senders: 1, ..evidence }).out_of_order, 2);
    }

    #[test]
    fn an_answer_that_names_another_event_is_found() {
        let acknowledged = vec![Acked { number: 1, id: 102 }];
        let found = examine(&Evidence { acknowledged, stored: all(&[1, 2]), ..one_sender() });
        assert_eq!((found.made_up, found.lost), (1, 0));
    }

    #[test]
    fn a_message_whose_place_another_one_took_is_lost() {
        let acknowledged = vec![Acked { number: 1, id: 101 }, Acked { number: 2, id: 102 }];
        let stored = vec![seen(1), Seen { number: Some(3), id: 102 }];
        let found = examine(&Evidence { acknowledged, stored, ..one_sender() });
        assert_eq!((found.made_up, found.lost), (1, 1));
    }

    #[test]
    fn who_stays_for_a_while_gets_all_of_that_while() {
        let visit = |got: &[u32]| {
            examine(&Evidence { visitors: vec![all(got)], stored: all(&[1, 2, 3, 4]), ..one_sender() })
        };
        assert!(visit(&[2, 3]).is_clean() && visit(&[]).is_clean());
        assert_eq!(visit(&[1, 2, 4]).not_pushed, 1);
        assert_eq!(visit(&[3, 2]).out_of_order, 1);
        assert_eq!(visit(&[2, 3, 3]).doubled, 1);
        assert_eq!(visit(&[4, 5]).made_up, 1);
    }
}
