//! What a router tells: statuses of agents and groups, positions in the queue. Those of groups and positions are coalesced.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::delivery::Cause;
use super::super::{Actors, Origin};
use super::translate::place;
use crate::domain::chat::RoutingView;
use crate::domain::id::{AgentId, ChatId, GroupId};
use crate::domain::license::License;
use crate::domain::push::{Audience, Push, PushBody};
use crate::domain::routing::{GroupStatusChange, QueueChange};

/// Tells every agent of the license.
pub(super) fn status(
    actors: &Actors,
    license: &Arc<License>,
    agent: &AgentId,
    status: &'static str,
    origin: Option<&Origin>,
) {
    let push = Push {
        body: PushBody::RoutingStatusSet { agent: agent.clone(), status },
        to: Audience::all_agents(),
    };
    actors.parts.delivery.deliver(license, &[push], Cause { origin, ..Cause::default() });
}

/// Tells agents and customers which groups have another status now, each in the words of their side.
pub(super) fn groups(actors: &Actors, license: &Arc<License>, changes: &[GroupStatusChange]) {
    let known = || changes.iter().filter(|change| license.has_group(change.group));
    let for_agents = known().filter_map(|change| Some((change.group, change.for_agents?))).collect();
    let for_customers = known().filter_map(|change| Some((change.group, change.for_customers?))).collect();
    let push =
        Push { body: PushBody::GroupsStatusUpdated { for_agents, for_customers }, to: Audience::everybody() };
    actors.parts.delivery.deliver(license, &[push], Cause::default());
}

/// Tells each waiting customer their own place, and agents the places of all chats that they can see: one push for
/// chats of the same groups.
pub(super) fn queue(
    actors: &Actors,
    license: &Arc<License>,
    changes: Vec<QueueChange>,
    views: &HashMap<ChatId, RoutingView>,
) {
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
    actors.parts.delivery.deliver(license, &pushes, Cause::default());
}
