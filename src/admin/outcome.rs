//! What an operation gives back: enough to show, and no secret that was not just made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use switchboard_cluster::node::NodeStatus;

use crate::config::{shown_of_agent, shown_of_group, shown_overrides};
use crate::domain::id::{AgentId, ClientId, GroupId, LicenseId, OrganizationId};
use crate::domain::license::{AgentKind, License, Role};
use crate::domain::routing::DecisionRecord;
use crate::domain::time::Timestamp;
use crate::tenants::{Credentials, TokenId, TokenKind, TokenRecord};

/// What became of an operation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A token was made. `credentials` stands after `Basic ` or `Bearer ` and is never shown again.
    TokenMade {
        /// What was made.
        token: TokenView,
        /// The secret.
        credentials: String,
    },
    /// The tokens asked for.
    Tokens(Vec<TokenView>),
    /// The tokens that were taken back.
    Revoked(Vec<TokenId>),
    /// A license was made; the secrets are never shown again.
    LicenseMade(Credentials),
    /// The licenses asked for.
    Licenses(Vec<LicenseView>),
    /// The decisions about a chat, oldest first.
    Explained(Vec<DecisionRecord>),
    /// The cluster as the node sees it that was asked.
    Cluster(Box<NodeStatus>),
}

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Its name.
    pub id: TokenId,
    /// The tenant.
    pub license: LicenseId,
    /// Whom it speaks for.
    pub agent: AgentId,
    /// How it is presented.
    pub kind: TokenKind,
    /// What it was given; none for all that the agent's role may hold.
    pub scopes: Option<Vec<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its end; none for never.
    pub expires_at: Option<Timestamp>,
    /// Taken back.
    pub revoked: bool,
    /// What the operator calls it.
    pub label: String,
}

/// A license, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseView {
    /// Its number.
    pub license_id: LicenseId,
    /// The organization that owns it.
    pub organization_id: OrganizationId,
    /// Grows with every change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Made by the first start of an empty server.
    pub demo: bool,
    /// People and bots who answer.
    pub agents: Vec<AgentView>,
    /// Groups besides group 0, which is all agents.
    pub groups: Vec<GroupView>,
    /// Applications that may ask for customer tokens.
    pub clients: Vec<ClientView>,
    /// Settings of its own.
    pub settings: BTreeMap<String, String>,
}

/// An agent, as an operator sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// E-mail address, or a bot's id.
    pub id: AgentId,
    /// Display name.
    pub name: String,
    /// What they may configure.
    pub role: Role,
    /// Person or bot.
    pub kind: AgentKind,
    /// Rights withdrawn.
    pub suspended: bool,
    /// What was set of them.
    pub settings: BTreeMap<String, String>,
}

/// A group, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its number.
    pub id: GroupId,
    /// Display name.
    pub name: String,
    /// Where its routing differs from the license's.
    pub settings: BTreeMap<String, String>,
}

/// An application, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientView {
    /// Its id.
    pub client_id: ClientId,
    /// From where pages may use it.
    pub origins: Vec<String>,
    /// Also from any loopback origin, and from the server's own.
    pub loopback: bool,
}

impl TokenView {
    pub(super) fn of(id: TokenId, record: TokenRecord) -> Self {
        Self {
            id,
            license: record.license,
            agent: record.agent,
            kind: record.kind,
            scopes: record.scopes.map(Vec::from_iter),
            created_at: record.created_at,
            expires_at: record.expires_at,
            revoked: record.revoked,
            label: record.label,
        }
    }
}

impl LicenseView {
    pub(super) fn of(license: &License) -> Self {
        let agent = |(id, agent): (&AgentId, &crate::domain::license::Agent)| AgentView {
            id: id.clone(),
            name: agent.name.clone(),
            role: agent.role,
            kind: agent.kind,
            suspended: agent.suspended,
            settings: shown_of_agent(agent).into_iter().collect(),
        };
        let group = |(id, group): (&GroupId, &crate::domain::license::Group)| GroupView {
            id: *id,
            name: group.name.clone(),
            settings: shown_of_group(group).into_iter().collect(),
        };
        let client = |(id, client): (&ClientId, &crate::domain::license::Client)| ClientView {
            client_id: id.clone(),
            origins: client.origins.clone(),
            loopback: client.loopback,
        };
        let settings = shown_overrides(&license.settings).into_iter();
        Self {
            license_id: license.id,
            organization_id: license.organization_id,
            version: license.version,
            created_at: license.created_at,
            demo: license.demo,
            agents: license.agents.iter().map(agent).collect(),
            groups: license.groups.iter().map(group).collect(),
            clients: license.clients.iter().map(client).collect(),
            settings: settings.map(|(name, text)| (name.to_owned(), text)).collect(),
        }
    }
}
