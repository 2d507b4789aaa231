//! The licenses that a node is to have, written into its store before it starts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;
use switchboard::clock::SystemClock;
use switchboard::domain::id::{AgentId, GroupId};
use switchboard::domain::license::{AgentKind, Client, Group, Priority, Settings};
use switchboard::domain::time::Clock as _;
use switchboard::id_source::OsIds;
use switchboard::store::Store;
use switchboard::store::embedded::{EmbeddedOptions, EmbeddedStore};
use switchboard::tenants::{Credentials, LicensePlan, NewToken, Tenants, TokenKind, make_license};

/// Where customers' pages of every test license may be.
pub(crate) const ORIGIN: &str = "https://shop.example";

/// Licenses that are made at the same time.
const AT_ONCE: usize = 40;

/// What the licenses of a node are like.
#[derive(Clone)]
pub(crate) struct Plan {
    /// How many there are.
    pub(crate) licenses: u32,
    /// Agents of each: `agent1@example.com` (the owner), `agent2@example.com`, …
    pub(crate) agents: u32,
    /// Groups with their members, by number from 1.
    pub(crate) groups: &'static [(i64, &'static [u32])],
    /// Which of the agents are bots, by number from 1.
    pub(crate) bots: &'static [u32],
    /// Settings of each.
    pub(crate) settings: Settings,
}

impl Default for Plan {
    /// Five agents. The first, the second, the third and the fifth are in group 1, the fourth is in group 2.
    fn default() -> Self {
        Self {
            licenses: 4,
            agents: 5,
            groups: &[(1, &[1, 2, 3, 5]), (2, &[4])],
            bots: &[],
            settings: Settings::default(),
        }
    }
}

/// A license in the store.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// Its ids and secrets.
    pub(crate) credentials: Credentials,
    /// A token of the second agent that allows nothing of chats.
    pub(crate) scopeless: String,
}

/// A new embedded store.
pub(crate) fn embedded(store: &Path) -> Arc<dyn Store> {
    std::fs::create_dir_all(store).expect("a scratch folder");
    Arc::new(EmbeddedStore::open(&EmbeddedOptions::new(store)).expect("a new store opens"))
}

/// Writes the licenses.
pub(crate) async fn licenses(store: Arc<dyn Store>, plan: &Plan) -> Vec<Prepared> {
    let tenants = Tenants::new(store, Arc::new(SystemClock), Arc::new(OsIds));
    // Many at once share each sync of the store.
    let making = (0..plan.licenses).map(|_| license(&tenants, plan));
    futures_util::stream::iter(making).buffer_unordered(AT_ONCE).collect().await
}

async fn license(tenants: &Tenants, plan: &Plan) -> Prepared {
    let client = Client { origins: vec![ORIGIN.to_owned()], loopback: true };
    let wanted = LicensePlan::with_agents(plan.agents, client, plan.settings.clone());
    let credentials = make_license(tenants, &wanted, "http://127.0.0.1").await.expect("a license");
    let change = |license: &mut switchboard::domain::license::License| {
        for (group, members) in plan.groups {
            let group = GroupId(*group);
            license.groups.insert(
                group,
                Group {
                    name: format!("Group {}", group.0),
                    routing: Default::default(),
                    widget: Default::default(),
                },
            );
            for member in *members {
                if let Some(agent) = license.agents.get_mut(&agent_id(*member)) {
                    let groups: &mut BTreeMap<_, _> = &mut agent.groups;
                    groups.insert(group, Priority::Normal);
                }
            }
        }
        for bot in plan.bots {
            if let Some(agent) = license.agents.get_mut(&agent_id(*bot)) {
                agent.kind = AgentKind::Bot;
            }
        }
        Ok::<_, Infallible>(())
    };
    tenants.licenses.update(credentials.license_id, change).await.expect("groups");
    let new = NewToken {
        license: credentials.license_id,
        agent: agent_id(plan.agents.min(2)),
        kind: TokenKind::Bearer,
        scopes: Some(vec!["accounts--my:ro".to_owned()]),
        lifetime: None,
        label: String::new(),
    };
    let scopeless = tenants.tokens.create(new, SystemClock.now()).await.expect("a token").credentials();
    Prepared { credentials, scopeless }
}

fn agent_id(number: u32) -> AgentId {
    AgentId::new(format!("agent{number}@example.com"))
}
