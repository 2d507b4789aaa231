//! What a stretch of a chat's log would have told: for sessions that missed the pushes themselves.

use super::history::{History, MAX_EVENTS_IN_PUSH};
use super::record::{self, Record};
use crate::actors::delivery::{Mark, Place};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::{ChatId, LicenseId, ThreadId};
use crate::domain::push::Push;
use crate::domain::retelling::{After, retell};
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

/// A stretch of a chat's log.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// Whose.
    pub license: LicenseId,
    /// The chat.
    pub chat: &'a ChatId,
    /// The thread in which it ends.
    pub thread: &'a ThreadId,
    /// Where it begins.
    pub since: Since,
    /// Its last row.
    pub to: Place,
}

/// A row, and what it would have told.
#[derive(Clone, Debug)]
pub struct Retold {
    /// The row.
    pub mark: Mark,
    /// When it was decided.
    pub at: Timestamp,
    /// In order.
    pub pushes: Vec<Push>,
}

/// What a stretch would have told.
#[derive(Debug, Default)]
pub struct Told {
    /// The rows that tell anything, in order.
    pub rows: Vec<Retold>,
    /// How many rows were read for it.
    pub read: usize,
}

/// What the rows of a stretch would have told; none if more than `most` rows have to be read for that.
///
/// # Errors
/// The store's.
pub async fn read(store: &dyn Store, stretch: Stretch<'_>, most: usize) -> Result<Option<Told>, StoreError> {
    let Stretch { license, chat, thread, since, to } = stretch;
    let mut told = Told::default();
    // The newest thread first.
    let mut threads: Vec<Vec<Row>> = Vec::new();
    let mut next = Some((thread.clone(), Some(to.1)));
    while let Some((thread, last)) = next.take() {
        let rows = read_log(store, &LogKey { license, thread }, last, most - told.read).await?;
        let Some(rows) = rows else { return Ok(None) };
        told.read += rows.len();
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
    for rows in threads.iter().rev() {
        tell(rows, since, &mut told.rows)?;
    }
    Ok(Some(told))
}

/// What one thread's rows tell, as far as they are wanted.
fn tell(rows: &[Row], since: Since, told: &mut Vec<Retold>) -> Result<(), StoreError> {
    let Some(opened) = first_of(rows)? else { return Ok(()) };
    let Some((number, thread)) = opened.thread.as_ref().map(|thread| (thread.number, thread.id.clone()))
    else {
        return Ok(());
    };
    // What was before the thread does not matter to what its rows tell.
    let chat = Chat::new(opened.id.clone(), opened.license);
    let mut history = History { chat, events: Vec::new() };
    let mut at = Timestamp(i64::MIN);
    for row in rows {
        let Record { changes, at: decided_at, of_earlier, is_late } = record::decode(&row.body)?;
        let before = history.chat.clone();
        history.apply(&changes);
        let History { chat, events } = &history;
        // The clocks of two owners differ; the order of the rows does not.
        at = at.max(decided_at.unwrap_or(chat.last_at));
        let is_wanted = match since {
            Since::Place(place) => Place(number, row.seq) > place,
            Since::Moment(moment) => at > moment,
        };
        if is_wanted && !is_late {
            let after = After { chat, events, shown: MAX_EVENTS_IN_PUSH };
            let mut pushes = retell(&before, &changes, after);
            if let Some(told) = &of_earlier {
                // Who sees the earlier thread is not to be seen here.
                pushes.iter_mut().for_each(|push| push.to = told.clone());
            }
            let (from, to) = (Place(number, row.seq - 1), Place(number, row.seq));
            let mark = Mark { chat: chat.id.clone(), thread: thread.clone(), from, to };
            told.extend((!pushes.is_empty()).then_some(Retold { mark, at, pushes }));
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

/// The rows of a log; none if there are more than `most`.
async fn read_log(
    store: &dyn Store,
    log: &LogKey,
    to: Option<u64>,
    most: usize,
) -> Result<Option<Vec<Row>>, StoreError> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let from = rows.last().map_or(1, |row| row.seq + 1);
        if to.is_some_and(|to| from > to) {
            return Ok(Some(rows));
        }
        let page = store.read(log, from, to, PAGE).await?;
        let is_full = page.len() == PAGE;
        rows.extend(page);
        if rows.len() > most {
            return Ok(None);
        }
        if !is_full {
            return Ok(Some(rows));
        }
    }
}

#[cfg(test)]
mod tests {
    use switchboard_cluster::Epoch;

    use super::*;
    use crate::domain::command::testing::Story;
    use crate::domain::command::{Command, DeleteEvent};
    use crate::domain::push::{PushBody, ThreadEvents};

    fn log_of(story: &Story) -> Vec<Row> {
        let rows = story.rows.iter().zip(1..);
        rows.map(|((_, changes), seq)| Row { seq, epoch: Epoch(1), body: record::encode(changes, story.now) })
            .collect()
    }

    #[test]
    fn a_chat_that_is_shown_again_has_its_events_as_they_are_by_then() {
        let mut story = Story::with_smith();
        let event = story.customer().sends("not meant for you").event_id();
        story.customer().gives(Command::DeleteEvent(DeleteEvent { event: event.clone() })).done();
        story.agent("brown").follows().done();
        let mut told = Vec::new();
        tell(&log_of(&story), Since::Moment(Timestamp(i64::MIN)), &mut told).expect("rows");
        let last = told.last().expect("what brown was told");
        let [Push { body: PushBody::IncomingChat { events: ThreadEvents::Given(events), .. }, .. }] =
            &*last.pushes
        else {
            panic!("{last:?}");
        };
        assert!(events.iter().any(|shown| shown.id == event && shown.deleted));
    }
}
