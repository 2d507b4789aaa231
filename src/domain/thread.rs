//! Threads: the topics of a chat, in order; only the last may be active.

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::id::{AgentId, ThreadId, UserId};
use super::properties::Properties;
use super::time::Timestamp;

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
    /// The last time that somebody said something, or that it was opened.
    pub last_activity: Timestamp,
    /// The agents who had this thread assigned, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<AgentId>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

impl Thread {
    /// Remembers that a user took part.
    pub fn took_part(&mut self, user: &UserId) {
        if !self.user_ids.contains(user) {
            self.user_ids.push(user.clone());
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
