//! The rules of one license: its own settings laid over the server's.

use std::time::Duration;

use super::Config;
use crate::domain::event::EventLimits;
use crate::domain::license::{ChatRules, License, OfflineStart};

/// Every number and switch by which chats of a license are given to agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingRules {
    /// Agents pick their chats themselves.
    pub manual: bool,
    /// Chats wait when all agents are full.
    pub queue_enabled: bool,
    /// How many may wait.
    pub queue_limit: u32,
    /// A full queue takes chats again once this few wait; never more than the limit.
    pub reopen_threshold: u32,
    /// A returning customer's last agent first.
    pub prefer_recent_agent: bool,
    /// Chats at once of an agent who has no number of their own; never more than the ceiling.
    pub max_chats_count: u32,
    /// The largest number that an agent may have.
    pub max_chats_ceiling: u32,
    /// Chats that wait in line, by the plan; none for no limit.
    pub queue_plan: Option<u32>,
    /// Chats that wait without an online group; none for no limit.
    pub queue_continuous: Option<u32>,
    /// Chats at once of any human agent; none for no limit.
    pub max_agent_active_chats: Option<u32>,
    /// How long the records of decisions are kept.
    pub explain_keep: Duration,
    /// Active assigned chats of the license; none for no limit.
    pub concurrent_chats: Option<u64>,
    /// A start when nobody accepts chats.
    pub offline_start: OfflineStart,
    /// How long a vanished agent keeps their chats.
    pub disconnect_grace: Duration,
    /// The same after a start of the server.
    pub restart_grace: Duration,
    /// Chats that a customer may have started at once.
    pub max_customer_chats_count: u32,
}

impl Config {
    /// The rules that bind the chats of a license.
    pub fn rules_for(&self, license: &License) -> ChatRules {
        let own = &license.settings;
        let event_max_size = own.event_max_size.unwrap_or(self.sizes.event_max_size);
        ChatRules {
            thread_inactivity_timeout: laid_over(
                own.thread_inactivity_timeout_ms,
                self.chat.thread_inactivity_timeout,
            ),
            continuous_inactivity_timeout: laid_over(
                own.continuous_inactivity_timeout_ms,
                self.chat.continuous_inactivity_timeout,
            ),
            idle_after: laid_over(own.idle_after_ms, self.chat.idle_after),
            customer_gone_after: laid_over(own.customer_gone_after_ms, self.chat.customer_gone_after),
            unreplied_transfer_after: laid_over(
                own.unreplied_transfer_after_ms,
                self.chat.unreplied_transfer_after,
            ),
            inactive_send: own.inactive_send.unwrap_or(self.chat.inactive_send),
            manual_routing: own.manual_routing.unwrap_or(self.routing.manual),
            events: EventLimits { max_size: usize::try_from(event_max_size).unwrap_or(usize::MAX) },
            thread: self.limits.of_thread(),
            mails_transcripts: self.mail.is_some(),
        }
    }

    /// The rules by which a license's chats are given to agents.
    pub fn routing_for(&self, license: &License) -> RoutingRules {
        let (own, server) = (&license.settings, &self.routing);
        let queue_limit = own.queue_limit.unwrap_or(server.queue_limit);
        let ceiling = own.max_chats_ceiling.unwrap_or(server.max_chats_ceiling);
        RoutingRules {
            manual: own.manual_routing.unwrap_or(server.manual),
            queue_enabled: own.queue_enabled.unwrap_or(server.queue_enabled),
            queue_limit,
            reopen_threshold: own
                .queue_reopen_threshold
                .unwrap_or(server.queue_reopen_threshold)
                .min(queue_limit),
            prefer_recent_agent: own.prefer_recent_agent.unwrap_or(server.prefer_recent_agent),
            max_chats_count: own.max_chats_count.unwrap_or(server.max_chats_count).min(ceiling),
            max_chats_ceiling: ceiling,
            queue_plan: limit(own.queue_plan, server.queue_plan),
            queue_continuous: limit(own.queue_continuous, server.queue_continuous),
            max_agent_active_chats: limit(own.max_agent_active_chats, server.max_agent_active_chats),
            explain_keep: server.explain_keep,
            concurrent_chats: u64::try_from(own.concurrent_chats.unwrap_or(server.concurrent_chats)).ok(),
            offline_start: own.offline_start.unwrap_or(server.offline_start),
            disconnect_grace: laid_over(own.agent_disconnect_grace_ms, server.agent_disconnect_grace),
            restart_grace: server.restart_grace,
            max_customer_chats_count: own.max_customer_chats_count.unwrap_or(server.max_customer_chats_count),
        }
    }

    /// What a license's customers are welcomed with.
    pub fn welcome_message_for<'a>(&'a self, license: &'a License) -> &'a str {
        license.settings.welcome_message.as_deref().unwrap_or(&self.chat.welcome_message)
    }

    /// Bytes of a file that may be uploaded to a license.
    pub fn file_max_size_for(&self, license: &License) -> u64 {
        license.settings.file_max_size.unwrap_or(self.sizes.file_max_size)
    }
}

/// -1 = none.
fn limit(own: Option<i64>, server: i64) -> Option<u32> {
    u32::try_from(own.unwrap_or(server)).ok()
}

fn laid_over(own_ms: Option<u64>, server: Duration) -> Duration {
    own_ms.map_or(server, Duration::from_millis)
}
