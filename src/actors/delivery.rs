//! How actors push without knowing sessions, or on which nodes these are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Origin, SessionId};
use crate::domain::id::{ChatId, ThreadId};
use crate::domain::license::License;
use crate::domain::push::Push;
use crate::domain::time::Timestamp;

/// Takes pushes to the sessions of a license. Never waits: a session that cannot take a push is cut.
pub trait Delivery: Send + Sync {
    /// Hands pushes out in this order. The session that is their origin gets them with its request id.
    fn deliver(&self, license: &Arc<License>, pushes: &[Push], cause: Cause<'_>);

    /// A chat was taken into memory and is at `mark.to`: whatever of it was not told yet has to be read from its log. The
    /// moment is that of its last change.
    fn loaded(&self, license: &Arc<License>, mark: &Mark, last_at: Timestamp);

    /// Has a session write what waits for it.
    fn wake(&self, session: &Origin);

    /// Ends a session, on whatever node, since its user has too many.
    fn evict(&self, session: SessionId);
}

/// What brought pushes about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cause<'a> {
    /// The request, if it was one that came by websocket.
    pub origin: Option<&'a Origin>,
    /// That request is about to be answered: its session need not be woken for copies of its own, as it writes them right
    /// after the answer. If the answer cannot be handed over, the caller has to [`wake`](Delivery::wake) it.
    pub before_answer: bool,
    /// The rows of a chat's log that they tell of.
    pub mark: Option<&'a Mark>,
}

/// A stretch of a chat's history, by its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The chat.
    pub chat: ChatId,
    /// The thread whose log has the last of the rows.
    pub thread: ThreadId,
    /// The last row that was told before.
    pub from: Place,
    /// The last row that is told by now. The same as `from` where what is told stands in no log.
    pub to: Place,
}

/// A row in the history of a chat: the number of the thread, then the row in the log of that thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place(pub u32, pub u64);

impl Place {
    /// As one number that grows with every row.
    pub fn version(self) -> u64 {
        (u64::from(self.0) << 40) | self.1
    }
}
