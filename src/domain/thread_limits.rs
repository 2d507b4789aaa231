//! How much a thread may hold. Whoever opens a chat reads its thread whole, so that one without a bound would let one customer
//! fill the memory of a node.
//!
//! Two counts are bounded: events, and bytes of everything that was stored since the thread was opened. Both follow from the
//! changes alone ([`Chat::apply`] keeps them), so that a chat that was read again from its log has them as they were. What the
//! chat was when the thread was opened does not count: it is bounded by itself, and a full thread can always be followed by an
//! empty one.
//!
//! A full thread refuses with `limit_reached`: both tables of errors have it for "creating or changing the resource would pass a
//! limit", and that is so until the thread is closed. `entity_too_large` is said of what was sent, and `too_many_requests` clears
//! by itself; nothing is wrong with a parameter either.

mod size;

use size::json_size;

use super::change::Change;
use super::chat::Chat;
use super::command::{Caller, Command, Context, Decision, Subject};
use super::rejection::Rejection;
use super::thread::Thread;

/// What a change counts beside what it says: each has its place in a log, and its object in the memory of who reads it.
const CHANGE: u64 = 128;

/// How much a thread may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadLimits {
    /// `limits.thread_events`
    pub events: u64,
    /// `limits.thread_bytes`
    pub bytes: u64,
}

/// What a command asks of a thread that may be full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it ends the thread, or the server does it, and then nobody can make it do so again and again.
    Nothing,
    /// Some of what is kept back beyond the limits, so that a full thread can be handed on, read, and rid of things.
    Reserve,
    /// Room within the limits: it says or sets something.
    Room,
}

/// How much a thread holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Events.
    pub events: u64,
    /// Bytes of all changes since it was opened.
    pub bytes: u64,
}

impl Need {
    /// What a command needs.
    pub fn of(command: &Command, caller: &Caller) -> Self {
        match command {
            _ if matches!(caller, Caller::Server) => Self::Nothing,
            Command::StartChat(_)
            | Command::ResumeChat(_)
            | Command::SendEvent(_)
            | Command::UpdateProperties(_)
            | Command::TagThread(_)
            | Command::SendRichMessagePostback(_) => Self::Room,
            Command::DeleteProperties(_)
            | Command::UntagThread(_)
            | Command::DeleteEvent(_)
            | Command::TransferChat(_)
            | Command::AddUserToChat(_)
            | Command::RemoveUserFromChat(_)
            | Command::FollowChat(_)
            | Command::UnfollowChat(_)
            | Command::MarkEventsAsSeen(_)
            | Command::SendTypingIndicator(_)
            | Command::SendThinkingIndicator(_)
            | Command::SendSneakPeek(_)
            | Command::SendEventPreview(_) => Self::Reserve,
            Command::DeactivateChat(_)
            | Command::CloseBanned(_)
            | Command::AssignAgent(_)
            | Command::UnassignAgent(_)
            | Command::HeedSilence(_)
            | Command::CustomerPresence(_)
            | Command::SettleTranscript(_)
            | Command::UpdateCustomer(_) => Self::Nothing,
        }
    }
}

impl Extent {
    /// Of what a thread holds.
    pub fn of(thread: &Thread) -> Self {
        Self { events: thread.events, bytes: thread.bytes }
    }

    /// Of what changes add.
    fn added_by(changes: &[Change]) -> Self {
        let events = changes.iter().filter(|change| matches!(change, Change::EventAdded(_))).count();
        Self { events: events as u64, bytes: changes.iter().map(bytes_of).sum() }
    }

    fn and(self, more: Self) -> Self {
        Self { events: self.events + more.events, bytes: self.bytes + more.bytes }
    }
}

impl ThreadLimits {
    /// The most that any thread holds but for what the server does by itself: the limits with what is kept back.
    pub fn with_reserve(self) -> Self {
        Self { events: self.events + self.events / 4, bytes: self.bytes + self.bytes / 4 }
    }

    /// Refuses what a thread has no room for: a decision of which nothing would be stored needs none.
    ///
    /// # Errors
    /// [`Rejection::LimitReached`]
    pub fn check(
        self,
        need: Need,
        chat: &Chat,
        decision: &Decision,
        context: &Context<'_>,
    ) -> Result<(), Rejection> {
        let limits = match need {
            Need::Nothing => return Ok(()),
            Need::Reserve => self.with_reserve(),
            Need::Room => self,
        };
        let changes = &decision.changes;
        if changes.is_empty() {
            return Ok(());
        }
        let added = Extent::added_by(changes);
        let opens = matches!(changes.first(), Some(Change::ThreadOpened(_)));
        let last = chat.thread.as_ref().filter(|_| !opens).map_or_else(Extent::default, Extent::of);
        limits.admit(last.and(added))?;
        // What changes an earlier thread is stored with that one as well.
        match &context.subject {
            Some(Subject::Event(_, earlier) | Subject::Thread(earlier))
                if decision.older_thread.is_some() =>
            {
                limits.admit(Extent::of(earlier).and(added))
            }
            _ => Ok(()),
        }
    }

    fn admit(self, extent: Extent) -> Result<(), Rejection> {
        if extent.events > self.events {
            return Err(Rejection::LimitReached(
                "the thread has as many events as it may: close it to go on",
            ));
        }
        if extent.bytes > self.bytes {
            return Err(Rejection::LimitReached("the thread holds as much as it may: close it to go on"));
        }
        Ok(())
    }
}

/// What a change adds to a thread: as many bytes as its JSON has, or some more. It is not written for that, since every change
/// is counted more than once: for the rule, wherever it is applied, and each time its log is read.
pub fn bytes_of(change: &Change) -> u64 {
    match change {
        Change::ThreadOpened(_) => 0,
        _ => CHANGE + json_size(change),
    }
}

#[cfg(test)]
mod tests;
