//! Between the words of chats and the words of the routing rules.

use std::collections::HashSet;

use crate::actors::ChatKey;
use crate::config::RoutingRules;
use crate::domain::chat::RoutingView;
use crate::domain::command::{
    AssignAgent, Command, LeaveCause, Route, RouteRequest, TransferTo, UnassignAgent,
};
use crate::domain::id::{ChatId, GroupId};
use crate::domain::license::{Agent, AgentKind, License, OfflineStart, Priority};
use crate::domain::push;
use crate::domain::routing::{
    self, AgentRouting, Cause, ChatRequest, ChatState, Decision, DecisionId, Effect, LeaveReason, Refusal,
    RouterSettings, TransferTarget,
};

/// The license's rules as the router takes them.
pub(super) fn settings(license: &License, rules: &RoutingRules) -> RouterSettings {
    RouterSettings {
        manual: rules.manual,
        prefer_recent_agent: rules.prefer_recent_agent,
        queue_enabled: rules.queue_enabled,
        queue_limit: Some(rules.queue_limit),
        queue_reopen_threshold: rules.reopen_threshold,
        concurrent_chats: rules.concurrent_chats.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
        offline_start: match rules.offline_start {
            OfflineStart::Queue => routing::OfflineStart::Queue,
            OfflineStart::Refuse => routing::OfflineStart::Refuse,
        },
        agent_disconnect_grace: rules.disconnect_grace,
        startup_grace: rules.restart_grace,
        limit_queue: rules.queue_plan,
        limit_queue_continuous: rules.queue_continuous,
        max_agent_active_chats: rules.max_agent_active_chats,
        groups: license.groups.iter().map(|(id, group)| (*id, group.routing)).collect(),
    }
}

/// An agent of the license as the router takes them.
pub(super) fn agent(agent: &Agent, rules: &RoutingRules, on_duty: bool) -> AgentRouting {
    AgentRouting {
        kind: match agent.kind {
            AgentKind::Human => routing::AgentKind::Human,
            AgentKind::Bot => routing::AgentKind::Bot,
        },
        groups: agent.groups.iter().map(|(group, priority)| (*group, class(*priority))).collect(),
        max_chats: agent.max_chats_count.unwrap_or(rules.max_chats_count).min(rules.max_chats_ceiling),
        suspended: agent.suspended,
        awaiting_approval: agent.awaiting_approval,
        on_duty,
        ..AgentRouting::human(agent.id.clone())
    }
}

fn class(priority: Priority) -> routing::Priority {
    match priority {
        Priority::First => routing::Priority::First,
        Priority::Normal => routing::Priority::Normal,
        Priority::Last => routing::Priority::Last,
        Priority::Supervisor => routing::Priority::Supervisor,
    }
}

/// A chat's report. One that is open to removed groups alone is for any agent, as its next thread would be.
pub(super) fn state(
    chat: ChatId,
    version: u64,
    settled: DecisionId,
    view: &RoutingView,
    removed: &HashSet<GroupId>,
) -> ChatState {
    ChatState {
        settled,
        active: view.active,
        groups: view.groups.iter().copied().filter(|group| !removed.contains(group)).collect(),
        members: view.agents.clone(),
        queued_since: view.queued_at,
        idle: view.idle,
        has_customer: view.customer.is_some(),
        continuous: view.continuous,
        ignore_agents_routing: view.ignore_agents_routing,
        ignore_bots: view.ignore_bots,
        ..ChatState::new(chat, version)
    }
}

/// What a chat asks: for somebody for a new thread, or for another for the active one.
pub(super) enum Asked {
    Start(ChatRequest),
    Transfer { target: TransferTarget, ignore_availability: bool },
}

pub(super) fn asked(chat: &ChatId, version: u64, settled: DecisionId, request: RouteRequest) -> Asked {
    match request {
        RouteRequest::Open {
            groups,
            recent_agent,
            continuous,
            by_agent,
            has_customer,
            ignore_agents_routing,
            ignore_bots,
        } => Asked::Start(ChatRequest {
            version,
            settled,
            groups,
            recent_agent,
            continuous,
            ignore_agents_routing,
            ignore_bots,
            by_agent,
            has_customer,
            chat: chat.clone(),
        }),
        RouteRequest::Transfer { to, ignore_availability, .. } => Asked::Transfer {
            target: match to {
                TransferTo::Groups(groups) => TransferTarget::Groups(groups),
                TransferTo::Agents(agents) => TransferTarget::Agents(agents),
                TransferTo::Anybody => TransferTarget::Anyone,
            },
            ignore_availability,
        },
    }
}

/// The router's word for the chat that asked.
pub(super) fn route(decision: Decision) -> Route {
    match decision {
        Decision::Assign(agent) => Route::Assign(agent),
        Decision::Queue(place) => Route::Queue(Some(self::place(place))),
        Decision::Unrouted => Route::Unrouted,
        Decision::Refuse(Refusal::AgentOffline | Refusal::NoAccess) => Route::AgentOffline,
        Decision::Refuse(Refusal::LicenseLimit) => Route::LicenseFull,
        Decision::Refuse(_) => Route::GroupsOffline,
    }
}

/// A place in the queue as chats show it.
pub(super) fn place(place: routing::QueuePlace) -> push::QueuePlace {
    push::QueuePlace {
        position: place.position,
        wait_time: u64::from(place.wait_time),
        queued_at: Some(place.queued_at),
    }
}

/// What an effect asks of a chat: the chat, the command (none: only to settle), the decision. Records ask nothing.
pub(super) fn order(license: &License, effect: Effect) -> Option<(ChatKey, Option<Command>, DecisionId)> {
    let key = |chat| ChatKey { license: license.id, chat };
    Some(match effect {
        Effect::Assign { chat, agent, replaces, decision, cause, .. } => {
            let command = AssignAgent { agent, replaces, cause: leave_cause(cause) };
            (key(chat), Some(Command::AssignAgent(command)), decision)
        }
        Effect::Queue { chat, replaces, decision, cause, place } => {
            let cause = leave_cause(cause).unwrap_or(LeaveCause::Other);
            let place = Some(self::place(place));
            let command = UnassignAgent { agents: replaces, cause, archive: false, place };
            (key(chat), Some(Command::UnassignAgent(command)), decision)
        }
        Effect::Archive { chat, replaces, decision, cause } => {
            let cause = leave_cause(cause).unwrap_or(LeaveCause::Other);
            let command = UnassignAgent { agents: replaces, cause, archive: true, place: None };
            (key(chat), Some(Command::UnassignAgent(command)), decision)
        }
        Effect::AskChat { chat, decision } => (key(chat), None, decision),
        Effect::Decided(_) => return None,
    })
}

fn leave_cause(cause: Cause) -> Option<LeaveCause> {
    match cause {
        Cause::Started | Cause::SlotFreed | Cause::Transferred | Cause::ByHand => None,
        Cause::Inactive => Some(LeaveCause::Inactive),
        Cause::NobodyOnline => Some(LeaveCause::Offline),
        Cause::AgentLeft(reason) => Some(match reason {
            LeaveReason::SignedOut => LeaveCause::SignedOut,
            LeaveReason::RemotelySignedOut => LeaveCause::RemotelySignedOut,
            LeaveReason::Disconnected => LeaveCause::Disconnected,
            LeaveReason::Deleted => LeaveCause::Deleted,
            LeaveReason::Suspended | LeaveReason::Other => LeaveCause::Other,
        }),
    }
}
