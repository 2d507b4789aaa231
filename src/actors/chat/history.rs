//! What readers see of a thread: its rows folded into its head and its events.

use std::sync::Arc;

use super::super::Actors;
use super::log::Pages;
use super::record;
use crate::domain::change::{Change, Target};
use crate::domain::chat::Chat;
use crate::domain::event::Event;
use crate::domain::id::{EventId, LicenseId, ThreadId};
use crate::domain::properties;
use crate::domain::thread_limits::Extent;
use crate::store::{LogKey, Row, StoreError};

/// Events that go with a chat in a push; earlier ones are found by `list_threads`. Keeps the frame below what a
/// session's queue may hold.
pub(super) const MAX_EVENTS_IN_PUSH: usize = 25;

/// A thread with its events, as of its last row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The chat at that moment; its last thread is the one that was read.
    pub chat: Chat,
    /// In order.
    pub events: Vec<Arc<Event>>,
}

impl History {
    /// Folds the rows of one thread; none if there are none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the first row does not open the thread, or a row cannot be read.
    pub fn fold(rows: &[Row]) -> Result<Option<Self>, StoreError> {
        let mut history = None;
        Self::fold_on(&mut history, rows)?;
        Ok(history)
    }

    /// Goes on with the rows that follow what was folded.
    fn fold_on(history: &mut Option<Self>, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            let changes = record::decode(&row.body)?.changes;
            match history {
                Some(history) => history.apply(&changes),
                None => {
                    let Some(Change::ThreadOpened(chat)) = changes.first() else {
                        return Err(StoreError::Corrupt {
                            what: "the first row of a thread's log",
                            source: None,
                        });
                    };
                    let opened = history.insert(Self { chat: (**chat).clone(), events: Vec::new() });
                    opened.apply(&changes[1..]);
                }
            }
        }
        Ok(())
    }

    pub(super) fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            self.chat.apply(change);
            match change {
                Change::EventAdded(event) => self.events.push(event.clone()),
                Change::PropertiesSet { target: Target::Event(id), properties } => {
                    self.change_event(id, |event| properties::merge(&mut event.properties, properties));
                }
                Change::PropertiesDeleted { target: Target::Event(id), names } => {
                    self.change_event(id, |event| properties::remove(&mut event.properties, names));
                }
                Change::PostbackToggled { event, button, user, on } => {
                    self.change_event(event, |event| {
                        event.body.buttons_mut(button).for_each(|button| button.toggle(user.as_str(), *on));
                    });
                }
                Change::EventDeleted(id) => self.change_event(id, |event| event.deleted = true),
                _ => {}
            }
        }
    }

    /// A row may tell of an earlier thread's event.
    fn change_event(&mut self, id: &EventId, change: impl FnOnce(&mut Event)) {
        if self.chat.thread.as_ref().is_none_or(|thread| thread.id != id.thread) {
            return;
        }
        if let Ok(position) = self.events.binary_search_by_key(&id.number, |event| event.id.number) {
            change(Arc::make_mut(&mut self.events[position]));
        }
    }

    /// Reads a thread's log up to a row (none: to its end) and folds it; none if there is no such thread.
    pub(in crate::actors) async fn read(
        actors: &Actors,
        license: LicenseId,
        thread: &ThreadId,
        to: Option<u64>,
    ) -> Result<Option<Self>, StoreError> {
        Self::read_keeping(actors, license, thread, to, |_| {}).await
    }

    /// As [`Self::read`]; of the events only what `keep` leaves is carried on.
    pub(in crate::actors) async fn read_keeping(
        actors: &Actors,
        license: LicenseId,
        thread: &ThreadId,
        to: Option<u64>,
        keep: impl Fn(&mut Vec<Arc<Event>>),
    ) -> Result<Option<Self>, StoreError> {
        let log = LogKey { license, thread: thread.clone() };
        let mut pages = Pages::after(&log, 0, to);
        let mut history = None;
        while let Some(rows) = pages.next(actors).await? {
            Self::fold_on(&mut history, &rows)?;
            if let Some(history) = &mut history {
                keep(&mut history.events);
            }
        }
        Ok(history)
    }

    /// As [`Self::read`], to the end, and only as long as the thread holds no more than so many bytes.
    pub(in crate::actors) async fn read_within(
        actors: &Actors,
        license: LicenseId,
        thread: &ThreadId,
        bytes: u64,
    ) -> Result<Found, StoreError> {
        let log = LogKey { license, thread: thread.clone() };
        let mut pages = Pages::after(&log, 0, None);
        let mut history: Option<Self> = None;
        while let Some(rows) = pages.next(actors).await? {
            Self::fold_on(&mut history, &rows)?;
            let thread = history.as_ref().and_then(|history| history.chat.thread.as_ref());
            if thread.is_some_and(|thread| Extent::of(thread).bytes > bytes) {
                return Ok(Found::Larger);
            }
        }
        Ok(history.map_or(Found::Nothing, |history| Found::Whole(Box::new(history))))
    }
}

/// What was found of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    Nothing,
    /// All of it.
    Whole(Box<History>),
    /// It holds more than is wanted.
    Larger,
}
