//! Settings of the license and its agents, replaced while everything runs.

use super::chat::Place;
use super::effect::Effect;
use super::group::GroupRules;
use super::presence::LeaveReason;
use super::router::Router;
use super::settings::{AgentRouting, RouterSettings};
use super::table::{AgentKey, ChatKey, GroupKey};
use crate::domain::time::Timestamp;

impl Router {
    /// Replaces the license's settings and what is known of these agents, as one change: nobody is judged by the new limit of
    /// the license and their own former one. Raised limits and groups that turn automatic free slots, so the queue may
    /// drain; lowered ones take nobody's chats away. Costs a pass over agents and waiting chats.
    pub fn configure(
        &mut self,
        settings: RouterSettings,
        agents: &[AgentRouting],
        now: Timestamp,
    ) -> Vec<Effect> {
        self.enter(now);
        self.apply_settings(settings);
        self.put_agents(agents)
    }

    pub(super) fn apply_settings(&mut self, settings: RouterSettings) {
        // The routing priorities are part of the queue's keys: everybody out, then in again.
        let waiting = self.tables.chats().filter_map(|(key, chat)| Some((key, chat.queued?)));
        let waiting: Vec<(ChatKey, Place)> = waiting.collect();
        for (key, _) in &waiting {
            self.leave_queue(*key);
        }
        self.tables.license_wide = GroupRules {
            manual: settings.manual,
            queue_enabled: settings.queue_enabled,
            reopen_threshold: settings.queue_reopen_threshold,
            routing_priority: 0,
        };
        self.lowest_since_full = None;
        for id in settings.groups.keys() {
            self.tables.group_key(*id);
        }
        self.settings = settings;
        for at in 0..self.tables.groups.len() {
            self.apply_group_settings(GroupKey(at as u32));
        }
        for (key, place) in waiting {
            self.return_to_queue(key, place);
        }
        for at in 0..self.tables.agents.len() {
            self.repool(AgentKey(at as u32));
        }
        self.mark_all_groups_stale();
    }

    fn apply_group_settings(&mut self, key: GroupKey) {
        let own = self.settings.groups.get(&self.tables.group(key).id).copied().unwrap_or_default();
        let all = self.tables.license_wide;
        self.tables.group_mut(key).rules = GroupRules {
            manual: own.manual.unwrap_or(all.manual),
            queue_enabled: own.queue_enabled.unwrap_or(all.queue_enabled),
            reopen_threshold: own.queue_reopen_threshold.unwrap_or(all.reopen_threshold),
            routing_priority: own.routing_priority,
        };
        self.refresh(key);
    }

    /// Adds an agent or replaces what is known of one. A suspended agent's chats are rerouted.
    pub fn put_agent(&mut self, routing: &AgentRouting, now: Timestamp) -> Vec<Effect> {
        self.enter(now);
        self.put_agents(std::slice::from_ref(routing))
    }

    /// All of them, before anybody is given a chat.
    fn put_agents(&mut self, agents: &[AgentRouting]) -> Vec<Effect> {
        let suspended: Vec<AgentKey> =
            agents.iter().filter_map(|routing| self.apply_agent(routing)).collect();
        for key in suspended {
            self.dismiss(key, LeaveReason::Suspended);
        }
        self.finish()
    }

    /// Replaces what is known of an agent. Gives one who has to leave, as they are suspended now. Their status stays: they are let in
    /// again with it, as bots have one without any session that would tell of it anew.
    fn apply_agent(&mut self, routing: &AgentRouting) -> Option<AgentKey> {
        let key = self.tables.agent_key(&routing.id);
        let mut groups = Vec::with_capacity(routing.groups.len() + 1);
        for (group, priority) in &routing.groups {
            let group = self.tables.group_key(*group);
            if !groups.iter().any(|(known, _)| *known == group) {
                groups.push((group, *priority));
            }
        }
        if !groups.iter().any(|(group, _)| *group == GroupKey(0)) {
            groups.push((GroupKey(0), routing.default_group_priority));
        }
        let was_present = self.tables.agent(key).is_present();
        self.with_agent(key, |agent| {
            agent.is_configured = true;
            agent.kind = routing.kind;
            agent.groups = groups;
            agent.max_chats = routing.max_chats;
            agent.suspended = routing.suspended;
            agent.awaiting_approval = routing.awaiting_approval;
            agent.on_duty = routing.on_duty;
        });
        (was_present && routing.suspended).then_some(key)
    }
}
