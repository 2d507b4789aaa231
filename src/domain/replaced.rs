//! What an event replaces in its chat, so that it can be taken back without a copy of the whole chat.

use super::chat::{Chat, LastEvent, Said};
use super::event::{Event, EventKind, Visibility};
use super::id::UserId;
use super::time::Timestamp;

/// What stands where an event is about to be added ([`EventAdded`](super::change::Change::EventAdded)).
#[derive(Clone, Debug)]
pub struct Replaced {
    last_at: Timestamp,
    said: Said,
    thread: Option<OfThread>,
    /// Where the event stands as the last of its kind, and which stood there.
    last_of_kind: (Visibility, EventKind, Option<LastEvent>),
    /// How far its author had seen the chat, if they are a user of it.
    seen: Option<(UserId, Option<Timestamp>)>,
}

#[derive(Clone, Copy, Debug)]
struct OfThread {
    events: u64,
    bytes: u64,
    last_activity: Timestamp,
    unanswered_since: Option<Timestamp>,
    customer_left_at: Option<Timestamp>,
}

impl Replaced {
    /// What the event replaces.
    pub fn by(event: &Event, chat: &Chat) -> Self {
        let thread = chat.thread.as_ref().map(|thread| OfThread {
            events: thread.events,
            bytes: thread.bytes,
            last_activity: thread.last_activity,
            unanswered_since: thread.unanswered_since,
            customer_left_at: thread.customer_left_at,
        });
        let kind = event.body.kind();
        let last = match event.visibility {
            Visibility::All => chat.last_public_events.get(&kind),
            Visibility::Agents => chat.last_agents_events.get(&kind),
        };
        let author = event.author.as_ref().and_then(|author| chat.user(author));
        Self {
            last_at: chat.last_at,
            said: Said::of(chat),
            thread,
            last_of_kind: (event.visibility, kind, last.cloned()),
            seen: author.map(|user| (user.id.clone(), user.seen_up_to)),
        }
    }

    /// Puts it back: the chat is as it was before the event, if all that came after it was put back before.
    pub fn restore(self, chat: &mut Chat) {
        let Self { last_at, said, thread, last_of_kind: (visibility, kind, last), seen } = self;
        chat.last_at = last_at;
        chat.agent_last_event_at = said.by_agent;
        chat.customer_last_event_at = said.by_customer;
        if let (Some(thread), Some(before)) = (&mut chat.thread, thread) {
            thread.events = before.events;
            thread.bytes = before.bytes;
            thread.last_activity = before.last_activity;
            thread.unanswered_since = before.unanswered_since;
            thread.customer_left_at = before.customer_left_at;
        }
        let lasts = match visibility {
            Visibility::All => &mut chat.last_public_events,
            Visibility::Agents => &mut chat.last_agents_events,
        };
        match last {
            Some(last) => lasts.insert(kind, last),
            None => lasts.remove(&kind),
        };
        if let Some((author, seen_up_to)) = seen
            && let Some(user) = chat.users.iter_mut().find(|user| user.id == author)
        {
            user.seen_up_to = seen_up_to;
        }
    }
}
