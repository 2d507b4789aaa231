//! What agents are told of a license that an operator changed: the difference between two states of it, in the words of the
//! protocol. What no push of the protocol tells of is not in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::auto_access::{AccessTarget, AutoAccess, Conditions};
use super::id::{AgentId, GroupId};
use super::license::{Agent, AgentKind, License, Priority, Role, WorkSchedule};
use super::properties::{Properties, PropertyValue};

/// Something of a license is different now; a variant a push of the protocol, by its 3.6 name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum LicenseNews {
    GroupCreated {
        id: GroupId,
        name: String,
        language: String,
        priorities: BTreeMap<AgentId, Priority>,
    },
    GroupUpdated {
        id: GroupId,
        name: Option<String>,
        language: Option<String>,
    },
    /// Whoever was in it is in it no more, and nobody tells that of each.
    GroupDeleted(GroupId),
    AgentCreated(Box<Agent>),
    AgentUpdated(AgentChange),
    AgentApproved(AgentId),
    AgentSuspended(AgentId),
    AgentUnsuspended(AgentId),
    AgentDeleted(AgentId),
    BotCreated(Box<Agent>),
    BotUpdated(AgentChange),
    BotDeleted(AgentId),
    LicensePropertiesUpdated(Properties),
    GroupPropertiesUpdated {
        group: GroupId,
        properties: Properties,
    },
    AutoAccessesUpdated(Vec<RuleChange>),
}

/// What is different of an agent or a bot; all else is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct AgentChange {
    pub id: AgentId,
    pub name: Option<String>,
    pub role: Option<Role>,
    pub awaiting_approval: Option<bool>,
    pub groups: Option<BTreeMap<GroupId, Priority>>,
    pub work_scheduler: Option<WorkSchedule>,
}

/// What happened to a rule of auto access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// Its id among the rules of the license, see `rule_ids`.
    pub id: String,
    /// What happened.
    pub status: RuleStatus,
    /// The rule that is looked at after it, the empty text for the last; none if that is as it was.
    pub next_id: Option<String>,
    /// For people. A rule that is called otherwise is another rule.
    pub description: Option<String>,
    /// Where the chats go, if that is new.
    pub access: Option<AccessTarget>,
    /// When, if that is new.
    pub conditions: Option<Conditions>,
}

/// What happened to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum RuleStatus {
    Added,
    Updated,
    Deleted,
}

/// What agents who know a license as `before` have to be told to know it as `after`. Empty if they see no difference.
pub fn license_news(before: &License, after: &License) -> Vec<LicenseNews> {
    let mut news = Vec::new();
    groups(before, after, &mut news);
    agents(before, after, &mut news);
    properties(before, after, &mut news);
    let rules = rules(before, after);
    if !rules.is_empty() {
        news.push(LicenseNews::AutoAccessesUpdated(rules));
    }
    news
}

/// The new value, if it is new.
fn changed<T: PartialEq>(before: T, after: T) -> Option<T> {
    (before != after).then_some(after)
}

fn language(license: &License, group: GroupId) -> Option<String> {
    license.widget(group).map(|widget| widget.language().to_owned())
}

fn groups(before: &License, after: &License, news: &mut Vec<LicenseNews>) {
    // Group 0 is always there, and has a language, too.
    for id in std::iter::once(&GroupId::ALL).chain(after.groups.keys()).copied() {
        let name = after.groups.get(&id).map(|group| &group.name);
        let spoken = language(after, id);
        if before.has_group(id) {
            let known = before.groups.get(&id).map(|group| &group.name);
            let name = changed(known, name).flatten().cloned();
            let language = changed(language(before, id), spoken).flatten();
            if name.is_some() || language.is_some() {
                news.push(LicenseNews::GroupUpdated { id, name, language });
            }
        } else {
            let members = after.agents.values();
            let priorities =
                members.filter_map(|agent| Some((agent.id.clone(), *agent.groups.get(&id)?))).collect();
            let (name, language) = (name.cloned().unwrap_or_default(), spoken.unwrap_or_default());
            news.push(LicenseNews::GroupCreated { id, name, language, priorities });
        }
    }
    let gone = before.groups.keys().copied().filter(|id| !after.has_group(*id));
    news.extend(gone.map(LicenseNews::GroupDeleted));
}

fn agents(before: &License, after: &License, news: &mut Vec<LicenseNews>) {
    for (id, known) in &before.agents {
        // One who is of another kind now is another one.
        if after.agent(id).is_none_or(|agent| agent.kind != known.kind) {
            news.push(match known.kind {
                AgentKind::Human => LicenseNews::AgentDeleted(id.clone()),
                AgentKind::Bot => LicenseNews::BotDeleted(id.clone()),
            });
        }
    }
    for (id, agent) in &after.agents {
        let known = before.agent(id).filter(|known| known.kind == agent.kind);
        match (known, agent.kind) {
            (Some(known), AgentKind::Human) => human_changed(known, agent, after, news),
            (Some(known), AgentKind::Bot) => {
                let change = AgentChange::between(known, agent, after);
                // The protocol tells of none of these for bots.
                let change =
                    AgentChange { work_scheduler: None, awaiting_approval: None, role: None, ..change };
                news.extend((!change.is_empty()).then_some(LicenseNews::BotUpdated(change)));
            }
            (None, AgentKind::Human) => {
                news.push(LicenseNews::AgentCreated(Box::new(agent.clone())));
                news.extend(agent.suspended.then(|| LicenseNews::AgentSuspended(id.clone())));
            }
            (None, AgentKind::Bot) => news.push(LicenseNews::BotCreated(Box::new(agent.clone()))),
        }
    }
}

