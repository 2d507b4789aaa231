//! What a stretch of a chat's log would have told: for sessions that missed the pushes themselves.

use std::sync::Arc;

use super::history::MAX_EVENTS_IN_PUSH;
use super::record;
use crate::actors::delivery::Place;
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::event::Event;
use crate::domain::id::{ChatId, LicenseId, ThreadId};
use crate::domain::push::Push;
use crate::domain::retelling::retell;
use crate::domain::time::Timestamp;
use crate::store::{LogKey, Row, Store, StoreError};

/// From where on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// After this row.
    Place(Place),
    /// What happened after this moment.
    Moment(Timestamp),
}

/// Rows fetched at once.
const PAGE: usize = 1_000;
/// Threads that are walked back at most: a session that missed more has been away for long.
const THREADS: usize = 100;

/// The pushes for the rows of a chat up to `to`, which lies in `thread`.
///
/// # Errors
/// The store's.
pub async fn read(
    store: &dyn Store,
    license: LicenseId,
    chat: &ChatId,
    thread: &ThreadId,
    since: Since,
    to: Place,
) -> Result<Vec<Push>, StoreError> {
    // The newest thread first.
    let mut threads: Vec<Vec<Row>> = Vec::new();
    let mut next = Some((thread.clone(), Some(to.1)));
    while let Some((thread, last)) = next.take() {
        let rows = read_log(store, &LogKey { license, thread }, last).await?;
        let Some(head) = first_of(&rows)? else { break };
        let Some(opened) = head.thread.as_ref().filter(|_| head.id == *chat) else { break };
        let is_first = match since {
            Since::Place(place) => opened.number <= place.0,
            Since::Moment(moment) => opened.created_at <= moment,
        };
        let earlier = opened.previous_thread_id.clone();
        threads.push(rows);
        if !is_first && threads.len() < THREADS {
            next = earlier.map(|thread| (thread, None));
        }
    }
    let mut pushes = Vec::new();
    for rows in threads.iter().rev() {
        tell(rows, since, &mut pushes)?;
    }
    Ok(pushes)
}

/// The pushes of one thread's rows, as far as they are wanted.
fn tell(rows: &[Row], since: Since, pushes: &mut Vec<Push>) -> Result<(), StoreError> {
    let Some(opened) = first_of(rows)? else { return Ok(()) };
    let number = opened.thread.as_ref().map_or(0, |thread| thread.number);
    // What was before the thread does not matter to what its rows tell.
    let mut chat = Chat::new(opened.id.clone(), opened.license);
    let mut events: Vec<Arc<Event>> = Vec::new();
    for row in rows {
        let changes = record::decode(&row.body)?.changes;
        let before = chat.clone();
        for change in &changes {
            chat.apply(change);
            if let Change::EventAdded(event) = change {
                events.push(event.clone());
            }
        }
        let is_wanted = match since {
            Since::Place(place) => Place(number, row.seq) > place,
            Since::Moment(moment) => chat.last_at > moment,
        };
        if is_wanted {
            let shown = &events[events.len().saturating_sub(MAX_EVENTS_IN_PUSH)..];
            pushes.extend(retell(&before, &changes, &chat, shown));
        }
    }
    Ok(())
}

fn first_of(rows: &[Row]) -> Result<Option<Chat>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    match record::decode(&first.body)?.changes.into_iter().next() {
        Some(Change::ThreadOpened(chat)) => Ok(Some(*chat)),
        _ => Err(StoreError::Corrupt { what: "the first row of a thread's log", source: None }),
    }
}

async fn read_log(store: &dyn Store, log: &LogKey, to: Option<u64>) -> Result<Vec<Row>, StoreError> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let from = rows.last().map_or(1, |row| row.seq + 1);
        if to.is_some_and(|to| from > to) {
            return Ok(rows);
        }
        let page = store.read(log, from, to, PAGE).await?;
        let is_full = page.len() == PAGE;
        rows.extend(page);
        if !is_full {
            return Ok(rows);
        }
    }
}
