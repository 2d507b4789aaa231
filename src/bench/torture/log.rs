//! A chat as both of its sides saw it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::ordeal::Ordeal;
use super::shown;
use crate::bench::audit::Acked;
use crate::bench::client::Watcher;
use crate::bench::wire::Seen;

/// The sides of a chat, the agent comes last. Each numbers every other message.
pub(super) const SIDES: u32 = 2;
pub(super) const AGENT: usize = 1;

/// The push that says that somebody was taken out of a chat.
pub(super) const REMOVAL: &str = "user_removed_from_chat";

/// After a closing that was not answered nobody closes the chat for so long: it may still come about.
const UNSURE: Duration = Duration::from_secs(60);

/// What one connection was told of its chat, from its login to its end.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Whose it is: a place among the sides.
    pub(super) side: usize,
    /// When its login began.
    pub(super) since: Instant,
    /// Messages, in the order in which they came.
    pub(super) heard: Vec<Heard>,
    /// When it was told that somebody was taken out of the chat.
    pub(super) removals: Vec<Instant>,
    /// Whether it has ended.
    pub(super) is_over: bool,
}

impl Stream {
    /// Of a connection that was told nothing yet.
    pub(super) fn new(side: usize, since: Instant) -> Self {
        Self { side, since, heard: Vec::new(), removals: Vec::new(), is_over: false }
    }
}

/// A message that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) seen: Seen,
    /// A hash of the id of the thread in which it was told to be.
    pub(super) thread: u64,
    /// It came with its chat, maybe once more.
    pub(super) is_shown: bool,
    pub(super) at: Instant,
}

/// A message's acknowledgement.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) acked: Acked,
    pub(super) wait: Wait,
}

/// How long somebody waited for something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) from: Instant,
    pub(super) to: Instant,
}

/// How often one side asked for something, by what it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// It was done.
    pub(super) acknowledged: u64,
    /// It was not done, and never will be.
    pub(super) refused: u64,
    /// Anything may have come of it.
    pub(super) unknown: u64,
}

/// What one side did, beside messages that were acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Deeds {
    /// The last number that it used.
    pub(super) last_number: u32,
    pub(super) closings: Asked,
    /// Messages that were said once.
    pub(super) once: Asked,
    /// Those of them that were refused.
    pub(super) refused: Vec<u32>,
    /// Those of which nothing is known.
    pub(super) unknown: Vec<u32>,
    /// Threads that it opened, and the messages they begin with.
    pub(super) openings: Vec<Opening>,
}

/// A thread that was opened, in hashes of the ids that the answer gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) thread: u64,
    pub(super) event: u64,
}

/// Who may close the chat: a message that is said again is known again as long as no more than one thread was opened since
/// it was said first, so nobody closes the chat a second time while the other side says it.
#[derive(Debug, Default)]
struct Closings {
    /// How many were asked for.
    asked: u64,
    under_way: u64,
    /// For each side that waits for an acknowledgement: how many were answered when it began.
    waiting: [Option<u64>; SIDES as usize],
    unsure_until: Option<Instant>,
}

/// A chat as both sides saw it.
pub(super) struct PairLog {
    pub(super) chat: String,
    /// Each side's messages, in the order in which they were said.
    pub(super) acknowledged: [Mutex<Vec<Answer>>; SIDES as usize],
    pub(super) deeds: [Mutex<Deeds>; SIDES as usize],
    pub(super) streams: Mutex<Vec<Stream>>,
    /// Logins of those who came again through another door though nothing was wrong with theirs.
    pub(super) logins: Mutex<Vec<Wait>>,
    /// What sides went through that waited long, each with its place and its message's number.
    pub(super) ordeals: Mutex<Vec<(usize, u32, Ordeal)>>,
    closings: Mutex<Closings>,
}

impl PairLog {
    pub(super) fn new(chat: String) -> Self {
        Self {
            chat,
            acknowledged: Default::default(),
            deeds: Default::default(),
            streams: Mutex::default(),
            logins: Mutex::default(),
            ordeals: Mutex::default(),
            closings: Mutex::default(),
        }
    }

    /// What every connection was told.
    pub(super) fn streams(&self) -> Vec<Stream> {
        self.streams.lock().clone()
    }

    /// What each side did.
    pub(super) fn deeds(&self) -> [Deeds; SIDES as usize] {
        self.deeds.each_ref().map(|deeds| deeds.lock().clone())
    }

