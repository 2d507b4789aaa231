//! `[routing]`, `[chats]`, `[agent]` and `[license]`: who gets a chat, and how many of them.

use std::time::Duration;

use super::kind::{Choice, Key, Span, Switch, Whole, key, span};
use super::reader::Reader;
use crate::domain::license::OfflineStart;

const HOUR_MS: u64 = 3_600_000;

pub(super) const AGENT_DISCONNECT_GRACE: Key<Span> =
    key("routing.agent_disconnect_grace", "15s", span(0, HOUR_MS));
const RESTART_GRACE: Key<Span> = key("routing.restart_grace", "60s", span(0, HOUR_MS));
pub(super) const OFFLINE_START: Key<Choice<OfflineStart>> = key(
    "routing.offline_start",
    "queue",
    Choice(&[("queue", OfflineStart::Queue), ("refuse", OfflineStart::Refuse)]),
);
pub(super) const MAX_CUSTOMER_CHATS_COUNT: Key<Whole<u32>> =
    key("routing.max_customer_chats_count", "1", Whole { min: 1, max: 1_000 });
pub(super) const MANUAL_ROUTING: Key<Switch> = key("chats.manual_routing", "false", Switch);
pub(super) const PREFER_RECENT_AGENT: Key<Switch> = key("chats.prefer_recent_agent", "true", Switch);
pub(super) const QUEUE_ENABLED: Key<Switch> = key("chats.queue.enabled", "true", Switch);
pub(super) const QUEUE_LIMIT: Key<Whole<u32>> =
    key("chats.queue.limit", "100", Whole { min: 0, max: 1_000_000 });
pub(super) const QUEUE_REOPEN_THRESHOLD: Key<Whole<u32>> =
    key("chats.queue.reopen_threshold", "90", Whole { min: 0, max: 1_000_000 });
pub(super) const MAX_CHATS_COUNT: Key<Whole<u32>> =
    key("agent.max_chats_count", "6", Whole { min: 0, max: 10_000 });
pub(super) const MAX_CHATS_CEILING: Key<Whole<u32>> =
    key("agent.max_chats_ceiling", "500", Whole { min: 1, max: 10_000 });
pub(super) const CONCURRENT_CHATS: Key<Whole<i64>> =
    key("license.concurrent_chats", "-1", Whole { min: -1, max: 10_000_000 });
pub(super) const QUEUE_PLAN: Key<Whole<i64>> = key("license.queue", "-1", Whole { min: -1, max: 10_000_000 });
pub(super) const QUEUE_CONTINUOUS: Key<Whole<i64>> =
    key("license.queue_continuous", "-1", Whole { min: -1, max: 10_000_000 });
pub(super) const MAX_AGENT_ACTIVE_CHATS: Key<Whole<i64>> =
    key("chats.max_agent_active_chats", "-1", Whole { min: -1, max: 10_000 });
const EXPLAIN_KEEP: Key<Span> = key("routing.explain_keep", "24h", span(0, 30 * 24 * HOUR_MS));
const POLL_EVERY: Key<Span> = key("license.poll_every", "2s", span(100, 60_000));

/// `[routing]`, `[chats]`, `[agent]` and `[license]`
#[derive(Clone, Debug)]
pub struct Routing {
    /// How long a vanished agent keeps their chats. Too short and every reload of a page moves chats. Default 15 s.
    pub agent_disconnect_grace: Duration,
    /// The same after a start of the server, when everybody comes back. Default 60 s.
    pub restart_grace: Duration,
    /// A start when nobody accepts chats. Default: it waits.
    pub offline_start: OfflineStart,
    /// Chats that a customer may have started at once in a license. Default 1.
    pub max_customer_chats_count: u32,
    /// Agents pick their chats themselves. Default false.
    pub manual: bool,
    /// A returning customer's last agent first. Default true.
    pub prefer_recent_agent: bool,
    /// Chats wait when all agents are full. Default true.
    pub queue_enabled: bool,
    /// How many may wait. Default 100.
    pub queue_limit: u32,
    /// A full queue takes chats again once this few wait; never more than the limit. Default 90.
    pub queue_reopen_threshold: u32,
    /// Chats at once of an agent who has no number of their own. Default 6.
    pub max_chats_count: u32,
    /// The largest such number. Default 500.
    pub max_chats_ceiling: u32,
    /// Active assigned chats of a license; -1 = no limit. Default -1.
    pub concurrent_chats: i64,
    /// Chats that wait in the line of a license, by its plan; with `queue_limit` the lower one rules; -1 = no limit.
    /// Default -1.
    pub queue_plan: i64,
    /// Chats that wait without an online group; -1 = no limit. Default -1.
    pub queue_continuous: i64,
    /// Chats at once of any human agent of a license; with the agent's own number the lower one rules; -1 = no
    /// limit. Default -1.
    pub max_agent_active_chats: i64,
    /// How long the records of decisions are kept for `switchboard explain`. Default 24 h.
    pub explain_keep: Duration,
    /// How often a node of a cluster looks for licenses and tokens that other nodes changed. Default 2 s.
    pub license_poll_every: Duration,
}

impl Routing {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let routing = Self {
            agent_disconnect_grace: reader.get(&AGENT_DISCONNECT_GRACE),
            restart_grace: reader.get(&RESTART_GRACE),
            offline_start: reader.get(&OFFLINE_START),
            max_customer_chats_count: reader.get(&MAX_CUSTOMER_CHATS_COUNT),
            manual: reader.get(&MANUAL_ROUTING),
            prefer_recent_agent: reader.get(&PREFER_RECENT_AGENT),
            queue_enabled: reader.get(&QUEUE_ENABLED),
            queue_limit: reader.get(&QUEUE_LIMIT),
            queue_reopen_threshold: reader.get(&QUEUE_REOPEN_THRESHOLD),
            max_chats_count: reader.get(&MAX_CHATS_COUNT),
            max_chats_ceiling: reader.get(&MAX_CHATS_CEILING),
            concurrent_chats: reader.get(&CONCURRENT_CHATS),
            queue_plan: reader.get(&QUEUE_PLAN),
            queue_continuous: reader.get(&QUEUE_CONTINUOUS),
            max_agent_active_chats: reader.get(&MAX_AGENT_ACTIVE_CHATS),
            explain_keep: reader.get(&EXPLAIN_KEEP),
            license_poll_every: reader.get(&POLL_EVERY),
        };
        if routing.queue_reopen_threshold > routing.queue_limit && reader.is_set(QUEUE_REOPEN_THRESHOLD.name)
        {
            let limit = routing.queue_limit;
            reader.clash(
                QUEUE_REOPEN_THRESHOLD.name,
                &format!("must be at most chats.queue.limit, which is {limit}"),
            );
        }
        if routing.max_chats_count > routing.max_chats_ceiling {
            let ceiling = routing.max_chats_ceiling;
            let key = if reader.is_set(MAX_CHATS_COUNT.name) { &MAX_CHATS_COUNT } else { &MAX_CHATS_CEILING };
            reader.clash(
                key.name,
                &format!(
                    "agent.max_chats_count is {}, it must be at most agent.max_chats_ceiling, which is {ceiling}",
                    routing.max_chats_count
                ),
            );
        }
        routing
    }
}
