//! What was decided becomes durable: as part of a batch, or by itself where it moves to another log.

use bytes::Bytes;

use super::super::super::AskError;
use super::super::load::{State, claim_pointer, set_pointer};
use super::super::pointer::Pointer;
use super::super::{newcomer, projections, record};
use super::Turn;
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::ThreadId;
use crate::domain::transcript;
use crate::store::{IndexWrite, Version};

impl Turn {
    /// Stores a row that opens or closes a thread, or that belongs to an older one.
    pub(super) async fn store_alone(
        &mut self,
        state: &mut State,
        changes: &[Change],
        older_thread: Option<ThreadId>,
    ) -> Result<(), AskError> {
        self.flush(state).await?;
        if let Some(thread) = older_thread {
            let room = self.actors.room_for_turn(&state.chat, &thread).await;
            let rows = self.writer.read_all(&self.actors, &thread).await?;
            self.writer.restamp(&self.actors, &thread, &rows).await?;
            let seq = rows.last().map_or(0, |row| row.seq) + 1;
            drop((rows, room));
            let row = record::encode_late(changes, self.actors.parts.clock.now());
            // What is told of it stands in the last thread's log, by which the chat has changed already.
            self.append(&thread, seq, vec![row], Vec::new()).await?;
            return self.writer.validate(&self.actors).await;
        }
        if let Some(Change::ThreadOpened(opened)) = changes.first() {
            return self.open(state, changes, opened).await;
        }
        self.close(state, changes).await
    }

    /// Opening: validate, move the pointer, append the first row, validate.
    async fn open(&mut self, state: &mut State, changes: &[Change], opened: &Chat) -> Result<(), AskError> {
        let Some(thread) = opened.thread.clone() else { return Err(AskError::Stopped) };
        let before = state.chat.clone();
        let previous = before.thread.as_ref().map(|thread| thread.id.clone());
        self.writer.validate(&self.actors).await?;
        let pointer = Pointer { last: thread.id.clone(), active: true, previous, term: None };
        set_pointer(&self.actors, &self.writer, state, pointer.clone()).await?;
        self.apply(state, changes);
        state.seq = 0;
        state.open_since = thread.created_at;
        let key = &self.writer.key;
        let index = projections::opened(key, self.writer.shard, &state.chat, 1);
        self.writer.append(&self.actors, &thread.id, 1, vec![self.row_of(changes)], index).await?;
        state.seq = 1;
        self.writer.validate(&self.actors).await?;
        if before.thread.is_some() && before.customer().is_none() {
            newcomer::enter(&self.actors, &self.writer, &state.chat).await?;
        }
        if state.chat.active_thread().is_none() {
            let closed = Pointer { active: false, ..pointer };
            set_pointer(&self.actors, &self.writer, state, closed).await?;
        }
        let ends = projections::left(&self.writer.key, &before, &state.chat, 1);
        self.writer.write_ends(&self.actors, ends).await;
        Ok(())
    }

    /// Closing: append the closing row, validate, clear the pointer.
    async fn close(&mut self, state: &mut State, changes: &[Change]) -> Result<(), AskError> {
        let Some(thread) = state.chat.thread.clone() else { return Err(AskError::Stopped) };
        let seq = state.seq + 1;
        let version = projections::version(&state.chat, seq);
        // One that owes a transcript is found by whoever takes the shard over, as if it were open.
        let owes =
            transcript::owed(&state.chat).next().is_some() || changes.iter().any(transcript::is_private);
        let ends = if owes { Vec::new() } else { self.not_open(state, version) };
        self.append(&thread.id, seq, vec![self.row_of(changes)], Vec::new()).await?;
        self.apply(state, changes);
        state.seq = seq;
        self.writer.validate(&self.actors).await?;
        let previous = thread.previous_thread_id.clone();
        let pointer = Pointer { last: thread.id, active: false, previous, term: None };
        set_pointer(&self.actors, &self.writer, state, pointer).await?;
        // Not before: as long as the chat is listed, whoever takes it over finishes what was cut short here.
        self.writer.write_ends(&self.actors, ends).await;
        Ok(())
    }

    /// Wherever the chat was entered among the open ones, it is not any more.
    pub(super) fn not_open(&self, state: &State, version: Version) -> Vec<IndexWrite> {
        let created_at = state.chat.thread.as_ref().map(|thread| thread.created_at);
        let again = (created_at != Some(state.open_since)).then_some(state.open_since);
        let gone = |at| projections::open_chat(&self.writer.key, self.writer.shard, at, version, false);
        created_at.into_iter().chain(again).map(gone).collect()
    }

    /// Stores what was decided, then tells everybody.
    pub(super) async fn flush(&mut self, state: &mut State) -> Result<(), AskError> {
        if !self.rows.is_empty() {
            let Some(thread) = state.chat.thread.as_ref().map(|thread| thread.id.clone()) else {
                return Err(AskError::Stopped);
            };
            if state.chat.active_thread().is_none() {
                Box::pin(claim_pointer(&self.actors, &self.writer, state)).await?;
            }
            let rows = std::mem::take(&mut self.rows);
            self.bytes = 0;
            let count = rows.len() as u64;
            let mut index = std::mem::take(&mut self.index);
            index.extend(state.reenter(&self.writer, self.actors.parts.clock.now()));
            self.append(&thread, state.seq + 1, rows, index).await?;
            state.seq += count;
            self.writer.validate(&self.actors).await?;
            self.confirmed = true;
            self.before = None;
            if std::mem::take(&mut self.brings_customer) {
                Box::pin(newcomer::enter(&self.actors, &self.writer, &state.chat)).await?;
            }
            let ends = std::mem::take(&mut self.ends);
            if !ends.is_empty() {
                Box::pin(self.writer.write_ends(&self.actors, ends)).await;
            }
        }
        if !self.confirmed && !self.held.is_empty() {
            // What is only read may have been changed by somebody else since.
            self.writer.validate(&self.actors).await?;
            self.confirmed = true;
        }
        self.tell(state).await
    }

    /// Appends while the chat in memory, but for what [`Self::before`] can undo, is what is stored.
    async fn append(
        &mut self,
        thread: &ThreadId,
        first_seq: u64,
        rows: Vec<Bytes>,
        index: Vec<IndexWrite>,
    ) -> Result<(), AskError> {
        let appended = self.writer.append(&self.actors, thread, first_seq, rows, index).await;
        self.refused = matches!(&appended, Err(AskError::Store(error)) if error.is_retryable());
        appended
    }
}
