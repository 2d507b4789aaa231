//! Pushes about what operators change: agents, bots, groups, properties, rules of auto access. For agents alone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Rendered;
use crate::domain::auto_access::{AccessTarget, Conditions};
use crate::domain::id::{AgentId, GroupId};
use crate::domain::license::{Agent, Priority, Role, WorkSchedule};
use crate::domain::license_news::{AgentChange, LicenseNews, RuleChange, RuleStatus, shown_hours};
use crate::domain::properties::Properties;
use crate::domain::property_definitions::Location;
use crate::protocol::view::View;
use crate::protocol::view::properties::Readable;

#[derive(Serialize)]
struct Id<'a, T> {
    id: &'a T,
}

#[derive(Serialize)]
struct Membership {
    id: GroupId,
    priority: Priority,
}

fn memberships(groups: &BTreeMap<GroupId, Priority>) -> Vec<Membership> {
    groups.iter().map(|(id, priority)| Membership { id: *id, priority: *priority }).collect()
}

/// All that is told of an agent, be it empty. What mails and notices they want is not recorded.
#[derive(Serialize)]
struct NewAgent<'a> {
    id: &'a AgentId,
    name: &'a str,
    role: Role,
    awaiting_approval: bool,
    groups: Vec<Membership>,
    notifications: [&'a str; 0],
    email_subscriptions: [&'a str; 0],
    work_scheduler: WorkSchedule,
}

/// All that is told of a bot. That it is an application's, or has a priority of its own where none is set, is not recorded.
#[derive(Serialize)]
struct NewBot<'a> {
    id: &'a AgentId,
    name: &'a str,
    default_group_priority: Priority,
    groups: Vec<Membership>,
    owner_client_id: &'static str,
}

#[derive(Serialize)]
struct ChangedAgent<'a> {
    id: &'a AgentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    awaiting_approval: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Membership>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    work_scheduler: Option<&'a WorkSchedule>,
}

#[derive(Serialize)]
struct NewGroup<'a> {
    id: GroupId,
    name: &'a str,
    language_code: &'a str,
    agent_priorities: &'a BTreeMap<AgentId, Priority>,
}

#[derive(Serialize)]
struct ChangedGroup<'a> {
    id: GroupId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
}

#[derive(Serialize)]
struct SetProperties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<GroupId>,
    properties: Readable<'a, Properties>,
}

#[derive(Serialize)]
struct Rule<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<&'a AccessTarget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<&'a Conditions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<&'a str>,
    status: RuleStatus,
}

impl<'a> From<&'a RuleChange> for Rule<'a> {
    fn from(change: &'a RuleChange) -> Self {
        Self {
            id: &change.id,
            description: change.description.as_deref(),
            access: change.access.as_ref(),
            conditions: change.conditions.as_ref(),
            next_id: change.next_id.as_deref(),
            status: change.status,
        }
    }
}

impl View<'_> {
    pub(super) fn license_news(&self, news: &LicenseNews) -> Rendered {
        match news {
            LicenseNews::GroupCreated { id, name, language, priorities } => {
                let group = NewGroup { id: *id, name, language_code: language, agent_priorities: priorities };
                self.for_agents("group_created", &group)
            }
            LicenseNews::GroupUpdated { id, name, language } => {
                let (name, language_code) = (name.as_deref(), language.as_deref());
                self.for_agents("group_updated", &ChangedGroup { id: *id, name, language_code })
            }
            LicenseNews::GroupDeleted(id) => self.for_agents("group_deleted", &Id { id }),
            LicenseNews::AgentCreated(agent) => self.agent_created(agent),
            LicenseNews::AgentUpdated(change) => self.agent_changed("agent_updated", change),
            LicenseNews::AgentApproved(id) => self.for_agents("agent_approved", &Id { id }),
            LicenseNews::AgentSuspended(id) => self.for_agents("agent_suspended", &Id { id }),
            LicenseNews::AgentUnsuspended(id) => self.for_agents("agent_unsuspended", &Id { id }),
            LicenseNews::AgentDeleted(id) => self.for_agents("agent_deleted", &Id { id }),
            LicenseNews::BotCreated(bot) => {
                let bot = NewBot {
                    id: &bot.id,
                    name: &bot.name,
                    default_group_priority: Priority::Normal,
                    groups: memberships(&bot.groups),
                    owner_client_id: "",
                };
                self.for_agents("bot_created", &bot)
            }
            LicenseNews::BotUpdated(change) => self.agent_changed("bot_updated", change),
            LicenseNews::BotDeleted(id) => self.for_agents("bot_deleted", &Id { id }),
            LicenseNews::LicensePropertiesUpdated(properties) => {
                self.own_properties("license_properties_updated", None, properties)
            }
            LicenseNews::GroupPropertiesUpdated { group, properties } => {
                self.own_properties("group_properties_updated", Some(*group), properties)
            }
            LicenseNews::AutoAccessesUpdated(changes) => {
                let rules: Vec<Rule<'_>> = changes.iter().map(Rule::from).collect();
                self.for_agents("auto_accesses_updated", &rules)
            }
        }
    }

    fn agent_created(&self, agent: &Agent) -> Rendered {
        let agent = NewAgent {
            id: &agent.id,
            name: &agent.name,
            role: agent.role,
            awaiting_approval: agent.awaiting_approval,
            groups: memberships(&agent.groups),
            notifications: [],
            email_subscriptions: [],
            work_scheduler: shown_hours(agent),
        };
        self.for_agents("agent_created", &agent)
    }

    fn agent_changed(&self, action: &'static str, change: &AgentChange) -> Rendered {
        let change = ChangedAgent {
            id: &change.id,
            name: change.name.as_deref(),
            role: change.role,
            awaiting_approval: change.awaiting_approval,
            groups: change.groups.as_ref().map(memberships),
            work_scheduler: change.work_scheduler.as_ref(),
        };
        self.for_agents(action, &change)
    }

    /// The license's, or a group's; of them what agents may read.
    fn own_properties(
        &self,
        action: &'static str,
        group_id: Option<GroupId>,
        properties: &Properties,
    ) -> Rendered {
        let location = if group_id.is_some() { Location::Group } else { Location::License };
        let properties = Readable { view: *self, location, properties };
        if properties.is_empty() {
            return None;
        }
        self.for_agents(action, &SetProperties { group_id, properties })
    }
}
