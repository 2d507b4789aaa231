//! What actors are configured with, and where they find the tenant's rules.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::RoutingRules;
use crate::domain::id::LicenseId;
use crate::domain::license::{ChatRules, License};

/// Bounds and times of the actors.
#[derive(Clone, Debug)]
pub struct ActorSettings {
    /// Commands that may wait in one chat's queue; further ones are refused with `too_many_requests`.
    pub chat_queue: usize,
    /// Messages that may wait in an actor's mailbox.
    pub mailbox: usize,
    /// A quiet chat leaves memory after this long.
    pub passivate_after: Duration,
    /// How long a caller waits for an answer.
    pub request_timeout: Duration,
    /// How long a start waits for the router's word before it queues.
    pub router_timeout: Duration,
    /// Sessions that one agent may have, over all nodes; one more ends the oldest.
    pub agent_sessions: usize,
    /// Bytes that a thread holds at most.
    pub thread_bytes: u64,
    /// Bytes of threads that are read whole at the same time.
    pub threads_read: u64,
}

impl Default for ActorSettings {
    fn default() -> Self {
        Self {
            chat_queue: 1_024,
            mailbox: 1_024,
            passivate_after: Duration::from_secs(60),
            request_timeout: Duration::from_secs(15),
            router_timeout: Duration::from_secs(1),
            agent_sessions: 100,
            thread_bytes: 10 << 20,
            threads_read: 64 << 20,
        }
    }
}

/// Where actors find a tenant and its rules. Answers from memory after the first time.
#[async_trait]
pub trait LicenseSource: Send + Sync {
    /// The license as it is now; none if there is no such tenant.
    ///
    /// # Errors
    /// The store's, when it had to be asked.
    async fn license(&self, id: LicenseId) -> Result<Option<Arc<License>>, crate::store::StoreError>;

    /// The license if it can be told without waiting; the quick way of [`Self::license`].
    fn known_license(&self, id: LicenseId) -> Option<Arc<License>>;

    /// The rules for its chats.
    fn chat_rules(&self, license: &License) -> ChatRules;

    /// The numbers for its router.
    fn routing_rules(&self, license: &License) -> RoutingRules;

    /// Bytes of a file that may be uploaded to a license.
    fn file_max_size(&self, license: &License) -> u64;

    /// What its customers are welcomed with.
    fn welcome_message(&self, license: &License) -> String;
}
