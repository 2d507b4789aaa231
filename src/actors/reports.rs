//! What the routers have to know of the open chats of this node: the last report of each, kept until the chat is closed
//! and its router knows that.
//!
//! A router on this node is told at once. One elsewhere is sent what it does not know yet, again and again until it has
//! taken note; one that takes over asks for the whole book. So no report is ever lost, and what waits is bounded by the
//! number of open chats.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::Mutex;
use switchboard_cluster::{Epoch, Shard};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::time::Instant;

use super::Actors;
use super::elsewhere::RouterCall;
use super::forward::Owner;
use super::router::{Report, RouterAnswer, RouterQuestion};
use crate::domain::id::{ChatId, LicenseId};

/// Reports sent together.
const AT_ONCE: usize = 256;
/// Before reports that were not taken are sent again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a router may take to note them.
const LIMIT: Duration = Duration::from_secs(5);

/// The books of all licenses.
#[derive(Default)]
pub(super) struct Reports {
    books: DashMap<LicenseId, Arc<Book>>,
}

/// The open chats of one license on this node.
#[derive(Default)]
pub(super) struct Book {
    entries: Mutex<HashMap<ChatId, Entry>>,
    is_sending: AtomicBool,
    /// Decisions of routers of smaller terms are refused.
    floor: AtomicU64,
    /// The floor, and the one before it, for a router whose first answer was lost.
    raised: Mutex<(u64, u64)>,
    /// Held by turns that carry out a router's decision; a new router's question waits for them.
    gate: Arc<RwLock<()>>,
}

struct Entry {
    report: Report,
    shard: Shard,
    /// The term of ours under which the chat said it.
    term: Epoch,
    /// A router that counts has taken note.
    is_known: bool,
}

impl Reports {
    pub(super) fn of(&self, license: LicenseId) -> Arc<Book> {
        if let Some(book) = self.books.get(&license) {
            return book.clone();
        }
        self.books.entry(license).or_default().clone()
    }

    fn all(&self) -> Vec<(LicenseId, Arc<Book>)> {
        self.books.iter().map(|book| (*book.key(), book.value().clone())).collect()
    }

    /// Forgets what chats of a shard said under a term of ours up to this one, which is over.
    pub(super) fn forget(&self, shard: Shard, term: Epoch) {
        for book in &self.books {
            book.entries.lock().retain(|_, entry| entry.shard != shard || entry.term > term);
        }
    }
}

impl Book {
    /// Refuses routers of terms before this one, and waits until nothing that one of them decided is under way. Says which term
    /// was the smallest that counted, if that was an earlier one.
    pub(super) async fn raise_floor(&self, term: u64) -> u64 {
        let (of, earlier) = {
            let mut raised = self.raised.lock();
            let before = self.floor.fetch_max(term, Ordering::SeqCst);
            if before < term {
                *raised = (term, before);
            }
            *raised
        };
        drop(self.gate.write().await);
        if of == term { earlier } else { 0 }
    }

    /// For a turn that is about to carry out a router's decision: as long as it is held, no new router gets an answer.
    pub(super) async fn hold(&self) -> OwnedRwLockReadGuard<()> {
        self.gate.clone().read_owned().await
    }

    /// The smallest term of a router that counts.
    pub(super) fn floor(&self) -> u64 {
        self.floor.load(Ordering::SeqCst)
    }

    /// The last report of every chat in shards that are wanted.
    pub(super) fn all(&self, wanted: impl Fn(Shard) -> bool) -> Vec<Report> {
        let entries = self.entries.lock();
        entries.values().filter(|entry| wanted(entry.shard)).map(|entry| entry.report.clone()).collect()
    }

    fn put(&self, report: &Report, (shard, term): (Shard, Epoch)) {
        let entry = Entry { report: report.clone(), shard, term, is_known: false };
        let mut entries = self.entries.lock();
        // A turn of an earlier term may end after the shard has come back.
        if entries.get(&report.chat).is_none_or(|known| known.term <= term) {
            entries.insert(report.chat.clone(), entry);
        }
    }

    /// What no router knows and one may be told, and whether there is anything that none knows.
    fn unknown(&self, may_be_told: impl Fn(Shard) -> bool) -> (Vec<Report>, bool) {
        let entries = self.entries.lock();
        let mut unknown = entries.values().filter(|entry| !entry.is_known).peekable();
        let is_any = unknown.peek().is_some();
        let told = unknown.filter(|entry| may_be_told(entry.shard)).take(AT_ONCE);
        (told.map(|entry| entry.report.clone()).collect(), is_any)
    }

