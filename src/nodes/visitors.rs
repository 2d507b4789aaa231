//! Which customers of a license are connected, over all nodes.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::Nodes;
use super::message::{Answer, CallRef};
use crate::domain::id::{CustomerId, GroupId, LicenseId};

/// How long a node may take to say who is connected there; the visitors of one that takes longer are not listed.
const LIMIT: Duration = Duration::from_secs(2);

/// Who is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VisitorsCall {
    /// Whose customers.
    pub license: LicenseId,
    /// Those in these groups; none: in any.
    pub groups: Option<Vec<GroupId>>,
    /// This one alone.
    pub customer: Option<CustomerId>,
    /// Name so many at most.
    pub limit: usize,
}

/// Who is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitorsFound {
    /// Some or all of them.
    pub customers: Vec<CustomerId>,
    /// How many there are; who is connected to two nodes counts twice.
    pub total: u64,
}

impl Nodes {
    /// Who is connected, here or elsewhere.
    pub async fn visitors(&self, call: &VisitorsCall) -> VisitorsFound {
        self.visitors_everywhere(call).await.0
    }

    /// The same, and whether every node has answered: not so if one has not even said whose sessions it has.
    pub async fn visitors_everywhere(&self, call: &VisitorsCall) -> (VisitorsFound, bool) {
        let mut all_answered = self.peers.iter().all(|peer| self.theirs.is_told_by(*peer.key()));
        let mut found = self.parts.sessions.visitors(call);
        let nodes = self.theirs.nodes(call.license);
        let asked = nodes.iter().map(|node| self.call(*node, CallRef::Visitors(call), LIMIT));
        for answer in join_all(asked).await {
            let Ok(Answer::Visitors(more)) = answer else {
                all_answered = false;
                continue;
            };
            found.total += more.total;
            for customer in more.customers {
                if found.customers.len() < call.limit && !found.customers.contains(&customer) {
                    found.customers.push(customer);
                }
            }
        }
        (found, all_answered)
    }
}
