//! What a chat needs of a log, up to a row: read before the chat is ours, or when it is loaded.

use super::super::Actors;
use super::super::catching_up::SKEW;
use super::log::{Pages, TAIL, read_after};
use super::record::{self, Record};
use crate::domain::change::Change;
use crate::domain::chat::Chat;
use crate::domain::id::{LicenseId, ThreadId};
use crate::domain::operations::RecentOperations;
use crate::domain::time::Timestamp;
use crate::store::{LogKey, Row, StoreError};

/// Events of the previous thread that count for repeated sends.
const PREVIOUS_TAIL: usize = 1_000;

/// A thread's log up to a row, and what follows from it.
#[derive(Clone, Debug)]
pub(in crate::actors) struct Prefix {
    /// Whose log it is.
    pub(super) thread: ThreadId,
    /// The chat as of the last row; none if there is no row.
    pub(super) chat: Option<Chat>,
    /// The recent sends: of this thread, and of the one before it as far as they still count.
    pub(super) operations: RecentOperations,
    /// The last row, 0 if there is none.
    pub(super) seq: u64,
    /// What no row is younger than: the moment of the last one, if the clock of an owner before was not ahead. None if the log
    /// does not say.
    pub(super) changed_at: Option<Timestamp>,
    /// The last rows, as many as a takeover writes again.
    pub(super) tail: Vec<Row>,
}

impl Prefix {
    /// Reads a log up to a row (none: to its end). `before` is the thread before it, where that is known already: then both
    /// are read at once.
    pub(in crate::actors) async fn read(
        actors: &Actors,
        license: LicenseId,
        thread: &ThreadId,
        before: Option<&ThreadId>,
        to: Option<u64>,
    ) -> Result<Self, StoreError> {
        let log = LogKey { license, thread: thread.clone() };
        let guessed = async {
            match before {
                Some(before) => tail_of(actors, license, before).await,
                None => Ok(Vec::new()),
            }
        };
        let mut pages = Pages::after(&log, 0, to);
        let (rows, guessed) = tokio::join!(pages.next(actors), guessed);
        let rows = rows?.unwrap_or_default();
        let before_it = match previous_thread(&rows)? {
            Some(previous) if Some(&previous) == before => guessed?,
            Some(previous) => tail_of(actors, license, &previous).await?,
            None => Vec::new(),
        };
        let mut operations = RecentOperations::default();
        for row in &before_it {
            remember(&mut operations, &record::decode(&row.body)?.changes);
        }
        let thread = thread.clone();
        let mut prefix = Self { thread, chat: None, operations, seq: 0, changed_at: None, tail: Vec::new() };
        prefix.extend(rows)?;
        while let Some(rows) = pages.next(actors).await? {
            prefix.extend(rows)?;
        }
        Ok(prefix)
    }

    /// The rows that were stored after it.
    pub(super) async fn rest(&self, actors: &Actors, license: LicenseId) -> Result<Vec<Row>, StoreError> {
        let log = LogKey { license, thread: self.thread.clone() };
        read_after(actors, &log, self.seq, None).await
    }

    /// Takes in the rows that follow.
    pub(super) fn extend(&mut self, rows: Vec<Row>) -> Result<(), StoreError> {
        for row in &rows {
            let Record { at, changes, .. } = record::decode(&row.body)?;
            self.changed_at = at.map(|at| at.after(SKEW));
            match &mut self.chat {
                Some(chat) => changes.iter().for_each(|change| chat.apply(change)),
                None => self.chat = Some(opened(&changes)?),
            }
            remember(&mut self.operations, &changes);
            self.seq = row.seq;
        }
        self.tail.extend(rows);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        Ok(())
    }

    /// Bytes of the rows that it holds.
    pub(in crate::actors) fn bytes(&self) -> usize {
        self.tail.iter().map(|row| row.body.len()).sum()
    }

    /// The last row.
    pub(in crate::actors) fn seq(&self) -> u64 {
        self.seq
    }
}

/// The chat after the first row of a thread.
fn opened(changes: &[Change]) -> Result<Chat, StoreError> {
    let Some((Change::ThreadOpened(chat), rest)) = changes.split_first() else {
        return Err(StoreError::Corrupt { what: "the first row of a thread's log", source: None });
    };
    let mut chat = (**chat).clone();
    rest.iter().for_each(|change| chat.apply(change));
    Ok(chat)
}

async fn tail_of(actors: &Actors, license: LicenseId, thread: &ThreadId) -> Result<Vec<Row>, StoreError> {
    let log = LogKey { license, thread: thread.clone() };
    actors.parts.store.tail(&log, PREVIOUS_TAIL).await
}

fn previous_thread(rows: &[Row]) -> Result<Option<ThreadId>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let opened = record::decode(&first.body)?;
    Ok(match opened.changes.first() {
        Some(Change::ThreadOpened(chat)) => super::projections::previous(chat),
        _ => None,
    })
}

fn remember(operations: &mut RecentOperations, changes: &[Change]) {
    for change in changes {
        if let Change::EventAdded(event) = change {
            operations.remember(event);
        }
    }
}
