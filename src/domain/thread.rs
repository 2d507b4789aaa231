//! Threads: the topics of a chat, in order; only the last may be active.

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::event::{Event, Visibility};
use super::id::{AgentId, ThreadId, UserId};
use super::properties::{self, Properties};
use super::time::Timestamp;
use super::visit::CustomerVisit;

/// The head of a thread: all but its events, which the store holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Which.
    pub id: ThreadId,
    /// 1 for the first thread of the chat.
    pub number: u32,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Open for events.
    pub active: bool,
    /// Everybody who ever was in it, in order of arrival.
    pub user_ids: Vec<UserId>,
    /// Key-value store.
    pub properties: Properties,
    /// Who may see it: the chat's access while the thread is the last.
    pub access: Access,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Waiting for an agent since; none when not queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<Timestamp>,
    /// Seconds spent in queues, once it left one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queues_duration: Option<u64>,
    /// The thread before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_thread_id: Option<ThreadId>,
    /// Events so far; the next one has this number plus one.
    pub events: u64,
    /// Bytes of what was stored in it since it was opened, as its limits count them.
    #[serde(default)]
    pub bytes: u64,
    /// The last time that somebody said something, or that it was opened.
    pub last_activity: Timestamp,
    /// The first message of the customer that no agent has answered, or the agent's last sign of attention to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered_since: Option<Timestamp>,
    /// The customer's last connection is gone since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_left_at: Option<Timestamp>,
    /// The agents who had this thread assigned, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<AgentId>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// From where its customer had come when it was opened; none where an event opened it, or nobody knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_visit: Option<Box<CustomerVisit>>,
}

impl Thread {
    /// Remembers that a user took part.
    pub fn took_part(&mut self, user: &UserId) {
        if !self.user_ids.contains(user) {
            self.user_ids.push(user.clone());
        }
    }

    /// Somebody said something.
    pub fn heard(&mut self, event: &Event) {
        self.last_activity = event.created_at;
        if let Some(UserId::Customer(_)) = &event.author {
            self.customer_left_at = None;
        }
        self.unanswered_since = self.unanswered_after(event);
    }

    /// Since when the customer waits for an answer, once somebody has said this.
    pub fn unanswered_after(&self, event: &Event) -> Option<Timestamp> {
        match &event.author {
            Some(UserId::Customer(_)) => Some(self.unanswered_since.unwrap_or(event.created_at)),
            // What only agents see is no answer.
            Some(UserId::Agent(_)) if event.visibility == Visibility::All => None,
            _ => self.unanswered_since,
        }
    }

    /// Whether it was silent for so long that it takes no slot.
    pub fn is_idle(&self) -> bool {
        properties::is_on(&self.properties, "routing", "idle")
    }

    /// Puts a label on it, once.
    pub fn add_tag(&mut self, tag: &str) {
        if !self.tags.iter().any(|existing| existing == tag) {
            self.tags.push(tag.to_owned());
        }
    }

    /// Stops waiting, if it waited.
    pub fn leave_queue(&mut self, at: Timestamp) {
        if let Some(queued_at) = self.queued_at.take() {
            let waited = at.since(queued_at).as_secs();
            self.queues_duration = Some(self.queues_duration.unwrap_or(0) + waited);
        }
    }
}
