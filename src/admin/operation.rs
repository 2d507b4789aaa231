//! The operations, and their execution.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switchboard_cluster::Node;
use switchboard_cluster::node::OrderError;

use super::outcome::{LicenseView, Outcome, TokenView};
use crate::actors::Actors;
use crate::config::{Config, OverrideError, set_override};
use crate::domain::id::{AgentId, ChatId, ClientId, GroupId, LicenseId};
use crate::domain::license::{Client, License, Settings};
use crate::store::{Store, StoreError};
use crate::tenants::{
    LicensePlan, MAX_NEW_AGENTS, NewToken, Origin, Tenants, TokenError, TokenId, TokenKind, make_license,
};

/// Characters of a token's id that an operator has to type at least.
const MIN_ID_PREFIX: usize = 8;

/// Something that an operator wants done. Where `license` is none the server's only license is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the flags of the commands")]
pub enum Operation {
    CreateToken {
        license: Option<LicenseId>,
        agent: AgentId,
        kind: TokenKind,
        scopes: Option<Vec<String>>,
        lifetime: Option<Duration>,
        label: String,
    },
    ListTokens {
        license: Option<LicenseId>,
        agent: Option<AgentId>,
    },
    RevokeTokens {
        license: Option<LicenseId>,
        tokens: TokenChoice,
    },
    CreateLicense {
        agents: u32,
        origins: Vec<String>,
        loopback: bool,
        settings: BTreeMap<String, String>,
    },
    ShowLicenses {
        license: Option<LicenseId>,
    },
    ChangeLicense {
        license: Option<LicenseId>,
        change: LicenseChange,
    },
    ChangeAgent {
        license: Option<LicenseId>,
        agent: AgentId,
        settings: BTreeMap<String, String>,
    },
    RemoveAgent {
        license: Option<LicenseId>,
        agent: AgentId,
    },
    ChangeGroup {
        license: Option<LicenseId>,
        group: GroupId,
        settings: BTreeMap<String, String>,
    },
    RemoveGroup {
        license: Option<LicenseId>,
        group: GroupId,
    },
    Explain {
        license: Option<LicenseId>,
        chat: ChatId,
    },
    Cluster(ClusterOrder),
}

/// What is asked of the cluster, by way of any of its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterOrder {
    /// How it stands, as the node sees it.
    Status,
    /// A node, by its name, gives all its shards away and goes on serving clients.
    Drain(String),
    /// Every node gives away what belongs elsewhere.
    Rebalance,
}

/// Which tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenChoice {
    /// The one whose id begins so.
    Id(String),
    /// All of an agent.
    Agent(AgentId),
}

/// What is to be changed of a license.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenseChange {
    /// Settings of its own; the empty text takes one away.
    pub settings: BTreeMap<String, String>,
    /// An application to add, change or remove.
    pub client: Option<ClientChange>,
}

