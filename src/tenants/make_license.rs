//! A license with agents and their tokens: the demo of a first start, and `switchboard license create`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::Tenants;
use super::credentials::{AgentCredentials, Credentials};
use super::licenses::NewLicense;
use super::tokens::{NewToken, TokenError, TokenKind};
use crate::domain::id::{AccountId, AgentId, ClientId, IdSource};
use crate::domain::license::{Agent, AgentKind, Client, License, LoginStatus, Role, Settings};
use crate::store::StoreError;

/// The largest license that is made at once.
pub const MAX_NEW_AGENTS: u32 = 100_000;

/// What a new license is to have.
#[derive(Clone, Debug)]
pub struct LicensePlan {
    /// Id, name and role of each agent.
    agents: Vec<(AgentId, String, Role)>,
    /// The application that customers' pages use.
    client: Client,
    settings: Settings,
    is_demo: bool,
}

/// Why a demo license was not made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The license or its tokens could not be made.
    #[error("the demo license could not be made")]
    Tokens(#[from] TokenError),
    /// The store could not be asked.
    #[error("the store could not be asked for its licenses")]
    Store(#[from] StoreError),
    /// Its credentials could not be written.
    #[error("the demo credentials could not be written to {path}")]
    File {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl LicensePlan {
    /// Three agents of different roles; pages on loopback and the server's own may be used.
    pub fn demo() -> Self {
        let agents = [
            ("smith@example.com", "Agent Smith", Role::Owner),
            ("jones@example.com", "Agent Jones", Role::Administrator),
            ("brown@example.com", "Agent Brown", Role::Normal),
        ];
        Self {
            agents: agents.map(|(id, name, role)| (AgentId::new(id), name.to_owned(), role)).into(),
            client: Client { origins: Vec::new(), loopback: true },
            settings: Settings::default(),
            is_demo: true,
        }
    }

    /// So many agents, the first of them the owner, and a client for pages of these origins (and of loopback,
    /// if wanted).
    pub fn with_agents(count: u32, client: Client, settings: Settings) -> Self {
        let agent = |number: u32| {
            let role = if number == 1 { Role::Owner } else { Role::Normal };
            (AgentId::new(format!("agent{number}@example.com")), format!("Agent {number}"), role)
        };
        let agents = (1..=count.min(MAX_NEW_AGENTS)).map(agent).collect();
        Self { agents, client, settings, is_demo: false }
    }

    fn license(&self, ids: &dyn IdSource) -> (NewLicense, ClientId) {
        let client_id = ClientId::new(ids.uuid().simple().to_string());
        let agents = self.agents.iter().map(|(id, name, role)| {
            let agent = Agent {
                id: id.clone(),
                account_id: AccountId(ids.uuid()),
                name: name.clone(),
                avatar: None,
                job_title: None,
                role: *role,
                kind: AgentKind::Human,
                bot_type: None,
                groups: BTreeMap::new(),
                max_chats_count: None,
                suspended: false,
                login_status: LoginStatus::default(),
                work_scheduler: None,
                awaiting_approval: false,
            };
            (id.clone(), agent)
        });
        let new = NewLicense {
            agents: agents.collect(),
            clients: BTreeMap::from([(client_id.clone(), self.client.clone())]),
            settings: self.settings.clone(),
            demo: self.is_demo,
        };
        (new, client_id)
    }
}

/// Makes a license with its agents, and for each agent a bearer token and a personal access token.
///
/// # Errors
/// The store's. What was written until then stands in no list and works for nobody who knows of it.
pub async fn make_license(
    tenants: &Tenants,
    plan: &LicensePlan,
    base_url: &str,
) -> Result<Credentials, TokenError> {
    let (license, credentials) = reserve(tenants, plan, base_url).await?;
    tenants.licenses.publish(&license).await?;
    Ok(credentials)
}

/// Makes the demo license if the store has no license at all, and writes its credentials to `file`. None if
/// there was one.
///
/// The file is written before the license is published: if the machine stops in between, the next start finds
/// an empty server and begins anew, so there is never a demo license whose secrets nobody knows.
///
/// # Errors
/// The store's, or the file's.
pub async fn make_demo_license(
    tenants: &Tenants,
    base_url: &str,
    file: &Path,
) -> Result<Option<Credentials>, DemoError> {
    if !tenants.licenses.list().await?.is_empty() {
        return Ok(None);
    }
    let (license, credentials) = reserve(tenants, &LicensePlan::demo(), base_url).await?;
    credentials.write(file).map_err(|source| DemoError::File { path: file.to_owned(), source })?;
    tenants.licenses.publish(&license).await?;
    Ok(Some(credentials))
}

async fn reserve(
    tenants: &Tenants,
    plan: &LicensePlan,
    base_url: &str,
) -> Result<(std::sync::Arc<License>, Credentials), TokenError> {
    let now = tenants.clock.now();
    let (new, client_id) = plan.license(&*tenants.ids);
    let license = tenants.licenses.reserve(new, now).await?;
    let wanted = plan.agents.iter().flat_map(|(agent, ..)| {
        [TokenKind::Bearer, TokenKind::Pat].map(|kind| NewToken {
            license: license.id,
            agent: agent.clone(),
            kind,
            scopes: None,
            lifetime: None,
            label: "made with the license".to_owned(),
        })
    });
    let made = tenants.tokens.create_many(&license, wanted, now).await?;
    let agents =
        plan.agents.iter().zip(made.chunks_exact(2)).map(|((id, name, _), tokens)| AgentCredentials {
            id: id.clone(),
            name: name.clone(),
            account_id: tokens[0].account,
            token: tokens[0].credentials(),
            pat: tokens[1].credentials(),
        });
    let credentials = Credentials {
        base_url: base_url.to_owned(),
        license_id: license.id,
        organization_id: license.organization_id,
        client_id,
        agents: agents.collect(),
    };
    Ok((license, credentials))
}