fn human_changed(known: &Agent, agent: &Agent, after: &License, news: &mut Vec<LicenseNews>) {
    let mut change = AgentChange::between(known, agent, after);
    let is_approved = change.awaiting_approval == Some(false);
    change.awaiting_approval = change.awaiting_approval.filter(|awaits| *awaits);
    news.extend((!change.is_empty()).then_some(LicenseNews::AgentUpdated(change)));
    news.extend(is_approved.then(|| LicenseNews::AgentApproved(agent.id.clone())));
    news.extend(changed(known.suspended, agent.suspended).map(|suspended| match suspended {
        true => LicenseNews::AgentSuspended(agent.id.clone()),
        false => LicenseNews::AgentUnsuspended(agent.id.clone()),
    }));
}

/// The working hours as they are told: who has none has no zone and no periods.
pub fn shown_hours(agent: &Agent) -> WorkSchedule {
    let none = || WorkSchedule { timezone: String::new(), schedule: Vec::new() };
    agent.work_scheduler.clone().unwrap_or_else(none)
}

impl AgentChange {
    fn between(known: &Agent, agent: &Agent, after: &License) -> Self {
        let still: BTreeMap<GroupId, Priority> =
            known.groups.iter().map(|(id, at)| (*id, *at)).filter(|(id, _)| after.has_group(*id)).collect();
        Self {
            id: agent.id.clone(),
            name: changed(&known.name, &agent.name).cloned(),
            role: changed(known.role, agent.role),
            awaiting_approval: changed(known.awaiting_approval, agent.awaiting_approval),
            groups: changed(&still, &agent.groups).cloned(),
            work_scheduler: changed(shown_hours(known), shown_hours(agent)),
        }
    }

    fn is_empty(&self) -> bool {
        let Self { id: _, name, role, awaiting_approval, groups, work_scheduler } = self;
        name.is_none()
            && role.is_none()
            && awaiting_approval.is_none()
            && groups.is_none()
            && work_scheduler.is_none()
    }
}

/// No push tells of properties that were taken away.
fn properties(before: &License, after: &License, news: &mut Vec<LicenseNews>) {
    let of_license = set_between(&before.settings.widget.properties, &after.settings.widget.properties);
    if !of_license.is_empty() {
        news.push(LicenseNews::LicensePropertiesUpdated(of_license));
    }
    let nothing = Properties::default();
    for (id, group) in &after.groups {
        let known = before.groups.get(id).map_or(&nothing, |known| &known.widget.properties);
        let properties = set_between(known, &group.widget.properties);
        if !properties.is_empty() {
            news.push(LicenseNews::GroupPropertiesUpdated { group: *id, properties });
        }
    }
}

/// Those that were set, or set otherwise.
fn set_between(before: &Properties, after: &Properties) -> Properties {
    let is_new = |namespace: &str, name: &str, value: &PropertyValue| {
        before.get(namespace).and_then(|values| values.get(name)) != Some(value)
    };
    let set = after.iter().map(|(namespace, values)| {
        let values = values.iter().filter(|(name, value)| is_new(namespace, name, value));
        let values = values.map(|(name, value)| (name.clone(), value.clone()));
        (namespace.clone(), values.collect::<BTreeMap<_, _>>())
    });
    set.filter(|(_, values)| !values.is_empty()).collect()
}

/// The ids of a license's rules of auto access, in their order: 32 hex digits. Operators write the whole list and give no ids, so a
/// rule is known by its description, and of several with the same by its place among them.
fn rule_ids(license: &License) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    license
        .settings
        .auto_access
        .iter()
        .map(|rule| {
            let count = counts.entry(&rule.description).or_default();
            *count += 1;
            let name = format!("auto_access {count} {}", rule.description);
            Uuid::new_v5(&license.organization_id.0, name.as_bytes()).simple().to_string()
        })
        .collect()
}

/// Each rule with its id and that of the next.
fn linked<'a>(
    license: &'a License,
    ids: &'a [String],
) -> impl Iterator<Item = (&'a str, &'a AutoAccess, &'a str)> {
    let next = ids.iter().skip(1).map(String::as_str).chain([""]);
    ids.iter().zip(&license.settings.auto_access).zip(next).map(|((id, rule), next)| (&**id, rule, next))
}

fn rules(before: &License, after: &License) -> Vec<RuleChange> {
    if before.settings.auto_access == after.settings.auto_access {
        return Vec::new();
    }
    let (ids_before, ids) = (rule_ids(before), rule_ids(after));
    let mut known: BTreeMap<&str, (&AutoAccess, &str)> =
        linked(before, &ids_before).map(|(id, rule, next)| (id, (rule, next))).collect();
    let mut changes = Vec::new();
    for (id, rule, next) in linked(after, &ids) {
        let change = match known.remove(id) {
            None => RuleChange {
                next_id: Some(next.to_owned()),
                description: Some(rule.description.clone()),
                access: Some(rule.access.clone()),
                conditions: Some(rule.conditions.clone()),
                ..RuleChange::new(id, RuleStatus::Added)
            },
            Some((old, next_before)) => RuleChange {
                next_id: changed(next_before, next).map(str::to_owned),
                access: changed(&old.access, &rule.access).cloned(),
                conditions: changed(&old.conditions, &rule.conditions).cloned(),
                ..RuleChange::new(id, RuleStatus::Updated)
            },
        };
        let is_same = change == RuleChange::new(id, RuleStatus::Updated);
        changes.extend((!is_same).then_some(change));
    }
    changes.extend(known.keys().map(|id| RuleChange::new(id, RuleStatus::Deleted)));
    changes
}

impl RuleChange {
    fn new(id: &str, status: RuleStatus) -> Self {
        let id = id.to_owned();
        Self { id, status, next_id: None, description: None, access: None, conditions: None }
    }
}

#[cfg(test)]
mod tests;
