//! Structures `Thread` and `Queue`, and the head of a thread in a chat's summary.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::event::EventView;
use super::properties::Readable;
use super::{View, json};
use crate::domain::access::Access;
use crate::domain::event::Event;
use crate::domain::geolocation::Geolocation;
use crate::domain::id::{ThreadId, UserId};
use crate::domain::properties::Properties;
use crate::domain::property_definitions::Location;
use crate::domain::push::QueuePlace;
use crate::domain::thread::Thread;
use crate::domain::visit::CustomerVisit;
use crate::protocol::time::Rfc3339;

/// A thread with what its head does not hold.
#[derive(Clone, Copy, Debug)]
pub struct ThreadParts<'a> {
    /// The head.
    pub thread: &'a Thread,
    /// All its events, or as many as are to be shown; the view leaves out what the reader may not see.
    pub events: &'a [Arc<Event>],
    /// The thread after it.
    pub next_thread_id: Option<&'a ThreadId>,
    /// Its place, while it waits.
    pub queue: Option<QueuePlace>,
}

/// A thread with its events.
#[derive(Serialize)]
pub(super) struct ThreadView<'a> {
    #[serde(flatten)]
    head: ThreadHead<'a>,
    events: Events<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_visit: Option<CustomerVisitView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queues_duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_thread_id: Option<&'a ThreadId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_thread_id: Option<&'a ThreadId>,
    /// `list_archives` alone has these two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous_accessible_thread_id: Option<&'a ThreadId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_accessible_thread_id: Option<&'a ThreadId>,
}

/// Structure `CustomerVisit`. Agents alone see it.
#[derive(Serialize)]
struct CustomerVisitView<'a> {
    ip: &'a str,
    user_agent: &'a str,
    geolocation: Place<'a>,
}

/// Structure `Geolocation`: empty where nothing is known.
#[derive(Serialize)]
struct Place<'a> {
    #[serde(flatten)]
    known: Option<&'a Geolocation>,
}

impl<'a> CustomerVisitView<'a> {
    fn new(visit: &'a CustomerVisit) -> Self {
        let geolocation = Place { known: visit.geolocation.as_deref() };
        Self { ip: &visit.ip, user_agent: &visit.user_agent, geolocation }
    }
}

/// A thread without its events.
#[derive(Serialize)]
pub(super) struct ThreadHead<'a> {
    id: &'a ThreadId,
    created_at: Rfc3339,
    active: bool,
    user_ids: UserIds<'a>,
    properties: Readable<'a, Properties>,
    access: &'a Access,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueueView>,
}

/// A place in the queue.
#[derive(Clone, Copy, Serialize)]
pub(super) struct QueueView {
    position: u32,
    wait_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued_at: Option<Rfc3339>,
}

impl QueueView {
    pub(super) fn new(place: QueuePlace) -> Self {
        Self { queued_at: place.queued_at.map(Rfc3339), ..Self::without_time(place) }
    }

    /// As the pushes about moved places have it.
    pub(super) fn without_time(place: QueuePlace) -> Self {
        Self { position: place.position, wait_time: place.wait_time, queued_at: None }
    }
}

struct Events<'a> {
    view: View<'a>,
    events: &'a [Arc<Event>],
}

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for event in self.events.iter().filter(|event| self.view.shows(event)) {
            list.serialize_element(&EventView { view: self.view, event })?;
        }
        list.end()
    }
}

struct UserIds<'a> {
    view: View<'a>,
    thread: &'a Thread,
    events: &'a [Arc<Event>],
}

impl UserIds<'_> {
    /// A head does not say who looked on unseen. To customers a thread's agents are those who had it assigned
    /// and those who said something that all may see.
    fn shows(&self, id: &UserId) -> bool {
        let UserId::Agent(agent) = id else { return true };
        let spoke = || {
            let mut shown = self.events.iter().filter(|event| self.view.shows(event));
            shown.any(|event| event.author.as_ref() == Some(id))
        };
        !self.view.is_for_customers() || self.thread.assigned.contains(agent) || spoke()
    }
}

impl Serialize for UserIds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = self.thread.user_ids.iter().filter(|id| self.shows(id));
        serializer.collect_seq(shown.map(|id| self.view.user_id(id)))
    }
}

impl<'a> View<'a> {
    /// A thread with its events: `list_threads`.
    pub fn thread(&self, parts: ThreadParts<'_>) -> String {
        json(&self.thread_view(parts))
    }

    pub(super) fn thread_view<'t>(&self, parts: ThreadParts<'t>) -> ThreadView<'t>
    where
        'a: 't,
    {
        let ThreadParts { thread, events, next_thread_id, queue } = parts;
        let visit = thread.customer_visit.as_deref().filter(|_| !self.is_for_customers());
        ThreadView {
            head: self.thread_head(thread, events, queue),
            events: Events { view: *self, events },
            customer_visit: visit.map(CustomerVisitView::new),
            queues_duration: thread.queues_duration.filter(|_| !self.is_for_customers()),
            previous_thread_id: thread.previous_thread_id.as_ref(),
            next_thread_id,
            previous_accessible_thread_id: None,
            next_accessible_thread_id: None,
        }
    }

    pub(super) fn thread_head<'t>(
        &self,
        thread: &'t Thread,
        events: &'t [Arc<Event>],
        queue: Option<QueuePlace>,
    ) -> ThreadHead<'t>
    where
        'a: 't,
    {
        let waiting = queue.filter(|_| thread.active).map(|place| {
            QueueView::new(QueuePlace { queued_at: place.queued_at.or(thread.queued_at), ..place })
        });
        ThreadHead {
            id: &thread.id,
            created_at: Rfc3339(thread.created_at),
            active: thread.active,
            user_ids: UserIds { view: *self, thread, events },
            properties: Readable { view: *self, location: Location::Thread, properties: &thread.properties },
            access: &thread.access,
            tags: if self.is_for_customers() { &[] } else { &thread.tags },
            queue: waiting,
        }
    }
}
