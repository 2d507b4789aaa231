//! Builds a chat's state from its log, and makes the log ours.

use super::super::catching_up::SKEW;
use super::super::delivery::Place;
use super::super::{Actors, AskError};
use super::history::History;
use super::log::LogWriter;
use super::pointer::Pointer;
use super::record;
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::ThreadId;
use crate::domain::operations::RecentOperations;
use crate::domain::routing::DecisionId;
use crate::domain::time::Timestamp;
use crate::store::{Cas, Row, StoreError};

/// Everything a chat actor knows.
#[derive(Debug)]
pub(super) struct State {
    /// The chat as of its last durable row.
    pub(super) chat: Chat,
    /// Its recent sends.
    pub(super) operations: RecentOperations,
    /// Rows in the log of its last thread.
    pub(super) seq: u64,
    /// Its cell, as last read or written.
    pub(super) pointer: Option<Pointer>,
    /// The last decision of the router that was carried out or refused.
    pub(super) settled: DecisionId,
    /// When it was last entered among the open chats.
    pub(super) open_since: Timestamp,
    /// No row is younger than this; none if the log does not say.
    pub(super) changed_at: Option<Timestamp>,
    /// The last row that was told.
    pub(super) told: Place,
}

impl State {
    /// The chat's last row, `ahead` more being decided and not stored yet.
    pub(super) fn place(&self, ahead: usize) -> Place {
        Place(self.chat.thread.as_ref().map_or(0, |thread| thread.number), self.seq + ahead as u64)
    }
}

/// Events of the previous thread that count for repeated sends.
const PREVIOUS_TAIL: usize = 1_000;

pub(super) async fn load(actors: &Actors, writer: &LogWriter) -> Result<State, AskError> {
    let key = Pointer::key(&writer.key);
    let cell = actors.parts.store.read_cell(&key).await?;
    let pointer = cell.as_deref().map(Pointer::decode).transpose()?;
    let now = actors.parts.clock.now();
    let Some(found) = &pointer else {
        return Ok(State {
            chat: Chat::new(writer.key.chat.clone(), writer.key.license),
            operations: RecentOperations::default(),
            seq: 0,
            pointer: None,
            settled: DecisionId::default(),
            open_since: now,
            changed_at: None,
            told: Place::default(),
        });
    };
    let mut rows = writer.read_all(actors, &found.last).await?;
    let mut thread = found.last.clone();
    // An opening that was cut short left a pointer to an empty log: the thread before it is the last one.
    if rows.is_empty()
        && let Some(previous) = &found.previous
    {
        rows = writer.read_all(actors, previous).await?;
        thread = previous.clone();
    }
    writer.restamp(actors, &thread, &rows).await?;
    writer.validate(actors).await?;
    let operations = operations(actors, writer, &rows).await?;
    let seq = rows.last().map_or(0, |row| row.seq);
    let chat = match History::fold(&rows)? {
        Some(history) => history.chat,
        None => Chat::new(writer.key.chat.clone(), writer.key.license),
    };
    let changed_at = changed_at(&rows)?;
    let mut state = State {
        changed_at,
        chat,
        operations,
        seq,
        pointer,
        settled: DecisionId::default(),
        open_since: now,
        told: Place::default(),
    };
    state.told = state.place(0);
    finish_closing(actors, writer, &mut state).await?;
    Ok(state)
}

/// What no row is younger than: the moment of the last one, if the clock of an owner before was not ahead.
fn changed_at(rows: &[Row]) -> Result<Option<Timestamp>, StoreError> {
    let Some(last) = rows.last() else { return Ok(None) };
    Ok(record::decode(&last.body)?.at.map(|at| at.after(SKEW)))
}

/// The recent sends: of the last thread, and of the one before it as far as they still count.
async fn operations(actors: &Actors, writer: &LogWriter, rows: &[Row]) -> Result<RecentOperations, AskError> {
    let mut operations = RecentOperations::default();
    if let Some(previous) = previous_thread(rows)? {
        let log = writer.log(&previous);
        for row in actors.parts.store.tail(&log, PREVIOUS_TAIL).await? {
            remember(&mut operations, &row)?;
        }
    }
    for row in rows {
        remember(&mut operations, row)?;
    }
    Ok(operations)
}

fn previous_thread(rows: &[Row]) -> Result<Option<ThreadId>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let opened = record::decode(&first.body)?;
    Ok(match opened.changes.first() {
        Some(Change::ThreadOpened(chat)) => super::projections::previous(chat),
        _ => None,
    })
}

fn remember(operations: &mut RecentOperations, row: &Row) -> Result<(), StoreError> {
    for change in record::decode(&row.body)?.changes {
        if let Change::EventAdded(event) = change {
            operations.remember(&event);
        }
    }
    Ok(())
}

/// A closing row without the cleared pointer: the closing was cut short between the two, so it is finished here.
async fn finish_closing(actors: &Actors, writer: &LogWriter, state: &mut State) -> Result<(), AskError> {
    let closed = state.chat.thread.as_ref().is_some_and(|thread| !thread.active);
    let Some(pointer) = state.pointer.clone().filter(|pointer| pointer.active && closed) else {
        return Ok(());
    };
    let Some(thread) = state.chat.thread.as_ref().filter(|thread| thread.id == pointer.last) else {
        return Ok(());
    };
    let cleared = Pointer { last: thread.id.clone(), active: false, previous: pointer.previous.clone() };
    set_pointer(actors, writer, state, cleared).await
}

/// Moves the chat's cell from what it was to what it is to be.
pub(super) async fn set_pointer(
    actors: &Actors,
    writer: &LogWriter,
    state: &mut State,
    new: Pointer,
) -> Result<(), AskError> {
    let key = Pointer::key(&writer.key);
    let expected = state.pointer.as_ref().map(Pointer::encode);
    let wanted = new.encode();
    match actors.parts.store.cas(&key, expected, Some(wanted.clone())).await {
        Ok(Cas::Applied) => {}
        // Our own write, of which we had not heard.
        Ok(Cas::Conflict(Some(current))) if current == wanted => {}
        Ok(Cas::Conflict(_)) => return Err(AskError::NotOwner),
        Err(StoreError::OutcomeUnknown(cause)) => {
            if actors.parts.store.read_cell(&key).await? != Some(wanted) {
                return Err(AskError::Store(StoreError::OutcomeUnknown(cause)));
            }
        }
        Err(error) => return Err(AskError::Store(error)),
    }
    state.pointer = Some(new);
    Ok(())
}
