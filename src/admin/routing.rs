//! What an operator does to agents and groups, as far as chats are given to them, and the question why a chat went
//! where it went.

use std::collections::BTreeMap;

use super::operation::{OperationError, Services, TokenChoice};
use super::outcome::{LicenseView, Outcome};
use crate::actors::decisions;
use crate::actors::router::work_schedule_fault;
use crate::config::{set_of_agent, set_of_group};
use crate::domain::id::{AgentId, ChatId, GroupId, LicenseId};
use crate::domain::license::{Group, License, Role};
use crate::tenants::{TokenError, UpdateError};

impl Services {
    pub(super) async fn change_agent(
        &self,
        license: Option<LicenseId>,
        agent: &AgentId,
        settings: &BTreeMap<String, String>,
    ) -> Result<Outcome, OperationError> {
        self.change(license, |license| {
            let groups: Vec<GroupId> = license.groups.keys().copied().collect();
            let found = license.agents.get_mut(agent);
            let found = found.ok_or_else(|| OperationError::NoAgent(agent.clone()))?;
            for (name, text) in settings {
                set_of_agent(found, name, text, |group| group == GroupId::ALL || groups.contains(&group))?;
            }
            match found.work_scheduler.as_ref().and_then(work_schedule_fault) {
                Some(fault) => Err(OperationError::BadSchedule(fault)),
                None => Ok(()),
            }
        })
        .await
    }

    /// The agent is no more: their tokens are taken back, their chats go to others.
    pub(super) async fn remove_agent(
        &self,
        license: Option<LicenseId>,
        agent: &AgentId,
    ) -> Result<Outcome, OperationError> {
        let outcome = self
            .change(license, |license| match license.agents.get(agent) {
                None => Err(OperationError::NoAgent(agent.clone())),
                Some(found) if found.role == Role::Owner => Err(OperationError::OwnerStays),
                Some(_) => {
                    license.agents.remove(agent);
                    Ok(())
                }
            })
            .await?;
        match self.revoke(license, TokenChoice::Agent(agent.clone())).await {
            Ok(_) | Err(OperationError::Token(TokenError::NoToken)) => Ok(outcome),
            Err(error) => Err(error),
        }
    }

    /// Changes a group, or makes it.
    pub(super) async fn change_group(
        &self,
        license: Option<LicenseId>,
        group: GroupId,
        settings: &BTreeMap<String, String>,
    ) -> Result<Outcome, OperationError> {
        if group.0 < 1 {
            return Err(OperationError::BadGroup(group.0));
        }
        self.change(license, |license| {
            let found = license.groups.entry(group).or_insert_with(|| Group {
                name: format!("Group {}", group.0),
                routing: Default::default(),
                widget: Default::default(),
            });
            settings.iter().try_for_each(|(name, text)| set_of_group(found, name, text))?;
            Ok(())
        })
        .await
    }

    /// The group is no more: its agents stay. Of chats that were open to it alone, those that wait are given to any agent, and
    /// all go on among all agents with their next thread.
    pub(super) async fn remove_group(
        &self,
        license: Option<LicenseId>,
        group: GroupId,
    ) -> Result<Outcome, OperationError> {
        self.change(license, |license| {
            license.groups.remove(&group).ok_or(OperationError::NoGroup(group.0))?;
            for agent in license.agents.values_mut() {
                agent.groups.remove(&group);
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn explain(
        &self,
        license: Option<LicenseId>,
        chat: &ChatId,
    ) -> Result<Outcome, OperationError> {
        let license = self.the_license(license).await?;
        if let Some(actors) = &self.actors {
            actors.flush_decisions().await;
        }
        let (keep, now) = (self.config.routing_for(&license).explain_keep, self.tenants.clock.now());
        let records = decisions::explain(&*self.store, license.id, chat, keep, now).await?;
        Ok(Outcome::Explained(records))
    }

    async fn change(
        &self,
        license: Option<LicenseId>,
        change: impl Fn(&mut License) -> Result<(), OperationError>,
    ) -> Result<Outcome, OperationError> {
        let license = self.the_license(license).await?.id;
        match self.tenants.licenses.update(license, change).await {
            Ok(license) => Ok(Outcome::Licenses(vec![LicenseView::of(&license)])),
            Err(error) => Err(OperationError::of_update(error)),
        }
    }
}

impl OperationError {
    pub(super) fn of_update(error: UpdateError<Self>) -> Self {
        match error {
            UpdateError::Refused(error) => error,
            UpdateError::NoLicense(id) => Self::NoLicense(id),
            UpdateError::Contended => Self::Contended,
            UpdateError::Store(error) => error.into(),
        }
    }
}
