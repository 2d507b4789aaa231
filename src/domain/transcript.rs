//! Transcripts: what a customer is mailed of a thread that has ended, if they said where to (`routing.transcript_email`).
//!
//! A thread that ends so *owes* its transcript until the mail is out of our hands. What is owed stands among the properties of the
//! chat, in a namespace that nobody can read or write: it goes along into the next thread, and a build that knows nothing of
//! transcripts keeps it.

mod letter;

use std::time::Duration;

use super::change::{Change, Target};
use super::chat::Chat;
use super::id::ThreadId;
use super::properties::{self, Properties, PropertyNames, PropertyValue};
use super::thread::Thread;
use super::time::Timestamp;

pub use letter::Letter;

/// Of properties that are the server's own.
const NAMESPACE: &str = "switchboard.transcripts";
/// How often a thread's customer asked, in the thread's properties.
const REQUESTS: &str = "requests";
/// So often it is told in a thread where its transcript goes; after that it is changed in silence.
const MAX_REQUESTS: i32 = 5;
/// A mail that nobody took for so long is given up.
const GIVE_UP: Duration = Duration::from_secs(24 * 3_600);
/// How soon a mail is tried again, and how late at most; between them it is tried when twice as much time has passed.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3_600));

/// A transcript that is to be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Of which thread.
    pub thread: ThreadId,
    /// To where.
    pub address: String,
    /// When the thread ended.
    pub since: Timestamp,
}

impl Owed {
    /// When it is to be tried again after it failed at this moment; none: it is given up.
    pub fn again(&self, now: Timestamp) -> Option<Timestamp> {
        let age = now.since(self.since);
        (age < GIVE_UP).then(|| now.after(age.clamp(PAUSES.0, PAUSES.1)))
    }
}

/// Where the thread's customer wants its transcript.
pub fn wanted(thread: &Thread) -> Option<&str> {
    match properties::get(&thread.properties, "routing", "transcript_email") {
        Some(PropertyValue::String(address)) if !address.is_empty() => Some(address),
        _ => None,
    }
}

/// The customer asks once more: what counts it; none if they did too often.
pub fn counted_request(thread: &Thread) -> Option<Change> {
    let before = match properties::get(&thread.properties, NAMESPACE, REQUESTS) {
        Some(PropertyValue::Int(count)) => *count,
        _ => 0,
    };
    let count = PropertyValue::Int(before + 1);
    (before < MAX_REQUESTS).then(|| set(Target::Thread(thread.id.clone()), REQUESTS, count))
}

/// The transcript is owed from now on.
pub fn owe(owed: &Owed) -> Change {
    let value = PropertyValue::String(format!("{} {}", owed.since.0, owed.address));
    set(Target::Chat, owed.thread.as_str(), value)
}

/// It is not any more.
pub fn settle(thread: &ThreadId) -> Change {
    let names = PropertyNames::from([(NAMESPACE.to_owned(), vec![thread.as_str().to_owned()])]);
    Change::PropertiesDeleted { target: Target::Chat, names }
}

fn set(target: Target, name: &str, value: PropertyValue) -> Change {
    let mut properties = Properties::new();
    properties::set(&mut properties, NAMESPACE, name, value);
    Change::PropertiesSet { target, properties }
}

/// What the chat owes, of whichever threads.
pub fn owed(chat: &Chat) -> impl Iterator<Item = Owed> {
    let all = chat.properties.get(NAMESPACE).into_iter().flatten();
    all.filter_map(|(thread, value)| {
        let PropertyValue::String(value) = value else { return None };
        let (since, address) = value.split_once(' ')?;
        let since = Timestamp(since.parse().ok()?);
        Some(Owed { thread: ThreadId::new(thread), address: address.to_owned(), since })
    })
}

/// Whether a change is about nothing else than what is owed, or was: nobody is told.
pub fn is_private(change: &Change) -> bool {
    match change {
        Change::PropertiesSet { properties, .. } => is_ours(properties.keys()),
        Change::PropertiesDeleted { names, .. } => is_ours(names.keys()),
        _ => false,
    }
}

fn is_ours<'n>(mut namespaces: impl ExactSizeIterator<Item = &'n String>) -> bool {
    namespaces.len() > 0 && namespaces.all(|namespace| namespace == NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_tried_again_ever_later_and_given_up_after_a_day() {
        let since = Timestamp(1_000_000_000);
        let owed = Owed { thread: ThreadId::new("T"), address: "a@b.example".to_owned(), since };
        let (mut now, mut tries) = (since, 0);
        while let Some(again) = owed.again(now) {
            assert!(again.since(now) >= PAUSES.0 && again.since(now) <= PAUSES.1);
            (now, tries) = (again, tries + 1);
        }
        assert!(now.since(since) >= GIVE_UP && now.since(since) < GIVE_UP + PAUSES.1);
        assert!((20..50).contains(&tries), "{tries}");
    }
}