    /// A router that begins has to hear of one open chat; it asks for the others. Says whether there is one.
    fn tell_one_again(&self) -> bool {
        let mut entries = self.entries.lock();
        let entry = entries.values_mut().find(|entry| entry.report.view.active);
        entry.map(|entry| entry.is_known = false).is_some()
    }

    /// The router knows these; what was reported since, it does not.
    fn known(&self, reports: &[Report]) {
        let mut entries = self.entries.lock();
        for report in reports {
            let Some(entry) = entries.get_mut(&report.chat).filter(|entry| entry.report == *report) else {
                continue;
            };
            entry.is_known = true;
            if !report.view.active {
                entries.remove(&report.chat);
            }
        }
    }
}

impl Actors {
    /// Notes what a chat is, whose shard is ours under a term, and lets its router know.
    pub(super) fn report(self: &Arc<Self>, license: LicenseId, report: Report, held: (Shard, Epoch)) {
        let book = self.reports.of(license);
        book.put(&report, held);
        if let Some(router) = self.local_router(license) {
            router.report(report.clone());
            book.known(std::slice::from_ref(&report));
        } else {
            self.send_soon(license, book);
        }
    }

    /// Has the routers begin that have another owner now, of all licenses with open chats here: a router begins when it is
    /// spoken with, and it may be that nobody else has anything to say to it.
    pub(super) fn begin_routers(self: &Arc<Self>, moved: &HashSet<Shard>) {
        for (license, book) in self.reports.all() {
            if moved.contains(&self.router_shard(license)) && book.tell_one_again() {
                self.send_soon(license, book);
            }
        }
    }

    fn send_soon(self: &Arc<Self>, license: LicenseId, book: Arc<Book>) {
        if !book.is_sending.swap(true, Ordering::SeqCst) {
            let actors = self.clone();
            self.spawn(async move { actors.send_reports(license, &book).await });
        }
    }

    /// Sends what the license's router does not know until there is nothing.
    async fn send_reports(self: &Arc<Self>, license: LicenseId, book: &Book) {
        loop {
            let router_shard = self.router_shard(license);
            let owner = self.owner(router_shard);
            let (reports, is_any) = book.unknown(|shard| self.may_be_told(shard));
            if !is_any {
                book.is_sending.store(false, Ordering::SeqCst);
                // Whoever reported in between left the sending to this task.
                if !book.unknown(|_| false).1 || book.is_sending.swap(true, Ordering::SeqCst) {
                    return;
                }
                continue;
            }
            if !reports.is_empty() && self.was_noted(license, book, &reports).await {
                book.known(&reports);
            } else {
                self.owner_changes(router_shard, owner, Instant::now() + PAUSE).await;
            }
        }
    }

    /// Whether it would be noticed here if the router that takes note of a chat of the shard were one that was superseded.
    fn may_be_told(&self, shard: Shard) -> bool {
        let term = self.parts.ownership.epoch(shard);
        term.is_none_or(|term| self.shards.is_entered(shard, term))
    }

    async fn was_noted(self: &Arc<Self>, license: LicenseId, book: &Book, reports: &[Report]) -> bool {
        self.is_noted(license, book, RouterQuestion::Reports(reports.to_vec()), LIMIT).await
    }

    /// Tells the license's router something, on whatever node it is. Says whether one that counts took note in time.
    pub(super) async fn is_noted(
        self: &Arc<Self>,
        license: LicenseId,
        book: &Book,
        question: RouterQuestion,
        within: Duration,
    ) -> bool {
        let answer = match self.router_owner(license) {
            Owner::Here(_) => match self.local_router(license) {
                Some(router) => router.answer(question).await.ok(),
                None => None,
            },
            Owner::There(node) => {
                let since = self.since(self.router_shard(license), node);
                let call = RouterCall { license, question, since };
                self.parts.elsewhere.router(node, &call, within).await.ok()
            }
            Owner::Unknown => None,
        };
        // One that was superseded may still answer.
        matches!(answer, Some(RouterAnswer::Noted { term }) if self.router_counts(license, book, term))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_router_that_asks_again_hears_of_the_same_one_before_it() {
        let book = Book::default();
        assert_eq!(book.raise_floor(3).await, 0);
        assert_eq!(book.raise_floor(7).await, 3);
        assert_eq!(book.raise_floor(7).await, 3, "the first answer may have been lost");
        assert_eq!(book.raise_floor(5).await, 0, "it was superseded");
        assert_eq!(book.raise_floor(7).await, 3);
        assert_eq!(book.floor(), 7);
    }
}
