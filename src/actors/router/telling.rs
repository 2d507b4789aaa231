//! What a router tells: statuses of agents and groups, positions in the queue. Those of groups and positions are coalesced. All of it
//! is confirmed first, as what chats tell: a router that was superseded and does not know it tells nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use switchboard_cluster::{Epoch, NotValid};
use tokio::sync::mpsc;

use super::super::delivery::Cause;
use super::super::{Actors, Origin};
use super::translate::place;
use crate::domain::chat::RoutingView;
use crate::domain::id::{AgentId, ChatId, GroupId, LicenseId};
use crate::domain::license::License;
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::routing::{GroupStatusChange, QueueChange};

/// What may wait for its confirmation. It is more only while the database is away, and is not told then.
const WAITING: usize = 10_000;
/// Between the tries of a confirmation.
const PAUSE: Duration = Duration::from_millis(200);

/// Tells what is confirmed, in the order in which it came about.
pub(super) struct Teller(mpsc::Sender<Told>);

struct Told {
    license: Arc<License>,
    pushes: Vec<Push>,
    origin: Option<Origin>,
}

impl Teller {
    /// Of a router under its term; ends with it, or once that is over.
    pub(super) fn start(actors: Arc<Actors>, license: LicenseId, term: Epoch) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        actix_rt::spawn(tell_confirmed(actors, license, term, waiting));
        Self(sender)
    }

    fn tell(&self, license: &Arc<License>, pushes: Vec<Push>, origin: Option<&Origin>) {
        let told = Told { license: license.clone(), pushes, origin: origin.cloned() };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.try_send(told) {
            tracing::warn!(license.id = %license.id, "too much waits to be told by a router");
        }
    }

    /// Tells every agent of the license.
    pub(super) fn status(
        &self,
        license: &Arc<License>,
        agent: &AgentId,
        status: &'static str,
        origin: Option<&Origin>,
    ) {
        let body = PushBody::RoutingStatusSet { agent: agent.clone(), status };
        self.tell(license, vec![Push { body, to: Audience::all_agents() }], origin);
    }

    /// Tells agents and customers which groups have another status now, each in the words of their side.
    pub(super) fn groups(&self, license: &Arc<License>, changes: &[GroupStatusChange]) {
        self.tell(license, vec![groups(license, changes)], None);
    }

    /// Tells each waiting customer their own place, and agents the places of all chats that they can see.
    pub(super) fn queue(
        &self,
        license: &Arc<License>,
        changes: Vec<QueueChange>,
        views: &HashMap<ChatId, RoutingView>,
    ) {
        self.tell(license, queue(changes, views), None);
    }
}

async fn tell_confirmed(
    actors: Arc<Actors>,
    license: LicenseId,
    term: Epoch,
    mut waiting: mpsc::Receiver<Told>,
) {
    let (parts, shard) = (&actors.parts, actors.router_shard(license));
    let mut together = Vec::new();
    while waiting.recv_many(&mut together, WAITING).await > 0 {
        while let Err(error) = parts.ownership.validate(shard, term).await {
            if !matches!(error, NotValid::Unavailable(_)) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        for Told { license, pushes, origin } in together.drain(..) {
            let cause = Cause { origin: origin.as_ref(), ..Cause::default() };
            parts.delivery.deliver(&license, &pushes, cause);
        }
    }
}

fn groups(license: &License, changes: &[GroupStatusChange]) -> Push {
    let known = || changes.iter().filter(|change| license.has_group(change.group));
    let for_agents = known().filter_map(|change| Some((change.group, change.for_agents?))).collect();
    let for_customers = known().filter_map(|change| Some((change.group, change.for_customers?))).collect();
    Push { body: PushBody::GroupsStatusUpdated { for_agents, for_customers }, to: Audience::everybody() }
}

/// For agents there is one push for chats of the same groups.
fn queue(changes: Vec<QueueChange>, views: &HashMap<ChatId, RoutingView>) -> Vec<Push> {
    let mut pushes = Vec::new();
    let mut by_groups: HashMap<Vec<GroupId>, Vec<_>> = HashMap::new();
    for change in changes {
        let Some(view) = views.get(&change.chat) else { continue };
        let Some(thread) = &view.thread else { continue };
        let place = place(change.place);
        if let Some(customer) = &view.customer {
            pushes.push(Push {
                body: PushBody::QueuePositionUpdated {
                    chat: change.chat.clone(),
                    thread: thread.clone(),
                    place,
                },
                to: Audience { customers: vec![customer.clone()], ..Audience::default() },
            });
        }
        by_groups.entry(view.groups.clone()).or_default().push((change.chat, thread.clone(), place));
    }
    for (groups, places) in by_groups {
        pushes.push(Push {
            body: PushBody::QueuePositionsUpdated(places),
            to: Audience { groups, ..Audience::default() },
        });
    }
    pushes
}