    /// What both sides were told to be said.
    pub(super) fn acknowledged(&self) -> Vec<Acked> {
        self.acknowledged
            .iter()
            .flat_map(|side| side.lock().iter().map(|answer| answer.acked).collect::<Vec<_>>())
            .collect()
    }

    /// How long each side waited for each of its messages to be acknowledged.
    pub(super) fn waits(&self) -> impl Iterator<Item = Vec<Wait>> {
        self.acknowledged.iter().map(|side| side.lock().iter().map(|answer| answer.wait).collect())
    }

    /// How long those waited who came again through another door though nothing was wrong with theirs.
    pub(super) fn logins(&self) -> Vec<Wait> {
        self.logins.lock().clone()
    }

    /// Whether both sides got an answer after a moment.
    pub(super) fn goes_on(&self, moment: Instant) -> bool {
        self.acknowledged.iter().all(|side| side.lock().last().is_some_and(|last| last.wait.to >= moment))
    }

    /// Whether all connections that are open were told of the last message of their side, the customer's of both: an agent
    /// may be out of the chat when the customer says something.
    pub(super) fn is_settled(&self) -> bool {
        let last = self.acknowledged.each_ref().map(|side| side.lock().last().copied());
        let streams = self.streams.lock();
        let mut open = streams.iter().filter(|stream| !stream.is_over && !stream.heard.is_empty());
        open.all(|stream| {
            let theirs = if stream.side == AGENT { &last[AGENT..] } else { &last[..] };
            let mut due = theirs.iter().flatten().filter(|answer| answer.wait.to > stream.since);
            due.all(|answer| stream.heard.iter().rev().any(|heard| heard.seen.id == answer.acked.id))
        })
    }

    /// A side begins to say a message that it will say again.
    pub(super) fn waits_for(&self, side: usize) {
        let mut closings = self.closings.lock();
        let answered = closings.asked - closings.under_way;
        closings.waiting[side] = Some(answered);
    }

    /// It was acknowledged, or given up.
    pub(super) fn waits_no_more(&self, side: usize) {
        self.closings.lock().waiting[side] = None;
    }

    /// Whether the chat may be closed now; then it is about to be.
    pub(super) fn begins_to_close(&self) -> bool {
        let mut closings = self.closings.lock();
        let asked = closings.asked;
        let is_free = closings.waiting.iter().flatten().all(|answered| *answered == asked);
        if !is_free || closings.unsure_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        closings.asked += 1;
        closings.under_way += 1;
        true
    }

    /// What became of it is known, or never will be.
    pub(super) fn has_closed(&self, is_known: bool) {
        let mut closings = self.closings.lock();
        closings.under_way -= 1;
        if !is_known {
            closings.unsure_until = Some(Instant::now() + UNSURE);
        }
    }
}

/// Writes down what a connection is told.
pub(super) struct Ear {
    pub(super) log: std::sync::Arc<PairLog>,
    pub(super) stream: usize,
}

impl Watcher for Ear {
    fn push(&mut self, action: &str, payload: &str, at: Instant) {
        if action == REMOVAL && payload.contains(&self.log.chat) {
            self.log.streams.lock()[self.stream].removals.push(at);
            return;
        }
        let Some(told) = shown::told(action, payload, &self.log.chat) else { return };
        let shown::Told { thread, messages, is_chat } = told;
        let heard = messages.into_iter().map(|seen| Heard { seen, thread, is_shown: is_chat, at });
        self.log.streams.lock()[self.stream].heard.extend(heard);
    }

    fn closed(&mut self) {
        self.log.streams.lock()[self.stream].is_over = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_closes_a_chat_twice_while_the_other_side_says_something_again() {
        let log = PairLog::new("C".to_owned());
        log.waits_for(0);
        assert!(log.begins_to_close());
        assert!(!log.begins_to_close());
        log.has_closed(true);
        assert!(!log.begins_to_close(), "it was closed once since");
        log.waits_no_more(0);
        assert!(log.begins_to_close());
        // Who begins while a closing is under way may see it come about.
        log.waits_for(1);
        log.has_closed(true);
        assert!(!log.begins_to_close());
        log.waits_no_more(1);
        assert!(log.begins_to_close());
        log.has_closed(false);
        assert!(!log.begins_to_close(), "the last one may still come about");
    }
}
