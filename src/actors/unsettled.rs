//! What may or may not have been stored of chats, and may still arrive.
//!
//! A node that lost a shard may have it again while a turn of the former term still waits for the store: either term keeps what
//! is its own.

use std::collections::HashMap;

use parking_lot::Mutex;
use switchboard_cluster::{Epoch, Shard};

use super::ChatKey;
use crate::store::Append;

/// By chat, the last of them: at most one of a term, since nothing else is stored before it is known.
#[derive(Default)]
pub(super) struct Unsettled(Mutex<HashMap<ChatKey, Append>>);

impl Unsettled {
    /// Nobody knows what became of this. What is of a former term loses against whatever is stored under the present one.
    pub(super) fn keep(&self, chat: &ChatKey, append: Append) {
        let mut all = self.0.lock();
        if all.get(chat).is_none_or(|kept| kept.epoch <= append.epoch) {
            all.insert(chat.clone(), append);
        }
    }

    /// What is to be sent again before the chat is read under this term.
    pub(super) fn of(&self, chat: &ChatKey, term: Epoch) -> Option<Append> {
        self.0.lock().get(chat).filter(|append| append.epoch == term).cloned()
    }

    /// It is known what became of it.
    pub(super) fn settled(&self, chat: &ChatKey, term: Epoch) {
        let mut all = self.0.lock();
        if all.get(chat).is_some_and(|append| append.epoch <= term) {
            all.remove(chat);
        }
    }

    /// A term is over.
    pub(super) fn forget(&self, shard: Shard, term: Epoch) {
        self.0.lock().retain(|_, append| append.shard != shard || append.epoch > term);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ChatId, LicenseId, ThreadId};
    use crate::store::LogKey;

    #[test]
    fn a_turn_of_a_former_term_that_ends_late_takes_nothing_from_the_present_one() {
        let (unsettled, shard) = (Unsettled::default(), Shard(3));
        let (license, chat) = (LicenseId(1), ChatId::new("C"));
        let log = LogKey { license, thread: ThreadId::new("T") };
        let key = ChatKey { license, chat };
        let of = |term| {
            let (rows, index) = (Vec::new(), Vec::new());
            Append { shard, epoch: Epoch(term), log: log.clone(), first_seq: 1, rows, index }
        };
        let is_kept = |term| unsettled.of(&key, Epoch(term)).is_some();
        unsettled.keep(&key, of(2));
        unsettled.keep(&key, of(1));
        assert!(is_kept(2) && !is_kept(1));
        unsettled.settled(&key, Epoch(1));
        unsettled.forget(shard, Epoch(1));
        assert!(is_kept(2));
        unsettled.settled(&key, Epoch(2));
        assert!(!is_kept(2));
        unsettled.keep(&key, of(2));
        unsettled.forget(Shard(4), Epoch(3));
        assert!(is_kept(2));
        unsettled.forget(shard, Epoch(2));
        assert!(!is_kept(2));
    }
}
