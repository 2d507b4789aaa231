//! The records of decisions, kept for those who ask why.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::domain::id::ChatId;
use crate::domain::routing::DecisionRecord;
use crate::domain::time::Timestamp;

/// Most records of a license; the oldest go first, whatever their age.
const MOST: usize = 50_000;

/// The records of one license, in memory: a restart forgets them.
#[derive(Debug, Default)]
pub(super) struct Explained {
    order: VecDeque<(Timestamp, ChatId)>,
    by_chat: HashMap<ChatId, VecDeque<DecisionRecord>>,
}

impl Explained {
    /// Keeps a record, and lets go of those older than `keep`.
    pub(super) fn add(&mut self, record: DecisionRecord, keep: Duration) {
        let now = record.at;
        self.order.push_back((now, record.chat.clone()));
        self.by_chat.entry(record.chat.clone()).or_default().push_back(record);
        while let Some((at, chat)) = self.order.front() {
            if self.order.len() <= MOST && at.after(keep) > now {
                break;
            }
            if let Some(records) = self.by_chat.get_mut(chat) {
                records.pop_front();
                if records.is_empty() {
                    self.by_chat.remove(chat);
                }
            }
            self.order.pop_front();
        }
    }

    /// The records about a chat that are younger than `keep`, oldest first.
    pub(super) fn of(&self, chat: &ChatId, keep: Duration, now: Timestamp) -> Vec<DecisionRecord> {
        let records = self.by_chat.get(chat).into_iter().flatten();
        records.filter(|record| record.at.after(keep) > now).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::{DecisionId, Outcome, Question, Rule};

    const KEEP: Duration = Duration::from_secs(60);

    fn record(chat: &str, second: i64) -> DecisionRecord {
        DecisionRecord {
            id: DecisionId { epoch: 1, number: 1 },
            at: Timestamp(second * 1_000_000),
            chat: ChatId::new(chat),
            groups: Vec::new(),
            question: Question::Start,
            considered: Vec::new(),
            rule: Rule::NobodyFree,
            outcome: Outcome::Queued(1),
        }
    }

    #[test]
    fn records_are_found_by_chat_until_they_are_old() {
        let mut explained = Explained::default();
        for (chat, second) in [("a", 0), ("b", 10), ("a", 30)] {
            explained.add(record(chat, second), KEEP);
        }
        let seconds = |explained: &Explained, now: i64| {
            let records = explained.of(&ChatId::new("a"), KEEP, Timestamp(now * 1_000_000));
            records.iter().map(|record| record.at.unix_seconds()).collect::<Vec<_>>()
        };
        assert_eq!(seconds(&explained, 31), [0, 30]);
        assert_eq!(seconds(&explained, 61), [30]);
        explained.add(record("b", 95), KEEP);
        assert!(seconds(&explained, 95).is_empty());
        assert_eq!((explained.order.len(), explained.by_chat.len()), (1, 1));
    }

    #[test]
    fn their_number_is_bounded() {
        let mut explained = Explained::default();
        for number in 0..MOST + 5 {
            explained.add(record(&number.to_string(), 0), KEEP);
        }
        assert_eq!((explained.order.len(), explained.by_chat.len()), (MOST, MOST));
    }
}