/// What is to become of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of a client")]
pub enum ClientChange {
    Add { origins: Vec<String>, loopback: bool },
    Change { client: ClientId, origins: Vec<String>, loopback: bool },
    Remove { client: ClientId },
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// There is none of that number.
    #[error("there is no license {0}")]
    NoLicense(LicenseId),
    /// No license was named, and there is none.
    #[error("there is no license yet; make one with `switchboard license create`")]
    NoLicenseYet,
    /// No license was named, and there are several.
    #[error("there are {0} licenses: name one with --license")]
    WhichLicense(usize),
    /// A token's id is too short to be meant.
    #[error("type at least {MIN_ID_PREFIX} characters of the token's id")]
    ShortId,
    /// Several tokens begin so.
    #[error("{0} tokens have an id that begins so: type more of it")]
    WhichToken(usize),
    /// A license of that size is not made at once.
    #[error("--agents must be from 0 to {MAX_NEW_AGENTS}")]
    TooManyAgents,
    /// The license has no application of that id.
    #[error("the license has no client {0}")]
    NoClient(ClientId),
    /// The license has no agent of that id.
    #[error("the license has no agent {0}")]
    NoAgent(AgentId),
    /// The license has no group of that number.
    #[error("the license has no group {0}")]
    NoGroup(i64),
    /// Somebody has to own the license.
    #[error("the owner of a license cannot be removed")]
    OwnerStays,
    /// Group 0 is all agents, and others count from 1.
    #[error("{0} is no group that can be set: they count from 1, and group 0 is all agents")]
    BadGroup(i64),
    /// Working hours that mean nothing.
    #[error("work_scheduler: {0}")]
    BadSchedule(String),
    /// Not scheme, host and port.
    #[error("{0} is no origin: write scheme, host and port only, such as https://shop.example")]
    BadOrigin(String),
    /// A setting.
    #[error(transparent)]
    Setting(#[from] OverrideError),
    /// A token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Others change the license all the time.
    #[error("the license is being changed by others; try again")]
    Contended,
    /// The cluster is asked through a running server.
    #[error("no server runs here that could ask the cluster")]
    NoNode,
    /// The cluster.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The store could not.
    #[error("the store could not be read or written")]
    Store(#[from] StoreError),
}

/// What operations work on.
#[derive(Clone)]
pub struct Services {
    /// Licenses and tokens.
    pub tenants: Tenants,
    /// Where the server is reached; written into the credentials of a new license.
    pub base_url: String,
    /// The server's settings.
    pub config: Arc<Config>,
    /// Where decisions are kept.
    pub store: Arc<dyn Store>,
    /// The chats and routers of a running server; none where there is none.
    pub actors: Option<Arc<Actors>>,
    /// The running server's place in its cluster; none where there is no server.
    pub member: Option<Node>,
}

impl Services {
    /// Does it.
    ///
    /// # Errors
    /// Why not; nothing was changed then, unless the store says that it does not know.
    pub async fn execute(&self, operation: Operation) -> Result<Outcome, OperationError> {
        match operation {
            Operation::CreateToken { license, agent, kind, scopes, lifetime, label } => {
                let license = self.the_license(license).await?.id;
                let new = NewToken { license, agent, kind, scopes, lifetime, label };
                let made = self.tenants.tokens.create(new, self.tenants.clock.now()).await?;
                let credentials = made.credentials();
                Ok(Outcome::TokenMade { token: TokenView::of(made.id, made.record), credentials })
            }
            Operation::ListTokens { license, agent } => {
                let mut tokens = self.tokens_of(self.the_license(license).await?.id).await?;
                tokens.retain(|token| agent.as_ref().is_none_or(|agent| token.agent == *agent));
                Ok(Outcome::Tokens(tokens))
            }
            Operation::RevokeTokens { license, tokens } => self.revoke(license, tokens).await,
            Operation::CreateLicense { agents, origins, loopback, settings } => {
                self.create_license(agents, origins, loopback, &settings).await
            }
            Operation::ShowLicenses { license: Some(id) } => {
                let license = self.the_license(Some(id)).await?;
                Ok(Outcome::Licenses(vec![LicenseView::of(&license)]))
            }
            Operation::ShowLicenses { license: None } => {
                let mut shown = Vec::new();
                for id in self.tenants.licenses.list().await? {
                    shown.extend(
                        self.tenants.licenses.get(id).await?.map(|license| LicenseView::of(&license)),
                    );
                }
                Ok(Outcome::Licenses(shown))
            }
            Operation::ChangeLicense { license, change } => self.change_license(license, &change).await,
            Operation::ChangeAgent { license, agent, settings } => {
                self.change_agent(license, &agent, &settings).await
            }
            Operation::RemoveAgent { license, agent } => self.remove_agent(license, &agent).await,
            Operation::ChangeGroup { license, group, settings } => {
                self.change_group(license, group, &settings).await
            }
            Operation::RemoveGroup { license, group } => self.remove_group(license, group).await,
            Operation::Explain { license, chat } => self.explain(license, &chat).await,
            Operation::Cluster(order) => self.cluster(order).await,
        }
    }

    async fn cluster(&self, order: ClusterOrder) -> Result<Outcome, OperationError> {
        let member = self.member.as_ref().ok_or(OperationError::NoNode)?;
        match order {
            ClusterOrder::Status => {}
            ClusterOrder::Drain(node) => member.drain(&node).await?,
            ClusterOrder::Rebalance => member.rebalance().await?,
        }
        Ok(Outcome::Cluster(Box::new(member.status().await?)))
    }

    /// The license that is meant.
    pub(super) async fn the_license(&self, named: Option<LicenseId>) -> Result<Arc<License>, OperationError> {
        let id = match named {
            Some(id) => id,
            None => {
                let all = self.tenants.licenses.list().await?;
                match (all.first(), all.len()) {
                    (Some(id), 1) => *id,
                    (_, 0) => return Err(OperationError::NoLicenseYet),
                    (_, several) => return Err(OperationError::WhichLicense(several)),
                }
            }
        };
        self.tenants.licenses.get(id).await?.ok_or(OperationError::NoLicense(id))
    }

    async fn tokens_of(&self, license: LicenseId) -> Result<Vec<TokenView>, OperationError> {
        let listed = self.tenants.tokens.list(license).await?;
        Ok(listed.into_iter().map(|(id, record)| TokenView::of(id, record)).collect())
    }

    pub(super) async fn revoke(
        &self,
        license: Option<LicenseId>,
        choice: TokenChoice,
    ) -> Result<Outcome, OperationError> {
        let license = self.the_license(license).await?.id;
        let tokens = self.tokens_of(license).await?.into_iter().filter(|token| !token.revoked);
        let chosen: Vec<TokenId> = match &choice {
            TokenChoice::Id(prefix) if prefix.len() < MIN_ID_PREFIX => return Err(OperationError::ShortId),
            TokenChoice::Id(prefix) => {
                tokens.map(|token| token.id).filter(|id| id.to_string().starts_with(prefix)).collect()
            }
            TokenChoice::Agent(agent) => {
                tokens.filter(|token| token.agent == *agent).map(|token| token.id).collect()
            }
        };
        match (&choice, chosen.len()) {
            (TokenChoice::Id(_), several) if several > 1 => return Err(OperationError::WhichToken(several)),
            (_, 0) => return Err(OperationError::Token(TokenError::NoToken)),
            _ => {}
        }
        for id in &chosen {
            self.tenants.tokens.revoke(license, *id, self.tenants.clock.now()).await?;
        }
        Ok(Outcome::Revoked(chosen))
    }

    async fn create_license(
        &self,
        agents: u32,
        origins: Vec<String>,
        loopback: bool,
        settings: &BTreeMap<String, String>,
    ) -> Result<Outcome, OperationError> {
        if agents > MAX_NEW_AGENTS {
            return Err(OperationError::TooManyAgents);
        }
        let mut own = Settings::default();
        settings.iter().try_for_each(|(name, text)| set_override(&mut own, name, text))?;
        let plan = LicensePlan::with_agents(agents, client(origins, loopback)?, own);
        Ok(Outcome::LicenseMade(make_license(&self.tenants, &plan, &self.base_url).await?))
    }

    async fn change_license(
        &self,
        license: Option<LicenseId>,
        change: &LicenseChange,
    ) -> Result<Outcome, OperationError> {
        let license = self.the_license(license).await?.id;
        let new_client = ClientId::new(self.tenants.ids.uuid().simple().to_string());
        let changed =
            self.tenants.licenses.update(license, |license| change.apply(license, &new_client)).await;
        match changed {
            Ok(license) => Ok(Outcome::Licenses(vec![LicenseView::of(&license)])),
            Err(error) => Err(OperationError::of_update(error)),
        }
    }
}

impl LicenseChange {
    fn apply(&self, license: &mut License, new_client: &ClientId) -> Result<(), OperationError> {
        for (name, text) in &self.settings {
            set_override(&mut license.settings, name, text)?;
        }
        if self.settings.contains_key("auto_access")
            && let Some(group) = license.unknown_auto_access()
        {
            return Err(OperationError::NoGroup(group.0));
        }
        if self.settings.contains_key("greetings")
            && let Some(group) = license.unknown_greeting_group()
        {
            return Err(OperationError::NoGroup(group.0));
        }
        match &self.client {
            None => {}
            Some(ClientChange::Add { origins, loopback }) => {
                license.clients.insert(new_client.clone(), client(origins.clone(), *loopback)?);
            }
            Some(ClientChange::Change { client: id, origins, loopback }) => {
                let known = license.clients.get_mut(id);
                let known = known.ok_or_else(|| OperationError::NoClient(id.clone()))?;
                *known = client(origins.clone(), *loopback)?;
            }
            Some(ClientChange::Remove { client: id }) => {
                license.clients.remove(id).ok_or_else(|| OperationError::NoClient(id.clone()))?;
            }
        }
        Ok(())
    }
}

fn client(origins: Vec<String>, loopback: bool) -> Result<Client, OperationError> {
    match origins.iter().find(|origin| Origin::parse(origin).is_none()) {
        Some(bad) => Err(OperationError::BadOrigin(bad.clone())),
        None => Ok(Client { origins, loopback }),
    }
}
