//! What somebody who was away was not told: read from the logs, so that any node can say it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::chat::Snapshot;
use super::chat::missed::{self, Retold, Since};
use super::delivery::Place;
use super::{Actors, AskError, ChatKey, changed};
use crate::domain::id::{ChatId, LicenseId};
use crate::domain::thread::Thread;
use crate::domain::thread_limits::Extent;
use crate::domain::time::Timestamp;

/// Chats that are looked at for one who was away; who missed more has to read anew.
const CHATS: usize = 500;
/// Rows that are read for them.
const ROWS: usize = 20_000;
/// Chats that are asked at the same time.
const AT_ONCE: usize = 16;
/// How far the clocks of two nodes may differ.
pub const SKEW: Duration = Duration::from_secs(5);

/// How far somebody was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Of all other chats: whatever happened up to this moment, and nothing after it.
    pub since: Timestamp,
    /// The last row that they were told of these chats.
    pub chats: HashMap<ChatId, Place>,
}

/// Whose chats are looked through.
#[derive(Clone, Debug)]
pub enum Among {
    /// All that changed.
    All,
    /// Those of one customer.
    These(Vec<ChatId>),
}

impl Actors {
    /// What the rows of a license's chats would have told after what is known, in the order in which it happened; a chat's rows
    /// always in theirs. None if that is more than is told again.
    ///
    /// # Errors
    /// The store's, or a chat's.
    pub async fn missed(
        self: &Arc<Self>,
        license: LicenseId,
        known: &Known,
        among: Among,
    ) -> Result<Option<Vec<Retold>>, AskError> {
        let mut chats: BTreeSet<ChatId> = known.chats.keys().cloned().collect();
        match among {
            Among::These(theirs) => chats.extend(theirs),
            Among::All => {
                let period = (known.since.before(SKEW), self.parts.clock.now().after(SKEW));
                match changed::since(&*self.parts.store, license, period, CHATS).await? {
                    Some(changed) => chats.extend(changed),
                    None => return Ok(None),
                }
            }
        }
        if chats.len() > CHATS {
            return Ok(None);
        }
        let looks: Vec<_> = chats.into_iter().map(|chat| self.look_at(license, chat)).collect();
        let snapshots: Vec<Arc<Snapshot>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        let (mut left, mut rows) = (ROWS, Vec::new());
        let changed = || snapshots.iter().filter_map(|snapshot| wanted(snapshot, known));
        let bytes = changed().map(|(_, thread, _)| Extent::of(thread).bytes).sum();
        let _reading = self.reading(bytes).await?;
        for (snapshot, thread, since) in changed() {
            let to = Place(thread.number, snapshot.seq);
            let stretch = missed::Stretch { license, chat: &snapshot.chat.id, thread: &thread.id, since, to };
            match missed::read(&*self.parts.store, stretch, left).await? {
                Some(retold) => {
                    left -= retold.read;
                    rows.push(retold.rows);
                }
                None => return Ok(None),
            }
        }
        Ok(Some(in_order(rows)))
    }

    async fn look_at(self: &Arc<Self>, license: LicenseId, chat: ChatId) -> Result<Arc<Snapshot>, AskError> {
        self.inspect(&ChatKey { license, chat }).await
    }
}

/// From where on a chat's rows are wanted, and its last thread; none if nothing happened that is not known.
fn wanted<'a>(snapshot: &'a Snapshot, known: &Known) -> Option<(&'a Snapshot, &'a Thread, Since)> {
    let thread = snapshot.chat.thread.as_ref()?;
    let to = Place(thread.number, snapshot.seq);
    let since = match known.chats.get(&snapshot.chat.id) {
        Some(place) if *place >= to => return None,
        Some(place) => Since::Place(*place),
        None if snapshot.changed_at.is_some_and(|at| at <= known.since) => return None,
        None => Since::Moment(known.since),
    };
    Some((snapshot, thread, since))
}

/// The rows of several chats by their moments. A clock that was set back does not change the order of a chat.
fn in_order(chats: Vec<Vec<Retold>>) -> Vec<Retold> {
    let mut rows: Vec<Retold> = Vec::new();
    for mut chat in chats {
        let mut latest = Timestamp(i64::MIN);
        for row in &mut chat {
            latest = latest.max(row.at);
            row.at = latest;
        }
        rows.append(&mut chat);
    }
    rows.sort_by_key(|row| row.at);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::delivery::Mark;
    use crate::domain::id::ThreadId;

    fn row(chat: &str, number: u64, at: i64) -> Retold {
        let (chat, thread) = (ChatId::new(chat), ThreadId::new("thread"));
        let mark = Mark { chat, thread, from: Place(1, number - 1), to: Place(1, number) };
        Retold { mark, at: Timestamp(at), pushes: Vec::new() }
    }

    #[test]
    fn rows_come_by_their_moments_and_those_of_a_chat_in_their_order() {
        let one = vec![row("a", 1, 10), row("a", 2, 30), row("a", 3, 20)];
        let other = vec![row("b", 7, 15), row("b", 8, 25), row("b", 9, 40)];
        let rows = in_order(vec![one, other]);
        let places: Vec<_> = rows.iter().map(|row| (row.mark.chat.as_str(), row.mark.to.1)).collect();
        assert_eq!(places, [("a", 1), ("b", 7), ("b", 8), ("a", 2), ("a", 3), ("b", 9)]);
    }
}
