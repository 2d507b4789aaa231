//! What a node tells all others at once: what they hold in memory and is not true any more, and whose sessions end. And what
//! it tells the sessions that it has itself: how their license has changed, as soon as the node knows, whoever changed it.
//!
//! News are a shortcut. A node that misses them finds out by itself within `routing.license_poll_every`, except for
//! sessions that somebody ends by hand: these are told again until every living node has heard it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switchboard_cluster::Incarnation;
use tokio::sync::broadcast::error::RecvError;

use super::message::{Answer, CallRef};
use super::{Nodes, Whose};
use crate::domain::id::LicenseId;
use crate::domain::license_news::license_news;
use crate::domain::push::{Audience, Push, PushBody};
use crate::tenants::LicenseChange;

/// How long a node may take to hear it.
const LIMIT: Duration = Duration::from_secs(2);
/// How often it is told to a node that does not answer.
const TRIES: u32 = 10;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(300);

/// Sessions that end, and the reason that they are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Whose.
    pub whose: Whose,
    /// `reason` of the push that says so.
    #[serde(deserialize_with = "crate::domain::text::known")]
    pub reason: crate::domain::text::Text,
}

/// Something that others have to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum News {
    /// A license has this version now.
    License(LicenseId, u64),
    /// Tokens of a license were taken back.
    Revoked(LicenseId),
    /// Sessions end.
    Cut(Cut),
}

impl Nodes {
    /// Ends sessions on every node.
    pub fn cut(self: &Arc<Self>, cut: Cut) {
        self.parts.sessions.cut(&cut);
        self.tell_all(News::Cut(cut));
    }

    /// Tells every node, without waiting for it.
    pub(super) fn tell_all(self: &Arc<Self>, news: News) {
        let nodes: Vec<Incarnation> = self.peers.iter().map(|entry| *entry.key()).collect();
        for node in nodes {
            let (this, news) = (self.clone(), news.clone());
            actix_rt::spawn(async move { this.tell_one(node, &news).await });
        }
    }

    pub(super) async fn tell_one(&self, node: Incarnation, news: &News) {
        for _ in 0..TRIES {
            if !self.peers.contains_key(&node)
                || matches!(self.call(node, CallRef::News(news), LIMIT).await, Ok(Answer::Noted))
            {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        tracing::warn!(node = %node, "another node has to find out by itself what changed");
    }

    /// Tells the agents who are connected here what they see of a change, and ends the sessions of those whose rights are
    /// withdrawn. Each node tells its own.
    fn tell_sessions(&self, LicenseChange { before, after }: &LicenseChange) {
        if !self.parts.sessions.has(after.id) {
            return;
        }
        let news = license_news(before, after)
            .into_iter()
            .map(|news| Push { body: PushBody::LicenseNews(Box::new(news)), to: Audience::all_agents() });
        self.parts.sessions.deliver(after, &news.collect::<Vec<_>>(), None, None);
        for agent in after.agents.values().filter(|agent| agent.withdrawn().is_some()) {
            let whose = Whose::Agent(after.id, agent.id.clone());
            self.parts.sessions.cut(&Cut { whose, reason: "agent_disconnected_by_server" });
        }
    }

    /// Takes another node's word that something changed.
    pub(super) async fn hear(&self, news: News) {
        let tenants = &self.parts.tenants;
        let looked = match news {
            News::License(license, version) => tenants.licenses.catch_up(license, version).await,
            News::Revoked(license) => tenants.refresh_revocations(license).await,
            News::Cut(cut) => {
                self.parts.sessions.cut(&cut);
                Ok(())
            }
        };
        if let Err(error) = looked {
            tracing::warn!(%error, "what another node changed will be looked at later");
        }
    }
}

/// Tells the others, and the sessions here, what this node changes or learns, for ever.
pub(super) async fn follow(nodes: Arc<Nodes>) {
    let tenants = &nodes.parts.tenants;
    let mut revoked = tenants.revoked_here();
    loop {
        let news = tokio::select! {
            changes = tenants.licenses.changed() => {
                for change in changes {
                    nodes.tell_sessions(&change);
                    nodes.tell_all(News::License(change.after.id, change.after.version));
                }
                continue;
            }
            revoked = revoked.recv() => revoked.map(News::Revoked),
        };
        match news {
            Ok(news) => nodes.tell_all(news),
            // The other nodes find out by themselves.
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "tokens were taken back too fast to be told")
            }
            Err(RecvError::Closed) => return,
        }
    }
}
