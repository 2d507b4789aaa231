//! What readers see of a thread: its rows folded into its head and its events.

use std::sync::Arc;

use super::super::Actors;
use super::log::read_all;
use super::record;
use crate::domain::change::{Change, Target};
use crate::domain::chat::Chat;
use crate::domain::event::Event;
use crate::domain::id::{EventId, LicenseId, ThreadId};
use crate::domain::properties;
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
        let Some((first, rest)) = rows.split_first() else { return Ok(None) };
        let first = record::decode(&first.body)?;
        let Some(Change::ThreadOpened(chat)) = first.changes.first() else {
            return Err(StoreError::Corrupt { what: "the first row of a thread's log", source: None });
        };
        let mut history = Self { chat: (**chat).clone(), events: Vec::new() };
        history.apply(&first.changes[1..]);
        for row in rest {
            history.apply(&record::decode(&row.body)?.changes);
        }
        Ok(Some(history))
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
    ///
    /// # Errors
    /// The store's.
    pub async fn read(
        actors: &Actors,
        license: LicenseId,
        thread: &ThreadId,
        to: Option<u64>,
    ) -> Result<Option<Self>, StoreError> {
        let log = LogKey { license, thread: thread.clone() };
        Self::fold(&read_all(actors, &log, to).await?)
    }
}
