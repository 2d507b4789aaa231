//! Builds a chat's state from its log, and makes the log ours.

use std::time::Duration;

use bytes::Bytes;

use super::super::delivery::Place;
use super::super::{Actors, AskError};
use super::history::History;
use super::log::LogWriter;
use super::pointer::Pointer;
use super::prefix::Prefix;
use super::record::{self, Record};
use super::{newcomer, projections};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::operations::RecentOperations;
use crate::domain::routing::DecisionId;
use crate::domain::time::Timestamp;
use crate::domain::transcript;
use crate::store::{Cas, IndexWrite, Row, StoreError};

/// How often a chat is entered anew among the open ones, which are looked for twice as far back.
pub(super) const REENTER_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

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
    /// The very bytes of that.
    pub(super) cell: Option<Bytes>,
    /// The last decision of the router that was carried out or refused.
    pub(super) settled: DecisionId,
    /// When it was last entered among the open chats, as far as is known in memory: for a chat that was loaded, when its thread began.
    pub(super) open_since: Timestamp,
    /// No row is younger than this; none if the log does not say.
    pub(super) changed_at: Option<Timestamp>,
    /// The last row that was told.
    pub(super) told: Place,
}

impl State {
    /// A chat of which nothing is stored.
    fn unknown(actors: &Actors, writer: &LogWriter) -> Self {
        Self {
            chat: Chat::new(writer.key.chat.clone(), writer.key.license),
            operations: RecentOperations::default(),
            seq: 0,
            pointer: None,
            cell: None,
            settled: DecisionId::default(),
            open_since: actors.parts.clock.now(),
            changed_at: None,
            told: Place::default(),
        }
    }

    /// A chat that stays open for long is entered again among the open ones, where starts look for it.
    pub(super) fn reenter(&mut self, writer: &LogWriter, now: Timestamp) -> Option<IndexWrite> {
        if self.chat.active_thread().is_none() || now.since(self.open_since) < REENTER_AFTER {
            return None;
        }
        self.open_since = now;
        let version = projections::version(&self.chat, self.seq);
        Some(projections::open_chat(&writer.key, writer.shard, now, version, true))
    }

    /// The chat's last row, `ahead` more being decided and not stored yet.
    pub(super) fn place(&self, ahead: usize) -> Place {
        Place(self.chat.thread.as_ref().map_or(0, |thread| thread.number), self.seq + ahead as u64)
    }
}

pub(super) async fn load(actors: &Actors, writer: &LogWriter) -> Result<State, AskError> {
    writer.settle(actors).await?;
    let key = Pointer::key(&writer.key);
    let license = writer.key.license;
    let ahead = actors.ahead.take(&writer.key);
    let rest = async {
        match &ahead {
            Some(prefix) => prefix.rest(actors, license).await,
            None => Ok(Vec::new()),
        }
    };
    let (cell, rest) = tokio::join!(actors.parts.store.read_cell(&key), rest);
    let cell = cell?;
    let pointer = cell.as_deref().map(Pointer::decode).transpose()?;
    let Some(found) = &pointer else { return Ok(State::unknown(actors, writer)) };
    let log = match ahead {
        Some(mut prefix) if prefix.thread == found.last => {
            prefix.extend(rest?)?;
            prefix
        }
        _ => read(actors, writer, found).await?,
    };
    let unopened = (log.thread != found.last || log.chat.is_none()).then(|| found.last.clone());
    writer.restamp(actors, &log.thread, &log.tail).await?;
    writer.validate(actors).await?;
    let mut state = State { operations: log.operations, seq: log.seq, ..State::unknown(actors, writer) };
    if let Some(chat) = log.chat {
        state.chat = chat;
    }
    if let Some(thread) = state.chat.active_thread() {
        state.open_since = thread.created_at;
    }
    state.changed_at = log.changed_at;
    state.pointer = pointer;
    state.cell = cell;
    state.told = state.place(0);
    if let Some(thread) = unopened {
        let store = &*actors.parts.store;
        say(actors, writer, projections::never_opened(store, &writer.key, &state.chat, &thread).await).await;
    }
    if let Some(last) = log.tail.last() {
        finish(actors, writer, &mut state, last).await?;
    }
    Ok(state)
}

/// What an owner before did not come to after the last row that is stored.
async fn finish(actors: &Actors, writer: &LogWriter, state: &mut State, last: &Row) -> Result<(), AskError> {
    if last.seq == 1 {
        let store = &*actors.parts.store;
        say(actors, writer, projections::not_left(store, &writer.key, &state.chat).await).await;
    }
    let last = record::decode(&last.body)?;
    if newcomer::may_bring(&last.changes) {
        newcomer::enter(actors, writer, &state.chat).await?;
    }
    finish_earlier(actors, writer, last).await?;
    finish_closing(actors, writer, state).await
}

/// The last row tells of an earlier thread: what was cut short before that thread's log had it, too, is finished here.
async fn finish_earlier(actors: &Actors, writer: &LogWriter, last: Record) -> Result<(), AskError> {
    let Record { changes, of_earlier: Some(_), .. } = last else { return Ok(()) };
    let Some(thread) = changes.first().and_then(Change::named_thread) else { return Ok(()) };
    let rows = writer.read_all(actors, thread).await?;
    let Some(found) = History::fold(&rows)? else { return Ok(()) };
    let mut finished = found.clone();
    finished.apply(&changes);
    if let (Some(after), Some(before)) = (&mut finished.chat.thread, &found.chat.thread) {
        // It grows by every change, by one that it has already as well.
        after.bytes = before.bytes;
    }
    if finished == found {
        return Ok(());
    }
    writer.restamp(actors, thread, &rows).await?;
    let seq = rows.last().map_or(0, |row| row.seq) + 1;
    let row = record::encode_late(&changes, actors.parts.clock.now());
    writer.append(actors, thread, seq, vec![row], Vec::new()).await?;
    writer.validate(actors).await
}

/// The log of the chat's last thread.
async fn read(actors: &Actors, writer: &LogWriter, found: &Pointer) -> Result<Prefix, AskError> {
    let (license, previous) = (writer.key.license, found.previous.as_ref());
    let log = Prefix::read(actors, license, &found.last, previous, None).await?;
    if log.chat.is_some() {
        return Ok(log);
    }
    // An opening that was cut short left a pointer to an empty log: the thread before it is the last one. Should the first row
    // still arrive, then the same messages would stand in that thread and in the one that is opened instead.
    writer.seal(actors, &found.last).await?;
    match previous {
        Some(previous) => Ok(Prefix::read(actors, license, previous, None, None).await?),
        None => Ok(log),
    }
}

/// Counts go by lists. They are written before the log of a thread that may never be opened, and say only after the opening where the
/// chat does not stand any more: what an owner before did not come to say is said here. What cannot be found out is passed over.
async fn say(actors: &Actors, writer: &LogWriter, ends: Result<Vec<IndexWrite>, StoreError>) {
    match ends {
        Ok(ends) => writer.write_ends(actors, ends).await,
        Err(error) => tracing::warn!(chat.id = %writer.key.chat, %error, "lists keep what has gone"),
    }
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
    let (last, previous) = (thread.id.clone(), pointer.previous);
    let version = projections::version(&state.chat, state.seq);
    let gone = projections::open_chat(&writer.key, writer.shard, thread.created_at, version, false);
    set_pointer(actors, writer, state, Pointer { last, active: false, previous, term: None }).await?;
    if transcript::owed(&state.chat).next().is_none() {
        writer.write_ends(actors, vec![gone]).await;
    }
    Ok(())
}

/// Before something is stored in the last thread of a chat without an active one: no owner before this one opens another
/// thread any more. An opening that was cut short is over with that, too, whatever may still arrive of it.
pub(super) async fn claim_pointer(
    actors: &Actors,
    writer: &LogWriter,
    state: &mut State,
) -> Result<(), AskError> {
    if state.pointer.as_ref().is_none_or(|pointer| pointer.term == Some(writer.epoch)) {
        return Ok(());
    }
    let Some(thread) = &state.chat.thread else { return Ok(()) };
    let (last, previous) = (thread.id.clone(), thread.previous_thread_id.clone());
    // Who is superseded and knows it does not get in the way of the next.
    writer.validate(actors).await?;
    set_pointer(actors, writer, state, Pointer { last, active: false, previous, term: None }).await
}

/// Moves the chat's cell from what it was to what it is to be, under the present term.
pub(super) async fn set_pointer(
    actors: &Actors,
    writer: &LogWriter,
    state: &mut State,
    new: Pointer,
) -> Result<(), AskError> {
    let key = Pointer::key(&writer.key);
    let new = Pointer { term: Some(writer.epoch), ..new };
    let wanted = new.encode();
    match actors.parts.store.swap(&key, state.cell.clone(), Some(wanted.clone())).await {
        Ok(Cas::Applied) => {}
        // Our own write, of which we had not heard.
        Ok(Cas::Conflict(Some(current))) if current == wanted => {}
        Ok(Cas::Conflict(_)) => return Err(AskError::NotOwner),
        Err(error) => return Err(AskError::Store(error)),
    }
    (state.pointer, state.cell) = (Some(new), Some(wanted));
    Ok(())
}
